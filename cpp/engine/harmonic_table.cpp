#include "harmonic_table.hpp"

#include <cmath>

namespace atomsmith {

namespace {

// Normalisation of Y_lm relative to the derivative of the Legendre polynomial d^m P_l / dz^m.
double normalisation(int l, int m) {
    double ratio = 1.0; // (l-m)! / (l+m)!
    for (int k = l - m + 1; k <= l + m; ++k) ratio /= k;
    return std::sqrt((2 * l + 1) / (4.0 * M_PI) * ratio * (m > 0 ? 2.0 : 1.0));
}

template <class Real>
HarmonicTable<Real> make_harmonic_table() {
    using Table = HarmonicTable<Real>;
    Table table{};
    double factorial = 1.0; // (2m-1)!!
    for (int m = 0; m <= Table::kMaxL; ++m) {
        if (m > 0) factorial *= 2 * m - 1;
        table.diagonal[m] = static_cast<Real>(factorial * normalisation(m, m));
        for (int l = m + 1; l <= Table::kMaxL; ++l) {
            const int at = l * Table::kStride + m;
            const double norm = normalisation(l, m);
            table.a[at] = static_cast<Real>((2 * l - 1.0) / (l - m) * norm / normalisation(l - 1, m));
            if (l > m + 1)
                table.b[at] = static_cast<Real>(-(l + m - 1.0) / (l - m) * norm / normalisation(l - 2, m));
            table.dz[at] = static_cast<Real>(norm / normalisation(l, m + 1));
        }
    }
    return table;
}

} // namespace

template <>
const HarmonicTable<double>& harmonic_table() {
    static const HarmonicTable<double> table = make_harmonic_table<double>();
    return table;
}

template <>
const HarmonicTable<float>& harmonic_table() {
    static const HarmonicTable<float> table = make_harmonic_table<float>();
    return table;
}

} // namespace atomsmith
