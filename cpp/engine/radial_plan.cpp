#include "radial_plan.hpp"

#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>

#include "require.hpp"

namespace atomsmith {

namespace {

// Cells in which the pieces of a spline are looked up.
void add_cells(SplineTable& table, const std::vector<double>& knots) {
    table.knots = knots;
    std::size_t first = 0;
    for (std::size_t pair = 0; pair < table.bins.size(); ++pair) {
        const double *own = knots.data() + first, end = table.end[pair];
        const int bins = table.bins[pair];
        require(own[0] == 0.0 && own[bins] == end, "a spline's knots must go from 0 to the cutoff");
        for (int k = 0; k < bins; ++k) require(own[k] < own[k + 1], "a spline's knots must rise");
        int node = 0;
        for (int cell = 0; cell < SplineTable::kCells; ++cell) {
            // One cell too early is right for distances that round to the cell before.
            const double begin = end * (cell - 1) / SplineTable::kCells;
            while (node + 1 < bins && own[node + 1] <= begin) ++node;
            table.first_node.push_back(node);
        }
        table.first_knot.push_back(first);
        first += bins + 1;
    }
}

} // namespace

SplineTable make_spline(int n, const std::vector<double>& cutoff, const std::vector<std::int32_t>& bins,
                        const std::vector<double>& nodes, const std::vector<double>& knots) {
    constexpr int kPadding = 8, kZeroRows = 2; // doubles in a line of cache; rows behind the end
    SplineTable table;
    table.bins = bins;
    table.end = cutoff;
    const std::size_t half = (n + kPadding - 1) / kPadding * kPadding;
    table.row_size = static_cast<int>(2 * half);
    std::size_t rows = 0, given = 0;
    require(bins.size() == cutoff.size(), "a spline needs one number of bins for each pair of species");
    for (std::size_t pair = 0; pair < bins.size(); ++pair) {
        require(bins[pair] >= 2 && cutoff[pair] > 0.0, "a spline needs two bins and a positive cutoff");
        table.first.push_back(rows * table.row_size);
        table.per_distance.push_back(bins[pair] / cutoff[pair]);
        rows += bins[pair] + 1 + kZeroRows;
        given += bins[pair] + 1;
    }
    require(nodes.size() == given * 2 * n, "a spline's nodes do not have the size of its bins");
    if (!knots.empty()) {
        require(knots.size() == given, "a spline's knots do not have the size of its bins");
        add_cells(table, knots);
    }
    const std::size_t bytes = rows * table.row_size * sizeof(double);
    table.nodes.reset(static_cast<double*>(std::aligned_alloc(64, bytes)), std::free);
    if (!table.nodes) throw std::bad_alloc();
    std::memset(table.nodes.get(), 0, bytes);
    const double* from = nodes.data();
    for (std::size_t pair = 0; pair < bins.size(); ++pair)
        for (int k = 0; k <= bins[pair]; ++k, from += 2 * n) {
            double* to = table.nodes.get() + table.first[pair] + static_cast<std::size_t>(k) * table.row_size;
            std::memcpy(to, from, n * sizeof(double));
            std::memcpy(to + half, from + n, n * sizeof(double));
        }
    return table;
}

namespace {

// Coefficients of the polynomials between a node and the next, [power][padded function].
void quintic_row(int n, const double* left, std::size_t padded, double* to) {
    const double* right = left + 3 * n;
    for (int k = 0; k < n; ++k) {
        const double f = left[k], d = left[n + k], s = 0.5 * left[2 * n + k];
        const double rise = right[k] - f - d - s, slope = right[n + k] - d - 2.0 * s,
                     bend = 0.5 * right[2 * n + k] - s;
        const double c[6] = {f,
                             d,
                             s,
                             10.0 * rise - 4.0 * slope + bend,
                             -15.0 * rise + 7.0 * slope - 2.0 * bend,
                             6.0 * rise - 3.0 * slope + bend};
        for (int power = 0; power < 6; ++power) to[power * padded + k] = c[power];
    }
}

} // namespace

QuinticTable make_quintic(int n, const std::vector<double>& cutoff, const std::vector<double>& width,
                          const std::vector<std::int32_t>& table, const std::vector<std::int32_t>& bins,
                          const std::vector<double>& breaks, const std::vector<double>& nodes,
                          const std::vector<double>& extra) {
    constexpr int kPadding = 8; // doubles in a line of cache
    const std::size_t pairs = cutoff.size(), padded = (n + kPadding - 1) / kPadding * kPadding;
    QuinticTable out;
    out.padded = static_cast<int>(padded);
    out.has_extra_slopes = !extra.empty();
    out.row_size = static_cast<int>((out.has_extra_slopes ? 12 : 6) * padded);
    out.end = cutoff;
    out.width = width;
    require(table.size() == pairs && width.size() == pairs,
            "a quintic table's arrays need one value for each pair of species");
    require(!bins.empty() && breaks.size() % bins.size() == 0,
            "a quintic table needs as many breaks as the others");
    out.n_breaks = static_cast<int>(breaks.size() / bins.size());
    std::vector<std::vector<int>> starts(bins.size()); // bins that the functions of each table begin at
    for (std::size_t pair = 0; pair < pairs; ++pair) {
        require(table[pair] >= 0 && table[pair] < static_cast<int>(bins.size()), "a pair's table is missing");
        require(cutoff[pair] > 0.0 && width[pair] >= 0.0 && width[pair] <= cutoff[pair],
                "the switch of a quintic table must lie within its cutoff");
        require(extra.empty() || width[pair] == 0.0, "a quintic table with extra slopes has no switch");
        out.bins.push_back(bins[table[pair]]);
        out.per_distance.push_back(bins[table[pair]] / cutoff[pair]);
        std::vector<int>& own = starts[table[pair]];
        own.assign(1, 0);
        for (int k = 0; k < out.n_breaks; ++k) {
            const double at = breaks[static_cast<std::size_t>(table[pair]) * out.n_breaks + k];
            const bool counts = at < cutoff[pair];
            require(at > 0.0 && (k == 0 || !counts || at > out.breaks.back()),
                    "the breaks of a quintic table must rise from above 0");
            out.breaks.push_back(counts ? at : std::numeric_limits<double>::infinity());
            if (counts) own.push_back(static_cast<int>(at * out.per_distance.back()));
        }
    }
    std::vector<std::size_t> first(1, 0);
    std::size_t given = 0;
    for (std::size_t t = 0; t < bins.size(); ++t) {
        require(bins[t] >= 1, "a quintic table needs a bin");
        if (starts[t].empty()) starts[t].push_back(0); // no pair has it
        const std::size_t n_rows = bins[t] + starts[t].size() - 1;
        first.push_back(first.back() + (n_rows + 1) * out.row_size);
        given += n_rows + starts[t].size();
    }
    require(nodes.size() == given * 3 * n && (extra.empty() || extra.size() == nodes.size()),
            "a quintic table's nodes do not have the size of its bins");
    for (std::size_t pair = 0; pair < pairs; ++pair) out.first.push_back(first[table[pair]]);
    const std::size_t bytes = first.back() * sizeof(double);
    out.rows.reset(static_cast<double*>(std::aligned_alloc(64, bytes)), std::free);
    if (!out.rows) throw std::bad_alloc();
    std::memset(out.rows.get(), 0, bytes);
    const double* left = nodes.data();
    for (std::size_t t = 0; t < bins.size(); ++t) {
        double* to = out.rows.get() + first[t];
        for (std::size_t k = 0; k < starts[t].size(); ++k, left += 3 * n) {
            const int last = k + 1 < starts[t].size() ? starts[t][k + 1] : bins[t] - 1;
            for (int bin = starts[t][k]; bin <= last; ++bin, left += 3 * n, to += out.row_size) {
                quintic_row(n, left, padded, to);
                if (out.has_extra_slopes)
                    quintic_row(n, extra.data() + (left - nodes.data()), padded, to + 6 * padded);
            }
        }
    }
    return out;
}

void check_radial(const Radial& r, int n_species) {
    const std::size_t pairs = static_cast<std::size_t>(n_species) * n_species;
    require(r.n >= 1, "a radial table needs at least one function");
    if (r.spline.row_size > 0 || r.quintic.row_size > 0) {
        require(r.cutoff.size() == pairs, "a radial table needs one cutoff for each pair of species");
        return;
    }
    if (r.chebyshev_size > 0) {
        require(r.cutoff.size() == pairs && r.inner.size() == pairs &&
                    r.chebyshev.size() == pairs * r.n * r.chebyshev_size,
                "a Chebyshev table's arrays do not have the sizes of " + std::to_string(n_species) +
                    " species");
        require(r.outer_power == 0 || r.outer_power == 2, "outer_power of a Chebyshev table is 0 or 2");
        for (std::size_t k = 0; k < pairs; ++k)
            require(r.inner[k] >= 0.0 && r.inner[k] < r.cutoff[k],
                    "a pair's inner distance must be below its cutoff");
        return;
    }
    require(r.outer_power >= 2, "outer_power must be at least 2 (forces jump at the cutoff otherwise)");
    require(r.q >= r.p && r.p >= 1 && r.q <= 12, "the distance transform needs 1 <= p <= q <= 12");
    require(r.cutoff.size() == pairs && r.inner.size() == 2 * pairs && r.r0.size() == pairs &&
                r.shift.size() == pairs && r.scale.size() == pairs && r.recurrence.size() == 3 * pairs * r.n,
            "a radial table's arrays do not have the sizes of " + std::to_string(n_species) + " species");
    for (std::size_t k = 0; k < pairs; ++k) {
        require(r.cutoff[k] > 0.0 && r.r0[k] > 0.0, "cutoff and r0 of a pair must be positive");
        const double r_in = r.inner[2 * k], r_on = r.inner[2 * k + 1];
        require(r_on == 0.0 || (r_in >= 0.0 && r_in < r_on), "the inner distances of a pair must rise");
    }
}

} // namespace atomsmith
