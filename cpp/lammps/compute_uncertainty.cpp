// SPDX-License-Identifier: GPL-2.0-only
#include "compute_uncertainty.h"

#include <cmath>
#include <cstring>
#include <string>

#include "atom.h"
#include "compatibility.h"
#include "force.h"
#include "memory.h"
#include "pair_atomsmith.h"
#include "update.h"
#include "utils.h"

using namespace LAMMPS_NS;

ComputeUncertainty::ComputeUncertainty(LAMMPS* lmp, int narg, char** arg) : Compute(lmp, narg, arg) {
    for (int k = 3; k < narg; k += 2) {
        double* value = std::strcmp(arg[k], "eps") == 0     ? &epsilon_
                        : std::strcmp(arg[k], "scale") == 0 ? &scale_
                                                            : nullptr;
        if (!value || k + 1 == narg)
            stop_all(
                error, FLERR,
                "compute atomsmith/uncertainty takes no arguments but eps and its value in eV/angstrom, and "
                "scale and its value");
        *value = utils::numeric(FLERR, arg[k + 1], false, lmp);
        if (!(*value > 0.0))
            stop_all(error, FLERR,
                     std::string(arg[k]) + " of compute atomsmith/uncertainty must be positive");
    }
    scalar_flag = vector_flag = peratom_flag = timeflag = 1;
    size_vector = 4;
    size_peratom_cols = 0;
    extscalar = extvector = 0;
    vector = new double[4]{};
}

ComputeUncertainty::~ComputeUncertainty() {
    delete[] vector;
    memory->destroy(vector_atom);
}

void ComputeUncertainty::init() {
    pair_ = dynamic_cast<PairAtomsmith*>(force->pair_match("atomsmith", 1));
    if (!pair_) stop_all(error, FLERR, "compute atomsmith/uncertainty needs one pair_style atomsmith");
    if (pair_->n_members() == 0)
        stop_all(error, FLERR,
                 "compute atomsmith/uncertainty needs a potential with a committee; fit it with "
                 "committee: 8");
}

void ComputeUncertainty::compute_peratom() {
    invoked_peratom = update->ntimestep;
    pair_->committee(energies_, forces_);
    n_sets_ = energies_.size();
    n_all_ = forces_.size() / (3 * n_sets_);
    if (atom->nmax > max_atoms_) {
        memory->destroy(vector_atom);
        max_atoms_ = atom->nmax;
        memory->create(vector_atom, max_atoms_, "atomsmith/uncertainty:vector_atom");
    }
    for (int i = 0; i < atom->nlocal; ++i) {
        vector_atom[i] = 0.0;
        if (!(atom->mask[i] & groupbit)) continue;
        const double* mean = forces_.data() + 3 * static_cast<std::size_t>(i);
        double deviation = 0.0;
        for (std::size_t set = 1; set < n_sets_; ++set) {
            const double* member = mean + 3 * set * n_all_;
            deviation += std::hypot(member[0] - mean[0], member[1] - mean[1], member[2] - mean[2]);
        }
        vector_atom[i] = scale_ * deviation / static_cast<double>(n_sets_ - 1) /
                         (std::hypot(mean[0], mean[1], mean[2]) + epsilon_);
    }
}

void ComputeUncertainty::compute_vector() {
    invoked_vector = update->ntimestep;
    if (invoked_peratom != update->ntimestep) compute_peratom();
    double largest = 0.0, mine[2] = {0.0, 0.0}, all[2];
    for (int i = 0; i < atom->nlocal; ++i)
        if (atom->mask[i] & groupbit) {
            largest = std::fmax(largest, vector_atom[i]);
            mine[0] += vector_atom[i];
            mine[1] += 1.0;
        }
    std::vector<double> total(n_sets_);
    MPI_Allreduce(energies_.data(), total.data(), static_cast<int>(n_sets_), MPI_DOUBLE, MPI_SUM, world);
    MPI_Allreduce(&largest, &vector[1], 1, MPI_DOUBLE, MPI_MAX, world);
    MPI_Allreduce(mine, all, 2, MPI_DOUBLE, MPI_SUM, world);
    double square = 0.0;
    for (std::size_t set = 1; set < n_sets_; ++set) square += std::pow(total[set] - total[0], 2);
    vector[0] = std::sqrt(square / static_cast<double>(n_sets_ - 1));
    vector[2] = all[1] > 0.0 ? all[0] / all[1] : 0.0;
    // A shift of all f_i changes no share, so they are taken about the largest.
    double shares = 0.0, all_shares = 0.0;
    for (int i = 0; i < atom->nlocal; ++i)
        if (atom->mask[i] & groupbit) shares += std::exp(vector_atom[i] - vector[1]);
    MPI_Allreduce(&shares, &all_shares, 1, MPI_DOUBLE, MPI_SUM, world);
    vector[3] = all_shares > 0.0 ? 1.0 / all_shares : 0.0;
}

double ComputeUncertainty::compute_scalar() {
    invoked_scalar = update->ntimestep;
    if (invoked_vector != update->ntimestep) compute_vector();
    scalar = vector[1];
    return scalar;
}

double ComputeUncertainty::memory_usage() {
    return static_cast<double>((forces_.capacity() + max_atoms_) * sizeof(double));
}
