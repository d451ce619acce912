// Atomic cluster expansion: basis sweep A_v = sum_j R_k Y_lm, and the force sweep back from dE/dA.
// Lanes = neighbours. Drautz, Phys. Rev. B 99, 014104 (2019).
#pragma once

#include "radial.hpp"

namespace atomsmith::ATOMSMITH_ISA {

// The harmonics of one vector of directions: q(l, m) = N_lm d^m P_l / dz^m for m <= l, then c_m, then s_m,
// with c_m + i s_m = (x + i y)^m. Y_lm = q(l, m) c_m for m >= 0 and q(l, |m|) s_|m| for m < 0.
struct Harmonics {
    const Vec* data;
    int l_max;

    static constexpr int at(int l, int m) { return l * (l + 1) / 2 + m; }

    ATOMSMITH_INLINE const Vec& q(const Harmonics& h, int l, int m) { return h.data[at(l, m)]; }
    ATOMSMITH_INLINE const Vec& c(const Harmonics& h, int m) { return h.data[at(h.l_max + 1, m)]; }
    ATOMSMITH_INLINE const Vec& s(const Harmonics& h, int m) {
        return h.data[at(h.l_max + 1, h.l_max + 1 + m)];
    }

    ATOMSMITH_INLINE void fill(Vec* data, const HarmonicTable<Real>& table, int l_max, Vec x, Vec y, Vec z) {
        Vec* c = data + at(l_max + 1, 0);
        Vec* s = c + l_max + 1;
        c[0] = broadcast(1.0);
        s[0] = Vec{};
        for (int m = 1; m <= l_max; ++m) {
            c[m] = x * c[m - 1] - y * s[m - 1];
            s[m] = x * s[m - 1] + y * c[m - 1];
        }
        for (int m = 0; m <= l_max; ++m) {
            Vec two = broadcast(table.diagonal[m]);
            data[at(m, m)] = two;
            if (m == l_max) break;
            Vec one = table.a[(m + 1) * HarmonicTable<Real>::kStride + m] * z * two;
            data[at(m + 1, m)] = one;
            for (int l = m + 2; l <= l_max; ++l) {
                const int entry = l * HarmonicTable<Real>::kStride + m;
                const Vec now = table.a[entry] * z * one + table.b[entry] * two;
                data[at(l, m)] = now;
                two = one;
                one = now;
            }
        }
    }
};

// Sums over neighbours of `kM` consecutive m and `kN` consecutive radial functions: kM * kN consecutive
// channels.
template <int kM, int kN>
static inline void accumulate(const Vec* radial, int radial_stride, const Vec* angular, int angular_stride,
                              int n_vectors, Real* out) {
    constexpr int kPadded = (kM * kN + kLanes - 1) / kLanes * kLanes;
    Vec sum[kPadded] = {};
    for (int b = 0; b < n_vectors; ++b) {
        const Vec* r = radial + static_cast<std::size_t>(b) * radial_stride;
        const Vec* y = angular + static_cast<std::size_t>(b) * angular_stride;
        for (int m = 0; m < kM; ++m)
            for (int k = 0; k < kN; ++k) sum[m * kN + k] += r[k] * y[m];
    }
    for (int k = 0; k < kPadded; k += kLanes) store_unaligned(out + k, sum_each(sum + k));
}

template <int kM>
static inline void accumulate_any(int n, const Vec* radial, int radial_stride, const Vec* angular,
                                  int angular_stride, int n_vectors, Real* out) {
    switch (n) {
    case 1:
        return accumulate<kM, 1>(radial, radial_stride, angular, angular_stride, n_vectors, out);
    case 2:
        return accumulate<kM, 2>(radial, radial_stride, angular, angular_stride, n_vectors, out);
    case 3:
        return accumulate<kM, 3>(radial, radial_stride, angular, angular_stride, n_vectors, out);
    case 4:
        return accumulate<kM, 4>(radial, radial_stride, angular, angular_stride, n_vectors, out);
    case 5:
        return accumulate<kM, 5>(radial, radial_stride, angular, angular_stride, n_vectors, out);
    case 6:
        return accumulate<kM, 6>(radial, radial_stride, angular, angular_stride, n_vectors, out);
    case 7:
        return accumulate<kM, 7>(radial, radial_stride, angular, angular_stride, n_vectors, out);
    default:
        return accumulate<kM, 8>(radial, radial_stride, angular, angular_stride, n_vectors, out);
    }
}

// A of lane s, contiguous in the channel; `out` has kLanes doubles to spare at its end, because every call of
// `accumulate` may write past its channels (the next call overwrites that).
static inline void basis_sweep(const Part& part, const Neighbourhood& near, int s, const PartWorkspace& w,
                               Vec* harmonics, Vec* directions, Real* out) {
    const HarmonicTable<Real>& table = harmonic_table<Real>();
    const std::int32_t* segment = near.segments(s);
    const std::size_t lane = static_cast<std::size_t>(s) * near.stride;
    const int l_max = part.l_max, n_lm = (l_max + 1) * (l_max + 1), n = part.radial.n;
    for (int b = 0; b < segment[near.n_species]; ++b) {
        Harmonics::fill(directions, table, l_max, near.ux[lane + b], near.uy[lane + b], near.uz[lane + b]);
        const Harmonics h{directions, l_max};
        Vec* y = harmonics + static_cast<std::size_t>(b) * n_lm;
        for (int l = 0; l <= l_max; ++l) {
            Vec* at = y + l * l + l;
            at[0] = Harmonics::q(h, l, 0);
            for (int m = 1; m <= l; ++m) {
                const Vec q = Harmonics::q(h, l, m);
                at[m] = q * Harmonics::c(h, m);
                at[-m] = q * Harmonics::s(h, m);
            }
        }
    }
    for (int z = 0; z < near.n_species; ++z) {
        const int n_vectors = segment[z + 1] - segment[z];
        for (int l = 0; l <= l_max; ++l) {
            const int count = part.radial_count[l];
            const Vec* radial = w.value + (lane + segment[z]) * n + part.radial_first[l];
            const Vec* angular = harmonics + static_cast<std::size_t>(segment[z]) * n_lm + l * l;
            Real* to = out + z * part.n_lmk + part.offset[l];
            if (count <= 8 && count > 0) {
                // Two m at a time fill the registers of the widest vectors.
                int m = 0;
                if (kLanes == 8 || count <= 4)
                    for (; m + 2 <= 2 * l + 1; m += 2)
                        accumulate_any<2>(count, radial, n, angular + m, n_lm, n_vectors, to + m * count);
                for (; m < 2 * l + 1; ++m)
                    accumulate_any<1>(count, radial, n, angular + m, n_lm, n_vectors, to + m * count);
            } else {
                for (int m = 0; m < 2 * l + 1; ++m)
                    for (int k = 0; k < count; k += 8)
                        accumulate_any<1>(count - k, radial + k, n, angular + m, n_lm, n_vectors,
                                          to + m * count + k);
            }
        }
    }
}

// Lane-contiguous values [lane][channel] into [channel][lane].
static inline void to_lanes(const Real* lane_values, int lane_stride, int n, Vec* out) {
    for (int c = 0; c < n; c += kLanes) {
        Vec block[kLanes];
        for (int s = 0; s < kLanes; ++s) block[s] = load_unaligned(lane_values + s * lane_stride + c);
        transpose(block);
        for (int k = 0; k < kLanes && c + k < n; ++k) out[c + k] = block[k];
    }
}

// [channel][lane], `step` vectors from channel to channel, into lane-contiguous values; rows of `lane_values`
// hold padded(n) doubles.
static inline void from_lanes(const Vec* values, int step, int n, Real* lane_values, int lane_stride) {
    for (int c = 0; c < n; c += kLanes) {
        Vec block[kLanes];
        for (int k = 0; k < kLanes; ++k) block[k] = c + k < n ? values[(c + k) * step] : Vec{};
        transpose(block);
        for (int s = 0; s < kLanes; ++s) store_unaligned(lane_values + s * lane_stride + c, block[s]);
    }
}

// Calls body(0) ... body(n - 1), four at a time.
template <class Body>
ATOMSMITH_INLINE void for_count(int n, Body body) {
    int k = 0;
    for (; k + 4 <= n; k += 4) {
        body(k);
        body(k + 1);
        body(k + 2);
        body(k + 3);
    }
    switch (n - k) {
    case 3:
        body(k), ++k;
        [[fallthrough]];
    case 2:
        body(k), ++k;
        [[fallthrough]];
    case 1:
        body(k);
    }
}

// Harmonics of all neighbours of lane s, one record a vector.
static inline void directions_lane(const Part& part, const Neighbourhood& near, int s, Vec* directions) {
    const HarmonicTable<Real>& table = harmonic_table<Real>();
    const std::size_t lane = static_cast<std::size_t>(s) * near.stride;
    const int size = harmonics_size(part.l_max);
    for (int b = 0; b < near.segments(s)[near.n_species]; ++b)
        Harmonics::fill(directions + static_cast<std::size_t>(b) * size, table, part.l_max, near.ux[lane + b],
                        near.uy[lane + b], near.uz[lane + b]);
}

// Gradient with respect to the neighbours of vector b, from g = dE/dA of one centre and species, for kSets
// sets of adjoints that stand `set_stride` apart. The sums over radial functions come first; the angular
// derivatives are taken of the polynomial extension of Y_lm and projected on the tangential plane at the end.
// (Two vectors at a time were measured to be slower: too few registers.)
template <int kSets>
static inline void force_vector(const Part& part, const Real* g, std::size_t set_stride, const Vec* value,
                                const Vec* derivative, const Harmonics& h, const Neighbourhood& near,
                                std::size_t at, const Gradient* gradients, int b) {
    const HarmonicTable<Real>& table = harmonic_table<Real>();
    const int l_max = part.l_max;
    Vec fr[kSets] = {}, fx[kSets] = {}, fy[kSets] = {}, fz[kSets] = {};
    for (int m = 0; m <= l_max; ++m) {
        Vec sc[kSets] = {}, ss[kSets] = {}, tc[kSets] = {}, ts[kSets] = {}, dc[kSets] = {}, ds[kSets] = {};
        for (int l = m; l <= l_max; ++l) {
            const int count = part.radial_count[l];
            const Real* gc = g + part.offset[l] + (l + m) * count;
            const Real* gs = g + part.offset[l] + (l - m) * count;
            const Vec* r = value + part.radial_first[l];
            const Vec* d = derivative + part.radial_first[l];
            Vec ac[kSets] = {}, as[kSets] = {}, bc[kSets] = {}, bs[kSets] = {};
            if (m > 0) {
                for_count(count, [&](int k) __attribute__((always_inline)) {
                    const Vec rk = r[k], dk = d[k];
                    for (int i = 0; i < kSets; ++i) {
                        ac[i] += gc[i * set_stride + k] * rk;
                        as[i] += gs[i * set_stride + k] * rk;
                        bc[i] += gc[i * set_stride + k] * dk;
                        bs[i] += gs[i * set_stride + k] * dk;
                    }
                });
            } else {
                for_count(count, [&](int k) __attribute__((always_inline)) {
                    for (int i = 0; i < kSets; ++i) {
                        ac[i] += gc[i * set_stride + k] * r[k];
                        bc[i] += gc[i * set_stride + k] * d[k];
                    }
                });
            }
            const Vec q = Harmonics::q(h, l, m);
            for (int i = 0; i < kSets; ++i) {
                dc[i] += q * bc[i];
                ds[i] += q * bs[i];
                sc[i] += q * ac[i];
                ss[i] += q * as[i];
            }
            if (m < l) {
                const Vec dq = table.dz[l * HarmonicTable<Real>::kStride + m] * Harmonics::q(h, l, m + 1);
                for (int i = 0; i < kSets; ++i) {
                    tc[i] += dq * ac[i];
                    ts[i] += dq * as[i];
                }
            }
        }
        const Vec c = Harmonics::c(h, m), s = Harmonics::s(h, m);
        for (int i = 0; i < kSets; ++i) {
            fr[i] += dc[i] * c + ds[i] * s;
            fz[i] += tc[i] * c + ts[i] * s;
        }
        if (m > 0) {
            const Vec below_c = (Real)m * Harmonics::c(h, m - 1), below_s = (Real)m * Harmonics::s(h, m - 1);
            for (int i = 0; i < kSets; ++i) {
                fx[i] += sc[i] * below_c + ss[i] * below_s;
                fy[i] += ss[i] * below_c - sc[i] * below_s;
            }
        }
    }
    const Vec x = near.ux[at], y = near.uy[at], z = near.uz[at], over = near.inverse[at];
    for (int i = 0; i < kSets; ++i) {
        const Vec along = fr[i] - (fx[i] * x + fy[i] * y + fz[i] * z) * over;
        gradients[i].x[b] += along * x + fx[i] * over;
        gradients[i].y[b] += along * y + fy[i] * over;
        gradients[i].z[b] += along * z + fz[i] * over;
    }
}

template <int kSets>
static inline void force_sweep(const Part& part, const Real* g, std::size_t set_stride,
                               const Neighbourhood& near, int s, const PartWorkspace& w,
                               const Gradient* gradients) {
    const std::int32_t* segment = near.segments(s);
    const int n = part.radial.n, size = harmonics_size(part.l_max);
    for (int z = 0; z < near.n_species; ++z)
        for (int b = segment[z]; b < segment[z + 1]; ++b) {
            const std::size_t at = static_cast<std::size_t>(s) * near.stride + b;
            const Harmonics h{w.directions + static_cast<std::size_t>(b) * size, part.l_max};
            force_vector<kSets>(part, g + z * part.n_lmk, set_stride, w.value + at * n, w.derivative + at * n,
                                h, near, at, gradients, b);
        }
}

} // namespace atomsmith::ATOMSMITH_ISA
