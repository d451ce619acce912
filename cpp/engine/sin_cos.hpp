// Sine and cosine of a vector.
#pragma once

#include "simd.hpp"

namespace atomsmith::ATOMSMITH_ISA {

struct SinCos {
    Vec sine, cosine;
};

// sin(pi t) and cos(pi t), to rounding for moderate t: Taylor series on |t| <= 1/2.
ATOMSMITH_INLINE SinCos sin_cos_pi(Vec t) {
    constexpr double kRound = 6755399441055744.0; // 1.5 * 2^52: adding it rounds to a whole number
    const Vec whole = (t + kRound) - kRound;
    const Vec half = 0.5 * whole;
    const Vec odd = 2.0 * (half - ((half + kRound) - kRound)); // 0 or +-1
    const Vec sign = 1.0 - 2.0 * odd * odd;
    const Vec y = (t - whole) * 3.14159265358979323846;
    const Vec x = y * y;
    Vec sine = broadcast(1.0), cosine = broadcast(1.0);
    for (int k = 24; k >= 2; k -= 2) {
        sine = 1.0 - sine * x * (1.0 / (k * (k + 1)));
        cosine = 1.0 - cosine * x * (1.0 / (k * (k - 1)));
    }
    return {sine * y * sign, cosine * sign};
}

} // namespace atomsmith::ATOMSMITH_ISA
