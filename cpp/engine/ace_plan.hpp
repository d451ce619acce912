// Products of the channels of one centre: features as sums of products, and the order in which kernels make
// them.
#pragma once

#include <cstdint>
#include <vector>

#include "embedding_plan.hpp"

namespace atomsmith {

// The product DAG of one centre in the order in which the kernels walk it; see `build_program`.
struct Program {
    int n_slots = 0; // channels, then the nodes whose values must be stored
    std::vector<std::int32_t> stored_a, stored_b;
    struct Group {
        std::int32_t slot; // where the left factor's value is; -1: multiply factor_a and factor_b
        std::int32_t factor_a, factor_b; // -1 for a channel
        std::int32_t linear;             // weight of the left factor on its own; -1: none
        std::int32_t begin, end;         // right factors
    };
    std::vector<Group> groups;                // descending in the left factor
    std::vector<std::int32_t> right;          // slot of the right factor
    std::vector<std::int32_t> term_of_weight; // weights stand in the order in which groups use them
    int n_weights = 0;
};

struct AceCentre {
    int first_feature = 0;
    int n_features = 0;
    std::vector<std::int32_t> nodes, terms;
    std::vector<std::int32_t> feature_start, feature_term;
    std::vector<double> feature_coefficient;
    // Transposed: features of each term.
    std::vector<std::int32_t> term_start, term_feature;
    std::vector<double> term_coefficient;
    Program full; // with every term
    // For design rows: per feature the channels it depends on, and per term the positions of its factors
    // among them.
    std::vector<std::int32_t> support_start, support_channel;
    std::vector<std::int32_t> factor_start, factor; // per entry of feature_term
};

// Products of a centre with linear features, for `n_densities` sets of coefficients [density][feature] of an
// embedding.
ProductList products_of(const AceCentre& centre, int n_densities, const std::vector<double>& coefficients);

// Keeps only the terms with `active[t]`; orders groups so that every value is complete when it is used.
Program build_program(const AceCentre& centre, int n_channels, const std::vector<bool>& active);

// Weights of one set in the order of `program`.
void spread_weights(const AceCentre& centre, const Program& program, const double* coefficients,
                    double* weights);

// Checks the products and derives what the kernels need; throws std::invalid_argument.
void finish_centre(AceCentre& centre, int n_channels);

} // namespace atomsmith
