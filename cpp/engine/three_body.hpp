// Squared-exponential kernels of triplets of one lane (atom). Lanes = triplets, which are packed into tiles
// without gaps; see three_body_plan.hpp for the formula.
#pragma once

#include "compress.hpp"
#include "quintic.hpp"

namespace atomsmith::ATOMSMITH_ISA {

// The slope of 2^(-x^2) is -kTwoLn2 x times it.
inline constexpr double kTwoLn2 = 1.38629436111989061883;

// 2^x for x <= 0, to rounding; below 2^-1000 it may be 0 or 2^-1000.
ATOMSMITH_INLINE Vec power_of_two(Vec x) {
    constexpr double kRound = 6755399441055744.0; // 1.5 * 2^52: adding it rounds to a whole number
#if !defined(__AVX512F__)
    x = max(x, -1000.0);
#endif
    const Vec shifted = x + kRound;
    const Vec whole = shifted - kRound;
    const Vec r = x - whole;
    // Best approximation of 2^r on [-1/2, 1/2] by a polynomial of degree 10, wrong by 2.2e-16.
    constexpr double kTerms[11] = {1.0,
                                   0.69314718055995,
                                   0.24022650695910097,
                                   0.05550410866444772,
                                   0.009618129107606888,
                                   0.0013333558230164974,
                                   0.0001540353044173605,
                                   1.5252657260200837e-05,
                                   1.321544258792169e-06,
                                   1.0208690299958306e-07,
                                   7.072585949269223e-09};
    Vec series = broadcast(kTerms[10]);
    for (int n = 9; n >= 0; --n) series = series * r + kTerms[n];
#if defined(__AVX512F__)
    return (Vec)_mm512_scalef_pd((__m512d)series, (__m512d)whole);
#else
    // The last bits of `shifted` are the whole number in two's complement; they become the exponent.
    return series * (Vec)(((Mask)shifted << 52) + 0x3ff0000000000000);
#endif
}

// Fills the list from the neighbours of lane s.
static inline void make_near_list(const ThreeBody::Kernel& kernel, int centre, const Neighbourhood& near,
                                  int s, NearList& list) {
    const std::int32_t* segment = near.segments(s);
    const std::size_t lane = static_cast<std::size_t>(s) * near.stride;
    int n = 0;
    for (int z = 0; z < near.n_species; ++z) {
        list.first[z] = n;
        const bool wanted = kernel.is_used[centre * near.n_species + z] != 0;
        for (int b = segment[z]; b < segment[z + 1]; ++b) {
            list.bits[b] = 0;
            if (!wanted) continue;
            const Vec r = near.r[lane + b];
            // Padding stands at the model's cutoff.
            const unsigned bits = lane_bits(r < kernel.cutoff);
            list.bits[b] = bits;
            if (bits == 0) continue;
            Vec fade = broadcast(1.0), slope{};
            if (kernel.width > 0.0) switch_off(kernel.cutoff, kernel.width, r, 1, &fade, &slope);
            compress(list.x + n, near.ux[lane + b] * r, bits);
            compress(list.y + n, near.uy[lane + b] * r, bits);
            compress(list.z + n, near.uz[lane + b] * r, bits);
            compress(list.r + n, r, bits);
            compress(list.inverse + n, near.inverse[lane + b], bits);
            compress(list.fade + n, fade, bits);
            compress(list.slope + n, slope, bits);
            n += __builtin_popcount(bits);
        }
    }
    list.n = list.first[near.n_species] = n;
    // What the last row reads behind the list.
    store_unaligned(list.x + n, Vec{});
    store_unaligned(list.y + n, Vec{});
    store_unaligned(list.z + n, Vec{});
    store_unaligned(list.r + n, broadcast(kernel.cutoff));
    store_unaligned(list.inverse + n, broadcast(1.0 / kernel.cutoff));
    store_unaligned(list.fade + n, Vec{});
    store_unaligned(list.slope + n, Vec{});
}

// Sum N over permutations of e^(-|P q - q|^2 / 2); stores the slopes by q of the logarithm of 1 / sqrt(N).
static inline Vec sum_permutations(const ThreeBody::Kernel& kernel, int b, ThreeBodyWorkspace& w) {
    Vec q[3], sum{}, slope[3] = {};
    for (int d = 0; d < 3; ++d) q[d] = ((const Vec*)w.q[d])[b];
    const std::int32_t* permutation = kernel.permutations.data();
    for (int p = 0; p < kernel.n_permutations(); ++p, permutation += 3) {
        Vec difference[3], square{};
        for (int d = 0; d < 3; ++d) {
            difference[d] = q[permutation[d]] - q[d];
            square += difference[d] * difference[d];
        }
        const Vec e = power_of_two(-square);
        sum += e;
        for (int d = 0; d < 3; ++d) {
            slope[d] += e * difference[d];
            slope[permutation[d]] -= e * difference[d];
        }
    }
    for (int d = 0; d < 3; ++d)
        ((Vec*)w.norm_slope[d])[b] = (-0.5 * kTwoLn2 * kernel.scale[d]) * slope[d] / sum;
    return sum;
}

// The tile's triplets up to whole vectors, and what follows from the geometry; returns how many vectors.
static inline int finish_triplets(const ThreeBody::Kernel& kernel, ThreeBodyWorkspace& w) {
    const int n_vectors = (w.n + kLanes - 1) / kLanes;
    for (int k = w.n; k < n_vectors * kLanes; ++k) {
        w.r[0][k] = w.r[1][k] = w.fade[k] = 0.0;
        w.r[2][k] = 1.0;
    }
    for (int b = 0; b < n_vectors; ++b) {
        const Vec r_j = ((const Vec*)w.r[0])[b], r_k = ((const Vec*)w.r[1])[b];
        const Vec far = square_root(((const Vec*)w.r[2])[b]), difference = r_j - r_k;
        ((Vec*)w.over)[b] = 1.0 / far;
        ((Vec*)w.q[0])[b] = kernel.scale[0] * (kernel.of_distances ? r_j : r_j + r_k);
        ((Vec*)w.q[1])[b] = kernel.scale[1] * (kernel.of_distances ? r_k : difference * difference);
        ((Vec*)w.q[2])[b] = kernel.scale[2] * far;
        if (!kernel.permutations.empty())
            ((Vec*)w.norm)[b] = 1.0 / square_root(sum_permutations(kernel, b, w));
    }
    return n_vectors;
}

// Packs the triplets of a centre into tiles and calls process(vectors) for each.
template <class Process>
static inline void for_each_triplet_tile(const ThreeBody::Kernel& kernel, int centre, ThreeBodyWorkspace& w,
                                         Process process) {
    const NearList& list = w.list;
    w.n = w.n_rows = 0;
    const ThreeBody::Pair* pairs = kernel.pairs[centre].data();
    const int n_pairs = static_cast<int>(kernel.pairs[centre].size());
    for (int p = 0; p < n_pairs; ++p) {
        const bool same = pairs[p].first == pairs[p].second;
        const int end = list.first[pairs[p].second + 1];
        for (int j = list.first[pairs[p].first]; j < list.first[pairs[p].first + 1]; ++j)
            for (int k = same ? j + 1 : list.first[pairs[p].second]; k < end; k += kLanes) {
                const int count = end - k < kLanes ? end - k : kLanes;
                if (w.n + count > kTriplets) {
                    process(finish_triplets(kernel, w));
                    w.n = w.n_rows = 0;
                }
                const Vec dx = list.x[j] - load_unaligned(list.x + k),
                          dy = list.y[j] - load_unaligned(list.y + k),
                          dz = list.z[j] - load_unaligned(list.z + k);
                // Lanes beyond `count` are overwritten by what comes next.
                store_unaligned(w.r[0] + w.n, broadcast(list.r[j]));
                store_unaligned(w.r[1] + w.n, load_unaligned(list.r + k));
                store_unaligned(w.r[2] + w.n, dx * dx + dy * dy + dz * dz);
                store_unaligned(w.fade + w.n, list.fade[j] * load_unaligned(list.fade + k));
                w.rows[w.n_rows++] = {j, k, count};
                w.n += count;
            }
    }
    if (w.n > 0) process(finish_triplets(kernel, w));
}

// Stores the sum over points of one vector of triplets, and turns its slopes by q into those by distances.
ATOMSMITH_INLINE void finish_sum(const ThreeBody::Kernel& kernel, int b, Vec value, Vec* by,
                                 ThreeBodyWorkspace& w) {
    if (!kernel.permutations.empty()) {
        const Vec norm = ((const Vec*)w.norm)[b];
        value *= norm;
        for (int d = 0; d < 3; ++d) by[d] = by[d] * norm + value * ((const Vec*)w.norm_slope[d])[b];
    }
    if (!kernel.of_distances) {
        const Vec turn = 2.0 * (((const Vec*)w.r[0])[b] - ((const Vec*)w.r[1])[b]) * by[1];
        by[1] = by[0] - turn;
        by[0] += turn;
    }
    ((Vec*)w.value)[b] = value;
    ((Vec*)w.by[0])[b] = by[0];
    ((Vec*)w.by[1])[b] = by[1];
    ((Vec*)w.by[2])[b] = by[2] * ((const Vec*)w.over)[b];
}

// Sums over points [begin, end) of coefficient times kernel, and their slopes, of kVectors vectors of the
// tile; `coefficients` are those of the points.
template <int kVectors>
ATOMSMITH_INLINE void sum_points(const ThreeBody::Kernel& kernel, int begin, int end,
                                 const double* coefficients, int b, ThreeBodyWorkspace& w) {
    Vec q[kVectors][3], value[kVectors] = {}, by[kVectors][3] = {};
    for (int i = 0; i < kVectors; ++i)
        for (int d = 0; d < 3; ++d) q[i][d] = ((const Vec*)w.q[d])[b + i];
    const int n_permutations = kernel.n_permutations();
    const double* point = kernel.scaled.data() + static_cast<std::size_t>(3 * n_permutations) * begin;
    for (int m = 0; m < end - begin; ++m) {
        const double c = coefficients[m];
        for (int p = 0; p < n_permutations; ++p, point += 3)
            for (int i = 0; i < kVectors; ++i) {
                const Vec d0 = point[0] - q[i][0], d1 = point[1] - q[i][1], d2 = point[2] - q[i][2];
                const Vec e = c * power_of_two(-d0 * d0 - d1 * d1 - d2 * d2);
                value[i] += e;
                by[i][0] += e * d0;
                by[i][1] += e * d1;
                by[i][2] += e * d2;
            }
    }
    for (int i = 0; i < kVectors; ++i) {
        for (int d = 0; d < 3; ++d) by[i][d] *= kTwoLn2 * kernel.scale[d];
        finish_sum(kernel, b + i, value[i], by[i], w);
    }
}

// Hands the slopes of a tile to its neighbours; returns its energy.
static inline Vec distribute_triplets(ThreeBodyWorkspace& w) {
    const NearList& list = w.list;
    Vec energy{};
    int at = 0;
    for (int row = 0; row < w.n_rows;) {
        const int j = w.rows[row].j;
        const double x = list.x[j], y = list.y[j], z = list.z[j], f_j = list.fade[j], s_j = list.slope[j],
                     inverse_j = list.inverse[j];
        Vec pull{}, gx{}, gy{}, gz{};
        for (; row < w.n_rows && w.rows[row].j == j; ++row) {
            const int k = w.rows[row].k, count = w.rows[row].count;
            const unsigned bits = (1u << count) - 1;
            const Vec value = expand(w.value + at, bits), both = expand(w.fade + at, bits);
            const Vec by_far = both * expand(w.by[2] + at, bits);
            const Vec f_k = load_unaligned(list.fade + k), s_k = load_unaligned(list.slope + k);
            const Vec pull_j = (s_j * f_k * value + both * expand(w.by[0] + at, bits)) * inverse_j + by_far;
            const Vec pull_k =
                (f_j * s_k * value + both * expand(w.by[1] + at, bits)) * load_unaligned(list.inverse + k) +
                by_far;
            energy += both * value;
            pull += pull_j;
            gx -= by_far * load_unaligned(list.x + k);
            gy -= by_far * load_unaligned(list.y + k);
            gz -= by_far * load_unaligned(list.z + k);
            store_unaligned(list.pull + k, load_unaligned(list.pull + k) + pull_k);
            store_unaligned(list.gx + k, load_unaligned(list.gx + k) - by_far * x);
            store_unaligned(list.gy + k, load_unaligned(list.gy + k) - by_far * y);
            store_unaligned(list.gz + k, load_unaligned(list.gz + k) - by_far * z);
            at += count;
        }
        list.pull[j] += horizontal_sum(pull);
        list.gx[j] += horizontal_sum(gx);
        list.gy[j] += horizontal_sum(gy);
        list.gz[j] += horizontal_sum(gz);
    }
    return energy;
}

// Adds what the list has gathered to the neighbours of the lane.
static inline void add_near_gradients(const NearList& list, int n_vectors, const Gradient& gradient) {
    int at = 0;
    for (int b = 0; b < n_vectors; ++b) {
        const unsigned bits = list.bits[b];
        if (bits == 0) continue;
        const Vec pull = expand(list.pull + at, bits);
        gradient.x[b] += pull * expand(list.x + at, bits) + expand(list.gx + at, bits);
        gradient.y[b] += pull * expand(list.y + at, bits) + expand(list.gy + at, bits);
        gradient.z[b] += pull * expand(list.z + at, bits) + expand(list.gz + at, bits);
        at += __builtin_popcount(bits);
    }
}

// Adds the gradient of the sum of coefficient times feature over points [begin, end) of a kernel whose list
// is made, and returns the sum.
static inline double triplet_energy(const ThreeBody::Kernel& kernel, int centre, int begin, int end,
                                    const double* coefficients, int n_vectors, ThreeBodyWorkspace& w,
                                    const Gradient& gradient) {
    const NearList& list = w.list;
    for (int k = 0; k < list.n + kLanes; ++k) list.pull[k] = list.gx[k] = list.gy[k] = list.gz[k] = 0.0;
    Vec energy{};
    for_each_triplet_tile(kernel, centre, w, [&](int vectors) {
        int b = 0;
        for (; b + 2 <= vectors; b += 2) sum_points<2>(kernel, begin, end, coefficients, b, w);
        if (b < vectors) sum_points<1>(kernel, begin, end, coefficients, b, w);
        energy += distribute_triplets(w);
    });
    add_near_gradients(list, n_vectors, gradient);
    return horizontal_sum(energy);
}

// Adds the gradient of the part's energy with coefficients of its features, and returns the energy.
static inline double three_body_energy(const Part& part, int centre, const double* coefficients,
                                       const Neighbourhood& near, int s, ThreeBodyWorkspace& w,
                                       const Gradient& gradient) {
    const ThreeBody::Kernel* kernels = part.three_body.kernels.data();
    const int n = static_cast<int>(part.three_body.kernels.size());
    double energy = 0.0;
    for (int k = 0; k < n; ++k) {
        if (kernels[k].pairs[centre].empty()) continue;
        make_near_list(kernels[k], centre, near, s, w.list);
        energy += triplet_energy(kernels[k], centre, 0, kernels[k].n_points(),
                                 coefficients + kernels[k].first_feature, near.segments(s)[near.n_species], w,
                                 gradient);
    }
    return energy;
}

// Adds the features of lane s.
static inline void three_body_features(const Part& part, int centre, const Neighbourhood& near, int s,
                                       ThreeBodyWorkspace& w, double* features) {
    const ThreeBody::Kernel* kernels = part.three_body.kernels.data();
    const int n = static_cast<int>(part.three_body.kernels.size());
    for (int k = 0; k < n; ++k) {
        const ThreeBody::Kernel& kernel = kernels[k];
        if (kernel.pairs[centre].empty()) continue;
        make_near_list(kernel, centre, near, s, w.list);
        for_each_triplet_tile(kernel, centre, w, [&](int vectors) {
            const double* point = kernel.scaled.data();
            const Vec *q0 = (const Vec*)w.q[0], *q1 = (const Vec*)w.q[1], *q2 = (const Vec*)w.q[2];
            Vec* fade = (Vec*)w.fade;
            if (!kernel.permutations.empty())
                for (int b = 0; b < vectors; ++b) fade[b] *= ((const Vec*)w.norm)[b];
            for (int m = 0; m < kernel.n_points(); ++m) {
                Vec sum{};
                for (int p = 0; p < kernel.n_permutations(); ++p, point += 3)
                    for (int b = 0; b < vectors; ++b) {
                        const Vec d0 = point[0] - q0[b], d1 = point[1] - q1[b], d2 = point[2] - q2[b];
                        sum += fade[b] * power_of_two(-d0 * d0 - d1 * d1 - d2 * d2);
                    }
                features[kernel.first_feature + m] += horizontal_sum(sum);
            }
        });
    }
}

// Calls body(feature of the part, value, gx, gy, gz) for the features of lane s and their gradients by its
// neighbours.
template <class Body>
static inline void for_each_triplet_gradient(const Part& part, int centre, int s, Workspace& w,
                                             ThreeBodyWorkspace& own, Body body) {
    const int n_vectors = w.near.segments(s)[w.near.n_species],
              n = static_cast<int>(part.three_body.kernels.size());
    const Gradient row{w.row, w.row + w.near.stride, w.row + 2 * w.near.stride};
    for (int k = 0; k < n; ++k) {
        const ThreeBody::Kernel& kernel = part.three_body.kernels[k];
        if (kernel.pairs[centre].empty()) continue;
        make_near_list(kernel, centre, w.near, s, own.list);
        for (int m = 0; m < kernel.n_points(); ++m) {
            const double one = 1.0;
            clear(row, n_vectors);
            const double value = triplet_energy(kernel, centre, m, m + 1, &one, n_vectors, own, row);
            body(kernel.first_feature + m, value, row.x, row.y, row.z);
        }
    }
}

} // namespace atomsmith::ATOMSMITH_ISA
