#include "soap_plan.hpp"

#include <stdexcept>
#include <string>

namespace atomsmith {

namespace {

void require(bool condition, const std::string& message) {
    if (!condition) throw std::invalid_argument("engine plan: soap: " + message);
}

} // namespace

void Soap::finish(int species, int n_radial) {
    require(n_radial % (l_max + 1) == 0, "the radial functions must be as many for each l");
    n_species = species;
    n_max = n_radial / (l_max + 1);
    n_channels = n_species * n_max * n_lm();
    const std::size_t n = static_cast<std::size_t>(n_species) * n_max;
    require(self.size() == n * n_species, "'self' needs one value for each centre, species and function");
    require(mixing.size() % n == 0, "'mixing' needs one column for each species and function");
    n_rows = static_cast<int>(mixes() ? mixing.size() / n : n);
    n_slots = n_channels + (mixes() ? n_rows * n_lm() : 0);
    require(products.size() % 2 == 0, "'products' needs two rows each");
    n_products = static_cast<int>(products.size() / 2);
    for (const int row : products)
        require(row >= 0 && row < n_rows, "a product uses a row that does not exist");
    require(weight.size() == static_cast<std::size_t>(n_products) * (l_max + 1),
            "'weight' needs one value for each product and l");
    require(sigma >= 0.0, "sigma must not be negative");
    require(least_norm >= 0.0, "least_norm must not be negative");
}

} // namespace atomsmith
