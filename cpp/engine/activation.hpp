// Activations of networks and their slopes, lane by lane, to about 1e-15.
#pragma once

#include "regressor_memory.hpp"
#include "sin_cos.hpp"

namespace atomsmith::ATOMSMITH_ISA {

// x = k ln 2 + r with |r| <= ln 2 / 2: 2^k and e^r - 1, for |x| < 700.
struct SplitExponential {
    Vec power, rest;
};

ATOMSMITH_INLINE SplitExponential split_exponential(Vec x) {
    constexpr double kRound = 6755399441055744.0; // 1.5 * 2^52: adding it rounds to a whole number
    const Vec shifted = x * 1.4426950408889634 + kRound;
    const Vec k = shifted - kRound;
    const Vec r = (x - k * 0.693147180369123816490) - k * 1.90821492927058770002e-10;
    // The last bits of `shifted` are k in two's complement; they become the exponent.
    const Vec power = (Vec)(((Mask)shifted << 52) + 0x3ff0000000000000);
    Vec series = broadcast(1.0 / 14.0);
    for (int n = 13; n >= 2; --n) series = (1.0 + r * series) * (1.0 / n);
    return {power, r + r * r * series};
}

ATOMSMITH_INLINE Vec clamp(Vec x, double limit) { return min(max(x, -limit), limit); }

ATOMSMITH_INLINE Vec exponential(Vec x) {
    const SplitExponential e = split_exponential(clamp(x, 700.0));
    return e.power + e.power * e.rest;
}

ATOMSMITH_INLINE Vec absolute(Vec x) { return select(x < 0.0, -x, x); }

ATOMSMITH_INLINE Vec hyperbolic_tangent(Vec x) {
    // tanh |x| = (e^2|x| - 1) / (e^2|x| + 1); the difference keeps small arguments exact.
    const SplitExponential e = split_exponential(2.0 * min(absolute(x), 20.0));
    const Vec minus_one = e.power * e.rest + (e.power - 1.0);
    const Vec t = minus_one / (minus_one + 2.0);
    return select(x < 0.0, -t, t);
}

ATOMSMITH_INLINE Vec logistic(Vec x) {
    const Vec e = exponential(-absolute(x)), over = 1.0 / (1.0 + e);
    return select(x < 0.0, e * over, over);
}

// ln(1 + e^x) = max(x, 0) + 2 artanh(e / (2 + e)), e = e^-|x|.
ATOMSMITH_INLINE Vec softplus(Vec x) {
    const Vec e = exponential(-absolute(x)), s = e / (2.0 + e), square = s * s;
    Vec series = broadcast(1.0 / 35.0);
    for (int n = 33; n >= 1; n -= 2) series = series * square + 1.0 / n;
    return max(x, 0.0) + 2.0 * s * series;
}

// Replaces x by its activation and fills its slope, for n neurons.
static inline void activate(const Regressor::Layer& layer, int n, Vec* x, Vec* slope) {
    const auto each = [&](auto f) __attribute__((always_inline)) {
        for (int k = 0; k < n; ++k) f(x[k], slope[k]);
    };
    const double gamma = layer.gamma;
    switch (layer.activation) {
    case Activation::kIdentity:
        return each([](Vec&, Vec& d) { d = broadcast(1.0); });
    case Activation::kTanh:
        return each([](Vec& v, Vec& d) {
            v = hyperbolic_tangent(v);
            d = 1.0 - v * v;
        });
    case Activation::kTanhLinear:
        return each([gamma](Vec& v, Vec& d) {
            const Vec t = hyperbolic_tangent(v);
            d = 1.0 - t * t + gamma;
            v = t + gamma * v;
        });
    case Activation::kSoftplus:
        return each([](Vec& v, Vec& d) {
            d = logistic(v);
            v = softplus(v);
        });
    case Activation::kSilu:
        return each([](Vec& v, Vec& d) {
            const Vec s = logistic(v);
            d = s * (1.0 + v * logistic(-v));
            v *= s;
        });
    case Activation::kLogistic:
        return each([](Vec& v, Vec& d) {
            const Vec s = logistic(v);
            d = s * logistic(-v);
            v = s;
        });
    case Activation::kReverseLogistic:
        return each([](Vec& v, Vec& d) {
            const Vec s = logistic(-v);
            d = -s * logistic(v);
            v = s;
        });
    case Activation::kRelu:
        return each([](Vec& v, Vec& d) {
            d = select(v > 0.0, broadcast(1.0), Vec{});
            v = max(v, 0.0);
        });
    case Activation::kGaussian:
        return each([](Vec& v, Vec& d) {
            const Vec e = exponential(-0.5 * v * v);
            d = -v * e;
            v = e;
        });
    case Activation::kCosine:
        return each([](Vec& v, Vec& d) {
            const SinCos turn = sin_cos_pi(v * 0.31830988618379067);
            d = -turn.sine;
            v = turn.cosine;
        });
    case Activation::kExponential:
        return each([](Vec& v, Vec& d) {
            v = exponential(-v);
            d = -v;
        });
    case Activation::kHarmonic:
        return each([](Vec& v, Vec& d) {
            d = 2.0 * v;
            v *= v;
        });
    }
}

} // namespace atomsmith::ATOMSMITH_ISA
