// Features of a chunk, by atom or summed, and the energies that no linear coefficient changes.
#pragma once

#include "block.hpp"
#include "describe.hpp"
#include "embedding.hpp"
#include "pair.hpp"
#include "regressor.hpp"
#include "three_body.hpp"

namespace atomsmith::ATOMSMITH_ISA {

static inline void add_features(const Sweep& sweep, const Block& block, const Plans& plans, Workspace& w,
                                int s, double* to) {
    const Model& model = *sweep.model;
    for (std::size_t k = 0; k < model.parts.size(); ++k) {
        const Part& part = model.parts[k];
        double* features = to + part.first_feature;
        if (part.kind == Part::Kind::kE0) features[block.centre] += 1.0;
        if (part.kind == Part::Kind::kPair)
            pair_features(part, block.centre, w.near, s, w.parts[k], features);
        if (part.kind == Part::Kind::kThreeBody)
            three_body_features(part, block.centre, w.near, s, w.parts[k].three_body, features);
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
static inline void add_feature_sums(const Sweep& sweep, const Block& block, const Plans& plans,
                                    Workspace& w) {
    const Model& model = *sweep.model;
    for (std::size_t k = 0; k < model.parts.size(); ++k) {
        const Part& part = model.parts[k];
        double* features = sweep.feature_sums + part.first_feature;
        if (part.kind == Part::Kind::kE0) features[block.centre] += block.n;
        if (part.kind == Part::Kind::kPair)
            for (int s = 0; s < block.n; ++s)
                pair_features(part, block.centre, w.near, s, w.parts[k], features);
        if (part.kind == Part::Kind::kThreeBody)
            for (int s = 0; s < block.n; ++s)
                three_body_features(part, block.centre, w.near, s, w.parts[k].three_body, features);
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
static inline void add_outputs(const Sweep& sweep, const Block& block, Workspace& w) {
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
static inline void fixed_energies(const Sweep& sweep, const Block& block, Workspace& w) {
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

static inline void forward(const Sweep& sweep, double* scratch) {
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

} // namespace atomsmith::ATOMSMITH_ISA
