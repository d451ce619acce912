"""Radial functions of ACE.jl, as the evaluator of PACE has them under the names ``ACE.jl...``.

Orthogonal polynomials of a transformed distance with an envelope (van der Oord, Dusson, Csanyi and Ortner,
Mach. Learn.: Sci. Technol. 1, 015004 (2020)), and the pair potential that goes with them. That evaluator
takes these formulas, not a table; `SPACING` is that of the table that stands for them here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from atomsmith.errors import InputError
from atomsmith.exchange.pace.yaml_files import integer, mapping, number, numbers
from atomsmith.systems import FloatArray

PREFIX = "ACE.jl"
SPACING = 2.5e-4
"""Width of the bins of the table, angstrom."""
POLYNOMIALS = ("rcut", "r0", "p", "xl", "xr", "pl", "pr", "maxn", "recursion_coefficients")


@dataclass(frozen=True, eq=False)
class Polynomials:
    """P_n = (A_n x + B_n) P_(n-1) + C_n P_(n-2) of x = ((1 + r_0) / (1 + r))^p, with P_0 = 0 and
    P_1 = A_1 (x - x_l)^p_l (x - x_r)^p_r.

    Attributes
    ----------
    power, reference
        p and r_0 (angstrom).
    cutoff
        In angstrom; there x = x_l.
    ends, end_powers
        (x_l, x_r) and (p_l, p_r): with a power above 0 the functions vanish beyond that end.
    recursion
        A, B, C, shape (n, 3).
    """

    power: int
    reference: float
    cutoff: float
    ends: tuple[float, float]
    end_powers: tuple[int, int]
    recursion: FloatArray

    def __call__(self, r: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Values and slopes, shape (len(r), n)."""
        x = ((1.0 + self.reference) / (1.0 + r)) ** self.power
        dx = -self.power * x / (1.0 + r)
        value, slope = self._envelope(x)
        values, slopes = np.zeros((2, len(r), len(self.recursion)))
        values[:, 0], slopes[:, 0] = self.recursion[0, 0] * value, self.recursion[0, 0] * slope
        for n, (a, b, c) in enumerate(self.recursion[1:], start=1):
            values[:, n] = (a * x + b) * values[:, n - 1]
            slopes[:, n] = a * values[:, n - 1] + (a * x + b) * slopes[:, n - 1]
            if n > 1:
                values[:, n] += c * values[:, n - 2]
                slopes[:, n] += c * slopes[:, n - 2]
        return values, slopes * dx[:, None]

    def _envelope(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        left, right = x - self.ends[0], x - self.ends[1]
        p, q = self.end_powers
        beyond = ((left < 0.0) & (p > 0)) | ((right > 0.0) & (q > 0))
        slope = p * left ** max(p - 1, 0) * right**q + q * left**p * right ** max(q - 1, 0)
        return np.where(beyond, 0.0, left**p * right**q), np.where(beyond, 0.0, slope)


@dataclass(frozen=True, eq=False)
class PairPotential:
    """Energy of a pair, of which each atom has half: sum_n coefficients[n] P_n(r) from r_i on, and
    e_0 + B exp(-A (r / r_i - 1)) r_i / r below.

    Attributes
    ----------
    core
        (r_i, e_0, A, B); r_i = 0: no core.
    """

    polynomials: Polynomials
    coefficients: FloatArray
    core: tuple[float, float, float, float]

    def __call__(self, r: FloatArray) -> tuple[FloatArray, FloatArray]:
        """An atom's half and its slope, shape (len(r),)."""
        values, slopes = self.polynomials(r)
        value, slope = values @ self.coefficients, slopes @ self.coefficients
        start, shift, rate, strength = self.core
        if start > 0.0:
            below = r <= start
            near = np.where(below, r, start)
            repulsion = strength * np.exp(-rate * (near / start - 1.0)) * start / near
            value = np.where(below, shift + repulsion, value)
            slope = np.where(below, -repulsion * (rate / start + 1.0 / near), slope)
        return 0.5 * value, 0.5 * slope


def polynomials_of(entry: Mapping[Any, Any], where: str) -> Polynomials:
    """The polynomials that an entry of a ``.yace`` file describes.

    Raises
    ------
    InputError
        If it lacks something.
    """
    for key in POLYNOMIALS:
        if key not in entry:
            raise InputError(f"{where} lacks {key!r}; found {', '.join(map(str, entry))}.")
    count = integer(entry["maxn"], f"{where}: maxn")
    if count < 1:
        raise InputError(f"{where}: maxn is {count}; expected at least 1.")
    recursion = mapping(entry["recursion_coefficients"], f"{where}: recursion_coefficients", ("A", "B", "C"))
    return Polynomials(
        power=integer(entry["p"], f"{where}: p"),
        reference=number(entry["r0"], f"{where}: r0"),
        cutoff=number(entry["rcut"], f"{where}: rcut"),
        ends=(number(entry["xl"], f"{where}: xl"), number(entry["xr"], f"{where}: xr")),
        end_powers=(_end_power(entry["pl"], f"{where}: pl"), _end_power(entry["pr"], f"{where}: pr")),
        recursion=np.stack(
            [numbers(recursion[k], f"{where}: recursion_coefficients, {k}", count) for k in "ABC"], axis=1
        ),
    )


def _end_power(value: Any, where: str) -> int:
    power = integer(value, where)
    if power < 0:
        raise InputError(f"{where} is {power}; expected 0 or more.")
    return power
