// The engine's entry points: what Python and the LAMMPS plugin call.
#pragma once

#include <memory>
#include <vector>

#include "kernels.hpp"
#include "system_parts.hpp"

namespace atomsmith {

// Shares of the virial, sums of -d (x) dE_i/dd over pairs with d = r_j - r_i: by the atom i whose energy it
// is, and by the atom j that feels the force. The second is what the heat flux needs (Fan et al., Phys. Rev.
// B 92, 094301 (2015), eq. 23); their mean shares every pair evenly.
struct AtomVirials {
    double* by_centre = nullptr;    // [centres][9]
    double* by_neighbour = nullptr; // [atoms][9]
};

// A neighbour list with what is derived from it and the memory that evaluations reuse. Not to be shared by
// threads.
class Batch {
public:
    // Species, systems and offsets of the view must outlive the batch, neighbours and shifts need not;
    // positions and cells are given with every call.
    Batch(std::shared_ptr<const Model> model, const BatchView& view, int n_threads,
          Precision precision = Precision::kDouble);

    void set_geometry(const double* positions, const double* cells);

    // energies [set][centres], forces [set][atoms][3], virial [set][systems][9] = -dE/dstrain.
    // Atoms' virials are of the first set.
    void predict(const Weights& weights, int n_threads, double* energies, double* forces, double* virial,
                 const AtomVirials* atoms = nullptr);

    // Sums of the features over each system's atoms, [system][feature], and the energies that no coefficient
    // scales, [centre]. Keeps the one-particle basis for a `backward` of the same geometry when it is small
    // enough.
    void forward(int n_threads, double* sums, double* fixed_energies);

    // Energies, forces and virial with coefficients of its own for every system, [system][feature].
    void backward(const double* coefficients, int n_threads, double* energies, double* forces, double* virial,
                  const AtomVirials* atoms = nullptr);

    // Features of every atom, [centre][feature].
    void features(int n_threads, double* features);

    // Rows for fits, columns contiguous: energy [feature][system], forces [feature][3 atoms], virial
    // [feature][6 systems] in the order xx yy zz yz xz xy. All are overwritten.
    void design_rows(int n_threads, double* energy, double* forces, double* virial);

    // The same for changes of the radial functions of a part that makes moments of Chebyshev polynomials,
    // with linear coefficients [feature]. Columns are [pair][function][change], as many changes as
    // polynomials; `changes` holds the polynomials' coefficients of each.
    void radial_rows(int part, const double* coefficients, const double* changes, int n_threads,
                     double* energy, double* forces, double* virial);

    // Features of one descriptor before its regressor, with gradients; see `DescriptorRows`. Most features of
    // any centre; the atoms of every centre's rows and where they begin.
    int descriptor_size(int part) const;
    std::vector<std::int32_t> neighbouring_atoms(std::vector<std::int64_t>& first) const;
    void descriptor_rows(const DescriptorRows& rows, int n_threads);

    const BatchView& view() const { return view_; }
    const Model& model() const { return *model_; }

private:
    struct Scratch {
        std::vector<double> memory;
        double* aligned = nullptr;
    };
    double* scratch(std::vector<Scratch>& buffers, int thread, std::size_t doubles);
    template <class Prepare>
    void sweep_backward(int n_sets, int n_threads, double* energies, double* forces, double* virial,
                        const AtomVirials* atoms, const Prepare& prepare);
    template <class Rows>
    void sweep_rows(std::size_t n_columns, int n_threads, double* energy, double* forces, double* virial,
                    const Rows& rows);
    void reduce_atom_virials(double* by_neighbour) const;
    void add_global_forces(int n_sets, const std::vector<double>& chunk_slopes, double* forces,
                           double* virial) const;
    void reduce(int n_sets, int n_threads, double* forces, double* virial);
    struct Place {
        std::vector<double> x, y, z;
        std::vector<std::int32_t> species;
        ImagePositions view;
    };
    void place_images(const BatchLayout::Chunk& chunk, Place& place) const;
    Sweep sweep(const BatchLayout::Chunk& chunk, int thread);
    void sum_virial(const BatchLayout::Chunk& chunk, const Place& place, const double* forces,
                    double* virial) const;
    void reserve(int n_threads);
    void remember_geometry();
    bool geometry_is_remembered() const;

    const Kernels& double_kernels() const;

    std::shared_ptr<const Model> model_;
    const Kernels& kernels_;
    BatchView view_;
    BatchLayout layout_;
    std::vector<Scratch> scratch_, term_scratch_;
    std::vector<Place> places_;
    std::vector<double> image_forces_, image_virial_, chunk_virial_, channels_;
    std::vector<double> kept_positions_, kept_cells_; // those that `channels_` belongs to
    bool channels_kept_ = false;
    SystemParts system_parts_;
};

} // namespace atomsmith
