// Atomic cluster expansion: basis sweep A_v = sum_j R_k Y_lm, and the force sweep back from dE/dA.
// Lanes = neighbours. Drautz, Phys. Rev. B 99, 014104 (2019).
#pragma once

#include "radial.hpp"

namespace atomsmith::ATOMSMITH_ISA {

// q[l * stride + m] = N_lm d^m P_l / dz^m; Y_lm = q c_m (m >= 0) or q s_|m|, with c_m + i s_m = (x + i y)^m.
struct Harmonics {
    static constexpr int kStride = HarmonicTable::kStride;
    Vec q[kStride * kStride];
    Vec c[kStride + 1], s[kStride + 1];

    ATOMSMITH_INLINE void fill(Harmonics& h, const HarmonicTable& table, int l_max, Vec x, Vec y, Vec z) {
        h.c[0] = broadcast(1.0);
        h.s[0] = Vec{};
        for (int m = 1; m <= l_max; ++m) {
            h.c[m] = x * h.c[m - 1] - y * h.s[m - 1];
            h.s[m] = x * h.s[m - 1] + y * h.c[m - 1];
        }
        for (int m = 0; m <= l_max; ++m) {
            Vec two = broadcast(table.diagonal[m]);
            h.q[m * kStride + m] = two;
            if (m == l_max) break;
            Vec one = table.a[(m + 1) * kStride + m] * z * two;
            h.q[(m + 1) * kStride + m] = one;
            for (int l = m + 2; l <= l_max; ++l) {
                const int at = l * kStride + m;
                const Vec now = table.a[at] * z * one + table.b[at] * two;
                h.q[at] = now;
                two = one;
                one = now;
            }
        }
    }
};

// Sums over neighbours of `kM` consecutive m and `kN` consecutive radial functions: kM * kN consecutive channels.
template <int kM, int kN>
static inline void accumulate(const Vec* radial, int radial_stride, const Vec* angular, int angular_stride,
                              int n_vectors, double* out) {
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
static inline void accumulate_any(int n, const Vec* radial, int radial_stride, const Vec* angular, int angular_stride,
                                  int n_vectors, double* out) {
    switch (n) {
        case 1: return accumulate<kM, 1>(radial, radial_stride, angular, angular_stride, n_vectors, out);
        case 2: return accumulate<kM, 2>(radial, radial_stride, angular, angular_stride, n_vectors, out);
        case 3: return accumulate<kM, 3>(radial, radial_stride, angular, angular_stride, n_vectors, out);
        case 4: return accumulate<kM, 4>(radial, radial_stride, angular, angular_stride, n_vectors, out);
        case 5: return accumulate<kM, 5>(radial, radial_stride, angular, angular_stride, n_vectors, out);
        case 6: return accumulate<kM, 6>(radial, radial_stride, angular, angular_stride, n_vectors, out);
        case 7: return accumulate<kM, 7>(radial, radial_stride, angular, angular_stride, n_vectors, out);
        default: return accumulate<kM, 8>(radial, radial_stride, angular, angular_stride, n_vectors, out);
    }
}

// A of lane s, contiguous in the channel; `out` has kLanes doubles to spare at its end, because every call of
// `accumulate` may write past its channels (the next call overwrites that).
static inline void basis_sweep(const Part& part, const Neighbourhood& near, int s, const PartWorkspace& w,
                               Vec* harmonics, double* out) {
    const HarmonicTable& table = harmonic_table();
    const std::int32_t* segment = near.segments(s);
    const std::size_t lane = static_cast<std::size_t>(s) * near.stride;
    const int l_max = part.l_max, n_lm = (l_max + 1) * (l_max + 1), n = part.radial.n;
    Harmonics h;
    for (int b = 0; b < segment[near.n_species]; ++b) {
        Harmonics::fill(h, table, l_max, near.ux[lane + b], near.uy[lane + b], near.uz[lane + b]);
        Vec* y = harmonics + static_cast<std::size_t>(b) * n_lm;
        for (int l = 0; l <= l_max; ++l) {
            Vec* at = y + l * l + l;
            at[0] = h.q[l * Harmonics::kStride];
            for (int m = 1; m <= l; ++m) {
                const Vec q = h.q[l * Harmonics::kStride + m];
                at[m] = q * h.c[m];
                at[-m] = q * h.s[m];
            }
        }
    }
    for (int z = 0; z < near.n_species; ++z) {
        const int n_vectors = segment[z + 1] - segment[z];
        for (int l = 0; l <= l_max; ++l) {
            const int count = part.radial_count[l];
            const Vec* radial = w.value + (lane + segment[z]) * n + part.radial_first[l];
            const Vec* angular = harmonics + static_cast<std::size_t>(segment[z]) * n_lm + l * l;
            double* to = out + z * part.n_lmk + part.offset[l];
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
                        accumulate_any<1>(count - k, radial + k, n, angular + m, n_lm, n_vectors, to + m * count + k);
            }
        }
    }
}

// Lane-contiguous values [lane][channel] into [channel][lane].
static inline void to_lanes(const double* lane_values, int lane_stride, int n, Vec* out) {
    for (int c = 0; c < n; c += kLanes) {
        Vec block[kLanes];
        for (int s = 0; s < kLanes; ++s) block[s] = load_unaligned(lane_values + s * lane_stride + c);
        transpose(block);
        for (int k = 0; k < kLanes && c + k < n; ++k) out[c + k] = block[k];
    }
}

// [channel][lane] into lane-contiguous values; rows of `out` hold padded(n) doubles.
static inline void from_lanes(const Vec* values, int n, double* lane_values, int lane_stride) {
    for (int c = 0; c < n; c += kLanes) {
        Vec block[kLanes];
        for (int k = 0; k < kLanes; ++k) block[k] = c + k < n ? values[c + k] : Vec{};
        transpose(block);
        for (int s = 0; s < kLanes; ++s) store_unaligned(lane_values + s * lane_stride + c, block[s]);
    }
}

// Gradient with respect to the neighbours of kB vectors, from g = dE/dA of one centre and species. The sums over
// radial functions come first; the angular derivatives are taken of the polynomial extension of Y_lm and projected on
// the tangential plane at the end.
template <int kB>
static inline void force_vectors(const Part& part, const double* g, const Vec* value, const Vec* derivative,
                                 Neighbourhood& near, std::size_t at) {
    constexpr int kStride = Harmonics::kStride;
    const HarmonicTable& table = harmonic_table();
    const int l_max = part.l_max, n = part.radial.n;
    Harmonics h[kB];
    for (int b = 0; b < kB; ++b)
        Harmonics::fill(h[b], table, l_max, near.ux[at + b], near.uy[at + b], near.uz[at + b]);
    Vec fr[kB] = {}, fx[kB] = {}, fy[kB] = {}, fz[kB] = {};
    for (int m = 0; m <= l_max; ++m) {
        Vec sc[kB] = {}, ss[kB] = {}, tc[kB] = {}, ts[kB] = {}, dc[kB] = {}, ds[kB] = {};
        for (int l = m; l <= l_max; ++l) {
            const int count = part.radial_count[l];
            const double* gc = g + part.offset[l] + (l + m) * count;
            const double* gs = g + part.offset[l] + (l - m) * count;
            const Vec* r = value + part.radial_first[l];
            const Vec* d = derivative + part.radial_first[l];
            Vec ac[kB] = {}, as[kB] = {}, bc[kB] = {}, bs[kB] = {};
            if (m > 0) {
                for (int k = 0; k < count; ++k)
                    for (int b = 0; b < kB; ++b) {
                        ac[b] += gc[k] * r[b * n + k];
                        as[b] += gs[k] * r[b * n + k];
                        bc[b] += gc[k] * d[b * n + k];
                        bs[b] += gs[k] * d[b * n + k];
                    }
            } else {
                for (int k = 0; k < count; ++k)
                    for (int b = 0; b < kB; ++b) {
                        ac[b] += gc[k] * r[b * n + k];
                        bc[b] += gc[k] * d[b * n + k];
                    }
            }
            const double to_dz = table.dz[l * kStride + m];
            for (int b = 0; b < kB; ++b) {
                const Vec q = h[b].q[l * kStride + m];
                dc[b] += q * bc[b];
                ds[b] += q * bs[b];
                sc[b] += q * ac[b];
                ss[b] += q * as[b];
                if (m < l) {
                    const Vec dq = to_dz * h[b].q[l * kStride + m + 1];
                    tc[b] += dq * ac[b];
                    ts[b] += dq * as[b];
                }
            }
        }
        for (int b = 0; b < kB; ++b) {
            const Vec c = h[b].c[m], s = h[b].s[m];
            fr[b] += dc[b] * c + ds[b] * s;
            fz[b] += tc[b] * c + ts[b] * s;
            if (m > 0) {
                const Vec below_c = (double)m * h[b].c[m - 1], below_s = (double)m * h[b].s[m - 1];
                fx[b] += sc[b] * below_c + ss[b] * below_s;
                fy[b] += ss[b] * below_c - sc[b] * below_s;
            }
        }
    }
    for (int b = 0; b < kB; ++b) {
        const Vec x = near.ux[at + b], y = near.uy[at + b], z = near.uz[at + b], over = near.inverse[at + b];
        const Vec along = fr[b] - (fx[b] * x + fy[b] * y + fz[b] * z) * over;
        near.gx[at + b] += along * x + fx[b] * over;
        near.gy[at + b] += along * y + fy[b] * over;
        near.gz[at + b] += along * z + fz[b] * over;
    }
}

static inline void force_sweep(const Part& part, const double* g, Neighbourhood& near, int s, const PartWorkspace& w) {
    const std::int32_t* segment = near.segments(s);
    const int n = part.radial.n;
    for (int z = 0; z < near.n_species; ++z) {
        int b = segment[z];
        for (; b + 2 <= segment[z + 1]; b += 2) {
            const std::size_t at = static_cast<std::size_t>(s) * near.stride + b;
            force_vectors<2>(part, g + z * part.n_lmk, w.value + at * n, w.derivative + at * n, near, at);
        }
        if (b < segment[z + 1]) {
            const std::size_t at = static_cast<std::size_t>(s) * near.stride + b;
            force_vectors<1>(part, g + z * part.n_lmk, w.value + at * n, w.derivative + at * n, near, at);
        }
    }
}

}  // namespace atomsmith::ATOMSMITH_ISA
