// Energies, forces and virials of a chunk: the coupling of its blocks, then the force sweeps atom by atom.
#pragma once

#include "couple_block.hpp"
#include "pair.hpp"
#ifndef ATOMSMITH_SINGLE
#include "symmetry_forces.hpp"
#include "three_body.hpp"
#endif

namespace atomsmith::ATOMSMITH_ISA {

// What lane s adds to the energies and forces of sets [set, set + kSets).
template <int kSets>
static inline void backward_lane(const Sweep& sweep, const Block& block, int s, int set, double fixed_energy,
                                 Workspace& w) {
    const Model& model = *sweep.model;
    const int n_vectors = w.near.segments(s)[w.near.n_species];
    double energies[kSets];
    for (int i = 0; i < kSets; ++i) {
        energies[i] = fixed_energy + w.energies[(set + i) * kLanes + s];
        copy(w.fixed, w.gradients[i], n_vectors);
    }
    for (std::size_t k = 0; k < model.parts.size(); ++k) {
        const Part& part = model.parts[k];
        const PartWorkspace& own = w.parts[k];
        const std::size_t lane_stride = padded(part.n_channels);
        const Real* g = own.gradients + (set * kLanes + s) * lane_stride;
        if (part.has_products() || part.kind == Part::Kind::kSoap)
            force_sweep<kSets>(part, g, kLanes * lane_stride, w.near, s, own, w.gradients);
#ifndef ATOMSMITH_SINGLE
        if (part.kind == Part::Kind::kMoments)
            for (int i = 0; i < kSets; ++i)
                moment_force_sweep(part, g + i * kLanes * lane_stride, w.near, s, own, w.gradients[i]);
        if (part.kind == Part::Kind::kSymmetry)
            for (int i = 0; i < kSets; ++i)
                symmetry_force_sweep(part, block.centre, g + i * kLanes * lane_stride, w.near, s,
                                     w.parts[k].symmetry, w.gradients[i]);
        if (part.kind == Part::Kind::kBispectrum)
            for (int i = 0; i < kSets; ++i)
                sphere_force_sweep(part, block.centre, g + i * kLanes * lane_stride, w.near, s, own,
                                   w.gradients[i]);
#endif
        for (int i = 0; i < kSets; ++i) {
            const Real* coefficients = coefficients_of(sweep, set + i) + part.first_feature;
            if (part.kind == Part::Kind::kE0) energies[i] += coefficients[block.centre];
            if (part.kind == Part::Kind::kPair)
                energies[i] += pair_energy(part, block.centre, coefficients, w.near, s, own, w.gradients[i]);
#ifndef ATOMSMITH_SINGLE
            if (part.kind == Part::Kind::kThreeBody)
                energies[i] += three_body_energy(part, block.centre, coefficients, w.near, s,
                                                 w.parts[k].three_body, w.gradients[i]);
#endif
        }
    }
    const std::size_t atoms = sweep.batch->n_centres, images = sweep.layout->images.size();
    for (int i = 0; i < kSets; ++i) {
        if (sweep.energies) sweep.energies[(set + i) * atoms + block.atoms[s]] = energies[i];
        add_forces(w, s, block.own[s], w.gradients[i],
                   sweep.forces + 3 * ((set + i) * images + sweep.chunk->first_image));
    }
    if (sweep.centre_virial && set == 0) add_atom_virials(sweep, w, s, block.atoms[s], w.gradients[0]);
}

// First the coupling of all sets, lanes = atoms; then lane by lane the force sweeps, which share the
// harmonics of the lane and what no coefficient scales.
static inline void backward_block(const Sweep& sweep, const Block& block, const Plans& plans, int n_sets,
                                  Workspace& w) {
    const Model& model = *sweep.model;
    couple(sweep, block, plans, n_sets, w);
    for (int s = 0; s < block.n; ++s) {
        clear(w.fixed, w.near.segments(s)[w.near.n_species]);
        double fixed_energy = 0.0;
        for (std::size_t k = 0; k < model.parts.size(); ++k) {
            const Part& part = model.parts[k];
            if (part.is_harmonic()) directions_lane(part, w.near, s, w.parts[k].directions);
            if (part.kind == Part::Kind::kZbl)
                fixed_energy += zbl_energy(part, block.centre, w.near, s, w.fixed);
#ifndef ATOMSMITH_SINGLE
            if (!part.embeddings.empty()) embedded_forces(part, s, w, w.parts[k]);
#endif
        }
        int set = 0;
        for (; set + kSetsAtOnce <= n_sets; set += kSetsAtOnce)
            backward_lane<kSetsAtOnce>(sweep, block, s, set, fixed_energy, w);
        for (; set < n_sets; ++set) backward_lane<1>(sweep, block, s, set, fixed_energy, w);
    }
}

// Block by block, or all blocks of the chunk together where a kernel's points shall be read once for all.
static inline void backward(const Sweep& sweep, double* scratch) {
    const int n_sets = sweep.weights ? sweep.weights->n_sets : 1;
    Arena arena{scratch};
    const ChunkWorkspace c = lay_out_chunk(*sweep.model, *sweep.layout, n_sets, arena);
    for (int first = sweep.chunk->begin; first < sweep.chunk->end; first += c.n_blocks) {
        const int n = sweep.chunk->end - first < c.n_blocks ? sweep.chunk->end - first : c.n_blocks;
        for (int b = 0; b < n; ++b) {
            const Block block = block_at(sweep, first + b);
            prepare(sweep, block, c.blocks[b], plans_of(sweep, block.centre).program);
#ifndef ATOMSMITH_SINGLE
            regress_block(sweep, block, n_sets, c.blocks[b]);
#endif
        }
#ifndef ATOMSMITH_SINGLE
        regress_chunk(sweep, first, n, n_sets, c);
#endif
        for (int b = 0; b < n; ++b) {
            const Block block = block_at(sweep, first + b);
            backward_block(sweep, block, plans_of(sweep, block.centre), n_sets, c.blocks[b]);
        }
    }
}

} // namespace atomsmith::ATOMSMITH_ISA
