#include "bispectrum_plan.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

namespace atomsmith {

namespace {

void require(bool condition, const std::string& message) {
    if (!condition) throw std::invalid_argument("engine plan: bispectrum: " + message);
}

double factorial(int n) {
    double product = 1.0;
    for (int k = 2; k <= n; ++k) product *= k;
    return product;
}

// <j1 m1 j2 m2 | j m> with doubled momenta; m1 and m2 count from 0 (Racah's formula).
double clebsch_gordan(int j1, int m1, int j2, int m2, int j) {
    const int m = m1 + m2 - (j1 + j2 - j) / 2;
    if (m < 0 || m > j) return 0.0;
    double sum = 0.0;
    for (int z = 0; z <= (j1 + j2 + j) / 2; ++z) {
        const int parts[6] = {z,      (j1 + j2 - j) / 2 - z,      j1 - m1 - z,
                              m2 - z, (j - j2 - j1) / 2 + m1 + z, (j - j1 + j2) / 2 - m2 + z};
        if (*std::min_element(parts, parts + 6) < 0) continue;
        double term = z % 2 == 0 ? 1.0 : -1.0;
        for (int n : parts) term /= factorial(n);
        sum += term;
    }
    const double triangle = factorial((j1 + j2 - j) / 2) * factorial((j1 - j2 + j) / 2) *
                            factorial((j2 - j1 + j) / 2) / factorial((j1 + j2 + j) / 2 + 1);
    const double weight = factorial(m1) * factorial(j1 - m1) * factorial(m2) * factorial(j2 - m2) *
                          factorial(m) * factorial(j - m) * (j + 1);
    return sum * std::sqrt(triangle * weight);
}

} // namespace

void Bispectrum::finish(int n_species) {
    const std::size_t n = n_species;
    require(twojmax >= 0 && twojmax <= 14, "twojmax must be between 0 and 14");
    require(cutoff.size() == n * n && inner_switch.size() == 2 * n * n && weight.size() == n &&
                channel.size() == n,
            "an array does not have the size of " + std::to_string(n_species) + " species");
    require(n_channels >= 1 && self_weight.size() == n * n_channels, "self_weight has the wrong size");
    for (int c : channel) require(c >= 0 && c < n_channels, "a species has a channel that does not exist");
    for (double reach : cutoff) require(reach > rmin0 && rmin0 >= 0.0, "rmin0 must be below every cutoff");

    half_first.assign(1, 0);
    full_first.assign(1, 0);
    norm.clear();
    multiplicity.clear();
    for (int j = 0; j <= twojmax; ++j) {
        for (int mb = 0; 2 * mb <= j; ++mb)
            for (int ma = 0; ma <= j; ++ma) {
                norm.push_back(
                    std::sqrt(factorial(ma) * factorial(j - ma) / (factorial(mb) * factorial(j - mb))));
                multiplicity.push_back(2 * mb == j ? 1.0 : 2.0);
            }
        half_first.push_back(static_cast<std::int32_t>(norm.size()));
        full_first.push_back(full_first.back() + (j + 1) * (j + 1));
    }
    n_half = half_first.back();
    n_full = full_first.back();

    struct Momenta {
        int j1, j2, j;
    };
    std::vector<Momenta> components;
    for (int j1 = 0; j1 <= twojmax; ++j1)
        for (int j2 = 0; j2 <= j1; ++j2)
            for (int j = j1 - j2; j <= std::min(twojmax, j1 + j2); j += 2)
                if (j >= j1) components.push_back({j1, j2, j});
    n_components = static_cast<int>(components.size());
    require(shift.size() == n * n_values(), "shift has the wrong size");
    row_first.assign(1, 0);
    momentum.clear();
    for (const Momenta& m : components)
        for (int j : {m.j1, m.j2, m.j}) {
            momentum.push_back(j);
            row_first.push_back(row_first.back() + 2 * (half_first[j + 1] - half_first[j]));
        }

    pairs.clear();
    couplings.clear();
    table.clear();
    for (int a = 0; a <= twojmax; ++a)
        for (int b = 0; b <= a; ++b) {
            Pair pair{
                a, b, 0, 0, static_cast<int>(couplings.size()), static_cast<std::int32_t>(table.size())};
            pair.c_max = a + b <= twojmax ? a + b : twojmax - (a + b - twojmax) % 2;
            pair.n_c = (pair.c_max - (a - b)) / 2 + 1;
            for (int c = pair.c_max; c >= a - b; c -= 2) {
                // B(j1, j2, j) / (j + 1) is the same whichever of the three is coupled to: dB/dU^c follows.
                int sorted[3] = {a, b, c};
                std::sort(sorted, sorted + 3);
                const Momenta wanted{sorted[1], sorted[0], sorted[2]};
                Coupling coupling{c, normalised ? 1.0 / (c + 1.0) : (wanted.j + 1.0) / (c + 1.0), 0, {}};
                for (int k = 0; k < n_components; ++k) {
                    const Momenta& has = components[k];
                    if (has.j1 != wanted.j1 || has.j2 != wanted.j2 || has.j != wanted.j) continue;
                    const int values[3] = {has.j1, has.j2, has.j};
                    for (int slot = 0; slot < 3; ++slot) {
                        if (values[slot] != c) continue;
                        const int first = values[slot == 0 ? 1 : 0];
                        coupling.slots[coupling.n_slots++] = {k, slot, first != a};
                    }
                }
                couplings.push_back(coupling);
            }
            for (int s = 0; s <= a + b; ++s)
                for (int m1 = 0; m1 <= a; ++m1)
                    for (int c = pair.c_max; c >= a - b; c -= 2)
                        table.push_back(s - m1 >= 0 && s - m1 <= b ? clebsch_gordan(a, m1, b, s - m1, c)
                                                                   : 0.0);
            pairs.push_back(pair);
        }
}

} // namespace atomsmith
