#include "three_body_plan.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

namespace atomsmith {

namespace {

void require(bool condition, const std::string& message) {
    if (!condition) throw std::invalid_argument("engine plan: three_body: " + message);
}

void check(const ThreeBody::Kernel& kernel) {
    require(kernel.cutoff > 0.0 && kernel.width >= 0.0 && kernel.width <= kernel.cutoff,
            "the cutoff must be positive, and width between 0 and the cutoff");
    require(kernel.length.size() == 3, "'length' needs three values");
    for (const double length : kernel.length) require(length > 0.0, "lengths must be positive");
    require(kernel.points.size() % 3 == 0, "'points' needs three columns");
    for (const double x : kernel.points) require(std::isfinite(x), "points must be finite");
    require(kernel.triplets.size() % 3 == 0, "'triplets' needs three columns");
}

// Permutations must make the order of neighbours of one species irrelevant.
void check_permutations(const ThreeBody::Kernel& kernel) {
    const auto& all = kernel.permutations;
    require(kernel.of_distances || all.empty(), "only distances have permutations");
    require(all.size() % 3 == 0, "'permutations' needs three columns");
    require(all.size() != 3 || (all[0] == 0 && all[1] == 1 && all[2] == 2),
            "a single permutation must be 0 1 2");
    bool exchanges = false;
    for (std::size_t k = 0; k < all.size(); k += 3) {
        bool seen[3] = {};
        for (int d = 0; d < 3; ++d) {
            require(all[k + d] >= 0 && all[k + d] < 3, "a permutation has a component that does not exist");
            seen[all[k + d]] = true;
        }
        require(seen[0] && seen[1] && seen[2], "a permutation has a component twice");
        for (int d = 0; d < 3; ++d)
            require(kernel.length[all[k + d]] == kernel.length[d],
                    "components that are permuted need one length");
        exchanges |= all[k] == 1 && all[k + 1] == 0;
    }
    for (std::size_t k = 0; k < kernel.triplets.size(); k += 3)
        require(!kernel.of_distances || exchanges || kernel.triplets[k + 1] != kernel.triplets[k + 2],
                "distances of two neighbours of one species need a permutation that exchanges them");
}

void add_pairs(ThreeBody::Kernel& kernel, int n_species) {
    kernel.pairs.resize(n_species);
    kernel.is_used.assign(static_cast<std::size_t>(n_species) * n_species, 0);
    for (std::size_t k = 0; k < kernel.triplets.size(); k += 3) {
        const std::int32_t *t = kernel.triplets.data() + k, centre = t[0];
        for (int i = 0; i < 3; ++i)
            require(t[i] >= 0 && t[i] < n_species, "a triplet has a species that does not exist");
        for (const ThreeBody::Pair& pair : kernel.pairs[centre])
            require((pair.first != t[1] || pair.second != t[2]) &&
                        (pair.first != t[2] || pair.second != t[1]),
                    "a triplet is listed twice");
        kernel.pairs[centre].push_back({t[1], t[2]});
        kernel.is_used[centre * n_species + t[1]] = kernel.is_used[centre * n_species + t[2]] = 1;
    }
}

} // namespace

void ThreeBody::finish(int n_species, int n_features) {
    int features = 0;
    for (Kernel& kernel : kernels) {
        check(kernel);
        check_permutations(kernel);
        if (kernel.permutations.size() == 3) kernel.permutations.clear(); // it changes nothing
        add_pairs(kernel, n_species);
        kernel.first_feature = features;
        features += kernel.n_points();
        for (int d = 0; d < 3; ++d) kernel.scale[d] = std::sqrt(0.5 * M_LOG2E) / kernel.length[d];
        const int n = kernel.n_permutations();
        for (int point = 0; point < kernel.n_points(); ++point)
            for (int k = 0; k < 3 * n; ++k) {
                const int from = kernel.permutations.empty() ? k : kernel.permutations[k];
                kernel.scaled.push_back(kernel.points[3 * point + from] * kernel.scale[k % 3]);
            }
    }
    require(n_features == features, "n_features is " + std::to_string(n_features) +
                                        ", but the kernels have " + std::to_string(features) + " points");
}

double ThreeBody::cutoff() const {
    double cutoff = 0.0;
    for (const Kernel& kernel : kernels) cutoff = std::max(cutoff, kernel.cutoff);
    return cutoff;
}

} // namespace atomsmith
