// Rows of the design matrix for changes of the radial functions of moment tensors.
//
// A change of the function mu by Q, a sum of Chebyshev terms, gives the moments M = sum_j R_mu(r) phi the
// derivatives M' = sum_j Q phi. With a = dE/dM, the derivative of the energy is a M'; that of its gradient is
// the force sweep with a' = (d2E/dM2) M' for the radial functions, and with a for Q in their place. a' takes
// one tangent and one reverse sweep over the products (lanes = atoms).
#pragma once

#include "moments_design.hpp"

namespace atomsmith::ATOMSMITH_ISA {

// Chebyshev terms of the neighbours of lane s, and their moments, [species][monomial][size] in `out`.
static inline void term_moment_sweep(const Part& part, int centre, const Neighbourhood& near, int s,
                                     const PartWorkspace& own, double* out) {
    const Moments& m = part.moments;
    const int size = part.radial.chebyshev_size, n_monomials = static_cast<int>(m.monomials.size());
    const std::int32_t* segment = near.segments(s);
    const std::size_t lane = static_cast<std::size_t>(s) * near.stride;
    for (int z = 0; z < near.n_species; ++z) {
        const int n_vectors = segment[z + 1] - segment[z];
        const std::size_t at = lane + segment[z];
        for (int b = 0; b < n_vectors; ++b) {
            chebyshev_terms(part.radial, centre * near.n_species + z, near.r[at + b],
                            own.terms + (at + b) * size, own.term_slopes + (at + b) * size);
            fill_monomials(m, near.ux[at + b], near.uy[at + b], near.uz[at + b],
                           own.directions + static_cast<std::size_t>(b) * n_monomials);
        }
        for (int k = 0; k < n_monomials; ++k, out += size)
            for (int f = 0; f < size; f += 8)
                accumulate_any<1>(size - f, own.terms + at * size + f, size, own.directions + k, n_monomials,
                                  n_vectors, out + f);
    }
}

// Per vector of lane s and radial function: S = sum_k a_k phi_k over its moments, and the tangential gradient
// of S, [vector][function][4].
static inline void angular_sums(const Part& part, const double* a, const Neighbourhood& near, int s,
                                const PartWorkspace& own) {
    const Moments& m = part.moments;
    const std::size_t lane = static_cast<std::size_t>(s) * near.stride;
    const int n = part.radial.n, n_vectors = near.segments(s)[near.n_species];
    Vec* monomials = own.directions;
    for (int b = 0; b < n_vectors; ++b) {
        const Vec unit[3] = {near.ux[lane + b], near.uy[lane + b], near.uz[lane + b]};
        fill_monomials(m, unit[0], unit[1], unit[2], monomials);
        Vec* sums = own.angular + (lane + b) * n * 4;
        for (int i = 0; i < 4 * n; ++i) sums[i] = Vec{};
        for (int rank = 0; rank <= m.max_rank; ++rank) {
            const int count = m.rank_count[rank];
            const double* from = a + m.rank_channel[rank];
            for (int k = m.rank_first[rank]; k < m.rank_first[rank + 1]; ++k, from += count) {
                const Moments::Monomial& monomial = m.monomials[k];
                for (int i = 0; i < count; ++i) {
                    sums[4 * i] += from[i] * monomials[k];
                    for (int axis = 0; axis < 3; ++axis)
                        sums[4 * i + 1 + axis] +=
                            (from[i] * monomial.power[axis]) * monomials[monomial.derivative[axis]];
                }
            }
        }
        for (int i = 0; i < n; ++i) {
            Vec* f = sums + 4 * i + 1;
            const Vec along = f[0] * unit[0] + f[1] * unit[1] + f[2] * unit[2];
            for (int axis = 0; axis < 3; ++axis)
                f[axis] = (f[axis] - along * unit[axis]) * near.inverse[lane + b];
        }
    }
}

// Changes of function mu towards one species: rows of [size][size] over the Chebyshev terms, zero rows left
// out.
struct Changes {
    const double* row[64];
    int index[64];
    int count = 0;
};

static inline Changes changes_of(const double* rows, int size) {
    Changes found;
    for (int i = 0; i < size; ++i, rows += size) {
        bool any = false;
        for (int k = 0; k < size; ++k) any = any || rows[k] != 0.0;
        if (!any) continue;
        found.row[found.count] = rows;
        found.index[found.count++] = i;
    }
    return found;
}

// Derivatives of the channels by changes of function mu, from `first` on, [slot][kTangents]; those of other
// functions, and by changes behind the last, are zero.
static inline void tangent_channels(const Moments& m, int size, int mu, const Changes& changes, int first,
                                    const Vec* term_moments, Vec* tangent) {
    for (int c = 0; c < m.n_channels * kTangents; ++c) tangent[c] = Vec{};
    for (int rank = 0; rank <= m.max_rank; ++rank) {
        const int n = m.rank_count[rank];
        if (mu >= n) continue;
        Vec* to = tangent + (m.rank_channel[rank] + mu) * kTangents;
        for (int phi = m.rank_first[rank]; phi < m.rank_first[rank + 1]; ++phi, to += n * kTangents)
            for (int i = 0; i < kTangents && first + i < changes.count; ++i)
                for (int k = 0; k < size; ++k)
                    to[i] += changes.row[first + i][k] * term_moments[phi * size + k];
    }
}

// From the derivatives of the channels those of the inner values and of all adjoints.
static inline void tangent_sweep(const Moments& m, const double* coefficients, const Vec* value,
                                 const Vec* adjoint, Vec* tangent, Vec* tangent_adjoint) {
    constexpr int n = kTangents;
    const Moments::Factors* f = m.factors.data();
    for (int v = 0; v < m.n_inner; ++v) {
        Vec sum[n] = {};
        for (const Moments::Factors* end = m.factors.data() + m.made[v].end; f != end; ++f) {
            const Vec a = f->weight * value[f->a], b = f->weight * value[f->b];
            for (int i = 0; i < n; ++i) sum[i] += tangent[f->a * n + i] * b + a * tangent[f->b * n + i];
        }
        for (int i = 0; i < n; ++i) tangent[(m.n_channels + v) * n + i] = sum[i];
    }
    for (int v = m.n_channels + m.n_inner - 1; v >= 0; --v) {
        Vec sum[n] = {};
        for (int e = m.outer_first[v]; e < m.outer_first[v + 1]; ++e) {
            const Moments::Use& use = m.outer_uses[e];
            const Vec slope = broadcast(use.weight * coefficients[use.target]);
            for (int i = 0; i < n; ++i) sum[i] += slope * tangent[use.other * n + i];
        }
        for (int e = m.inner_first[v]; e < m.inner_first[v + 1]; ++e) {
            const Moments::Use& use = m.inner_uses[e];
            const Vec a = use.weight * adjoint[use.target], b = use.weight * value[use.other];
            for (int i = 0; i < n; ++i)
                sum[i] += tangent_adjoint[use.target * n + i] * b + a * tangent[use.other * n + i];
        }
        for (int i = 0; i < n; ++i) tangent_adjoint[v * n + i] = sum[i];
    }
}

// Adds the force sweep of dE/dM with the change in place of function mu, for the neighbours of one species of
// lane s.
static inline void add_change_gradient(const Part& part, const Neighbourhood& near, int s, int z, int mu,
                                       const double* change, const PartWorkspace& own,
                                       const Gradient& gradient) {
    const int n = part.radial.n, size = part.radial.chebyshev_size;
    const std::int32_t* segment = near.segments(s);
    for (int b = segment[z]; b < segment[z + 1]; ++b) {
        const std::size_t at = static_cast<std::size_t>(s) * near.stride + b;
        const Vec* sums = own.angular + (at * n + mu) * 4;
        Vec value{}, slope{};
        for (int k = 0; k < size; ++k) {
            value += change[k] * own.terms[at * size + k];
            slope += change[k] * own.term_slopes[at * size + k];
        }
        slope *= sums[0];
        gradient.x[b] += slope * near.ux[at] + value * sums[1];
        gradient.y[b] += slope * near.uy[at] + value * sums[2];
        gradient.z[b] += slope * near.uz[at] + value * sums[3];
    }
}

// The column of a change of function mu towards species z, from tangent i.
static inline void add_radial_rows(const Sweep& sweep, const Part& part, int z, int mu, const double* change,
                                   int column, int i, const std::int32_t* atoms, int n_atoms, Workspace& w,
                                   const PartWorkspace& own) {
    const Neighbourhood& near = w.near;
    const int channels = part.moments.n_channels, lane_stride = padded(channels);
    Vec energy{};
    for (int c = 0; c < channels; ++c) energy += own.adjoint[c] * own.tangent[c * kTangents + i];
    from_lanes(own.tangent_adjoint + i, kTangents, channels, own.gradients, lane_stride);
    for (int s = 0; s < n_atoms; ++s) {
        sweep.design_energy[column * sweep.design_energy_stride] += energy[s];
        const int n_vectors = near.segments(s)[near.n_species];
        const Gradient& gradient = w.fixed;
        clear(gradient, n_vectors);
        moment_force_sweep(part, own.gradients + s * lane_stride, near, s, own, gradient);
        add_change_gradient(part, near, s, z, mu, change, own, gradient);
        add_rows(sweep, near, static_cast<std::size_t>(s) * near.stride, n_vectors, gradient.x, gradient.y,
                 gradient.z, atoms[s], column);
    }
}

// Rows of one block of atoms; columns are the changes, [pair][function][size].
static inline void moment_radial_rows(const Sweep& sweep, const Part& part, int species,
                                      const std::int32_t* atoms, int n_atoms, Workspace& w,
                                      const PartWorkspace& own) {
    const Moments& m = part.moments;
    const Neighbourhood& near = w.near;
    const int n = part.radial.n, size = part.radial.chebyshev_size, channels = m.n_channels;
    const int n_moments = static_cast<int>(m.monomials.size()) * size, lane_stride = padded(channels);
    const double* coefficients = sweep.system_coefficients + part.first_feature + m.first_feature[species];
    make_values(m, false, own.slots);
    moments_gradient(m, coefficients, own.slots, own.adjoint);
    from_lanes(own.adjoint, 1, channels, own.gradients, lane_stride);
    const int term_stride = padded(near.n_species * n_moments) + kLanes;
    for (int s = 0; s < kLanes; ++s) {
        double* lane = w.lane_channels + static_cast<std::size_t>(s) * term_stride;
        for (int c = 0; s >= n_atoms && c < near.n_species * n_moments; ++c) lane[c] = 0.0;
        if (s >= n_atoms) continue;
        term_moment_sweep(part, species, near, s, own, lane);
        angular_sums(part, own.gradients + s * lane_stride, near, s, own);
    }
    to_lanes(w.lane_channels, term_stride, near.n_species * n_moments, own.term_moments);
    for (int z = 0; z < near.n_species; ++z)
        for (int mu = 0; mu < n; ++mu) {
            const int first_column = ((species * near.n_species + z) * n + mu) * size;
            const Changes changes =
                changes_of(sweep.radial_changes + static_cast<std::size_t>(first_column) * size, size);
            for (int k = 0; k < changes.count; k += kTangents) {
                tangent_channels(m, size, mu, changes, k, own.term_moments + z * n_moments, own.tangent);
                tangent_sweep(m, coefficients, own.slots, own.adjoint, own.tangent, own.tangent_adjoint);
                for (int i = 0; i < kTangents && k + i < changes.count; ++i)
                    add_radial_rows(sweep, part, z, mu, changes.row[k + i],
                                    first_column + changes.index[k + i], i, atoms, n_atoms, w, own);
            }
        }
}

} // namespace atomsmith::ATOMSMITH_ISA
