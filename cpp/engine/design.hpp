// Rows of the design matrix: features and their derivatives. Lanes = atoms for dB/dA, neighbours for dB/dr.
#pragma once

#include "ace.hpp"

namespace atomsmith::ATOMSMITH_ISA {

// Adds the gradient of one feature with respect to the neighbours of an atom (vectors gx.. of `n_vectors`,
// starting at vector `at` of the block) to the columns of the force and virial rows.
static inline void add_rows(const Sweep& sweep, const Neighbourhood& near, std::size_t at, int n_vectors,
                            const Vec* gx, const Vec* gy, const Vec* gz, int atom, int feature) {
    double* forces =
        sweep.design_forces ? sweep.design_forces + feature * sweep.design_forces_stride : nullptr;
    const Image* images = sweep.layout->images.data() + sweep.chunk->first_image;
    Vec sum[3] = {};
    Vec virial[6] = {};
    for (int b = 0; b < n_vectors; ++b) {
        const Vec g[3] = {gx[b], gy[b], gz[b]};
        for (int i = 0; i < 3; ++i) sum[i] += g[i];
        if (sweep.design_virial) {
            const Vec r = near.r[at + b];
            const Vec dx = near.ux[at + b] * r, dy = near.uy[at + b] * r, dz = near.uz[at + b] * r;
            virial[0] += dx * g[0];
            virial[1] += dy * g[1];
            virial[2] += dz * g[2];
            virial[3] += dy * g[2];
            virial[4] += dx * g[2];
            virial[5] += dx * g[1];
        }
        if (!forces) continue;
        const std::int32_t* slot = near.slot + (at + b) * kLanes;
        for (int k = 0; k < kLanes; ++k) {
            if (slot[k] < 0) break;
            double* to = forces + 3 * (images[slot[k]].atom - sweep.first_atom);
            to[0] -= g[0][k];
            to[1] -= g[1][k];
            to[2] -= g[2][k];
        }
    }
    if (forces)
        for (int i = 0; i < 3; ++i) forces[3 * (atom - sweep.first_atom) + i] += horizontal_sum(sum[i]);
    if (sweep.design_virial)
        for (int i = 0; i < 6; ++i)
            sweep.design_virial[feature * sweep.design_virial_stride + i] -= horizontal_sum(virial[i]);
}

static inline void design_pair(const Sweep& sweep, const Part& part, int centre, int atom, int s,
                               Workspace& w, const PartWorkspace& own) {
    const Neighbourhood& near = w.near;
    const std::int32_t* segment = near.segments(s);
    const int n = part.radial.n;
    for (int z = 0; z < near.n_species; ++z) {
        const std::size_t at = static_cast<std::size_t>(s) * near.stride + segment[z];
        const int n_vectors = segment[z + 1] - segment[z];
        if (n_vectors == 0) continue;
        Vec *gx = w.phi, *gy = gx + near.stride, *gz = gy + near.stride;
        for (int k = 0; k < n; ++k) {
            const int feature = part.first_feature + part.pair_first_feature[centre * near.n_species + z] + k;
            Vec energy{};
            for (int b = 0; b < n_vectors; ++b) {
                energy += own.value[(at + b) * n + k];
                const Vec slope = own.derivative[(at + b) * n + k];
                gx[b] = slope * near.ux[at + b];
                gy[b] = slope * near.uy[at + b];
                gz[b] = slope * near.uz[at + b];
            }
            if (sweep.design_energy)
                sweep.design_energy[feature * sweep.design_energy_stride] += horizontal_sum(energy);
            add_rows(sweep, near, at, n_vectors, gx, gy, gz, atom, feature);
        }
    }
}

// Gradients of the one-particle functions of one lane: phi[channel within its species][xyz][vector of its
// species].
static inline void one_particle_gradients(const Part& part, const Neighbourhood& near, int s, int z,
                                          const PartWorkspace& own, Vec* directions, Vec* phi) {
    const HarmonicTable<Real>& table = harmonic_table<Real>();
    const std::int32_t* segment = near.segments(s);
    const int n = part.radial.n, stride = near.stride;
    for (int b = segment[z]; b < segment[z + 1]; ++b) {
        const std::size_t at = static_cast<std::size_t>(s) * stride + b;
        const Vec x = near.ux[at], y = near.uy[at], zz = near.uz[at], over = near.inverse[at];
        Harmonics::fill(directions, table, part.l_max, x, y, zz);
        const Harmonics h{directions, part.l_max};
        for (int l = 0; l <= part.l_max; ++l)
            for (int m = -l; m <= l; ++m) {
                const int mu = m < 0 ? -m : m;
                const Vec q = Harmonics::q(h, l, mu);
                const Vec dq =
                    mu < l ? table.dz[l * HarmonicTable<Real>::kStride + mu] * Harmonics::q(h, l, mu + 1)
                           : Vec{};
                const Vec trig = m < 0 ? Harmonics::s(h, mu) : Harmonics::c(h, mu);
                Vec fx{}, fy{};
                if (mu > 0) {
                    fx = (double)mu * q * (m < 0 ? Harmonics::s(h, mu - 1) : Harmonics::c(h, mu - 1));
                    fy = m < 0 ? (double)mu * q * Harmonics::c(h, mu - 1)
                               : -(double)mu * q * Harmonics::s(h, mu - 1);
                }
                const Vec fz = dq * trig, value = q * trig;
                const Vec along = fx * x + fy * y + fz * zz;
                const Vec tx = (fx - along * x) * over, ty = (fy - along * y) * over,
                          tz = (fz - along * zz) * over;
                const int count = part.radial_count[l];
                for (int k = 0; k < count; ++k) {
                    const Vec r = own.value[at * n + part.radial_first[l] + k];
                    const Vec d = own.derivative[at * n + part.radial_first[l] + k] * value;
                    Vec* to = phi +
                              static_cast<std::size_t>(3) * stride * (part.offset[l] + (m + l) * count + k) +
                              (b - segment[z]);
                    to[0] = r * tx + d * x;
                    to[stride] = r * ty + d * y;
                    to[2 * stride] = r * tz + d * zz;
                }
            }
    }
}

// dB/dA of feature f for all atoms of the block; returns B.
static inline Vec feature_gradient(const AceCentre& centre, int f, const Vec* channels, Vec* gradient) {
    const std::int32_t* support = centre.support_channel.data() + centre.support_start[f];
    const int n = centre.support_start[f + 1] - centre.support_start[f];
    for (int k = 0; k < n; ++k) gradient[k] = Vec{};
    Vec total{};
    for (int e = centre.feature_start[f]; e < centre.feature_start[f + 1]; ++e) {
        const std::int32_t* factor = centre.factor.data() + centre.factor_start[e];
        const int order = centre.factor_start[e + 1] - centre.factor_start[e];
        Vec after[9]; // products of the factors k.. and of those before k
        after[order] = broadcast(centre.feature_coefficient[e]);
        for (int k = order - 1; k >= 0; --k) after[k] = after[k + 1] * channels[support[factor[k]]];
        total += after[0];
        Vec before = broadcast(1.0);
        for (int k = 0; k < order; ++k) {
            gradient[factor[k]] += before * after[k + 1];
            before *= channels[support[factor[k]]];
        }
    }
    return total;
}

// Calls body(feature, first vector, vectors, gx, gy, gz) for the gradients by the neighbours of lane s;
// w.support holds dB/dA of all features.
template <class Body>
static inline void for_each_ace_gradient(const Part& part, int species, int s, Workspace& w,
                                         const PartWorkspace& own, Body body) {
    const Neighbourhood& near = w.near;
    const AceCentre& centre = part.centres[species];
    const std::int32_t* segment = near.segments(s);
    const int stride = near.stride;
    Vec* g = w.row;
    for (int z = 0; z < near.n_species; ++z) {
        const int n_vectors = segment[z + 1] - segment[z];
        if (n_vectors == 0) continue;
        one_particle_gradients(part, near, s, z, own, w.directions, w.phi);
        const int begin = z * part.n_lmk, end = begin + part.n_lmk;
        for (int f = 0; f < centre.n_features; ++f) {
            bool any = false;
            for (int b = 0; b < n_vectors; ++b) g[b] = g[stride + b] = g[2 * stride + b] = Vec{};
            for (int e = centre.support_start[f]; e < centre.support_start[f + 1]; ++e) {
                const int channel = centre.support_channel[e];
                if (channel < begin || channel >= end) continue;
                any = true;
                const double slope = w.support[e][s];
                const Vec* phi = w.phi + static_cast<std::size_t>(3) * stride * (channel - begin);
                for (int b = 0; b < n_vectors; ++b) {
                    g[b] += slope * phi[b];
                    g[stride + b] += slope * phi[stride + b];
                    g[2 * stride + b] += slope * phi[2 * stride + b];
                }
            }
            if (any) body(f, segment[z], n_vectors, g, g + stride, g + 2 * stride);
        }
    }
}

static inline void design_ace(const Sweep& sweep, const Part& part, int species, const std::int32_t* atoms,
                              int n_atoms, Workspace& w, const PartWorkspace& own) {
    const AceCentre& centre = part.centres[species];
    const int first = part.first_feature + centre.first_feature;
    // Every feature's dB/dA for all lanes at once; then lane by lane, because the table of one-particle
    // gradients of one atom and species just fits the second-level cache.
    for (int f = 0; f < centre.n_features; ++f) {
        const Vec value = feature_gradient(centre, f, own.slots, w.support + centre.support_start[f]);
        if (!sweep.design_energy) continue;
        double sum = 0.0;
        for (int s = 0; s < n_atoms; ++s) sum += value[s];
        sweep.design_energy[(first + f) * sweep.design_energy_stride] += sum;
    }
    if (!sweep.design_forces && !sweep.design_virial) return;
    for (int s = 0; s < n_atoms; ++s) {
        const std::size_t at = static_cast<std::size_t>(s) * w.near.stride;
        for_each_ace_gradient(
            part, species, s, w, own,
            [&](int f, int begin, int n_vectors, const Vec* gx, const Vec* gy, const Vec* gz)
                __attribute__((always_inline)) {
                    add_rows(sweep, w.near, at + begin, n_vectors, gx, gy, gz, atoms[s], first + f);
                });
    }
}

} // namespace atomsmith::ATOMSMITH_ISA
