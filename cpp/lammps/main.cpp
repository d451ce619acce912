// SPDX-License-Identifier: GPL-2.0-only
// `lmp` with the styles of Atomsmith, for a LAMMPS without the PLUGIN package.
#include <cstdio>

#include "compute_closest.h"
#include "compute_uncertainty.h"
#include "force.h"
#include "input.h"
#include "lammps.h"
#include "modify.h"
#include "pair_atomsmith.h"

using namespace LAMMPS_NS;

namespace {

Pair* make_pair(LAMMPS* lmp) { return new PairAtomsmith(lmp); }

Compute* make_uncertainty(LAMMPS* lmp, int narg, char** arg) {
    return new ComputeUncertainty(lmp, narg, arg);
}

Compute* make_closest(LAMMPS* lmp, int narg, char** arg) { return new ComputeClosest(lmp, narg, arg); }

} // namespace

int main(int argc, char** argv) {
    MPI_Init(&argc, &argv);
    int status = 0;
    try {
        LAMMPS lammps(argc, argv, MPI_COMM_WORLD);
        (*lammps.force->pair_map)["atomsmith"] = &make_pair;
        (*lammps.modify->compute_map)["atomsmith/uncertainty"] = &make_uncertainty;
        (*lammps.modify->compute_map)["atomsmith/closest"] = &make_closest;
        lammps.input->file();
    } catch (...) { // LAMMPS has said what was wrong
        MPI_Abort(MPI_COMM_WORLD, 1);
        status = 1;
    }
    MPI_Finalize();
    return status;
}
