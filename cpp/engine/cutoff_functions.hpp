// How symmetry functions fade towards their cutoff, and the exponential of a number that is not positive.
#pragma once

#include "symmetry_plan.hpp"
#include "workspace.hpp"

namespace atomsmith::ATOMSMITH_ISA {

// e^x for x <= 0, to rounding: x = k ln 2 + r, a Taylor series in |r| <= ln 2 / 2.
ATOMSMITH_INLINE Vec decay(Vec x) {
    constexpr double kRound = 6755399441055744.0; // 1.5 * 2^52: adding it rounds to a whole number
    x = max(x, -700.0);
    const Vec shifted = x * 1.4426950408889634 + kRound;
    const Vec k = shifted - kRound;
    const Vec r = (x - k * 0.693147180369123816490) - k * 1.90821492927058770002e-10;
    constexpr double kInverseFactorial[13] = {1.0,
                                              1.0,
                                              1.0 / 2.0,
                                              1.0 / 6.0,
                                              1.0 / 24.0,
                                              1.0 / 120.0,
                                              1.0 / 720.0,
                                              1.0 / 5040.0,
                                              1.0 / 40320.0,
                                              1.0 / 362880.0,
                                              1.0 / 3628800.0,
                                              1.0 / 39916800.0,
                                              1.0 / 479001600.0};
    Vec series = broadcast(kInverseFactorial[12]);
    for (int n = 11; n >= 0; --n) series = series * r + kInverseFactorial[n];
    // The last bits of `shifted` are k in two's complement; they become the exponent.
    return series * (Vec)(((Mask)shifted << 52) + 0x3ff0000000000000);
}

struct Fade {
    Vec value, slope; // slope = f'(r) / r
};

// (1 + cos(pi sqrt(u))) / 2, u in [0, 1], is an entire function of u: no root, no angle.
ATOMSMITH_INLINE Fade cosine_fade(Vec square, double cutoff) {
    constexpr int kTerms = 15;
    constexpr auto coefficients = [] {
        struct {
            double c[kTerms];
        } table{};
        double term = 0.5;
        for (int n = 0; n < kTerms; ++n) {
            table.c[n] = term;
            term *= -9.869604401089358619 / ((2 * n + 1) * (2 * n + 2));
        }
        table.c[0] = 1.0;
        return table;
    }();
    const double over = 1.0 / (cutoff * cutoff);
    const Vec u = square * over;
    Vec value = broadcast(coefficients.c[kTerms - 1]), slope{};
    for (int n = kTerms - 2; n >= 0; --n) {
        slope = slope * u + value;
        value = value * u + coefficients.c[n];
    }
    return {value, slope * (2.0 * over)};
}

// Polynomials of x between 0 and 1, with 1 to 4 derivatives that vanish at both ends, and d/dx.
ATOMSMITH_INLINE void polynomial_fade(Symmetry::Cutoff kind, Vec x, Vec& value, Vec& slope) {
    const Vec square = x * x, rest = 1.0 - x;
    switch (kind) {
    case Symmetry::Cutoff::kPoly1:
        value = square * (2.0 * x - 3.0) + 1.0;
        slope = -6.0 * x * rest;
        return;
    case Symmetry::Cutoff::kPoly2:
        value = square * x * ((15.0 - 6.0 * x) * x - 10.0) + 1.0;
        slope = -30.0 * square * rest * rest;
        return;
    case Symmetry::Cutoff::kPoly3:
        value = square * square * (((20.0 * x - 70.0) * x + 84.0) * x - 35.0) + 1.0;
        slope = -140.0 * square * x * rest * rest * rest;
        return;
    default:
        value = square * square * x * ((((315.0 - 70.0 * x) * x - 540.0) * x + 420.0) * x - 126.0) + 1.0;
        slope = -630.0 * square * square * rest * rest * rest * rest;
    }
}

// e^(1 - 1 / (1 - x^2)), 0 <= x <= 1, and d/dx.
ATOMSMITH_INLINE void exponential_fade(Vec x, Vec& value, Vec& slope) {
    const Vec to_go = 1.0 / (1.0 - x * x + 1e-300);
    value = decay(min(1.0 - to_go, 0.0));
    // Where the exponential underflows its slope does too.
    slope = select(value > 1e-290, -2.0 * x * to_go * to_go * value, Vec{});
}

// 1 at the middle of two ends, 0 from the ends on, and the derivative by the coordinate.
ATOMSMITH_INLINE void compact_function(Symmetry::Cutoff core, bool asymmetric, double low, double high,
                                       Vec at, Vec& value, Vec& slope) {
    const double over = 2.0 / (high - low);
    const Vec from_middle = (at - 0.5 * (low + high)) * over;
    const Vec side = select(from_middle < 0.0, broadcast(-over), broadcast(over));
    const Vec x = min(select(from_middle < 0.0, -from_middle, from_middle), 1.0);
    const Vec argument = asymmetric ? (2.0 - x) * x : x;
    if (core == Symmetry::Cutoff::kExponential)
        exponential_fade(argument, value, slope);
    else
        polynomial_fade(core, argument, value, slope);
    if (asymmetric) slope *= 2.0 - 2.0 * x;
    slope *= side;
}

// The cutoff function at distances r < cutoff; r^2 and 1/r are known.
static inline Fade cutoff_fade(Symmetry::Cutoff kind, double inner_share, double cutoff, Vec r, Vec square,
                               Vec inverse) {
    using Cutoff = Symmetry::Cutoff;
    if (kind == Cutoff::kHard) return {broadcast(1.0), Vec{}};
    if (kind == Cutoff::kCosine && inner_share == 0.0) return cosine_fade(square, cutoff);
    if (kind == Cutoff::kTanh || kind == Cutoff::kTanhFree) {
        constexpr double kTanhOne = 0.76159415595576488812;
        const double norm = kind == Cutoff::kTanh ? 1.0 / (kTanhOne * kTanhOne * kTanhOne) : 1.0;
        const Vec e = decay(2.0 * (r * (1.0 / cutoff) - 1.0));
        const Vec t = (1.0 - e) / (1.0 + e), square_t = t * t;
        return {norm * square_t * t, (3.0 * norm / cutoff) * square_t * (square_t - 1.0) * inverse};
    }
    const double inner = inner_share * cutoff, over = 1.0 / (cutoff - inner);
    const Vec x = min(max((r - inner) * over, 0.0), 1.0);
    Vec value, slope;
    if (kind == Cutoff::kCosine) {
        const Fade cosine = cosine_fade(x * x, 1.0);
        value = cosine.value;
        slope = cosine.slope * x;
    } else if (kind == Cutoff::kExponential) {
        exponential_fade(x, value, slope);
    } else {
        polynomial_fade(kind, x, value, slope);
    }
    return {value, slope * over * inverse};
}

// The same for functions that may be compact.
ATOMSMITH_INLINE Fade fade_of(const Symmetry& f, const Symmetry::Compact& compact, double low, double cutoff,
                              Vec r, Vec square, Vec inverse) {
    if (!compact.is) return cutoff_fade(f.cutoff_function, f.inner, cutoff, r, square, inverse);
    Fade fade;
    compact_function(compact.core, compact.asymmetric, low, cutoff, r, fade.value, fade.slope);
    fade.slope *= inverse;
    return fade;
}

} // namespace atomsmith::ATOMSMITH_ISA
