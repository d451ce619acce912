// A plan from any tree of named values: Python's dicts, or the JSON that the LAMMPS plugin reads.
// docs/architecture.md defines every field.
//
// `Dict` offers contains(key), value<T>(key) for int, double and std::string, array<T>(key) for flat arrays,
// dict(key) and list(key) for what is nested; it reports values of the wrong type.
#pragma once

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "plan.hpp"

namespace atomsmith {

template <class Dict>
void require_key(const Dict& from, const char* key) {
    if (!from.contains(key))
        throw std::invalid_argument(std::string("engine plan: '") + key + "' is missing");
}

template <class T, class Dict>
T value_of(const Dict& from, const char* key) {
    require_key(from, key);
    return from.template value<T>(key);
}

template <class T, class Dict>
std::vector<T> array_of(const Dict& from, const char* key) {
    require_key(from, key);
    return from.template array<T>(key);
}

template <class Dict>
std::vector<double> optional_array(const Dict& from, const char* key) {
    return from.contains(key) ? from.template array<double>(key) : std::vector<double>();
}

template <class Dict>
Dict dict_of(const Dict& from, const char* key) {
    require_key(from, key);
    return from.dict(key);
}

template <class Dict>
std::vector<Dict> list_of(const Dict& from, const char* key) {
    require_key(from, key);
    return from.list(key);
}

template <class Dict>
Radial read_radial(const Dict& from) {
    Radial radial;
    radial.n = value_of<int>(from, "n");
    if (from.contains("kind") && value_of<std::string>(from, "kind") == "spline") {
        radial.cutoff = array_of<double>(from, "cutoff");
        radial.spline = make_spline(
            radial.n, radial.cutoff, array_of<std::int32_t>(from, "bins"), array_of<double>(from, "nodes"),
            from.contains("knots") ? array_of<double>(from, "knots") : std::vector<double>());
        return radial;
    }
    if (from.contains("kind") && value_of<std::string>(from, "kind") == "quintic") {
        radial.cutoff = array_of<double>(from, "cutoff");
        radial.quintic = make_quintic(radial.n, radial.cutoff, array_of<double>(from, "width"),
                                      array_of<std::int32_t>(from, "table"),
                                      array_of<std::int32_t>(from, "bins"), optional_array(from, "breaks"),
                                      array_of<double>(from, "nodes"), optional_array(from, "extra_slopes"));
        return radial;
    }
    if (from.contains("kind") && value_of<std::string>(from, "kind") == "chebyshev") {
        radial.cutoff = array_of<double>(from, "cutoff");
        radial.inner = array_of<double>(from, "inner");
        radial.chebyshev_size = value_of<int>(from, "size");
        radial.chebyshev = array_of<double>(from, "coefficients");
        radial.outer_power = from.contains("outer_power") ? value_of<int>(from, "outer_power") : 2;
        radial.inverse_square = from.contains("inverse_square") && value_of<bool>(from, "inverse_square");
        radial.clamped = from.contains("clamped") && value_of<bool>(from, "clamped");
        if (radial.chebyshev_size < 1 || radial.chebyshev_size > 64)
            throw std::invalid_argument("engine plan: a Chebyshev table has 1 to 64 polynomials");
        return radial;
    }
    radial.outer_power = value_of<int>(from, "outer_power");
    radial.p = value_of<int>(from, "p");
    radial.q = value_of<int>(from, "q");
    radial.a = value_of<double>(from, "a");
    radial.cutoff = array_of<double>(from, "cutoff");
    radial.inner = array_of<double>(from, "inner");
    radial.r0 = array_of<double>(from, "r0");
    radial.shift = array_of<double>(from, "shift");
    radial.scale = array_of<double>(from, "scale");
    radial.recurrence = array_of<double>(from, "recurrence");
    return radial;
}

template <class Dict>
AceCentre read_centre(const Dict& from) {
    AceCentre centre;
    centre.first_feature = value_of<int>(from, "first_feature");
    centre.n_features = value_of<int>(from, "n_features");
    centre.nodes = array_of<std::int32_t>(from, "nodes");
    centre.terms = array_of<std::int32_t>(from, "terms");
    centre.feature_start = array_of<std::int32_t>(from, "feature_start");
    centre.feature_term = array_of<std::int32_t>(from, "feature_term");
    centre.feature_coefficient = array_of<double>(from, "feature_coefficient");
    return centre;
}

template <class Dict>
Bispectrum read_bispectrum(const Dict& from) {
    Bispectrum b;
    b.twojmax = value_of<int>(from, "twojmax");
    b.normalised = value_of<bool>(from, "normalised");
    b.switching = value_of<bool>(from, "switching");
    b.rfac0 = value_of<double>(from, "rfac0");
    b.rmin0 = value_of<double>(from, "rmin0");
    b.cutoff = array_of<double>(from, "cutoff");
    b.inner_switch = array_of<double>(from, "inner_switch");
    b.weight = array_of<double>(from, "weight");
    b.n_channels = value_of<int>(from, "n_channels");
    b.channel = array_of<std::int32_t>(from, "channel");
    b.self_weight = array_of<double>(from, "self_weight");
    b.shift = array_of<double>(from, "shift");
    return b;
}

template <class Dict>
Symmetry read_symmetry(const Dict& from) {
    Symmetry symmetry;
    symmetry.cutoff_function = cutoff_function_of(value_of<std::string>(from, "cutoff_function"));
    symmetry.inner = value_of<double>(from, "cutoff_inner");
    symmetry.weight = array_of<double>(from, "weight");
    for (const Dict& centre : list_of(from, "centres")) {
        Symmetry::Functions f;
        f.order = array_of<std::int32_t>(centre, "order");
        f.narrow = array_of<std::int32_t>(centre, "narrow");
        f.first = array_of<std::int32_t>(centre, "first");
        f.second = array_of<std::int32_t>(centre, "second");
        f.cutoff = array_of<double>(centre, "cutoff");
        f.eta = array_of<double>(centre, "eta");
        f.shift = array_of<double>(centre, "shift");
        f.lambda = array_of<double>(centre, "lambda");
        f.zeta = array_of<double>(centre, "zeta");
        if (centre.contains("core")) {
            f.core = array_of<std::int32_t>(centre, "core");
            f.low = array_of<double>(centre, "low");
            f.angle_low = array_of<double>(centre, "angle_low");
            f.angle_high = array_of<double>(centre, "angle_high");
        }
        symmetry.functions.push_back(std::move(f));
    }
    return symmetry;
}

template <class Dict>
Soap read_soap(const Dict& from) {
    Soap soap;
    soap.l_max = value_of<int>(from, "l_max");
    soap.self = array_of<double>(from, "self");
    if (from.contains("mixing")) soap.mixing = array_of<double>(from, "mixing");
    soap.products = array_of<std::int32_t>(from, "products");
    soap.weight = array_of<double>(from, "weight");
    soap.sigma = value_of<double>(from, "sigma");
    soap.normalised = value_of<bool>(from, "normalised");
    if (from.contains("least_norm")) soap.least_norm = value_of<double>(from, "least_norm");
    return soap;
}

template <class Dict>
ThreeBody read_three_body(const Dict& from) {
    ThreeBody three_body;
    for (const Dict& own : list_of(from, "kernels")) {
        ThreeBody::Kernel kernel;
        kernel.cutoff = value_of<double>(own, "cutoff");
        kernel.width = value_of<double>(own, "width");
        kernel.length = array_of<double>(own, "length");
        kernel.points = array_of<double>(own, "points");
        kernel.triplets = array_of<std::int32_t>(own, "triplets");
        if (own.contains("permutations")) {
            kernel.of_distances = true;
            kernel.permutations = array_of<std::int32_t>(own, "permutations");
        }
        three_body.kernels.push_back(std::move(kernel));
    }
    return three_body;
}

inline Embedding::Function embedding_function_of(const std::string& name) {
    if (name == "shifted_scaled") return Embedding::Function::kShiftedScaled;
    if (name == "finnis_sinclair") return Embedding::Function::kFinnisSinclair;
    throw std::invalid_argument("engine plan: unknown embedding function '" + name + "'");
}

template <class Dict>
Embedding read_embedding(const Dict& regressor, const Dict& from) {
    Embedding embedding;
    embedding.function = embedding_function_of(value_of<std::string>(from, "function"));
    embedding.prefactor = array_of<double>(from, "prefactor");
    embedding.exponent = array_of<double>(from, "exponent");
    embedding.n_densities = static_cast<int>(embedding.prefactor.size());
    embedding.linear_density = array_of<std::int32_t>(from, "linear_density");
    embedding.linear_channel = array_of<std::int32_t>(from, "linear_channel");
    embedding.linear_coefficient = array_of<double>(from, "linear_coefficient");
    const auto core = value_of<std::string>(regressor, "core");
    if (core == "density") {
        embedding.core = Embedding::Core::kDensity;
        embedding.core_cutoff = value_of<double>(from, "core_cutoff");
        embedding.core_width = value_of<double>(from, "core_width");
    } else if (core == "nearest") {
        embedding.core = Embedding::Core::kNearest;
    } else if (core != "none") {
        throw std::invalid_argument("engine plan: unknown core '" + core + "' of an embedding");
    }
    return embedding;
}

template <class Dict>
Regressor::Layer read_layer(const Dict& from) {
    Regressor::Layer layer;
    layer.activation = activation_of(value_of<std::string>(from, "activation"));
    if (layer.activation == Activation::kTanhLinear) layer.gamma = value_of<double>(from, "gamma");
    layer.weights = array_of<double>(from, "weights");
    layer.bias = array_of<double>(from, "bias");
    return layer;
}

// Densities of the features of one centre, for all members of an ensemble.
template <class Dict>
void read_densities(const Dict& from, Regressor::Centre& centre) {
    centre.function = embedding_function_of(value_of<std::string>(from, "function"));
    const auto prefactor = array_of<double>(from, "prefactor"), exponent = array_of<double>(from, "exponent");
    if (prefactor.size() != exponent.size())
        throw std::invalid_argument(
            "engine plan: an embedding needs one prefactor and one exponent for each density");
    for (std::size_t p = 0; p < prefactor.size(); ++p) {
        Regressor::Density density;
        density.prefactor = prefactor[p];
        density.exponent = exponent[p];
        centre.densities.push_back(density);
    }
    centre.coefficients = array_of<double>(from, "coefficients");
    if (from.contains("linear_density") && !array_of<std::int32_t>(from, "linear_density").empty())
        throw std::invalid_argument(
            "engine plan: channels join the densities of an ace without members only");
}

// Whether an ace part has an embedding that its own sweep holds, so that it has no outputs.
template <class Dict>
bool has_own_embedding(const Dict& from) {
    return value_of<int>(from, "n_features") == 0 && from.contains("regressor") &&
           value_of<std::string>(dict_of(from, "regressor"), "kind") == "embedding";
}

// The regressor on the features of a descriptor; linear where none is named.
template <class Dict>
Regressor read_regressor(const Dict& part) {
    Regressor regressor;
    // Files of the first versions say that of a bispectrum.
    if (part.contains("quadratic") && value_of<bool>(part, "quadratic"))
        regressor.kind = Regressor::Kind::kQuadratic;
    if (!part.contains("regressor")) return regressor;
    const Dict from = dict_of(part, "regressor");
    const auto kind = value_of<std::string>(from, "kind");
    if (kind == "quadratic") {
        regressor.kind = Regressor::Kind::kQuadratic;
        return regressor;
    }
    if (kind == "kernel") {
        regressor.kind = Regressor::Kind::kKernel;
        if (value_of<std::string>(from, "kernel") != "polynomial")
            throw std::invalid_argument("engine plan: the only kernel is 'polynomial'");
        regressor.zeta = value_of<double>(from, "zeta");
    } else if (kind == "network") {
        regressor.kind = Regressor::Kind::kNetwork;
        regressor.n_members = value_of<int>(from, "networks");
    } else if (kind == "embedding") {
        regressor.kind = Regressor::Kind::kEmbedding;
        regressor.n_members = value_of<int>(from, "members");
        if (value_of<std::string>(from, "core") != "none")
            throw std::invalid_argument("engine plan: an embedding of features has the core 'none'");
    } else {
        throw std::invalid_argument("engine plan: unknown kind of regressor '" + kind + "'");
    }
    for (const Dict& own : list_of(from, "centres")) {
        Regressor::Centre centre;
        if (regressor.kind == Regressor::Kind::kKernel) {
            centre.points = array_of<double>(own, "points");
            if (own.contains("scale")) {
                centre.shift = array_of<double>(own, "shift");
                centre.scale = array_of<double>(own, "scale");
            }
        } else if (regressor.kind == Regressor::Kind::kEmbedding) {
            read_densities(own, centre);
        } else {
            centre.shift = array_of<double>(own, "shift");
            centre.scale = array_of<double>(own, "scale");
            for (const Dict& layer : list_of(own, "layers")) centre.layers.push_back(read_layer(layer));
        }
        regressor.centres.push_back(std::move(centre));
    }
    return regressor;
}

// An embedding, which makes densities of complex products or of the part's features.
template <class Dict>
void read_embeddings(const Dict& from, Part& part) {
    const Dict regressor = dict_of(from, "regressor");
    const auto centres = list_of(from, "centres"), parameters = list_of(regressor, "centres");
    if (parameters.size() != centres.size())
        throw std::invalid_argument("engine plan: a regressor needs one centre per species");
    for (std::size_t z = 0; z < centres.size(); ++z) {
        part.embeddings.push_back(read_embedding(regressor, parameters[z]));
        const auto coefficients = array_of<double>(parameters[z], "coefficients");
        ProductList products;
        AceCentre centre;
        if (centres[z].contains("feature_start")) {
            centre = read_centre(centres[z]);
            products = products_of(centre, part.embeddings.back().n_densities, coefficients);
        } else {
            products.complex_values = true;
            products.nodes = array_of<std::int32_t>(centres[z], "nodes");
            products.terms = array_of<std::int32_t>(centres[z], "terms");
            products.coefficients = coefficients;
        }
        part.centres.push_back(std::move(centre));
        part.products.push_back(std::move(products));
    }
    if (value_of<std::string>(regressor, "core") == "nearest") {
        part.inner = array_of<double>(regressor, "inner");
        part.outer = array_of<double>(regressor, "outer");
    }
}

template <class Dict>
GlobalFeatures read_global_features(const Dict& from) {
    GlobalFeatures global;
    global.volume = value_of<bool>(from, "volume");
    global.order = value_of<bool>(from, "order");
    global.cutoff = value_of<double>(from, "cutoff");
    global.width = value_of<double>(from, "width");
    global.spacing = value_of<double>(from, "spacing");
    check_global_features(global);
    return global;
}

// What a part's kind defines, without regressor and global features.
template <class Dict>
Part read_kind(const Dict& from, const std::string& kind) {
    Part part;
    if (kind == "e0") {
        part.kind = Part::Kind::kE0;
    } else if (kind == "pair") {
        part.kind = Part::Kind::kPair;
        part.radial = read_radial(dict_of(from, "radial"));
        part.pair_first_feature = array_of<std::int32_t>(from, "first_feature");
    } else if (kind == "ace") {
        part.kind = Part::Kind::kAce;
        part.l_max = value_of<int>(from, "l_max");
        part.radial = read_radial(dict_of(from, "radial"));
        part.radial_first = array_of<std::int32_t>(from, "radial_first");
        part.radial_count = array_of<std::int32_t>(from, "radial_count");
        if (has_own_embedding(from))
            read_embeddings(from, part);
        else
            for (const Dict& centre : list_of(from, "centres")) part.centres.push_back(read_centre(centre));
    } else if (kind == "zbl") {
        part.kind = Part::Kind::kZbl;
        part.charges = array_of<double>(from, "charges");
        part.inner = array_of<double>(from, "inner");
        part.outer = array_of<double>(from, "outer");
        part.strength = from.contains("strength") ? array_of<double>(from, "strength")
                                                  : std::vector<double>(part.outer.size(), 1.0);
    } else if (kind == "moments") {
        part.kind = Part::Kind::kMoments;
        part.radial = read_radial(dict_of(from, "radial"));
        part.moments.basic = array_of<std::int32_t>(from, "basic");
        part.moments.products = array_of<std::int32_t>(from, "products");
        part.moments.weight = array_of<double>(from, "weight");
        part.moments.scalars = array_of<std::int32_t>(from, "scalars");
        part.moments.first_feature = array_of<std::int32_t>(from, "first_feature");
    } else if (kind == "inverse_powers") {
        part.kind = Part::Kind::kInversePowers;
        part.inverse_powers.powers = array_of<std::int32_t>(from, "powers");
        part.inverse_powers.scale = array_of<double>(from, "scale");
        part.inverse_powers.first_feature = array_of<std::int32_t>(from, "first_feature");
    } else if (kind == "symmetry_functions") {
        part.kind = Part::Kind::kSymmetry;
        part.symmetry = read_symmetry(from);
    } else if (kind == "bispectrum") {
        part.kind = Part::Kind::kBispectrum;
        part.bispectrum = read_bispectrum(from);
    } else if (kind == "soap") {
        part.kind = Part::Kind::kSoap;
        part.radial = read_radial(dict_of(from, "radial"));
        part.soap = read_soap(from);
    } else if (kind == "three_body") {
        part.kind = Part::Kind::kThreeBody;
        part.three_body = read_three_body(from);
    } else {
        throw std::invalid_argument("engine plan: unknown kind of part '" + kind + "'");
    }
    return part;
}

template <class Dict>
Part read_part(const Dict& from) {
    const auto kind = value_of<std::string>(from, "kind");
    Part part = read_kind(from, kind);
    part.n_features = value_of<int>(from, "n_features");
    const bool is_descriptor = part.kind == Part::Kind::kAce || part.kind == Part::Kind::kBispectrum ||
                               part.kind == Part::Kind::kMoments || part.kind == Part::Kind::kSymmetry ||
                               part.kind == Part::Kind::kSoap;
    if (from.contains("regressor") && !is_descriptor)
        throw std::invalid_argument("engine plan: a part of kind '" + kind + "' takes no regressor");
    if (is_descriptor && part.embeddings.empty()) part.regressor = read_regressor(from);
    if (from.contains("global_features")) {
        if (!is_descriptor || !part.embeddings.empty())
            throw std::invalid_argument("engine plan: a part of kind '" + kind +
                                        "' takes no global_features");
        part.global = read_global_features(dict_of(from, "global_features"));
    }
    return part;
}

template <class Dict>
std::shared_ptr<Model> read_model(const Dict& plan) {
    auto model = std::make_shared<Model>();
    model->elements = array_of<std::int32_t>(plan, "elements");
    if (model->elements.empty() || model->elements.size() > 100)
        throw std::invalid_argument("engine plan: between 1 and 100 elements are possible");
    for (const Dict& from : list_of(plan, "parts")) {
        if (model->parts.size() == 64)
            throw std::invalid_argument("engine plan: at most 64 parts are possible");
        Part part = read_part(from);
        finish_part(part, model->n_species(), model->n_features);
        part.first_global = model->n_globals;
        model->n_globals += part.global.size();
        model->n_features += part.n_features;
        model->cutoff = std::max(model->cutoff, part.cutoff);
        model->parts.push_back(std::move(part));
    }
    return model;
}

} // namespace atomsmith
