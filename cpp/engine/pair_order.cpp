#include "pair_order.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <tuple>

namespace atomsmith {

namespace {

std::int16_t narrow(std::int64_t cells) {
    if (cells > std::numeric_limits<std::int16_t>::max() || cells < -std::numeric_limits<std::int16_t>::max())
        throw std::overflow_error("engine: a neighbour is too many cells away");
    return static_cast<std::int16_t>(cells);
}

// Counts, shifted by one, become where each bucket begins.
void accumulate(std::vector<std::int64_t>& counts) {
    for (std::size_t k = 1; k < counts.size(); ++k) counts[k] += counts[k - 1];
}

} // namespace

PairOrder::PairOrder(const LocalAtoms& atoms, std::size_t n_pairs, const std::uint64_t* pairs,
                     const std::int32_t* shifts) {
    std::vector<std::int32_t> row(atoms.n);
    std::int32_t n_rows = 0;
    for (std::size_t i = 0; i < atoms.n; ++i) row[i] = atoms.own[i] ? n_rows++ : -1;

    std::vector<std::int64_t> by_neighbour(atoms.n + 1, 0);
    first_.assign(static_cast<std::size_t>(n_rows) + 1, 0);
    for (std::size_t p = 0; p < n_pairs; ++p)
        for (int side = 0; side < 2; ++side) {
            const std::uint64_t i = pairs[2 * p + side], j = pairs[2 * p + 1 - side];
            if (!atoms.own[i]) continue;
            ++by_neighbour[j + 1];
            ++first_[row[i] + 1];
        }
    accumulate(by_neighbour);
    accumulate(first_);

    // Bucket by neighbour: here an entry's atom is the row that it belongs to.
    std::vector<Entry> transposed(static_cast<std::size_t>(first_.back()));
    std::vector<std::int64_t> next(by_neighbour.begin(), by_neighbour.end() - 1);
    for (std::size_t p = 0; p < n_pairs; ++p)
        for (int side = 0; side < 2; ++side) {
            const std::uint64_t i = pairs[2 * p + side], j = pairs[2 * p + 1 - side];
            if (!atoms.own[i]) continue;
            Entry& entry = transposed[next[j]++];
            entry.atom = row[i];
            for (int k = 0; k < 3; ++k) {
                const std::int64_t found = side == 0 ? shifts[3 * p + k] : -std::int64_t{shifts[3 * p + k]};
                entry.shift[k] = narrow(found + atoms.cell[3 * j + k] - atoms.cell[3 * i + k]);
            }
        }

    // Emptied in the order of neighbours, the buckets fill rows whose entries rise.
    entries_.resize(transposed.size());
    next.assign(first_.begin(), first_.end() - 1);
    for (std::size_t j = 0; j < atoms.n; ++j)
        for (std::int64_t e = by_neighbour[j]; e < by_neighbour[j + 1]; ++e) {
            Entry& entry = entries_[next[transposed[e].atom]++];
            entry = transposed[e];
            entry.atom = static_cast<std::int32_t>(atoms.atom[j]);
        }

    // Images of one neighbour, of which there are few, are still in the order of the search.
    const auto before = [](const Entry& a, const Entry& b) {
        return std::tie(a.atom, a.shift[0], a.shift[1], a.shift[2]) <
               std::tie(b.atom, b.shift[0], b.shift[1], b.shift[2]);
    };
    for (std::size_t r = 0; r + 1 < first_.size(); ++r)
        for (std::int64_t e = first_[r] + 1; e < first_[r + 1]; ++e)
            for (std::int64_t k = e; k > first_[r] && before(entries_[k], entries_[k - 1]); --k)
                std::swap(entries_[k], entries_[k - 1]);
}

void PairOrder::write(const std::int64_t* start, std::int32_t* neighbour, std::int16_t* shift) const {
    for (std::size_t r = 0; r + 1 < first_.size(); ++r) {
        std::int64_t to = start[r];
        for (std::int64_t e = first_[r]; e < first_[r + 1]; ++e, ++to) {
            neighbour[to] = entries_[e].atom;
            std::copy(entries_[e].shift, entries_[e].shift + 3, shift + 3 * to);
        }
    }
}

} // namespace atomsmith
