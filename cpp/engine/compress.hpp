// Chosen lanes of vectors packed into contiguous memory, and spread out again. Double precision.
#pragma once

#include "simd.hpp"

namespace atomsmith::ATOMSMITH_ISA {

// Bit k is set where lane k of a comparison is true.
ATOMSMITH_INLINE unsigned lane_bits(Mask mask) {
#if defined(__AVX512DQ__)
    return static_cast<unsigned>(_mm512_movepi64_mask((__m512i)mask));
#elif defined(__AVX__)
    return static_cast<unsigned>(_mm256_movemask_pd((__m256d)mask));
#elif defined(__x86_64__)
    return static_cast<unsigned>(_mm_movemask_pd((__m128d)mask));
#else
    unsigned bits = 0;
    for (int k = 0; k < kLanes; ++k) bits |= (mask[k] != 0) << k;
    return bits;
#endif
}

inline constexpr unsigned kAllLanes = (1u << kLanes) - 1;

// Writes the chosen lanes; what follows them, up to a whole vector, is overwritten.
ATOMSMITH_INLINE void compress(double* to, Vec value, unsigned bits) {
#if defined(__AVX512DQ__)
    store_unaligned(to, (Vec)_mm512_maskz_compress_pd(static_cast<__mmask8>(bits), (__m512d)value));
#else
    for (int k = 0; k < kLanes; ++k)
        if (bits >> k & 1) *to++ = value[k];
#endif
}

// The inverse; other lanes are zero. Reads a whole vector.
ATOMSMITH_INLINE Vec expand(const double* from, unsigned bits) {
#if defined(__AVX512DQ__)
    return (Vec)_mm512_maskz_expand_pd(static_cast<__mmask8>(bits), (__m512d)load_unaligned(from));
#else
    Vec value{};
    for (int k = 0; k < kLanes; ++k)
        if (bits >> k & 1) value[k] = *from++;
    return value;
#endif
}

} // namespace atomsmith::ATOMSMITH_ISA
