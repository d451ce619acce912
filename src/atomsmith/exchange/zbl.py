"""The repulsion of nuclei of Ziegler, Biersack and Littmark (1985), brought to 0 at a cutoff as LAMMPS does.

A constant below an inner distance, and a polynomial of its excess beyond it, take value, slope and curvature
away at the cutoff.
"""

from __future__ import annotations

import numpy as np

from atomsmith.exchange.pair_tables import PairTable
from atomsmith.systems import FloatArray

SCREENING = ((0.18175, 3.19980), (0.50986, 0.94229), (0.28022, 0.40290), (0.02817, 0.20162))
LENGTH, POWER = 0.46850, 0.23
"""Distances are screened in units of LENGTH / (Z_1^POWER + Z_2^POWER) angstrom."""
LAMMPS_COULOMB = 14.399645
"""e^2 / (4 pi epsilon_0) in eV angstrom, as LAMMPS has it in units metal."""
_FIRST, _SPACING = 0.02, 2.5e-4
"""Where tables begin, and the spacing of their knots, angstrom."""


def screening_length(first: float, second: float) -> float:
    """Unit of distance for two charges, angstrom."""
    return LENGTH / float(first**POWER + second**POWER)


def ending_at(r: FloatArray, inner: float, outer: float, length: float) -> tuple[FloatArray, FloatArray]:
    """phi(r / length) / r with what takes it away at ``outer``, and the slope; meaningless beyond."""
    energy, slope, _ = _screened(r, length)
    e, de, d2e = (float(value[0]) for value in _screened(np.array([outer]), length))
    width = outer - inner
    x = np.maximum(r - inner, 0.0)
    shift = -e + width * de / 2.0 - width**2 * d2e / 12.0
    third, fourth = (-3.0 * de + width * d2e) / width**2, (2.0 * de - width * d2e) / width**3
    return (
        energy + third / 3.0 * x**3 + fourth / 4.0 * x**4 + shift,
        slope + third * x**2 + fourth * x**3,
    )


def _screened(r: FloatArray, length: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """phi(r / length) / r with its first and second derivative."""
    phi, dphi, d2phi = np.zeros_like(r), np.zeros_like(r), np.zeros_like(r)
    for factor, rate in SCREENING:
        term = factor * np.exp(-rate * r / length)
        phi += term
        dphi -= rate / length * term
        d2phi += (rate / length) ** 2 * term
    return phi / r, dphi / r - phi / r**2, d2phi / r - 2.0 * dphi / r**2 + 2.0 * phi / r**3


def lammps_table(charges: tuple[float, float], inner: float, outer: float) -> PairTable:
    """``pair_style zbl`` for two charges; its third derivative jumps at ``inner``, where there is a knot."""
    r = np.unique(np.concatenate([_even(_FIRST, inner), _even(inner, outer)]))
    value, slope = ending_at(r, inner, outer, screening_length(*charges))
    strength = LAMMPS_COULOMB * charges[0] * charges[1]
    return PairTable.from_first(r, strength * value, strength * slope)


def _even(begin: float, end: float) -> FloatArray:
    return np.linspace(begin, end, int(np.ceil((end - begin) / _SPACING)) + 1)
