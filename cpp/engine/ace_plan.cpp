#include "ace_plan.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "require.hpp"

namespace atomsmith {

namespace {

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

// Nodes whose values are wanted at more than one place: an active term or a needed node uses them, and not
// only as the left factor of terms.
std::vector<char> stored_nodes(const AceCentre& centre, int n_channels, const std::vector<bool>& active) {
    const int n_nodes = static_cast<int>(centre.nodes.size() / 2),
              n_terms = static_cast<int>(centre.terms.size() / 2);
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
    return stored;
}

// A group before its terms have places.
struct Draft {
    Program::Group group;
    std::vector<std::int32_t> terms;
};

// Terms are sorted by u: walk them backwards, one group a left factor; stored nodes without terms get an
// empty group, so that what was collected for them is passed on to their factors. `slot` is -1 of nodes that
// are not stored.
std::vector<Draft> drafts_of(const AceCentre& centre, int n_channels, const std::vector<bool>& active,
                             const std::vector<std::int32_t>& slot) {
    std::vector<Draft> drafts;
    int t = static_cast<int>(centre.terms.size() / 2);
    for (int value = static_cast<int>(slot.size()) - 1; value >= 0; --value) {
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
        if (empty && !(node && slot[value] >= 0)) continue;
        drafts.push_back(std::move(draft));
    }
    // Nodes that are not stored are right factors of nothing, so they may come first, in any order: equal
    // lengths together, because a loop whose length the processor foresees costs half as much here.
    const auto others = std::stable_partition(drafts.begin(), drafts.end(),
                                              [](const Draft& draft) { return draft.group.slot < 0; });
    std::stable_sort(drafts.begin(), others,
                     [](const Draft& a, const Draft& b) { return a.terms.size() > b.terms.size(); });
    return drafts;
}

} // namespace

Program build_program(const AceCentre& centre, int n_channels, const std::vector<bool>& active) {
    const std::vector<char> stored = stored_nodes(centre, n_channels, active);
    const int n_nodes = static_cast<int>(stored.size());
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
    for (Draft& draft : drafts_of(centre, n_channels, active, slot)) {
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

void finish_centre(AceCentre& centre, int n_channels) {
    check_centre(centre, n_channels);
    transpose_features(centre);
    find_supports(centre, n_channels);
    centre.full = build_program(centre, n_channels, std::vector<bool>(centre.terms.size() / 2, true));
}

} // namespace atomsmith
