// Symmetry functions of one lane (atom) and the force sweep back. Lanes = neighbours, or triplets: pairs of
// neighbours that are near enough are packed into vectors without gaps.
// Behler, J. Chem. Phys. 134, 074106 (2011), eqs. 6 to 9.
#pragma once

#include "compress.hpp"
#include "cutoff_functions.hpp"

namespace atomsmith::ATOMSMITH_ISA {

// Fills a list from the neighbours of lane s.
static inline void make_list(const Symmetry& f, const Symmetry::List& what, const Neighbourhood& near, int s,
                             NeighbourList& list) {
    const std::int32_t* segment = near.segments(s);
    const std::size_t lane = static_cast<std::size_t>(s) * near.stride;
    int n = 0;
    for (int z = 0; z < near.n_species; ++z) {
        const bool wanted = what.species < 0 || what.species == z;
        const double weight = what.species < 0 ? f.weight[z] : 1.0;
        for (int b = segment[z]; b < segment[z + 1]; ++b) {
            list.bits[b] = 0;
            if (!wanted) continue;
            const std::size_t at = lane + b;
            const Vec r = near.r[at];
            // Padding stands at the model's cutoff.
            const unsigned bits = lane_bits((r < what.cutoff) & (r > what.low));
            list.bits[b] = bits;
            compress((double*)list.x + n, near.ux[at] * r, bits);
            compress((double*)list.y + n, near.uy[at] * r, bits);
            compress((double*)list.z + n, near.uz[at] * r, bits);
            compress((double*)list.r + n, r, bits);
            compress((double*)list.inverse + n, near.inverse[at], bits);
            compress((double*)list.fade + n, broadcast(weight), bits);
            n += __builtin_popcount(bits);
        }
    }
    list.n = n;
    list.n_vectors = (n + kLanes - 1) / kLanes;
    for (int k = n; k < list.n_vectors * kLanes; ++k) {
        ((double*)list.x)[k] = ((double*)list.y)[k] = ((double*)list.z)[k] = ((double*)list.fade)[k] = 0.0;
        ((double*)list.r)[k] = what.cutoff;
        ((double*)list.inverse)[k] = 1.0 / what.cutoff;
    }
    for (int v = 0; v < list.n_vectors; ++v) {
        list.square[v] = list.r[v] * list.r[v];
        const Fade fade =
            fade_of(f, what.compact, what.low, what.cutoff, list.r[v], list.square[v], list.inverse[v]);
        list.slope[v] = list.fade[v] * fade.slope;
        list.fade[v] *= fade.value;
    }
}

static inline void make_lists(const Symmetry& f, int centre, const Neighbourhood& near, int s,
                              SymmetryWorkspace& w) {
    const Symmetry::Centre& c = f.centres[centre];
    for (std::size_t k = 0; k < c.lists.size(); ++k) make_list(f, c.lists[k], near, s, w.lists[k]);
}

// Gaussians of `n_vectors` sums of squares and of distances, of `count` distances each.
static inline void make_gaussians(const Symmetry::GaussianStep* step, const Symmetry::GaussianStep* end,
                                  int count, int n_vectors, const Vec* squares, const Vec* distances,
                                  Vec* to) {
    using Kind = Symmetry::GaussianStep::Kind;
    for (; step != end; ++step) {
        Vec* out = to + step->to * kTileSize;
        if (step->kind == Kind::kOne) {
            for (int b = 0; b < n_vectors; ++b) out[b] = broadcast(1.0);
        } else if (step->kind == Kind::kProduct) {
            const Vec *a = to + step->a * kTileSize, *c = to + step->b * kTileSize;
            for (int b = 0; b < n_vectors; ++b) out[b] = a[b] * c[b];
        } else if (step->shift == 0.0) {
            for (int b = 0; b < n_vectors; ++b) out[b] = decay(-step->eta * squares[b]);
        } else {
            const double linear = 2.0 * step->eta * step->shift,
                         constant = count * step->eta * step->shift * step->shift;
            for (int b = 0; b < n_vectors; ++b)
                out[b] = decay(min(linear * distances[b] - step->eta * squares[b] - constant, 0.0));
        }
    }
}

// Sums over lanes of n vectors, contiguous; `sums` is overwritten and has space up to whole vectors.
ATOMSMITH_INLINE void sum_lanes(Vec* sums, int n) {
    double* to = (double*)sums;
    for (int k = 0; k < n; k += kLanes) store_unaligned(to + k, sum_each(sums + k));
}

static inline void radial_sums(const Symmetry::Radial& group, SymmetryWorkspace& w, double* features) {
    const NeighbourList& list = w.lists[group.list];
    const int n = static_cast<int>(group.gaussians.size());
    for (int k = 0; k < padded(n); ++k) w.sums[k] = Vec{};
    for (int first = 0; first < list.n_vectors; first += kTileSize) {
        const int rest = list.n_vectors - first, n_vectors = rest < kTileSize ? rest : kTileSize;
        make_gaussians(group.steps.data(), group.steps.data() + group.steps.size(), 1, n_vectors,
                       list.square + first, list.r + first, w.tile.gaussian);
        for (int k = 0; k < n; ++k) {
            const Vec* e = w.tile.gaussian + group.gaussians[k].slot * kTileSize;
            Vec sum = w.sums[k];
            for (int b = 0; b < n_vectors; ++b) sum += e[b] * list.fade[first + b];
            w.sums[k] = sum;
        }
    }
    sum_lanes(w.sums, n);
    for (int k = 0; k < n; ++k) features[group.feature[k]] = ((const double*)w.sums)[k];
}

// Adds dE/d(distance)/distance of a group, with g = dE/d(feature).
static inline void radial_slopes(const Symmetry::Radial& group, const double* g, SymmetryWorkspace& w) {
    const NeighbourList& list = w.lists[group.list];
    const int n = static_cast<int>(group.gaussians.size());
    for (int first = 0; first < list.n_vectors; first += kTileSize) {
        const int rest = list.n_vectors - first, n_vectors = rest < kTileSize ? rest : kTileSize;
        make_gaussians(group.steps.data(), group.steps.data() + group.steps.size(), 1, n_vectors,
                       list.square + first, list.r + first, w.tile.gaussian);
        for (int b = 0; b < n_vectors; ++b) {
            Vec sum{}, width{}, shift{};
            for (int k = 0; k < n; ++k) {
                const Symmetry::Gaussian& gaussian = group.gaussians[k];
                const Vec e = g[group.feature[k]] * w.tile.gaussian[gaussian.slot * kTileSize + b];
                sum += e;
                width += gaussian.eta * e;
                shift += gaussian.eta_shift * e;
            }
            const int v = first + b;
            list.pull[v] += list.slope[v] * sum - 2.0 * list.fade[v] * (width - shift * list.inverse[v]);
        }
    }
}

// Compact functions of the angle, each with its slope by the cosine behind.
template <bool kSlopes>
static inline void make_angles(const Symmetry::Angular& group, int n_vectors, TripletTile& tile) {
    const Vec* cosine = (const Vec*)tile.cosine;
    Vec angle[kTileSize], over_sine[kTileSize];
    for (int b = 0; b < n_vectors; ++b) {
        const Vec c = min(max(cosine[b], -1.0), 1.0);
        for (int k = 0; k < kLanes; ++k) angle[b][k] = __builtin_acos(c[k]);
        // Straight angles move nothing to first order.
        over_sine[b] = 1.0 / square_root(max(1.0 - c * c, 1e-24));
        tile.over[b] = broadcast(1.0);
    }
    const Symmetry::PowerStep* end = group.power_steps.data() + group.power_steps.size();
    for (const Symmetry::PowerStep* step = group.power_steps.data(); step != end; ++step) {
        Vec* out = tile.power + step->to * kTileSize;
        for (int b = 0; b < n_vectors; ++b) {
            Vec slope;
            compact_function(group.compact.core, false, step->low, step->high, angle[b], out[b], slope);
            if (kSlopes) out[kTileSize + b] = -slope * over_sine[b];
        }
    }
}

// Powers of 1 + lambda cos of a tile and, for slopes, lambda over the base.
template <bool kSlopes>
static inline void make_powers(const Symmetry::Angular& group, int n_vectors, TripletTile& tile) {
    const Vec* cosine = (const Vec*)tile.cosine;
    if (group.compact.is) return make_angles<kSlopes>(group, n_vectors, tile);
    for (std::size_t k = 0; k < group.lambdas.size(); ++k) {
        Vec *y = tile.power + k * kTileSize, *over = tile.over + k * kTileSize;
        const double lambda = group.lambdas[k];
        for (int b = 0; b < n_vectors; ++b) {
            y[b] = max(1.0 + lambda * cosine[b], 0.0);
            // At y = 0 the angle is straight, and moves nothing to first order.
            if (kSlopes) over[b] = lambda / max(y[b], 1e-30);
        }
    }
    using Kind = Symmetry::PowerStep::Kind;
    const Symmetry::PowerStep* end = group.power_steps.data() + group.power_steps.size();
    for (const Symmetry::PowerStep* step = group.power_steps.data(); step != end; ++step) {
        Vec* out = tile.power + step->to * kTileSize;
        const Vec *a = tile.power + step->a * kTileSize, *c = tile.power + step->b * kTileSize;
        if (step->kind == Kind::kProduct)
            for (int b = 0; b < n_vectors; ++b) out[b] = a[b] * c[b];
        else
            for (int b = 0; b < n_vectors; ++b)
                for (int k = 0; k < kLanes; ++k) out[b][k] = __builtin_pow(a[b][k], step->exponent);
    }
}

// Everything of a tile that does not depend on coefficients; returns how many vectors it has.
template <bool kNarrow, bool kSlopes>
static inline int fill_tile(const Symmetry& f, const Symmetry::Angular& group, TripletTile& tile) {
    const int n_vectors = ((tile.n + kLanes - 1) / kLanes + kQuad - 1) / kQuad * kQuad;
    for (int k = tile.n; k < n_vectors * kLanes; ++k) {
        tile.cosine[k] = tile.fade[k] = 0.0;
        tile.far[k] = tile.near[k] = tile.sum[k] = 1.0;
    }
    Vec *far = (Vec*)tile.far, *near = (Vec*)tile.near, *sum = (Vec*)tile.sum;
    if (kNarrow) {
        const bool by_square = f.cutoff_function == Symmetry::Cutoff::kCosine && f.inner == 0.0 &&
                               !group.shifted && !group.compact.is;
        for (int b = 0; b < n_vectors; ++b) {
            Fade fade;
            if (by_square) {
                fade = cosine_fade(far[b], group.cutoff);
            } else {
                const Vec r = square_root(far[b]);
                fade = fade_of(f, group.compact, group.low, group.cutoff, r, far[b], 1.0 / r);
                tile.far_r[b] = r;
                sum[b] += r;
            }
            tile.far_fade[b] = fade.value;
            if (kSlopes) tile.far_slope[b] = fade.slope;
            near[b] += far[b];
        }
    }
    make_gaussians(group.gaussian_steps.data(), group.gaussian_steps.data() + group.gaussian_steps.size(),
                   kNarrow ? 3 : 2, n_vectors, near, sum, tile.gaussian);
    make_powers<kSlopes>(group, n_vectors, tile);
    return n_vectors;
}

// Packs the triplets of two lists into tiles and calls process() for each; a list with itself gives every
// pair once.
template <bool kNarrow, class Process>
static inline void for_each_tile(const Symmetry::Angular& group, const NeighbourList& one,
                                 const NeighbourList& two, TripletTile& tile, Process process) {
    const bool same = group.list1 == group.list2;
    const double limit = group.cutoff * group.cutoff, least = group.low > 0.0 ? group.low * group.low : -1.0;
    const unsigned last = two.n % kLanes ? (1u << two.n % kLanes) - 1 : kAllLanes;
    tile.n = tile.n_rows = 0;
    for (int j = 0; j < one.n; ++j) {
        const double x = ((const double*)one.x)[j], y = ((const double*)one.y)[j],
                     z = ((const double*)one.z)[j];
        const double square = ((const double*)one.square)[j], r = ((const double*)one.r)[j],
                     inverse = ((const double*)one.inverse)[j], fade = ((const double*)one.fade)[j];
        const int begin = same ? (j + 1) / kLanes : 0;
        for (int v = begin; v < two.n_vectors; ++v) {
            const Vec dot = x * two.x[v] + y * two.y[v] + z * two.z[v];
            const Vec near = square + two.square[v], far = near - 2.0 * dot;
            unsigned bits = kNarrow ? lane_bits((far < limit) & (far > least)) : kAllLanes;
            if (same && v == begin) bits &= kAllLanes << (j + 1) % kLanes;
            if (v == two.n_vectors - 1) bits &= last;
            if (bits == 0) continue;
            const int count = __builtin_popcount(bits);
            if (tile.n + count > kTileTriplets) {
                process();
                tile.n = tile.n_rows = 0;
            }
            compress(tile.cosine + tile.n, dot * (inverse * two.inverse[v]), bits);
            compress(tile.near + tile.n, near, bits);
            compress(tile.fade + tile.n, fade * two.fade[v], bits);
            if (kNarrow) compress(tile.far + tile.n, far, bits);
            if (group.shifted) compress(tile.sum + tile.n, r + two.r[v], bits);
            tile.rows[tile.n_rows++] = {j, v, bits};
            tile.n += count;
        }
    }
    if (tile.n > 0) process();
}

// sums[g][p] += sum over triplets of gaussian g times power p, kG x kP at a time.
template <int kG, int kP>
ATOMSMITH_INLINE void add_products(const Vec* const* gaussian, const Vec* const* power, int n_vectors,
                                   Vec* const* sums) {
    Vec total[kG][kP];
    for (int g = 0; g < kG; ++g)
        for (int p = 0; p < kP; ++p) total[g][p] = sums[g][p];
    for (int b = 0; b < n_vectors; ++b)
        for (int g = 0; g < kG; ++g)
            for (int p = 0; p < kP; ++p) total[g][p] += gaussian[g][b] * power[p][b];
    for (int g = 0; g < kG; ++g)
        for (int p = 0; p < kP; ++p) sums[g][p] = total[g][p];
}

static inline void add_block(const Symmetry::Angular& group, const Symmetry::Block& block, int n_vectors,
                             const TripletTile& tile, Vec* sums) {
    const int n_powers = static_cast<int>(block.power_slot.size()),
              n_gaussians = block.gaussian_end - block.gaussian_begin;
    for (int g = 0; g < n_gaussians;) {
        const int n_g = n_gaussians - g >= 3 ? 3 : n_gaussians - g;
        const Vec* gaussian[3];
        for (int i = 0; i < n_g; ++i)
            gaussian[i] = tile.gaussian + group.gaussians[block.gaussian_begin + g + i].slot * kTileSize;
        for (int p = 0; p < n_powers;) {
            const int n_p = n_powers - p >= 4 ? 4 : 1;
            const Vec* power[4];
            Vec* to[3];
            for (int i = 0; i < n_p; ++i) power[i] = tile.power + block.power_slot[p + i] * kTileSize;
            for (int i = 0; i < n_g; ++i) to[i] = sums + block.first_sum + (g + i) * n_powers + p;
            switch (n_p + n_g) {
            case 7:
                add_products<3, 4>(gaussian, power, n_vectors, to);
                break;
            case 6:
                add_products<2, 4>(gaussian, power, n_vectors, to);
                break;
            case 5:
                add_products<1, 4>(gaussian, power, n_vectors, to);
                break;
            case 4:
                add_products<3, 1>(gaussian, power, n_vectors, to);
                break;
            case 3:
                add_products<2, 1>(gaussian, power, n_vectors, to);
                break;
            default:
                add_products<1, 1>(gaussian, power, n_vectors, to);
            }
            p += n_p;
        }
        g += n_g;
    }
}

template <bool kNarrow>
static inline void angular_sums(const Symmetry& f, const Symmetry::Angular& group, SymmetryWorkspace& w,
                                double* features) {
    TripletTile& tile = w.tile;
    const int n_blocks = static_cast<int>(group.blocks.size());
    for (int k = 0; k < padded(group.n_sums); ++k) w.sums[k] = Vec{};
    for_each_tile<kNarrow>(group, w.lists[group.list1], w.lists[group.list2], tile, [&] {
        const int n_vectors = fill_tile<kNarrow, false>(f, group, tile);
        Vec* fade = (Vec*)tile.fade;
        if (kNarrow)
            for (int b = 0; b < n_vectors; ++b) fade[b] *= tile.far_fade[b];
        for (int slot = 0; slot < group.n_gaussian_slots; ++slot)
            for (int b = 0; b < n_vectors; ++b) tile.gaussian[slot * kTileSize + b] *= fade[b];
        for (int k = 0; k < n_blocks; ++k) add_block(group, group.blocks[k], n_vectors, tile, w.sums);
    });
    sum_lanes(w.sums, group.n_sums);
    for (int k = 0; k < n_blocks; ++k) {
        const Symmetry::Block& block = group.blocks[k];
        const int n_powers = static_cast<int>(block.power_slot.size()),
                  n = static_cast<int>(block.feature.size());
        for (int e = 0; e < n; ++e)
            if (block.feature[e] >= 0)
                features[block.feature[e]] =
                    block.norm[e % n_powers] * ((const double*)w.sums)[block.first_sum + e];
    }
}

// All functions of lane s into `features`.
static inline void symmetry_sweep(const Part& part, int centre, const Neighbourhood& near, int s,
                                  SymmetryWorkspace& w, double* features) {
    const Symmetry& f = part.symmetry;
    const Symmetry::Centre& c = f.centres[centre];
    for (int k = 0; k < part.n_channels; ++k) features[k] = 0.0;
    make_lists(f, centre, near, s, w);
    for (std::size_t k = 0; k < c.radial.size(); ++k) radial_sums(c.radial[k], w, features);
    for (std::size_t k = 0; k < c.angular.size(); ++k) {
        if (c.angular[k].narrow)
            angular_sums<true>(f, c.angular[k], w, features);
        else
            angular_sums<false>(f, c.angular[k], w, features);
    }
}

} // namespace atomsmith::ATOMSMITH_ISA
