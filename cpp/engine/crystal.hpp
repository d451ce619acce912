// The images of a crystal's atoms: which translations bring two atoms of a cell within reach of each other.
#pragma once

#include <vector>

#include "whole_system.hpp"

namespace atomsmith {

class Crystal {
public:
    struct Translation {
        double vector[3];
        double length;
        bool first; // of a vector and its opposite
    };

    // Throws std::invalid_argument where the cell has no volume.
    void set_cell(const WholeSystem& system);
    // Wraps atoms into the cell and lists translations, by length.
    void list_translations(const WholeSystem& system, double reach);

    double volume() const { return volume_; }
    // Columns are reciprocal vectors without 2 pi.
    const double* inverse() const { return inverse_; }
    const double* wrapped(int atom) const { return wrapped_.data() + 3 * static_cast<std::size_t>(atom); }

    // Calls body(i, j, d, squared) with d = r_j - r_i for every pair of atoms i <= j closer than the reach,
    // once for both directions; an atom pairs with its own images.
    template <class Body>
    void for_each_pair(int n_atoms, Body body) const {
        for (int i = 0; i < n_atoms; ++i)
            for (int j = i; j < n_atoms; ++j) {
                const double *from = wrapped(i), *to = wrapped(j);
                const double apart[3] = {to[0] - from[0], to[1] - from[1], to[2] - from[2]};
                const double farthest = reach_ + length_of(apart);
                for (const Translation& t : translations_) {
                    if (t.length > farthest) break;
                    if (i == j && !t.first) continue;
                    const double d[3] = {apart[0] + t.vector[0], apart[1] + t.vector[1],
                                         apart[2] + t.vector[2]};
                    const double squared = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
                    if (squared <= reach_ * reach_) body(i, j, d, squared);
                }
            }
    }

    static double length_of(const double* v);

private:
    double volume_ = 0.0, reach_ = 0.0;
    double inverse_[9] = {};
    std::vector<Translation> translations_;
    std::vector<double> wrapped_; // [atom][3]
};

} // namespace atomsmith
