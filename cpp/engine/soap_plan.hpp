// Smooth overlap of atomic positions: which products of expansion coefficients are features.
//
// Rows c are expansions of the neighbours' density in spherical harmonics, one for each species and radial
// function, or mixtures of these; a product of the rows (a, b) has a feature for every l,
// weight sum_m c_alm c_blm. Bartok, Kondor, Csanyi, Phys. Rev. B 87, 184115 (2013), eq. 31; mixtures: Darby,
// Kermode, Csanyi, npj Comput. Mater. 8, 166 (2022).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace atomsmith {

struct Soap {
    // As given by the plan.
    int l_max = 0;
    bool normalised = false;
    double sigma = 0.0;                 // a constant feature behind the others; 0: none
    double least_norm = 0.0;            // spectra with a smaller norm are not divided by it
    std::vector<double> self;           // [centre][species][n_max]: added to the channels l = 0
    std::vector<double> mixing;         // [n_rows][species * n_max]; empty: rows are species x n_max
    std::vector<std::int32_t> products; // [n_products][2]
    std::vector<double> weight;         // [n_products][l_max + 1]

    // Derived by `finish`.
    int n_species = 0, n_max = 0, n_rows = 0, n_products = 0, n_channels = 0, n_slots = 0;

    bool mixes() const { return !mixing.empty(); }
    int n_lm() const { return (l_max + 1) * (l_max + 1); }
    int n_spectrum() const { return n_products * (l_max + 1); }
    int n_values() const { return n_spectrum() + (sigma > 0.0 ? 1 : 0); }
    // Slot of c_(row, l, m = -l); that of the next m is `step` behind. Channels stand [species][l][m][k].
    int slot(int row, int l) const {
        return mixes() ? n_channels + row * n_lm() + l * l
                       : row / n_max * n_lm() * n_max + l * l * n_max + row % n_max;
    }
    int step() const { return mixes() ? 1 : n_max; }

    // Sets everything that is derived; throws std::invalid_argument if the plan's values do not fit.
    void finish(int species, int n_radial);
};

} // namespace atomsmith
