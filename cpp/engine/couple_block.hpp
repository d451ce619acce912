// Energies of a block of atoms and their gradients by the channels, for every set of coefficients; lanes =
// atoms.
#pragma once

#include "block.hpp"
#ifndef ATOMSMITH_SINGLE
#include "describe.hpp"
#include "embedding.hpp"
#include "regressor.hpp"
#endif

namespace atomsmith::ATOMSMITH_ISA {

#ifndef ATOMSMITH_SINGLE
// Energies, and dE/d(density) lane by lane, of the bispectrum of one block; lanes = atoms.
static inline void couple_bispectrum(const Sweep& sweep, const Block& block, int k, int n_sets,
                                     Workspace& w) {
    const Part& part = sweep.model->parts[k];
    const PartWorkspace& own = w.parts[k];
    const Bispectrum& b = part.bispectrum;
    const int n = part.n_channels, stride = padded(n);
    const int first = part.first_feature + part.regressor.centres[block.centre].first_output;
    const std::size_t n_weights = b.couplings.size() * b.n_channels * b.n_channels * b.n_channels;
    expand_density(part, block.centre, own.slots, own.full);
    for (int set = 0; set < n_sets;) {
        const int width = n_sets - set >= 2 ? 2 : 1;
        auto* weights = reinterpret_cast<double*>(own.weights);
        for (int i = 0; i < width; ++i)
            coupling_weights(b, coefficients_of(sweep, set + i) + first, weights + i * n_weights);
        if (width == 2)
            bispectrum_gradient<2>(part, own.full, weights, n_weights, own.adjoint, stride);
        else
            bispectrum_gradient<1>(part, own.full, weights, 0, own.adjoint, 0);
        for (int i = 0; i < width; ++i, ++set) {
            const Vec energy = homogeneous_energy(part, block.centre, own.slots, own.adjoint + i * stride,
                                                  coefficients_of(sweep, set) + first);
            from_lanes(own.adjoint + i * stride, 1, n,
                       own.gradients + static_cast<std::size_t>(set) * kLanes * stride, stride);
            for (int s = 0; s < block.n; ++s) w.energies[set * kLanes + s] += energy[s];
        }
    }
}

// Energies, and dE/d(moment) lane by lane, of one block; lanes = atoms.
static inline void couple_moments(const Sweep& sweep, const Block& block, int k, int n_sets, Workspace& w) {
    const Part& part = sweep.model->parts[k];
    const PartWorkspace& own = w.parts[k];
    const int n = part.n_channels, stride = padded(n);
    make_values(part.moments, false, own.slots);
    for (int set = 0; set < n_sets; ++set) {
        const double* coefficients =
            coefficients_of(sweep, set) + part.first_feature + part.moments.first_feature[block.centre];
        const Vec energy = moments_gradient(part.moments, coefficients, own.slots, own.adjoint);
        from_lanes(own.adjoint, 1, n, own.gradients + static_cast<std::size_t>(set) * kLanes * stride,
                   stride);
        for (int s = 0; s < block.n; ++s) w.energies[set * kLanes + s] += energy[s];
    }
}

// Features, energies and dE/d(feature) of parts with a regressor; lanes = atoms.
static inline void regress_block(const Sweep& sweep, const Block& block, int n_sets, Workspace& w) {
    for (std::size_t k = 0; k < sweep.model->parts.size(); ++k) {
        const Part& part = sweep.model->parts[k];
        if (!part.is_regressed()) continue;
        describe(part, block.centre, sweep.globals, w.parts[k]);
        if (part.regressor.kind == Regressor::Kind::kKernel) continue; // with its whole chunk
        const int first = part.first_feature + part.regressor.centres[block.centre].first_output;
        const auto coefficients = [&](int set) { return coefficients_of(sweep, set) + first; };
        regress(part.regressor, block.centre, n_sets, coefficients, w.parts[k]);
    }
}

// The same of a kernel for blocks [begin, end) of the chunk, which have the same centre.
static inline void regress_together(const Sweep& sweep, int k, int centre, int begin, int end, int n_sets,
                                    const ChunkWorkspace& c) {
    const Part& part = sweep.model->parts[k];
    const Regressor::Centre& own = part.regressor.centres[centre];
    const int first = part.first_feature + own.first_output, rows = own.padded_inputs();
    const int n_pairs = (end - begin + 1) / 2;
    const std::size_t pair_size = 2 * static_cast<std::size_t>(rows);
    for (int b = 0; b < 2 * n_pairs; ++b) {
        if (begin + b < end) {
            const PartWorkspace& from = c.blocks[begin + b].parts[k];
            kernel_inputs(own, from.features, from.inputs);
        }
        for (int d = 0; d < rows; ++d)
            c.features[b / 2 * pair_size + 2 * d + b % 2] =
                begin + b < end ? c.blocks[begin + b].parts[k].inputs[d] : Vec{};
    }
    const auto coefficients = [&](int set) { return coefficients_of(sweep, set) + first; };
    kernel_energies(own, part.regressor.zeta, n_pairs, c.features, n_sets, coefficients, c.tile, c.energies,
                    c.slopes);
    for (int b = 0; b < end - begin; ++b) {
        PartWorkspace& to = c.blocks[begin + b].parts[k];
        for (int set = 0; set < n_sets; ++set) {
            const std::size_t pair = static_cast<std::size_t>(set) * n_pairs + b / 2;
            to.energies[set] = c.energies[2 * pair + b % 2];
            for (int d = 0; d < rows; ++d)
                to.slopes[set * rows + d] = c.slopes[pair * pair_size + 2 * d + b % 2];
            kernel_feature_slopes(own, to.inputs, to.slopes + set * rows);
        }
    }
}

// Kernels of all blocks that are alive, those of one centre together.
static inline void regress_chunk(const Sweep& sweep, int first, int n, int n_sets, const ChunkWorkspace& c) {
    for (std::size_t k = 0; k < sweep.model->parts.size(); ++k) {
        if (sweep.model->parts[k].regressor.kind != Regressor::Kind::kKernel) continue;
        for (int begin = 0, end = 0; begin < n; begin = end) {
            const int centre = block_at(sweep, first + begin).centre;
            for (end = begin + 1; end < n && block_at(sweep, first + end).centre == centre;) ++end;
            regress_together(sweep, static_cast<int>(k), centre, begin, end, n_sets, c);
        }
    }
}

// From what `regress` left to energies and dE/d(channel) lane by lane.
static inline void couple_regressed(const Sweep& sweep, const Block& block, const Part& part, int k,
                                    int n_sets, Workspace& w) {
    PartWorkspace& own = w.parts[k];
    const Regressor::Centre& c = part.regressor.centres[block.centre];
    const int n = part.n_channels, stride = padded(n), rows = c.padded_inputs();
    for (int set = 0; set < n_sets; ++set) {
        for (int g = 0; g < part.regressor.n_globals; ++g) {
            const Vec slope = own.slopes[set * rows + part.regressor.n_described(c) + g];
            for (int s = 0; s < block.n; ++s)
                sweep.global_slopes[set * sweep.model->n_globals + part.first_global + g] += slope[s];
        }
        descend(part, block.centre, own.slopes + set * rows, own);
        from_lanes(own.adjoint, 1, n, own.gradients + static_cast<std::size_t>(set) * kLanes * stride,
                   stride);
        for (int s = 0; s < block.n; ++s) w.energies[set * kLanes + s] += own.energies[set][s];
    }
}
#endif

// Energies, and dE/dA lane by lane, of one block with every set of coefficients; lanes = atoms.
static inline void couple(const Sweep& sweep, const Block& block, const Plans& plans, int n_sets,
                          Workspace& w) {
    const Model& model = *sweep.model;
    for (int k = 0; k < n_sets * kLanes; ++k) w.energies[k] = 0.0;
    for (std::size_t k = 0; k < model.parts.size(); ++k) {
        const Part& part = model.parts[k];
#ifndef ATOMSMITH_SINGLE
        if (part.is_regressed()) {
            couple_regressed(sweep, block, part, static_cast<int>(k), n_sets, w);
            continue;
        }
        if (part.kind == Part::Kind::kBispectrum)
            couple_bispectrum(sweep, block, static_cast<int>(k), n_sets, w);
        if (part.kind == Part::Kind::kMoments) couple_moments(sweep, block, static_cast<int>(k), n_sets, w);
#endif
        if (part.kind != Part::Kind::kAce) continue;
        const PartWorkspace& own = w.parts[k];
        const int n = part.n_channels, lane_stride = padded(n);
#ifndef ATOMSMITH_SINGLE
        if (!part.embeddings.empty()) {
            const Vec energy = embedded_energy(part, block.centre, w.near, block.n, w.parts[k]);
            from_lanes(own.adjoint, 1, n, own.gradients, lane_stride);
            for (int set = 0; set < n_sets; ++set)
                for (int s = 0; s < block.n; ++s) w.energies[set * kLanes + s] += energy[s];
            continue;
        }
#endif
        const Program& program = *plans.program[k];
        for (int set = 0; set < n_sets;) {
            const int width = n_sets - set >= 2 ? 2 : 1;
            const Real* weights = term_weights(sweep, static_cast<int>(k), block.centre, set);
            Vec coupled[2];
            if (width == 2)
                coupled_energy<2>(program, weights, program.n_weights, own.slots, own.adjoint, coupled);
            else
                coupled_energy<1>(program, weights, 0, own.slots, own.adjoint, coupled);
            for (int i = 0; i < width; ++i, ++set) {
                from_lanes(own.adjoint + i, width, n,
                           own.gradients + static_cast<std::size_t>(set) * kLanes * lane_stride, lane_stride);
                for (int s = 0; s < block.n; ++s) w.energies[set * kLanes + s] += coupled[i][s];
            }
        }
    }
}

} // namespace atomsmith::ATOMSMITH_ISA
