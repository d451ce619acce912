// Regressors: from the descriptor features of an atom to its outputs, which then stand in the place of the
// part's linear features. docs/architecture.md defines the fields of the plan.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "embedding_plan.hpp"

namespace atomsmith {

// Activations of networks; x is the weighted sum of a neuron.
enum class Activation {
    kIdentity,
    kTanh,
    kTanhLinear, // tanh(x) + gamma x
    kSoftplus,   // ln(1 + e^x)
    kSilu,       // x / (1 + e^-x)
    kLogistic,   // 1 / (1 + e^-x)
    kReverseLogistic,
    kRelu,
    kGaussian, // e^(-x^2 / 2)
    kCosine,
    kExponential, // e^-x
    kHarmonic     // x^2
};

struct Regressor {
    enum class Kind { kLinear, kQuadratic, kKernel, kNetwork, kEmbedding };
    // Points of a kernel stand in panels of so many, features in blocks of so many; tails are zero.
    static constexpr int kPanel = 8;

    struct Layer {
        Activation activation = Activation::kIdentity;
        double gamma = 0.0;
        int n_in = 0, n_out = 0;
        std::vector<double> weights, bias; // [member][out][in], [member][out]
    };
    // One function F(rho; exponent) of an embedding, with the constants of `shifted_scaled`.
    struct Density {
        double prefactor = 1.0, exponent = 1.0;
        bool is_linear = false;
        double x0 = 0.0, y0 = 0.0;
    };
    struct Centre {
        int n_inputs = 0;                    // features of the descriptor, then global ones
        int first_output = 0, n_outputs = 0; // among those of the part
        std::vector<double> points;          // kernel, as given: [output][input]
        std::vector<double> panels;          // kernel: [panel][padded input][kPanel]
        // Inputs are (B - shift) * scale: of a network, or of a kernel, which then adds an input 1 and
        // divides all by their norm; a kernel without them takes B as it is.
        std::vector<double> shift, scale;
        std::vector<Layer> layers; // network; the last has one neuron
        Embedding::Function function = Embedding::Function::kShiftedScaled; // embedding
        std::vector<Density> densities;
        std::vector<double> coefficients, no_bias; // of densities: [member][density][input], [density]
        bool is_normalised() const { return !points.empty() && !scale.empty(); }
        int n_columns() const { return n_inputs + (is_normalised() ? 1 : 0); } // of the points
        int padded_inputs() const { return (n_columns() + kPanel - 1) / kPanel * kPanel; }
        int n_panels() const { return (n_outputs + kPanel - 1) / kPanel; }
        int widest() const;    // of all layers and the inputs
        int n_neurons() const; // of all layers
    };

    Kind kind = Kind::kLinear;
    double zeta = 1.0; // kernel: output s = (B . B_s)^zeta
    int n_members = 0; // of an ensemble of networks or embeddings: outputs that all centres share
    int n_globals = 0; // inputs that all atoms of a system share
    std::vector<Centre> centres;

    // Whether outputs are the features of the descriptor.
    bool is_linear() const { return kind == Kind::kLinear && n_globals == 0; }
    bool is_ensemble() const { return kind == Kind::kNetwork || kind == Kind::kEmbedding; }
    int n_described(const Centre& c) const { return c.n_inputs - n_globals; }
    // Checks and lays out the outputs. `first_feature`: where each centre's features would stand without a
    // regressor; centres with equal entries share their (linear and quadratic) outputs. Returns how many
    // outputs there are; throws std::invalid_argument.
    int finish(const std::vector<int>& n_inputs, const std::vector<int>& first_feature);
};

// Throws std::invalid_argument for a name that is none.
Activation activation_of(const std::string& name);

} // namespace atomsmith
