// The plan: flat arrays that describe a model completely. docs/architecture.md defines every field.
//
// These structs own their arrays (filled once, when a model is made); the kernels read them through raw
// pointers.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bispectrum_plan.hpp"
#include "embedding_plan.hpp"
#include "global_features.hpp"
#include "lattice_sums.hpp"
#include "moments_plan.hpp"
#include "regressor_plan.hpp"
#include "soap_plan.hpp"
#include "symmetry_plan.hpp"

namespace atomsmith {

// Constants of the recursion of orthonormal real spherical harmonics, row l, column m.
template <class Real>
struct HarmonicTable {
    static constexpr int kMaxL = 12;
    static constexpr int kStride = kMaxL + 1;
    Real a[kStride * kStride]; // q_lm = a z q_{l-1,m} + b q_{l-2,m}
    Real b[kStride * kStride];
    Real dz[kStride * kStride]; // d q_lm / dz = dz q_{l,m+1}
    Real diagonal[kStride];     // q_mm
};

template <class Real>
const HarmonicTable<Real>& harmonic_table();
template <>
const HarmonicTable<double>& harmonic_table();
template <>
const HarmonicTable<float>& harmonic_table();

// Numbers that kernels of both precisions read.
class Numbers {
public:
    Numbers() = default;
    Numbers(std::vector<double> values)
        : double_(std::move(values)), single_(double_.begin(), double_.end()) {}
    std::size_t size() const { return double_.size(); }
    const double& operator[](std::size_t k) const { return double_[k]; }
    const std::vector<double>& values() const { return double_; }
    template <class Real>
    const Real* data() const {
        if constexpr (sizeof(Real) == sizeof(double))
            return double_.data();
        else
            return single_.data();
    }

private:
    std::vector<double> double_;
    std::vector<float> single_;
};

// Radial functions as cubic Hermite pieces; row: values, then slopes per bin, each padded to 64 bytes.
struct SplineTable {
    int row_size = 0;                      // doubles; 0: the functions are not tabulated
    std::vector<std::int32_t> bins;        // [pair]
    std::vector<std::size_t> first;        // [pair], doubles
    std::vector<double> end, per_distance; // [pair]: cutoff and bins / cutoff
    std::shared_ptr<double> nodes;
};

// Radial functions as polynomials of degree 5 in the bins between equidistant nodes, times a cosine switch;
// row: the six coefficients of all functions, each padded to 64 bytes.
struct QuinticTable {
    int row_size = 0;                             // doubles; 0: the functions are not tabulated
    std::vector<std::int32_t> bins;               // [pair]
    std::vector<std::size_t> first;               // [pair], doubles; pairs may share a table
    std::vector<double> end, per_distance, width; // [pair]: cutoff, bins / cutoff, width of the switch
    std::shared_ptr<double> rows;
};

struct Radial {
    int n = 0;
    int outer_power = 0;
    int p = 0, q = 0;
    double a = 0.0;
    std::vector<double> cutoff, inner, r0, shift, scale;
    Numbers recurrence;
    SplineTable spline;
    QuinticTable quintic;
    // (r - cutoff)^2 sum_k c_k T_k(x), x from -1 at `inner` to 1 at the cutoff: c of
    // [pair][n][chebyshev_size].
    int chebyshev_size = 0;
    std::vector<double> chebyshev;
};

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

struct Part {
    enum class Kind { kE0, kPair, kAce, kZbl, kBispectrum, kMoments, kSymmetry, kInversePowers, kSoap };
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

// Copies nodes, [sum over pairs of (bins + 1)][2][n], into rows as the kernels read them.
SplineTable make_spline(int n, const std::vector<double>& cutoff, const std::vector<std::int32_t>& bins,
                        const std::vector<double>& nodes);

// Polynomials from nodes, [sum over tables of (bins + 1)][values, slopes, curvatures times powers of the
// bin's length][n]; table: [pair].
QuinticTable make_quintic(int n, const std::vector<double>& cutoff, const std::vector<double>& width,
                          const std::vector<std::int32_t>& table, const std::vector<std::int32_t>& bins,
                          const std::vector<double>& nodes);

// Checks the plan's sizes and indices and derives what the kernels need; throws std::invalid_argument.
void finish_part(Part& part, int n_species, int first_feature);

// Products of a centre with linear features, for `n_densities` sets of coefficients [density][feature] of an
// embedding.
ProductList products_of(const AceCentre& centre, int n_densities, const std::vector<double>& coefficients);

// Keeps only the terms with `active[t]`; orders groups so that every value is complete when it is used.
Program build_program(const AceCentre& centre, int n_channels, const std::vector<bool>& active);

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

// Weights of one set in the order of `program`.
void spread_weights(const AceCentre& centre, const Program& program, const double* coefficients,
                    double* weights);

} // namespace atomsmith
