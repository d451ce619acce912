// The embedding as a regressor of any descriptor, lanes = atoms: the energy of an atom is a sum of functions
// of densities that are linear in its features, and the backward pass is one more product with their
// coefficients.
#pragma once

#include "embedding_functions.hpp"
#include "network.hpp"

namespace atomsmith::ATOMSMITH_ISA {

// Replaces a density by prefactor * dF/drho and returns prefactor * F.
ATOMSMITH_INLINE Vec embed(const Regressor::Density& d, Embedding::Function function, Vec& density) {
    Vec value = density, slope = broadcast(1.0);
    if (function == Embedding::Function::kFinnisSinclair)
        for (int s = 0; s < kLanes; ++s) {
            double own, change;
            finnis_sinclair(density[s], d.exponent, own, change);
            value[s] = own;
            slope[s] = change;
        }
    else if (!d.is_linear)
        value = shifted_scaled(density, d, slope);
    density = d.prefactor * slope;
    return d.prefactor * value;
}

// Energy of one member; `slopes` becomes dE/dB, unless it is null.
static inline Vec embedding_energy(const Regressor::Centre& c, int member, const Vec* features,
                                   Vec* densities, Vec* slopes) {
    const int n = static_cast<int>(c.densities.size());
    const double* coefficients = c.coefficients.data() + static_cast<std::size_t>(member) * n * c.n_inputs;
    layer_values(coefficients, c.no_bias.data(), c.n_inputs, n, features, densities);
    Vec energy{};
    for (int p = 0; p < n; ++p) energy += embed(c.densities[p], c.function, densities[p]);
    if (slopes) layer_slopes(coefficients, c.n_inputs, n, densities, slopes);
    return energy;
}

} // namespace atomsmith::ATOMSMITH_ISA
