// Moment tensors M = sum_j f(r) x^a y^b z^c (unit vectors; lanes = neighbours), the polynomials of them
// (lanes = atoms), and the force sweep back (lanes = neighbours). Shapeev, Multiscale Model. Simul. 14, 1153
// (2016).
#pragma once

#include "ace.hpp"

namespace atomsmith::ATOMSMITH_ISA {

ATOMSMITH_INLINE void fill_monomials(const Moments& m, Vec x, Vec y, Vec z, Vec* to) {
    const Vec unit[3] = {x, y, z};
    to[0] = broadcast(1.0);
    const int n = static_cast<int>(m.monomials.size());
    for (int k = 1; k < n; ++k) to[k] = to[m.monomials[k].parent] * unit[m.monomials[k].axis];
}

// Moments of lane s, contiguous in the channel; `out` has kLanes doubles to spare at its end.
static inline void moment_sweep(const Part& part, const Neighbourhood& near, int s, const PartWorkspace& w,
                                double* out) {
    const Moments& m = part.moments;
    const std::size_t lane = static_cast<std::size_t>(s) * near.stride;
    const int n_vectors = near.segments(s)[near.n_species];
    const int n_monomials = static_cast<int>(m.monomials.size()), n = part.radial.n;
    for (int b = 0; b < n_vectors; ++b)
        fill_monomials(m, near.ux[lane + b], near.uy[lane + b], near.uz[lane + b],
                       w.directions + static_cast<std::size_t>(b) * n_monomials);
    for (int rank = 0; rank <= m.max_rank; ++rank) {
        const int count = m.rank_count[rank];
        const Vec* radial = w.value + lane * n;
        double* to = out + m.rank_channel[rank];
        for (int k = m.rank_first[rank]; k < m.rank_first[rank + 1]; ++k, to += count) {
            const Vec* angular = w.directions + k;
            for (int f = 0; f < count; f += 8)
                accumulate_any<1>(count - f, radial + f, n, angular, n_monomials, n_vectors, to + f);
        }
    }
}

// Values that are factors of others, and with `all` also those that are nothing but features.
ATOMSMITH_INLINE void make_values(const Moments& m, bool all, Vec* value) {
    const int n = all ? m.n_slots - m.n_channels : m.n_inner;
    const Moments::Factors* f = m.factors.data();
    for (int v = 0; v < n; ++v) {
        Vec sum{};
        const Moments::Factors* end = m.factors.data() + m.made[v].end;
        for (; f != end; ++f) sum += f->weight * (value[f->a] * value[f->b]);
        value[m.n_channels + v] = sum;
    }
}

// sum_k c_k B_k and its derivatives by all slots, for coefficients that are numbers or vectors; what no other
// value is made of is never formed.
template <class Coefficient>
static inline Vec moments_gradient(const Moments& m, const Coefficient* coefficients, const Vec* value,
                                   Vec* adjoint) {
    Vec energy{};
    for (int v = m.n_channels + m.n_inner - 1; v >= 0; --v) {
        Vec outer{}, inner{};
        for (int e = m.outer_first[v]; e < m.outer_first[v + 1]; ++e) {
            const Moments::Use& use = m.outer_uses[e];
            outer += (use.weight * coefficients[use.target]) * value[use.other];
        }
        for (int e = m.inner_first[v]; e < m.inner_first[v + 1]; ++e) {
            const Moments::Use& use = m.inner_uses[e];
            inner += use.weight * (adjoint[use.target] * value[use.other]);
        }
        const Vec own = m.feature_of_slot[v] >= 0 ? Vec{} + coefficients[m.feature_of_slot[v]] : Vec{};
        energy += value[v] * (0.5 * outer + own);
        adjoint[v] = outer + inner + own;
    }
    return energy;
}

// Adds the gradient with respect to the neighbours of lane s, from g = dE/d(moment).
static inline void moment_force_sweep(const Part& part, const double* g, const Neighbourhood& near, int s,
                                      const PartWorkspace& w, const Gradient& gradient) {
    const Moments& m = part.moments;
    const std::size_t lane = static_cast<std::size_t>(s) * near.stride;
    const int n = part.radial.n, n_vectors = near.segments(s)[near.n_species];
    Vec* monomials = w.directions;
    for (int b = 0; b < n_vectors; ++b) {
        const std::size_t at = lane + b;
        const Vec x = near.ux[at], y = near.uy[at], z = near.uz[at], over = near.inverse[at];
        fill_monomials(m, x, y, z, monomials);
        const Vec* value = w.value + at * n;
        const Vec* derivative = w.derivative + at * n;
        Vec fr{}, f[3] = {};
        const double* own = g;
        for (int rank = 0; rank <= m.max_rank; ++rank) {
            const int count = m.rank_count[rank];
            for (int k = m.rank_first[rank]; k < m.rank_first[rank + 1]; ++k, own += count) {
                Vec sum{}, slope{};
                for (int i = 0; i < count; ++i) {
                    sum += own[i] * value[i];
                    slope += own[i] * derivative[i];
                }
                fr += slope * monomials[k];
                const Moments::Monomial& monomial = m.monomials[k];
                for (int axis = 0; axis < 3; ++axis)
                    f[axis] += (double)monomial.power[axis] * sum * monomials[monomial.derivative[axis]];
            }
        }
        const Vec along = fr - (f[0] * x + f[1] * y + f[2] * z) * over;
        gradient.x[b] += along * x + f[0] * over;
        gradient.y[b] += along * y + f[1] * over;
        gradient.z[b] += along * z + f[2] * over;
    }
}

static inline void add_moment_features(const Moments& m, const Vec* value, int s, double* features) {
    for (const std::int32_t slot : m.scalar_slots) *features++ += value[slot][s];
}

} // namespace atomsmith::ATOMSMITH_ISA
