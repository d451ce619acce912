// Squared-exponential kernels of triplets (angle_3b and distance_Nb of QUIP).
//
// For an atom i with neighbours j and k, q = (r_ij + r_ik, (r_ij - r_ik)^2, r_jk) does not change when j and
// k are exchanged. Feature s of a kernel is
//     sum_{j < k} f(r_ij) f(r_ik) exp(-1/2 sum_d ((q_d - points[s, d]) / length[d])^2)
// over the triplets of its species, where f is a cosine switch. With q = (r_ij, r_ik, r_jk) instead, the
// exponential is summed over permutations of the point's components, and divided by the root of the same sum
// for q in place of the point.
// Bartok and Csanyi, Int. J. Quantum Chem. 115, 1051 (2015), sec. 2.3.
#pragma once

#include <cstdint>
#include <vector>

namespace atomsmith {

struct ThreeBody {
    struct Pair {
        std::int32_t first, second; // species of the neighbours
    };
    struct Kernel {
        double cutoff = 0.0, width = 0.0;       // f falls from cutoff - width to cutoff
        std::vector<double> length;             // [3]
        std::vector<double> points;             // [point][3]
        std::vector<std::int32_t> triplets;     // [triplet][3]: species of centre and neighbours
        bool of_distances = false;              // q are the distances
        std::vector<std::int32_t> permutations; // [permutation][3], of distances; none: as they are
        // Derived by `finish`.
        int first_feature = 0;
        double scale[3] = {};                 // q times scale: the exponent is of base 2
        std::vector<double> scaled;           // points times scale, [point][permutation][3]
        std::vector<std::vector<Pair>> pairs; // [species of the centre]
        std::vector<std::uint8_t> is_used;    // [centre][species]: whether it is in one of the pairs
        int n_points() const { return static_cast<int>(points.size() / 3); }
        int n_permutations() const {
            return permutations.empty() ? 1 : static_cast<int>(permutations.size() / 3);
        }
    };
    std::vector<Kernel> kernels;

    // Sets everything that is derived; throws std::invalid_argument if the plan's values do not fit.
    void finish(int n_species, int n_features);
    double cutoff() const;
};

} // namespace atomsmith
