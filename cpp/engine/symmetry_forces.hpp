// Symmetry functions: from dE/dG back to the neighbours.
//
// A triplet's energy is V = f_ij f_ik f_jk sum_g e_g A_g(cos), with A_g = sum_p S_gp y^zeta_p. It depends on
// the three distances alone, so its gradient is made of four numbers: D_j, D_k and M with
// dV/d(d_j) = D_j d_j + M d_k and the same for k.
#pragma once

#include "symmetry.hpp"

namespace atomsmith::ATOMSMITH_ISA {

// dE/d(sum) of every Gaussian and power of a group, from g = dE/d(feature).
static inline void spread_slopes(const Symmetry::Angular& group, const double* g, SymmetryWorkspace& w) {
    for (std::size_t k = 0; k < group.blocks.size(); ++k) {
        const Symmetry::Block& block = group.blocks[k];
        const int n_powers = static_cast<int>(block.power_slot.size()),
                  n = static_cast<int>(block.feature.size());
        for (int e = 0; e < n; ++e) {
            const int p = e % n_powers;
            const double slope = block.feature[e] < 0 ? 0.0 : block.norm[p] * g[block.feature[e]];
            w.slopes[block.first_sum + e] = slope;
            w.zeta_slopes[block.first_sum + e] = block.zeta[p] * slope;
        }
    }
}

// Sums over Gaussians of e_g times: A_g, its slope by the cosine, eta A_g, eta shift A_g; of kQuad vectors.
struct QuadSums {
    Vec value[kQuad], cosine[kQuad], width[kQuad], shift[kQuad];
};

template <bool kShifted, bool kCompact>
ATOMSMITH_INLINE void add_quad(const Symmetry::Angular& group, const Symmetry::Block& block,
                               const double* slopes, const double* zeta_slopes, const TripletTile& tile,
                               int b, QuadSums& sums) {
    const int n_powers = static_cast<int>(block.power_slot.size()),
              n_lambdas = static_cast<int>(block.lambda.size());
    const std::int32_t* slot = block.power_slot.data();
    slopes += block.first_sum;
    zeta_slopes += block.first_sum;
    for (int g = block.gaussian_begin; g < block.gaussian_end; ++g) {
        const Symmetry::Gaussian& gaussian = group.gaussians[g];
        const Vec* e = tile.gaussian + gaussian.slot * kTileSize + b;
        Vec value[kQuad] = {};
        for (int l = 0; l < n_lambdas; ++l) {
            Vec slope[kQuad] = {};
            for (int p = block.lambda_first[l]; p < block.lambda_first[l + 1]; ++p) {
                const Vec* y = tile.power + slot[p] * kTileSize + b;
                for (int i = 0; i < kQuad; ++i) {
                    value[i] += slopes[p] * y[i];
                    slope[i] += zeta_slopes[p] * y[kCompact ? kTileSize + i : i];
                }
            }
            const Vec* over = tile.over + block.lambda[l] * kTileSize + b;
            for (int i = 0; i < kQuad; ++i) sums.cosine[i] += e[i] * slope[i] * over[i];
        }
        for (int i = 0; i < kQuad; ++i) {
            const Vec v = e[i] * value[i];
            sums.value[i] += v;
            sums.width[i] += gaussian.eta * v;
            if (kShifted) sums.shift[i] += gaussian.eta_shift * v;
        }
        slopes += n_powers;
        zeta_slopes += n_powers;
    }
}

// Per triplet: dV/d(cos), twice dV/d(r_jk^2), that plus twice dV/d(r_ij^2 + r_ik^2) by the Gaussians, V over
// the fades of j and k, and what a shift of the Gaussians adds to D, over 1/r.
template <bool kNarrow, bool kShifted>
static inline void tile_slopes(const Symmetry::Angular& group, int n_vectors, const SymmetryWorkspace& w) {
    const TripletTile& tile = w.tile;
    const int n_blocks = static_cast<int>(group.blocks.size());
    for (int b = 0; b < n_vectors; b += kQuad) {
        QuadSums sums{};
        for (int k = 0; k < n_blocks; ++k)
            group.compact.is
                ? add_quad<false, true>(group, group.blocks[k], w.slopes, w.zeta_slopes, tile, b, sums)
                : add_quad<kShifted, false>(group, group.blocks[k], w.slopes, w.zeta_slopes, tile, b, sums);
        for (int i = 0; i < kQuad; ++i) {
            const Vec fade = ((const Vec*)tile.fade)[b + i];
            const Vec far = kNarrow ? tile.far_fade[b + i] : broadcast(1.0);
            const Vec both = fade * far;
            Vec by_far{};
            if (kNarrow) {
                by_far = fade * tile.far_slope[b + i] * sums.value[i] - 2.0 * both * sums.width[i];
                if (kShifted) by_far += 2.0 * both * sums.shift[i] / tile.far_r[b + i];
                ((Vec*)tile.by_far)[b + i] = by_far;
            }
            ((Vec*)tile.by_cosine)[b + i] = both * sums.cosine[i];
            ((Vec*)tile.by_all)[b + i] = by_far - 2.0 * both * sums.width[i];
            ((Vec*)tile.by_fade)[b + i] = far * sums.value[i];
            if (kShifted) ((Vec*)tile.by_sum)[b + i] = 2.0 * both * sums.shift[i];
        }
    }
}

// Hands the derivatives of a tile to its neighbours.
template <bool kNarrow, bool kShifted>
static inline void distribute(const NeighbourList& one, const NeighbourList& two, SymmetryWorkspace& w) {
    const TripletTile& tile = w.tile;
    int at = 0;
    for (int row = 0; row < tile.n_rows;) {
        const int j = tile.rows[row].j;
        const double x = ((const double*)one.x)[j], y = ((const double*)one.y)[j],
                     z = ((const double*)one.z)[j];
        const double inverse = ((const double*)one.inverse)[j], fade = ((const double*)one.fade)[j],
                     slope = ((const double*)one.slope)[j];
        Vec* own = w.rows + 4 * j;
        Vec pull = own[0], gx = own[1], gy = own[2], gz = own[3];
        for (; row < tile.n_rows && tile.rows[row].j == j; ++row) {
            const int v = tile.rows[row].vector;
            const unsigned bits = tile.rows[row].bits;
            const Vec by_cosine = expand(tile.by_cosine + at, bits), by_all = expand(tile.by_all + at, bits),
                      by_fade = expand(tile.by_fade + at, bits);
            const Vec inverses = inverse * two.inverse[v];
            const Vec dot = x * two.x[v] + y * two.y[v] + z * two.z[v];
            Vec mixed = by_cosine * inverses;
            const Vec turn = mixed * dot; // dV/d(cos) cos
            if (kNarrow) mixed -= expand(tile.by_far + at, bits);
            const Vec inverse_k = two.inverse[v];
            Vec pull_k = by_all + (fade * by_fade) * two.slope[v] - turn * (inverse_k * inverse_k);
            pull += by_all + (slope * by_fade) * two.fade[v] - turn * (inverse * inverse);
            if (kShifted) {
                const Vec by_sum = expand(tile.by_sum + at, bits);
                pull += by_sum * inverse;
                pull_k += by_sum * inverse_k;
            }
            two.pull[v] += pull_k;
            two.gx[v] += mixed * x;
            two.gy[v] += mixed * y;
            two.gz[v] += mixed * z;
            gx += mixed * two.x[v];
            gy += mixed * two.y[v];
            gz += mixed * two.z[v];
            at += __builtin_popcount(bits);
        }
        own[0] = pull;
        own[1] = gx;
        own[2] = gy;
        own[3] = gz;
    }
}

template <bool kNarrow, bool kShifted>
static inline void angular_slopes(const Symmetry& f, const Symmetry::Angular& group, const double* g,
                                  SymmetryWorkspace& w) {
    const NeighbourList &one = w.lists[group.list1], &two = w.lists[group.list2];
    if (one.n == 0 || two.n == 0) return;
    spread_slopes(group, g, w);
    for (int k = 0; k < padded(4 * one.n); ++k) w.rows[k] = Vec{};
    for_each_tile<kNarrow>(group, one, two, w.tile, [&] {
        const int n_vectors = fill_tile<kNarrow, true>(f, group, w.tile);
        tile_slopes<kNarrow, kShifted>(group, n_vectors, w);
        distribute<kNarrow, kShifted>(one, two, w);
    });
    sum_lanes(w.rows, 4 * one.n);
    const double* row = (const double*)w.rows;
    for (int j = 0; j < one.n; ++j, row += 4) {
        ((double*)one.pull)[j] += row[0];
        ((double*)one.gx)[j] += row[1];
        ((double*)one.gy)[j] += row[2];
        ((double*)one.gz)[j] += row[3];
    }
}

ATOMSMITH_INLINE void clear_gradients(const NeighbourList& list) {
    for (int v = 0; v < list.n_vectors; ++v) list.pull[v] = list.gx[v] = list.gy[v] = list.gz[v] = Vec{};
}

// Adds what a list has gathered to the neighbours of the lane.
static inline void add_gradients(const NeighbourList& list, int n_vectors, const Gradient& gradient) {
    for (int v = 0; v < list.n_vectors; ++v) {
        list.gx[v] += list.pull[v] * list.x[v];
        list.gy[v] += list.pull[v] * list.y[v];
        list.gz[v] += list.pull[v] * list.z[v];
    }
    int at = 0;
    for (int b = 0; b < n_vectors; ++b) {
        const unsigned bits = list.bits[b];
        if (bits == 0) continue;
        gradient.x[b] += expand((const double*)list.gx + at, bits);
        gradient.y[b] += expand((const double*)list.gy + at, bits);
        gradient.z[b] += expand((const double*)list.gz + at, bits);
        at += __builtin_popcount(bits);
    }
}

static inline void angular_slopes_any(const Symmetry& f, const Symmetry::Angular& group, const double* g,
                                      SymmetryWorkspace& w) {
    if (group.narrow)
        group.shifted ? angular_slopes<true, true>(f, group, g, w)
                      : angular_slopes<true, false>(f, group, g, w);
    else
        group.shifted ? angular_slopes<false, true>(f, group, g, w)
                      : angular_slopes<false, false>(f, group, g, w);
}

// Adds the gradient with respect to the neighbours of lane s, from g = dE/d(feature).
static inline void symmetry_force_sweep(const Part& part, int centre, const double* g,
                                        const Neighbourhood& near, int s, SymmetryWorkspace& w,
                                        const Gradient& gradient) {
    const Symmetry& f = part.symmetry;
    const Symmetry::Centre& c = f.centres[centre];
    make_lists(f, centre, near, s, w);
    for (std::size_t k = 0; k < c.lists.size(); ++k) clear_gradients(w.lists[k]);
    for (std::size_t k = 0; k < c.radial.size(); ++k) radial_slopes(c.radial[k], g, w);
    for (std::size_t k = 0; k < c.angular.size(); ++k) angular_slopes_any(f, c.angular[k], g, w);
    for (std::size_t k = 0; k < c.lists.size(); ++k)
        add_gradients(w.lists[k], near.segments(s)[near.n_species], gradient);
}

} // namespace atomsmith::ATOMSMITH_ISA
