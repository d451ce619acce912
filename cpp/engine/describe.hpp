// What a descriptor offers to a regressor, lanes = atoms: the features of a block of atoms from its channels,
// and the gradient by the channels from that by the features. A new descriptor joins by a case in both.
#pragma once

#include "bispectrum.hpp"
#include "coupling.hpp"
#include "moments.hpp"
#include "soap.hpp"

namespace atomsmith::ATOMSMITH_ISA {

// Fills own.features from the channels (and stored products) in own.slots; what is behind them is zero.
static inline void describe_surroundings(const Part& part, int centre, PartWorkspace& own) {
    const Regressor::Centre& c = part.regressor.centres[centre];
    Vec* features = own.features;
    for (int k = 0; k < c.padded_inputs(); ++k) features[k] = Vec{};
    switch (part.kind) {
    case Part::Kind::kAce: {
        const AceCentre& products = part.centres[centre];
        for_each_term(products.full, own.slots, [&](int term, Vec value) __attribute__((always_inline)) {
            for (int e = products.term_start[term]; e < products.term_start[term + 1]; ++e)
                features[products.term_feature[e]] += products.term_coefficient[e] * value;
        });
        return;
    }
    case Part::Kind::kBispectrum:
        expand_density(part, centre, own.slots, own.full);
        bispectrum_values(part, centre, own.full, features);
        return;
    case Part::Kind::kMoments:
        make_values(part.moments, true, own.slots);
        for (int k = 0; k < part.regressor.n_described(c); ++k)
            features[k] = own.slots[part.moments.scalar_slots[k]];
        return;
    case Part::Kind::kSoap:
        own.values[0] = soap_values(part.soap, own.slots, features);
        return;
    case Part::Kind::kSymmetry:
        for (int k = 0; k < part.regressor.n_described(c); ++k) features[k] = own.slots[k];
        return;
    default:
        return;
    }
}

// All inputs of the part's regressor; `globals` are those of the system that the model's parts ask for.
static inline void describe(const Part& part, int centre, const double* globals, PartWorkspace& own) {
    describe_surroundings(part, centre, own);
    const Regressor::Centre& c = part.regressor.centres[centre];
    for (int g = 0; g < part.regressor.n_globals; ++g)
        own.features[part.regressor.n_described(c) + g] = broadcast(globals[part.first_global + g]);
}

// From slopes = dE/d(feature) to own.adjoint = dE/d(channel), after `describe`.
static inline void descend(const Part& part, int centre, const Vec* slopes, PartWorkspace& own) {
    switch (part.kind) {
    case Part::Kind::kAce: {
        const AceCentre& products = part.centres[centre];
        for (int k = 0; k < products.full.n_weights; ++k) {
            const int term = products.full.term_of_weight[k];
            Vec sum{};
            for (int e = products.term_start[term]; e < products.term_start[term + 1]; ++e)
                sum += products.term_coefficient[e] * slopes[products.term_feature[e]];
            own.weight_slopes[k] = sum;
        }
        Vec energy;
        coupled_energy<1>(products.full, own.weight_slopes, 0, own.slots, own.adjoint, &energy);
        return;
    }
    case Part::Kind::kBispectrum:
        coupling_weights(part.bispectrum, slopes, own.weights);
        bispectrum_gradient<1>(part, own.full, own.weights, 0, own.adjoint, 0);
        return;
    case Part::Kind::kMoments:
        moments_gradient(part.moments, slopes, own.slots, own.adjoint);
        return;
    case Part::Kind::kSoap:
        soap_gradient(part.soap, own.slots, own.features, own.values[0], slopes, own.adjoint);
        return;
    case Part::Kind::kSymmetry:
        for (int k = 0; k < part.n_channels; ++k)
            own.adjoint[k] =
                k < part.regressor.n_described(part.regressor.centres[centre]) ? slopes[k] : Vec{};
        return;
    default:
        return;
    }
}

} // namespace atomsmith::ATOMSMITH_ISA
