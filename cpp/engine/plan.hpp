// The plan: flat arrays that describe a model completely. docs/architecture.md defines every field.
//
// These structs own their arrays (filled once, when a model is made); the kernels read them through raw
// pointers.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ace_plan.hpp"
#include "bispectrum_plan.hpp"
#include "embedding_plan.hpp"
#include "global_features.hpp"
#include "harmonic_table.hpp"
#include "lattice_sums.hpp"
#include "moments_plan.hpp"
#include "numbers.hpp"
#include "radial_plan.hpp"
#include "regressor_plan.hpp"
#include "soap_plan.hpp"
#include "symmetry_plan.hpp"
#include "three_body_plan.hpp"

namespace atomsmith {

struct Part {
    enum class Kind {
        kE0,
        kPair,
        kAce,
        kZbl,
        kBispectrum,
        kMoments,
        kSymmetry,
        kInversePowers,
        kSoap,
        kThreeBody
    };
    Kind kind{};
    int first_feature = 0;
    int n_features = 0;
    Radial radial;
    std::vector<std::int32_t> pair_first_feature; // pair: [n^2]
    int l_max = 0;                                // ace
    std::vector<std::int32_t> radial_first, radial_count, offset;
    int n_lmk = 0;
    int n_channels = 0; // of descriptors: real numbers that describe the surroundings of an atom
    std::vector<AceCentre> centres;
    // ace with a regressor of its own: one for each species, and no linear features
    std::vector<Embedding> embeddings;
    std::vector<ProductList> products;
    std::vector<double> charges, strength, reach; // zbl; reach: charges^0.23
    std::vector<double> inner, outer; // zbl; embedding whose core takes over by the nearest neighbour
    Bispectrum bispectrum;
    Moments moments;
    Symmetry symmetry;
    Soap soap;
    InversePowers inverse_powers;
    ThreeBody three_body;
    Regressor regressor;   // of descriptors (ace without embeddings, bispectrum, moments, symmetry, soap)
    GlobalFeatures global; // inputs of the regressor behind the features of the descriptor
    int first_global = 0;  // among those of the model
    double cutoff = 0.0;
    // Whether features are sums over the neighbours of an atom within the cutoff.
    bool is_local() const { return kind != Kind::kInversePowers && global.size() == 0; }
    bool has_products() const { return kind == Kind::kAce && embeddings.empty(); }
    bool has_linear_products() const { return has_products() && regressor.is_linear(); }
    // Whether one-particle functions are radial functions times spherical harmonics.
    bool is_harmonic() const { return kind == Kind::kAce || kind == Kind::kSoap; }
    bool is_descriptor() const { return n_channels > 0 && embeddings.empty(); }
    // Whether energies follow from the values of the features; some descriptors have sweeps of their own for
    // energies linear in them, which go without.
    bool is_regressed() const {
        const bool has_linear_sweep =
            kind == Kind::kAce || kind == Kind::kBispectrum || kind == Kind::kMoments;
        return is_descriptor() && !(has_linear_sweep && regressor.is_linear());
    }
};

// Whether kernels of single precision can evaluate the part.
bool works_in_single_precision(const Part& part);

struct Model {
    std::vector<std::int32_t> elements;
    std::vector<Part> parts;
    int n_features = 0;
    int n_globals = 0;
    double cutoff = 0.0;
    int n_species() const { return static_cast<int>(elements.size()); }
};

// Checks the plan's sizes and indices and derives what the kernels need; throws std::invalid_argument.
void finish_part(Part& part, int n_species, int first_feature);

// One or several sets of linear coefficients, spread over the terms of every centre.
struct Weights {
    int n_sets = 0;
    Numbers coefficients; // [set][feature]
    struct Centre {
        Program program;
        Numbers values; // [set][weight]
    };
    std::vector<std::vector<Centre>> centres; // [part][species]; empty for other kinds
};

std::shared_ptr<Weights> make_weights(const Model& model, const double* coefficients, int n_sets);

} // namespace atomsmith
