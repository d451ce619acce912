// The product DAG, lanes = atoms: values of the products, and one backward pass from the energy to dE/dA.
#pragma once

#include "workspace.hpp"

namespace atomsmith::ATOMSMITH_ISA {

ATOMSMITH_INLINE void stored_products(const Program& program, int n_channels, Vec* value) {
    const int n = static_cast<int>(program.stored_a.size());
    for (int k = 0; k < n; ++k) value[n_channels + k] = value[program.stored_a[k]] * value[program.stored_b[k]];
}

// Energy sum_t w_t T_t; `adjoint` becomes dE/d(slot). Groups descend, so that when a left factor is reached, all that
// use it as a right factor have already added to its adjoint.
static inline Vec coupled_energy(const Program& program, const double* weights, const Vec* value, Vec* adjoint) {
    for (int k = 0; k < program.n_slots; ++k) adjoint[k] = Vec{};
    const std::int32_t* right = program.right.data();
    Vec energy{};
    const Program::Group* group = program.groups.data();
    const Program::Group* end = group + program.groups.size();
    for (; group != end; ++group) {
        const bool node = group->factor_a >= 0;
        const Vec left = group->slot >= 0 ? value[group->slot] : value[group->factor_a] * value[group->factor_b];
        Vec slope = group->linear >= 0 ? broadcast(weights[group->linear]) : Vec{};
        Vec other{};
        int t = group->begin;
        for (; t + 2 <= group->end; t += 2) {
            const double w0 = weights[t], w1 = weights[t + 1];
            const int v0 = right[t], v1 = right[t + 1];
            slope += w0 * value[v0];
            other += w1 * value[v1];
            adjoint[v0] += w0 * left;
            adjoint[v1] += w1 * left;
        }
        if (t < group->end) {
            slope += weights[t] * value[right[t]];
            adjoint[right[t]] += weights[t] * left;
        }
        slope += other;
        energy += slope * left;
        if (group->slot >= 0) {
            slope += adjoint[group->slot];
            adjoint[group->slot] = slope;
        }
        if (node) {
            adjoint[group->factor_a] += slope * value[group->factor_b];
            adjoint[group->factor_b] += slope * value[group->factor_a];
        }
    }
    return energy;
}

// Calls use(term, value) for every term of the centre.
template <class Use>
ATOMSMITH_INLINE void for_each_term(const Program& program, const Vec* value, Use use) {
    for (const Program::Group* group = program.groups.data(); group != program.groups.data() + program.groups.size();
         ++group) {
        const Vec left = group->slot >= 0 ? value[group->slot] : value[group->factor_a] * value[group->factor_b];
        if (group->linear >= 0) use(program.term_of_weight[group->linear], left);
        for (int t = group->begin; t < group->end; ++t)
            use(program.term_of_weight[t], left * value[program.right[t]]);
    }
}

}  // namespace atomsmith::ATOMSMITH_ISA
