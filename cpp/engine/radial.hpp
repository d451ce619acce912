// Radial functions R_k(r) = P_k(t(r)) outer(r) inner(r) and their derivatives, lanes = neighbours.
#pragma once

#ifdef ATOMSMITH_SINGLE
#include "workspace.hpp"
#else
#include "quintic.hpp"
#include "spline.hpp"
#endif

namespace atomsmith::ATOMSMITH_ISA {

ATOMSMITH_INLINE void smoothstep(Vec s, Vec& value, Vec& derivative) {
    s = min(max(s, 0.0), 1.0);
    const Vec rest = 1.0 - s;
    value = s * s * s * (10.0 - s * (15.0 - 6.0 * s));
    derivative = 30.0 * s * s * rest * rest;
}

static inline void envelope(const Radial& radial, int pair, Vec r, Vec& value, Vec& derivative) {
    const Real over = 1.0 / (radial.cutoff[pair] * radial.cutoff[pair]);
    const Vec w = max(1.0 - r * r * over, 0.0);
    const Vec lower = power(w, radial.outer_power - 1);
    value = lower * w;
    derivative = static_cast<Real>(-2 * radial.outer_power) * over * r * lower;
    const Real r_in = radial.inner[2 * pair], r_on = radial.inner[2 * pair + 1];
    if (r_on > 0.0) {
        const Real scale = 1 / (r_on - r_in);
        Vec step, slope;
        smoothstep((r - r_in) * scale, step, slope);
        derivative = derivative * step + value * slope * scale;
        value = value * step;
    }
}

// Agnesi transform x(r) = 1 / (1 + a s^q / (1 + s^(q-p))), s = r / r0 (Witt et al., J. Chem. Phys. 159,
// 164101, 2023).
static inline void transform(const Radial& radial, int pair, Vec r, Vec& t, Vec& dt) {
    const Real over = 1.0 / radial.r0[pair], a = radial.a;
    const Vec s = r * over;
    const int m = radial.q - radial.p;
    const Vec lower = power(s, radial.q - 1);         // s^(q-1)
    const Vec tail = m > 0 ? power(s, m - 1) : Vec{}; // s^(m-1)
    const Vec below = 1.0 / (m > 0 ? 1.0 + tail * s : broadcast(2.0));
    const Vec u = a * lower * s * below;
    const Vec du = a * lower * below * ((Real)radial.q - (Real)m * tail * s * below);
    const Vec x = 1.0 / (1.0 + u);
    const Real shift = radial.shift[pair], scale = radial.scale[pair];
    t = shift + scale * x;
    dt = -scale * over * x * x * du;
}

// value, derivative: [vector][n], of kVectors vectors whose recurrences run side by side.
template <bool kSlopes, int kVectors>
static inline void recur(const Radial& radial, int pair, const Vec* r, Vec* value, Vec* derivative) {
    const Real* c = radial.recurrence.data<Real>() + static_cast<std::size_t>(3) * pair * radial.n;
    const int n = radial.n;
    Vec f[kVectors], df[kVectors], t[kVectors], dt[kVectors];
    Vec before[kVectors] = {}, dbefore[kVectors] = {}, last[kVectors], dlast[kVectors] = {};
    for (int b = 0; b < kVectors; ++b) {
        envelope(radial, pair, r[b], f[b], df[b]);
        transform(radial, pair, r[b], t[b], dt[b]);
        last[b] = broadcast(c[0]);
        value[b * n] = c[0] * f[b];
        if (kSlopes) derivative[b * n] = c[0] * df[b];
        dt[b] *= f[b];
    }
    for (int k = 1; k < n; ++k)
        for (int b = 0; b < kVectors; ++b) {
            const Vec slope = c[3 * k] + c[3 * k + 1] * t[b];
            const Vec now = slope * last[b] + c[3 * k + 2] * before[b];
            value[b * n + k] = now * f[b];
            if (kSlopes) {
                const Vec dnow = slope * dlast[b] + c[3 * k + 1] * last[b] + c[3 * k + 2] * dbefore[b];
                derivative[b * n + k] = dnow * dt[b] + now * df[b];
                dbefore[b] = dlast[b];
                dlast[b] = dnow;
            }
            before[b] = last[b];
            last[b] = now;
        }
}

template <bool kSlopes>
static inline void radial_functions(const Radial& radial, int pair, const Vec* r, int n_vectors, Vec* value,
                                    Vec* derivative) {
    int b = 0;
    for (; b + 2 <= n_vectors; b += 2)
        recur<kSlopes, 2>(radial, pair, r + b, value + b * radial.n, derivative + b * radial.n);
    if (b < n_vectors)
        recur<kSlopes, 1>(radial, pair, r + b, value + b * radial.n, derivative + b * radial.n);
}

#ifndef ATOMSMITH_SINGLE
// Chebyshev polynomials of the distance times their envelope, and their slopes: t, dt [size].
static inline void chebyshev_terms(const Radial& radial, int pair, Vec r, Vec* t, Vec* dt) {
    const double cutoff = radial.cutoff[pair], scale = 2.0 / (cutoff - radial.inner[pair]);
    const Vec own = radial.clamped ? max(r, radial.inner[pair]) : r;
    const Vec below = min(own - cutoff, 0.0);
    const Vec x = 1.0 + scale * below;
    t[0] = below * below;
    dt[0] = 2.0 * below;
    if (radial.outer_power == 0) { // the functions jump at the cutoff
        t[0] = select(r < cutoff, broadcast(1.0), broadcast(0.0));
        dt[0] = broadcast(0.0);
    }
    if (radial.inverse_square) {
        const Vec over = 1.0 / own;
        t[0] *= over * over;
        dt[0] = dt[0] * over * over - 2.0 * over * t[0];
    }
    t[1] = x * t[0];
    dt[1] = x * dt[0] + scale * t[0];
    for (int k = 2; k < radial.chebyshev_size; ++k) {
        t[k] = 2.0 * x * t[k - 1] - t[k - 2];
        dt[k] = 2.0 * (x * dt[k - 1] + scale * t[k - 1]) - dt[k - 2];
    }
    if (radial.clamped)
        for (int k = 0; k < radial.chebyshev_size; ++k)
            dt[k] = select(r > radial.inner[pair], dt[k], broadcast(0.0));
}

// The radial functions of moment tensors, combinations of these.
static inline void chebyshev_functions(const Radial& radial, int pair, const Vec* r, int n_vectors,
                                       Vec* value, Vec* derivative) {
    const int n = radial.n, size = radial.chebyshev_size;
    const double* c = radial.chebyshev.data() + static_cast<std::size_t>(pair) * n * size;
    Vec t[64], dt[64];
    for (int b = 0; b < n_vectors; ++b, value += n, derivative += n) {
        chebyshev_terms(radial, pair, r[b], t, dt);
        for (int f = 0; f < n; ++f) {
            Vec sum{}, slope{};
            for (int k = 0; k < size; ++k) {
                sum += c[f * size + k] * t[k];
                slope += c[f * size + k] * dt[k];
            }
            value[f] = sum;
            derivative[f] = slope;
        }
    }
}
#endif

// All radial functions of lane s of a part; their derivatives where `slopes` says so.
static inline void radial_lane(const Part& part, int centre, const Neighbourhood& near, int s, bool slopes,
                               PartWorkspace& w) {
    const std::int32_t* segment = near.segments(s);
    for (int z = 0; z < near.n_species; ++z) {
        const std::size_t at = static_cast<std::size_t>(s) * near.stride + segment[z];
        const int pair = centre * near.n_species + z, n_vectors = segment[z + 1] - segment[z];
        Vec* value = w.value + at * part.radial.n;
        Vec* derivative = w.derivative + at * part.radial.n;
#ifndef ATOMSMITH_SINGLE
        if (part.radial.spline.row_size > 0) {
            spline_functions(part.radial.spline, part.radial.n, pair, near.r + at, n_vectors, value,
                             derivative);
            continue;
        }
        if (part.radial.quintic.row_size > 0) {
            quintic_functions(part.radial.quintic, part.radial.n, pair, near.r + at, n_vectors, value,
                              derivative);
            continue;
        }
        if (part.radial.chebyshev_size > 0) {
            chebyshev_functions(part.radial, pair, near.r + at, n_vectors, value, derivative);
            continue;
        }
#endif
        if (slopes)
            radial_functions<true>(part.radial, pair, near.r + at, n_vectors, value, derivative);
        else
            radial_functions<false>(part.radial, pair, near.r + at, n_vectors, value, derivative);
    }
}

} // namespace atomsmith::ATOMSMITH_ISA
