#include "embedding_plan.hpp"

#include <algorithm>
#include <string>
#include <tuple>

#include "require.hpp"

namespace atomsmith {

namespace {

std::vector<Slots> channel_slots(const ChannelLayout& c, bool complex_values) {
    std::vector<Slots> slots;
    for (int z = 0; z < c.n_species; ++z)
        for (int l = 0; l <= c.l_max; ++l)
            for (int m = complex_values ? 0 : -l; m <= l; ++m)
                for (int k = 0; k < c.count[l]; ++k) {
                    const int first = z * c.n_lmk + c.offset[l] + k;
                    slots.push_back({first + (l + m) * c.count[l],
                                     complex_values && m > 0 ? first + (l - m) * c.count[l] : -1});
                }
    return slots;
}

// What a product of two values is; its real part alone where nothing asks for more.
Embedding::Kind kind_of(Slots a, Slots b, int sign, bool real_part_suffices) {
    using Kind = Embedding::Kind;
    if (a.im < 0 && b.im < 0) return Kind::kReal;
    if (a.im < 0 || b.im < 0) return real_part_suffices ? Kind::kReal : Kind::kRealTimesComplex;
    const bool square = sign < 0 && a.re == b.re;
    return real_part_suffices || square ? Kind::kComplexRealPart : Kind::kComplex;
}

struct Lowering {
    const ProductList& list;
    Embedding& out;
    int n_channels, n_nodes, n_terms;
    std::vector<Slots> value; // of channels and stored nodes
    std::vector<char> stored;

    Lowering(const ProductList& products, const ChannelLayout& layout, Embedding& embedding)
        : list(products), out(embedding), value(channel_slots(layout, products.complex_values)) {
        n_channels = static_cast<int>(value.size());
        n_nodes = static_cast<int>(list.nodes.size() / 3);
        n_terms = static_cast<int>(list.terms.size() / 3);
        out.one = layout.n_species * layout.n_lmk;
        out.n_slots = out.one + 1;
        check();
        find_stored();
    }

    void check() const {
        require(list.nodes.size() % 3 == 0 && list.terms.size() % 3 == 0,
                "nodes and terms of an embedding need rows of three");
        require(list.coefficients.size() == static_cast<std::size_t>(out.n_densities) * n_terms,
                "an embedding's coefficients need the shape (densities, features)");
        for (int k = 0; k < n_nodes; ++k)
            for (int side = 0; side < 2; ++side) {
                const int factor = list.nodes[3 * k + side];
                require(factor >= 0 && factor < n_channels + k,
                        "node " + std::to_string(k) + " uses a value that is not made before it");
            }
        for (int t = 0; t < n_terms; ++t) {
            const int u = list.terms[3 * t], v = list.terms[3 * t + 1];
            require(u >= 0 && u < n_channels + n_nodes && v >= -1 && v < n_channels + n_nodes,
                    "term " + std::to_string(t) + " is malformed");
        }
    }

    // A node is stored when it is used as anything but the left factor of terms.
    void find_stored() {
        stored.assign(n_nodes, 0);
        for (int t = 0; t < n_terms; ++t)
            if (list.terms[3 * t + 1] >= n_channels) stored[list.terms[3 * t + 1] - n_channels] = 1;
        std::vector<char> needed(stored);
        for (int t = 0; t < n_terms; ++t)
            if (list.terms[3 * t] >= n_channels) needed[list.terms[3 * t] - n_channels] = 1;
        for (int k = n_nodes - 1; k >= 0; --k)
            for (int side = 0; side < 2 && needed[k]; ++side) {
                const int factor = list.nodes[3 * k + side] - n_channels;
                if (factor >= 0) needed[factor] = stored[factor] = 1;
            }
        value.resize(n_channels + n_nodes);
        for (int k = 0; k < n_nodes; ++k) {
            if (!stored[k]) continue;
            Embedding::Product product = product_of(k, false);
            product.to.re = out.n_slots++;
            const bool is_complex = product.kind == Embedding::Kind::kComplex ||
                                    product.kind == Embedding::Kind::kRealTimesComplex;
            if (is_complex) product.to.im = out.n_slots++;
            value[n_channels + k] = product.to;
            out.stored.push_back(product);
        }
    }

    Embedding::Product product_of(int node, bool real_part_suffices) const {
        Slots a = value[list.nodes[3 * node]], b = value[list.nodes[3 * node + 1]];
        int sign = list.nodes[3 * node + 2] < 0 ? -1 : 1;
        // A real factor comes first.
        const auto kind = kind_of(a, b, sign, real_part_suffices);
        if (kind == Embedding::Kind::kRealTimesComplex && b.im < 0) {
            std::swap(a, b);
            sign = 1;
        }
        return {kind, sign, a, b, {}};
    }

    bool complex_value(int v) const {
        if (v < n_channels || stored[v - n_channels]) return value[v].im >= 0;
        const auto kind = product_of(v - n_channels, false).kind;
        return kind == Embedding::Kind::kComplex || kind == Embedding::Kind::kRealTimesComplex;
    }

    void make_groups() {
        std::vector<int> order(n_terms);
        for (int t = 0; t < n_terms; ++t) order[t] = t;
        std::stable_sort(order.begin(), order.end(),
                         [&](int a, int b) { return list.terms[3 * a] < list.terms[3 * b]; });
        struct Draft {
            Embedding::Product left;
            std::vector<int> terms[3]; // real, complex, conjugated
        };
        std::vector<Draft> drafts;
        for (int at = 0; at < n_terms;) {
            const int u = list.terms[3 * order[at]];
            const bool left_complex = complex_value(u);
            Draft draft{};
            for (; at < n_terms && list.terms[3 * order[at]] == u; ++at) {
                const int t = order[at], v = list.terms[3 * t + 1];
                const bool both = left_complex && v >= 0 && value[v].im >= 0;
                draft.terms[both ? (list.terms[3 * t + 2] < 0 ? 2 : 1) : 0].push_back(t);
            }
            const bool real_part = draft.terms[1].empty() && draft.terms[2].empty();
            if (u < n_channels || stored[u - n_channels]) {
                draft.left = {Embedding::Kind::kStored, 1, {}, {}, value[u]};
                if (real_part) draft.left.to.im = -1;
            } else {
                draft.left = product_of(u - n_channels, real_part);
            }
            drafts.push_back(std::move(draft));
        }
        // Equal kinds and lengths together: branches that the processor foresees.
        std::stable_sort(drafts.begin(), drafts.end(), [](const Draft& a, const Draft& b) {
            const auto key = [](const Draft& d) {
                return std::make_tuple(static_cast<int>(d.left.kind), d.terms[0].size(), d.terms[1].size(),
                                       d.terms[2].size());
            };
            return key(a) < key(b);
        });
        for (const Draft& draft : drafts) {
            Embedding::Group group{draft.left, 0, 0, 0, 0};
            std::int32_t* begin[] = {&group.begin, &group.complex_begin, &group.conjugate_begin};
            for (int list_index = 0; list_index < 3; ++list_index) {
                *begin[list_index] = static_cast<std::int32_t>(out.right.size());
                for (int t : draft.terms[list_index]) add_term(t);
            }
            group.end = static_cast<std::int32_t>(out.right.size());
            out.groups.push_back(group);
        }
    }

    void add_term(int t) {
        const int v = list.terms[3 * t + 1];
        out.right.push_back(v < 0 ? Slots{out.one, -1} : value[v]);
        for (int p = 0; p < out.n_densities; ++p)
            out.coefficients.push_back(list.coefficients[static_cast<std::size_t>(p) * n_terms + t]);
    }
};

} // namespace

void lower_products(const ProductList& products, const ChannelLayout& channels, Embedding& embedding) {
    require(embedding.n_densities >= 1 && embedding.n_densities <= Embedding::kMaxDensities,
            "an embedding needs 1 to " + std::to_string(Embedding::kMaxDensities) + " densities");
    const std::size_t n = embedding.n_densities;
    require(embedding.prefactor.size() == n && embedding.exponent.size() == n,
            "an embedding needs one prefactor and one exponent for each density");
    const std::size_t linear = embedding.linear_density.size();
    require(embedding.linear_channel.size() == linear && embedding.linear_coefficient.size() == linear,
            "the linear lists of an embedding have different lengths");
    const int n_channels = channels.n_species * channels.n_lmk;
    for (std::size_t k = 0; k < linear; ++k)
        require(embedding.linear_density[k] >= 0 && embedding.linear_density[k] <= static_cast<int>(n) &&
                    embedding.linear_channel[k] >= 0 && embedding.linear_channel[k] < n_channels,
                "a linear entry of an embedding does not exist");
    Lowering lowering(products, channels, embedding);
    lowering.make_groups();
}

} // namespace atomsmith
