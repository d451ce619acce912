// SPDX-License-Identifier: GPL-2.0-only
#include "local_atoms.h"

#include "neigh_list.h"

using namespace LAMMPS_NS;

namespace {
// No vector of a lattice: ghosts stand where they are.
constexpr double kNoCell[9] = {};
} // namespace

int LocalAtoms::renumber(const int* type, const std::vector<int>& map, int nlocal, int nall) {
    index_.clear();
    number_.clear();
    species_.clear();
    bool all = true;
    for (int i = 0; i < nall; ++i) all = all && map[type[i]] >= 0;
    if (!all) number_.assign(nall, -1);
    int centres = 0;
    for (int i = 0; i < nall; ++i) {
        const int species = map[type[i]];
        if (species < 0) continue;
        if (!all) {
            number_[i] = static_cast<int>(index_.size());
            index_.push_back(i);
        }
        species_.push_back(species);
        if (i < nlocal) ++centres;
    }
    return centres;
}

void LocalAtoms::copy_neighbours(const NeighList& list) {
    // Lists of `hybrid` skip atoms; these have no neighbours, and their types are mapped to NULL.
    std::vector<int> row(nlocal_, -1);
    for (int k = 0; k < list.inum; ++k) row[list.ilist[k]] = list.ilist[k];
    first_.assign(1, 0);
    neighbour_.clear();
    for (int k = 0; k < n_centres_; ++k) {
        const int i = row[index(k)];
        if (i >= 0)
            for (int at = 0; at < list.numneigh[i]; ++at) {
                const int j = list.firstneigh[i][at] & NEIGHMASK;
                const int number = number_.empty() ? j : number_[j];
                if (number >= 0) neighbour_.push_back(number);
            }
        first_.push_back(static_cast<std::int64_t>(neighbour_.size()));
    }
}

void LocalAtoms::build(std::shared_ptr<const atomsmith::Model> model, const NeighList& list, const int* type,
                       const std::vector<int>& map, int nlocal, int nall, int threads,
                       atomsmith::Precision precision) {
    batch_.reset();
    nlocal_ = nlocal;
    nall_ = nall;
    n_centres_ = renumber(type, map, nlocal, nall);
    system_.assign(species_.size(), 0);
    copy_neighbours(list);
    atomsmith::BatchView view;
    view.n_systems = 1;
    view.n_atoms = size();
    view.n_centres = n_centres_;
    view.species = species_.data();
    view.system = system_.data();
    view.first = first_.data();
    view.neighbour = neighbour_.data();
    batch_ = std::make_unique<atomsmith::Batch>(std::move(model), view, threads, precision);
    std::vector<std::int32_t>().swap(neighbour_);
}

bool LocalAtoms::same(const int* type, const std::vector<int>& map, int nlocal, int nall) const {
    if (!batch_ || nlocal != nlocal_ || nall != nall_) return false;
    for (int i = 0; i < nall; ++i) {
        const int number = number_.empty() ? i : number_[i];
        if (map[type[i]] != (number < 0 ? -1 : species_[number])) return false;
    }
    return true;
}

const double* LocalAtoms::positions(const double* x) {
    if (number_.empty()) {
        batch_->set_geometry(x, kNoCell);
        return x;
    }
    positions_.resize(3 * index_.size());
    for (std::size_t k = 0; k < index_.size(); ++k)
        for (int d = 0; d < 3; ++d) positions_[3 * k + d] = x[3 * static_cast<std::size_t>(index_[k]) + d];
    batch_->set_geometry(positions_.data(), kNoCell);
    return positions_.data();
}

double LocalAtoms::memory_usage() const {
    return static_cast<double>(
        (index_.capacity() + number_.capacity() + species_.capacity() + system_.capacity()) * sizeof(int) +
        first_.capacity() * sizeof(std::int64_t) + positions_.capacity() * sizeof(double));
}
