#include "evaluate.hpp"

#include <algorithm>
#include <cstring>

#include "parallel.hpp"

namespace atomsmith {

namespace {

// Above this the one-particle basis is computed again in the backward sweep rather than kept.
constexpr std::size_t kMaxKeptDoubles = std::size_t{1} << 26;
constexpr std::size_t kAlignment = 64;

} // namespace

Batch::Batch(std::shared_ptr<const Model> model, const BatchView& view)
    : model_(std::move(model)), view_(view),
      layout_(make_layout(view, model_->n_species(), kernels().lanes)) {}

void Batch::set_geometry(const double* positions, const double* cells) {
    view_.positions = positions;
    view_.cells = cells;
}

double* Batch::scratch(std::vector<Scratch>& buffers, int thread, std::size_t doubles) {
    Scratch& own = buffers[thread];
    if (own.memory.size() < doubles + kAlignment / sizeof(double)) {
        own.memory.resize(doubles + kAlignment / sizeof(double));
        const auto address = reinterpret_cast<std::uintptr_t>(own.memory.data());
        own.aligned = reinterpret_cast<double*>((address + kAlignment - 1) / kAlignment * kAlignment);
    }
    return own.aligned;
}

Sweep Batch::sweep(int begin, int end) const {
    Sweep s;
    s.model = model_.get();
    s.batch = &view_;
    s.layout = &layout_;
    s.begin = begin;
    s.end = end;
    return s;
}

void Batch::remember_geometry() {
    kept_positions_.assign(view_.positions, view_.positions + std::size_t{3} * view_.n_atoms);
    kept_cells_.assign(view_.cells, view_.cells + std::size_t{9} * view_.n_systems);
}

bool Batch::geometry_is_remembered() const {
    return std::equal(kept_positions_.begin(), kept_positions_.end(), view_.positions) &&
           std::equal(kept_cells_.begin(), kept_cells_.end(), view_.cells);
}

// Forces are gathered, each atom its own pairs and those that point to it, in the order of the list: no two
// threads write to one place, and the sum does not depend on their number.
void Batch::reduce(int n_sets, int n_threads, double* forces, double* virial) {
    const std::size_t atoms = view_.n_atoms, centres = view_.n_centres, pairs = view_.first[view_.n_centres];
    constexpr int kAtomsPerItem = 1024;
    const int items = static_cast<int>((atoms + kAtomsPerItem - 1) / kAtomsPerItem);
    parallel_for(items * n_sets, n_threads, [&](int item, int) {
        const std::size_t set = item / items, begin = static_cast<std::size_t>(item % items) * kAtomsPerItem;
        const double* gradient = gradient_.data() + 3 * set * pairs;
        for (std::size_t i = begin; i < std::min(begin + kAtomsPerItem, atoms); ++i) {
            double f[3] = {0.0, 0.0, 0.0};
            if (i < centres)
                for (std::int64_t p = view_.first[i]; p < view_.first[i + 1]; ++p)
                    for (int k = 0; k < 3; ++k) f[k] += gradient[3 * p + k];
            for (std::int64_t e = layout_.incoming_first[i]; e < layout_.incoming_first[i + 1]; ++e) {
                const std::size_t p = layout_.incoming[e];
                for (int k = 0; k < 3; ++k) f[k] -= gradient[3 * p + k];
            }
            for (int k = 0; k < 3; ++k) forces[3 * (set * atoms + i) + k] = f[k];
        }
    });
    std::memset(virial, 0, sizeof(double) * 9 * n_sets * view_.n_systems);
    for (int set = 0; set < n_sets; ++set)
        for (std::size_t i = 0; i < centres; ++i) {
            double* to = virial + 9 * (static_cast<std::size_t>(set) * view_.n_systems + view_.system[i]);
            const double* from = atom_virial_.data() + 9 * (set * centres + i);
            for (int k = 0; k < 9; ++k) to[k] -= from[k];
        }
}

void Batch::predict(const Weights& weights, int n_threads, double* energies, double* forces, double* virial) {
    const std::size_t pairs = view_.first[view_.n_centres];
    gradient_.resize(std::max(gradient_.size(), 3 * pairs * weights.n_sets));
    atom_virial_.resize(std::max(atom_virial_.size(), std::size_t{9} * view_.n_centres * weights.n_sets));
    const std::size_t doubles =
        kernels().scratch_doubles(*model_, layout_.max_neighbours, weights.n_sets, false);
    const int chunks = static_cast<int>(layout_.chunks.size());
    n_threads = std::max(1, std::min(n_threads, chunks));
    scratch_.resize(std::max<std::size_t>(scratch_.size(), n_threads));
    parallel_for(chunks, n_threads, [&](int item, int thread) {
        Sweep s = sweep(layout_.chunks[item].begin, layout_.chunks[item].end);
        s.weights = &weights;
        s.energies = energies;
        s.gradient = gradient_.data();
        s.virial = atom_virial_.data();
        kernels().backward(s, scratch(scratch_, thread, doubles));
    });
    reduce(weights.n_sets, n_threads, forces, virial);
}

void Batch::forward(int n_threads, double* sums, double* fixed_energies) {
    const int lanes = kernels().lanes, n_species = model_->n_species(), n_features = model_->n_features;
    const int chunks = static_cast<int>(layout_.chunks.size()),
              tables = static_cast<int>(model_->parts.size()) * n_species;
    const std::size_t doubles = kernels().scratch_doubles(*model_, layout_.max_neighbours, 1, false);
    const std::size_t kept = channel_doubles_per_block(*model_, lanes) * layout_.n_blocks;
    const bool keep = kept <= kMaxKeptDoubles;
    channels_kept_ = false;
    if (keep) channels_.resize(std::max(channels_.size(), kept));
    // Sums over the terms of every centre, then features: a sum over lanes and a small sparse product per
    // chunk.
    std::vector<std::size_t> offset(tables + 1, 0);
    for (int t = 0; t < tables; ++t) {
        const Part& part = model_->parts[t / n_species];
        const std::size_t terms =
            part.kind == Part::Kind::kAce ? part.centres[t % n_species].terms.size() / 2 : 0;
        offset[t + 1] = offset[t] + terms * lanes;
    }
    std::vector<double> partial(static_cast<std::size_t>(chunks) * n_features, 0.0);
    n_threads = std::max(1, std::min(n_threads, chunks));
    scratch_.resize(std::max<std::size_t>(scratch_.size(), n_threads));
    term_scratch_.resize(std::max<std::size_t>(term_scratch_.size(), n_threads));
    parallel_for(chunks, n_threads, [&](int item, int thread) {
        const BatchLayout::Chunk& chunk = layout_.chunks[item];
        double* terms = scratch(term_scratch_, thread, offset[tables]);
        std::vector<double*> table(tables);
        for (int t = 0; t < tables; ++t) table[t] = terms + offset[t];
        std::vector<bool> used(n_species, false);
        for (int b = chunk.begin; b < chunk.end; ++b)
            used[view_.species[layout_.blocks[static_cast<std::size_t>(b) * lanes]]] = true;
        for (int t = 0; t < tables; ++t)
            if (used[t % n_species]) std::memset(table[t], 0, sizeof(double) * (offset[t + 1] - offset[t]));
        Sweep s = sweep(chunk.begin, chunk.end);
        s.feature_sums = partial.data() + static_cast<std::size_t>(item) * n_features;
        s.term_sums = table.data();
        s.energies = fixed_energies;
        s.channels_out = keep ? channels_.data() : nullptr;
        kernels().forward(s, scratch(scratch_, thread, doubles));
        for (int t = 0; t < tables; ++t) {
            if (!used[t % n_species] || offset[t + 1] == offset[t]) continue;
            const Part& part = model_->parts[t / n_species];
            const AceCentre& centre = part.centres[t % n_species];
            double* features = s.feature_sums + part.first_feature + centre.first_feature;
            for (std::size_t term = 0; term < centre.terms.size() / 2; ++term) {
                double sum = 0.0;
                for (int k = 0; k < lanes; ++k) sum += table[t][term * lanes + k];
                for (int e = centre.term_start[term]; e < centre.term_start[term + 1]; ++e)
                    features[centre.term_feature[e]] += centre.term_coefficient[e] * sum;
            }
        }
    });
    channels_kept_ = keep;
    if (keep) remember_geometry();
    std::memset(sums, 0, sizeof(double) * view_.n_systems * n_features);
    for (int item = 0; item < chunks; ++item)
        for (int f = 0; f < n_features; ++f)
            sums[static_cast<std::size_t>(layout_.chunks[item].system) * n_features + f] +=
                partial[static_cast<std::size_t>(item) * n_features + f];
}

void Batch::backward(const double* coefficients, int n_threads, double* energies, double* forces,
                     double* virial) {
    const int n_species = model_->n_species(), n_features = model_->n_features;
    const int tables = static_cast<int>(model_->parts.size()) * n_species;
    const std::size_t pairs = view_.first[view_.n_centres];
    gradient_.resize(std::max(gradient_.size(), 3 * pairs));
    atom_virial_.resize(std::max(atom_virial_.size(), std::size_t{9} * view_.n_centres));
    std::vector<std::size_t> offset(tables + 1, 0);
    for (int t = 0; t < tables; ++t) {
        const Part& part = model_->parts[t / n_species];
        const int n = part.kind == Part::Kind::kAce ? part.centres[t % n_species].full.n_weights : 0;
        offset[t + 1] = offset[t] + n;
    }
    std::vector<double> values(offset[tables] * view_.n_systems);
    std::vector<const double*> table(static_cast<std::size_t>(tables) * view_.n_systems);
    parallel_for(view_.n_systems, n_threads, [&](int system, int) {
        for (int t = 0; t < tables; ++t) {
            double* to = values.data() + system * offset[tables] + offset[t];
            table[static_cast<std::size_t>(system) * tables + t] = to;
            const Part& part = model_->parts[t / n_species];
            if (part.kind != Part::Kind::kAce) continue;
            const AceCentre& centre = part.centres[t % n_species];
            spread_weights(centre, centre.full,
                           coefficients + static_cast<std::size_t>(system) * n_features + part.first_feature +
                               centre.first_feature,
                           to);
        }
    });
    const bool basis_kept = channels_kept_ && geometry_is_remembered();
    const std::size_t doubles = kernels().scratch_doubles(*model_, layout_.max_neighbours, 1, false);
    const int chunks = static_cast<int>(layout_.chunks.size());
    n_threads = std::max(1, std::min(n_threads, chunks));
    scratch_.resize(std::max<std::size_t>(scratch_.size(), n_threads));
    parallel_for(chunks, n_threads, [&](int item, int thread) {
        const BatchLayout::Chunk& chunk = layout_.chunks[item];
        Sweep s = sweep(chunk.begin, chunk.end);
        s.system_coefficients = coefficients + static_cast<std::size_t>(chunk.system) * n_features;
        s.system_values = table.data() + static_cast<std::size_t>(chunk.system) * tables;
        s.channels_in = basis_kept ? channels_.data() : nullptr;
        s.energies = energies;
        s.gradient = gradient_.data();
        s.virial = atom_virial_.data();
        kernels().backward(s, scratch(scratch_, thread, doubles));
    });
    reduce(1, n_threads, forces, virial);
}

void Batch::features(int n_threads, double* features) {
    std::memset(features, 0, sizeof(double) * view_.n_centres * model_->n_features);
    const std::size_t doubles = kernels().scratch_doubles(*model_, layout_.max_neighbours, 1, false);
    const int chunks = static_cast<int>(layout_.chunks.size());
    n_threads = std::max(1, std::min(n_threads, chunks));
    scratch_.resize(std::max<std::size_t>(scratch_.size(), n_threads));
    parallel_for(chunks, n_threads, [&](int item, int thread) {
        Sweep s = sweep(layout_.chunks[item].begin, layout_.chunks[item].end);
        s.atom_features = features;
        kernels().forward(s, scratch(scratch_, thread, doubles));
    });
}

void Batch::design_rows(int n_threads, double* energy, double* forces, double* virial) {
    const std::size_t n = model_->n_features, systems = view_.n_systems, atoms = view_.n_atoms;
    std::memset(energy, 0, sizeof(double) * n * systems);
    std::memset(forces, 0, sizeof(double) * n * 3 * atoms);
    std::memset(virial, 0, sizeof(double) * n * 6 * systems);
    // One system is one thread's: its chunks add to the same rows.
    std::vector<int> first_block(systems + 1, layout_.n_blocks), first_atom(systems + 1, view_.n_centres);
    for (auto it = layout_.chunks.rbegin(); it != layout_.chunks.rend(); ++it)
        first_block[it->system] = it->begin;
    for (int s = static_cast<int>(systems) - 1; s >= 0; --s)
        first_block[s] = std::min(first_block[s], first_block[s + 1]);
    for (int i = view_.n_centres - 1; i >= 0; --i) first_atom[view_.system[i]] = i;
    const std::size_t doubles = kernels().scratch_doubles(*model_, layout_.max_neighbours, 1, true);
    n_threads = std::max(1, std::min(n_threads, view_.n_systems));
    scratch_.resize(std::max<std::size_t>(scratch_.size(), n_threads));
    parallel_for(view_.n_systems, n_threads, [&](int system, int thread) {
        Sweep s = sweep(first_block[system], first_block[system + 1]);
        s.first_atom = first_atom[system];
        s.design_energy = energy + system;
        s.design_energy_stride = static_cast<std::int64_t>(systems);
        s.design_forces = forces + 3 * static_cast<std::size_t>(s.first_atom);
        s.design_forces_stride = static_cast<std::int64_t>(3 * atoms);
        s.design_virial = virial + 6 * static_cast<std::size_t>(system);
        s.design_virial_stride = static_cast<std::int64_t>(6 * systems);
        kernels().design(s, scratch(scratch_, thread, doubles));
    });
}

} // namespace atomsmith
