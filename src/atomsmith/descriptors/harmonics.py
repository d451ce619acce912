"""Real spherical harmonics and the tensors that couple them to invariants.

Convention of the whole project: real and orthonormal on the unit sphere, no Condon-Shortley phase, m < 0 for
sin(abs(m) phi) and m > 0 for cos(m phi); so (Y_1-1, Y_10, Y_11) is proportional to (y, z, x).
"""

# ruff: noqa: E741 (l is the field's name of the angular degree)

from __future__ import annotations

from fractions import Fraction
from functools import cache
from math import factorial, pi, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atomsmith.systems import FloatArray


def real_spherical_harmonics(l_max: int, directions: NDArray[Any]) -> NDArray[Any]:
    """Real orthonormal spherical harmonics up to degree ``l_max``.

    Written as polynomials of Cartesian components, so that there is no special case at the poles and
    complex input may be used for derivatives by a complex step.

    Parameters
    ----------
    l_max
        Largest degree.
    directions
        Unit vectors, shape (..., 3), real or complex.

    Returns
    -------
    ndarray
        Values, shape (..., (l_max + 1)^2); Y_lm stands at index l^2 + l + m.
    """
    x, y, z = (directions[..., axis] for axis in range(3))
    values = np.zeros((*x.shape, (l_max + 1) ** 2), dtype=directions.dtype)
    cosine, sine = np.ones_like(x), np.zeros_like(x)  # (x + i y)^m = sin(theta)^m exp(i m phi)
    for m in range(l_max + 1):
        for l, legendre in enumerate(_reduced_legendre(l_max, m, z), start=m):
            norm = sqrt((2 * l + 1) / (4.0 * pi) * factorial(l - m) / factorial(l + m))
            centre = l * l + l
            if m == 0:
                values[..., centre] = norm * legendre
            else:
                values[..., centre + m] = sqrt(2.0) * norm * legendre * cosine
                values[..., centre - m] = sqrt(2.0) * norm * legendre * sine
        cosine, sine = x * cosine - y * sine, x * sine + y * cosine
    return values


def _reduced_legendre(l_max: int, m: int, z: NDArray[Any]) -> list[NDArray[Any]]:
    """P_l^m(z) / (1 - z^2)^(m/2) without the Condon-Shortley phase, for l = m .. l_max."""
    odd_factorial = factorial(2 * m) // (2**m * factorial(m))
    values = [np.full_like(z, odd_factorial)]
    if l_max > m:
        values.append((2 * m + 1) * z * values[0])
    for l in range(m + 2, l_max + 1):
        values.append(((2 * l - 1) * z * values[-1] - (l + m - 1) * values[-2]) / (l - m))
    return values


def clebsch_gordan(l1: int, m1: int, l2: int, m2: int, l: int, m: int) -> float:
    """Clebsch-Gordan coefficient <l1 m1 l2 m2 | l m>, by Racah's formula in exact arithmetic.

    Varshalovich, Moskalev, Khersonskii, Quantum Theory of Angular Momentum (1988), eq. 8.2.1(3).
    """
    if m1 + m2 != m or not abs(l1 - l2) <= l <= l1 + l2 or abs(m) > l:
        return 0.0
    first = max(0, l2 - l - m1, l1 - l + m2)
    last = min(l1 + l2 - l, l1 - m1, l2 + m2)
    total = sum(
        Fraction(
            (-1) ** k,
            factorial(k)
            * factorial(l1 + l2 - l - k)
            * factorial(l1 - m1 - k)
            * factorial(l2 + m2 - k)
            * factorial(l - l2 + m1 + k)
            * factorial(l - l1 - m2 + k),
        )
        for k in range(first, last + 1)
    )
    square = Fraction(
        (2 * l + 1) * factorial(l1 + l2 - l) * factorial(l1 - l2 + l) * factorial(-l1 + l2 + l),
        factorial(l1 + l2 + l + 1),
    )
    for j, mj in ((l1, m1), (l2, m2), (l, m)):
        square *= factorial(j + mj) * factorial(j - mj)
    sign = 1.0 if total >= 0 else -1.0
    return sign * sqrt(square * total * total)


def _real_from_complex(l: int) -> NDArray[np.complex128]:
    """Unitary U with Y_real = U Y_complex (the complex ones with the Condon-Shortley phase)."""
    transform = np.zeros((2 * l + 1, 2 * l + 1), dtype=np.complex128)
    transform[l, l] = 1.0
    for m in range(1, l + 1):
        phase = (-1.0) ** m / sqrt(2.0)
        transform[l + m, l + m], transform[l + m, l - m] = phase, 1.0 / sqrt(2.0)
        transform[l - m, l + m], transform[l - m, l - m] = -1j * phase, 1j / sqrt(2.0)
    return transform


@cache
def real_coupling(l1: int, l2: int, l: int) -> FloatArray:
    """Clebsch-Gordan tensor C in the real basis, shape (2 l1 + 1, 2 l2 + 1, 2 l + 1).

    sum_{m1 m2} C[m1, m2, m] Y_{l1 m1} Y_{l2 m2} rotates as Y_lm. The tensor is real when l1 + l2 + l is even
    and imaginary when it is odd; then the factor i is left out, which changes no property of it.
    """
    coupling = np.zeros((2 * l1 + 1, 2 * l2 + 1, 2 * l + 1))
    for m1 in range(-l1, l1 + 1):
        for m2 in range(max(-l2, -l - m1), min(l2, l - m1) + 1):
            coupling[m1 + l1, m2 + l2, m1 + m2 + l] = clebsch_gordan(l1, m1, l2, m2, l, m1 + m2)
    rotated = np.einsum(
        "ai,bj,ck,ijk->abc",
        _real_from_complex(l1).conj(),
        _real_from_complex(l2).conj(),
        _real_from_complex(l),
        coupling,
        optimize=True,
    )
    result: FloatArray = np.ascontiguousarray(rotated.real if (l1 + l2 + l) % 2 == 0 else rotated.imag)
    result[np.abs(result) < 1e-14] = 0.0
    result.flags.writeable = False
    return result
