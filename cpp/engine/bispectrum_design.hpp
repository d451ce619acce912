// Rows of the design matrix for the bispectrum.
#pragma once

#include "bispectrum.hpp"
#include "design.hpp"

namespace atomsmith::ATOMSMITH_ISA {

// dB/d(density) of all components, [channel triple][component][slot][element of the slot's matrix][re, im];
// slots: the matrices of j1, j2 and j, of the triple's channels.
static inline void bispectrum_rows(const Part& part, const Vec* full, Vec* rows) {
    const Bispectrum& b = part.bispectrum;
    const int channels = b.n_channels;
    const std::size_t of_triple = b.row_first.back();
    for (std::size_t k = 0; k < b.rows_size(); ++k) rows[k] = Vec{};
    for_all_couplings(b, full,
                      [&](int x1, int x2, const Bispectrum::Pair&, int k, int element, double of_row,
                          const Vec* sum) __attribute__((always_inline)) {
                          const Bispectrum::Coupling& coupling = b.couplings[k];
                          const double factor =
                              coupling.factor * of_row * b.norm[element] * b.multiplicity[element];
                          for (int e = 0; e < coupling.n_slots; ++e) {
                              const Bispectrum::Slot& slot = coupling.slots[e];
                              for (int x3 = 0; x3 < channels; ++x3) {
                                  Vec* to = rows + channel_triple(channels, slot, x1, x2, x3) * of_triple +
                                            b.row_first[3 * slot.component + slot.slot] +
                                            2 * (element - b.half_first[coupling.c]);
                                  to[0] += factor * sum[0];
                                  to[1] += factor * sum[1];
                              }
                          }
                      });
}

// Gradients of weight * u for the neighbours of one vector: phi[element, re and im][xyz][vector].
static inline void matrix_gradients(const Bispectrum& b, const OnSphere& p, const Neighbourhood& near,
                                    std::size_t at, Vec* u, Vec* derivative, Vec* phi, int stride) {
    wigner(b, p.ar, p.ai, p.br, p.bi, u);
    const Vec unit[3] = {near.ux[at], near.uy[at], near.uz[at]};
    const Vec over = near.inverse[at];
    for (int axis = 0; axis < 3; ++axis) {
        // d(unit vector)/dx = (e_x - unit unit_x) / r, d(angle)/dx = turn unit_x.
        Vec along[3];
        for (int i = 0; i < 3; ++i) along[i] = -unit[i] * unit[axis] * over;
        along[axis] += over;
        const Vec turn = p.turn * unit[axis];
        const Vec dar = -p.sine * turn;
        const Vec dai = -p.cosine * turn * unit[2] - p.sine * along[2];
        const Vec dbr = p.cosine * turn * unit[1] + p.sine * along[1];
        const Vec dbi = -p.cosine * turn * unit[0] - p.sine * along[0];
        wigner_derivative(b, p.ar, p.ai, p.br, p.bi, dar, dai, dbr, dbi, u, derivative);
        const Vec slope = p.slope * unit[axis];
        for (int k = 0; k < 2 * b.n_half; ++k)
            phi[static_cast<std::size_t>(3 * k + axis) * stride] = slope * u[k] + p.weight * derivative[k];
    }
}

// Calls body(component, first vector, vectors, gx, gy, gz) for the gradients by the neighbours of lane s;
// own.rows holds dB/d(density) of all components.
template <class Body>
static inline void for_each_bispectrum_gradient(const Part& part, int species, int s, Workspace& w,
                                                const PartWorkspace& own, Body body) {
    const Bispectrum& b = part.bispectrum;
    const Neighbourhood& near = w.near;
    const std::int32_t* segment = near.segments(s);
    const int stride = near.stride, channels = b.n_channels;
    for (int z = 0; z < near.n_species; ++z) {
        const std::size_t at = static_cast<std::size_t>(s) * stride + segment[z];
        const int n_vectors = segment[z + 1] - segment[z];
        if (n_vectors == 0) continue;
        for (int v = 0; v < n_vectors; ++v) {
            const OnSphere p = on_sphere(b, species * near.n_species + z, b.weight[z], near, at + v);
            matrix_gradients(b, p, near, at + v, own.matrices, own.reverse, w.phi + v, stride);
        }
        for (int k = 0; k < b.n_values(); ++k) {
            const int triple = k / b.n_components, component = k % b.n_components;
            const int x[3] = {triple / (channels * channels), triple / channels % channels,
                              triple % channels};
            Vec* g = w.row;
            for (int i = 0; i < 3; ++i)
                for (int v = 0; v < n_vectors; ++v) g[i * stride + v] = Vec{};
            for (int slot = 0; slot < 3; ++slot) {
                if (x[slot] != b.channel[z]) continue;
                const int begin = b.row_first[3 * component + slot],
                          count = b.row_first[3 * component + slot + 1] - begin;
                const Vec* slopes = own.rows + triple * static_cast<std::size_t>(b.row_first.back()) + begin;
                const Vec* phi = w.phi + static_cast<std::size_t>(6) * stride *
                                             b.half_first[b.momentum[3 * component + slot]];
                for (int e = 0; e < count; ++e, phi += 3 * stride) {
                    const double slope = slopes[e][s];
                    for (int i = 0; i < 3; ++i)
                        for (int v = 0; v < n_vectors; ++v) g[i * stride + v] += slope * phi[i * stride + v];
                }
            }
            body(k, segment[z], n_vectors, g, g + stride, g + 2 * stride);
        }
    }
}

static inline void design_bispectrum(const Sweep& sweep, const Part& part, int species,
                                     const std::int32_t* atoms, int n_atoms, Workspace& w,
                                     const PartWorkspace& own) {
    const int n = part.bispectrum.n_values();
    const int first = part.first_feature + part.regressor.centres[species].first_output;
    expand_density(part, species, own.slots, own.full);
    bispectrum_values(part, species, own.full, own.values);
    if (sweep.design_energy)
        for (int s = 0; s < n_atoms; ++s)
            for (int i = 0; i < n; ++i)
                sweep.design_energy[(first + i) * sweep.design_energy_stride] += own.values[i][s];
    if (!sweep.design_forces && !sweep.design_virial) return;
    bispectrum_rows(part, own.full, own.rows);
    for (int s = 0; s < n_atoms; ++s) {
        const std::size_t at = static_cast<std::size_t>(s) * w.near.stride;
        for_each_bispectrum_gradient(
            part, species, s, w, own,
            [&](int k, int begin, int n_vectors, const Vec* gx, const Vec* gy, const Vec* gz)
                __attribute__((always_inline)) {
                    add_rows(sweep, w.near, at + begin, n_vectors, gx, gy, gz, atoms[s], first + k);
                });
    }
}

} // namespace atomsmith::ATOMSMITH_ISA
