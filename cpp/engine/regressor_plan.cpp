#include "regressor_plan.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace atomsmith {

namespace {

void require(bool condition, const std::string& message) {
    if (!condition) throw std::invalid_argument("engine plan: regressor: " + message);
}

void require_finite(const std::vector<double>& values, const std::string& name) {
    for (const double value : values)
        require(std::isfinite(value), name + " holds a value that is not finite");
}

void finish_kernel(Regressor::Centre& c, double zeta) {
    require(zeta >= 1.0 && zeta <= 32.0, "zeta must be a number between 1 and 32");
    if (!c.is_normalised()) c.shift.clear(), c.scale.clear();
    const std::size_t inputs = c.n_inputs, n = c.n_columns();
    require(c.scale.empty() || (c.shift.size() == inputs && c.scale.size() == inputs),
            "shift and scale do not have the descriptor's " + std::to_string(inputs) + " features");
    require_finite(c.shift, "shift");
    require_finite(c.scale, "scale");
    require(n > 0 ? c.points.size() % n == 0 : c.points.empty(),
            "points do not have the descriptor's " + std::to_string(n) + " inputs");
    require_finite(c.points, "points");
    c.n_outputs = n > 0 ? static_cast<int>(c.points.size() / n) : 0;
    constexpr std::size_t panel = Regressor::kPanel;
    const std::size_t rows = c.padded_inputs();
    c.panels.assign(panel * rows * c.n_panels(), 0.0);
    for (std::size_t s = 0; s < static_cast<std::size_t>(c.n_outputs); ++s)
        for (std::size_t d = 0; d < n; ++d)
            c.panels[(s / panel * rows + d) * panel + s % panel] = c.points[s * n + d];
}

void finish_network(Regressor::Centre& c, int n_members) {
    require(n_members >= 1, "networks must be at least 1");
    const std::size_t inputs = c.n_inputs, members = n_members;
    require(c.shift.size() == inputs && c.scale.size() == inputs,
            "shift and scale need one value for each of the descriptor's " + std::to_string(inputs) +
                " features");
    require_finite(c.shift, "shift");
    require_finite(c.scale, "scale");
    require(!c.layers.empty(), "a network needs at least one layer");
    int n_in = c.n_inputs;
    for (std::size_t k = 0; k < c.layers.size(); ++k) {
        Regressor::Layer& layer = c.layers[k];
        const std::string name = "layer " + std::to_string(k);
        require(!layer.bias.empty() && layer.bias.size() % members == 0,
                name + ": bias needs the shape (networks, neurons)");
        layer.n_in = n_in;
        layer.n_out = static_cast<int>(layer.bias.size() / members);
        require(layer.weights.size() == layer.bias.size() * layer.n_in,
                name + ": weights need the shape (networks, neurons, " + std::to_string(n_in) + ")");
        require_finite(layer.weights, name + ": weights");
        require_finite(layer.bias, name + ": bias");
        n_in = layer.n_out;
    }
    require(n_in == 1, "the last layer of a network has one neuron");
}

void finish_embedding(Regressor::Centre& c, int n_members) {
    require(n_members >= 1, "members must be at least 1");
    const std::size_t members = n_members, n = c.densities.size();
    require(n >= 1 && n <= Embedding::kMaxDensities,
            "an embedding needs 1 to " + std::to_string(Embedding::kMaxDensities) + " densities");
    require(c.coefficients.size() == members * n * c.n_inputs,
            "an embedding's coefficients need the shape (members, densities, " + std::to_string(c.n_inputs) +
                ")");
    require_finite(c.coefficients, "coefficients");
    for (Regressor::Density& d : c.densities) {
        require(std::isfinite(d.prefactor), "prefactor holds a value that is not finite");
        require(std::isfinite(d.exponent) && d.exponent > 0.0, "exponents must be positive");
        d.is_linear = std::abs(d.exponent - 1.0) < 1e-10;
        if (d.is_linear) continue;
        const double inverse = 1.0 / d.exponent;
        d.x0 = std::pow(inverse, inverse / (1.0 - inverse));
        d.y0 = std::pow(inverse, 1.0 / (1.0 - inverse));
    }
    c.no_bias.assign(n, 0.0);
}

} // namespace

int Regressor::Centre::widest() const {
    int widest = n_inputs;
    for (const Layer& layer : layers) widest = std::max(widest, layer.n_out);
    return widest;
}

int Regressor::Centre::n_neurons() const {
    int n = 0;
    for (const Layer& layer : layers) n += layer.n_out;
    return n;
}

int Regressor::finish(const std::vector<int>& n_inputs, const std::vector<int>& first_feature) {
    const std::size_t species = n_inputs.size();
    if (kind == Kind::kLinear || kind == Kind::kQuadratic) centres.assign(species, {});
    require(centres.size() == species, "one centre per species is needed");
    require(n_globals == 0 || kind == Kind::kLinear || kind == Kind::kNetwork,
            "global features are inputs of a network, or outputs themselves without a regressor");
    int outputs = 0;
    for (std::size_t z = 0; z < species; ++z) {
        Centre& c = centres[z];
        const int n = c.n_inputs = n_inputs[z];
        if (kind == Kind::kLinear) c.n_outputs = n;
        if (is_linear()) {
            c.first_output = first_feature[z];
            outputs = std::max(outputs, first_feature[z] + n);
            continue;
        }
        if (is_ensemble()) {
            kind == Kind::kNetwork ? finish_network(c, n_members) : finish_embedding(c, n_members);
            c.n_outputs = outputs = n_members;
            continue;
        }
        if (kind == Kind::kKernel) finish_kernel(c, zeta);
        if (kind == Kind::kQuadratic) c.n_outputs = n + n * (n + 1) / 2;
        c.first_output = outputs;
        const bool shares = kind == Kind::kLinear || kind == Kind::kQuadratic;
        for (std::size_t other = 0; shares && other < z; ++other)
            if (n > n_globals && n_inputs[other] > n_globals && first_feature[other] == first_feature[z]) {
                c.first_output = centres[other].first_output;
                break;
            }
        outputs = std::max(outputs, c.first_output + c.n_outputs);
    }
    return outputs;
}

Activation activation_of(const std::string& name) {
    static constexpr struct {
        const char* name;
        Activation activation;
    } known[] = {{"identity", Activation::kIdentity},
                 {"tanh", Activation::kTanh},
                 {"tanh_linear", Activation::kTanhLinear},
                 {"softplus", Activation::kSoftplus},
                 {"silu", Activation::kSilu},
                 {"logistic", Activation::kLogistic},
                 {"reverse_logistic", Activation::kReverseLogistic},
                 {"relu", Activation::kRelu},
                 {"gaussian", Activation::kGaussian},
                 {"cosine", Activation::kCosine},
                 {"exponential", Activation::kExponential},
                 {"harmonic", Activation::kHarmonic}};
    for (const auto& entry : known)
        if (name == entry.name) return entry.activation;
    throw std::invalid_argument("engine plan: unknown activation '" + name + "' of a network");
}

} // namespace atomsmith
