#include "crystal.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace atomsmith {

namespace {

// Rows of the inverse of a 3 x 3 matrix; returns the determinant's magnitude.
double invert(const double* m, double* inverse) {
    const auto cofactor = [&](int i, int j) {
        const int a = (i + 1) % 3, b = (i + 2) % 3, c = (j + 1) % 3, d = (j + 2) % 3;
        return m[3 * a + c] * m[3 * b + d] - m[3 * a + d] * m[3 * b + c];
    };
    const double determinant = m[0] * cofactor(0, 0) + m[1] * cofactor(0, 1) + m[2] * cofactor(0, 2);
    for (int i = 0; i < 3; ++i)
        for (int j = 0; j < 3; ++j) inverse[3 * j + i] = cofactor(i, j) / determinant;
    return std::abs(determinant);
}

} // namespace

double Crystal::length_of(const double* v) { return std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]); }

void Crystal::set_cell(const WholeSystem& system) {
    volume_ = invert(system.cell, inverse_);
    if (!(volume_ > 0.0)) throw std::invalid_argument("engine: the cell of a crystal has no volume");
}

void Crystal::list_translations(const WholeSystem& system, double reach) {
    reach_ = reach;
    wrapped_.resize(std::size_t{3} * system.n_atoms);
    const double* cell = system.cell;
    for (int i = 0; i < system.n_atoms; ++i) {
        const double* r = system.positions + 3 * i;
        double f[3];
        for (int x = 0; x < 3; ++x)
            f[x] = std::floor(r[0] * inverse_[x] + r[1] * inverse_[3 + x] + r[2] * inverse_[6 + x]);
        for (int x = 0; x < 3; ++x)
            wrapped_[3 * i + x] = r[x] - (f[0] * cell[x] + f[1] * cell[3 + x] + f[2] * cell[6 + x]);
    }
    double apart = 0.0;
    for (int a = 0; a < 3; ++a) apart += length_of(cell + 3 * a);
    int most[3];
    for (int a = 0; a < 3; ++a) {
        const double column[3] = {inverse_[a], inverse_[3 + a], inverse_[6 + a]};
        most[a] = static_cast<int>(std::ceil(reach_ * length_of(column))) + 1;
    }
    translations_.clear();
    for (int h = -most[0]; h <= most[0]; ++h)
        for (int k = -most[1]; k <= most[1]; ++k)
            for (int l = -most[2]; l <= most[2]; ++l) {
                Translation t;
                for (int x = 0; x < 3; ++x) t.vector[x] = h * cell[x] + k * cell[3 + x] + l * cell[6 + x];
                t.length = length_of(t.vector);
                t.first = h > 0 || (h == 0 && (k > 0 || (k == 0 && l > 0)));
                if (t.length <= reach_ + apart) translations_.push_back(t);
            }
    std::stable_sort(translations_.begin(), translations_.end(),
                     [](const Translation& a, const Translation& b) { return a.length < b.length; });
}

} // namespace atomsmith
