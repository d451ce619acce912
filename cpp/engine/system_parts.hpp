// The parts of a model whose features belong to whole systems, beside the sweeps over blocks of atoms. Every
// function adds to what those have written.
#pragma once

#include <cstddef>
#include <vector>

#include "batch.hpp"
#include "kernels.hpp"
#include "plan.hpp"

namespace atomsmith {

class SystemParts {
public:
    // Throws std::invalid_argument where there are such parts, but systems are not whole.
    SystemParts(const Model& model, const BatchView& view);

    // Coefficients [set][feature]; `system_stride` apart for different systems.
    void add_predictions(const BatchView& view, const double* coefficients, int n_sets,
                         std::size_t system_stride, int n_threads, double* energies, double* forces,
                         double* virial);
    void add_features(const BatchView& view, int n_threads, double* features);
    void add_sums(const BatchView& view, int n_threads, double* sums);
    void add_rows(const BatchView& view, int n_threads, double* energy, double* forces, double* virial);

    // Inputs that the atoms of a system share, with their derivatives where they are wanted: computed by
    // `make_globals` for the geometry of a call, and used by what follows in it.
    void make_globals(const BatchView& view, int n_threads, bool derivatives);
    const double* globals(int system) const { return globals_.data() + system * std::size_t(n_globals_); }
    int n_globals() const { return n_globals_; }
    // What dE/d(input), [set][system][input], means for forces [set][atom][3] and virial [set][system][9].
    void add_global_forces(const BatchView& view, const double* slopes, int n_sets, double* forces,
                           double* virial) const;
    // What d(feature)/d(input), [system][feature][GlobalFeatures::kMost], means for rows of a design matrix.
    void add_global_rows(const BatchView& view, const double* slopes, double* forces, double* virial) const;
    // Derivatives of the inputs of a part behind its other features, see `DescriptorRows`.
    void add_global_gradients(const BatchView& view, const DescriptorRows& rows) const;

private:
    // Calls add(part, system, number of the system, first atom, thread).
    template <class Add>
    void for_each(const BatchView& view, int n_threads, const Add& add);

    WholeSystem system(const BatchView& view, int s) const;

    const Model& model_;
    int n_features_ = 0, n_species_ = 0, n_globals_ = 0;
    std::vector<const Part*> parts_;
    std::vector<int> first_;        // [system + 1]: atoms
    std::vector<LatticeSums> sums_; // of each thread
    std::vector<std::vector<double>> scratch_;
    std::vector<GlobalSums> global_sums_; // of each thread
    // [system][input], [input][atom][3], [system][input][9]
    std::vector<double> globals_, by_atom_, by_strain_;
};

} // namespace atomsmith
