// The interface between the drivers (compiled once) and the kernels (compiled once per instruction set).
#pragma once

#include <cstddef>
#include <cstdint>

#include "batch.hpp"
#include "plan.hpp"

namespace atomsmith {

// Positions of a chunk's images seen from its first atom, and their species.
struct ImagePositions {
    const double *x = nullptr, *y = nullptr, *z = nullptr;
    const std::int32_t* species = nullptr;
};

// Features of one descriptor and their gradients, for trainers of regressors. Rows of atom i stand at
// [first[i], first[i + 1]): one for every atom that `atom` lists there, rising, among them i itself.
struct DescriptorRows {
    int part = 0;
    int n_features = 0; // of the centre that has most; the others' tails are left as they are
    const std::int64_t* first = nullptr;
    const std::int32_t* atom = nullptr;
    double* features = nullptr;  // [centre][feature]
    double* gradients = nullptr; // [row][xyz][feature]: by the position of the row's atom; added to
    double* strain = nullptr;    // [centre][xx yy zz yz xz xy][feature]: added to
};

// Rows of fits of the kernel (B . B_s)^zeta, from what `DescriptorRows` describes. Rows are added to.
struct KernelRows {
    int n_inputs = 0;
    double zeta = 1.0;
    int n_panels = 0;                 // of points, twice as many as there are lanes in each
    const double* points = nullptr;   // [panel][input][point]
    const double* features = nullptr; // [atom][n_features]
    int n_features = 0;
    const std::int64_t* first = nullptr;
    const std::int32_t* atom = nullptr;
    const double* gradients = nullptr;
    const double* strain = nullptr;
    const std::int32_t* system = nullptr;  // of every atom
    const std::int64_t* centres = nullptr; // atoms that have the kernel; of these [begin, end)
    std::int64_t begin = 0, end = 0;
    double *energy = nullptr, *forces = nullptr, *virial = nullptr; // [row][point]
};

// One sweep over a chunk. Pointers that are null are not wanted.
struct Sweep {
    const Model* model = nullptr;
    const BatchView* batch = nullptr;
    const BatchLayout* layout = nullptr;
    const BatchLayout::Chunk* chunk = nullptr;
    const ImagePositions* images = nullptr;

    // Backward sweeps: coefficient sets; either shared by all systems or one set made for this sweep's
    // system.
    const Weights* weights = nullptr;
    const double* system_coefficients = nullptr; // [n_features]
    const double* const* system_values =
        nullptr;                     // [part * n_species + species]: weights of the full programs
    double* energies = nullptr;      // [set][n_atoms]
    double* forces = nullptr;        // [set][images of all chunks][3]: added to
    double* centre_virial = nullptr; // [n_centres][9], of the first set; see `AtomVirials`
    double* image_virial = nullptr;  // [images of all chunks][9], of the first set: added to

    // Inputs that the atoms of the system share, [n_globals]; dE/d(input), [set][n_globals], added to.
    const double* globals = nullptr;
    double* global_slopes = nullptr;

    // Forward sweeps.
    double* feature_sums = nullptr;     // [n_features], added to (all but the ace parts)
    double* const* term_sums = nullptr; // [part * n_species + species]: [term][lanes], added to
    double* atom_features = nullptr;    // [n_atoms][n_features]
    double* channels_out = nullptr;     // [block][channels of all ace parts][lanes]
    const double* channels_in = nullptr;

    // Design rows of one system: columns are contiguous.
    const DescriptorRows* descriptor_rows = nullptr;
    double* design_energy = nullptr; // [feature * design_energy_stride]
    double* design_forces = nullptr; // [feature * design_forces_stride + 3 * (atom - first_atom)]
    double* design_virial = nullptr; // [feature * design_virial_stride + 0..5]
    std::int64_t design_energy_stride = 0, design_forces_stride = 0, design_virial_stride = 0;
    double* design_global_slopes = nullptr; // [feature][GlobalFeatures::kMost]: d(feature)/d(input), added to
    int first_atom = 0;
    // Rows of changes of the radial functions of a part, with the coefficients of `system_coefficients`.
    int radial_part = -1;
    const double* radial_changes = nullptr; // [pair][function][change][Chebyshev term]
};

// What the memory of a sweep is for.
enum class Purpose { kPrediction, kDesign, kDescriptorRows };

// Of the sweeps; positions are subtracted, and energies of atoms and forces summed, in double precision
// always.
enum class Precision { kDouble, kSingle };

// `forward`, `design` and `radial_rows` are null in single precision.
struct Kernels {
    const char* name;
    int lanes;
    std::size_t (*scratch_doubles)(const Model&, const BatchLayout&, int n_sets, Purpose purpose);
    void (*backward)(const Sweep&, double* scratch);
    void (*forward)(const Sweep&, double* scratch);
    void (*design)(const Sweep&, double* scratch);
    void (*radial_rows)(const Sweep&, double* scratch);
    void (*kernel_rows)(const KernelRows&);
};

// The best kernels that this processor runs; the environment variable ATOMSMITH_ISA names others (for tests).
const Kernels& kernels(Precision precision = Precision::kDouble);

// Doubles that `channels_out` needs for every block.
std::size_t channel_doubles_per_block(const Model& model, int lanes);

} // namespace atomsmith
