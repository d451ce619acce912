// Functions F(rho; m) of densities and their slopes, and the switch between an embedding and its core.
#pragma once

#include "activation.hpp"

namespace atomsmith::ATOMSMITH_ISA {

// sign(x) ((1 - g) |x|^m + w^(1-m) g |x|), g = exp(-(w |x|)^3), w = 10^6: |x|^m with a finite slope at 0
// (Bochkarev et al., Phys. Rev. Mater. 6, 013804 (2022), appendix).
static inline void finnis_sinclair(double x, double exponent, double& value, double& slope) {
    constexpr double w = 1e6;
    const double a = __builtin_fabs(x), limit = __builtin_pow(w, 1.0 - exponent);
    if (a <= 1e-10) {
        value = limit * x;
        slope = limit;
        return;
    }
    const double cube = w * a * w * a * w * a;
    const double power = __builtin_pow(a, exponent), g = cube > 30.0 ? 0.0 : __builtin_exp(-cube);
    const double dg = -3.0 * w * w * w * a * a * g;
    value = __builtin_copysign((1.0 - g) * power + limit * g * a, x);
    slope = exponent * power / a * (1.0 - g) - power * dg + limit * (dg * a + g);
}

// sign(x) ((|x| + x_0 exp(-|x|))^m - y_0 exp(-|x|)), where x^m has slope 1 and value y_0
// at x_0.
static inline void shifted_scaled(double x, double exponent, double& value, double& slope) {
    if (__builtin_fabs(exponent - 1.0) < 1e-10) {
        value = x;
        slope = 1.0;
        return;
    }
    const double a = __builtin_fabs(x), decay = __builtin_exp(-a), inverse = 1.0 / exponent;
    const double x0 = __builtin_pow(inverse, inverse / (1.0 - inverse)) * decay;
    const double y0 = __builtin_pow(inverse, 1.0 / (1.0 - inverse)) * decay;
    const double power = __builtin_pow(x0 + a, exponent);
    value = __builtin_copysign(power - y0, x);
    slope = y0 + exponent * (1.0 - x0) * power / (x0 + a);
}

// 1 below end - width, 0 above end, a quintic between.
static inline void falling_step(double x, double end, double width, double& value, double& slope) {
    slope = 0.0;
    if (x >= end || x <= end - width) {
        value = x <= end - width ? 1.0 : 0.0;
        return;
    }
    const double s = (x - (end - width)) / width;
    value = 1.0 - s * s * s * (10.0 - s * (15.0 - 6.0 * s));
    slope = -30.0 * s * s * (1.0 - s) * (1.0 - s) / width;
}

// The same as `shifted_scaled` of all lanes.
ATOMSMITH_INLINE Vec shifted_scaled(Vec x, const Regressor::Density& d, Vec& slope) {
    const Vec a = absolute(x), decay = exponential(-a);
    const Vec x0 = d.x0 * decay, y0 = d.y0 * decay, base = a + x0;
    Vec power;
    if (d.exponent == 0.5)
        power = square_root(base);
    else if (d.exponent == 2.0)
        power = base * base;
    else
        for (int s = 0; s < kLanes; ++s) power[s] = __builtin_pow(base[s], d.exponent);
    slope = y0 + d.exponent * (1.0 - x0) * power / base;
    const Vec value = power - y0;
    return select(x < 0.0, -value, value);
}

} // namespace atomsmith::ATOMSMITH_ISA
