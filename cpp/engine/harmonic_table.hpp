// Constants of spherical harmonics.
#pragma once

namespace atomsmith {

// Constants of the recursion of orthonormal real spherical harmonics, row l, column m.
template <class Real>
struct HarmonicTable {
    static constexpr int kMaxL = 16;
    static constexpr int kStride = kMaxL + 1;
    Real a[kStride * kStride]; // q_lm = a z q_{l-1,m} + b q_{l-2,m}
    Real b[kStride * kStride];
    Real dz[kStride * kStride]; // d q_lm / dz = dz q_{l,m+1}
    Real diagonal[kStride];     // q_mm
};

template <class Real>
const HarmonicTable<Real>& harmonic_table();
template <>
const HarmonicTable<double>& harmonic_table();
template <>
const HarmonicTable<float>& harmonic_table();

} // namespace atomsmith
