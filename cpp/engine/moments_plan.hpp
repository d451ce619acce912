// Moment tensors and the polynomials of them, as the kernels walk them.
//
// Channels are the moments of rank r: for each monomial x^a y^b z^c with a + b + c = r (in the order of
// `monomials`), for each radial function. Values are channels, then what is made of products of values.
// Shapeev, Multiscale Model. Simul. 14, 1153 (2016).
#pragma once

#include <cstdint>
#include <vector>

namespace atomsmith {

struct Moments {
    // As given by the plan.
    std::vector<std::int32_t> basic;    // [n_basic][4]: radial function, a, b, c
    std::vector<std::int32_t> products; // [n][3]: factors and the value they add to; basic moments come first
    std::vector<double> weight;         // [n]
    std::vector<std::int32_t> scalars;  // values that are features
    std::vector<std::int32_t> first_feature; // per species

    // Derived by `finish`.
    int max_rank = 0, n_channels = 0, n_slots = 0;
    std::vector<std::int32_t> rank_first, rank_count; // per rank: first monomial; radial functions
    std::vector<std::int32_t> rank_channel;           // per rank: first channel
    struct Monomial {
        std::int8_t power[3];
        std::int16_t parent, axis;  // this is the parent times a coordinate
        std::int16_t derivative[3]; // monomial that d/dx, d/dy, d/dz leave, times the power
    };
    std::vector<Monomial> monomials;
    std::vector<std::int32_t> scalar_slots;
    // Values in the order of their slots behind the channels; those that are factors of others come first.
    struct Made {
        std::int32_t begin, end; // in `factors`
    };
    struct Factors {
        std::int32_t a, b;
        double weight;
    };
    std::vector<Made> made;
    std::vector<Factors> factors;
    int n_inner = 0; // made values that are factors of others
    // Per slot, in what it is a factor: of inner values and, apart, of values that are nothing but features.
    struct Use {
        std::int32_t other, target; // target: slot, or feature
        double weight;
    };
    std::vector<std::int32_t> inner_first, outer_first; // [n_channels + n_inner + 1]
    std::vector<Use> inner_uses, outer_uses;
    std::vector<std::int32_t> feature_of_slot; // of inner slots and channels; -1: none
    // Design rows: per feature the slots it depends on, falling, and the uses that matter to it; the channels
    // among them are its support.
    struct Step {
        std::int32_t slot, begin, end; // in `step_uses`; target: slot
    };
    std::vector<std::int32_t> step_first; // [features + 1]
    std::vector<Step> steps;
    std::vector<Use> step_uses;
    std::vector<std::int32_t> support_first, support_channel;

    // Sets everything that is derived; throws std::invalid_argument if the plan's values do not fit.
    void finish(int n_species, int n_radial);
};

} // namespace atomsmith
