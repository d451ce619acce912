// Energies, slopes and outputs of regressors on the features of a block of atoms, lanes = atoms.
#pragma once

#include "embedding_regressor.hpp"
#include "kernel_regressor.hpp"
#include "workspace.hpp"

namespace atomsmith::ATOMSMITH_ISA {

// sum_i c_i x_i + sum_{i < j} c_ij x_i x_j + sum_i c_ii x_i^2 / 2 and its derivatives; the coefficients of
// the products follow those of the features, row by row.
static inline Vec quadratic_energy(int n, const double* c, const Vec* x, Vec* slopes) {
    for (int i = 0; i < n; ++i) slopes[i] = broadcast(c[i]);
    const double* product = c + n;
    for (int i = 0; i < n; ++i) {
        Vec slope = slopes[i] + product[0] * x[i];
        ++product;
        for (int j = i + 1; j < n; ++j, ++product) {
            slope += product[0] * x[j];
            slopes[j] += product[0] * x[i];
        }
        slopes[i] = slope;
    }
    Vec twice{};
    for (int i = 0; i < n; ++i) twice += x[i] * (slopes[i] + c[i]);
    return 0.5 * twice;
}

ATOMSMITH_INLINE Vec linear_energy(int n, const double* c, const Vec* x, Vec* slopes) {
    Vec energy{};
    for (int i = 0; i < n; ++i) {
        energy += c[i] * x[i];
        slopes[i] = broadcast(c[i]);
    }
    return energy;
}

// Energy of one member of an ensemble; `slopes` becomes dE/dB, unless it is null.
ATOMSMITH_INLINE Vec member_energy(const Regressor& regressor, const Regressor::Centre& c, int member,
                                   const Vec* features, Vec* scratch, Vec* slopes) {
    return regressor.kind == Regressor::Kind::kNetwork
               ? network_energy(c, member, features, scratch, slopes)
               : embedding_energy(c, member, features, scratch, slopes);
}

// Fills own.energies [set] and own.slopes [set][padded feature] for every set of coefficients of the outputs;
// all regressors but the kernel, which takes all blocks of a chunk at once.
template <class Coefficients>
static inline void regress(const Regressor& regressor, int centre, int n_sets,
                           const Coefficients& coefficients, PartWorkspace& own) {
    const Regressor::Centre& c = regressor.centres[centre];
    const int n = c.n_inputs, stride = c.padded_inputs();
    if (regressor.is_ensemble()) {
        for (int set = 0; set < n_sets; ++set) {
            own.energies[set] = Vec{};
            for (int k = 0; k < n; ++k) own.slopes[set * stride + k] = Vec{};
        }
        for (int member = 0; member < regressor.n_members; ++member) {
            bool wanted = false;
            for (int set = 0; set < n_sets; ++set) wanted |= coefficients(set)[member] != 0.0;
            if (!wanted) continue;
            Vec* slopes = own.scratch + member_scratch(regressor, c);
            const Vec energy = member_energy(regressor, c, member, own.features, own.scratch, slopes);
            for (int set = 0; set < n_sets; ++set) {
                const double coefficient = coefficients(set)[member];
                if (coefficient == 0.0) continue;
                own.energies[set] += coefficient * energy;
                for (int k = 0; k < n; ++k) own.slopes[set * stride + k] += coefficient * slopes[k];
            }
        }
        return;
    }
    for (int set = 0; set < n_sets; ++set)
        own.energies[set] =
            regressor.kind == Regressor::Kind::kQuadratic
                ? quadratic_energy(n, coefficients(set), own.features, own.slopes + set * stride)
                : linear_energy(n, coefficients(set), own.features, own.slopes + set * stride);
}

// Calls body(output, value) for every output of the block's atoms.
template <class Body>
static inline void for_each_output(const Regressor& regressor, int centre, PartWorkspace& own, Body body) {
    const Regressor::Centre& c = regressor.centres[centre];
    const int n = c.n_inputs;
    const Vec* x = own.features;
    switch (regressor.kind) {
    case Regressor::Kind::kKernel:
        kernel_inputs(c, x, own.inputs);
        kernel_products(c, own.inputs, own.scratch);
        for (int s = 0; s < c.n_outputs; ++s)
            body(s, real_power(own.scratch[s], regressor.zeta, whole_exponent(regressor.zeta)));
        return;
    case Regressor::Kind::kNetwork:
    case Regressor::Kind::kEmbedding:
        for (int k = 0; k < c.n_outputs; ++k)
            body(k, member_energy(regressor, c, k, x, own.scratch, nullptr));
        return;
    case Regressor::Kind::kLinear:
    case Regressor::Kind::kQuadratic:
        for (int i = 0; i < n; ++i) body(i, x[i]);
        if (regressor.kind == Regressor::Kind::kLinear) return;
        for (int i = 0, output = n; i < n; ++i)
            for (int j = i; j < n; ++j, ++output) body(output, (i == j ? 0.5 : 1.0) * x[i] * x[j]);
    }
}

} // namespace atomsmith::ATOMSMITH_ISA
