// Powers with exponents that need not be whole.
#pragma once

#include "activation.hpp"

namespace atomsmith::ATOMSMITH_ISA {

// The natural logarithm of positive, normal numbers: with x = 2^e m, sqrt(1/2) <= m < sqrt(2), and
// s = (m - 1) / (m + 1), log x = e log 2 + 2 (s + s^3 / 3 + s^5 / 5 + ...); |s| < 0.172.
ATOMSMITH_INLINE Vec logarithm(Vec x) {
    constexpr std::int64_t kRootHalf = 0x3fe6a09e667f3bcd, kFraction = 0x000fffffffffffff;
    constexpr int kTerms = 11;
    const Mask bits = (Mask)x - kRootHalf;
    const Mask exponent = bits >> 52;
    const Vec m = (Vec)((bits & kFraction) + kRootHalf);
    const Vec s = (m - 1.0) / (m + 1.0), square = s * s;
    Vec sum = broadcast(1.0 / (2 * kTerms + 1));
    for (int k = kTerms - 1; k >= 1; --k) sum = sum * square + 1.0 / (2 * k + 1);
    const Vec e = __builtin_convertvector(exponent, Vec);
    // The parts of log 2: e times the first has no rounding error.
    return e * 0x1.62e42fee00000p-1 + (2.0 * s + (2.0 * s * square * sum + e * 0x1.a39ef35793c76p-33));
}

// x^exponent for x >= 0; `whole` is the exponent if it is a whole number, else negative, and then x^exponent
// is 0 for x < 0, which no fitted kernel reaches.
ATOMSMITH_INLINE Vec real_power(Vec x, double exponent, int whole) {
    if (whole >= 0) return power(x, whole);
    const Vec least = broadcast(1.0e-300);
    return select(x > least, exponential(exponent * logarithm(select(x > least, x, least))), Vec{});
}

// The exponent as it is where it is a whole number, -1 where it is not.
inline int whole_exponent(double exponent) {
    const int whole = static_cast<int>(exponent);
    return whole == exponent ? whole : -1;
}

} // namespace atomsmith::ATOMSMITH_ISA
