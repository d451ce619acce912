"""Radial functions of soap_turbo: Gaussian atoms, separable in distance and angle, in a polynomial basis.

Caro, Phys. Rev. B 100, 024112 (2019), sec. III. A neighbour at the distance r is a Gaussian of the width
sigma_r along the distance x and sigma_t across it. Its radial part is expanded in orthonormal combinations of
(1 - x / rcut_hard)^(n + 2), after a filter exp(-(nf (x - rcut_soft) / (rcut_hard - rcut_soft))^2 / 2) beyond
rcut_soft; with the basis poly3gauss also of a Gaussian at the origin. The angular part has the coefficients
(rcut_hard / sigma_t)^2 exp(-z) i_l(z) Y_lm, z = (r / sigma_t)^2. Distances here are in units of rcut_hard.

What the program does beside the paper is kept, for potentials were fitted to it: an atom meets the filter
only where it is nearer than 4 sigma_r to rcut_soft, and the Gaussian of the basis only where both are within
4 widths, so that its functions jump there by some 1e-4 and 1e-7 of their largest value; and its recursion of
the filtered integrals leaves out what stands at rcut_hard (`_left_out`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.linalg import lapack
from scipy.special import erf

from atomsmith.descriptors.quintic import Tabulated, smooth
from atomsmith.descriptors.soap_radial import scaled_bessel
from atomsmith.errors import InputError
from atomsmith.systems import FloatArray

REACH = 4.0
"""Widths within which Gaussians meet filter and basis."""
_QUADRATURE = 200
"""Gauss-Legendre points on either side of rcut_soft for each 0.1 of the least width."""


@dataclass(frozen=True)
class TurboDensity:
    """Density of the neighbours of one species; lengths in angstrom.

    Attributes
    ----------
    n
        Radial functions (alpha_max).
    gaussian
        Whether the last of the basis is a Gaussian at the origin (poly3gauss).
    hard, soft, steepness
        rcut_hard, rcut_soft, nf.
    radial, radial_scaling, angular, angular_scaling
        Widths sigma_r and sigma_t at the origin and their growth with the distance.
    amplitude
        Power of 1 - 3 r^2 + 2 r^3 by which atoms weigh.
    enhancement
        0, 1 or 2: atoms weigh by the integral of x^enhancement over their Gaussian.
    orthonormal_of
        Whose orthonormal combinations of primitive functions are taken; None: its own.
    """

    n: int
    gaussian: bool
    hard: float
    soft: float
    steepness: float
    radial: float
    radial_scaling: float
    angular: float
    angular_scaling: float
    amplitude: float
    enhancement: Literal[0, 1, 2]
    orthonormal_of: tuple[bool, float] | None = None

    @property
    def functions(self) -> tuple[bool, float]:
        """What the orthonormal combinations depend on beside their number: `gaussian` and its width."""
        return self.orthonormal_of or (self.gaussian, self.radial / self.hard if self.gaussian else 0.0)

    def with_functions_of(self, other: TurboDensity) -> TurboDensity:
        """The same with the orthonormal combinations of another one."""
        if other.functions == self.functions:
            return self
        return replace(self, orthonormal_of=other.functions)

    def tabulated(self, l_max: int) -> Tabulated:
        """All functions, l by l, as a table."""
        basis = _Basis.of(self)
        first = self._first_filtered
        last = self._last_overlapping
        places = sorted(r for r in (first, last) if 0.0 < r < self.hard)
        scale = min(self.radial, self.angular)

        def between(low: float) -> Callable[[FloatArray], FloatArray]:
            return smooth(
                lambda r: self._evaluate(basis, l_max, r, low >= first, low < last).reshape(len(r), -1), scale
            )

        def off(low: float) -> Callable[[FloatArray], FloatArray]:
            factor = float(low >= first)
            return smooth(lambda r: factor * self._extra_slopes(basis, l_max, r).reshape(len(r), -1), scale)

        pieces = [between(low) for low in (0.0, *places)]
        extra = tuple(off(low) for low in (0.0, *places))
        return Tabulated(pieces[0], self.hard, 0.0, scale, tuple(zip(places, pieces[1:], strict=True)), extra)

    def own(self, central_weight: float) -> FloatArray:
        """What an atom adds to the channels (l, m) = (0, 0) of its own density, shape (n,)."""
        basis = _Basis.of(self)
        if not self.gaussian:
            first, last = self._first_filtered <= 0.0, self._last_overlapping > 0.0
            values = self._evaluate(basis, 0, np.zeros(1), first, last)[0, 0]
            return np.asarray(central_weight * values / np.sqrt(4.0 * np.pi), dtype=np.float64)
        sigma = self.radial / self.hard
        amplitude = (1.0, np.sqrt(2.0 / np.pi) * sigma, sigma**2)[self.enhancement]
        factor = np.sqrt(4.0 * np.pi) * np.pi**0.25 * np.sqrt(0.5 * self.radial)
        factor *= self.hard**3 / self.angular**2 / self.radial
        # W S = S^(1/2): how much of each function is in the Gaussian of the basis.
        values = basis.overlap_with_gaussian
        return np.asarray(central_weight * amplitude * factor * values, dtype=np.float64)

    @property
    def _first_filtered(self) -> float:
        return (self.soft - REACH * self.radial) / (1.0 + REACH * self.radial_scaling)

    @property
    def _last_overlapping(self) -> float:
        growth = 1.0 - REACH * self.radial_scaling
        if not self.gaussian or growth <= 0.0:
            return np.inf
        return 2.0 * REACH * self.radial / growth

    def _evaluate(
        self, basis: _Basis, l_max: int, distances: FloatArray, filtered: bool, overlapping: bool
    ) -> FloatArray:
        """Values at distances in angstrom, shape (R, l_max + 1, n)."""
        r = distances / self.hard
        s = (self.radial + self.radial_scaling * distances) / self.hard
        values = _gaussians(r, s, basis.inner) @ basis.inner_functions
        if filtered:
            values = values + _gaussians(r, s, basis.outer) @ basis.outer_functions
            values = values + self._left_out(r, s) @ basis.transform[: self._n_polynomials]
        if self.gaussian and overlapping:
            values = values + _with_gaussian(r, s, self.radial / self.hard)[:, None] * basis.transform[-1]
        return self._with_angular(values, l_max, distances)

    def _with_angular(self, values: FloatArray, l_max: int, distances: FloatArray) -> FloatArray:
        """Times the weight of an atom and the angular coefficients, shape (R, l_max + 1, n)."""
        r, s = distances / self.hard, (self.radial + self.radial_scaling * distances) / self.hard
        values = values * (np.sqrt(self.hard) * self._weight(r, s))[:, None]
        across = self.angular + self.angular_scaling * distances
        bessel = scaled_bessel(l_max, (distances / across) ** 2)
        angular = 4.0 * np.pi * (self.hard / across) ** 2 * np.stack(bessel)
        found: FloatArray = angular.T[:, :, None] * values[:, None, :]
        return found

    @property
    def _n_polynomials(self) -> int:
        return self.n - self.gaussian

    def _weight(self, r: FloatArray, s: FloatArray) -> FloatArray:
        """Weight of an atom, with the norm 1 / s of its Gaussian."""
        weight = (1.0 - r) ** (2.0 * self.amplitude) * (1.0 + 2.0 * r) ** self.amplitude / s
        if self.enhancement == 1:
            weight = weight * (r + np.sqrt(2.0 / np.pi) * s)
        elif self.enhancement == 2:
            weight = weight * (r * r + s * s + np.sqrt(8.0 / np.pi) * s * r)
        return np.asarray(weight, dtype=np.float64)

    def _left_out(self, r: FloatArray, s: FloatArray) -> FloatArray:
        """What the filtered integrals of soap_turbo lack, shape (R, polynomials).

        It finds I_m, the integral of (1 - x)^m, from those before: I_(m+1) = (1 - r') I_m + m s'^2 I_(m-1)
        and boundary terms, with the centre r' and width s' of the product of Gaussian and filter. Of these,
        that of I_1 at x = 1 is missing, and all further integrals inherit it.
        """
        n = self._n_polynomials
        lacking: FloatArray = self._errors(r, s, n + 2)[0][:, 3:] * _norms(n)
        return lacking

    def _product(self, r: FloatArray, s: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """s^2 + w^2 with the filter's width w, and 1 - r' and s'^2 of its product with the atom."""
        width, soft = (1.0 - self.soft / self.hard) / self.steepness, self.soft / self.hard
        together = s**2 + width**2
        return together, 1.0 - (s**2 * soft + width**2 * r) / together, s**2 * width**2 / together

    def _errors(self, r: FloatArray, s: FloatArray, most: int) -> tuple[FloatArray, FloatArray]:
        """Those of I_0 to I_most, times the height of the product, and slopes, shapes (R, most + 1)."""
        growth = self.radial_scaling
        together, left, square = self._product(r, s)
        width = (1.0 - self.soft / self.hard) / self.steepness
        left_slope = -(width**2 + 2.0 * s * growth * (self.soft / self.hard - 1.0 + left)) / together
        square_slope = 2.0 * s * growth * (width**2 / together) ** 2
        error, slope = np.zeros((2, len(r), most + 1))
        u = (1.0 - r) / s
        end = np.exp(-0.5 * u**2 - 0.5 * self.steepness**2)
        error[:, 1] = -square * end
        slope[:, 1] = -square_slope * end - square * end * u * (1.0 + u * growth) / s
        for m in range(1, most):
            error[:, m + 1] = left * error[:, m] + m * square * error[:, m - 1]
            slope[:, m + 1] = left_slope * error[:, m] + left * slope[:, m]
            slope[:, m + 1] += m * (square_slope * error[:, m - 1] + square * slope[:, m - 1])
        return error, slope

    def _extra_slopes(self, basis: _Basis, l_max: int, distances: FloatArray) -> FloatArray:
        """By how much the derivatives of soap_turbo are off, shape (R, l_max + 1, n).

        It makes that of I_m of I_m, I_(m+1) and I_(m+2), which holds for integrals, not for what they lack.
        """
        n, growth, soft = self._n_polynomials, self.radial_scaling, self.soft / self.hard
        r, s = distances / self.hard, (self.radial + growth * distances) / self.hard
        together, left, square = self._product(r, s)
        width = (1.0 - soft) / self.steepness
        centre = (width**2 + 2.0 * s * growth * (soft - 1.0 + left)) / together
        spread = growth * width**3 / together**1.5 / np.sqrt(square)
        far = (soft - r) / together
        height = far + far**2 * s * growth
        error, slope = self._errors(r, s, n + 4)
        made = (left * (spread * left + centre) / square + height)[:, None] * error[:, 3 : n + 3]
        made -= ((2.0 * spread * left + centre) / square)[:, None] * error[:, 4 : n + 4]
        made += (spread / square)[:, None] * error[:, 5 : n + 5]
        values = ((made - slope[:, 3 : n + 3]) * _norms(n)) @ basis.transform[:n]
        return self._with_angular(values / self.hard, l_max, distances)


def _norms(n: int) -> FloatArray:
    """Factors of the primitive polynomials."""
    norms: FloatArray = np.sqrt(2.0 * np.arange(1, n + 1) + 5.0)
    return norms


def _gaussians(r: FloatArray, s: FloatArray, points: FloatArray) -> FloatArray:
    """exp(-(x - r)^2 / (2 s^2)), shape (R, points)."""
    values: FloatArray = np.exp(-0.5 * ((points - r[:, None]) / s[:, None]) ** 2)
    return values


def _with_gaussian(r: FloatArray, s: FloatArray, sigma: float) -> FloatArray:
    """Overlap of an atom's Gaussian with that of the basis on x > 0."""
    both = np.sqrt(sigma**2 + s**2)
    norm = np.sqrt(2.0 / sigma) / np.pi**0.25 * np.sqrt(0.5 * np.pi) * s * sigma / both
    values = norm * np.exp(-0.5 * (r / both) ** 2) * (1.0 + erf(sigma * r / (np.sqrt(2.0) * s * both)))
    return np.asarray(values, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class _Basis:
    """Orthonormal functions at quadrature points.

    Attributes
    ----------
    inner, inner_functions
        Points up to rcut_soft, shape (q,), and functions times weights there, shape (q, n).
    outer, outer_functions
        The same beyond it, times the filter.
    transform
        W = S^(-1/2), which makes the functions of the primitive ones, shape (n, n).
    overlap_with_gaussian
        Overlap of the functions with the last primitive one, shape (n,).
    """

    inner: FloatArray
    inner_functions: FloatArray
    outer: FloatArray
    outer_functions: FloatArray
    transform: FloatArray
    overlap_with_gaussian: FloatArray

    @classmethod
    def of(cls, density: TurboDensity) -> _Basis:
        """Make those of a density."""
        sigma, soft = density.radial / density.hard, density.soft / density.hard
        size = int(_QUADRATURE * max(1.0, 0.1 / sigma))
        x, weight = np.polynomial.legendre.leggauss(size)
        inner, outer = 0.5 * soft * (x + 1.0), soft + 0.5 * (1.0 - soft) * (x + 1.0)
        filtered = np.exp(-0.5 * (density.steepness * (outer - soft) / (1.0 - soft)) ** 2)
        gaussian, ratio = density.functions
        overlap = gaussian_overlap(density.n, ratio) if gaussian else polynomial_overlap(density.n)
        transform = inverse_root(overlap)
        n = density.n - density.gaussian
        values = [_polynomials(points, n) @ transform[:n] for points in (inner, outer)]
        return cls(
            inner,
            values[0] * (0.5 * soft * weight)[:, None],
            outer,
            values[1] * (0.5 * (1.0 - soft) * weight * filtered)[:, None],
            transform,
            transform @ overlap[:, -1],
        )


def polynomial_overlap(n: int) -> FloatArray:
    """Overlap of sqrt(2 k + 5) (1 - x)^(k + 2), k = 1 to n, on 0 < x < 1."""
    k = np.arange(1.0, n + 1.0)
    overlap: FloatArray = np.sqrt(np.multiply.outer(5.0 + 2.0 * k, 5.0 + 2.0 * k)) / (
        5.0 + np.add.outer(k, k)
    )
    np.fill_diagonal(overlap, 1.0)
    return overlap


def gaussian_overlap(n: int, sigma: float) -> FloatArray:
    """The same of n - 1 polynomials and the normalised half of a Gaussian exp(-x^2 / (2 sigma^2)).

    Rounded as soap_turbo does: the smallest eigenvalues, and so the functions, depend on it.
    """
    overlap = np.ones((n, n))
    overlap[:-1, :-1] = polynomial_overlap(n - 1)
    square = sigma**2
    below, now = 0.0, float(np.sqrt(0.5 * np.pi) * sigma * erf(1.0 / np.sqrt(2.0) / sigma))
    norm_below, norm = 1.0, 1.0
    for k in range(-1, n):
        norm_next = float(np.sqrt(1.0 / (2 * k + 5)))
        following = (
            square * (k + 1.0) * norm_below / norm_next * below + norm / norm_next * now - square / norm_next
        )
        if 0 < k < n:
            overlap[n - 1, k - 1] = overlap[k - 1, n - 1] = (
                following * np.sqrt(2.0) / np.sqrt(sigma) / np.pi**0.25
            )
        norm_below, norm, below, now = norm, norm_next, now, following
    return overlap


def inverse_root(overlap: FloatArray) -> FloatArray:
    """S^(-1/2) by the same steps of LAPACK as in soap_turbo: a part of it is rounding errors."""
    left, values, right, _ = lapack.dgesvd(overlap)
    root = (left @ np.diag(np.sqrt(values))) @ right
    factor, failed = lapack.dpotrf(root, lower=False)
    inverse, _ = lapack.dpotri(factor, lower=False)
    if failed:
        raise InputError(f"soap_turbo: {len(overlap)} radial functions depend on one another; use fewer.")
    found: FloatArray = np.triu(inverse) + np.triu(inverse, 1).T
    return found


def _polynomials(points: FloatArray, n: int) -> FloatArray:
    """Primitive polynomials, shape (points, n)."""
    k = np.arange(1, n + 1)
    values: FloatArray = (1.0 - points[:, None]) ** (k + 2) * np.sqrt(2.0 * k + 5.0)
    return values
