// Tables of radial functions, by pairs of species. docs/architecture.md defines the functions of every kind.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "numbers.hpp"

namespace atomsmith {

// Radial functions as cubic Hermite pieces; row: values, then slopes per bin, each padded to 64 bytes. Nodes
// that are not equidistant have slopes per distance.
struct SplineTable {
    int row_size = 0;                      // doubles; 0: the functions are not tabulated
    std::vector<std::int32_t> bins;        // [pair]
    std::vector<std::size_t> first;        // [pair], doubles
    std::vector<double> end, per_distance; // [pair]: cutoff and bins / cutoff
    std::shared_ptr<double> nodes;
    // Where nodes are not equidistant: their distances, and for each of kCells cells of a pair the last node
    // that is not behind its begin.
    static constexpr int kCells = 256;
    std::vector<double> knots;            // nodes of one pair after the other
    std::vector<std::size_t> first_knot;  // [pair]
    std::vector<std::int32_t> first_node; // [pair][cell]
};

// Radial functions as polynomials of degree 5 in the bins between equidistant nodes, times a cosine switch;
// row: the six coefficients of all functions, each padded to 64 bytes.
struct QuinticTable {
    int row_size = 0;                             // doubles; 0: the functions are not tabulated
    std::vector<std::int32_t> bins;               // [pair]
    std::vector<std::size_t> first;               // [pair], doubles; pairs may share a table
    std::vector<double> end, per_distance, width; // [pair]: cutoff, bins / cutoff, width of the switch
    std::shared_ptr<double> rows;
    // Distances from which on the functions are others: a bin that holds one has two rows.
    int n_breaks = 0;
    std::vector<double> breaks; // [pair][n_breaks], rising; infinite where a pair has fewer
    int padded = 0;             // functions, to 64 bytes
    // Whether polynomials of what is added to the derivatives stand behind the others in a row.
    bool has_extra_slopes = false;
};

struct Radial {
    int n = 0;
    int outer_power = 0;
    int p = 0, q = 0;
    double a = 0.0;
    std::vector<double> cutoff, inner, r0, shift, scale;
    Numbers recurrence;
    SplineTable spline;
    QuinticTable quintic;
    // (r - cutoff)^outer_power sum_k c_k T_k(x), over r^2 where so said, x from -1 at `inner` to 1 at the
    // cutoff: c of [pair][n][chebyshev_size]. Clamped functions are constant below `inner`.
    int chebyshev_size = 0;
    bool inverse_square = false, clamped = false;
    std::vector<double> chebyshev;
};

// Copies nodes, [sum over pairs of (bins + 1)][2][n], into rows as the kernels read them; `knots` are their
// distances, or none if they are equidistant.
SplineTable make_spline(int n, const std::vector<double>& cutoff, const std::vector<std::int32_t>& bins,
                        const std::vector<double>& nodes, const std::vector<double>& knots);

// Polynomials from nodes, [sum over tables of (bins + 1)][values, slopes, curvatures times powers of the
// bin's length][n]; table: [pair]. With `breaks` ([table][any], those from the cutoff on do not count) a
// table has the nodes of all bins that the functions before the first break reach, then of those between it
// and the second, ... `extra` are nodes of what is added to the derivatives by the distance, or none.
QuinticTable make_quintic(int n, const std::vector<double>& cutoff, const std::vector<double>& width,
                          const std::vector<std::int32_t>& table, const std::vector<std::int32_t>& bins,
                          const std::vector<double>& breaks, const std::vector<double>& nodes,
                          const std::vector<double>& extra);

// Checks a table's sizes and values; throws std::invalid_argument.
void check_radial(const Radial& radial, int n_species);

} // namespace atomsmith
