// Scratch memory of the triplet kernels of one lane.
#pragma once

#include <cstddef>
#include <cstdint>

#include "simd.hpp"
#include "three_body_plan.hpp"

namespace atomsmith::ATOMSMITH_ISA {

inline constexpr int kTripletVectors = 16; // in a tile
inline constexpr int kTriplets = kTripletVectors * kLanes;

// The neighbours within a kernel's cutoff, packed species by species, and what is gathered for their
// gradients: dE/d(d) = pull * d + (gx, gy, gz).
struct NearList {
    int n = 0;
    std::int32_t* first = nullptr; // [species + 1]
    unsigned* bits = nullptr;      // per vector of the lane: those that are in the list
    double *x = nullptr, *y = nullptr, *z = nullptr, *r = nullptr, *inverse = nullptr;
    double *fade = nullptr, *slope = nullptr; // f, f'
    double *pull = nullptr, *gx = nullptr, *gy = nullptr, *gz = nullptr;
};

// Neighbours k of the list from `k` on that form triplets with neighbour j.
struct TripletRow {
    std::int32_t j, k, count;
};

struct ThreeBodyWorkspace {
    NearList list;
    int n = 0, n_rows = 0; // triplets and rows of the tile
    TripletRow* rows = nullptr;
    // Per triplet: r_ij, r_ik, r_jk^2 and the scaled q that follow; 1 / r_jk; f(r_ij) f(r_ik).
    double *r[3] = {}, *q[3] = {}, *over = nullptr, *fade = nullptr;
    // Where permutations are normalised: one over the root of their sum, and the slopes of its logarithm.
    double *norm = nullptr, *norm_slope[3] = {};
    // Sum over points, and its slopes by r_ij, r_ik and r_jk; the last over r_jk.
    double *value = nullptr, *by[3] = {};
};

template <class Arena>
static inline ThreeBodyWorkspace lay_out_three_body(int n_species, int stride, Arena& arena) {
    ThreeBodyWorkspace w;
    NearList& list = w.list;
    list.first = arena.template take<std::int32_t>(n_species + 1);
    list.bits = arena.template take<unsigned>(stride);
    // Rows of the list are read, and lanes packed, as whole vectors.
    for (double** v : {&list.x, &list.y, &list.z, &list.r, &list.inverse, &list.fade, &list.slope, &list.pull,
                       &list.gx, &list.gy, &list.gz})
        *v = arena.template take<double>(static_cast<std::size_t>(stride + 1) * kLanes);
    w.rows = arena.template take<TripletRow>(kTriplets);
    for (double** v :
         {&w.r[0], &w.r[1], &w.r[2], &w.q[0], &w.q[1], &w.q[2], &w.over, &w.fade, &w.norm, &w.norm_slope[0],
          &w.norm_slope[1], &w.norm_slope[2], &w.value, &w.by[0], &w.by[1], &w.by[2]})
        *v = arena.template take<double>(kTriplets + kLanes);
    return w;
}

} // namespace atomsmith::ATOMSMITH_ISA
