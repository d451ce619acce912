// Scratch memory of the symmetry functions of one lane.
#pragma once

#include <cstddef>

#include "simd.hpp"
#include "symmetry_plan.hpp"

namespace atomsmith::ATOMSMITH_ISA {

inline constexpr int kQuad = 4;      // vectors of triplets that the innermost loops work on at a time
inline constexpr int kTileSize = 16; // vectors of triplets in a tile; kQuad divides it
inline constexpr int kTileTriplets = kTileSize * kLanes;

// Neighbours of one species (or all) within one cutoff, packed; and what is gathered for their gradients:
// dE/d(d) = pull * d + (gx, gy, gz).
struct NeighbourList {
    int n = 0, n_vectors = 0;
    unsigned* bits = nullptr; // per vector of the lane: those that are in the list
    Vec *x = nullptr, *y = nullptr, *z = nullptr, *r = nullptr, *square = nullptr, *inverse = nullptr;
    Vec *fade = nullptr, *slope = nullptr; // f, f'/r; times the weight where all species are meant
    Vec *pull = nullptr, *gx = nullptr, *gy = nullptr, *gz = nullptr;
};

// A vector of second neighbours of neighbour j, and which of its lanes are in the tile.
struct TileRow {
    std::int32_t j, vector;
    unsigned bits;
};

struct TripletTile {
    int n = 0, n_rows = 0;
    TileRow* rows = nullptr;
    // Per triplet: cos(angle), r_jk^2, r_ij^2 + r_ik^2, r_ij + r_ik, product of the fades of j and k.
    double *cosine = nullptr, *far = nullptr, *near = nullptr, *sum = nullptr, *fade = nullptr;
    Vec *far_fade = nullptr, *far_slope = nullptr; // of r_jk
    Vec* far_r = nullptr;
    Vec *gaussian = nullptr, *power = nullptr, *over = nullptr; // [slot][vector]; lambda / y
    // Derivatives of the energy, see `tile_slopes`.
    double *by_cosine = nullptr, *by_far = nullptr, *by_all = nullptr, *by_fade = nullptr, *by_sum = nullptr;
};

struct SymmetryWorkspace {
    NeighbourList* lists = nullptr;
    TripletTile tile;
    Vec* sums = nullptr;                              // [gaussian][power] of a group
    double *slopes = nullptr, *zeta_slopes = nullptr; // dE/d(sum), and times zeta
    Vec* rows = nullptr;                              // [j][4]: pull, gx, gy, gz of the first neighbours
};

// The next multiple of the lanes.
ATOMSMITH_INLINE int whole_vectors(int n) { return (n + kLanes - 1) / kLanes * kLanes; }

template <class Arena>
static inline SymmetryWorkspace lay_out_symmetry(const Symmetry& f, int stride, Arena& arena) {
    SymmetryWorkspace w;
    w.lists = arena.template take<NeighbourList>(f.most_lists);
    for (int k = 0; k < f.most_lists; ++k) {
        NeighbourList list;
        list.bits = arena.template take<unsigned>(stride);
        for (Vec** v : {&list.x, &list.y, &list.z, &list.r, &list.square, &list.inverse, &list.fade,
                        &list.slope, &list.pull, &list.gx, &list.gy, &list.gz})
            *v = arena.template take<Vec>(stride + 1); // packing writes whole vectors
        if (w.lists) w.lists[k] = list;
    }
    TripletTile& tile = w.tile;
    tile.rows = arena.template take<TileRow>(kTileTriplets);
    for (double** v : {&tile.cosine, &tile.far, &tile.near, &tile.sum, &tile.fade, &tile.by_cosine,
                       &tile.by_far, &tile.by_all, &tile.by_fade, &tile.by_sum})
        *v = arena.template take<double>(kTileTriplets + kLanes);
    for (Vec** v : {&tile.far_fade, &tile.far_slope, &tile.far_r}) *v = arena.template take<Vec>(kTileSize);
    tile.gaussian = arena.template take<Vec>(static_cast<std::size_t>(kTileSize) * f.most_gaussian_slots);
    tile.power = arena.template take<Vec>(static_cast<std::size_t>(kTileSize) * f.most_power_slots);
    tile.over = arena.template take<Vec>(kTileSize * Symmetry::kMaxLambdas);
    const int sums = whole_vectors(f.most_sums > f.most_functions ? f.most_sums : f.most_functions);
    w.sums = arena.template take<Vec>(sums);
    w.slopes = arena.template take<double>(sums);
    w.zeta_slopes = arena.template take<double>(sums);
    w.rows = arena.template take<Vec>(static_cast<std::size_t>(4) * stride * kLanes);
    return w;
}

} // namespace atomsmith::ATOMSMITH_ISA
