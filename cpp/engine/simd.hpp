// One vector of real numbers, as wide as the instruction set this file is compiled for; double precision, or
// single with -DATOMSMITH_SINGLE.
//
// GCC/Clang vector extensions: arithmetic and comparisons work lane by lane, scalars broadcast. Emulating a
// wider vector than the hardware has was measured to be many times slower, hence the width follows the
// instruction set.
#pragma once

#include <cstdint>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#ifndef ATOMSMITH_ISA
#error "compile with -DATOMSMITH_ISA=<name of the instruction set>"
#endif

namespace atomsmith::ATOMSMITH_ISA {

#if defined(__AVX512F__)
inline constexpr int kBytes = 64;
#elif defined(__AVX__)
inline constexpr int kBytes = 32;
#else
inline constexpr int kBytes = 16;
#endif

#ifdef ATOMSMITH_SINGLE
typedef float Real;
typedef std::int32_t Whole;
#else
typedef double Real;
typedef std::int64_t Whole;
#endif
inline constexpr int kLanes = kBytes / sizeof(Real);

typedef Real Vec __attribute__((vector_size(kBytes)));
typedef Whole Mask __attribute__((vector_size(kBytes)));
// May be loaded from and stored to addresses that are only aligned to one number.
typedef Real VecUnaligned __attribute__((vector_size(kBytes), aligned(sizeof(Real)), may_alias));

#define ATOMSMITH_INLINE static inline __attribute__((always_inline))

ATOMSMITH_INLINE Vec broadcast(Real value) { return Vec{} + value; }

ATOMSMITH_INLINE void store_unaligned(Real* to, Vec value) { *reinterpret_cast<VecUnaligned*>(to) = value; }

ATOMSMITH_INLINE Vec load_unaligned(const Real* from) { return *reinterpret_cast<const VecUnaligned*>(from); }

ATOMSMITH_INLINE Vec select(Mask mask, Vec yes, Vec no) { return mask ? yes : no; }

ATOMSMITH_INLINE Vec max(Vec a, Real b) { return select(a > b, a, broadcast(b)); }

ATOMSMITH_INLINE Vec min(Vec a, Real b) { return select(a < b, a, broadcast(b)); }

ATOMSMITH_INLINE Vec square_root(Vec a) {
#if defined(ATOMSMITH_SINGLE) && defined(__AVX512F__)
    return (Vec)_mm512_sqrt_ps((__m512)a);
#elif defined(ATOMSMITH_SINGLE) && defined(__AVX__)
    return (Vec)_mm256_sqrt_ps((__m256)a);
#elif defined(ATOMSMITH_SINGLE) && defined(__x86_64__)
    return (Vec)_mm_sqrt_ps((__m128)a);
#elif defined(__AVX512F__)
    return (Vec)_mm512_sqrt_pd((__m512d)a);
#elif defined(__AVX__)
    return (Vec)_mm256_sqrt_pd((__m256d)a);
#elif defined(__x86_64__)
    return (Vec)_mm_sqrt_pd((__m128d)a);
#else
    for (int k = 0; k < kLanes; ++k) a[k] = __builtin_sqrt(a[k]);
    return a;
#endif
}

// a^n for small n >= 0.
ATOMSMITH_INLINE Vec power(Vec a, int n) {
    Vec result = broadcast(1.0);
    for (int k = 0; k < n; ++k) result *= a;
    return result;
}

ATOMSMITH_INLINE double horizontal_sum(Vec a) {
    double sum = 0.0; // also of single-precision lanes
    for (int k = 0; k < kLanes; ++k) sum += a[k];
    return sum;
}

// One step of a butterfly over lanes at distance h: lanes without bit h from a, lanes with it from b; each
// lane in `kept` is the vector's own, in `crossed` its partner's.
template <int h>
ATOMSMITH_INLINE void butterfly(Vec a, Vec b, Vec& kept, Vec& crossed) {
    Mask own{}, partner{};
    for (int k = 0; k < kLanes; ++k) {
        own[k] = (k & h) ? k + kLanes : k;
        partner[k] = (k & h) ? (k ^ h) + kLanes : (k ^ h);
    }
    kept = __builtin_shuffle(a, b, own);
    crossed = __builtin_shuffle(a, b, partner);
}

template <int h>
ATOMSMITH_INLINE void reduce_step(Vec* v) {
    for (int i = 0; i < h; ++i) {
        Vec kept, crossed;
        butterfly<h>(v[i], v[i + h], kept, crossed);
        v[i] = kept + crossed;
    }
    if constexpr (h > 1) reduce_step<h / 2>(v);
}

// Lane k of the result is the sum over the lanes of v[k]; v is overwritten.
ATOMSMITH_INLINE Vec sum_each(Vec* v) {
    reduce_step<kLanes / 2>(v);
    return v[0];
}

template <int h>
ATOMSMITH_INLINE void transpose_step(Vec* v) {
    Mask low{}, high{};
    for (int k = 0; k < kLanes; ++k) {
        low[k] = (k & h) ? (k ^ h) + kLanes : k;
        high[k] = (k & h) ? k + kLanes : (k ^ h);
    }
    for (int i = 0; i < kLanes; ++i) {
        if (i & h) continue;
        const Vec a = v[i], b = v[i + h];
        v[i] = __builtin_shuffle(a, b, low);
        v[i + h] = __builtin_shuffle(a, b, high);
    }
    if constexpr (h > 1) transpose_step<h / 2>(v);
}

// Transposes the kLanes x kLanes matrix whose rows are v[0..kLanes).
ATOMSMITH_INLINE void transpose(Vec* v) { transpose_step<kLanes / 2>(v); }

} // namespace atomsmith::ATOMSMITH_ISA
