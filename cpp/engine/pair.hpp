// Pair functions and the short-range repulsion, lanes = neighbours.
#pragma once

#include "radial.hpp"

namespace atomsmith::ATOMSMITH_ISA {

// Adds the gradient of sum_j sum_k c_k R_k(r_ij) and returns the energy; coefficients are those of the part.
static inline double pair_energy(const Part& part, int centre, const Real* coefficients,
                                 const Neighbourhood& near, int s, const PartWorkspace& w,
                                 const Gradient& gradient) {
    const std::int32_t* segment = near.segments(s);
    const int n = part.radial.n;
    Vec energy{};
    for (int z = 0; z < near.n_species; ++z) {
        const Real* c = coefficients + part.pair_first_feature[centre * near.n_species + z];
        for (int b = segment[z]; b < segment[z + 1]; ++b) {
            const std::size_t at = static_cast<std::size_t>(s) * near.stride + b;
            Vec slope{};
            for (int k = 0; k < n; ++k) {
                energy += c[k] * w.value[at * n + k];
                slope += c[k] * w.derivative[at * n + k];
            }
            gradient.x[b] += slope * near.ux[at];
            gradient.y[b] += slope * near.uy[at];
            gradient.z[b] += slope * near.uz[at];
        }
    }
    return horizontal_sum(energy);
}

static inline void pair_features(const Part& part, int centre, const Neighbourhood& near, int s,
                                 const PartWorkspace& w, double* features) {
    const std::int32_t* segment = near.segments(s);
    const int n = part.radial.n;
    for (int z = 0; z < near.n_species; ++z) {
        double* f = features + part.pair_first_feature[centre * near.n_species + z];
        for (int k = 0; k < n; ++k) {
            Vec sum{};
            for (int b = segment[z]; b < segment[z + 1]; ++b)
                sum += w.value[(static_cast<std::size_t>(s) * near.stride + b) * n + k];
            f[k] += horizontal_sum(sum);
        }
    }
}

// Ziegler, Biersack, Littmark (1985): Z1 Z2 e^2 / (4 pi eps0 r) phi(r/a), switched off between inner and
// outer.
static inline double zbl_energy(const Part& part, int centre, const Neighbourhood& near, int s,
                                const Gradient& gradient) {
    constexpr double kCoulomb = 14.399645478425668;         // e^2 / (4 pi eps0) in eV angstrom
    constexpr double kScreening = 0.88534 * 0.529177210903; // angstrom
    constexpr double kWeight[4] = {0.18175, 0.50986, 0.28022, 0.02817};
    constexpr double kDecay[4] = {3.19980, 0.94229, 0.40290, 0.20162};
    const std::int32_t* segment = near.segments(s);
    double energy = 0.0;
    for (int z = 0; z < near.n_species; ++z) {
        const int pair = centre * near.n_species + z;
        const double zi = part.charges[centre], zj = part.charges[z];
        const double over = (part.reach[centre] + part.reach[z]) / kScreening;
        const double strength = 0.5 * part.strength[pair] * kCoulomb * zi * zj, outer = part.outer[pair],
                     inner = part.inner[pair];
        for (int b = segment[z]; b < segment[z + 1]; ++b) {
            const std::size_t at = static_cast<std::size_t>(s) * near.stride + b;
            for (int k = 0; k < kLanes; ++k) {
                const double r = near.r[at][k];
                if (r >= outer || near.slot[at * kLanes + k] < 0) continue;
                double phi = 0.0, slope = 0.0;
                for (int e = 0; e < 4; ++e) {
                    const double term = kWeight[e] * __builtin_exp(-kDecay[e] * over * r);
                    phi += term;
                    slope -= kDecay[e] * over * term;
                }
                double value = strength * phi / r;
                double derivative = strength * (slope - phi / r) / r;
                double x = (r - inner) / (outer - inner);
                x = x < 0.0 ? 0.0 : x;
                const double off = 1.0 - x * x * x * (10.0 - x * (15.0 - 6.0 * x));
                derivative =
                    derivative * off - value * 30.0 * x * x * (1.0 - x) * (1.0 - x) / (outer - inner);
                energy += value * off;
                gradient.x[b][k] += derivative * near.ux[at][k];
                gradient.y[b][k] += derivative * near.uy[at][k];
                gradient.z[b][k] += derivative * near.uz[at][k];
            }
        }
    }
    return energy;
}

} // namespace atomsmith::ATOMSMITH_ISA
