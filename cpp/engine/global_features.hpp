// Features that all atoms of a crystal share, as further inputs of a regressor beside those of an atom's
// surroundings: the volume per atom, and the degree of order from the fingerprint function.
//
// Oganov and Valle, J. Chem. Phys. 130, 104504 (2009): the fingerprint of species A and B is F_AB(R) = sum
// over atoms i of A in the cell and j of B of d(R - R_ij) / (4 pi R_ij^2 N_A N_B / V) - 1, with a Gaussian d.
// The degree of order is the root of sum_AB w_AB / l int_0^cutoff F_AB(R)^2 dR, with w_AB = N_A N_B / N^2 and
// l = (V/N)^(1/3). A system that is not periodic has neither volume nor order: its features are zero.
#pragma once

#include <vector>

#include "crystal.hpp"
#include "whole_system.hpp"

namespace atomsmith {

struct GlobalFeatures {
    static constexpr int kMost = 2;
    bool volume = false, order = false;
    double cutoff = 0.0, width = 0.0, spacing = 0.0; // of the fingerprint: its end, the Gaussian, the grid
    int size() const { return (volume ? 1 : 0) + (order ? 1 : 0); }
};

// Throws std::invalid_argument.
void check_global_features(const GlobalFeatures& features);

// Memory for one system after the other. Not to be shared by threads.
class GlobalSums {
public:
    // Values [size]; derivatives by positions, [size] apart by `atom_stride`, [atom][3], and by strain,
    // [size][9], where they are not null.
    void compute(const GlobalFeatures& features, const WholeSystem& system, double* values, double* by_atom,
                 std::size_t atom_stride, double* by_strain);

private:
    double order(const GlobalFeatures& features, const WholeSystem& system);
    void order_gradient(const GlobalFeatures& features, const WholeSystem& system, double order,
                        double* by_atom, double* by_strain);

    Crystal crystal_;
    std::vector<double> fingerprint_; // [pair of species][grid]
    std::vector<double> count_;       // [species]
};

} // namespace atomsmith
