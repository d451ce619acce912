#include "batch.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>

namespace atomsmith {

namespace {

constexpr int kBlocksPerChunk = 8;

void make_blocks(const BatchView& batch, int n_species, int lanes, BatchLayout& layout) {
    std::vector<std::vector<std::int32_t>> by_species(n_species);
    int atom = 0;
    for (int s = 0; s < batch.n_systems; ++s) {
        for (auto& list : by_species) list.clear();
        for (; atom < batch.n_centres && batch.system[atom] == s; ++atom)
            by_species[batch.species[atom]].push_back(atom);
        int begin = layout.n_blocks;
        for (const auto& list : by_species)
            for (std::size_t at = 0; at < list.size(); at += lanes) {
                for (int k = 0; k < lanes; ++k)
                    layout.blocks.push_back(at + k < list.size() ? list[at + k] : -1);
                ++layout.n_blocks;
            }
        for (; begin < layout.n_blocks; begin += kBlocksPerChunk)
            layout.chunks.push_back({s, begin, std::min(begin + kBlocksPerChunk, layout.n_blocks)});
    }
    if (atom != batch.n_centres) throw std::invalid_argument("engine batch: atoms are not ordered by system");
}

} // namespace

BatchLayout make_layout(const BatchView& batch, int n_species, int lanes) {
    BatchLayout layout;
    layout.lanes = lanes;
    for (int i = 0; i < batch.n_atoms; ++i)
        if (batch.species[i] < 0 || batch.species[i] >= n_species)
            throw std::invalid_argument("engine batch: atom " + std::to_string(i) +
                                        " has no species of the model");
    for (int i = 0; i < batch.n_centres; ++i)
        if (batch.first[i] < 0 || batch.first[i + 1] < batch.first[i])
            throw std::invalid_argument("engine batch: the offsets of the neighbours do not rise");
    make_blocks(batch, n_species, lanes, layout);
    const std::int64_t pairs = batch.first[batch.n_centres];
    if (pairs > std::numeric_limits<std::uint32_t>::max())
        throw std::invalid_argument("engine batch: more than 2^32 neighbour pairs; use smaller batches");
    layout.incoming_first.assign(batch.n_atoms + 1, 0);
    for (std::int64_t p = 0; p < pairs; ++p) {
        if (batch.neighbour[p] < 0 || batch.neighbour[p] >= batch.n_atoms)
            throw std::invalid_argument("engine batch: a neighbour index is out of range");
        ++layout.incoming_first[batch.neighbour[p] + 1];
    }
    for (int i = 0; i < batch.n_atoms; ++i) layout.incoming_first[i + 1] += layout.incoming_first[i];
    layout.incoming.resize(pairs);
    std::vector<std::int64_t> next(layout.incoming_first.begin(), layout.incoming_first.end() - 1);
    for (std::int64_t p = 0; p < pairs; ++p)
        layout.incoming[next[batch.neighbour[p]]++] = static_cast<std::uint32_t>(p);
    for (int i = 0; i < batch.n_centres; ++i)
        layout.max_neighbours =
            std::max(layout.max_neighbours, static_cast<int>(batch.first[i + 1] - batch.first[i]));
    return layout;
}

} // namespace atomsmith
