#include "evaluate.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "parallel.hpp"

namespace atomsmith {

namespace {

// Above this the one-particle basis is computed again in the backward sweep rather than kept.
constexpr std::size_t kMaxKeptDoubles = std::size_t{1} << 26;
constexpr std::size_t kAlignment = 64;

} // namespace

Batch::Batch(std::shared_ptr<const Model> model, const BatchView& view, int n_threads, Precision precision)
    : model_(std::move(model)), kernels_(kernels(precision)), view_(view),
      layout_(make_layout(view, model_->n_species(), kernels_.lanes, n_threads)),
      system_parts_(*model_, view) {
    view_.neighbour = nullptr;
    view_.shift = nullptr;
    if (precision == Precision::kDouble) return;
    for (const Part& part : model_->parts)
        if (!works_in_single_precision(part))
            throw std::invalid_argument("this model has parts that are evaluated in double precision only");
}

const Kernels& Batch::double_kernels() const {
    if (kernels_.forward == nullptr)
        throw std::invalid_argument("features, their sums and their rows need a batch of double precision");
    return kernels_;
}

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

// Memory of every thread.
void Batch::reserve(int n_threads) {
    scratch_.resize(std::max<std::size_t>(scratch_.size(), n_threads));
    places_.resize(std::max<std::size_t>(places_.size(), n_threads));
}

// This and the virial below are summed here, where no compiler fuses a part of the operations of a loop:
// images that only the skin of a list adds must not change a bit.
void Batch::place_images(const BatchLayout::Chunk& chunk, Place& place) const {
    for (auto* v : {&place.x, &place.y, &place.z}) v->resize(layout_.max_images);
    place.species.resize(layout_.max_images);
    const Image* image = layout_.images.data() + chunk.first_image;
    const double* cell = view_.cells + std::size_t{9} * chunk.system;
    const std::size_t first = layout_.blocks[static_cast<std::size_t>(chunk.begin) * layout_.lanes];
    const double* origin = view_.positions + 3 * first;
    for (int k = 0; k < chunk.n_images; ++k, ++image) {
        const double* x = view_.positions + 3 * static_cast<std::size_t>(image->atom);
        const double s0 = image->shift[0], s1 = image->shift[1], s2 = image->shift[2];
        place.x[k] = x[0] - origin[0] + (s0 * cell[0] + s1 * cell[3] + s2 * cell[6]);
        place.y[k] = x[1] - origin[1] + (s0 * cell[1] + s1 * cell[4] + s2 * cell[7]);
        place.z[k] = x[2] - origin[2] + (s0 * cell[2] + s1 * cell[5] + s2 * cell[8]);
        place.species[k] = view_.species[image->atom];
    }
    place.view = {place.x.data(), place.y.data(), place.z.data(), place.species.data()};
}

Sweep Batch::sweep(const BatchLayout::Chunk& chunk, int thread) {
    place_images(chunk, places_[thread]);
    Sweep s;
    s.model = model_.get();
    s.batch = &view_;
    s.layout = &layout_;
    s.chunk = &chunk;
    s.images = &places_[thread].view;
    if (system_parts_.n_globals() > 0) s.globals = system_parts_.globals(chunk.system);
    return s;
}

// Sum of position (x) force over a chunk's images: the forces that an atom's energy exerts add up to nothing,
// so the origin does not matter.
void Batch::sum_virial(const BatchLayout::Chunk& chunk, const Place& place, const double* forces,
                       double* virial) const {
    double sum[9] = {};
    for (int k = 0; k < chunk.n_images; ++k) {
        const double x[3] = {place.x[k], place.y[k], place.z[k]};
        for (int i = 0; i < 3; ++i)
            for (int j = 0; j < 3; ++j) sum[3 * i + j] += x[i] * forces[3 * k + j];
    }
    std::copy(sum, sum + 9, virial);
}

void Batch::remember_geometry() {
    kept_positions_.assign(view_.positions, view_.positions + std::size_t{3} * view_.n_atoms);
    kept_cells_.assign(view_.cells, view_.cells + std::size_t{9} * view_.n_systems);
}

bool Batch::geometry_is_remembered() const {
    return std::equal(kept_positions_.begin(), kept_positions_.end(), view_.positions) &&
           std::equal(kept_cells_.begin(), kept_cells_.end(), view_.cells);
}

// Forces are gathered, every atom from its images in the order of the chunks: no two threads write to one
// place, and the sum does not depend on their number.
void Batch::reduce(int n_sets, int n_threads, double* forces, double* virial) {
    const std::size_t atoms = view_.n_atoms, images = layout_.images.size();
    constexpr int kAtomsPerItem = 1024;
    const int items = static_cast<int>((atoms + kAtomsPerItem - 1) / kAtomsPerItem);
    parallel_for(items * n_sets, n_threads, [&](int item, int) {
        const std::size_t set = item / items, begin = static_cast<std::size_t>(item % items) * kAtomsPerItem;
        const double* from = image_forces_.data() + 3 * set * images;
        for (std::size_t i = begin; i < std::min(begin + kAtomsPerItem, atoms); ++i) {
            double f[3] = {0.0, 0.0, 0.0};
            for (std::int64_t e = layout_.incoming_first[i]; e < layout_.incoming_first[i + 1]; ++e)
                for (int k = 0; k < 3; ++k) f[k] += from[3 * std::size_t{layout_.incoming[e]} + k];
            for (int k = 0; k < 3; ++k) forces[3 * (set * atoms + i) + k] = f[k];
        }
    });
    std::memset(virial, 0, sizeof(double) * 9 * n_sets * view_.n_systems);
    for (std::size_t c = 0; c < layout_.chunks.size(); ++c)
        for (int set = 0; set < n_sets; ++set)
            for (int k = 0; k < 9; ++k)
                virial[9 * (static_cast<std::size_t>(set) * view_.n_systems + layout_.chunks[c].system) +
                       k] += chunk_virial_[9 * (c * n_sets + set) + k];
}

void Batch::reduce_atom_virials(double* by_neighbour) const {
    for (std::size_t i = 0; i < static_cast<std::size_t>(view_.n_atoms); ++i) {
        double sum[9] = {};
        for (std::int64_t e = layout_.incoming_first[i]; e < layout_.incoming_first[i + 1]; ++e)
            for (int k = 0; k < 9; ++k) sum[k] += image_virial_[9 * std::size_t{layout_.incoming[e]} + k];
        std::copy(sum, sum + 9, by_neighbour + 9 * i);
    }
}

// `prepare` gives each chunk's sweep its coefficients.
template <class Prepare>
void Batch::sweep_backward(int n_sets, int n_threads, double* energies, double* forces, double* virial,
                           const AtomVirials* atoms, const Prepare& prepare) {
    const int chunks = static_cast<int>(layout_.chunks.size());
    image_forces_.resize(std::max(image_forces_.size(), 3 * layout_.images.size() * n_sets));
    chunk_virial_.resize(std::max(chunk_virial_.size(), std::size_t{9} * chunks * n_sets));
    if (atoms) image_virial_.assign(9 * layout_.images.size(), 0.0);
    const std::size_t doubles = kernels_.scratch_doubles(*model_, layout_, n_sets, Purpose::kPrediction);
    system_parts_.make_globals(view_, n_threads, true);
    const std::size_t n_globals = system_parts_.n_globals();
    std::vector<double> chunk_slopes(chunks * n_sets * n_globals, 0.0);
    n_threads = std::max(1, std::min(n_threads, chunks));
    reserve(n_threads);
    parallel_for(chunks, n_threads, [&](int item, int thread) {
        const BatchLayout::Chunk& chunk = layout_.chunks[item];
        Sweep s = sweep(chunk, thread);
        prepare(s);
        s.global_slopes = chunk_slopes.data() + static_cast<std::size_t>(item) * n_sets * n_globals;
        if (atoms) {
            s.centre_virial = atoms->by_centre;
            s.image_virial = image_virial_.data();
        }
        s.energies = energies;
        s.forces = image_forces_.data();
        const auto forces_of = [&](std::size_t set) {
            return image_forces_.data() + 3 * (set * layout_.images.size() + chunk.first_image);
        };
        for (int set = 0; set < n_sets; ++set) std::fill_n(forces_of(set), 3 * chunk.n_images, 0.0);
        kernels_.backward(s, scratch(scratch_, thread, doubles));
        for (int set = 0; set < n_sets; ++set)
            sum_virial(chunk, places_[thread], forces_of(set),
                       chunk_virial_.data() + 9 * (static_cast<std::size_t>(item) * n_sets + set));
    });
    reduce(n_sets, n_threads, forces, virial);
    if (atoms) reduce_atom_virials(atoms->by_neighbour);
    if (n_globals > 0) add_global_forces(n_sets, chunk_slopes, forces, virial);
}

// Chunks in their order: the sums do not depend on the number of threads.
void Batch::add_global_forces(int n_sets, const std::vector<double>& chunk_slopes, double* forces,
                              double* virial) const {
    const std::size_t n = system_parts_.n_globals(), systems = view_.n_systems;
    std::vector<double> slopes(n_sets * systems * n, 0.0);
    for (std::size_t c = 0; c < layout_.chunks.size(); ++c)
        for (int set = 0; set < n_sets; ++set)
            for (std::size_t g = 0; g < n; ++g)
                slopes[(set * systems + layout_.chunks[c].system) * n + g] +=
                    chunk_slopes[(c * n_sets + set) * n + g];
    system_parts_.add_global_forces(view_, slopes.data(), n_sets, forces, virial);
}

void Batch::predict(const Weights& weights, int n_threads, double* energies, double* forces, double* virial,
                    const AtomVirials* atoms) {
    sweep_backward(weights.n_sets, n_threads, energies, forces, virial, atoms,
                   [&](Sweep& s) { s.weights = &weights; });
    system_parts_.add_predictions(view_, weights.coefficients.values().data(), weights.n_sets, 0, n_threads,
                                  energies, forces, virial);
}

void Batch::forward(int n_threads, double* sums, double* fixed_energies) {
    const int lanes = double_kernels().lanes, n_species = model_->n_species(),
              n_features = model_->n_features;
    const int chunks = static_cast<int>(layout_.chunks.size()),
              tables = static_cast<int>(model_->parts.size()) * n_species;
    const std::size_t doubles = double_kernels().scratch_doubles(*model_, layout_, 1, Purpose::kPrediction);
    const std::size_t kept = channel_doubles_per_block(*model_, lanes) * layout_.n_blocks;
    const bool keep = kept <= kMaxKeptDoubles;
    channels_kept_ = false;
    if (keep) channels_.resize(std::max(channels_.size(), kept));
    system_parts_.make_globals(view_, n_threads, false);
    // Sums over the terms of every centre, then features: a sum over lanes and a small sparse product per
    // chunk.
    std::vector<std::size_t> offset(tables + 1, 0);
    for (int t = 0; t < tables; ++t) {
        const Part& part = model_->parts[t / n_species];
        const std::size_t terms =
            part.has_linear_products() ? part.centres[t % n_species].terms.size() / 2 : 0;
        offset[t + 1] = offset[t] + terms * lanes;
    }
    std::vector<double> partial(static_cast<std::size_t>(chunks) * n_features, 0.0);
    n_threads = std::max(1, std::min(n_threads, chunks));
    reserve(n_threads);
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
        Sweep s = sweep(chunk, thread);
        s.feature_sums = partial.data() + static_cast<std::size_t>(item) * n_features;
        s.term_sums = table.data();
        s.energies = fixed_energies;
        s.channels_out = keep ? channels_.data() : nullptr;
        double_kernels().forward(s, scratch(scratch_, thread, doubles));
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
    system_parts_.add_sums(view_, n_threads, sums);
}

void Batch::backward(const double* coefficients, int n_threads, double* energies, double* forces,
                     double* virial, const AtomVirials* atoms) {
    const int n_species = model_->n_species(), n_features = model_->n_features;
    double_kernels();
    const int tables = static_cast<int>(model_->parts.size()) * n_species;
    std::vector<std::size_t> offset(tables + 1, 0);
    for (int t = 0; t < tables; ++t) {
        const Part& part = model_->parts[t / n_species];
        const int n = part.has_linear_products() ? part.centres[t % n_species].full.n_weights : 0;
        offset[t + 1] = offset[t] + n;
    }
    std::vector<double> values(offset[tables] * view_.n_systems);
    std::vector<const double*> table(static_cast<std::size_t>(tables) * view_.n_systems);
    parallel_for(view_.n_systems, n_threads, [&](int system, int) {
        for (int t = 0; t < tables; ++t) {
            double* to = values.data() + system * offset[tables] + offset[t];
            table[static_cast<std::size_t>(system) * tables + t] = to;
            const Part& part = model_->parts[t / n_species];
            if (!part.has_linear_products()) continue;
            const AceCentre& centre = part.centres[t % n_species];
            spread_weights(centre, centre.full,
                           coefficients + static_cast<std::size_t>(system) * n_features + part.first_feature +
                               centre.first_feature,
                           to);
        }
    });
    const bool basis_kept = channels_kept_ && geometry_is_remembered();
    sweep_backward(1, n_threads, energies, forces, virial, atoms, [&](Sweep& s) {
        const std::size_t system = s.chunk->system;
        s.system_coefficients = coefficients + system * n_features;
        s.system_values = table.data() + system * tables;
        s.channels_in = basis_kept ? channels_.data() : nullptr;
    });
    system_parts_.add_predictions(view_, coefficients, 1, n_features, n_threads, energies, forces, virial);
}

void Batch::features(int n_threads, double* features) {
    std::memset(features, 0, sizeof(double) * view_.n_centres * model_->n_features);
    const std::size_t doubles = double_kernels().scratch_doubles(*model_, layout_, 1, Purpose::kPrediction);
    system_parts_.make_globals(view_, n_threads, false);
    const int chunks = static_cast<int>(layout_.chunks.size());
    n_threads = std::max(1, std::min(n_threads, chunks));
    reserve(n_threads);
    parallel_for(chunks, n_threads, [&](int item, int thread) {
        Sweep s = sweep(layout_.chunks[item], thread);
        s.atom_features = features;
        double_kernels().forward(s, scratch(scratch_, thread, doubles));
    });
    system_parts_.add_features(view_, n_threads, features);
}

// `rows` fills the rows of a chunk.
template <class Rows>
void Batch::sweep_rows(std::size_t n_columns, int n_threads, double* energy, double* forces, double* virial,
                       const Rows& rows) {
    const std::size_t systems = view_.n_systems, atoms = view_.n_atoms;
    std::memset(energy, 0, sizeof(double) * n_columns * systems);
    std::memset(forces, 0, sizeof(double) * n_columns * 3 * atoms);
    std::memset(virial, 0, sizeof(double) * n_columns * 6 * systems);
    // One system is one thread's: its chunks add to the same rows.
    const auto chunks_of = [&](int system) {
        const auto less = [](const BatchLayout::Chunk& chunk, int s) { return chunk.system < s; };
        return std::lower_bound(layout_.chunks.begin(), layout_.chunks.end(), system, less);
    };
    std::vector<int> first_atom(systems + 1, view_.n_centres);
    for (int i = view_.n_centres - 1; i >= 0; --i) first_atom[view_.system[i]] = i;
    const std::size_t doubles = double_kernels().scratch_doubles(*model_, layout_, 1, Purpose::kDesign);
    n_threads = std::max(1, std::min(n_threads, view_.n_systems));
    reserve(n_threads);
    parallel_for(view_.n_systems, n_threads, [&](int system, int thread) {
        for (auto chunk = chunks_of(system); chunk != chunks_of(system + 1); ++chunk) {
            Sweep s = sweep(*chunk, thread);
            s.first_atom = first_atom[system];
            s.design_energy = energy + system;
            s.design_energy_stride = static_cast<std::int64_t>(systems);
            s.design_forces = forces + 3 * static_cast<std::size_t>(s.first_atom);
            s.design_forces_stride = static_cast<std::int64_t>(3 * atoms);
            s.design_virial = virial + 6 * static_cast<std::size_t>(system);
            s.design_virial_stride = static_cast<std::int64_t>(6 * systems);
            rows(s, scratch(scratch_, thread, doubles));
        }
    });
}

void Batch::design_rows(int n_threads, double* energy, double* forces, double* virial) {
    const Kernels& kernels = double_kernels();
    const std::size_t row = static_cast<std::size_t>(model_->n_features) * GlobalFeatures::kMost;
    const bool has_globals = system_parts_.n_globals() > 0;
    std::vector<double> slopes(has_globals ? row * view_.n_systems : 0, 0.0);
    system_parts_.make_globals(view_, n_threads, true);
    sweep_rows(model_->n_features, n_threads, energy, forces, virial, [&](Sweep& s, double* scratch) {
        if (has_globals) s.design_global_slopes = slopes.data() + row * s.chunk->system;
        kernels.design(s, scratch);
    });
    if (has_globals) system_parts_.add_global_rows(view_, slopes.data(), forces, virial);
    system_parts_.add_rows(view_, n_threads, energy, forces, virial);
}

void Batch::radial_rows(int part, const double* coefficients, const double* changes, int n_threads,
                        double* energy, double* forces, double* virial) {
    const Kernels& kernels = double_kernels();
    sweep_rows(model_->parts[part].radial.chebyshev.size(), n_threads, energy, forces, virial,
               [&](Sweep& s, double* scratch) {
                   s.radial_part = part;
                   s.radial_changes = changes;
                   s.system_coefficients = coefficients;
                   kernels.radial_rows(s, scratch);
               });
}

int Batch::descriptor_size(int part) const {
    if (part < 0 || part >= static_cast<int>(model_->parts.size()) || !model_->parts[part].is_descriptor())
        throw std::invalid_argument("engine: part " + std::to_string(part) + " of the plan is no descriptor");
    int most = 0;
    for (const Regressor::Centre& c : model_->parts[part].regressor.centres)
        most = std::max(most, c.n_inputs);
    return most;
}

std::vector<std::int32_t> Batch::neighbouring_atoms(std::vector<std::int64_t>& first) const {
    std::vector<std::int32_t> atoms, own;
    std::vector<std::int64_t> chunk_image(view_.n_centres);
    for (const BatchLayout::Chunk& chunk : layout_.chunks)
        for (int at = chunk.begin * layout_.lanes; at < chunk.end * layout_.lanes; ++at)
            if (layout_.blocks[at] >= 0) chunk_image[layout_.blocks[at]] = chunk.first_image;
    first.assign(1, 0);
    std::vector<int> first_atom(view_.n_systems + 1, 0);
    for (int i = 0; i < view_.n_atoms; ++i) ++first_atom[view_.system[i] + 1];
    for (int s = 0; s < view_.n_systems; ++s) first_atom[s + 1] += first_atom[s];
    for (int i = 0; i < view_.n_centres; ++i) {
        own.assign(1, i);
        for (std::int64_t p = view_.first[i]; p < view_.first[i + 1]; ++p)
            own.push_back(layout_.images[chunk_image[i] + layout_.pair_image[p]].atom);
        // Features that the atoms of a system share depend on all of them.
        if (model_->n_globals > 0)
            for (int j = first_atom[view_.system[i]]; j < first_atom[view_.system[i] + 1]; ++j)
                own.push_back(j);
        std::sort(own.begin(), own.end());
        own.erase(std::unique(own.begin(), own.end()), own.end());
        atoms.insert(atoms.end(), own.begin(), own.end());
        first.push_back(static_cast<std::int64_t>(atoms.size()));
    }
    return atoms;
}

void Batch::descriptor_rows(const DescriptorRows& rows, int n_threads) {
    const std::size_t n = descriptor_size(rows.part), centres = view_.n_centres;
    std::fill_n(rows.features, centres * n, 0.0);
    std::fill_n(rows.gradients, 3 * n * rows.first[centres], 0.0);
    std::fill_n(rows.strain, 6 * n * centres, 0.0);
    const std::size_t doubles =
        double_kernels().scratch_doubles(*model_, layout_, 1, Purpose::kDescriptorRows);
    system_parts_.make_globals(view_, n_threads, true);
    const int chunks = static_cast<int>(layout_.chunks.size());
    n_threads = std::max(1, std::min(n_threads, chunks));
    reserve(n_threads);
    parallel_for(chunks, n_threads, [&](int item, int thread) {
        Sweep s = sweep(layout_.chunks[item], thread);
        s.descriptor_rows = &rows;
        double_kernels().design(s, scratch(scratch_, thread, doubles));
    });
    system_parts_.add_global_gradients(view_, rows);
}

} // namespace atomsmith
