// A block of atoms of one species, lanes = atoms: its neighbours, and the channels of every part.
#pragma once

#include "ace.hpp"
#include "coupling.hpp"
#include "workspace.hpp"
#ifndef ATOMSMITH_SINGLE
#include "bispectrum.hpp"
#include "moments.hpp"
#include "soap.hpp"
#include "symmetry.hpp"
#endif

namespace atomsmith::ATOMSMITH_ISA {

struct Block {
    const std::int32_t* atoms;
    const std::int32_t* own; // their images
    int n;                   // atoms; the lanes behind are empty
    int centre;              // species
    int index;
};

static inline Block block_at(const Sweep& sweep, int index) {
    const std::size_t first = static_cast<std::size_t>(index) * kLanes;
    Block block{sweep.layout->blocks.data() + first, sweep.layout->own.data() + first, 0, 0, index};
    while (block.n < kLanes && block.atoms[block.n] >= 0) ++block.n;
    block.centre = sweep.batch->species[block.atoms[0]];
    return block;
}

// Radial functions of all parts and the values of all channels and stored nodes.
static inline void prepare(const Sweep& sweep, const Block& block, Workspace& w,
                           const Program* const* programs, bool slopes = true) {
    const Model& model = *sweep.model;
    for (int s = 0; s < kLanes; ++s)
        gather_lane(sweep, w, s, s < block.n ? block.atoms[s] : -1, block.own[s]);
    std::size_t channels_before = 0;
    const std::size_t block_channels =
        sweep.channels_in || sweep.channels_out ? channel_doubles_per_block(model, kLanes) * block.index : 0;
    for (std::size_t k = 0; k < model.parts.size(); ++k) {
        const Part& part = model.parts[k];
        PartWorkspace& own = w.parts[k];
        if (part.radial.n > 0)
            for (int s = 0; s < block.n; ++s) radial_lane(part, block.centre, w.near, s, slopes, own);
        if (part.n_channels == 0) continue;
        const int n = part.n_channels, lane_stride = padded(n) + kLanes;
        if (const auto* in = reinterpret_cast<const Real*>(sweep.channels_in)) {
            const Real* from = in + block_channels + channels_before;
            for (int c = 0; c < n; ++c)
                own.slots[c] = load_unaligned(from + static_cast<std::size_t>(c) * kLanes);
        } else {
            for (int s = 0; s < kLanes; ++s) {
                Real* lane = w.lane_channels + static_cast<std::size_t>(s) * lane_stride;
                if (s >= block.n)
                    for (int c = 0; c < n; ++c) lane[c] = 0;
                else if (part.is_harmonic())
                    basis_sweep(part, w.near, s, own, w.harmonics, w.directions, lane);
#ifndef ATOMSMITH_SINGLE
                else if (part.kind == Part::Kind::kMoments)
                    moment_sweep(part, w.near, s, own, lane);
                else if (part.kind == Part::Kind::kSymmetry)
                    symmetry_sweep(part, block.centre, w.near, s, own.symmetry, lane);
                else
                    density_sweep(part, block.centre, w.near, s, own, lane);
#endif
            }
            to_lanes(w.lane_channels, lane_stride, n, own.slots);
        }
        if (auto* out = reinterpret_cast<Real*>(sweep.channels_out)) {
            Real* to = out + block_channels + channels_before;
            for (int c = 0; c < n; ++c)
                store_unaligned(to + static_cast<std::size_t>(c) * kLanes, own.slots[c]);
        }
        channels_before += static_cast<std::size_t>(n) * kLanes;
        if (part.has_products()) stored_products(*programs[k], n, own.slots);
#ifndef ATOMSMITH_SINGLE
        if (part.kind == Part::Kind::kSoap) soap_rows(part, block.centre, own.slots);
#endif
    }
}

// Programs (and, per set, weights) of the block's centre for every part.
struct Plans {
    static constexpr int kMaxParts = 64;
    const Program* program[kMaxParts] = {};
};

static inline Plans plans_of(const Sweep& sweep, int centre) {
    Plans plans;
    for (std::size_t k = 0; k < sweep.model->parts.size(); ++k) {
        const Part& part = sweep.model->parts[k];
        if (part.kind != Part::Kind::kAce) continue;
        plans.program[k] = sweep.weights && part.has_linear_products()
                               ? &sweep.weights->centres[k][centre].program
                               : &part.centres[centre].full;
    }
    return plans;
}

// Weights that belong to one system are of double precision; there are none in single precision.
static inline const Real* term_weights(const Sweep& sweep, int part, int centre, int set) {
    if (!sweep.weights)
        return reinterpret_cast<const Real*>(sweep.system_values[part * sweep.model->n_species() + centre]);
    const Weights::Centre& own = sweep.weights->centres[part][centre];
    return own.values.data<Real>() + static_cast<std::size_t>(set) * own.program.n_weights;
}

static inline const Real* coefficients_of(const Sweep& sweep, int set) {
    return sweep.weights ? sweep.weights->coefficients.data<Real>() +
                               static_cast<std::size_t>(set) * sweep.model->n_features
                         : reinterpret_cast<const Real*>(sweep.system_coefficients);
}

} // namespace atomsmith::ATOMSMITH_ISA
