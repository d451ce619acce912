// Radial functions R_k(r) = P_k(t(r)) outer(r) inner(r) and their derivatives, lanes = neighbours.
#pragma once

#include "spline.hpp"

namespace atomsmith::ATOMSMITH_ISA {

ATOMSMITH_INLINE void smoothstep(Vec s, Vec& value, Vec& derivative) {
    s = min(max(s, 0.0), 1.0);
    const Vec rest = 1.0 - s;
    value = s * s * s * (10.0 - s * (15.0 - 6.0 * s));
    derivative = 30.0 * s * s * rest * rest;
}

static inline void envelope(const Radial& radial, int pair, Vec r, Vec& value, Vec& derivative) {
    const double over = 1.0 / (radial.cutoff[pair] * radial.cutoff[pair]);
    const Vec w = max(1.0 - r * r * over, 0.0);
    const Vec lower = power(w, radial.outer_power - 1);
    value = lower * w;
    derivative = (-2.0 * radial.outer_power * over) * r * lower;
    const double r_in = radial.inner[2 * pair], r_on = radial.inner[2 * pair + 1];
    if (r_on > 0.0) {
        const double scale = 1.0 / (r_on - r_in);
        Vec step, slope;
        smoothstep((r - r_in) * scale, step, slope);
        derivative = derivative * step + value * slope * scale;
        value = value * step;
    }
}

// Agnesi transform x(r) = 1 / (1 + a s^q / (1 + s^(q-p))), s = r / r0 (Witt et al., J. Chem. Phys. 159,
// 164101, 2023).
static inline void transform(const Radial& radial, int pair, Vec r, Vec& t, Vec& dt) {
    const double over = 1.0 / radial.r0[pair];
    const Vec s = r * over;
    const int m = radial.q - radial.p;
    const Vec lower = power(s, radial.q - 1);         // s^(q-1)
    const Vec tail = m > 0 ? power(s, m - 1) : Vec{}; // s^(m-1)
    const Vec below = 1.0 / (m > 0 ? 1.0 + tail * s : broadcast(2.0));
    const Vec u = radial.a * lower * s * below;
    const Vec du = radial.a * lower * below * ((double)radial.q - (double)m * tail * s * below);
    const Vec x = 1.0 / (1.0 + u);
    t = radial.shift[pair] + radial.scale[pair] * x;
    dt = -radial.scale[pair] * over * x * x * du;
}

// value, derivative: [vector][n] of the lane.
static inline void radial_functions(const Radial& radial, int pair, const Vec* r, int n_vectors, Vec* value,
                                    Vec* derivative) {
    const double* c = radial.recurrence.data() + static_cast<std::size_t>(3) * pair * radial.n;
    for (int b = 0; b < n_vectors; ++b, value += radial.n, derivative += radial.n) {
        Vec f, df, t, dt;
        envelope(radial, pair, r[b], f, df);
        transform(radial, pair, r[b], t, dt);
        Vec before{}, dbefore{}, last = broadcast(c[0]), dlast{};
        value[0] = c[0] * f;
        derivative[0] = c[0] * df;
        for (int k = 1; k < radial.n; ++k) {
            const Vec slope = c[3 * k] + c[3 * k + 1] * t;
            const Vec now = slope * last + c[3 * k + 2] * before;
            const Vec dnow = slope * dlast + c[3 * k + 1] * last + c[3 * k + 2] * dbefore;
            value[k] = now * f;
            derivative[k] = dnow * (dt * f) + now * df;
            before = last;
            dbefore = dlast;
            last = now;
            dlast = dnow;
        }
    }
}

// All radial functions of lane s of a part.
static inline void radial_lane(const Part& part, int centre, const Neighbourhood& near, int s,
                               PartWorkspace& w) {
    const std::int32_t* segment = near.segments(s);
    for (int z = 0; z < near.n_species; ++z) {
        const std::size_t at = static_cast<std::size_t>(s) * near.stride + segment[z];
        const int pair = centre * near.n_species + z, n_vectors = segment[z + 1] - segment[z];
        Vec* value = w.value + at * part.radial.n;
        Vec* derivative = w.derivative + at * part.radial.n;
        if (part.radial.spline.row_size > 0)
            spline_functions(part.radial.spline, part.radial.n, pair, near.r + at, n_vectors, value,
                             derivative);
        else
            radial_functions(part.radial, pair, near.r + at, n_vectors, value, derivative);
    }
}

} // namespace atomsmith::ATOMSMITH_ISA
