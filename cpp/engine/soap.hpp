// Power spectrum of the density around an atom (lanes = atoms) and its derivatives; the density itself is the
// one-particle basis of ace.hpp.
#pragma once

#include "ace.hpp"

namespace atomsmith::ATOMSMITH_ISA {

// Adds the atom itself to its density and mixes rows.
static inline void soap_rows(const Part& part, int centre, Vec* slots) {
    const Soap& soap = part.soap;
    const double* self = soap.self.data() + static_cast<std::size_t>(centre) * soap.n_species * soap.n_max;
    const int n_lm = soap.n_lm(), n = soap.n_max, n_columns = soap.n_species * n;
    for (int z = 0; z < soap.n_species; ++z)
        for (int k = 0; k < n; ++k) slots[z * n_lm * n + k] += self[z * n + k];
    if (!soap.mixes()) return;
    const double* mixing = soap.mixing.data();
    for (int row = 0; row < soap.n_rows; ++row, mixing += n_columns)
        for (int lm = 0; lm < n_lm; ++lm) {
            Vec sum{};
            for (int z = 0; z < soap.n_species; ++z) {
                const Vec* from = slots + (z * n_lm + lm) * n;
                for (int k = 0; k < n; ++k) sum += mixing[z * n + k] * from[k];
            }
            slots[soap.n_channels + row * n_lm + lm] = sum;
        }
}

// Features of a block of atoms; returns 1 / norm, or 1 if they are not normalised.
static inline Vec soap_values(const Soap& soap, const Vec* slots, Vec* values) {
    const int step = soap.step();
    const double* weight = soap.weight.data();
    Vec squares{};
    Vec* to = values;
    for (int p = 0; p < soap.n_products; ++p)
        for (int l = 0; l <= soap.l_max; ++l) {
            const Vec* a = slots + soap.slot(soap.products[2 * p], l);
            const Vec* b = slots + soap.slot(soap.products[2 * p + 1], l);
            Vec sum{};
            for (int m = 0; m < (2 * l + 1) * step; m += step) sum += a[m] * b[m];
            sum *= *weight++;
            squares += sum * sum;
            *to++ = sum;
        }
    if (soap.sigma > 0.0) *to = broadcast(soap.sigma);
    if (!soap.normalised) return broadcast(1.0);
    // The lanes behind the last atom, and an atom alone that does not count itself, have no density.
    const double least = soap.least_norm;
    const Vec inverse = select(squares > broadcast(least * least), 1.0 / square_root(squares),
                               broadcast(least > 0.0 ? 1.0 : 0.0));
    for (Vec* v = values; v != to; ++v) *v *= inverse;
    return inverse;
}

// Turns dE/d(feature) into dE/d(channel).
static inline void soap_gradient(const Soap& soap, const Vec* slots, const Vec* values, Vec inverse,
                                 const Vec* slopes, Vec* adjoint) {
    const int step = soap.step();
    Vec along{};
    if (soap.normalised)
        for (int f = 0; f < soap.n_spectrum(); ++f) along += slopes[f] * values[f];
    for (int k = 0; k < soap.n_slots; ++k) adjoint[k] = Vec{};
    const double* weight = soap.weight.data();
    for (int p = 0; p < soap.n_products; ++p)
        for (int l = 0; l <= soap.l_max; ++l) {
            const int first = soap.slot(soap.products[2 * p], l),
                      second = soap.slot(soap.products[2 * p + 1], l);
            const Vec slope = (*slopes++ - along * *values++) * (*weight++ * inverse);
            for (int m = 0; m < (2 * l + 1) * step; m += step) {
                const Vec a = slots[first + m], b = slots[second + m];
                adjoint[first + m] += slope * b;
                adjoint[second + m] += slope * a;
            }
        }
    if (!soap.mixes()) return;
    const int n_lm = soap.n_lm();
    const double* mixing = soap.mixing.data();
    for (int row = 0; row < soap.n_rows; ++row, mixing += soap.n_species * soap.n_max)
        for (int lm = 0; lm < n_lm; ++lm) {
            const Vec slope = adjoint[soap.n_channels + row * n_lm + lm];
            for (int z = 0; z < soap.n_species; ++z)
                for (int k = 0; k < soap.n_max; ++k)
                    adjoint[(z * n_lm + lm) * soap.n_max + k] += mixing[z * soap.n_max + k] * slope;
        }
}

} // namespace atomsmith::ATOMSMITH_ISA
