// Radial functions from a table: cubic Hermite pieces between nodes. All functions of a node are neighbours
// in memory, so lanes = functions while a piece is evaluated, = neighbours afterwards.
#pragma once

#include "workspace.hpp"

namespace atomsmith::ATOMSMITH_ISA {

// Where the pieces of one vector of neighbours begin, and how far into its piece each neighbour is (0 to 1);
// the length of the pieces in units of the slopes' distance, and one over it by distance.
struct SplinePlaces {
    const double* row[kLanes];
    double x[kLanes], length[kLanes];
    Vec per_distance;
};

static inline void find_places(const SplineTable& table, int pair, Vec r, SplinePlaces& places) {
    const double* nodes = table.nodes.get() + table.first[pair];
    const std::int64_t bins = table.bins[pair];
    const Vec x = r * table.per_distance[pair];
    for (int s = 0; s < kLanes; ++s) {
        // Two rows of zeros stand behind the table.
        std::int64_t k = r[s] < table.end[pair] ? static_cast<std::int64_t>(x[s]) : bins + 1;
        k = k > bins ? bins + 1 : k;
        places.row[s] = nodes + k * table.row_size;
        places.x[s] = x[s] - static_cast<double>(k);
    }
}

// The same where nodes are not equidistant.
static inline void find_pieces(const SplineTable& table, int pair, Vec r, SplinePlaces& places) {
    const double* nodes = table.nodes.get() + table.first[pair];
    const double* knots = table.knots.data() + table.first_knot[pair];
    const std::int32_t* cells =
        table.first_node.data() + static_cast<std::size_t>(pair) * SplineTable::kCells;
    const std::int64_t bins = table.bins[pair];
    const Vec cell = r * (SplineTable::kCells / table.end[pair]);
    for (int s = 0; s < kLanes; ++s) {
        // Two rows of zeros stand behind the table.
        std::int64_t k = bins + 1;
        places.x[s] = 0.0;
        places.length[s] = 1.0;
        if (r[s] < table.end[pair]) {
            const std::int64_t c = static_cast<std::int64_t>(cell[s]);
            k = cells[c < SplineTable::kCells ? c : SplineTable::kCells - 1];
            while (k + 1 < bins && r[s] >= knots[k + 1]) ++k;
            places.length[s] = knots[k + 1] - knots[k];
            places.x[s] = (r[s] - knots[k]) / places.length[s];
        }
        places.row[s] = nodes + k * table.row_size;
        places.per_distance[s] = 1.0 / places.length[s];
    }
}

// value, derivative: [vector][n].
template <bool kKnots>
static inline void spline_pieces(const SplineTable& table, int n, int pair, const Vec* r, int n_vectors,
                                 Vec* value, Vec* derivative) {
    const int half = table.row_size / 2;
    for (int b = 0; b < n_vectors; ++b, value += n, derivative += n) {
        SplinePlaces here;
        if (kKnots)
            find_pieces(table, pair, r[b], here);
        else
            find_places(table, pair, r[b], here);
        for (int c = 0; c < n; c += kLanes) {
            Vec v[kLanes], d[kLanes];
            for (int s = 0; s < kLanes; ++s) {
                const double* row = here.row[s] + c;
                const double x = here.x[s];
                Vec f0 = load_unaligned(row), d0 = load_unaligned(row + half),
                    f1 = load_unaligned(row + 2 * half), d1 = load_unaligned(row + 3 * half);
                if (kKnots) {
                    d0 *= here.length[s];
                    d1 *= here.length[s];
                }
                // ((c3 x + c2) x + d0) x + f0, and its derivative from the same intermediate results.
                const Vec rise = f1 - f0;
                const Vec c3 = (d0 + d1) - 2.0 * rise;
                const Vec c2 = (rise - d0) - c3;
                const Vec t = c3 * x + c2;
                const Vec u = t * x + d0;
                v[s] = u * x + f0;
                d[s] = (c3 * x + t) * x + u;
            }
            transpose(v);
            transpose(d);
            const int count = n - c < kLanes ? n - c : kLanes;
            for (int k = 0; k < count; ++k) {
                value[c + k] = v[k];
                derivative[c + k] = kKnots ? d[k] * here.per_distance : d[k] * table.per_distance[pair];
            }
        }
    }
}

static inline void spline_functions(const SplineTable& table, int n, int pair, const Vec* r, int n_vectors,
                                    Vec* value, Vec* derivative) {
    if (table.knots.empty())
        spline_pieces<false>(table, n, pair, r, n_vectors, value, derivative);
    else
        spline_pieces<true>(table, n, pair, r, n_vectors, value, derivative);
}

} // namespace atomsmith::ATOMSMITH_ISA
