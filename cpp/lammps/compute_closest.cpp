// SPDX-License-Identifier: GPL-2.0-only
#include "compute_closest.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "atom.h"
#include "compatibility.h"
#include "force.h"
#include "neigh_list.h"
#include "pair_atomsmith.h"
#include "update.h"
#include "utils.h"

using namespace LAMMPS_NS;

namespace {
constexpr double kNone = 1e20;
}

ComputeClosest::ComputeClosest(LAMMPS* lmp, int narg, char** arg) : Compute(lmp, narg, arg) {
    const int types = atom->ntypes, stride = types + 1;
    if (narg < 6 || narg % 3 != 0)
        stop_all(error, FLERR,
                 "compute atomsmith/closest needs two atom types and a distance, once or several times");
    limit_.assign(static_cast<std::size_t>(stride) * stride, 0.0);
    const auto range = [&](const std::string& word) {
        if (word == "*") return std::pair(1, types);
        const int type = utils::inumeric(FLERR, word.c_str(), false, lmp);
        if (type < 1 || type > types)
            stop_all(error, FLERR,
                     "compute atomsmith/closest: there is no atom type " + word + ", the last one is " +
                         std::to_string(types));
        return std::pair(type, type);
    };
    for (int k = 3; k < narg; k += 3) {
        const auto [i_first, i_last] = range(arg[k]);
        const auto [j_first, j_last] = range(arg[k + 1]);
        const double distance = utils::numeric(FLERR, arg[k + 2], false, lmp);
        if (!(distance >= 0.0)) stop_all(error, FLERR, "compute atomsmith/closest: a distance is negative");
        for (int i = i_first; i <= i_last; ++i)
            for (int j = j_first; j <= j_last; ++j)
                limit_[i * stride + j] = limit_[j * stride + i] = distance;
    }
    scalar_flag = timeflag = 1;
    extscalar = 0;
}

void ComputeClosest::init() {
    pair_ = dynamic_cast<PairAtomsmith*>(force->pair_match("atomsmith", 1));
    if (!pair_) stop_all(error, FLERR, "compute atomsmith/closest needs one pair_style atomsmith");
    const double largest = *std::max_element(limit_.begin(), limit_.end());
    if (largest > pair_->cutoff())
        stop_all(error, FLERR,
                 "compute atomsmith/closest: " + std::to_string(largest) +
                     " angstrom are more than the cutoff of the atomsmith potential, " +
                     std::to_string(pair_->cutoff()) + ", up to which neighbors are known");
}

double ComputeClosest::compute_scalar() {
    invoked_scalar = update->ntimestep;
    const NeighList& list = *pair_->list;
    const int stride = atom->ntypes + 1;
    double smallest = kNone; // of the squares of r / R
    for (int k = 0; k < list.inum; ++k) {
        const int i = list.ilist[k];
        if (!(atom->mask[i] & groupbit)) continue;
        const double* limit = limit_.data() + static_cast<std::size_t>(stride) * atom->type[i];
        for (int at = 0; at < list.numneigh[i]; ++at) {
            const int j = list.firstneigh[i][at] & NEIGHMASK;
            const double allowed = limit[atom->type[j]];
            if (allowed == 0.0 || !(atom->mask[j] & groupbit)) continue;
            double square = 0.0;
            for (int d = 0; d < 3; ++d) square += std::pow(atom->x[j][d] - atom->x[i][d], 2);
            smallest = std::min(smallest, square / (allowed * allowed));
        }
    }
    double all = kNone;
    MPI_Allreduce(&smallest, &all, 1, MPI_DOUBLE, MPI_MIN, world);
    scalar = all < kNone ? std::sqrt(all) : kNone;
    return scalar;
}
