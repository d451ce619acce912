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

void add_pairs(ThreeBody::Kernel& kernel, int n_species) {
    kernel.pairs.resize(n_species);
    kernel.is_used.assign(static_cast<std::size_t>(n_species) * n_species, 0);
    for (std::size_t k = 0; k < kernel.triplets.size(); k += 3) {
        const std::int32_t *t = kernel.triplets.data() + k, centre = t[0];
        for (int i = 0; i < 3; ++i)
            require(t[i] >= 0 && t[i] < n_species, "a triplet has a species that does not exist");
        require(t[1] <= t[2], "neighbours of a triplet must be in the order of their species");
        for (const ThreeBody::Pair& pair : kernel.pairs[centre])
            require(pair.first != t[1] || pair.second != t[2], "a triplet is listed twice");
        kernel.pairs[centre].push_back({t[1], t[2]});
        kernel.is_used[centre * n_species + t[1]] = kernel.is_used[centre * n_species + t[2]] = 1;
    }
}

} // namespace

void ThreeBody::finish(int n_species, int n_features) {
    int features = 0;
    for (Kernel& kernel : kernels) {
        check(kernel);
        add_pairs(kernel, n_species);
        kernel.first_feature = features;
        features += kernel.n_points();
        for (int d = 0; d < 3; ++d) kernel.scale[d] = std::sqrt(0.5 * M_LOG2E) / kernel.length[d];
        for (std::size_t k = 0; k < kernel.points.size(); ++k)
            kernel.scaled.push_back(kernel.points[k] * kernel.scale[k % 3]);
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
