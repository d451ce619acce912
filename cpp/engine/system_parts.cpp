#include "system_parts.hpp"

#include <algorithm>
#include <stdexcept>

#include "parallel.hpp"

namespace atomsmith {

SystemParts::SystemParts(const Model& model, const BatchView& view)
    : n_features_(model.n_features), n_species_(model.n_species()) {
    for (const Part& part : model.parts)
        if (!part.is_local()) parts_.push_back(&part);
    if (parts_.empty()) return;
    if (view.periodic == nullptr || view.n_centres != view.n_atoms)
        throw std::invalid_argument("sums over a whole crystal cannot be split into domains");
    first_.assign(view.n_systems + 1, 0);
    for (int i = 0; i < view.n_atoms; ++i) ++first_[view.system[i] + 1];
    for (int s = 0; s < view.n_systems; ++s) first_[s + 1] += first_[s];
}

template <class Add>
void SystemParts::for_each(const BatchView& view, int n_threads, const Add& add) {
    if (parts_.empty()) return;
    n_threads = std::max(1, std::min(n_threads, view.n_systems));
    sums_.resize(std::max<std::size_t>(sums_.size(), n_threads));
    scratch_.resize(sums_.size());
    parallel_for(view.n_systems, n_threads, [&](int s, int thread) {
        WholeSystem system;
        system.n_atoms = first_[s + 1] - first_[s];
        system.n_species = n_species_;
        system.positions = view.positions + 3 * static_cast<std::size_t>(first_[s]);
        system.cell = view.cells + 9 * static_cast<std::size_t>(s);
        system.species = view.species + first_[s];
        system.periodic = view.periodic[s];
        for (const Part* part : parts_) add(*part, system, s, first_[s], thread);
    });
}

void SystemParts::add_predictions(const BatchView& view, const double* coefficients, int n_sets,
                                  std::size_t system_stride, int n_threads, double* energies, double* forces,
                                  double* virial) {
    for_each(view, n_threads, [&](const Part& part, const WholeSystem& system, int s, int atom, int thread) {
        SetPredictions to;
        to.n_sets = n_sets;
        to.coefficients = coefficients + s * system_stride + part.first_feature;
        to.coefficient_stride = n_features_;
        to.energies = energies + atom;
        to.energy_stride = view.n_atoms;
        to.forces = forces + 3 * static_cast<std::size_t>(atom);
        to.force_stride = 3 * static_cast<std::size_t>(view.n_atoms);
        to.virial = virial + 9 * static_cast<std::size_t>(s);
        to.virial_stride = 9 * static_cast<std::size_t>(view.n_systems);
        sums_[thread].add_predictions(part.inverse_powers, system, to);
    });
}

void SystemParts::add_features(const BatchView& view, int n_threads, double* features) {
    for_each(view, n_threads, [&](const Part& part, const WholeSystem& system, int, int atom, int thread) {
        const std::size_t stride = n_features_;
        sums_[thread].add_features(part.inverse_powers, system,
                                   {features + atom * stride + part.first_feature, stride});
    });
}

void SystemParts::add_sums(const BatchView& view, int n_threads, double* sums) {
    for_each(view, n_threads, [&](const Part& part, const WholeSystem& system, int s, int, int thread) {
        std::vector<double>& features = scratch_[thread];
        const std::size_t n = part.n_features;
        features.assign(system.n_atoms * n, 0.0);
        sums_[thread].add_features(part.inverse_powers, system, {features.data(), n});
        double* to = sums + s * static_cast<std::size_t>(n_features_) + part.first_feature;
        for (int i = 0; i < system.n_atoms; ++i)
            for (std::size_t f = 0; f < n; ++f) to[f] += features[i * n + f];
    });
}

void SystemParts::add_rows(const BatchView& view, int n_threads, double* energy, double* forces,
                           double* virial) {
    const std::size_t systems = view.n_systems, atoms = view.n_atoms;
    for_each(view, n_threads, [&](const Part& part, const WholeSystem& system, int s, int atom, int thread) {
        FeatureRows to;
        const std::size_t first = part.first_feature;
        to.energy = energy + first * systems + s;
        to.energy_stride = systems;
        to.forces = forces + first * 3 * atoms + 3 * static_cast<std::size_t>(atom);
        to.force_stride = 3 * atoms;
        to.virial = virial + first * 6 * systems + 6 * static_cast<std::size_t>(s);
        to.virial_stride = 6 * systems;
        sums_[thread].add_rows(part.inverse_powers, system, to);
    });
}

} // namespace atomsmith
