// Rows of the design matrix for polynomials of moment tensors.
#pragma once

#include "design.hpp"
#include "moments.hpp"

namespace atomsmith::ATOMSMITH_ISA {

// Gradients of f(r) x^a y^b z^c for all vectors of lane s: phi[channel][xyz][vector].
static inline void moment_gradients(const Part& part, const Neighbourhood& near, int s,
                                    const PartWorkspace& own, Vec* phi) {
    const Moments& m = part.moments;
    const int n = part.radial.n, n_vectors = near.segments(s)[near.n_species], stride = near.stride;
    Vec* monomials = own.directions;
    for (int b = 0; b < n_vectors; ++b) {
        const std::size_t at = static_cast<std::size_t>(s) * stride + b;
        const Vec unit[3] = {near.ux[at], near.uy[at], near.uz[at]};
        const Vec over = near.inverse[at];
        fill_monomials(m, unit[0], unit[1], unit[2], monomials);
        Vec* to = phi + b;
        for (int rank = 0; rank <= m.max_rank; ++rank)
            for (int k = m.rank_first[rank]; k < m.rank_first[rank + 1]; ++k) {
                const Moments::Monomial& monomial = m.monomials[k];
                Vec tangential[3];
                for (int axis = 0; axis < 3; ++axis)
                    tangential[axis] = (double)monomial.power[axis] * monomials[monomial.derivative[axis]];
                const Vec along = tangential[0] * unit[0] + tangential[1] * unit[1] + tangential[2] * unit[2];
                for (int axis = 0; axis < 3; ++axis)
                    tangential[axis] = (tangential[axis] - along * unit[axis]) * over;
                for (int i = 0; i < m.rank_count[rank]; ++i, to += 3 * stride) {
                    const Vec value = own.value[at * n + i],
                              slope = own.derivative[at * n + i] * monomials[k];
                    for (int axis = 0; axis < 3; ++axis)
                        to[axis * stride] = value * tangential[axis] + slope * unit[axis];
                }
            }
    }
}

// dB/dM of feature k for all atoms of the block, at its support.
static inline void moment_rows(const Moments& m, int k, const Vec* value, Vec* adjoint, Vec* rows) {
    adjoint[m.scalar_slots[k]] = broadcast(1.0);
    int channels = 0;
    for (int e = m.step_first[k]; e < m.step_first[k + 1]; ++e) {
        const Moments::Step& step = m.steps[e];
        Vec sum{};
        for (int u = step.begin; u < step.end; ++u) {
            const Moments::Use& use = m.step_uses[u];
            sum += use.weight * (adjoint[use.target] * value[use.other]);
        }
        adjoint[step.slot] = sum;
    }
    for (int e = m.support_first[k]; e < m.support_first[k + 1]; ++e)
        rows[channels++] = adjoint[m.support_channel[e]];
}

// Calls body(feature, first vector, vectors, gx, gy, gz) for the gradients by the neighbours of lane s;
// w.support holds dB/dM of all features.
template <class Body>
static inline void for_each_moment_gradient(const Part& part, int s, Workspace& w, const PartWorkspace& own,
                                            Body body) {
    const Moments& m = part.moments;
    const Neighbourhood& near = w.near;
    const int stride = near.stride, n_vectors = near.segments(s)[near.n_species];
    if (n_vectors == 0) return;
    Vec* g = w.row;
    moment_gradients(part, near, s, own, w.phi);
    for (int k = 0; k < static_cast<int>(m.scalar_slots.size()); ++k) {
        for (int b = 0; b < n_vectors; ++b) g[b] = g[stride + b] = g[2 * stride + b] = Vec{};
        for (int e = m.support_first[k]; e < m.support_first[k + 1]; ++e) {
            const double slope = w.support[e][s];
            const Vec* phi = w.phi + static_cast<std::size_t>(3) * stride * m.support_channel[e];
            for (int b = 0; b < n_vectors; ++b) {
                g[b] += slope * phi[b];
                g[stride + b] += slope * phi[stride + b];
                g[2 * stride + b] += slope * phi[2 * stride + b];
            }
        }
        body(k, 0, n_vectors, g, g + stride, g + 2 * stride);
    }
}

static inline void design_moments(const Sweep& sweep, const Part& part, int species,
                                  const std::int32_t* atoms, int n_atoms, Workspace& w,
                                  const PartWorkspace& own) {
    const Moments& m = part.moments;
    const int n = static_cast<int>(m.scalar_slots.size());
    const int first = part.first_feature + m.first_feature[species];
    make_values(m, true, own.slots);
    for (int k = 0; k < n; ++k) {
        if (sweep.design_energy) {
            double sum = 0.0;
            for (int s = 0; s < n_atoms; ++s) sum += own.slots[m.scalar_slots[k]][s];
            sweep.design_energy[(first + k) * sweep.design_energy_stride] += sum;
        }
        moment_rows(m, k, own.slots, own.adjoint, w.support + m.support_first[k]);
    }
    if (!sweep.design_forces && !sweep.design_virial) return;
    for (int s = 0; s < n_atoms; ++s) {
        const std::size_t at = static_cast<std::size_t>(s) * w.near.stride;
        for_each_moment_gradient(
            part, s, w, own,
            [&](int k, int begin, int n_vectors, const Vec* gx, const Vec* gy, const Vec* gz)
                __attribute__((always_inline)) {
                    add_rows(sweep, w.near, at + begin, n_vectors, gx, gy, gz, atoms[s], first + k);
                });
    }
}

} // namespace atomsmith::ATOMSMITH_ISA
