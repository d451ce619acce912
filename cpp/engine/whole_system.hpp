// Parts whose features belong to a whole system rather than to the surroundings of an atom within a cutoff:
// what they see of it, and where their results are added. Every atom has a share in a feature, so that
// features, energies and their sums mean the same as those of other parts.
#pragma once

#include <cstddef>
#include <cstdint>

namespace atomsmith {

struct WholeSystem {
    int n_atoms = 0;
    int n_species = 0;
    const double* positions = nullptr; // [n_atoms][3]
    const double* cell = nullptr;      // [3][3], lattice vectors as rows
    const std::int32_t* species = nullptr;
    bool periodic = false; // along all three lattice vectors, or along none
};

// Pointers are to the part's first feature and the system's first atom.
struct AtomFeatures {
    double* features = nullptr; // [atom], apart by `stride`
    std::size_t stride = 0;
};

// Of several sets of coefficients, apart by the strides.
struct SetPredictions {
    int n_sets = 0;
    const double* coefficients = nullptr;
    double* energies = nullptr; // [atom]
    double* forces = nullptr;   // [atom][3]
    double* virial = nullptr;   // [9] = -dE/dstrain
    std::size_t coefficient_stride = 0, energy_stride = 0, force_stride = 0, virial_stride = 0;
};

// Rows for fits; features are apart by the strides. Order of the virial: xx yy zz yz xz xy.
struct FeatureRows {
    double* energy = nullptr;
    double* forces = nullptr; // [atom][3]
    double* virial = nullptr; // [6]
    std::size_t energy_stride = 0, force_stride = 0, virial_stride = 0;
};

} // namespace atomsmith
