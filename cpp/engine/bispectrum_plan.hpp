// What the bispectrum kernels need to know, derived from twojmax: which products are coupled to what.
//
// Wigner matrices U^j are stored for columns mb <= j/2 (the others follow from u(j-mb, j-ma) =
// (-1)^(ma+mb) conj u(mb, ma)); all momenta are doubled. Thompson et al., J. Comput. Phys. 285, 316 (2015).
#pragma once

#include <cstdint>
#include <vector>

namespace atomsmith {

struct Bispectrum {
    int twojmax = 0;
    bool normalised = false, switching = true;
    double rfac0 = 0.0, rmin0 = 0.0;
    std::vector<double> cutoff, inner_switch; // per ordered pair; inner_switch: centre, half width
    std::vector<double> weight;               // per species
    int n_channels = 1;                       // densities
    std::vector<std::int32_t> channel;        // per species
    std::vector<double> self_weight;          // [species][channel]
    std::vector<double> shift;                // [species][channel^3 * components]

    // Derived by `finish`.
    int n_half = 0, n_full = 0;                       // elements of all half and all full matrices
    std::vector<std::int32_t> half_first, full_first; // [twojmax + 2]
    // Of every element of the half matrices: the norm that the recursion leaves out, sqrt(ma! (j-ma)! / (mb!
    // (j-mb)!)), and how often it stands in the full matrix.
    std::vector<double> norm, multiplicity;
    int n_components = 0; // of one triple of channels
    // Couplings of U^a and U^b, a >= b, to U^c, for c = c_max, c_max - 2 ... a - b.
    struct Pair {
        int a, b, c_max, n_c;
        int first_coupling;       // of c_max, in `couplings`
        std::int32_t first_table; // Clebsch-Gordan coefficients [s = m1 + m2][m1][c], in `table`
    };
    std::vector<Pair> pairs;
    // dB/dU^c: `factor` times the coefficients of component `component`, once for every slot of the component
    // (j1, j2, j) whose momentum is c; the other two slots hold U^a and U^b, the earlier one first unless
    // `swapped`.
    struct Slot {
        std::int32_t component, slot; // slot 0: j1, 1: j2, 2: j
        bool swapped;
    };
    struct Coupling {
        std::int32_t c;
        double factor;
        int n_slots;
        Slot slots[3];
    };
    std::vector<Coupling> couplings;
    std::vector<double> table;

    int n_values() const { return n_channels * n_channels * n_channels * n_components; }
    int n_channel_values() const { return 2 * n_half * n_channels; } // real numbers per atom
    // Real numbers of dB/dU of all components: [component][slot][elements of that slot's half matrix][re,
    // im].
    std::vector<std::int32_t> row_first; // [components * 3 + 1], of one triple of channels
    std::size_t rows_size() const {
        return static_cast<std::size_t>(row_first.back()) * n_channels * n_channels * n_channels;
    }
    std::vector<std::int32_t> momentum; // [component][slot]
    // Sets everything that is derived; throws std::invalid_argument if the plan's values do not fit.
    void finish(int n_species);
};

} // namespace atomsmith
