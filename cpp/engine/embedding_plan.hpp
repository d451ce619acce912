// The embedding regressor of an ace part: the energy of an atom is a nonlinear function of a few densities,
// each linear in products of the one-particle basis (Drautz, Phys. Rev. B 99, 014104 (2019), sec. V;
// Lysogorskiy et al., npj Comput. Mater. 7, 97 (2021)). docs/architecture.md defines the fields of the plan.
#pragma once

#include <cstdint>
#include <vector>

namespace atomsmith {

// Products of one centre as the plan gives them. Values are complex where `complex_values`: first the
// channels with m >= 0, A_m + i A_-m, then the nodes; otherwise all channels, then the nodes, all real.
struct ProductList {
    bool complex_values = false;
    std::vector<std::int32_t> nodes;  // (a, b, sign): V[a] V[b], or V[a] conj(V[b]) with sign -1
    std::vector<std::int32_t> terms;  // (u, v, sign): Re of the same; v = -1: Re V[u]
    std::vector<double> coefficients; // [density][term]
};

// Parts of a value: where its real and imaginary part stand; im = -1 for a real value.
struct Slots {
    std::int32_t re = -1, im = -1;
};

struct Embedding {
    enum class Function { kFinnisSinclair, kShiftedScaled };
    // Core: none; a repulsive energy, which joins the densities and switches the embedding off as it grows;
    // or one that takes over where the nearest neighbour is close (part.inner, part.outer).
    enum class Core { kNone, kDensity, kNearest };
    static constexpr int kMaxDensities = 32;

    Function function = Function::kFinnisSinclair;
    Core core = Core::kNone;
    int n_densities = 0;
    std::vector<double> prefactor, exponent; // [density]
    double core_cutoff = 0.0, core_width = 0.0;
    // Channels that are added to densities as they are; density n_densities is the energy of the core.
    std::vector<std::int32_t> linear_density, linear_channel;
    std::vector<double> linear_coefficient;

    // Lowered products. Slots: the channels, a constant 1, the stored nodes.
    enum class Kind : std::int32_t { kStored, kReal, kRealTimesComplex, kComplex, kComplexRealPart };
    struct Product {
        Kind kind;
        std::int32_t sign; // -1: the second factor is conjugated
        Slots a, b, to;
    };
    // Terms that share the left factor: first those with a real right factor (or a real left one), then with
    // a complex one as it is, then with a conjugated one.
    struct Group {
        Product left; // kStored: it stands in `left.to`
        std::int32_t begin, complex_begin, conjugate_begin, end;
    };
    int n_slots = 0, one = 0;
    std::vector<Product> stored; // every factor before its use
    std::vector<Group> groups;
    std::vector<Slots> right;         // of every term in the order of the groups
    std::vector<double> coefficients; // [term][density]
};

// Channels of a part, by which complex values are found.
struct ChannelLayout {
    int n_species = 0, l_max = 0, n_lmk = 0;
    const std::int32_t *count = nullptr, *offset = nullptr; // [l_max + 1]
};

// Checks the products and fills what the kernels walk; throws std::invalid_argument.
void lower_products(const ProductList& products, const ChannelLayout& channels, Embedding& embedding);

} // namespace atomsmith
