// Gradients of single symmetry functions: each on its own through the force sweep of its group.
#pragma once

#include "symmetry_forces.hpp"

namespace atomsmith::ATOMSMITH_ISA {

// The gradient of function k with respect to the neighbours of one lane, whose lists are made; `unit` has one
// number for each function, all zero, and is left so.
static inline void symmetry_row(const Symmetry& f, int centre, int k, int n_vectors, double* unit,
                                SymmetryWorkspace& w, const Gradient& row) {
    const Symmetry::Centre& c = f.centres[centre];
    const Symmetry::Place& place = c.places[k];
    clear(row, n_vectors);
    unit[k] = 1.0;
    if (place.angular) {
        const Symmetry::Angular& group = c.angular[place.group];
        const NeighbourList &one = w.lists[group.list1], &two = w.lists[group.list2];
        clear_gradients(one);
        clear_gradients(two);
        angular_slopes_any(f, group, unit, w);
        add_gradients(one, n_vectors, row);
        if (group.list1 != group.list2) add_gradients(two, n_vectors, row);
    } else {
        const Symmetry::Radial& group = c.radial[place.group];
        clear_gradients(w.lists[group.list]);
        radial_slopes(group, unit, w);
        add_gradients(w.lists[group.list], n_vectors, row);
    }
    unit[k] = 0.0;
}

// Calls body(function, first vector, vectors, gx, gy, gz) for the gradients by the neighbours of lane s.
template <class Body>
static inline void for_each_symmetry_gradient(const Part& part, int centre, int s, Workspace& w,
                                              const PartWorkspace& own, Body body) {
    const Symmetry& f = part.symmetry;
    const int n = f.functions[centre].size(), n_vectors = w.near.segments(s)[w.near.n_species];
    SymmetryWorkspace scratch = own.symmetry;
    double* unit = own.gradients;
    for (int k = 0; k < n; ++k) unit[k] = 0.0;
    const Gradient row{w.row, w.row + w.near.stride, w.row + 2 * w.near.stride};
    make_lists(f, centre, w.near, s, scratch);
    for (int k = 0; k < n; ++k) {
        symmetry_row(f, centre, k, n_vectors, unit, scratch, row);
        body(k, 0, n_vectors, row.x, row.y, row.z);
    }
}

} // namespace atomsmith::ATOMSMITH_ISA
