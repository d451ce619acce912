#include "global_features.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>

namespace atomsmith {

namespace {

constexpr double kFarthest = 9.0; // widths at which a Gaussian is 3e-18

// Calls body(bin, g, dg) for the bins that a neighbour at r reaches: g is the Gaussian over 4 pi r^2, dg its
// derivative by r. Bins are centred at (bin + 1/2) * spacing.
template <class Body>
void for_each_bin(const GlobalFeatures& features, int n_bins, double r, Body body) {
    const double low = (r - kFarthest * features.width) / features.spacing - 0.5,
                 high = (r + kFarthest * features.width) / features.spacing - 0.5;
    const int first = std::max(static_cast<int>(std::ceil(low)), 0),
              last = std::min(static_cast<int>(std::floor(high)), n_bins - 1);
    const double front =
        1.0 / (4.0 * std::numbers::pi * r * r * std::sqrt(2.0 * std::numbers::pi) * features.width);
    for (int m = first; m <= last; ++m) {
        const double x = ((m + 0.5) * features.spacing - r) / features.width;
        const double g = front * std::exp(-0.5 * x * x);
        body(m, g, g * (x / features.width - 2.0 / r));
    }
}

int bins_of(const GlobalFeatures& features) {
    return static_cast<int>(std::lround(features.cutoff / features.spacing));
}

} // namespace

void check_global_features(const GlobalFeatures& f) {
    if (f.size() == 0)
        throw std::invalid_argument("engine plan: global_features name neither volume nor order");
    if (!f.order) return;
    if (!(f.spacing > 0.0 && f.width >= f.spacing && f.cutoff >= f.width && f.cutoff <= 1e4 * f.spacing))
        throw std::invalid_argument(
            "engine plan: a fingerprint needs 0 < spacing <= width <= cutoff, and at most "
            "10,000 spacings");
}

void GlobalSums::compute(const GlobalFeatures& features, const WholeSystem& system, double* values,
                         double* by_atom, std::size_t atom_stride, double* by_strain) {
    const int n = features.size();
    std::fill_n(values, n, 0.0);
    for (int g = 0; by_atom && g < n; ++g)
        std::fill_n(by_atom + g * atom_stride, 3 * static_cast<std::size_t>(system.n_atoms), 0.0);
    if (by_strain) std::fill_n(by_strain, 9 * n, 0.0);
    if (!system.periodic || system.n_atoms == 0) return;
    crystal_.set_cell(system);
    int at = 0;
    if (features.volume) {
        values[at] = crystal_.volume() / system.n_atoms;
        for (int x = 0; by_strain && x < 3; ++x) by_strain[9 * at + 4 * x] = values[at];
        ++at;
    }
    if (!features.order) return;
    values[at] = order(features, system);
    if (by_atom) order_gradient(features, system, values[at], by_atom + at * atom_stride, by_strain + 9 * at);
}

double GlobalSums::order(const GlobalFeatures& features, const WholeSystem& system) {
    const int n_bins = bins_of(features), n_species = system.n_species;
    crystal_.list_translations(system, features.cutoff + kFarthest * features.width);
    count_.assign(n_species, 0.0);
    for (int i = 0; i < system.n_atoms; ++i) count_[system.species[i]] += 1.0;
    fingerprint_.assign(static_cast<std::size_t>(n_species) * n_species * n_bins, 0.0);
    crystal_.for_each_pair(system.n_atoms, [&](int i, int j, const double*, double squared) {
        const int a = system.species[i], b = system.species[j];
        double* one = fingerprint_.data() + static_cast<std::size_t>(a * n_species + b) * n_bins;
        double* other = fingerprint_.data() + static_cast<std::size_t>(b * n_species + a) * n_bins;
        for_each_bin(features, n_bins, std::sqrt(squared), [&](int m, double g, double) {
            one[m] += g;
            other[m] += g;
        });
    });
    const double volume = crystal_.volume(), atoms = system.n_atoms;
    double sum = 0.0;
    for (int a = 0; a < n_species; ++a)
        for (int b = 0; b < n_species; ++b) {
            double* f = fingerprint_.data() + static_cast<std::size_t>(a * n_species + b) * n_bins;
            const double pairs = count_[a] * count_[b];
            if (pairs == 0.0) continue;
            for (int m = 0; m < n_bins; ++m) {
                f[m] = f[m] * volume / pairs - 1.0;
                sum += pairs / (atoms * atoms) * f[m] * f[m];
            }
        }
    return std::sqrt(sum * features.spacing / std::cbrt(volume / atoms));
}

// With P^2 = s sum w F^2, s = spacing / (V/N)^(1/3), and F + 1 proportional to V.
void GlobalSums::order_gradient(const GlobalFeatures& features, const WholeSystem& system, double order,
                                double* by_atom, double* by_strain) {
    const int n_bins = bins_of(features), n_species = system.n_species;
    const double volume = crystal_.volume(), atoms = system.n_atoms;
    const double front = features.spacing / std::cbrt(volume / atoms) / order; // of dP = front sum w F dF
    double by_volume = -order / 6.0;                                           // by ln V
    for (int a = 0; a < n_species; ++a)
        for (int b = 0; b < n_species; ++b) {
            const double weight = count_[a] * count_[b] / (atoms * atoms);
            const double* f = fingerprint_.data() + static_cast<std::size_t>(a * n_species + b) * n_bins;
            for (int m = 0; weight > 0.0 && m < n_bins; ++m)
                by_volume += front * weight * f[m] * (f[m] + 1.0);
        }
    for (int x = 0; x < 3; ++x) by_strain[4 * x] += by_volume;
    // w dF / d(sum) = V / N^2 for both orders of the pair, which are equal; those of one species count twice.
    const double slope = 2.0 * front * volume / (atoms * atoms);
    crystal_.for_each_pair(system.n_atoms, [&](int i, int j, const double* d, double squared) {
        const int pair = system.species[i] * n_species + system.species[j];
        const double* f = fingerprint_.data() + static_cast<std::size_t>(pair) * n_bins;
        const double r = std::sqrt(squared);
        double by_distance = 0.0;
        for_each_bin(features, n_bins, r, [&](int m, double, double dg) { by_distance += f[m] * dg; });
        by_distance *= slope / r;
        for (int x = 0; x < 3; ++x) {
            by_atom[3 * j + x] += by_distance * d[x];
            by_atom[3 * i + x] -= by_distance * d[x];
            for (int y = 0; y < 3; ++y) by_strain[3 * x + y] += by_distance * d[x] * d[y];
        }
    });
}

} // namespace atomsmith
