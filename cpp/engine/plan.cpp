#include "plan.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "require.hpp"

namespace atomsmith {

namespace {

void finish_embedding(Part& part, int n_species) {
    const std::size_t species = n_species, pairs = species * species;
    require(part.n_features == 0, "a part with a regressor of its own has no linear features");
    require(part.embeddings.size() == species && part.products.size() == species,
            "a regressor needs one centre per species");
    const ChannelLayout channels{n_species, part.l_max, part.n_lmk, part.radial_count.data(),
                                 part.offset.data()};
    for (std::size_t z = 0; z < species; ++z) {
        lower_products(part.products[z], channels, part.embeddings[z]);
        require(part.embeddings[z].core != Embedding::Core::kNearest ||
                    (part.inner.size() == pairs && part.outer.size() == pairs),
                "a core that takes over by the nearest neighbour needs inner and outer distances");
    }
    part.products.clear();
    const int n_channels = n_species * part.n_lmk;
    for (auto& centre : part.centres) {
        centre = AceCentre{};
        centre.feature_start = {0};
        finish_centre(centre, n_channels);
    }
}

void finish_regressor(Part& part, const std::vector<int>& counts, const std::vector<int>& first) {
    std::vector<int> inputs = counts;
    part.regressor.n_globals = part.global.size();
    for (int& count : inputs) count += part.regressor.n_globals;
    const int outputs = part.regressor.finish(inputs, first);
    require(part.n_features == outputs, "n_features is " + std::to_string(part.n_features) +
                                            ", but the centres of the part have " + std::to_string(outputs) +
                                            " outputs");
}

void finish_soap(Part& part, int n_species) {
    Soap& soap = part.soap;
    require(soap.l_max >= 0 && soap.l_max <= HarmonicTable<double>::kMaxL,
            "l_max must be between 0 and " + std::to_string(HarmonicTable<double>::kMaxL));
    soap.finish(n_species, part.radial.n);
    part.l_max = soap.l_max;
    part.n_lmk = soap.n_lm() * soap.n_max;
    part.n_channels = soap.n_channels;
    std::vector<int> first;
    for (int l = 0; l <= part.l_max; ++l) {
        part.radial_first.push_back(l * soap.n_max);
        part.radial_count.push_back(soap.n_max);
        part.offset.push_back(l * l * soap.n_max);
    }
    for (int z = 0; z < n_species; ++z) first.push_back(z * soap.n_values());
    finish_regressor(part, std::vector<int>(n_species, soap.n_values()), first);
}

void finish_ace(Part& part, int n_species) {
    require(part.l_max >= 0 && part.l_max <= HarmonicTable<double>::kMaxL,
            "l_max must be between 0 and " + std::to_string(HarmonicTable<double>::kMaxL));
    const std::size_t n_l = part.l_max + 1;
    require(part.radial_first.size() == n_l && part.radial_count.size() == n_l,
            "radial_first/count need l_max + 1");
    require(static_cast<int>(part.centres.size()) == n_species, "one centre per species is needed");
    part.offset.assign(n_l, 0);
    part.n_lmk = 0;
    for (std::size_t l = 0; l < n_l; ++l) {
        require(part.radial_first[l] >= 0 && part.radial_count[l] >= 0 &&
                    part.radial_first[l] + part.radial_count[l] <= part.radial.n,
                "radial functions of l = " + std::to_string(l) + " do not exist");
        part.offset[l] = part.n_lmk;
        part.n_lmk += static_cast<int>(2 * l + 1) * part.radial_count[l];
    }
    const int n_channels = part.n_channels = n_species * part.n_lmk;
    if (!part.embeddings.empty()) return finish_embedding(part, n_species);
    int features = 0;
    std::vector<int> counts, first;
    for (auto& centre : part.centres) {
        finish_centre(centre, n_channels);
        require(centre.n_features == 0 || centre.first_feature == features,
                "features of the centres must follow one another");
        first.push_back(features);
        counts.push_back(centre.n_features);
        features += centre.n_features;
    }
    finish_regressor(part, counts, first);
}

} // namespace

void finish_part(Part& part, int n_species, int first_feature) {
    part.first_feature = first_feature;
    const std::size_t pairs = static_cast<std::size_t>(n_species) * n_species;
    switch (part.kind) {
    case Part::Kind::kE0:
        require(part.n_features == n_species, "e0 needs one feature per species");
        return;
    case Part::Kind::kPair:
        check_radial(part.radial, n_species);
        require(part.pair_first_feature.size() == pairs, "first_feature needs one entry per pair of species");
        for (int f : part.pair_first_feature)
            require(f >= 0 && f + part.radial.n <= part.n_features, "a pair's features do not exist");
        break;
    case Part::Kind::kAce:
        check_radial(part.radial, n_species);
        finish_ace(part, n_species);
        break;
    case Part::Kind::kZbl:
        require(part.n_features == 0, "zbl has no features");
        require(part.charges.size() == static_cast<std::size_t>(n_species) && part.inner.size() == pairs &&
                    part.outer.size() == pairs && part.strength.size() == pairs,
                "zbl's arrays have the wrong size");
        for (std::size_t k = 0; k < pairs; ++k)
            require(part.inner[k] >= 0.0 && part.inner[k] < part.outer[k],
                    "zbl's inner distance must be below its outer one");
        for (const double z : part.charges) part.reach.push_back(std::pow(z, 0.23));
        part.cutoff = *std::max_element(part.outer.begin(), part.outer.end());
        return;
    case Part::Kind::kMoments: {
        check_radial(part.radial, n_species);
        Moments& m = part.moments;
        m.finish(n_species, part.radial.n);
        part.n_channels = m.n_channels;
        finish_regressor(part, std::vector<int>(n_species, static_cast<int>(m.scalars.size())),
                         m.first_feature);
        break;
    }
    case Part::Kind::kSymmetry: {
        Symmetry& f = part.symmetry;
        require(f.weight.size() == static_cast<std::size_t>(n_species),
                "symmetry functions need one weight per species");
        f.finish();
        std::vector<int> sizes;
        for (const Symmetry::Functions& functions : f.functions) sizes.push_back(functions.size());
        finish_regressor(part, sizes, f.first_feature);
        part.n_channels = f.most_functions;
        part.cutoff = f.cutoff();
        return;
    }
    case Part::Kind::kInversePowers:
        check_inverse_powers(part.inverse_powers, n_species, part.n_features);
        return;
    case Part::Kind::kThreeBody:
        part.three_body.finish(n_species, part.n_features);
        part.cutoff = part.three_body.cutoff();
        return;
    case Part::Kind::kSoap:
        check_radial(part.radial, n_species);
        finish_soap(part, n_species);
        break;
    case Part::Kind::kBispectrum: {
        Bispectrum& b = part.bispectrum;
        b.finish(n_species);
        std::vector<int> first(n_species, 0);
        for (int z = 0; z < n_species; ++z) first[z] = z * b.n_values();
        finish_regressor(part, std::vector<int>(n_species, b.n_values()), first);
        part.n_channels = b.n_channel_values();
        part.cutoff = *std::max_element(b.cutoff.begin(), b.cutoff.end());
        return;
    }
    }
    part.cutoff = *std::max_element(part.radial.cutoff.begin(), part.radial.cutoff.end());
}

bool works_in_single_precision(const Part& part) {
    return part.kind != Part::Kind::kBispectrum && part.kind != Part::Kind::kMoments &&
           part.kind != Part::Kind::kSymmetry && part.kind != Part::Kind::kSoap &&
           part.kind != Part::Kind::kThreeBody && part.is_local() && part.radial.quintic.row_size == 0 &&
           part.radial.spline.row_size == 0 && part.embeddings.empty() && part.regressor.is_linear();
}

std::shared_ptr<Weights> make_weights(const Model& model, const double* coefficients, int n_sets) {
    auto weights = std::make_shared<Weights>();
    const int n = model.n_features;
    weights->n_sets = n_sets;
    weights->coefficients =
        std::vector<double>(coefficients, coefficients + static_cast<std::size_t>(n_sets) * n);
    for (const Part& part : model.parts) {
        weights->centres.emplace_back();
        if (!part.has_linear_products()) continue;
        const int n_channels = model.n_species() * part.n_lmk;
        for (const AceCentre& centre : part.centres) {
            std::vector<bool> active(centre.terms.size() / 2, false);
            const int first = part.first_feature + centre.first_feature;
            for (int f = 0; f < centre.n_features; ++f) {
                bool used = false;
                for (int s = 0; s < n_sets; ++s)
                    used |= coefficients[static_cast<std::size_t>(s) * n + first + f] != 0.0;
                if (!used) continue;
                for (int e = centre.feature_start[f]; e < centre.feature_start[f + 1]; ++e)
                    active[centre.feature_term[e]] = true;
            }
            Weights::Centre spread;
            spread.program = build_program(centre, n_channels, active);
            std::vector<double> values(static_cast<std::size_t>(n_sets) * spread.program.n_weights);
            for (int s = 0; s < n_sets; ++s)
                spread_weights(centre, spread.program, coefficients + static_cast<std::size_t>(s) * n + first,
                               values.data() + static_cast<std::size_t>(s) * spread.program.n_weights);
            spread.values = std::move(values);
            weights->centres.back().push_back(std::move(spread));
        }
    }
    return weights;
}

} // namespace atomsmith
