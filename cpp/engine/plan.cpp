#include "plan.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>

namespace atomsmith {

namespace {

// Normalisation of Y_lm relative to the derivative of the Legendre polynomial d^m P_l / dz^m.
double normalisation(int l, int m) {
    double ratio = 1.0; // (l-m)! / (l+m)!
    for (int k = l - m + 1; k <= l + m; ++k) ratio /= k;
    return std::sqrt((2 * l + 1) / (4.0 * M_PI) * ratio * (m > 0 ? 2.0 : 1.0));
}

void require(bool condition, const std::string& message) {
    if (!condition) throw std::invalid_argument("engine plan: " + message);
}

void check_radial(const Radial& r, int n_species) {
    const std::size_t pairs = static_cast<std::size_t>(n_species) * n_species;
    require(r.n >= 1, "a radial table needs at least one function");
    if (r.spline.row_size > 0 || r.quintic.row_size > 0) {
        require(r.cutoff.size() == pairs, "a radial table needs one cutoff for each pair of species");
        return;
    }
    if (r.chebyshev_size > 0) {
        require(r.cutoff.size() == pairs && r.inner.size() == pairs &&
                    r.chebyshev.size() == pairs * r.n * r.chebyshev_size,
                "a Chebyshev table's arrays do not have the sizes of " + std::to_string(n_species) +
                    " species");
        for (std::size_t k = 0; k < pairs; ++k)
            require(r.inner[k] >= 0.0 && r.inner[k] < r.cutoff[k],
                    "a pair's inner distance must be below its cutoff");
        return;
    }
    require(r.outer_power >= 2, "outer_power must be at least 2 (forces jump at the cutoff otherwise)");
    require(r.q >= r.p && r.p >= 1 && r.q <= 12, "the distance transform needs 1 <= p <= q <= 12");
    require(r.cutoff.size() == pairs && r.inner.size() == 2 * pairs && r.r0.size() == pairs &&
                r.shift.size() == pairs && r.scale.size() == pairs && r.recurrence.size() == 3 * pairs * r.n,
            "a radial table's arrays do not have the sizes of " + std::to_string(n_species) + " species");
    for (std::size_t k = 0; k < pairs; ++k) {
        require(r.cutoff[k] > 0.0 && r.r0[k] > 0.0, "cutoff and r0 of a pair must be positive");
        const double r_in = r.inner[2 * k], r_on = r.inner[2 * k + 1];
        require(r_on == 0.0 || (r_in >= 0.0 && r_in < r_on), "the inner distances of a pair must rise");
    }
}

// Channels whose product a term is.
void expand(const AceCentre& centre, int n_channels, int value, std::vector<std::int32_t>& channels) {
    if (value < n_channels) {
        channels.push_back(value);
        return;
    }
    expand(centre, n_channels, centre.nodes[2 * (value - n_channels)], channels);
    expand(centre, n_channels, centre.nodes[2 * (value - n_channels) + 1], channels);
}

void check_centre(const AceCentre& c, int n_channels) {
    const int n_nodes = static_cast<int>(c.nodes.size() / 2), n_terms = static_cast<int>(c.terms.size() / 2);
    for (int k = 0; k < n_nodes; ++k)
        for (int side = 0; side < 2; ++side)
            require(c.nodes[2 * k + side] >= 0 && c.nodes[2 * k + side] < n_channels + k,
                    "node " + std::to_string(k) + " uses a value that is not made before it");
    for (int t = 0; t < n_terms; ++t) {
        const int u = c.terms[2 * t], v = c.terms[2 * t + 1];
        require(u >= 0 && u < n_channels + n_nodes && v >= -1 && v <= u,
                "term " + std::to_string(t) + " is malformed");
        require(t == 0 || c.terms[2 * t - 2] <= u, "terms are not sorted by their first value");
    }
    require(c.n_features >= 0 && static_cast<int>(c.feature_start.size()) == c.n_features + 1,
            "feature_start has the wrong size");
    require(std::is_sorted(c.feature_start.begin(), c.feature_start.end()), "feature_start must rise");
    require(c.feature_start.front() == 0 &&
                c.feature_start.back() == static_cast<int>(c.feature_term.size()) &&
                c.feature_term.size() == c.feature_coefficient.size(),
            "the feature list has the wrong size");
    for (int t : c.feature_term) require(t >= 0 && t < n_terms, "a feature uses a term that does not exist");
}

void transpose_features(AceCentre& c) {
    const int n_terms = static_cast<int>(c.terms.size() / 2);
    c.term_start.assign(n_terms + 1, 0);
    for (int t : c.feature_term) ++c.term_start[t + 1];
    for (int t = 0; t < n_terms; ++t) c.term_start[t + 1] += c.term_start[t];
    std::vector<std::int32_t> next(c.term_start.begin(), c.term_start.end() - 1);
    c.term_feature.resize(c.feature_term.size());
    c.term_coefficient.resize(c.feature_term.size());
    for (int f = 0; f < c.n_features; ++f)
        for (int e = c.feature_start[f]; e < c.feature_start[f + 1]; ++e) {
            const int at = next[c.feature_term[e]]++;
            c.term_feature[at] = f;
            c.term_coefficient[at] = c.feature_coefficient[e];
        }
}

void find_supports(AceCentre& c, int n_channels) {
    c.support_start.assign(1, 0);
    c.factor_start.assign(1, 0);
    std::vector<std::int32_t> support, factors;
    for (int f = 0; f < c.n_features; ++f) {
        std::vector<std::vector<std::int32_t>> products;
        support.clear();
        for (int e = c.feature_start[f]; e < c.feature_start[f + 1]; ++e) {
            factors.clear();
            const int t = c.feature_term[e];
            expand(c, n_channels, c.terms[2 * t], factors);
            if (c.terms[2 * t + 1] >= 0) expand(c, n_channels, c.terms[2 * t + 1], factors);
            require(factors.size() <= 8, "a product has more than 8 factors");
            products.push_back(factors);
            support.insert(support.end(), factors.begin(), factors.end());
        }
        std::sort(support.begin(), support.end());
        support.erase(std::unique(support.begin(), support.end()), support.end());
        for (auto& product : products) {
            for (int channel : product)
                c.factor.push_back(static_cast<std::int32_t>(
                    std::lower_bound(support.begin(), support.end(), channel) - support.begin()));
            c.factor_start.push_back(static_cast<std::int32_t>(c.factor.size()));
        }
        c.support_channel.insert(c.support_channel.end(), support.begin(), support.end());
        c.support_start.push_back(static_cast<std::int32_t>(c.support_channel.size()));
    }
}

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
        transpose_features(centre);
        find_supports(centre, n_channels);
        centre.full = build_program(centre, n_channels, {});
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
        check_centre(centre, n_channels);
        transpose_features(centre);
        find_supports(centre, n_channels);
        centre.full = build_program(centre, n_channels, std::vector<bool>(centre.terms.size() / 2, true));
        require(centre.n_features == 0 || centre.first_feature == features,
                "features of the centres must follow one another");
        first.push_back(features);
        counts.push_back(centre.n_features);
        features += centre.n_features;
    }
    finish_regressor(part, counts, first);
}

} // namespace

namespace {

template <class Real>
HarmonicTable<Real> make_harmonic_table() {
    using Table = HarmonicTable<Real>;
    Table table{};
    double factorial = 1.0; // (2m-1)!!
    for (int m = 0; m <= Table::kMaxL; ++m) {
        if (m > 0) factorial *= 2 * m - 1;
        table.diagonal[m] = static_cast<Real>(factorial * normalisation(m, m));
        for (int l = m + 1; l <= Table::kMaxL; ++l) {
            const int at = l * Table::kStride + m;
            const double norm = normalisation(l, m);
            table.a[at] = static_cast<Real>((2 * l - 1.0) / (l - m) * norm / normalisation(l - 1, m));
            if (l > m + 1)
                table.b[at] = static_cast<Real>(-(l + m - 1.0) / (l - m) * norm / normalisation(l - 2, m));
            table.dz[at] = static_cast<Real>(norm / normalisation(l, m + 1));
        }
    }
    return table;
}

} // namespace

template <>
const HarmonicTable<double>& harmonic_table() {
    static const HarmonicTable<double> table = make_harmonic_table<double>();
    return table;
}

template <>
const HarmonicTable<float>& harmonic_table() {
    static const HarmonicTable<float> table = make_harmonic_table<float>();
    return table;
}

SplineTable make_spline(int n, const std::vector<double>& cutoff, const std::vector<std::int32_t>& bins,
                        const std::vector<double>& nodes) {
    constexpr int kPadding = 8, kZeroRows = 2; // doubles in a line of cache; rows behind the end
    SplineTable table;
    table.bins = bins;
    table.end = cutoff;
    const std::size_t half = (n + kPadding - 1) / kPadding * kPadding;
    table.row_size = static_cast<int>(2 * half);
    std::size_t rows = 0, given = 0;
    require(bins.size() == cutoff.size(), "a spline needs one number of bins for each pair of species");
    for (std::size_t pair = 0; pair < bins.size(); ++pair) {
        require(bins[pair] >= 2 && cutoff[pair] > 0.0, "a spline needs two bins and a positive cutoff");
        table.first.push_back(rows * table.row_size);
        table.per_distance.push_back(bins[pair] / cutoff[pair]);
        rows += bins[pair] + 1 + kZeroRows;
        given += bins[pair] + 1;
    }
    require(nodes.size() == given * 2 * n, "a spline's nodes do not have the size of its bins");
    const std::size_t bytes = rows * table.row_size * sizeof(double);
    table.nodes.reset(static_cast<double*>(std::aligned_alloc(64, bytes)), std::free);
    if (!table.nodes) throw std::bad_alloc();
    std::memset(table.nodes.get(), 0, bytes);
    const double* from = nodes.data();
    for (std::size_t pair = 0; pair < bins.size(); ++pair)
        for (int k = 0; k <= bins[pair]; ++k, from += 2 * n) {
            double* to = table.nodes.get() + table.first[pair] + static_cast<std::size_t>(k) * table.row_size;
            std::memcpy(to, from, n * sizeof(double));
            std::memcpy(to + half, from + n, n * sizeof(double));
        }
    return table;
}

QuinticTable make_quintic(int n, const std::vector<double>& cutoff, const std::vector<double>& width,
                          const std::vector<std::int32_t>& table, const std::vector<std::int32_t>& bins,
                          const std::vector<double>& nodes) {
    constexpr int kPadding = 8; // doubles in a line of cache
    const std::size_t pairs = cutoff.size(), padded = (n + kPadding - 1) / kPadding * kPadding;
    QuinticTable out;
    out.row_size = static_cast<int>(6 * padded);
    out.end = cutoff;
    out.width = width;
    std::vector<std::size_t> first(1, 0);
    std::size_t given = 0;
    for (const int count : bins) {
        require(count >= 1, "a quintic table needs a bin");
        first.push_back(first.back() + static_cast<std::size_t>(count + 1) * out.row_size);
        given += count + 1;
    }
    require(table.size() == pairs && width.size() == pairs,
            "a quintic table's arrays need one value for each pair of species");
    require(nodes.size() == given * 3 * n, "a quintic table's nodes do not have the size of its bins");
    for (std::size_t pair = 0; pair < pairs; ++pair) {
        require(table[pair] >= 0 && table[pair] < static_cast<int>(bins.size()), "a pair's table is missing");
        require(cutoff[pair] > 0.0 && width[pair] >= 0.0 && width[pair] <= cutoff[pair],
                "the switch of a quintic table must lie within its cutoff");
        out.first.push_back(first[table[pair]]);
        out.bins.push_back(bins[table[pair]]);
        out.per_distance.push_back(bins[table[pair]] / cutoff[pair]);
    }
    const std::size_t bytes = first.back() * sizeof(double);
    out.rows.reset(static_cast<double*>(std::aligned_alloc(64, bytes)), std::free);
    if (!out.rows) throw std::bad_alloc();
    std::memset(out.rows.get(), 0, bytes);
    const double* left = nodes.data();
    for (std::size_t t = 0; t < bins.size(); ++t, left += 3 * n)
        for (int bin = 0; bin < bins[t]; ++bin, left += 3 * n) {
            double* to = out.rows.get() + first[t] + static_cast<std::size_t>(bin) * out.row_size;
            const double* right = left + 3 * n;
            for (int k = 0; k < n; ++k) {
                const double f = left[k], d = left[n + k], s = 0.5 * left[2 * n + k];
                const double rise = right[k] - f - d - s, slope = right[n + k] - d - 2.0 * s,
                             bend = 0.5 * right[2 * n + k] - s;
                const double c[6] = {f,
                                     d,
                                     s,
                                     10.0 * rise - 4.0 * slope + bend,
                                     -15.0 * rise + 7.0 * slope - 2.0 * bend,
                                     6.0 * rise - 3.0 * slope + bend};
                for (int power = 0; power < 6; ++power) to[power * padded + k] = c[power];
            }
        }
    return out;
}

Program build_program(const AceCentre& centre, int n_channels, const std::vector<bool>& active) {
    const int n_nodes = static_cast<int>(centre.nodes.size() / 2),
              n_terms = static_cast<int>(centre.terms.size() / 2);
    // A node is needed when an active term or a needed node uses it; it is stored when it is used as anything
    // but the left factor of terms, because only then is its value wanted at more than one place.
    std::vector<char> needed(n_nodes, 0), stored(n_nodes, 0);
    for (int t = 0; t < n_terms; ++t) {
        if (!active[t]) continue;
        const int u = centre.terms[2 * t], v = centre.terms[2 * t + 1];
        if (u >= n_channels) needed[u - n_channels] = 1;
        if (v >= n_channels) needed[v - n_channels] = stored[v - n_channels] = 1;
    }
    for (int k = n_nodes - 1; k >= 0; --k)
        if (needed[k])
            for (int side = 0; side < 2; ++side) {
                const int factor = centre.nodes[2 * k + side] - n_channels;
                if (factor >= 0) needed[factor] = stored[factor] = 1;
            }
    Program program;
    std::vector<std::int32_t> slot(n_channels + n_nodes, -1);
    for (int c = 0; c < n_channels; ++c) slot[c] = c;
    program.n_slots = n_channels;
    for (int k = 0; k < n_nodes; ++k)
        if (stored[k]) {
            slot[n_channels + k] = program.n_slots++;
            program.stored_a.push_back(slot[centre.nodes[2 * k]]);
            program.stored_b.push_back(slot[centre.nodes[2 * k + 1]]);
        }
    // Terms are sorted by u: walk them backwards, one group a left factor; stored nodes without terms get an
    // empty group, so that what was collected for them is passed on to their factors.
    struct Draft {
        Program::Group group;
        std::vector<std::int32_t> terms;
    };
    std::vector<Draft> drafts;
    int t = n_terms;
    for (int value = n_channels + n_nodes - 1; value >= 0; --value) {
        const bool node = value >= n_channels;
        Draft draft{};
        draft.group.slot = slot[value];
        draft.group.factor_a = node ? slot[centre.nodes[2 * (value - n_channels)]] : -1;
        draft.group.factor_b = node ? slot[centre.nodes[2 * (value - n_channels) + 1]] : -1;
        draft.group.linear = -1;
        int first = t;
        while (first > 0 && centre.terms[2 * (first - 1)] == value) --first;
        for (int s = first; s < t; ++s) {
            if (!active[s]) continue;
            if (centre.terms[2 * s + 1] < 0)
                draft.group.linear = s;
            else
                draft.terms.push_back(s);
        }
        t = first;
        const bool empty = draft.terms.empty() && draft.group.linear < 0;
        if (empty && !(node && stored[value - n_channels])) continue;
        drafts.push_back(std::move(draft));
    }
    // Nodes that are not stored are right factors of nothing, so they may come first, in any order: equal
    // lengths together, because a loop whose length the processor foresees costs half as much here.
    const auto others = std::stable_partition(drafts.begin(), drafts.end(),
                                              [](const Draft& draft) { return draft.group.slot < 0; });
    std::stable_sort(drafts.begin(), others,
                     [](const Draft& a, const Draft& b) { return a.terms.size() > b.terms.size(); });
    for (Draft& draft : drafts) {
        draft.group.begin = static_cast<std::int32_t>(program.right.size());
        for (const std::int32_t term : draft.terms) {
            program.right.push_back(slot[centre.terms[2 * term + 1]]);
            program.term_of_weight.push_back(term);
        }
        draft.group.end = static_cast<std::int32_t>(program.right.size());
        program.groups.push_back(draft.group);
    }
    // Linear weights stand behind the others.
    for (auto& group : program.groups)
        if (group.linear >= 0) {
            program.term_of_weight.push_back(group.linear);
            group.linear = static_cast<std::int32_t>(program.term_of_weight.size()) - 1;
        }
    program.n_weights = static_cast<int>(program.term_of_weight.size());
    return program;
}

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

ProductList products_of(const AceCentre& centre, int n_densities, const std::vector<double>& coefficients) {
    const std::size_t n = centre.n_features, n_terms = centre.terms.size() / 2;
    require(centre.feature_start.size() == n + 1 &&
                centre.feature_term.size() == centre.feature_coefficient.size() &&
                centre.feature_start.back() == static_cast<int>(centre.feature_term.size()),
            "the feature list has the wrong size");
    require(coefficients.size() == n * n_densities,
            "an embedding's coefficients need the shape (densities, features)");
    const auto rows = [](const std::vector<std::int32_t>& pairs) {
        std::vector<std::int32_t> out;
        for (std::size_t k = 0; k + 1 < pairs.size(); k += 2)
            out.insert(out.end(), {pairs[k], pairs[k + 1], 1});
        return out;
    };
    ProductList products;
    products.nodes = rows(centre.nodes);
    products.terms = rows(centre.terms);
    products.coefficients.assign(n_terms * n_densities, 0.0);
    for (int p = 0; p < n_densities; ++p)
        for (std::size_t f = 0; f < n; ++f)
            for (int e = centre.feature_start[f]; e < centre.feature_start[f + 1]; ++e) {
                const int t = centre.feature_term[e];
                require(t >= 0 && t < static_cast<int>(n_terms), "a feature uses a term that does not exist");
                products.coefficients[p * n_terms + t] +=
                    coefficients[p * n + f] * centre.feature_coefficient[e];
            }
    return products;
}

bool works_in_single_precision(const Part& part) {
    return part.kind != Part::Kind::kBispectrum && part.kind != Part::Kind::kMoments &&
           part.kind != Part::Kind::kSymmetry && part.kind != Part::Kind::kSoap && part.is_local() &&
           part.radial.quintic.row_size == 0 && part.radial.spline.row_size == 0 && part.embeddings.empty() &&
           part.regressor.is_linear();
}

void spread_weights(const AceCentre& centre, const Program& program, const double* coefficients,
                    double* weights) {
    for (int k = 0; k < program.n_weights; ++k) {
        const int t = program.term_of_weight[k];
        double sum = 0.0;
        for (int e = centre.term_start[t]; e < centre.term_start[t + 1]; ++e)
            sum += centre.term_coefficient[e] * coefficients[centre.term_feature[e]];
        weights[k] = sum;
    }
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
