// Rows of fits of sparse kernels from gradients of descriptors: for every atom the products of its
// gradients by all atoms with all points, scaled and added to these atoms' rows while they are in registers.
// Lanes = points.
#pragma once

#include "kernels.hpp"
#include "real_power.hpp"

namespace atomsmith::ATOMSMITH_ISA {

inline constexpr int kRowsOfPoints = kLanes >= 8 ? 12 : 4; // rows at once, of 2 vectors of points

// to[r] += slope * sum_d from[r][d] points[d] for 2 vectors of points.
template <int kRows>
static inline void multiply_rows(const double* const* from, int n, const double* points, const Vec slope[2],
                                 double* const* to) {
    Vec sum[kRows][2] = {};
    for (int d = 0; d < n; ++d) {
        const Vec p0 = load_unaligned(points + 2 * kLanes * d),
                  p1 = load_unaligned(points + 2 * kLanes * d + kLanes);
        for (int r = 0; r < kRows; ++r) {
            sum[r][0] += from[r][d] * p0;
            sum[r][1] += from[r][d] * p1;
        }
    }
    for (int r = 0; r < kRows; ++r)
        for (int v = 0; v < 2; ++v) {
            double* out = to[r] + v * kLanes;
            store_unaligned(out, load_unaligned(out) + slope[v] * sum[r][v]);
        }
}

static inline void multiply_any(int rows, const double* const* from, int n, const double* points,
                                const Vec slope[2], double* const* to) {
    int r = 0;
    for (; r + kRowsOfPoints <= rows; r += kRowsOfPoints)
        multiply_rows<kRowsOfPoints>(from + r, n, points, slope, to + r);
    for (; r + 4 <= rows; r += 4) multiply_rows<4>(from + r, n, points, slope, to + r);
    for (; r < rows; ++r) multiply_rows<1>(from + r, n, points, slope, to + r);
}

// Adds what one atom gives to a panel of points; see `KernelRows`.
static inline void add_kernel_rows(const KernelRows& k, std::int64_t i, const double* points, int panel) {
    constexpr int kWidth = 2 * kLanes, kMost = 3 * 64;
    const int n = k.n_inputs, whole = whole_exponent(k.zeta - 1.0);
    const std::size_t n_points = k.n_panels * kWidth;
    const auto at = [&](double* rows, std::size_t row) { return rows + row * n_points + panel * kWidth; };
    Vec slope[2], product[2] = {};
    const double* own = k.features + i * k.n_features;
    for (int d = 0; d < n; ++d)
        for (int v = 0; v < 2; ++v) product[v] += own[d] * load_unaligned(points + kWidth * d + v * kLanes);
    double* energy = at(k.energy, k.system[i]);
    for (int v = 0; v < 2; ++v) {
        const Vec below = real_power(product[v], k.zeta - 1.0, whole);
        double* out = energy + v * kLanes;
        store_unaligned(out, load_unaligned(out) + below * product[v]);
        slope[v] = -k.zeta * below; // forces and virials are minus gradients
    }
    const double* from[kMost + 3];
    double* to[kMost + 3];
    int rows = 0;
    for (int axis = 0; axis < 6; ++axis, ++rows) {
        from[rows] = k.strain + (6 * i + axis) * k.n_features;
        to[rows] = at(k.virial, 6 * static_cast<std::size_t>(k.system[i]) + axis);
    }
    for (std::int64_t e = k.first[i]; e < k.first[i + 1]; ++e) {
        for (int axis = 0; axis < 3; ++axis, ++rows) {
            from[rows] = k.gradients + (3 * e + axis) * k.n_features;
            to[rows] = at(k.forces, 3 * static_cast<std::size_t>(k.atom[e]) + axis);
        }
        if (rows < kMost) continue;
        multiply_any(rows, from, n, points, slope, to);
        rows = 0;
    }
    multiply_any(rows, from, n, points, slope, to);
}

// Atom by atom, whose gradients stay in the second-level cache while the points pass by.
static void kernel_rows(const KernelRows& k) {
    for (std::int64_t c = k.begin; c < k.end; ++c)
        for (int panel = 0; panel < k.n_panels; ++panel)
            add_kernel_rows(k, k.centres[c],
                            k.points + static_cast<std::size_t>(panel) * k.n_inputs * 2 * kLanes, panel);
}

} // namespace atomsmith::ATOMSMITH_ISA
