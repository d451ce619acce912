// Atom-centred symmetry functions, and the groups in which the kernels walk them.
//
// Functions that look at the same neighbours share them, the cutoff function and all exponentials; an angular
// group is a table, Gaussians of the distances times powers of 1 + lambda cos(angle).
// Behler and Parrinello, Phys. Rev. Lett. 98, 146401 (2007); Behler, J. Chem. Phys. 134, 074106 (2011).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace atomsmith {

struct Symmetry {
    enum class Cutoff { kHard, kCosine, kTanhFree, kTanh, kExponential, kPoly1, kPoly2, kPoly3, kPoly4 };
    // Between two ends, from 1 in the middle to 0: a cutoff function on either side.
    struct Compact {
        bool is = false, asymmetric = false; // asymmetric: of (2 - x) x instead of x, in distances only
        Cutoff core = Cutoff::kPoly2;
        auto operator<=>(const Compact&) const = default;
    };
    static constexpr int kMaxSlots = 256; // values of one triplet that are kept at a time
    static constexpr int kMaxLambdas = 16;

    // As given by the plan: the functions of one centre. Species -1: all of them, with their weights.
    struct Functions {
        std::vector<std::int32_t> order;         // neighbours in one term: 1 or 2
        std::vector<std::int32_t> narrow;        // 1: the two neighbours must be near each other too
        std::vector<std::int32_t> first, second; // species of the neighbours
        std::vector<double> cutoff, eta, shift, lambda, zeta;
        // Of compact functions (core 0: not one of them; 1 to 4: polynomials, 5: exponential; 8 more:
        // asymmetric), which take the place of the cutoff function and of the power of the angle. May be
        // empty.
        std::vector<std::int32_t> core;
        std::vector<double> low, angle_low, angle_high; // distance; radians
        int size() const { return static_cast<int>(order.size()); }
    };

    // How values are made one after the other: e^(-eta q), q being the sum of (r - shift)^2, or the product
    // of two values made before, or 1.
    struct GaussianStep {
        enum class Kind { kOne, kExponential, kProduct } kind;
        std::int32_t to, a, b;
        double eta, shift;
    };
    struct Gaussian {
        std::int32_t slot;
        double eta, eta_shift; // eta times shift
    };
    // Of y = 1 + lambda cos: a product, or y^exponent; or a compact function of the angle, whose slope by the
    // cosine goes to the slot behind.
    struct PowerStep {
        enum class Kind { kProduct, kPower, kCompact } kind;
        std::int32_t to, a, b;
        double exponent, low = 0.0, high = 0.0;
    };
    struct List {
        std::int32_t species; // -1: all
        double cutoff;
        double low = 0.0; // of compact functions
        Compact compact;
    };
    struct Radial {
        std::int32_t list;
        std::vector<GaussianStep> steps;
        int n_slots = 0;
        std::vector<Gaussian> gaussians;
        std::vector<std::int32_t> feature; // [gaussian]
    };
    // All Gaussians of a block go with all its powers.
    struct Block {
        std::int32_t gaussian_begin, gaussian_end;
        std::vector<std::int32_t> power_slot;   // ascending in lambda
        std::vector<double> zeta;               // compact: 1
        std::vector<std::int32_t> lambda;       // number of each run of equal lambda,
        std::vector<std::int32_t> lambda_first; // and where it begins, plus the end
        std::vector<std::int32_t> feature;      // [gaussian][power], -1: none
        std::vector<double> norm;               // [power]: 2^(1 - zeta)
        std::int32_t first_sum;                 // of the group's sums, [gaussian][power]
    };
    struct Angular {
        std::int32_t list1, list2;
        bool narrow, shifted;
        Compact compact;
        double low; // of compact functions
        double cutoff;
        std::vector<GaussianStep> gaussian_steps;
        int n_gaussian_slots = 0;
        std::vector<Gaussian> gaussians;
        std::vector<double> lambdas; // the slots of their 1 + lambda cos come first
        std::vector<PowerStep> power_steps;
        int n_power_slots = 0;
        std::vector<Block> blocks;
        int n_sums = 0;
    };
    // The group that a function is in.
    struct Place {
        bool angular;
        std::int32_t group;
    };
    struct Centre {
        int n_functions = 0;
        std::vector<Place> places;
        std::vector<List> lists;
        std::vector<Radial> radial;
        std::vector<Angular> angular;
    };

    Cutoff cutoff_function = Cutoff::kCosine;
    double inner = 0.0;               // functions fade from this share of the cutoff on
    std::vector<double> weight;       // [species]
    std::vector<Functions> functions; // [species of the centre]
    // Derived by `finish`.
    std::vector<Centre> centres;
    std::vector<int> first_feature; // of each centre
    int n_features = 0, most_functions = 0, most_lists = 0;
    int most_gaussian_slots = 0, most_power_slots = 0, most_sums = 0;

    // Sets everything that is derived; throws std::invalid_argument if the plan's values do not fit.
    void finish();
    double cutoff() const;
};

// Throws std::invalid_argument for a name that is none.
Symmetry::Cutoff cutoff_function_of(const std::string& name);

} // namespace atomsmith
