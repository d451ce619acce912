// Gradients of power spectra for rows of the design matrix. Lanes = neighbours: with the density of an atom
// projected on the harmonics of a neighbour's direction, u_al = sum_m c_alm Y_lm and v_al = sum_m c_alm grad
// Y_lm, d(sum_m c_alm c_blm) = (R_b' u_al + R_a' u_bl) e_r + R_b v_al + R_a v_bl.
#pragma once

#include "soap.hpp"

namespace atomsmith::ATOMSMITH_ISA {

// Y_lm and its gradient (tangential, over r) of one vector of neighbours: [lm][4].
static inline void harmonics_with_gradients(const Neighbourhood& near, std::size_t at, int l_max,
                                            Vec* directions, Vec* to) {
    const HarmonicTable<Real>& table = harmonic_table<Real>();
    const Vec x = near.ux[at], y = near.uy[at], z = near.uz[at], over = near.inverse[at];
    Harmonics::fill(directions, table, l_max, x, y, z);
    const Harmonics h{directions, l_max};
    for (int l = 0; l <= l_max; ++l)
        for (int m = -l; m <= l; ++m, to += 4) {
            const int mu = m < 0 ? -m : m;
            const Vec q = Harmonics::q(h, l, mu), trig = m < 0 ? Harmonics::s(h, mu) : Harmonics::c(h, mu);
            Vec fx{}, fy{}, fz{};
            if (mu > 0) {
                const Vec factor = (double)mu * q;
                fx = factor * (m < 0 ? Harmonics::s(h, mu - 1) : Harmonics::c(h, mu - 1));
                fy = m < 0 ? factor * Harmonics::c(h, mu - 1) : -factor * Harmonics::s(h, mu - 1);
            }
            if (mu < l)
                fz = table.dz[l * HarmonicTable<Real>::kStride + mu] * Harmonics::q(h, l, mu + 1) * trig;
            const Vec along = fx * x + fy * y + fz * z;
            to[0] = q * trig;
            to[1] = (fx - along * x) * over;
            to[2] = (fy - along * y) * over;
            to[3] = (fz - along * z) * over;
        }
}

// u and v of every row and l: [row][l][4]; `density` holds the slots of one atom.
static inline void project_density(const Soap& soap, const Real* density, const Vec* harmonics, Vec* to) {
    const int step = soap.step();
    for (int row = 0; row < soap.n_rows; ++row)
        for (int l = 0; l <= soap.l_max; ++l, to += 4) {
            const Real* c = density + soap.slot(row, l);
            const Vec* y = harmonics + 4 * l * l;
            Vec sum[4] = {};
            for (int m = 0; m <= 2 * l; ++m, c += step, y += 4)
                for (int i = 0; i < 4; ++i) sum[i] += *c * y[i];
            for (int i = 0; i < 4; ++i) to[i] = sum[i];
        }
}

// R and R' of a neighbour of species z in every row: [row][l][2].
static inline void radial_rows(const Soap& soap, int z, const Vec* value, const Vec* derivative, Vec* to) {
    const int n = soap.n_max, n_l = soap.l_max + 1;
    for (int row = 0; row < soap.n_rows; ++row) {
        const double* mixing =
            soap.mixes() ? soap.mixing.data() + (static_cast<std::size_t>(row) * soap.n_species + z) * n
                         : nullptr;
        const bool own = row / n == z;
        for (int l = 0; l < n_l; ++l, to += 2) {
            to[0] = to[1] = Vec{};
            if (mixing) {
                for (int k = 0; k < n; ++k) {
                    to[0] += mixing[k] * value[l * n + k];
                    to[1] += mixing[k] * derivative[l * n + k];
                }
            } else if (own) {
                to[0] = value[l * n + row % n];
                to[1] = derivative[l * n + row % n];
            }
        }
    }
}

// Gradients of all features with respect to one vector of neighbours, and their sum weighted by `values`.
static inline void soap_gradients(const Soap& soap, const Vec* density, const Vec* radial, const Vec unit[3],
                                  const double* values, Vec* to, int stride, Vec sum[3]) {
    const int n_l = soap.l_max + 1;
    const double* weight = soap.weight.data();
    for (int p = 0; p < soap.n_products; ++p) {
        const int a = soap.products[2 * p] * n_l, b = soap.products[2 * p + 1] * n_l;
        for (int l = 0; l < n_l; ++l, to += 3 * stride) {
            const Vec *ca = density + 4 * (a + l), *cb = density + 4 * (b + l);
            const Vec *ra = radial + 2 * (a + l), *rb = radial + 2 * (b + l);
            const double w = *weight++, value = *values++;
            const Vec first = w * ra[0], second = w * rb[0];
            const Vec along = w * (rb[1] * ca[0] + ra[1] * cb[0]);
            for (int i = 0; i < 3; ++i) {
                const Vec g = along * unit[i] + second * ca[i + 1] + first * cb[i + 1];
                to[i * stride] = g;
                sum[i] += value * g;
            }
        }
    }
}

// Gradients of all features of lane s by its neighbours, [feature][xyz][vector]; after the block's densities
// have been put into w.lane_channels.
static inline void soap_gradient_table(const Part& part, int s, const Workspace& w, const PartWorkspace& own,
                                       Vec* table) {
    const Soap& soap = part.soap;
    const Neighbourhood& near = w.near;
    const std::int32_t* segment = near.segments(s);
    const int n = part.radial.n, stride = near.stride, n_values = soap.n_values(), n_l = soap.l_max + 1,
              n_spectrum = soap.n_spectrum();
    Vec *harmonics = own.rows, *projected = harmonics + 4 * soap.n_lm(),
        *radial = projected + 4 * soap.n_rows * n_l;
    double* values = reinterpret_cast<double*>(radial + 2 * soap.n_rows * n_l);
    for (int f = 0; f < n_values; ++f) values[f] = own.features[f][s];
    const Real* density = w.lane_channels + static_cast<std::size_t>(s) * (padded(soap.n_slots) + kLanes);
    const double inverse = own.values[0][s];
    for (int z = 0; z < near.n_species; ++z)
        for (int b = segment[z]; b < segment[z + 1]; ++b) {
            const std::size_t at = static_cast<std::size_t>(s) * stride + b;
            const Vec unit[3] = {near.ux[at], near.uy[at], near.uz[at]};
            harmonics_with_gradients(near, at, soap.l_max, w.directions, harmonics);
            project_density(soap, density, harmonics, projected);
            radial_rows(soap, z, own.value + at * n, own.derivative + at * n, radial);
            Vec sum[3] = {};
            soap_gradients(soap, projected, radial, unit, values, table + b, stride, sum);
            for (int k = 3 * n_spectrum; k < 3 * n_values; ++k) table[k * stride + b] = Vec{};
            if (!soap.normalised) continue;
            // Values are p / |p|: d(p_f / |p|) = (dp_f - values_f sum) / |p|, sum = values . dp.
            for (int f = 0; f < n_spectrum; ++f)
                for (int i = 0; i < 3; ++i) {
                    Vec& g = table[(3 * f + i) * stride + b];
                    g = inverse * (g - values[f] * sum[i]);
                }
        }
}

} // namespace atomsmith::ATOMSMITH_ISA
