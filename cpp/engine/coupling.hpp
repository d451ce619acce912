// The product DAG, lanes = atoms: values of the products, and one backward pass from the energy to dE/dA.
#pragma once

#include "workspace.hpp"

namespace atomsmith::ATOMSMITH_ISA {

ATOMSMITH_INLINE void stored_products(const Program& program, int n_channels, Vec* value) {
    const int n = static_cast<int>(program.stored_a.size());
    for (int k = 0; k < n; ++k)
        value[n_channels + k] = value[program.stored_a[k]] * value[program.stored_b[k]];
}

// Energies sum_t w_t T_t of kSets sets of weights (numbers, or vectors where every atom has its own), which
// stand `weight_stride` apart; `adjoint` becomes
// dE/d(slot), [slot][set]. Groups that others feed stand behind these, so that when a left factor is reached,
// all that use it as a right factor have already added to its adjoint. Two sets at a time share indices,
// values and branches.
template <int kSets, class Weight>
static inline void coupled_energy(const Program& program, const Weight* weights, std::size_t weight_stride,
                                  const Vec* value, Vec* adjoint, Vec* energy) {
    for (int k = 0; k < kSets * program.n_slots; ++k) adjoint[k] = Vec{};
    const Weight* w[kSets];
    for (int i = 0; i < kSets; ++i) w[i] = weights + i * weight_stride;
    const std::int32_t* right = program.right.data();
    Vec total[kSets] = {};
    const Program::Group* group = program.groups.data();
    const Program::Group* end = group + program.groups.size();
    for (; group != end; ++group) {
        const Vec left =
            group->slot >= 0 ? value[group->slot] : value[group->factor_a] * value[group->factor_b];
        Vec slope[kSets], other[kSets] = {};
        for (int i = 0; i < kSets; ++i) slope[i] = group->linear >= 0 ? Vec{} + w[i][group->linear] : Vec{};
        int t = group->begin;
        for (; t + 2 <= group->end; t += 2) {
            const Vec v0 = value[right[t]], v1 = value[right[t + 1]];
            Vec* a0 = adjoint + kSets * right[t];
            Vec* a1 = adjoint + kSets * right[t + 1];
            for (int i = 0; i < kSets; ++i) {
                slope[i] += w[i][t] * v0;
                other[i] += w[i][t + 1] * v1;
                a0[i] += w[i][t] * left;
                a1[i] += w[i][t + 1] * left;
            }
        }
        if (t < group->end) {
            const Vec v = value[right[t]];
            Vec* a = adjoint + kSets * right[t];
            for (int i = 0; i < kSets; ++i) {
                slope[i] += w[i][t] * v;
                a[i] += w[i][t] * left;
            }
        }
        for (int i = 0; i < kSets; ++i) {
            slope[i] += other[i];
            total[i] += slope[i] * left;
        }
        if (group->slot >= 0) {
            Vec* own = adjoint + kSets * group->slot;
            for (int i = 0; i < kSets; ++i) own[i] = slope[i] = slope[i] + own[i];
        }
        if (group->factor_a >= 0) {
            const Vec a = value[group->factor_a], b = value[group->factor_b];
            for (int i = 0; i < kSets; ++i) {
                adjoint[kSets * group->factor_a + i] += slope[i] * b;
                adjoint[kSets * group->factor_b + i] += slope[i] * a;
            }
        }
    }
    for (int i = 0; i < kSets; ++i) energy[i] = total[i];
}

// Calls use(term, value) for every term of the centre.
template <class Use>
ATOMSMITH_INLINE void for_each_term(const Program& program, const Vec* value, Use use) {
    for (const Program::Group* group = program.groups.data();
         group != program.groups.data() + program.groups.size(); ++group) {
        const Vec left =
            group->slot >= 0 ? value[group->slot] : value[group->factor_a] * value[group->factor_b];
        if (group->linear >= 0) use(program.term_of_weight[group->linear], left);
        for (int t = group->begin; t < group->end; ++t)
            use(program.term_of_weight[t], left * value[program.right[t]]);
    }
}

} // namespace atomsmith::ATOMSMITH_ISA
