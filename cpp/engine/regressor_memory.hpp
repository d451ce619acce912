// Scratch memory of regressors, in vectors.
#pragma once

#include "regressor_plan.hpp"
#include "simd.hpp"

namespace atomsmith::ATOMSMITH_ISA {

// Points of a kernel that are multiplied at once, from the second-level cache.
inline constexpr int kPanel = Regressor::kPanel;
inline constexpr int kPanelsPerTile = 8;
inline constexpr int kPointsPerTile = kPanelsPerTile * kPanel;
inline constexpr int kTileScratch = 4 * kPointsPerTile; // products and weights of a pair of vectors

// Of one network: its inputs, values and derivatives of neurons, and two rows of gradients.
ATOMSMITH_INLINE std::size_t network_scratch(const Regressor::Centre& c) {
    return c.n_inputs + 2 * static_cast<std::size_t>(c.n_neurons()) + 2 * c.widest();
}

// Of one member of an ensemble; an embedding has its densities.
ATOMSMITH_INLINE std::size_t member_scratch(const Regressor& regressor, const Regressor::Centre& c) {
    return regressor.kind == Regressor::Kind::kNetwork ? network_scratch(c) : c.densities.size();
}

// Of a part's regressor for one block.
static inline std::size_t regressor_scratch(const Regressor& regressor) {
    std::size_t most = 0;
    for (const Regressor::Centre& c : regressor.centres) {
        std::size_t own = 0;
        if (regressor.is_ensemble()) own = member_scratch(regressor, c) + c.n_inputs;
        if (regressor.kind == Regressor::Kind::kKernel) own = static_cast<std::size_t>(c.n_panels()) * kPanel;
        most = own > most ? own : most;
    }
    return most;
}

// For the rows of a kernel's outputs: the packed table of gradients, products, and a tile of rows.
ATOMSMITH_INLINE std::size_t packed_size(int stride, int padded_inputs) {
    const std::size_t columns = 3 * static_cast<std::size_t>(stride) + 1;
    return columns * padded_inputs + 2 * kPointsPerTile + kPointsPerTile * columns;
}

} // namespace atomsmith::ATOMSMITH_ISA
