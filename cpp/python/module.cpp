// The Python module atomsmith._engine: plain arrays in, plain arrays out. docs/architecture.md describes the
// plan.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <stdexcept>

#include "../engine/evaluate.hpp"
#include "../engine/pair_order.hpp"
#include "../engine/parallel.hpp"
#include "../engine/read_plan.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using atomsmith::Batch;
using atomsmith::BatchView;
using atomsmith::Model;
using atomsmith::PairOrder;
using atomsmith::Part;
using atomsmith::Weights;

template <class T, int n>
using Input = nb::ndarray<const T, nb::ndim<n>, nb::c_contig, nb::device::cpu>;
using Output = nb::ndarray<nb::numpy, double>;

// A part of a plan as `read_plan.hpp` reads it.
struct PlanDict {
    nb::dict from;

    bool contains(const char* key) const { return from.contains(key); }
    template <class T>
    T value(const char* key) const {
        return nb::cast<T>(from[key]);
    }
    template <class T>
    std::vector<T> array(const char* key) const {
        if (nb::isinstance<nb::list>(from[key])) return nb::cast<std::vector<T>>(from[key]);
        const auto view = nb::cast<nb::ndarray<const T, nb::c_contig, nb::device::cpu>>(from[key]);
        return std::vector<T>(view.data(), view.data() + view.size());
    }
    PlanDict dict(const char* key) const { return {nb::cast<nb::dict>(from[key])}; }
    std::vector<PlanDict> list(const char* key) const {
        std::vector<PlanDict> entries;
        for (nb::handle entry : nb::cast<nb::list>(from[key])) entries.push_back({nb::cast<nb::dict>(entry)});
        return entries;
    }
};

std::shared_ptr<Model> model_of(const nb::dict& plan) { return atomsmith::read_model(PlanDict{plan}); }

// Owns the index arrays of a batch.
struct PyBatch {
    std::vector<std::int32_t> species, system;
    std::vector<std::int64_t> first;
    std::vector<std::uint8_t> periodic;
    std::unique_ptr<Batch> batch;
    int n_systems;

    using Positions = Input<double, 2>;
    using Cells = Input<double, 3>;

    void set(const Positions& positions, const Cells& cells) {
        if (positions.shape(0) != species.size() || positions.shape(1) != 3)
            throw std::invalid_argument("engine: positions do not have the shape (atoms of the batch, 3)");
        if (static_cast<int>(cells.shape(0)) != n_systems || cells.shape(1) != 3 || cells.shape(2) != 3)
            throw std::invalid_argument("engine: cells do not have the shape (systems of the batch, 3, 3)");
        batch->set_geometry(positions.data(), cells.data());
    }
};

// A NumPy array that owns `shape`'s product of doubles; Fortran order where `columns` is true (2-d only).
Output make_array(std::initializer_list<std::size_t> shape, bool columns = false) {
    std::size_t size = 1;
    for (std::size_t n : shape) size *= n;
    auto* data = new double[size ? size : 1];
    nb::capsule owner(data, [](void* p) noexcept { delete[] static_cast<double*>(p); });
    if (!columns) return Output(data, shape, owner);
    const auto rows = static_cast<std::int64_t>(*shape.begin());
    return Output(data, shape, owner, {1, rows});
}

nb::tuple predict(PyBatch& self, const Weights& weights, const PyBatch::Positions& positions,
                  const PyBatch::Cells& cells, int n_threads) {
    self.set(positions, cells);
    const std::size_t sets = weights.n_sets, atoms = self.species.size(), systems = self.n_systems;
    if (weights.coefficients.size() != sets * self.batch->model().n_features)
        throw std::invalid_argument("engine: these weights belong to another model");
    Output energies = make_array({sets, static_cast<std::size_t>(self.batch->view().n_centres)});
    Output forces = make_array({sets, atoms, 3}), virial = make_array({sets, systems, 3, 3});
    {
        nb::gil_scoped_release release;
        self.batch->predict(weights, n_threads, energies.data(), forces.data(), virial.data());
    }
    return nb::make_tuple(energies, forces, virial);
}

nb::tuple forward(PyBatch& self, const PyBatch::Positions& positions, const PyBatch::Cells& cells,
                  int n_threads) {
    self.set(positions, cells);
    Output sums = make_array(
        {static_cast<std::size_t>(self.n_systems), static_cast<std::size_t>(self.batch->model().n_features)});
    Output fixed = make_array({static_cast<std::size_t>(self.batch->view().n_centres)});
    {
        nb::gil_scoped_release release;
        self.batch->forward(n_threads, sums.data(), fixed.data());
    }
    return nb::make_tuple(sums, fixed);
}

nb::tuple backward(PyBatch& self, const Input<double, 2>& coefficients, const PyBatch::Positions& positions,
                   const PyBatch::Cells& cells, int n_threads) {
    self.set(positions, cells);
    const std::size_t atoms = self.species.size(), systems = self.n_systems;
    if (coefficients.shape(0) != systems ||
        static_cast<int>(coefficients.shape(1)) != self.batch->model().n_features)
        throw std::invalid_argument("engine: coefficients do not have the shape (systems, features)");
    Output energies = make_array({static_cast<std::size_t>(self.batch->view().n_centres)});
    Output forces = make_array({atoms, 3}), virial = make_array({systems, 3, 3});
    {
        nb::gil_scoped_release release;
        self.batch->backward(coefficients.data(), n_threads, energies.data(), forces.data(), virial.data());
    }
    return nb::make_tuple(energies, forces, virial);
}

Output features(PyBatch& self, const PyBatch::Positions& positions, const PyBatch::Cells& cells,
                int n_threads) {
    self.set(positions, cells);
    Output out = make_array({static_cast<std::size_t>(self.batch->view().n_centres),
                             static_cast<std::size_t>(self.batch->model().n_features)});
    {
        nb::gil_scoped_release release;
        self.batch->features(n_threads, out.data());
    }
    return out;
}

nb::tuple design_rows(PyBatch& self, const PyBatch::Positions& positions, const PyBatch::Cells& cells,
                      int n_threads) {
    self.set(positions, cells);
    const std::size_t n = self.batch->model().n_features, systems = self.n_systems,
                      atoms = self.species.size();
    Output energy = make_array({systems, n}, true), forces = make_array({3 * atoms, n}, true),
           virial = make_array({6 * systems, n}, true);
    {
        nb::gil_scoped_release release;
        self.batch->design_rows(n_threads, energy.data(), forces.data(), virial.data());
    }
    return nb::make_tuple(energy, forces, virial);
}

nb::tuple radial_rows(PyBatch& self, int part, const Input<double, 1>& coefficients,
                      const Input<double, 4>& changes, const PyBatch::Positions& positions,
                      const PyBatch::Cells& cells, int n_threads) {
    self.set(positions, cells);
    const Model& model = self.batch->model();
    if (part < 0 || part >= static_cast<int>(model.parts.size()) ||
        model.parts[part].kind != Part::Kind::kMoments || model.parts[part].radial.chebyshev_size == 0)
        throw std::invalid_argument("engine: radial_rows needs a part of moments with a Chebyshev table");
    if (static_cast<int>(coefficients.size()) != model.n_features)
        throw std::invalid_argument("engine: coefficients do not have the shape (features,)");
    const std::size_t n = model.parts[part].radial.chebyshev.size(), systems = self.n_systems,
                      atoms = self.species.size();
    if (changes.size() != n * model.parts[part].radial.chebyshev_size)
        throw std::invalid_argument("engine: changes do not have the shape (pairs, functions, size, size)");
    Output energy = make_array({systems, n}, true), forces = make_array({3 * atoms, n}, true),
           virial = make_array({6 * systems, n}, true);
    {
        nb::gil_scoped_release release;
        self.batch->radial_rows(part, coefficients.data(), changes.data(), n_threads, energy.data(),
                                forces.data(), virial.data());
    }
    return nb::make_tuple(energy, forces, virial);
}

// A NumPy array that owns a vector.
template <class T>
nb::ndarray<nb::numpy, T> array_from(std::vector<T>&& values) {
    auto* owned = new std::vector<T>(std::move(values));
    nb::capsule owner(owned, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
    return nb::ndarray<nb::numpy, T>(owned->data(), {owned->size()}, owner);
}

nb::tuple descriptor_rows(PyBatch& self, int part, const PyBatch::Positions& positions,
                          const PyBatch::Cells& cells, int n_threads) {
    self.set(positions, cells);
    const std::size_t n = self.batch->descriptor_size(part), centres = self.batch->view().n_centres;
    std::vector<std::int64_t> first;
    std::vector<std::int32_t> atom = self.batch->neighbouring_atoms(first);
    Output features = make_array({centres, n}), gradients = make_array({atom.size(), 3, n}),
           strain = make_array({centres, 6, n});
    {
        nb::gil_scoped_release release;
        atomsmith::DescriptorRows rows;
        rows.part = part;
        rows.n_features = static_cast<int>(n);
        rows.first = first.data();
        rows.atom = atom.data();
        rows.features = features.data();
        rows.gradients = gradients.data();
        rows.strain = strain.data();
        self.batch->descriptor_rows(rows, n_threads);
    }
    return nb::make_tuple(features, array_from(std::move(first)), array_from(std::move(atom)), gradients,
                          strain);
}

// Rows of the kernel (B . B_s)^zeta for all atoms of one species, from what `descriptor_rows` returns.
nb::tuple kernel_rows(const Input<double, 2>& points, double zeta, const Input<std::int64_t, 1>& centres,
                      const Input<std::int32_t, 1>& system, int n_systems, const Input<double, 2>& features,
                      const Input<std::int64_t, 1>& first, const Input<std::int32_t, 1>& atom,
                      const Input<double, 3>& gradients, const Input<double, 3>& strain, int n_threads) {
    const std::size_t n_points = points.shape(0), n_inputs = points.shape(1), n_atoms = features.shape(0),
                      width = 2 * atomsmith::kernels().lanes, panels = (n_points + width - 1) / width;
    if (n_inputs > features.shape(1) || system.size() != n_atoms || first.size() != n_atoms + 1 ||
        gradients.shape(0) != atom.size() || gradients.shape(1) != 3 ||
        gradients.shape(2) != features.shape(1) || strain.shape(0) != n_atoms || strain.shape(1) != 6 ||
        strain.shape(2) != features.shape(1) || zeta < 1)
        throw std::invalid_argument("engine: the arrays of kernel rows do not fit together");
    std::vector<double> packed(panels * width * n_inputs, 0.0);
    for (std::size_t s = 0; s < n_points; ++s)
        for (std::size_t d = 0; d < n_inputs; ++d)
            packed[(s / width * n_inputs + d) * width + s % width] = points(s, d);
    const std::size_t systems = n_systems;
    Output energy = make_array({systems, panels * width}), forces = make_array({3 * n_atoms, panels * width}),
           virial = make_array({6 * systems, panels * width});
    // Centres of one system are one thread's, because they add to the same rows.
    std::vector<std::int64_t> begin(systems + 1, 0);
    for (std::size_t c = 0; c < centres.size(); ++c) ++begin[system(centres(c)) + 1];
    for (std::size_t s = 0; s < systems; ++s) begin[s + 1] += begin[s];
    {
        nb::gil_scoped_release release;
        for (Output* rows : {&energy, &forces, &virial}) std::fill_n(rows->data(), rows->size(), 0.0);
        atomsmith::parallel_for(n_systems, n_threads, [&](int item, int) {
            atomsmith::KernelRows rows;
            rows.n_inputs = static_cast<int>(n_inputs);
            rows.zeta = zeta;
            rows.n_panels = static_cast<int>(panels);
            rows.points = packed.data();
            rows.features = features.data();
            rows.n_features = static_cast<int>(features.shape(1));
            rows.first = first.data();
            rows.atom = atom.data();
            rows.gradients = gradients.data();
            rows.strain = strain.data();
            rows.system = system.data();
            rows.centres = centres.data();
            rows.begin = begin[item];
            rows.end = begin[item + 1];
            rows.energy = energy.data();
            rows.forces = forces.data();
            rows.virial = virial.data();
            atomsmith::kernels().kernel_rows(rows);
        });
    }
    return nb::make_tuple(energy, forces, virial);
}

void order_pairs(PairOrder* self, const Input<std::uint64_t, 2>& pairs, const Input<std::int32_t, 2>& shifts,
                 const Input<std::int64_t, 1>& atom, const Input<std::int64_t, 2>& cell,
                 const Input<bool, 1>& own) {
    const std::size_t n = atom.shape(0), n_pairs = pairs.shape(0);
    if (pairs.shape(1) != 2 || shifts.shape(0) != n_pairs || shifts.shape(1) != 3 || cell.shape(0) != n ||
        cell.shape(1) != 3 || own.shape(0) != n)
        throw std::invalid_argument("engine: the arrays of pairs do not fit together");
    if (std::any_of(pairs.data(), pairs.data() + 2 * n_pairs, [&](std::uint64_t i) { return i >= n; }))
        throw std::invalid_argument("engine: a pair names an atom that is not there");
    nb::gil_scoped_release release;
    new (self) PairOrder({n, atom.data(), cell.data(), own.data()}, n_pairs, pairs.data(), shifts.data());
}

void write_pairs(const PairOrder& self, const Input<std::int64_t, 1>& start,
                 const nb::ndarray<std::int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>& neighbour,
                 const nb::ndarray<std::int16_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>& shift) {
    const std::size_t n_pairs = neighbour.shape(0);
    bool fits = start.shape(0) == self.n_rows() && shift.shape(0) == n_pairs && shift.shape(1) == 3;
    for (std::size_t r = 0; fits && r < self.n_rows(); ++r)
        fits = start(r) >= 0 && start(r) + self.n_entries(r) <= n_pairs;
    if (!fits) throw std::invalid_argument("engine: the rows of pairs do not fit into these arrays");
    nb::gil_scoped_release release;
    self.write(start.data(), neighbour.data(), shift.data());
}

} // namespace

NB_MODULE(_engine, m) {
    m.doc() = "The compiled engine: energies, forces and virials of a plan; see docs/architecture.md";
    m.def(
        "isa", [] { return std::string(atomsmith::kernels().name); },
        "Instruction set of the chosen kernels");
    m.def("kernel_rows", &kernel_rows, "points"_a, "zeta"_a, "centres"_a, "system"_a, "n_systems"_a,
          "features"_a, "first"_a, "atom"_a, "gradients"_a, "strain"_a, "n_threads"_a = 1);
    m.def("lanes", [] { return atomsmith::kernels().lanes; }, "Doubles in one vector of the chosen kernels");

    nb::class_<Model>(m, "Model", "A checked plan")
        .def_static("from_plan", &model_of, "plan"_a)
        .def_prop_ro("n_features", [](const Model& self) { return self.n_features; })
        .def_prop_ro("cutoff", [](const Model& self) { return self.cutoff; })
        .def_prop_ro("single_precision",
                     [](const Model& self) {
                         return std::all_of(self.parts.begin(), self.parts.end(),
                                            atomsmith::works_in_single_precision);
                     })
        .def_prop_ro("local",
                     [](const Model& self) {
                         return std::all_of(self.parts.begin(), self.parts.end(),
                                            [](const Part& part) { return part.is_local(); });
                     })
        .def_prop_ro("first_features", [](const Model& self) {
            std::vector<int> first;
            for (const Part& part : self.parts) first.push_back(part.first_feature);
            return first;
        });

    nb::class_<Weights>(m, "Weights", "Sets of linear coefficients, spread over the products they need")
        .def_static(
            "from_coefficients",
            [](const Model& model, const Input<double, 2>& coefficients) {
                if (static_cast<int>(coefficients.shape(1)) != model.n_features)
                    throw std::invalid_argument(
                        "engine: coefficients do not have the shape (sets, features)");
                return atomsmith::make_weights(model, coefficients.data(),
                                               static_cast<int>(coefficients.shape(0)));
            },
            "model"_a, "coefficients"_a)
        .def_prop_ro("n_sets", [](const Weights& self) { return self.n_sets; })
        .def_prop_ro(
            "n_products",
            [](const Weights& self) {
                std::size_t n = 0;
                for (const auto& part : self.centres)
                    for (const auto& centre : part) n += centre.program.n_weights;
                return n;
            },
            "Weighted products over all centres, after unused ones were dropped");

    nb::class_<PairOrder>(m, "PairOrder", "Pairs of a search in the order of a neighbour list")
        .def("__init__", &order_pairs, "pairs"_a, "shifts"_a, "atom"_a, "cell"_a, "own"_a)
        .def("counts",
             [](const PairOrder& self) {
                 std::vector<std::int64_t> counts(self.n_rows());
                 for (std::size_t r = 0; r < counts.size(); ++r) counts[r] = self.n_entries(r);
                 return array_from(std::move(counts));
             })
        .def("write", &write_pairs, "start"_a, "neighbour"_a.noconvert(), "shift"_a.noconvert());

    nb::class_<PyBatch>(m, "Batch", "A neighbour list of a batch of systems, ready for evaluations")
        .def(
            "__init__",
            [](PyBatch* self, std::shared_ptr<Model> model, const Input<std::int32_t, 1>& species,
               const Input<std::int32_t, 1>& system, int n_systems, const Input<std::int64_t, 1>& first,
               const Input<std::int32_t, 1>& neighbour, const Input<std::int16_t, 2>& shift, int n_threads,
               bool single, const std::optional<Input<bool, 1>>& periodic) {
                const std::size_t pairs = neighbour.size();
                if (first.size() < 1 || first.size() - 1 > species.size() ||
                    system.size() != species.size() || shift.shape(0) != pairs || shift.shape(1) != 3 ||
                    first(first.size() - 1) != static_cast<std::int64_t>(pairs))
                    throw std::invalid_argument("engine: the neighbour list's arrays do not fit together");
                if (periodic && static_cast<int>(periodic->size()) != n_systems)
                    throw std::invalid_argument("engine: periodic needs one value for each system");
                new (self) PyBatch();
                if (periodic) self->periodic.assign(periodic->data(), periodic->data() + periodic->size());
                self->species.assign(species.data(), species.data() + species.size());
                self->system.assign(system.data(), system.data() + system.size());
                self->first.assign(first.data(), first.data() + first.size());
                self->n_systems = n_systems;
                BatchView view;
                view.n_systems = n_systems;
                view.n_atoms = static_cast<int>(self->species.size());
                view.n_centres = static_cast<int>(self->first.size()) - 1;
                view.species = self->species.data();
                view.system = self->system.data();
                view.first = self->first.data();
                view.neighbour = neighbour.data();
                view.shift = shift.data();
                view.periodic = periodic ? self->periodic.data() : nullptr;
                self->batch = std::make_unique<Batch>(std::move(model), view, n_threads,
                                                      single ? atomsmith::Precision::kSingle
                                                             : atomsmith::Precision::kDouble);
            },
            "model"_a, "species"_a, "system"_a, "n_systems"_a, "first"_a, "neighbour"_a, "shift"_a,
            "n_threads"_a = 1, "single"_a = false, "periodic"_a = nb::none())
        .def("predict", &predict, "weights"_a, "positions"_a, "cells"_a, "n_threads"_a = 1)
        .def("forward", &forward, "positions"_a, "cells"_a, "n_threads"_a = 1)
        .def("backward", &backward, "coefficients"_a, "positions"_a, "cells"_a, "n_threads"_a = 1)
        .def("features", &features, "positions"_a, "cells"_a, "n_threads"_a = 1)
        .def("design_rows", &design_rows, "positions"_a, "cells"_a, "n_threads"_a = 1)
        .def("radial_rows", &radial_rows, "part"_a, "coefficients"_a, "changes"_a, "positions"_a, "cells"_a,
             "n_threads"_a = 1)
        .def("descriptor_rows", &descriptor_rows, "part"_a, "positions"_a, "cells"_a, "n_threads"_a = 1);
}
