// The sparse kernel (B . B_s)^zeta of several vectors of atoms at once. Points stream from memory once, tile
// by tile, for all vectors; within a tile sums stay in registers.
//
// Features and slopes stand in pairs of vectors: [pair][padded feature][2].
#pragma once

#include "real_power.hpp"
#include "regressor_memory.hpp"

namespace atomsmith::ATOMSMITH_ISA {

inline constexpr int kFeaturesAtOnce = 128; // of a pair of vectors, in the first-level cache
inline constexpr int kRowsAtOnce = kLanes >= 8 ? 8 : 4;

// Adds sum_d panel[d][point] x[d][v] to `products` [point][v].
template <int kVectors>
ATOMSMITH_INLINE void panel_products(const double* panel, int n, const Vec* x, Vec* products) {
    for (int first = 0; first < kPanel; first += kRowsAtOnce, panel += kRowsAtOnce) {
        Vec sum[kRowsAtOnce][kVectors];
        Vec* to = products + first * kVectors;
        for (int r = 0; r < kRowsAtOnce; ++r)
            for (int v = 0; v < kVectors; ++v) sum[r][v] = to[r * kVectors + v];
        for (int d = 0; d < n; ++d)
            for (int r = 0; r < kRowsAtOnce; ++r)
                for (int v = 0; v < kVectors; ++v) sum[r][v] += panel[d * kPanel + r] * x[d * kVectors + v];
        for (int r = 0; r < kRowsAtOnce; ++r)
            for (int v = 0; v < kVectors; ++v) to[r * kVectors + v] = sum[r][v];
    }
}

// What the points are multiplied with, padded by zeros, and behind it what `kernel_feature_slopes` needs.
static inline void kernel_inputs(const Regressor::Centre& c, const Vec* features, Vec* inputs) {
    const int n = c.n_inputs, rows = c.padded_inputs();
    for (int d = n; d < rows; ++d) inputs[d] = Vec{};
    inputs[rows] = broadcast(1.0);
    if (!c.is_normalised()) {
        for (int d = 0; d < n; ++d) inputs[d] = features[d];
        return;
    }
    Vec squares = broadcast(1.0);
    for (int d = 0; d < n; ++d) {
        inputs[d] = (features[d] - c.shift[d]) * c.scale[d];
        squares += inputs[d] * inputs[d];
    }
    const Vec inverse = 1.0 / square_root(squares);
    for (int d = 0; d < n; ++d) inputs[d] *= inverse;
    inputs[n] = inputs[rows] = inverse;
}

// From slopes by the inputs to slopes by the features, in place.
static inline void kernel_feature_slopes(const Regressor::Centre& c, const Vec* inputs, Vec* slopes) {
    if (!c.is_normalised()) return;
    const int n = c.n_inputs;
    Vec along{};
    for (int d = 0; d <= n; ++d) along += slopes[d] * inputs[d];
    for (int d = 0; d < n; ++d)
        slopes[d] = (slopes[d] - along * inputs[d]) * inputs[c.padded_inputs()] * c.scale[d];
    slopes[n] = Vec{};
}

// Products of all points of a tile with kVectors vectors of features, [point][kVectors].
template <int kVectors>
static inline void tile_products(const double* tile, int n_panels, int padded_inputs, const Vec* x,
                                 Vec* products) {
    const std::size_t panel = static_cast<std::size_t>(padded_inputs) * kPanel;
    for (int k = 0; k < n_panels * kPanel * kVectors; ++k) products[k] = Vec{};
    for (int first = 0; first < padded_inputs; first += kFeaturesAtOnce) {
        const int n = padded_inputs - first < kFeaturesAtOnce ? padded_inputs - first : kFeaturesAtOnce;
        for (int p = 0; p < n_panels; ++p)
            panel_products<kVectors>(tile + p * panel + first * kPanel, n, x + first * kVectors,
                                     products + p * kPanel * kVectors);
    }
}

// Adds sum_s point[s][d] w[s][v] over a tile to `slopes` [d][v].
template <int kVectors>
static inline void tile_slopes(const double* tile, int n_panels, int padded_inputs, const Vec* w,
                               Vec* slopes) {
    const std::size_t panel = static_cast<std::size_t>(padded_inputs) * kPanel;
    for (int d = 0; d < padded_inputs; d += kRowsAtOnce) {
        Vec sum[kRowsAtOnce][kVectors];
        Vec* to = slopes + d * kVectors;
        for (int r = 0; r < kRowsAtOnce; ++r)
            for (int v = 0; v < kVectors; ++v) sum[r][v] = to[r * kVectors + v];
        for (int p = 0; p < n_panels; ++p) {
            const double* own = tile + p * panel + d * kPanel;
            const Vec* weight = w + p * kPanel * kVectors;
            for (int s = 0; s < kPanel; ++s)
                for (int r = 0; r < kRowsAtOnce; ++r)
                    for (int v = 0; v < kVectors; ++v)
                        sum[r][v] += own[r * kPanel + s] * weight[s * kVectors + v];
        }
        for (int r = 0; r < kRowsAtOnce; ++r)
            for (int v = 0; v < kVectors; ++v) to[r * kVectors + v] = sum[r][v];
    }
}

// Energies sum_s c_s (B . B_s)^zeta of `n_pairs` pairs of vectors of atoms, [set][pair][2], and their
// derivatives by the features, [set][pair][padded feature][2]; coefficients(set) points to c.
template <class Coefficients>
static inline void kernel_energies(const Regressor::Centre& c, double zeta, int n_pairs, const Vec* features,
                                   int n_sets, const Coefficients& coefficients, Vec* tile_scratch,
                                   Vec* energies, Vec* slopes) {
    const int rows = c.padded_inputs();
    const std::size_t pair_size = 2 * static_cast<std::size_t>(rows);
    for (std::size_t k = 0; k < pair_size * n_pairs * n_sets; ++k) slopes[k] = Vec{};
    for (int k = 0; k < 2 * n_pairs * n_sets; ++k) energies[k] = Vec{};
    const int whole = whole_exponent(zeta - 1.0);
    Vec* products = tile_scratch;
    Vec* weights = products + 2 * kPointsPerTile;
    for (int first = 0; first < c.n_panels(); first += kPanelsPerTile) {
        const int left = c.n_panels() - first, n_panels = left < kPanelsPerTile ? left : kPanelsPerTile;
        const double* tile = c.panels.data() + static_cast<std::size_t>(first) * rows * kPanel;
        const int point = first * kPanel,
                  n_points = c.n_outputs - point < kPointsPerTile ? c.n_outputs - point : kPointsPerTile;
        for (int pair = 0; pair < n_pairs; ++pair) {
            tile_products<2>(tile, n_panels, rows, features + pair * pair_size, products);
            for (int set = 0; set < n_sets; ++set) {
                const double* own = coefficients(set) + point;
                Vec* energy = energies + 2 * (set * n_pairs + pair);
                for (int s = 0; s < n_panels * kPanel; ++s)
                    for (int v = 0; v < 2; ++v) {
                        const double coefficient = s < n_points ? own[s] : 0.0;
                        const Vec below = coefficient * real_power(products[2 * s + v], zeta - 1.0, whole);
                        energy[v] += below * products[2 * s + v];
                        weights[2 * s + v] = zeta * below;
                    }
                tile_slopes<2>(tile, n_panels, rows, weights,
                               slopes + (static_cast<std::size_t>(set) * n_pairs + pair) * pair_size);
            }
        }
    }
}

// B . B_s of one vector of atoms for all points; `features` has `padded_inputs` entries.
static inline void kernel_products(const Regressor::Centre& c, const Vec* features, Vec* products) {
    const int rows = c.padded_inputs();
    for (int first = 0; first < c.n_panels(); first += kPanelsPerTile) {
        const int left = c.n_panels() - first;
        tile_products<1>(c.panels.data() + static_cast<std::size_t>(first) * rows * kPanel,
                         left < kPanelsPerTile ? left : kPanelsPerTile, rows, features,
                         products + first * kPanel);
    }
}

} // namespace atomsmith::ATOMSMITH_ISA
