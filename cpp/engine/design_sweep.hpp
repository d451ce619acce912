// Rows of fits from a chunk: features and their derivatives, of all parts, of one descriptor, or by the
// radial functions of one part.
#pragma once

#include "block.hpp"
#include "descriptor_gradients.hpp"
#include "moments_radial.hpp"
#include "three_body.hpp"

namespace atomsmith::ATOMSMITH_ISA {

static inline void design_three_body(const Sweep& sweep, const Part& part, int centre, int atom, int s,
                                     Workspace& w, PartWorkspace& own) {
    const Neighbourhood& near = w.near;
    for_each_triplet_gradient(part, centre, s, w, own.three_body,
                              [&](int feature, double value, const Vec* gx, const Vec* gy, const Vec* gz) {
                                  feature += part.first_feature;
                                  if (sweep.design_energy)
                                      sweep.design_energy[feature * sweep.design_energy_stride] += value;
                                  add_rows(sweep, near, static_cast<std::size_t>(s) * near.stride,
                                           near.segments(s)[near.n_species], gx, gy, gz, atom, feature);
                              });
}

static inline void design_part(const Sweep& sweep, const Block& block, int k, Workspace& w) {
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
    case Part::Kind::kThreeBody:
        for (int s = 0; s < block.n; ++s)
            design_three_body(sweep, part, block.centre, block.atoms[s], s, w, own);
        return;
    case Part::Kind::kSymmetry: // these two have been made above, with a regressor or without
    case Part::Kind::kSoap:
    case Part::Kind::kZbl:
    case Part::Kind::kInversePowers:
        return;
    }
}

// Rows of fits, or of one descriptor.
static inline void design(const Sweep& sweep, double* scratch) {
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

static inline void radial_rows(const Sweep& sweep, double* scratch) {
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

} // namespace atomsmith::ATOMSMITH_ISA
