// Pairs of atoms closer than a cutoff, for systems with any cell and periodicity.
#pragma once

#include <cstdint>
#include <vector>

namespace atomsmith {

// Systems whose pairs are wanted. Where a direction is not periodic, its vector of the cell spans the atoms.
struct PairSearch {
    int n_systems = 0;
    const std::int64_t* first = nullptr; // [n_systems + 1]: atoms
    const double* positions = nullptr;   // [atoms][3], inside the cell or not
    const double* cells = nullptr;       // [n_systems][3][3]
    const bool* periodic = nullptr;      // [n_systems][3]
    double cutoff = 0.0;
};

// Pairs of atom i are [first[i], first[i + 1]), in the order of the neighbour j and then of the shift s; the
// vector to the neighbour is x_j + s cell - x_i.
struct PairList {
    std::vector<std::int64_t> first;
    std::vector<std::int32_t> neighbour;
    std::vector<std::int16_t> shift; // [pair][3]
};

// Throws std::overflow_error when an atom is too many cells away from a neighbour for a shift to say so, and
// std::invalid_argument when a cell is thinner than a thousandth of the cutoff.
PairList find_pairs(const PairSearch& search, int n_threads);

} // namespace atomsmith
