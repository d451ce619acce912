// Bispectrum: the density on the 3-sphere as sums of Wigner matrices (lanes = neighbours), its Clebsch-Gordan
// coupling (lanes = atoms), and the force sweep back through the recursion (lanes = neighbours).
// Thompson et al., J. Comput. Phys. 285, 316 (2015).
#pragma once

#include "sin_cos.hpp"
#include "workspace.hpp"

namespace atomsmith::ATOMSMITH_ISA {

// Cayley-Klein parameters of a vector of neighbours and their weight in the density.
struct OnSphere {
    Vec ar, ai, br, bi;     // a = cos - i sin z, b = sin (y - i x)
    Vec sine, cosine, turn; // of the polar angle; turn = d(angle)/dr
    Vec weight, slope;      // with the element's weight; slope = d(weight)/dr
};

ATOMSMITH_INLINE OnSphere on_sphere(const Bispectrum& b, int pair, double element_weight,
                                    const Neighbourhood& near, std::size_t at) {
    constexpr double kPi = 3.14159265358979323846;
    const Vec r = near.r[at];
    const double over = 1.0 / (b.cutoff[pair] - b.rmin0);
    const Vec x = (r - b.rmin0) * over;
    const Mask inside = r < b.cutoff[pair];
    OnSphere p;
    const SinCos angle = sin_cos_pi(x * b.rfac0);
    p.sine = angle.sine;
    p.cosine = angle.cosine;
    p.turn = broadcast(b.rfac0 * kPi * over);
    p.ar = p.cosine;
    p.ai = -p.sine * near.uz[at];
    p.br = p.sine * near.uy[at];
    p.bi = -p.sine * near.ux[at];
    Vec weight = broadcast(element_weight), slope{};
    if (b.switching) {
        const SinCos fade = sin_cos_pi(x);
        const Mask fading = x > broadcast(0.0);
        slope = select(fading, -0.5 * kPi * over * element_weight * fade.sine, Vec{});
        weight = select(fading, 0.5 * element_weight * (fade.cosine + 1.0), weight);
    }
    const double centre = b.inner_switch[2 * pair], half_width = b.inner_switch[2 * pair + 1];
    if (half_width > 0.0) {
        const Vec t = min(max(0.5 * (1.0 + (r - centre) / half_width), 0.0), 1.0);
        const SinCos rise = sin_cos_pi(t);
        const Vec factor = 0.5 * (1.0 - rise.cosine);
        slope = slope * factor + weight * (0.25 * kPi / half_width) * rise.sine;
        weight *= factor;
    }
    p.weight = select(inside, weight, Vec{});
    p.slope = select(inside, slope, Vec{});
    return p;
}

// Column mb of level j - 1 as the recursion of level j reads it; the one behind the middle is the mirror
// image of a stored one and is put into `mirror`.
ATOMSMITH_INLINE const Vec* parent_column(const Bispectrum& b, const Vec* u, int j, int mb, Vec* mirror) {
    const Vec* level = u + 2 * b.half_first[j - 1];
    if (2 * mb <= j - 1) return level + 2 * mb * j;
    const Vec* source = level + 2 * (j - 1 - mb) * j;
    for (int ma = 0; ma < j; ++ma) {
        const double sign = (ma + mb) % 2 == 0 ? 1.0 : -1.0;
        mirror[2 * ma] = sign * source[2 * (j - 1 - ma)];
        mirror[2 * ma + 1] = -sign * source[2 * (j - 1 - ma) + 1];
    }
    return mirror;
}

inline constexpr int kMaxColumn = 2 * 16;

// Wigner matrices without their norms: u_j(ma) = conj(a) u_{j-1}(ma) - conj(b) u_{j-1}(ma - 1), (re, im)
// pairs.
ATOMSMITH_INLINE void wigner(const Bispectrum& b, Vec ar, Vec ai, Vec br, Vec bi, Vec* u) {
    Vec mirror[kMaxColumn];
    u[0] = broadcast(1.0);
    u[1] = Vec{};
    for (int j = 1; j <= b.twojmax; ++j)
        for (int mb = 0; 2 * mb <= j; ++mb) {
            const Vec* p = parent_column(b, u, j, mb, mirror);
            Vec* out = u + 2 * (b.half_first[j] + mb * (j + 1));
            Vec before_r{}, before_i{};
            for (int ma = 0; ma < j; ++ma) {
                const Vec pr = p[2 * ma], pi = p[2 * ma + 1];
                out[2 * ma] = ar * pr + ai * pi - br * before_r - bi * before_i;
                out[2 * ma + 1] = ar * pi - ai * pr - br * before_i + bi * before_r;
                before_r = pr;
                before_i = pi;
            }
            out[2 * j] = -br * before_r - bi * before_i;
            out[2 * j + 1] = bi * before_r - br * before_i;
        }
}

// The derivative of `wigner` along a direction in which a and b change by the given amounts.
ATOMSMITH_INLINE void wigner_derivative(const Bispectrum& b, Vec ar, Vec ai, Vec br, Vec bi, Vec dar, Vec dai,
                                        Vec dbr, Vec dbi, const Vec* u, Vec* du) {
    Vec mirror[kMaxColumn], d_mirror[kMaxColumn];
    du[0] = du[1] = Vec{};
    for (int j = 1; j <= b.twojmax; ++j)
        for (int mb = 0; 2 * mb <= j; ++mb) {
            const Vec* p = parent_column(b, u, j, mb, mirror);
            const Vec* dp = parent_column(b, du, j, mb, d_mirror);
            Vec* out = du + 2 * (b.half_first[j] + mb * (j + 1));
            for (int ma = 0; ma <= j; ++ma) {
                Vec re{}, im{};
                if (ma < j) {
                    const Vec pr = p[2 * ma], pi = p[2 * ma + 1], dr = dp[2 * ma], di = dp[2 * ma + 1];
                    re += ar * dr + ai * di + dar * pr + dai * pi;
                    im += ar * di - ai * dr + dar * pi - dai * pr;
                }
                if (ma > 0) {
                    const Vec pr = p[2 * ma - 2], pi = p[2 * ma - 1], dr = dp[2 * ma - 2],
                              di = dp[2 * ma - 1];
                    re -= br * dr + bi * di + dbr * pr + dbi * pi;
                    im -= br * di - bi * dr + dbr * pi - dbi * pr;
                }
                out[2 * ma] = re;
                out[2 * ma + 1] = im;
            }
        }
}

// The density of lane s, [channel][element][re, im], contiguous; without norms and the atom itself. `out` has
// kLanes doubles to spare.
static inline void density_sweep(const Part& part, int centre, const Neighbourhood& near, int s,
                                 const PartWorkspace& w, double* out) {
    const Bispectrum& b = part.bispectrum;
    const std::int32_t* segment = near.segments(s);
    const int n = 2 * b.n_half;
    Vec* sum = w.reverse;
    for (int channel = 0; channel < b.n_channels; ++channel) {
        for (int k = 0; k < padded(n); ++k) sum[k] = Vec{};
        for (int z = 0; z < near.n_species; ++z) {
            if (b.channel[z] != channel) continue;
            for (int v = segment[z]; v < segment[z + 1]; ++v) {
                const OnSphere p = on_sphere(b, centre * near.n_species + z, b.weight[z], near,
                                             static_cast<std::size_t>(s) * near.stride + v);
                wigner(b, p.ar, p.ai, p.br, p.bi, w.matrices);
                for (int k = 0; k < n; ++k) sum[k] += p.weight * w.matrices[k];
            }
        }
        for (int k = 0; k < n; k += kLanes) store_unaligned(out + channel * n + k, sum_each(sum + k));
    }
}

// Full normed matrices [channel][element][re, im] from the density.
static inline void expand_density(const Part& part, int centre, const Vec* density, Vec* full) {
    const Bispectrum& b = part.bispectrum;
    for (int channel = 0; channel < b.n_channels; ++channel) {
        const Vec* from = density + static_cast<std::size_t>(channel) * 2 * b.n_half;
        Vec* to = full + static_cast<std::size_t>(channel) * 2 * b.n_full;
        const double self = b.self_weight[centre * b.n_channels + channel];
        for (int j = 0; j <= b.twojmax; ++j) {
            Vec* level = to + 2 * b.full_first[j];
            for (int mb = 0; 2 * mb <= j; ++mb)
                for (int ma = 0; ma <= j; ++ma) {
                    const int k = b.half_first[j] + mb * (j + 1) + ma;
                    const Vec re = b.norm[k] * from[2 * k] + (ma == mb ? self : 0.0),
                              im = b.norm[k] * from[2 * k + 1];
                    const int own = mb * (j + 1) + ma, mirrored = (j - mb) * (j + 1) + j - ma;
                    const double sign = (ma + mb) % 2 == 0 ? 1.0 : -1.0;
                    level[2 * own] = re;
                    level[2 * own + 1] = im;
                    if (2 * mb == j) continue; // the column is its own mirror image
                    level[2 * mirrored] = sign * re;
                    level[2 * mirrored + 1] = -sign * im;
                }
        }
    }
}

// S_k = sum_m1 C_k(s, m1) u1(m1) u2(s - m1) for kN momenta c; `u1`, `u2` stand at m1 = first and s - first.
template <int kN>
ATOMSMITH_INLINE void coupled_columns(const Vec* u1, int stride1, const Vec* u2, int stride2, int count,
                                      const double* c, int stride_c, Vec* s) {
    Vec re[kN] = {}, im[kN] = {};
    for (int m = 0; m < count; ++m) {
        const Vec ar = u1[0], ai = u1[1], br = u2[0], bi = u2[1];
        const Vec pr = ar * br - ai * bi, pi = ar * bi + ai * br;
        for (int k = 0; k < kN; ++k) {
            re[k] += c[k] * pr;
            im[k] += c[k] * pi;
        }
        u1 += stride1;
        u2 -= stride2;
        c += stride_c;
    }
    for (int k = 0; k < kN; ++k) {
        s[2 * k] = re[k];
        s[2 * k + 1] = im[k];
    }
}

ATOMSMITH_INLINE void coupled_columns_any(int n, const Vec* u1, int stride1, const Vec* u2, int stride2,
                                          int count, const double* c, int stride_c, Vec* s) {
    switch (n) {
    case 1:
        return coupled_columns<1>(u1, stride1, u2, stride2, count, c, stride_c, s);
    case 2:
        return coupled_columns<2>(u1, stride1, u2, stride2, count, c, stride_c, s);
    case 3:
        return coupled_columns<3>(u1, stride1, u2, stride2, count, c, stride_c, s);
    case 4:
        return coupled_columns<4>(u1, stride1, u2, stride2, count, c, stride_c, s);
    case 5:
        return coupled_columns<5>(u1, stride1, u2, stride2, count, c, stride_c, s);
    case 6:
        return coupled_columns<6>(u1, stride1, u2, stride2, count, c, stride_c, s);
    case 7:
        return coupled_columns<7>(u1, stride1, u2, stride2, count, c, stride_c, s);
    default:
        return coupled_columns<8>(u1, stride1, u2, stride2, count, c, stride_c, s);
    }
}

// Calls body(coupling, half element of U^c, Clebsch-Gordan coefficient of the rows, sum over the columns) for
// every coupling of the matrices of channels x1 and x2. The sums over columns are shared by all c.
template <class Body>
ATOMSMITH_INLINE void for_each_coupling(const Bispectrum& b, const Bispectrum::Pair& pair, const Vec* u1,
                                        const Vec* u2, Body body) {
    const int a = pair.a, bb = pair.b, total = a + bb;
    const double* table = b.table.data() + pair.first_table;
    Vec sums[16];
    for (int m1 = 0; m1 <= a; ++m1)
        for (int m2 = 0; m2 <= bb; ++m2) {
            const int row = m1 + m2;
            const int lowest = total - 2 * row < 0 ? 2 * row - total : total - 2 * row;
            const double* of_row = table + (row * (a + 1) + m1) * pair.n_c;
            for (int s = 0; 2 * s <= total; ++s) {
                int c_min = a - bb;
                c_min = lowest > c_min ? lowest : c_min;
                c_min = total - 2 * s > c_min ? total - 2 * s : c_min;
                if (c_min > pair.c_max) continue;
                const int n = (pair.c_max - c_min) / 2 + 1;
                const int first = s > bb ? s - bb : 0, last = s < a ? s : a;
                coupled_columns_any(n, u1 + 2 * (first * (a + 1) + m1), 2 * (a + 1),
                                    u2 + 2 * ((s - first) * (bb + 1) + m2), 2 * (bb + 1), last - first + 1,
                                    table + (s * (a + 1) + first) * pair.n_c, pair.n_c, sums);
                for (int k = 0; k < n; ++k) {
                    const int c = pair.c_max - 2 * k, below = (total - c) / 2;
                    body(k, b.half_first[c] + (s - below) * (c + 1) + row - below, of_row[k], sums + 2 * k);
                }
            }
        }
}

// Calls body(x1, x2, pair, coupling, element, of_row, sum) for every coupling of every two channels; see
// `for_each_coupling`.
template <class Body>
ATOMSMITH_INLINE void for_all_couplings(const Bispectrum& b, const Vec* full, Body body) {
    for (int x1 = 0; x1 < b.n_channels; ++x1)
        for (int x2 = 0; x2 < b.n_channels; ++x2)
            for (const Bispectrum::Pair& pair : b.pairs)
                for_each_coupling(
                    b, pair, full + 2 * (static_cast<std::size_t>(x1) * b.n_full + b.full_first[pair.a]),
                    full + 2 * (static_cast<std::size_t>(x2) * b.n_full + b.full_first[pair.b]),
                    [&](int k, int element, double of_row, const Vec* sum) __attribute__((always_inline)) {
                        body(x1, x2, pair, pair.first_coupling + k, element, of_row, sum);
                    });
}

// Triple of channels of the component in which `slot` is the one that is coupled to, of channel x3.
ATOMSMITH_INLINE int channel_triple(int channels, const Bispectrum::Slot& slot, int x1, int x2, int x3) {
    int x[3];
    x[slot.slot] = x3;
    x[slot.slot == 0 ? 1 : 0] = slot.swapped ? x2 : x1;
    x[slot.slot == 2 ? 1 : 2] = slot.swapped ? x1 : x2;
    return (x[0] * channels + x[1]) * channels + x[2];
}

// Components of all atoms of the block, [channel triple][component], shifted.
static inline void bispectrum_values(const Part& part, int centre, const Vec* full, Vec* values) {
    const Bispectrum& b = part.bispectrum;
    const int channels = b.n_channels, n = b.n_components;
    const double* shift = b.shift.data() + static_cast<std::size_t>(centre) * b.n_values();
    for (int k = 0; k < b.n_values(); ++k) values[k] = broadcast(-shift[k]);
    for_all_couplings(b, full,
                      [&](int x1, int x2, const Bispectrum::Pair& pair, int k, int element, double of_row,
                          const Vec* sum) __attribute__((always_inline)) {
                          const Bispectrum::Coupling& coupling = b.couplings[k];
                          if (coupling.c < pair.a) return;
                          const Bispectrum::Slot& last = coupling.slots[coupling.n_slots - 1];
                          const double factor =
                              of_row * b.multiplicity[element] * (b.normalised ? coupling.factor : 1.0);
                          // The half element stands at the same (mb, ma) of the full matrix.
                          const int at = b.full_first[coupling.c] + element - b.half_first[coupling.c];
                          for (int x3 = 0; x3 < channels; ++x3) {
                              const Vec* u3 = full + 2 * (static_cast<std::size_t>(x3) * b.n_full + at);
                              values[((x1 * channels + x2) * channels + x3) * n + last.component] +=
                                  factor * (u3[0] * sum[0] + u3[1] * sum[1]);
                          }
                      });
}

// Adds the features of lane s.
static inline void add_bispectrum(const Part& part, const PartWorkspace& w, int s, double* features) {
    for (int i = 0; i < part.bispectrum.n_values(); ++i) *features++ += w.values[i][s];
}

// What multiplies the coupling k of channels x1, x2 to x3 in dE/dU, from dE/d(component): numbers for
// coefficients that all atoms share, vectors where every atom has its own.
template <class Weight>
static inline void coupling_weights(const Bispectrum& b, const Weight* component, Weight* weights) {
    const int channels = b.n_channels, n_couplings = static_cast<int>(b.couplings.size());
    for (int x1 = 0; x1 < channels; ++x1)
        for (int x2 = 0; x2 < channels; ++x2)
            for (int x3 = 0; x3 < channels; ++x3)
                for (int k = 0; k < n_couplings; ++k) {
                    const Bispectrum::Coupling& coupling = b.couplings[k];
                    Weight sum{};
                    for (int e = 0; e < coupling.n_slots; ++e) {
                        const Bispectrum::Slot& slot = coupling.slots[e];
                        sum += component[channel_triple(channels, slot, x1, x2, x3) * b.n_components +
                                         slot.component];
                    }
                    *weights++ = coupling.factor * sum;
                }
}

// dE/d(density) of `kSets` sets of weights that stand `weight_stride` apart, [set][channel][element][re, im],
// the sets `gradient_stride` apart.
template <int kSets, class Weight>
static inline void bispectrum_gradient(const Part& part, const Vec* full, const Weight* weights,
                                       std::size_t weight_stride, Vec* gradient,
                                       std::size_t gradient_stride) {
    const Bispectrum& b = part.bispectrum;
    const int channels = b.n_channels, n = b.n_channel_values();
    const std::size_t n_couplings = b.couplings.size();
    for (int i = 0; i < kSets; ++i)
        for (int k = 0; k < n; ++k) gradient[i * gradient_stride + k] = Vec{};
    for_all_couplings(
        b, full,
        [&](int x1, int x2, const Bispectrum::Pair&, int k, int element, double of_row, const Vec* sum)
            __attribute__((always_inline)) {
                const Weight* own =
                    weights + static_cast<std::size_t>((x1 * channels + x2) * channels) * n_couplings + k;
                for (int i = 0; i < kSets; ++i)
                    for (int x3 = 0; x3 < channels; ++x3) {
                        const Weight weight = of_row * own[i * weight_stride + x3 * n_couplings];
                        Vec* to = gradient + i * gradient_stride +
                                  2 * (static_cast<std::size_t>(x3) * b.n_half + element);
                        to[0] += weight * sum[0];
                        to[1] += weight * sum[1];
                    }
            });
    for (int i = 0; i < kSets; ++i)
        for (int channel = 0; channel < channels; ++channel)
            for (int k = 0; k < b.n_half; ++k) {
                const double scale = b.norm[k] * b.multiplicity[k];
                Vec* to =
                    gradient + i * gradient_stride + 2 * (static_cast<std::size_t>(channel) * b.n_half + k);
                to[0] *= scale;
                to[1] *= scale;
            }
}

// sum of coefficient * component of an energy linear in the components: they are homogeneous of degree 3 in
// the full density, whose gradient has just been made, so that no second sweep is needed.
static inline Vec homogeneous_energy(const Part& part, int centre, const Vec* density, const Vec* gradient,
                                     const double* coefficients) {
    const Bispectrum& b = part.bispectrum;
    Vec sum{};
    for (int k = 0; k < b.n_channel_values(); ++k) sum += density[k] * gradient[k];
    for (int channel = 0; channel < b.n_channels; ++channel)
        for (int j = 0; j <= b.twojmax; ++j)
            for (int mb = 0; 2 * mb <= j; ++mb)
                sum += b.self_weight[centre * b.n_channels + channel] *
                       gradient[2 * (channel * b.n_half + b.half_first[j] + mb * (j + 2))];
    double shift = 0.0;
    for (int k = 0; k < b.n_values(); ++k)
        shift += coefficients[k] * b.shift[static_cast<std::size_t>(centre) * b.n_values() + k];
    return sum * (1.0 / 3.0) - shift;
}

// The value sum g u and its derivatives with respect to the real and imaginary parts of a and b.
struct Reversed {
    Vec value, ar, ai, br, bi;
};

ATOMSMITH_INLINE Reversed reverse_wigner(const Bispectrum& b, const OnSphere& p, const double* g,
                                         const Vec* u, Vec* adjoint) {
    Vec mirror[kMaxColumn], towards[kMaxColumn];
    Reversed back{};
    for (int k = 0; k < 2 * b.n_half; ++k) {
        adjoint[k] = broadcast(g[k]);
        back.value += g[k] * u[k];
    }
    for (int j = b.twojmax; j >= 1; --j)
        for (int mb = 0; 2 * mb <= j; ++mb) {
            const Vec* parent = parent_column(b, u, j, mb, mirror);
            const Vec* from = adjoint + 2 * (b.half_first[j] + mb * (j + 1));
            const bool mirrored = parent == mirror;
            Vec* to = mirrored ? towards : adjoint + 2 * (b.half_first[j - 1] + mb * j);
            Vec here_r = from[0], here_i = from[1];
            for (int ma = 0; ma < j; ++ma) {
                // The parent feeds this element through conj(a) and the next through -conj(b).
                const Vec next_r = from[2 * ma + 2], next_i = from[2 * ma + 3];
                const Vec pr = parent[2 * ma], pi = parent[2 * ma + 1];
                back.ar += here_r * pr + here_i * pi;
                back.ai += here_r * pi - here_i * pr;
                back.br -= next_r * pr + next_i * pi;
                back.bi -= next_r * pi - next_i * pr;
                const Vec up_r = p.ar * here_r - p.ai * here_i - p.br * next_r + p.bi * next_i;
                const Vec up_i = p.ai * here_r + p.ar * here_i - p.bi * next_r - p.br * next_i;
                if (mirrored) {
                    towards[2 * ma] = up_r;
                    towards[2 * ma + 1] = up_i;
                } else {
                    to[2 * ma] += up_r;
                    to[2 * ma + 1] += up_i;
                }
                here_r = next_r;
                here_i = next_i;
            }
            if (!mirrored) continue;
            Vec* source = adjoint + 2 * (b.half_first[j - 1] + (j - 1 - mb) * j);
            for (int ma = 0; ma < j; ++ma) {
                const double sign = (ma + mb) % 2 == 0 ? 1.0 : -1.0;
                source[2 * (j - 1 - ma)] += sign * towards[2 * ma];
                source[2 * (j - 1 - ma) + 1] -= sign * towards[2 * ma + 1];
            }
        }
    return back;
}

// Adds the gradient with respect to the neighbours of lane s, from g = dE/d(density), contiguous: reverse
// differentiation of sum g u(a, b) through the recursion.
static inline void sphere_force_sweep(const Part& part, int centre, const double* g,
                                      const Neighbourhood& near, int s, const PartWorkspace& w,
                                      const Gradient& gradient) {
    const Bispectrum& b = part.bispectrum;
    const std::int32_t* segment = near.segments(s);
    for (int z = 0; z < near.n_species; ++z) {
        const double* own = g + static_cast<std::size_t>(b.channel[z]) * 2 * b.n_half;
        for (int v = segment[z]; v < segment[z + 1]; ++v) {
            const std::size_t at = static_cast<std::size_t>(s) * near.stride + v;
            const OnSphere p = on_sphere(b, centre * near.n_species + z, b.weight[z], near, at);
            wigner(b, p.ar, p.ai, p.br, p.bi, w.matrices);
            const Reversed back = reverse_wigner(b, p, own, w.matrices, w.reverse);
            const Vec x = near.ux[at], y = near.uy[at], zz = near.uz[at], over = near.inverse[at];
            const Vec fx = -p.weight * p.sine * back.bi, fy = p.weight * p.sine * back.br,
                      fz = -p.weight * p.sine * back.ai;
            const Vec radial = p.slope * back.value +
                               p.weight * p.turn *
                                   (p.cosine * (y * back.br - x * back.bi - zz * back.ai) - p.sine * back.ar);
            const Vec along = radial - (fx * x + fy * y + fz * zz) * over;
            gradient.x[v] += along * x + fx * over;
            gradient.y[v] += along * y + fy * over;
            gradient.z[v] += along * zz + fz * over;
        }
    }
}

} // namespace atomsmith::ATOMSMITH_ISA
