"""Radial functions of smooth overlap of atomic positions: a Gaussian atom expanded in a radial basis.

A neighbour at the distance r adds to the density a Gaussian of width sigma, whose expansion in spherical
harmonics about the centre is 4 pi exp(-(x^2 + r^2) / (2 sigma^2)) i_l(x r / sigma^2) at the distance x, with
the modified spherical Bessel functions of the first kind i_l (Bartok, Kondor, Csanyi, Phys. Rev. B 87, 184115
(2013), eq. 22). A radial basis turns it into numbers by values at some points x_q: sum_q g_l(r, x_q) T_qn.
"""

# ruff: noqa: E741 (l is the field's name of the angular degree)

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import cholesky, qr, solve, solve_triangular
from scipy.special import erf, gamma, gammainc, ive

from atomsmith.descriptors.quintic import Tabulated, quintic_table
from atomsmith.errors import InputError
from atomsmith.systems import FloatArray

GRID = 400
"""Distances at which the size of radial functions is looked at."""
QUADRATURE = 240
"""Gauss-Legendre points of the overlap with a Gaussian-type orbital."""


@dataclass(frozen=True, eq=False)
class RadialBasis:
    """Points x_q, shape (q,), and T, shape (q, n), or one for each l, shape (l_max + 1, q, n)."""

    points: FloatArray
    transform: FloatArray

    def of_degree(self, l: int) -> FloatArray:
        """T of l."""
        return self.transform if self.transform.ndim == 2 else self.transform[l]

    @property
    def n(self) -> int:
        """Number of functions."""
        return int(self.transform.shape[-1])


def equispaced_gaussians(n: int, cutoff: float, sigma: float, error_exponent: float = 10.0) -> RadialBasis:
    """Equispaced Gaussians of the width sigma, made orthonormal by the Cholesky factor of their overlap.

    The basis of QUIP: coefficients are those of the interpolation of the density at the Gaussians' centres.

    Parameters
    ----------
    n
        Number of functions.
    cutoff, sigma
        Of the density, in angstrom.
    error_exponent
        The last centre lies 1 / n below the distance at which a Gaussian at the cutoff is 10^-this.
    """
    alpha = 0.5 / sigma**2
    reach = cutoff + sigma * np.sqrt(2.0 * error_exponent * np.log(10.0))
    points = np.arange(n) * reach / n
    x, y = points[:, None], points[None, :]
    interpolation = np.exp(-alpha * (x - y) ** 2)
    overlap = np.exp(-alpha * (x**2 + y**2)) * np.sqrt(2.0) * alpha**1.5 * (x + y) + alpha * np.exp(
        -0.5 * alpha * (x - y) ** 2
    ) * np.sqrt(np.pi) * (1.0 + alpha * (x + y) ** 2) * (1.0 + erf(np.sqrt(0.5 * alpha) * (x + y)))
    try:
        factor = cholesky(overlap / np.sqrt(128.0 * alpha**5), lower=True)
        return RadialBasis(points, solve(interpolation, factor, assume_a="pos"))
    except np.linalg.LinAlgError:
        raise InputError(
            f"soap: {n} Gaussians of width {sigma:g} within {cutoff:g} angstrom depend on one another; lower "
            "n_max or sigma_atom."
        ) from None


def gaussian_type_orbitals(n: int, cutoff: float, sigma: float) -> RadialBasis:
    """Orthonormal combinations of x^k exp(-x^2 / (2 w_k^2)), w_k = cutoff max(sqrt(k), 1) / n, k < n.

    Goscinski et al., Mach. Learn.: Sci. Technol. 2, 025028 (2021), sec. 2; the Gaussian atom is normalised.
    """
    k = np.arange(n)
    width = cutoff * np.maximum(np.sqrt(k), 1.0) / n
    power = 0.5 * (3.0 + k[:, None] + k[None, :])
    inverse = 0.5 / width[:, None] ** 2 + 0.5 / width[None, :] ** 2
    overlap = 0.5 * inverse**-power * gamma(power)
    norm = 1.0 / np.sqrt(np.diag(overlap))
    values, vectors = np.linalg.eigh(norm[:, None] * overlap * norm)
    if values[0] < 1.0e-13:
        raise InputError(f"soap: {n} Gaussian-type orbitals depend on one another; lower n_max.")
    mixing = norm[:, None] * ((vectors / np.sqrt(values)) @ vectors.T)
    reach = cutoff + 9.0 * sigma
    x, weight = np.polynomial.legendre.leggauss(QUADRATURE)
    points = 0.5 * reach * (x + 1.0)
    orbitals = (points[:, None] ** k * np.exp(-0.5 * (points[:, None] / width) ** 2)) @ mixing
    density = 4.0 * np.pi / (np.pi * sigma**2) ** 0.75
    return RadialBasis(points, density * (0.5 * reach * weight * points**2)[:, None] * orbitals)


def fitted_polynomials(n: int, cutoff: float, sigma: float, error_exponent: float = 10.0) -> RadialBasis:
    """Orthonormal combinations of (R - x)^(k + 2), k = 1 to n, fitted to the density at 3 n points.

    The basis POLY of QUIP; R as in `equispaced_gaussians`, polynomials as in Bartok, Kondor, Csanyi, Phys.
    Rev. B 87, 184115 (2013), sec. V.
    """
    reach, points = _fitting_points(n, cutoff, sigma, error_exponent)
    k = np.arange(1, n + 1)
    norm = np.sqrt(reach ** (2.0 * k + 7.0) / ((k + 3) * (2 * k + 5) * (2 * k + 7)))
    both = k[:, None] + k[None, :]
    overlap = 2.0 * reach ** (both + 7.0) / ((5 + both) * (6 + both) * (7 + both))
    values = (reach - points[:, None]) ** (k + 2) / norm
    return RadialBasis(points, _fitted(values, overlap / np.multiply.outer(norm, norm)))


def fitted_orbitals(
    n: int, l_max: int, cutoff: float, sigma: float, error_exponent: float = 10.0
) -> RadialBasis:
    """Orthonormal combinations of x^l exp(-a_kl x^2), fitted to the density at 3 n points.

    The basis GTO of QUIP, with a_kl so that an orbital is 0.001 at x = k R / n, k = 1 to n (Himanen et al.,
    Comput. Phys. Commun. 247, 106949 (2020), sec. 2.2.4); R as in `equispaced_gaussians`.
    """
    reach, points = _fitting_points(n, cutoff, sigma, error_exponent)
    radius = reach / n * np.arange(1, n + 1)
    made = []
    for l in range(l_max + 1):
        decay = (l * np.log(radius) - np.log(0.001)) / radius**2
        both, power = decay[:, None] + decay[None, :], l + 1.5
        overlap = 0.5 * both**-power * gamma(power) * gammainc(power, both * reach**2)
        values = points[:, None] ** l * np.exp(-decay * points[:, None] ** 2)
        made.append(_fitted(values, overlap))
    return RadialBasis(points, np.stack(made))


def _fitting_points(n: int, cutoff: float, sigma: float, error_exponent: float) -> tuple[float, FloatArray]:
    reach = float(cutoff + sigma * np.sqrt(2.0 * error_exponent * np.log(10.0)))
    points: FloatArray = np.arange(3 * n) * reach / (3 * n)
    return reach, points


def _fitted(values: FloatArray, overlap: FloatArray) -> FloatArray:
    """Pseudo-inverse of orthonormal functions at points, from primitive ones (q, n) and their overlap."""
    try:
        factor = cholesky(overlap, lower=True)
    except np.linalg.LinAlgError:
        raise InputError(
            f"soap: {len(overlap)} radial functions depend on one another; lower n_max."
        ) from None
    q, r = qr(values @ solve_triangular(factor, np.eye(len(factor)), lower=True).T, mode="economic")
    transform: FloatArray = solve_triangular(r, q.T).T
    return transform


def reduced(
    basis: RadialBasis, l_max: int, sigma: float, cutoff: float, width: float, tolerance: float
) -> tuple[RadialBasis, FloatArray]:
    """Turn a basis to its principal axes and leave those out that no atom within the cutoff reaches.

    Gaussians whose centres lie beyond the cutoff hardly see the density. Power spectra are quadratic and
    their kernels quartic in the coefficients: leaving out what is below a tolerance of 1e-7 changes a kernel
    by less than rounding does.

    Parameters
    ----------
    basis, l_max, sigma
        See `expand`.
    cutoff, width
        Of the density, in angstrom.
    tolerance
        Relative to the largest singular value of the functions on a grid.

    Returns
    -------
    basis
        With as few functions as the tolerance allows; the same basis if all are needed.
    rotation
        Orthonormal rows that make the new functions of the old ones, shape (n_new, n).
    """
    n = basis.n
    r = np.linspace(0.0, cutoff, GRID)
    switch = 0.5 + 0.5 * np.cos(np.pi * np.clip((r - cutoff + width) / width, 0.0, 1.0))
    values = expand(basis, l_max, sigma, r)[:, 0] * switch[:, None, None]
    _, size, axes = np.linalg.svd(values.reshape(-1, n), full_matrices=False)
    count = int(np.sum(size > tolerance * size[0]))
    if count == n:
        return basis, np.eye(n)
    return RadialBasis(basis.points, basis.transform @ axes[:count].T), axes[:count]


def expand(basis: RadialBasis, l_max: int, sigma: float, r: FloatArray) -> FloatArray:
    """Radial functions and their first and second derivatives.

    Parameters
    ----------
    basis
        Radial basis of n functions.
    l_max
        Largest angular degree.
    sigma
        Width of the Gaussian atom in angstrom.
    r
        Distances in angstrom, shape (R,).

    Returns
    -------
    values
        Shape (R, 3, l_max + 1, n).
    """
    x, over = basis.points[None, :], 1.0 / sigma**2
    gaussian = np.exp(-0.5 * over * (r[:, None] - x) ** 2)
    bessel = scaled_bessel(l_max + 2, over * r[:, None] * x)
    first = _bessel_slopes(bessel)
    second = _bessel_slopes(first)
    decay, stretch = -over * r[:, None], over * x
    values = []
    for l in range(l_max + 1):
        i, di, ddi = bessel[l] * gaussian, first[l] * gaussian, second[l] * gaussian
        slope = decay * i + stretch * di
        curvature = (decay**2 - over) * i + 2.0 * decay * stretch * di + stretch**2 * ddi
        values.append(np.stack([i, slope, curvature], axis=1) @ basis.of_degree(l))
    return np.stack(values, axis=2)


def central_values(basis: RadialBasis, sigma: float) -> FloatArray:
    """What an atom adds to the channels (l, m) = (0, 0) of its own density, shape (n,)."""
    values: FloatArray = expand(basis, 0, sigma, np.zeros(1))[0, 0, 0] / np.sqrt(4.0 * np.pi)
    return values


@dataclass(frozen=True)
class Decay:
    """Weight of a neighbour by its distance, rate / (rate + (r / scale)^exponent).

    Willatt, Musil, Ceriotti, Phys. Chem. Chem. Phys. 20, 29661 (2018).
    """

    rate: float
    scale: float
    exponent: int

    @property
    def length(self) -> float:
        """Distance in angstrom over which it changes."""
        return float(self.scale * self.rate ** (1.0 / self.exponent) / self.exponent)

    def evaluate(self, r: FloatArray) -> FloatArray:
        """Values and two derivatives, shape (R, 3)."""
        m, x = self.exponent, r / self.scale
        below = self.rate + x**m
        slope = m * x ** (m - 1) / self.scale
        bend = m * (m - 1) * x ** max(m - 2, 0) / self.scale**2
        value = self.rate / below
        return np.stack(
            [value, -value * slope / below, value * (2.0 * slope**2 / below - bend) / below], axis=1
        )


def soap_table(
    basis: RadialBasis,
    l_max: int,
    sigma: float,
    cutoff: float,
    width: float,
    n_pairs: int,
    decay: Decay | None = None,
) -> dict[str, Any]:
    """Radial table of a plan, the same for all pairs of species: function l * n + k is that of l and k.

    Parameters
    ----------
    basis, l_max, sigma
        See `expand`.
    cutoff, width
        The cosine switch falls from 1 to 0 between cutoff - width and the cutoff, in angstrom.
    n_pairs
        Ordered pairs of species.
    decay
        Times which they are taken.
    """

    def evaluate(r: FloatArray) -> FloatArray:
        values = expand(basis, l_max, sigma, r).reshape(len(r), 3, -1)
        if decay is None:
            return values
        f, df, ddf = decay.evaluate(r).T[:, :, None]
        v, dv, ddv = np.moveaxis(values, 1, 0)
        return np.stack([v * f, dv * f + v * df, ddv * f + 2.0 * dv * df + v * ddf], axis=1)

    scale = sigma if decay is None else min(sigma, decay.length)
    return quintic_table([Tabulated(evaluate, cutoff, width, scale)], np.zeros(n_pairs, np.int32))


def scaled_bessel(l_max: int, z: FloatArray) -> list[FloatArray]:
    """exp(-z) i_l(z) for l = 0 to l_max."""
    safe = np.where(z > 0.0, z, 1.0)
    root = np.sqrt(0.5 * np.pi / safe)
    return [np.where(z > 0.0, root * ive(l + 0.5, safe), float(l == 0)) for l in range(l_max + 1)]


def _bessel_slopes(values: list[FloatArray]) -> list[FloatArray]:
    """Slopes of functions given times exp(-z), times exp(-z): (l i_{l-1} + (l+1) i_{l+1}) / (2l+1)."""
    slopes = []
    for l in range(len(values) - 1):
        below = l * values[l - 1] if l else 0.0
        slopes.append((below + (l + 1) * values[l + 1]) / (2 * l + 1))
    return slopes
