// Radial functions from a table: polynomials of degree 5 between equidistant nodes, times a cosine switch.
// All functions of a bin are neighbours in memory, so lanes = functions while a piece is evaluated,
// = neighbours afterwards.
#pragma once

#include "sin_cos.hpp"
#include "workspace.hpp"

namespace atomsmith::ATOMSMITH_ISA {

// Multiplies functions by (1 + cos(pi (r - cutoff + width) / width)) / 2 where r > cutoff - width.
ATOMSMITH_INLINE void switch_off(double cutoff, double width, Vec r, int n, Vec* value, Vec* derivative) {
    const double over = 1.0 / width;
    const Vec t = min(max((r - (cutoff - width)) * over, 0.0), 1.0);
    bool any = false;
    for (int k = 0; k < kLanes; ++k) any |= t[k] > 0.0;
    if (!any) return;
    const SinCos angle = sin_cos_pi(t);
    const Vec f = 0.5 * (1.0 + angle.cosine), df = (-0.5 * 3.14159265358979323846 * over) * angle.sine;
    for (int k = 0; k < n; ++k) {
        derivative[k] = derivative[k] * f + value[k] * df;
        value[k] *= f;
    }
}

// value, derivative: [vector][n].
static inline void quintic_functions(const QuinticTable& table, int n, int pair, const Vec* r, int n_vectors,
                                     Vec* value, Vec* derivative) {
    const int padded = table.padded;
    const double per_distance = table.per_distance[pair], end = table.end[pair], width = table.width[pair];
    const std::int64_t bins = table.bins[pair];
    const double per_bin = 1.0 / per_distance;
    const double* rows = table.rows.get() + table.first[pair];
    const int n_breaks = table.n_breaks;
    const double* breaks = table.breaks.data() + static_cast<std::size_t>(pair) * n_breaks;
    for (int b = 0; b < n_vectors; ++b, value += n, derivative += n) {
        const Vec x = r[b] * per_distance;
        const double* row[kLanes];
        double at[kLanes];
        for (int s = 0; s < kLanes; ++s) {
            // A row of zeros stands behind the table.
            std::int64_t k = r[b][s] < end ? static_cast<std::int64_t>(x[s]) : bins;
            k = k > bins ? bins : k;
            at[s] = x[s] - static_cast<double>(k);
            for (int i = 0; i < n_breaks; ++i) k += r[b][s] >= breaks[i];
            row[s] = rows + k * table.row_size;
        }
        for (int c = 0; c < n; c += kLanes) {
            Vec v[kLanes], d[kLanes];
            for (int s = 0; s < kLanes; ++s) {
                const double* from = row[s] + c;
                const double t = at[s];
                Vec sum = load_unaligned(from + 5 * padded), slope = sum;
                for (int power = 4; power >= 1; --power) {
                    sum = sum * t + load_unaligned(from + power * padded);
                    if (power > 1) slope = slope * t + sum;
                }
                d[s] = slope * t + sum;
                v[s] = sum * t + load_unaligned(from);
                if (!table.has_extra_slopes) continue;
                const double* extra = from + 6 * padded;
                Vec more = load_unaligned(extra + 5 * padded);
                for (int power = 4; power >= 0; --power)
                    more = more * t + load_unaligned(extra + power * padded);
                d[s] += more * per_bin;
            }
            transpose(v);
            transpose(d);
            const int count = n - c < kLanes ? n - c : kLanes;
            for (int k = 0; k < count; ++k) {
                value[c + k] = v[k];
                derivative[c + k] = d[k] * per_distance;
            }
        }
        if (width > 0.0) switch_off(end, width, r[b], n, value, derivative);
    }
}

} // namespace atomsmith::ATOMSMITH_ISA
