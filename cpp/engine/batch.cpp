#include "batch.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <tuple>

#include "parallel.hpp"

namespace atomsmith {

namespace {

constexpr std::int16_t kNoShift[3] = {};

void check(const BatchView& batch, int n_species) {
    for (int i = 0; i < batch.n_atoms; ++i)
        if (batch.species[i] < 0 || batch.species[i] >= n_species)
            throw std::invalid_argument("engine batch: atom " + std::to_string(i) +
                                        " has no species of the model");
    for (int i = 0; i < batch.n_centres; ++i) {
        if (batch.first[i] < 0 || batch.first[i + 1] < batch.first[i])
            throw std::invalid_argument("engine batch: the offsets of the neighbours do not rise");
    }
    const std::int64_t pairs = batch.first[batch.n_centres];
    for (std::int64_t p = 0; p < pairs; ++p)
        if (batch.neighbour[p] < 0 || batch.neighbour[p] >= batch.n_atoms)
            throw std::invalid_argument("engine batch: a neighbour index is out of range");
}

void make_blocks(const BatchView& batch, int n_species, int lanes, BatchLayout& layout) {
    const int blocks_per_chunk = std::max(kAtomsPerChunk / lanes, 1);
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
        for (; begin < layout.n_blocks; begin += blocks_per_chunk)
            layout.chunks.push_back({s, begin, std::min(begin + blocks_per_chunk, layout.n_blocks), 0, 0});
    }
    if (atom != batch.n_centres) throw std::invalid_argument("engine batch: atoms are not ordered by system");
}

// The different images of one chunk, numbered as they come.
class ImageSet {
public:
    void clear(std::size_t most) {
        std::size_t size = 64;
        while (size < 2 * most) size *= 2;
        table_.assign(size, -1);
        images.clear();
    }

    std::int32_t number(const Image& image) {
        std::uint64_t hash = static_cast<std::uint32_t>(image.atom);
        for (const std::int16_t s : image.shift)
            hash = (hash ^ static_cast<std::uint16_t>(s)) * 0x9e3779b97f4a7c15u;
        for (std::size_t at = hash >> 32;; ++at) {
            std::int32_t& entry = table_[at & (table_.size() - 1)];
            if (entry < 0) {
                entry = static_cast<std::int32_t>(images.size());
                images.push_back(image);
                return entry;
            }
            const Image& other = images[entry];
            if (other.atom == image.atom && other.shift[0] == image.shift[0] &&
                other.shift[1] == image.shift[1] && other.shift[2] == image.shift[2])
                return entry;
        }
    }

    // In the order of atoms and shifts, which does not depend on how far the list reaches; returns the new
    // number of every old one.
    const std::vector<std::int32_t>& sort() {
        const auto key = [](const Image& k) { return std::tie(k.atom, k.shift[0], k.shift[1], k.shift[2]); };
        order_.resize(images.size());
        std::iota(order_.begin(), order_.end(), 0);
        std::sort(order_.begin(), order_.end(),
                  [&](std::int32_t a, std::int32_t b) { return key(images[a]) < key(images[b]); });
        std::vector<Image> sorted(images.size());
        position_.resize(images.size());
        for (std::size_t k = 0; k < order_.size(); ++k) {
            sorted[k] = images[order_[k]];
            position_[order_[k]] = static_cast<std::int32_t>(k);
        }
        images.swap(sorted);
        return position_;
    }

    std::vector<Image> images;

private:
    std::vector<std::int32_t> order_, position_;
    std::vector<std::int32_t> table_;
};

// Images of the chunk's atoms and of their neighbours; which of them each atom and each pair is.
void number_images(const BatchView& batch, int n_species, BatchLayout& layout,
                   const BatchLayout::Chunk& chunk, ImageSet& set) {
    const std::size_t begin = static_cast<std::size_t>(chunk.begin) * layout.lanes,
                      end = static_cast<std::size_t>(chunk.end) * layout.lanes;
    std::size_t most = 0;
    for (std::size_t at = begin; at < end; ++at)
        if (const int i = layout.blocks[at]; i >= 0) most += 1 + batch.first[i + 1] - batch.first[i];
    set.clear(most);
    for (std::size_t at = begin; at < end; ++at)
        layout.own[at] = layout.blocks[at] >= 0 ? set.number({layout.blocks[at], {0, 0, 0}}) : -1;
    std::vector<std::int64_t> next(n_species + 1);
    for (std::size_t at = begin; at < end; ++at) {
        const int i = layout.blocks[at];
        if (i < 0) continue;
        std::fill(next.begin(), next.end(), 0);
        for (std::int64_t p = batch.first[i]; p < batch.first[i + 1]; ++p)
            ++next[batch.species[batch.neighbour[p]] + 1];
        next[0] = batch.first[i];
        for (int z = 0; z < n_species; ++z) next[z + 1] += next[z];
        for (std::int64_t p = batch.first[i]; p < batch.first[i + 1]; ++p) {
            const std::int32_t j = batch.neighbour[p];
            const std::int16_t* shift = batch.shift ? batch.shift + 3 * p : kNoShift;
            layout.pair_image[next[batch.species[j]]++] = set.number({j, {shift[0], shift[1], shift[2]}});
        }
    }
    const std::vector<std::int32_t>& position = set.sort();
    for (std::size_t at = begin; at < end; ++at) {
        const int i = layout.blocks[at];
        if (i < 0) continue;
        layout.own[at] = position[layout.own[at]];
        for (std::int64_t p = batch.first[i]; p < batch.first[i + 1]; ++p)
            layout.pair_image[p] = position[layout.pair_image[p]];
    }
}

void collect_images(const BatchView& batch, int n_species, int n_threads, BatchLayout& layout) {
    const int n_chunks = static_cast<int>(layout.chunks.size());
    layout.own.resize(layout.blocks.size());
    layout.pair_image.resize(batch.first[batch.n_centres]);
    std::vector<std::vector<Image>> images(n_chunks);
    std::vector<ImageSet> sets(std::max(n_threads, 1));
    parallel_for(n_chunks, n_threads, [&](int chunk, int thread) {
        number_images(batch, n_species, layout, layout.chunks[chunk], sets[thread]);
        images[chunk] = sets[thread].images;
    });
    std::int64_t total = 0;
    for (int c = 0; c < n_chunks; ++c) {
        layout.chunks[c].first_image = total;
        layout.chunks[c].n_images = static_cast<std::int32_t>(images[c].size());
        layout.max_images = std::max(layout.max_images, layout.chunks[c].n_images);
        total += layout.chunks[c].n_images;
    }
    if (total > std::numeric_limits<std::uint32_t>::max())
        throw std::invalid_argument("engine batch: more than 2^32 images of atoms; use smaller batches");
    layout.images.reserve(total);
    for (auto& some : images) {
        layout.images.insert(layout.images.end(), some.begin(), some.end());
        std::vector<Image>().swap(some);
    }
}

} // namespace

BatchLayout make_layout(const BatchView& batch, int n_species, int lanes, int n_threads) {
    check(batch, n_species);
    BatchLayout layout;
    layout.lanes = lanes;
    make_blocks(batch, n_species, lanes, layout);
    collect_images(batch, n_species, n_threads, layout);
    layout.incoming_first.assign(batch.n_atoms + 1, 0);
    for (const Image& image : layout.images) ++layout.incoming_first[image.atom + 1];
    for (int i = 0; i < batch.n_atoms; ++i) layout.incoming_first[i + 1] += layout.incoming_first[i];
    layout.incoming.resize(layout.images.size());
    std::vector<std::int64_t> next(layout.incoming_first.begin(), layout.incoming_first.end() - 1);
    for (std::size_t k = 0; k < layout.images.size(); ++k)
        layout.incoming[next[layout.images[k].atom]++] = static_cast<std::uint32_t>(k);
    for (int i = 0; i < batch.n_centres; ++i)
        layout.max_neighbours =
            std::max(layout.max_neighbours, static_cast<int>(batch.first[i + 1] - batch.first[i]));
    return layout;
}

} // namespace atomsmith
