// SPDX-License-Identifier: GPL-2.0-only
// A rank's atoms as the engine sees them.
#ifndef ATOMSMITH_LOCAL_ATOMS_H
#define ATOMSMITH_LOCAL_ATOMS_H

#include <memory>
#include <vector>

#include "../engine/evaluate.hpp"

namespace LAMMPS_NS {

class NeighList;

// Atoms of mapped types, local ones (whose energies are wanted) before ghosts. They are numbered anew only
// where a type is mapped to NULL; otherwise LAMMPS's own arrays are used.
class LocalAtoms {
public:
    // `map` gives the species of a type, or -1.
    void build(std::shared_ptr<const atomsmith::Model> model, const NeighList& list, const int* type,
               const std::vector<int>& map, int nlocal, int nall, int threads,
               atomsmith::Precision precision);

    // Whether the atoms are those of the last `build`, by number and type; fixes change types between builds.
    bool same(const int* type, const std::vector<int>& map, int nlocal, int nall) const;

    // Positions in the engine's numbering.
    const double* positions(const double* x);

    atomsmith::Batch& batch() { return *batch_; }
    bool empty() const { return n_centres_ == 0; }
    int size() const { return static_cast<int>(species_.size()); }
    int n_centres() const { return n_centres_; }
    // LAMMPS's index of an atom.
    int index(int k) const { return number_.empty() ? k : index_[k]; }
    double memory_usage() const;

private:
    int renumber(const int* type, const std::vector<int>& map, int nlocal, int nall);
    void copy_neighbours(const NeighList& list);

    std::unique_ptr<atomsmith::Batch> batch_;
    std::vector<int> index_, number_; // engine -> LAMMPS and back; empty where they are the same
    std::vector<std::int32_t> species_, system_, neighbour_;
    std::vector<std::int64_t> first_;
    std::vector<double> positions_;
    int n_centres_ = 0, nlocal_ = 0, nall_ = 0;
};

} // namespace LAMMPS_NS

#endif
