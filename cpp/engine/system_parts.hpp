// The parts of a model whose features belong to whole systems, beside the sweeps over blocks of atoms. Every
// function adds to what those have written.
#pragma once

#include <cstddef>
#include <vector>

#include "batch.hpp"
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

private:
    // Calls add(part, system, number of the system, first atom, thread).
    template <class Add>
    void for_each(const BatchView& view, int n_threads, const Add& add);

    int n_features_ = 0, n_species_ = 0;
    std::vector<const Part*> parts_;
    std::vector<int> first_;        // [system + 1]: atoms
    std::vector<LatticeSums> sums_; // of each thread
    std::vector<std::vector<double>> scratch_;
};

} // namespace atomsmith
