#include "exponential_integral.hpp"

#include <cmath>
#include <numbers>

namespace atomsmith {

namespace {

constexpr double kEulerGamma = std::numbers::egamma;

// DLMF 6.6.2, for b below 1.
double first_order_series(double b) {
    double sum = -kEulerGamma - std::log(b), term = 1.0;
    for (int n = 1; n < 40; ++n) {
        term *= -b / n;
        sum -= term / n;
        if (std::abs(term) < 1e-18 * std::abs(sum)) break;
    }
    return sum;
}

// DLMF 8.19.17 by the modified method of Lentz, for b from 1 on.
double continued_fraction(double p, double b, double exponential) {
    double denominator = b + p, c = 1e300, d = 1.0 / denominator, value = d;
    for (int n = 1; n < 200; ++n) {
        const double numerator = -n * (p + n - 1.0);
        denominator += 2.0;
        d = 1.0 / (denominator + numerator * d);
        c = denominator + numerator / c;
        value *= c * d;
        if (std::abs(c * d - 1.0) < 1e-16) break;
    }
    return exponential * value;
}

// Orders first, first + 1, ..., every second value; p E_{p+1} = exp(-b) - b E_p, DLMF 8.19.12. Upwards errors
// are multiplied by b / p, downwards by p / b.
void chain(double b, double exponential, double first, int n, double* values) {
    const auto order = [&](int k) { return first + k; };
    if (b >= 1.0) {
        int k = n - 1;
        values[2 * k] = continued_fraction(order(k), b, exponential);
        for (; k > 0; --k) values[2 * k - 2] = (exponential - order(k - 1) * values[2 * k]) / b;
        return;
    }
    const bool whole = first == -1.0;
    // From order 1 or 1/2 both ways.
    const int middle = whole ? 2 : 1;
    double at = whole ? first_order_series(b) : std::sqrt(std::numbers::pi / b) * std::erfc(std::sqrt(b));
    double value = at;
    for (int k = middle; k < n; ++k) {
        values[2 * k] = value;
        value = (exponential - b * value) / order(k);
    }
    for (int k = middle; k > 0; --k) {
        at = (exponential - order(k - 1) * at) / b;
        values[2 * k - 2] = at;
    }
}

} // namespace

void exponential_integrals(double b, int n, double* values) {
    const double exponential = std::exp(-b);
    chain(b, exponential, -1.0, (n + 1) / 2, values);
    chain(b, exponential, -0.5, n / 2, values + 1);
}

} // namespace atomsmith
