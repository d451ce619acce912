// The embedding of an ace part, lanes = atoms: densities of its products, the energy as a function of them,
// and one backward pass to dE/dA.
//
// Of a term c_p Re(u v) the forward pass keeps, for each left factor u, the sums s_p = sum c_p v; so the
// backward pass gets dE/du = sum_p F'_p s_p without looking at the terms, which then only pass F'_p c_p u on
// to v.
#pragma once

#include "ace.hpp"
#include "embedding_functions.hpp"

namespace atomsmith::ATOMSMITH_ISA {

using Product = Embedding::Product;
using ProductKind = Embedding::Kind;

struct ComplexVec {
    Vec re, im;
};

ATOMSMITH_INLINE ComplexVec product_value(const Product& p, const Vec* value) {
    switch (p.kind) {
    case ProductKind::kStored:
        return {value[p.to.re], p.to.im >= 0 ? value[p.to.im] : Vec{}};
    case ProductKind::kReal:
        return {value[p.a.re] * value[p.b.re], Vec{}};
    case ProductKind::kRealTimesComplex: {
        const Vec a = value[p.a.re];
        const Vec im = a * value[p.b.im];
        return {a * value[p.b.re], p.sign < 0 ? -im : im};
    }
    case ProductKind::kComplexRealPart: {
        const Vec im = value[p.a.im] * value[p.b.im], re = value[p.a.re] * value[p.b.re];
        return {p.sign < 0 ? re + im : re - im, Vec{}};
    }
    case ProductKind::kComplex:
        break;
    }
    const Vec ar = value[p.a.re], ai = value[p.a.im], br = value[p.b.re], bi = value[p.b.im];
    if (p.sign < 0) return {ar * br + ai * bi, ai * br - ar * bi};
    return {ar * br - ai * bi, ai * br + ar * bi};
}

// Passes the gradient by a product on to its factors.
ATOMSMITH_INLINE void product_adjoint(const Product& p, const Vec* value, ComplexVec g, Vec* adjoint) {
    switch (p.kind) {
    case ProductKind::kStored:
        adjoint[p.to.re] += g.re;
        if (p.to.im >= 0) adjoint[p.to.im] += g.im;
        return;
    case ProductKind::kReal: {
        const Vec a = value[p.a.re], b = value[p.b.re];
        adjoint[p.a.re] += g.re * b;
        adjoint[p.b.re] += g.re * a;
        return;
    }
    case ProductKind::kRealTimesComplex: {
        const Vec a = value[p.a.re], im = p.sign < 0 ? -g.im : g.im;
        adjoint[p.a.re] += g.re * value[p.b.re] + im * value[p.b.im];
        adjoint[p.b.re] += g.re * a;
        adjoint[p.b.im] += im * a;
        return;
    }
    case ProductKind::kComplexRealPart: {
        const Vec ar = value[p.a.re], ai = value[p.a.im], br = value[p.b.re], bi = value[p.b.im];
        const Vec im = p.sign < 0 ? g.re : -g.re;
        adjoint[p.a.re] += g.re * br;
        adjoint[p.a.im] += im * bi;
        adjoint[p.b.re] += g.re * ar;
        adjoint[p.b.im] += im * ai;
        return;
    }
    case ProductKind::kComplex:
        break;
    }
    const Vec ar = value[p.a.re], ai = value[p.a.im], br = value[p.b.re];
    const Vec bi = p.sign < 0 ? -value[p.b.im] : value[p.b.im];
    adjoint[p.a.re] += g.re * br + g.im * bi;
    adjoint[p.a.im] += g.im * br - g.re * bi;
    adjoint[p.b.re] += g.re * ar + g.im * ai;
    const Vec im = g.im * ar - g.re * ai;
    adjoint[p.b.im] += p.sign < 0 ? -im : im;
}

// Densities of all atoms of the block; fills the stored nodes and, per group, the sums over right factors.
template <int kDensities>
static inline void densities(const Embedding& e, Vec* value, Vec* sums, Vec* density) {
    const int n = kDensities ? kDensities : e.n_densities;
    constexpr int kSize = kDensities ? kDensities : Embedding::kMaxDensities;
    value[e.one] = broadcast(1.0);
    for (const Product* p = e.stored.data(); p != e.stored.data() + e.stored.size(); ++p) {
        const ComplexVec made = product_value(*p, value);
        value[p->to.re] = made.re;
        if (p->to.im >= 0) value[p->to.im] = made.im;
    }
    Vec total[kSize] = {};
    const double* all = e.coefficients.data();
    const Slots* right = e.right.data();
    for (const Embedding::Group* g = e.groups.data(); g != e.groups.data() + e.groups.size(); ++g) {
        Vec re[kSize] = {}, im[kSize] = {};
        int t = g->begin;
        for (; t < g->complex_begin; ++t) {
            const Vec v = value[right[t].re];
            for (int p = 0; p < n; ++p) re[p] += all[t * n + p] * v;
        }
        for (; t < g->conjugate_begin; ++t) {
            const Vec vr = value[right[t].re], vi = value[right[t].im];
            for (int p = 0; p < n; ++p) {
                re[p] += all[t * n + p] * vr;
                im[p] -= all[t * n + p] * vi;
            }
        }
        for (; t < g->end; ++t) {
            const Vec vr = value[right[t].re], vi = value[right[t].im];
            for (int p = 0; p < n; ++p) {
                re[p] += all[t * n + p] * vr;
                im[p] += all[t * n + p] * vi;
            }
        }
        const ComplexVec left = product_value(g->left, value);
        for (int p = 0; p < n; ++p) {
            total[p] += left.re * re[p] + left.im * im[p];
            sums[p] = re[p];
            sums[n + p] = im[p];
        }
        sums += 2 * n;
    }
    for (int p = 0; p < n; ++p) density[p] = total[p];
}

// From slope[p] = dE/d(density p) to dE/d(slot).
template <int kDensities>
static inline void densities_backward(const Embedding& e, const Vec* value, const Vec* sums, const Vec* slope,
                                      Vec* adjoint) {
    const int n = kDensities ? kDensities : e.n_densities;
    const double* all = e.coefficients.data();
    const Slots* right = e.right.data();
    for (const Embedding::Group* g = e.groups.data(); g != e.groups.data() + e.groups.size(); ++g) {
        const ComplexVec left = product_value(g->left, value);
        ComplexVec gradient{slope[0] * sums[0], slope[0] * sums[n]};
        for (int p = 1; p < n; ++p) {
            gradient.re += slope[p] * sums[p];
            gradient.im += slope[p] * sums[n + p];
        }
        sums += 2 * n;
        int t = g->begin;
        for (; t < g->complex_begin; ++t) {
            Vec weight = all[t * n] * slope[0];
            for (int p = 1; p < n; ++p) weight += all[t * n + p] * slope[p];
            adjoint[right[t].re] += weight * left.re;
        }
        for (; t < g->conjugate_begin; ++t) {
            Vec weight = all[t * n] * slope[0];
            for (int p = 1; p < n; ++p) weight += all[t * n + p] * slope[p];
            adjoint[right[t].re] += weight * left.re;
            adjoint[right[t].im] -= weight * left.im;
        }
        for (; t < g->end; ++t) {
            Vec weight = all[t * n] * slope[0];
            for (int p = 1; p < n; ++p) weight += all[t * n + p] * slope[p];
            adjoint[right[t].re] += weight * left.re;
            adjoint[right[t].im] += weight * left.im;
        }
        product_adjoint(g->left, value, gradient, adjoint);
    }
    for (const Product* p = e.stored.data() + e.stored.size(); p-- != e.stored.data();) {
        const ComplexVec gradient{adjoint[p->to.re], p->to.im >= 0 ? adjoint[p->to.im] : Vec{}};
        product_adjoint(*p, value, gradient, adjoint);
    }
}

static inline Nearest nearest_neighbour(const Part& part, int centre, const Neighbourhood& near, int s) {
    Nearest nearest;
    double closest = part.cutoff;
    int pair = -1;
    for (int z = 0; z < near.n_species; ++z) {
        const int own = centre * near.n_species + z;
        for (int b = near.segments(s)[z]; b < near.segments(s)[z + 1]; ++b)
            for (int k = 0; k < kLanes; ++k) {
                const std::int64_t at = (static_cast<std::int64_t>(s) * near.stride + b) * kLanes + k;
                const double r = near.r[at / kLanes][k];
                if (near.slot[at] < 0 || r >= part.radial.cutoff[own] || r - part.inner[own] >= closest)
                    continue;
                closest = r - part.inner[own];
                nearest.at = at;
                pair = own;
            }
    }
    if (pair < 0) return nearest;
    const double width = part.outer[pair] - part.inner[pair];
    falling_step(width - closest, width, width, nearest.share, nearest.share_slope);
    nearest.share_slope = -nearest.share_slope;
    return nearest;
}

// Energy of one atom from its densities (the core's energy behind them), which become dE/d(density).
static inline double embed(const Embedding& e, double* density, Nearest& nearest) {
    const int n = e.n_densities;
    double energy = 0.0;
    for (int p = 0; p < n; ++p) {
        double value, slope;
        if (e.function == Embedding::Function::kShiftedScaled)
            shifted_scaled(density[p], e.exponent[p], value, slope);
        else
            finnis_sinclair(density[p], e.exponent[p], value, slope);
        energy += e.prefactor[p] * value;
        density[p] = e.prefactor[p] * slope;
    }
    if (e.core == Embedding::Core::kNone) return energy;
    const double core = density[n];
    double share, slope;
    if (e.core == Embedding::Core::kNearest) {
        share = nearest.share;
        nearest.energy_slope = (energy - core) * nearest.share_slope;
        density[n] = 1.0 - share;
    } else {
        share = slope = 0.0;
        if (core < e.core_cutoff) falling_step(core, e.core_cutoff, e.core_width, share, slope);
        density[n] = energy * slope + 1.0;
    }
    for (int p = 0; p < n; ++p) density[p] *= share;
    return energy * share + (e.core == Embedding::Core::kNearest ? core * (1.0 - share) : core);
}

// Energies of the block's atoms; `adjoint` becomes dE/d(slot).
static inline Vec embedded_energy(const Part& part, int centre, const Neighbourhood& near, int n_atoms,
                                  PartWorkspace& w) {
    const Embedding& e = part.embeddings[centre];
    Vec density[Embedding::kMaxDensities + 1] = {};
    switch (e.n_densities) {
    case 1:
        densities<1>(e, w.slots, w.sums, density);
        break;
    case 2:
        densities<2>(e, w.slots, w.sums, density);
        break;
    default:
        densities<0>(e, w.slots, w.sums, density);
    }
    const int linear = static_cast<int>(e.linear_density.size());
    for (int k = 0; k < linear; ++k)
        density[e.linear_density[k]] += e.linear_coefficient[k] * w.slots[e.linear_channel[k]];
    Vec energy{};
    for (int s = 0; s < kLanes; ++s) {
        double own[Embedding::kMaxDensities + 1] = {};
        w.nearest[s] = Nearest{};
        if (s < n_atoms) {
            for (int p = 0; p <= e.n_densities; ++p) own[p] = density[p][s];
            if (e.core == Embedding::Core::kNearest) w.nearest[s] = nearest_neighbour(part, centre, near, s);
            energy[s] = embed(e, own, w.nearest[s]);
        }
        for (int p = 0; p <= e.n_densities; ++p) density[p][s] = own[p];
    }
    for (int k = 0; k < e.n_slots; ++k) w.adjoint[k] = Vec{};
    switch (e.n_densities) {
    case 1:
        densities_backward<1>(e, w.slots, w.sums, density, w.adjoint);
        break;
    case 2:
        densities_backward<2>(e, w.slots, w.sums, density, w.adjoint);
        break;
    default:
        densities_backward<0>(e, w.slots, w.sums, density, w.adjoint);
    }
    for (int k = 0; k < linear; ++k)
        w.adjoint[e.linear_channel[k]] += e.linear_coefficient[k] * density[e.linear_density[k]];
    return energy;
}

// The part of the gradient that acts on the nearest neighbour alone.
static inline void add_nearest_gradient(const Nearest& nearest, const Neighbourhood& near, int s,
                                        const Gradient& gradient) {
    if (nearest.at < 0) return;
    const std::int64_t at = nearest.at / kLanes, k = nearest.at % kLanes,
                       b = at - static_cast<std::int64_t>(s) * near.stride;
    gradient.x[b][k] += nearest.energy_slope * near.ux[at][k];
    gradient.y[b][k] += nearest.energy_slope * near.uy[at][k];
    gradient.z[b][k] += nearest.energy_slope * near.uz[at][k];
}

// Adds the gradient of lane s of a part to what no coefficient scales.
static inline void embedded_forces(const Part& part, int s, const Workspace& w, const PartWorkspace& own) {
    const std::size_t lane_stride = padded(part.n_channels);
    force_sweep<1>(part, own.gradients + s * lane_stride, 0, w.near, s, own, &w.fixed);
    add_nearest_gradient(own.nearest[s], w.near, s, w.fixed);
}

} // namespace atomsmith::ATOMSMITH_ISA
