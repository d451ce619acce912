#include "system_parts.hpp"

#include <algorithm>
#include <stdexcept>

#include "parallel.hpp"

namespace atomsmith {

SystemParts::SystemParts(const Model& model, const BatchView& view)
    : model_(model), n_features_(model.n_features), n_species_(model.n_species()),
      n_globals_(model.n_globals) {
    for (const Part& part : model.parts)
        if (part.kind == Part::Kind::kInversePowers) parts_.push_back(&part);
    if (parts_.empty() && n_globals_ == 0) return;
    if (view.periodic == nullptr || view.n_centres != view.n_atoms)
        throw std::invalid_argument("features of a whole system cannot be split into domains");
    first_.assign(view.n_systems + 1, 0);
    for (int i = 0; i < view.n_atoms; ++i) ++first_[view.system[i] + 1];
    for (int s = 0; s < view.n_systems; ++s) first_[s + 1] += first_[s];
}

WholeSystem SystemParts::system(const BatchView& view, int s) const {
    WholeSystem whole;
    whole.n_atoms = first_[s + 1] - first_[s];
    whole.n_species = n_species_;
    whole.positions = view.positions + 3 * static_cast<std::size_t>(first_[s]);
    whole.cell = view.cells + 9 * static_cast<std::size_t>(s);
    whole.species = view.species + first_[s];
    whole.periodic = view.periodic[s];
    return whole;
}

template <class Add>
void SystemParts::for_each(const BatchView& view, int n_threads, const Add& add) {
    if (parts_.empty()) return;
    n_threads = std::max(1, std::min(n_threads, view.n_systems));
    sums_.resize(std::max<std::size_t>(sums_.size(), n_threads));
    scratch_.resize(sums_.size());
    parallel_for(view.n_systems, n_threads, [&](int s, int thread) {
        const WholeSystem whole = system(view, s);
        for (const Part* part : parts_) add(*part, whole, s, first_[s], thread);
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

void SystemParts::make_globals(const BatchView& view, int n_threads, bool derivatives) {
    if (n_globals_ == 0) return;
    const std::size_t n = n_globals_, atoms = view.n_atoms;
    globals_.resize(n * view.n_systems);
    by_atom_.resize(derivatives ? 3 * n * atoms : 0);
    by_strain_.resize(derivatives ? 9 * n * view.n_systems : 0);
    n_threads = std::max(1, std::min(n_threads, view.n_systems));
    global_sums_.resize(std::max<std::size_t>(global_sums_.size(), n_threads));
    parallel_for(view.n_systems, n_threads, [&](int s, int thread) {
        const WholeSystem whole = system(view, s);
        for (const Part& part : model_.parts) {
            if (part.global.size() == 0) continue;
            const std::size_t g = part.first_global;
            global_sums_[thread].compute(
                part.global, whole, globals_.data() + s * n + g,
                derivatives ? by_atom_.data() + 3 * (g * atoms + first_[s]) : nullptr, 3 * atoms,
                derivatives ? by_strain_.data() + 9 * (s * n + g) : nullptr);
        }
    });
}

void SystemParts::add_global_forces(const BatchView& view, const double* slopes, int n_sets, double* forces,
                                    double* virial) const {
    const std::size_t n = n_globals_, atoms = view.n_atoms, systems = view.n_systems;
    for (std::size_t set = 0; set < static_cast<std::size_t>(n_sets); ++set)
        for (std::size_t s = 0; s < systems; ++s)
            for (std::size_t g = 0; g < n; ++g) {
                const double slope = slopes[(set * systems + s) * n + g];
                for (std::size_t k = 3 * std::size_t(first_[s]); k < 3 * std::size_t(first_[s + 1]); ++k)
                    forces[3 * set * atoms + k] -= slope * by_atom_[3 * g * atoms + k];
                for (int k = 0; k < 9; ++k)
                    virial[9 * (set * systems + s) + k] -= slope * by_strain_[9 * (s * n + g) + k];
            }
}

void SystemParts::add_global_rows(const BatchView& view, const double* slopes, double* forces,
                                  double* virial) const {
    constexpr int kVoigt[6] = {0, 4, 8, 5, 2, 1};
    const std::size_t n = n_globals_, atoms = view.n_atoms, systems = view.n_systems;
    for (const Part& part : model_.parts)
        for (int local = 0; local < part.global.size(); ++local) {
            const std::size_t g = part.first_global + local;
            for (std::size_t f = part.first_feature;
                 f < static_cast<std::size_t>(part.first_feature + part.n_features); ++f)
                for (std::size_t s = 0; s < systems; ++s) {
                    const double slope = slopes[(s * n_features_ + f) * GlobalFeatures::kMost + local];
                    if (slope == 0.0) continue;
                    for (std::size_t k = 3 * std::size_t(first_[s]); k < 3 * std::size_t(first_[s + 1]); ++k)
                        forces[3 * f * atoms + k] -= slope * by_atom_[3 * g * atoms + k];
                    for (int v = 0; v < 6; ++v)
                        virial[6 * (f * systems + s) + v] -= slope * by_strain_[9 * (s * n + g) + kVoigt[v]];
                }
        }
}

void SystemParts::add_global_gradients(const BatchView& view, const DescriptorRows& rows) const {
    constexpr int kVoigt[6] = {0, 4, 8, 5, 2, 1};
    const Part& part = model_.parts[rows.part];
    const std::size_t n = n_globals_, atoms = view.n_atoms, size = rows.n_features;
    for (int local = 0; local < part.global.size(); ++local) {
        const std::size_t g = part.first_global + local;
        for (std::size_t i = 0; i < atoms; ++i) {
            const Regressor::Centre& c = part.regressor.centres[view.species[i]];
            const std::size_t column = part.regressor.n_described(c) + local;
            for (std::int64_t row = rows.first[i]; row < rows.first[i + 1]; ++row)
                for (int axis = 0; axis < 3; ++axis)
                    rows.gradients[(3 * row + axis) * size + column] +=
                        by_atom_[3 * (g * atoms + rows.atom[row]) + axis];
            for (int v = 0; v < 6; ++v)
                rows.strain[(6 * i + v) * size + column] +=
                    by_strain_[9 * (view.system[i] * n + g) + kVoigt[v]];
        }
    }
}

} // namespace atomsmith
