// Pairs as a search finds them, each once and in any order, brought into the order of a neighbour list.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace atomsmith {

// Local atoms of a search: the atom of the system that each is an image of (rising), the cell that the image
// lies in, and whether its neighbours are wanted.
struct LocalAtoms {
    std::size_t n;
    const std::int64_t* atom;
    const std::int64_t* cell; // [n][3]
    const bool* own;
};

// Rows of own atoms; entries rise by atom of the neighbour, then by cell, so that sums over them are the same
// however the pairs were found. Two passes of a counting sort: time and memory are linear in the pairs.
class PairOrder {
public:
    // pairs [n_pairs][2] of local atoms, shifts [n_pairs][3] from the first to the second in cells of the
    // search. Throws std::overflow_error if a neighbour is more cells away than 16 bits hold.
    PairOrder(const LocalAtoms& atoms, std::size_t n_pairs, const std::uint64_t* pairs,
              const std::int32_t* shifts);

    std::size_t n_rows() const { return first_.size() - 1; }
    std::size_t n_entries(std::size_t row) const { return first_[row + 1] - first_[row]; }
    // Row r goes to neighbour[start[r]...] and shift[start[r]...][3].
    void write(const std::int64_t* start, std::int32_t* neighbour, std::int16_t* shift) const;

private:
    struct Entry {
        std::int32_t atom;
        std::int16_t shift[3];
    };

    std::vector<std::int64_t> first_; // of a row
    std::vector<Entry> entries_;
};

} // namespace atomsmith
