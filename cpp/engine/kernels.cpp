// The sweeps over blocks of atoms. This file is compiled once for every instruction set, and for each again
// with ATOMSMITH_SINGLE: then only the backward sweep of linear ACE, pair functions and repulsion.
//
// It must not instantiate standard-library templates that other files use too: the linker would keep one
// copy, maybe one compiled for instructions that the processor lacks. (Only inlined accessors of std::vector
// appear here.)
#include "kernels.hpp"

#include "ace.hpp"
#include "coupling.hpp"
#include "pair.hpp"
#include "workspace.hpp"
#ifndef ATOMSMITH_SINGLE
#include "descriptor_gradients.hpp"
#include "embedding.hpp"
#include "kernel_rows.hpp"
#include "moments_radial.hpp"
#endif

namespace atomsmith::ATOMSMITH_ISA {

namespace {

struct Block {
    const std::int32_t* atoms;
    const std::int32_t* own; // their images
    int n;                   // atoms; the lanes behind are empty
    int centre;              // species
    int index;
};

Block block_at(const Sweep& sweep, int index) {
    const std::size_t first = static_cast<std::size_t>(index) * kLanes;
    Block block{sweep.layout->blocks.data() + first, sweep.layout->own.data() + first, 0, 0, index};
    while (block.n < kLanes && block.atoms[block.n] >= 0) ++block.n;
    block.centre = sweep.batch->species[block.atoms[0]];
    return block;
}

// Radial functions of all parts and the values of all channels and stored nodes.
void prepare(const Sweep& sweep, const Block& block, Workspace& w, const Program* const* programs,
             bool slopes = true) {
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

Plans plans_of(const Sweep& sweep, int centre) {
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
const Real* term_weights(const Sweep& sweep, int part, int centre, int set) {
    if (!sweep.weights)
        return reinterpret_cast<const Real*>(sweep.system_values[part * sweep.model->n_species() + centre]);
    const Weights::Centre& own = sweep.weights->centres[part][centre];
    return own.values.data<Real>() + static_cast<std::size_t>(set) * own.program.n_weights;
}

const Real* coefficients_of(const Sweep& sweep, int set) {
    return sweep.weights ? sweep.weights->coefficients.data<Real>() +
                               static_cast<std::size_t>(set) * sweep.model->n_features
                         : reinterpret_cast<const Real*>(sweep.system_coefficients);
}

#ifndef ATOMSMITH_SINGLE
// Energies, and dE/d(density) lane by lane, of the bispectrum of one block; lanes = atoms.
void couple_bispectrum(const Sweep& sweep, const Block& block, int k, int n_sets, Workspace& w) {
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
void couple_moments(const Sweep& sweep, const Block& block, int k, int n_sets, Workspace& w) {
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
void regress_block(const Sweep& sweep, const Block& block, int n_sets, Workspace& w) {
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
void regress_together(const Sweep& sweep, int k, int centre, int begin, int end, int n_sets,
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
void regress_chunk(const Sweep& sweep, int first, int n, int n_sets, const ChunkWorkspace& c) {
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
void couple_regressed(const Sweep& sweep, const Block& block, const Part& part, int k, int n_sets,
                      Workspace& w) {
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
void couple(const Sweep& sweep, const Block& block, const Plans& plans, int n_sets, Workspace& w) {
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

// What lane s adds to the energies and forces of sets [set, set + kSets).
template <int kSets>
void backward_lane(const Sweep& sweep, const Block& block, int s, int set, double fixed_energy,
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
void backward_block(const Sweep& sweep, const Block& block, const Plans& plans, int n_sets, Workspace& w) {
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
void backward(const Sweep& sweep, double* scratch) {
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

#ifndef ATOMSMITH_SINGLE
void add_features(const Sweep& sweep, const Block& block, const Plans& plans, const Workspace& w, int s,
                  double* to) {
    const Model& model = *sweep.model;
    for (std::size_t k = 0; k < model.parts.size(); ++k) {
        const Part& part = model.parts[k];
        double* features = to + part.first_feature;
        if (part.kind == Part::Kind::kE0) features[block.centre] += 1.0;
        if (part.kind == Part::Kind::kPair)
            pair_features(part, block.centre, w.near, s, w.parts[k], features);
        if (!part.is_descriptor() || part.is_regressed()) continue;
        if (part.kind == Part::Kind::kBispectrum)
            add_bispectrum(part, w.parts[k], s, features + part.regressor.centres[block.centre].first_output);
        if (part.kind == Part::Kind::kMoments)
            add_moment_features(part.moments, w.parts[k].slots, s,
                                features + part.moments.first_feature[block.centre]);
        if (!part.has_linear_products()) continue;
        const AceCentre& centre = part.centres[block.centre];
        double* own = features + centre.first_feature;
        for_each_term(*plans.program[k], w.parts[k].slots,
                      [&](int term, Vec value) __attribute__((always_inline)) {
                          for (int e = centre.term_start[term]; e < centre.term_start[term + 1]; ++e)
                              own[centre.term_feature[e]] += centre.term_coefficient[e] * value[s];
                      });
    }
}

// The sums over the block's atoms, without a value per atom: the sum over lanes comes before the features.
void add_feature_sums(const Sweep& sweep, const Block& block, const Plans& plans, const Workspace& w) {
    const Model& model = *sweep.model;
    for (std::size_t k = 0; k < model.parts.size(); ++k) {
        const Part& part = model.parts[k];
        double* features = sweep.feature_sums + part.first_feature;
        if (part.kind == Part::Kind::kE0) features[block.centre] += block.n;
        if (part.kind == Part::Kind::kPair)
            for (int s = 0; s < block.n; ++s)
                pair_features(part, block.centre, w.near, s, w.parts[k], features);
        if (!part.is_descriptor() || part.is_regressed()) continue;
        if (part.kind == Part::Kind::kBispectrum)
            for (int s = 0; s < block.n; ++s)
                add_bispectrum(part, w.parts[k], s,
                               features + part.regressor.centres[block.centre].first_output);
        if (part.kind == Part::Kind::kMoments)
            for (int s = 0; s < block.n; ++s)
                add_moment_features(part.moments, w.parts[k].slots, s,
                                    features + part.moments.first_feature[block.centre]);
        if (!part.has_linear_products()) continue;
        // Term sums over the blocks of a chunk are kept in the caller's buffer and turned into features
        // there.
        double* sums = sweep.term_sums[k * model.n_species() + block.centre];
        for_each_term(*plans.program[k], w.parts[k].slots,
                      [&](int term, Vec value) __attribute__((always_inline)) {
                          Vec* sum = reinterpret_cast<Vec*>(sums) + term;
                          *sum += value;
                      });
    }
}

// Outputs of parts with a regressor: added to their sums, and written for every atom.
void add_outputs(const Sweep& sweep, const Block& block, Workspace& w) {
    const std::size_t n_features = sweep.model->n_features;
    for (std::size_t k = 0; k < sweep.model->parts.size(); ++k) {
        const Part& part = sweep.model->parts[k];
        if (!part.is_regressed()) continue;
        const int first = part.first_feature + part.regressor.centres[block.centre].first_output;
        for_each_output(part.regressor, block.centre, w.parts[k], [&](int output, Vec value) {
            for (int s = 0; s < block.n; ++s) {
                if (sweep.feature_sums) sweep.feature_sums[first + output] += value[s];
                if (sweep.atom_features)
                    sweep.atom_features[block.atoms[s] * n_features + first + output] = value[s];
            }
        });
    }
}

// Energies that no linear coefficient changes: of the repulsion, and of parts with a regressor of their own.
void fixed_energies(const Sweep& sweep, const Block& block, Workspace& w) {
    const Model& model = *sweep.model;
    for (int s = 0; s < block.n; ++s) sweep.energies[block.atoms[s]] = 0.0;
    for (std::size_t k = 0; k < model.parts.size(); ++k) {
        const Part& part = model.parts[k];
        if (part.kind == Part::Kind::kZbl)
            for (int s = 0; s < block.n; ++s)
                sweep.energies[block.atoms[s]] += zbl_energy(part, block.centre, w.near, s, w.fixed);
        if (part.embeddings.empty()) continue;
        const Vec energy = embedded_energy(part, block.centre, w.near, block.n, w.parts[k]);
        for (int s = 0; s < block.n; ++s) sweep.energies[block.atoms[s]] += energy[s];
    }
}

void forward(const Sweep& sweep, double* scratch) {
    Arena arena{scratch};
    Workspace w = lay_out(*sweep.model, *sweep.layout, 1, Purpose::kPrediction, arena);
    for (int index = sweep.chunk->begin; index < sweep.chunk->end; ++index) {
        const Block block = block_at(sweep, index);
        const Plans plans = plans_of(sweep, block.centre);
        prepare(sweep, block, w, plans.program, false);
        for (std::size_t k = 0; k < sweep.model->parts.size(); ++k) {
            const Part& part = sweep.model->parts[k];
            if (part.is_regressed()) {
                describe(part, block.centre, sweep.globals, w.parts[k]);
                continue;
            }
            if (part.kind == Part::Kind::kMoments) make_values(part.moments, true, w.parts[k].slots);
            if (part.kind != Part::Kind::kBispectrum) continue;
            expand_density(part, block.centre, w.parts[k].slots, w.parts[k].full);
            bispectrum_values(part, block.centre, w.parts[k].full, w.parts[k].values);
        }
        if (sweep.energies) fixed_energies(sweep, block, w);
        add_outputs(sweep, block, w);
        if (sweep.feature_sums) add_feature_sums(sweep, block, plans, w);
        if (sweep.atom_features)
            for (int s = 0; s < block.n; ++s)
                add_features(sweep, block, plans, w, s,
                             sweep.atom_features +
                                 static_cast<std::size_t>(block.atoms[s]) * sweep.model->n_features);
    }
}

void design_part(const Sweep& sweep, const Block& block, int k, Workspace& w) {
    const Part& part = sweep.model->parts[k];
    PartWorkspace& own = w.parts[k];
    if (part.is_regressed()) return design_outputs(sweep, part, block.centre, block.atoms, block.n, w, own);
    switch (part.kind) {
    case Part::Kind::kE0:
        sweep.design_energy[(part.first_feature + block.centre) * sweep.design_energy_stride] += block.n;
        return;
    case Part::Kind::kPair:
        for (int s = 0; s < block.n; ++s) design_pair(sweep, part, block.centre, block.atoms[s], s, w, own);
        return;
    case Part::Kind::kAce:
        if (part.has_products()) design_ace(sweep, part, block.centre, block.atoms, block.n, w, own);
        return;
    case Part::Kind::kMoments:
        return design_moments(sweep, part, block.centre, block.atoms, block.n, w, own);
    case Part::Kind::kBispectrum:
        return design_bispectrum(sweep, part, block.centre, block.atoms, block.n, w, own);
    case Part::Kind::kSymmetry: // these two have been made above, with a regressor or without
    case Part::Kind::kSoap:
    case Part::Kind::kZbl:
    case Part::Kind::kInversePowers:
        return;
    }
}

// Rows of fits, or of one descriptor.
void design(const Sweep& sweep, double* scratch) {
    Arena arena{scratch};
    const Purpose purpose = sweep.descriptor_rows ? Purpose::kDescriptorRows : Purpose::kDesign;
    Workspace w = lay_out(*sweep.model, *sweep.layout, 1, purpose, arena);
    for (int index = sweep.chunk->begin; index < sweep.chunk->end; ++index) {
        const Block block = block_at(sweep, index);
        const Plans plans = plans_of(sweep, block.centre);
        prepare(sweep, block, w, plans.program);
        if (sweep.descriptor_rows) {
            const int k = sweep.descriptor_rows->part;
            descriptor_rows(sweep, sweep.model->parts[k], block.centre, block.atoms, block.n, w, w.parts[k]);
            continue;
        }
        for (std::size_t k = 0; k < sweep.model->parts.size(); ++k)
            design_part(sweep, block, static_cast<int>(k), w);
    }
}

void radial_rows(const Sweep& sweep, double* scratch) {
    Arena arena{scratch};
    Workspace w = lay_out(*sweep.model, *sweep.layout, 1, Purpose::kDesign, arena);
    const Part& part = sweep.model->parts[sweep.radial_part];
    for (int index = sweep.chunk->begin; index < sweep.chunk->end; ++index) {
        const Block block = block_at(sweep, index);
        const Plans plans = plans_of(sweep, block.centre);
        prepare(sweep, block, w, plans.program);
        moment_radial_rows(sweep, part, block.centre, block.atoms, block.n, w, w.parts[sweep.radial_part]);
    }
}

#else
constexpr void (*forward)(const Sweep&, double*) = nullptr;
constexpr void (*design)(const Sweep&, double*) = nullptr;
constexpr void (*radial_rows)(const Sweep&, double*) = nullptr;
constexpr void (*kernel_rows)(const KernelRows&) = nullptr;
#endif

std::size_t scratch_doubles(const Model& model, const BatchLayout& layout, int n_sets, Purpose purpose) {
    Arena arena{nullptr};
    if (purpose == Purpose::kPrediction)
        lay_out_chunk(model, layout, n_sets, arena);
    else
        lay_out(model, layout, n_sets, purpose, arena);
    return arena.used + 8;
}

#define ATOMSMITH_STRINGIFY2(name) #name
#define ATOMSMITH_STRINGIFY(name) ATOMSMITH_STRINGIFY2(name)

} // namespace

extern const Kernels kKernels;
const Kernels kKernels = {ATOMSMITH_STRINGIFY(ATOMSMITH_ISA),
                          kLanes,
                          scratch_doubles,
                          backward,
                          forward,
                          design,
                          radial_rows,
                          kernel_rows};

} // namespace atomsmith::ATOMSMITH_ISA
