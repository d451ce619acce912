"""Radial basis: orthonormal polynomials in a transformed distance, between smooth envelopes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from atomsmith.elements import SYMBOLS, covalent_radii, parse_pair
from atomsmith.errors import InputError
from atomsmith.settings import Settings
from atomsmith.systems import FloatArray

GRID_POINTS = 2000  # of the discrete measure; orthonormality is exact on it, the rest is quadrature error


class RadialSettings(Settings):
    """Distance transform and envelopes of the radial functions; pairs are written like ``Si-O``."""

    cutoffs: dict[str, float] = Field(
        default={},
        description="Cutoff in angstrom of single pairs of elements, if not the general one.",
    )
    outer_power: int = Field(
        default=3,
        ge=2,
        le=10,
        description="Power of the envelope (1 - (r/cutoff)^2)^power; 3 makes the energy C2 there.",
    )
    inner_fractions: tuple[float, float] = Field(
        default=(0.4, 0.75),
        description="The functions vanish below the first and are full above the second, in units of r0; "
        "(0, 0) switches that off.",
    )
    inner: dict[str, tuple[float, float]] = Field(
        default={}, description="The same two distances in angstrom for single pairs of elements."
    )
    r0: dict[str, float] = Field(
        default={},
        description="Distance in angstrom where single pairs of elements are resolved best; by default the "
        "nearest-neighbour distance in the data, else the sum of the covalent radii.",
    )
    transform_p: int = Field(
        default=2, ge=1, le=12, description="Exponent of the distance transform at large r."
    )
    transform_q: int = Field(
        default=4, ge=1, le=12, description="Exponent of the transform at small r, >= p."
    )


def agnesi_scale(p: int, q: int) -> float:
    """Value of ``a`` that makes the transform x(r) steepest at r = r0.

    With g(s) = s^q / (1 + s^(q-p)) and x = 1 / (1 + a g), x'' = 0 at s = 1 gives
    a = g'' / (2 g'^2 - g g''), g = 1/2; written with the logarithmic derivatives of g. (For p = q = 1, the
    transform is steepest at r = 0 whatever a is, and a is 1.)
    """
    d = q - p
    first = 0.5 * (p + q)  # g'/g at s = 1
    second = first**2 - q - 0.25 * d * d + 0.5 * d  # g''/g at s = 1
    return 2.0 * second / (2.0 * first**2 - second) if second > 0.0 else 1.0


def build_radial(
    settings: RadialSettings,
    elements: Sequence[int],
    n: int,
    cutoff: float,
    first_neighbour: FloatArray | None = None,
) -> dict[str, Any]:
    """Radial table of an engine plan for all ordered pairs of elements.

    Parameters
    ----------
    settings
        Transform and envelopes.
    elements
        Atomic numbers.
    n
        Number of radial functions.
    cutoff
        Cutoff in angstrom of the pairs that ``settings`` does not name.
    first_neighbour
        Typical nearest-neighbour distance in angstrom of each pair of elements in the data, shape
        (n_elements, n_elements); NaN where unknown.

    Raises
    ------
    InputError
        If the distances of a pair contradict each other or a key names no pair of the model.
    """
    p, q = settings.transform_p, settings.transform_q
    if q < p:
        raise InputError(f"radial: transform_q is {q}, below transform_p, which is {p}; raise transform_q.")
    cutoffs = _pair_values(settings.cutoffs, np.full((len(elements),) * 2, cutoff), elements)
    radii = covalent_radii(elements)
    r0 = radii[:, None] + radii[None, :]
    if first_neighbour is not None:
        symmetric = np.fmin(first_neighbour, first_neighbour.T)
        r0 = np.where(np.isfinite(symmetric), symmetric, r0)
    r0 = _pair_values(settings.r0, r0, elements)
    inner = np.stack([fraction * r0 for fraction in settings.inner_fractions], axis=-1)
    inner = _pair_values(settings.inner, inner, elements)
    _check_distances(elements, cutoffs, r0, inner)
    table: dict[str, Any] = {
        "n": n,
        "cutoff": cutoffs.reshape(-1),
        "outer_power": settings.outer_power,
        "inner": inner.reshape(-1, 2),
        "r0": r0.reshape(-1),
        "a": agnesi_scale(p, q),
        "p": p,
        "q": q,
    }
    count = len(elements) ** 2
    table |= {"shift": np.zeros(count), "scale": np.ones(count), "recurrence": np.zeros((count, n, 3))}
    for pair in range(count):
        _orthonormalise(table, pair)
    return table


def _pair_values(given: Mapping[str, Any], default: FloatArray, elements: Sequence[int]) -> FloatArray:
    values = default.copy()
    named: dict[tuple[int, ...], str] = {}
    for key, value in given.items():
        i, j = parse_pair(key, elements)
        if (other := named.setdefault((min(i, j), max(i, j)), key)) != key:
            raise InputError(f"radial: '{other}' and '{key}' are the same pair; leave one out.")
        values[i, j] = values[j, i] = value
    return values


def _check_distances(elements: Sequence[int], cutoffs: FloatArray, r0: FloatArray, inner: FloatArray) -> None:
    for i, j in np.ndindex(cutoffs.shape):
        pair = f"{SYMBOLS[elements[i]]}-{SYMBOLS[elements[j]]}"
        if not (cutoffs[i, j] > 0.0 and r0[i, j] > 0.0):
            raise InputError(
                f"radial: pair {pair} has cutoff {cutoffs[i, j]:g} and r0 {r0[i, j]:g} angstrom; "
                "both must be positive."
            )
        low, high = inner[i, j]
        if high != 0.0 and not 0.0 <= low < high < cutoffs[i, j]:
            raise InputError(
                f"radial: pair {pair} has the inner distances {low:g} and {high:g} and the cutoff "
                f"{cutoffs[i, j]:g} angstrom, which must rise in this order; set radial.inner for this pair."
            )


def _orthonormalise(table: dict[str, Any], pair: int) -> None:
    """Fill t's range and the recurrence of one pair by the discrete Stieltjes procedure.

    The functions R_k = P_k(t(r)) * envelopes are orthonormal with respect to the mean over r between the
    inner end and the cutoff: the P_k are the orthonormal polynomials of t for the weight envelopes^2
    (Gautschi, Orthogonal Polynomials (2004), sec. 2.2.3.1).
    """
    r_low = table["inner"][pair, 0] if table["inner"][pair, 1] > 0.0 else 0.0
    r_high = table["cutoff"][pair]
    x_low, x_high = (_transform(table, pair, np.array(r))[0] for r in (r_low, r_high))
    table["scale"][pair] = 2.0 / (x_low - x_high)
    table["shift"][pair] = -1.0 - table["scale"][pair] * x_high
    r = r_low + (r_high - r_low) * (np.arange(GRID_POINTS) + 0.5) / GRID_POINTS
    t = table["shift"][pair] + table["scale"][pair] * _transform(table, pair, r)[0]
    weight = _envelope(table, pair, r)[0] ** 2 / GRID_POINTS
    norm = 1.0 / np.sqrt(np.sum(weight))
    recurrence = table["recurrence"][pair]
    recurrence[0] = norm, 0.0, 0.0
    previous, current, previous_beta = np.zeros_like(t), np.full_like(t, norm), 0.0
    for k in range(1, table["n"]):
        alpha = np.sum(weight * t * current**2)
        following = (t - alpha) * current - previous_beta * previous
        beta = np.sqrt(np.sum(weight * following**2))
        recurrence[k] = -alpha / beta, 1.0 / beta, -previous_beta / beta
        previous, current, previous_beta = current, following / beta, beta


def _transform(table: Mapping[str, Any], pair: int, r: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Agnesi transform x(r) and dx/dr."""
    p, q, a, r0 = table["p"], table["q"], table["a"], table["r0"][pair]
    s = r / r0
    s_d = s ** (q - p)
    g = s**q / (1.0 + s_d)
    dg = s ** (q - 1) * (q - (q - p) * s_d / (1.0 + s_d)) / (1.0 + s_d)
    x = 1.0 / (1.0 + a * g)
    return x, -a * dg * x**2 / r0


def _envelope(table: Mapping[str, Any], pair: int, r: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Product of outer and inner envelope, and its derivative."""
    cutoff, power = table["cutoff"][pair], table["outer_power"]
    base = np.where(r.real < cutoff, 1.0 - (r / cutoff) ** 2, 0.0)
    outer, d_outer = base**power, -2.0 * power * r / cutoff**2 * base ** (power - 1)
    r_in, r_on = table["inner"][pair]
    if r_on == 0.0:
        return outer, d_outer
    s = (r - r_in) / (r_on - r_in)
    s = np.where(s.real < 0.0, 0.0, np.where(s.real > 1.0, 1.0, s))
    inner = s**3 * (10.0 + s * (6.0 * s - 15.0))
    d_inner = 30.0 * (s * (1.0 - s)) ** 2 / (r_on - r_in)
    return outer * inner, d_outer * inner + outer * d_inner


def evaluate_radial(
    table: Mapping[str, Any], pair: int, r: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Radial functions of one ordered pair, for reports and tests.

    Parameters
    ----------
    table
        Radial table of a plan.
    pair
        Pair index, centre * n_elements + neighbour.
    r
        Distances in angstrom, shape (...); complex for derivatives by a complex step.

    Returns
    -------
    values, derivatives
        R_k(r) and dR_k/dr, each of shape (..., n).
    """
    x, dx = _transform(table, pair, r)
    t, dt = table["shift"][pair] + table["scale"][pair] * x, table["scale"][pair] * dx
    polynomials = [np.full_like(t, table["recurrence"][pair, 0, 0])]
    derivatives = [np.zeros_like(t)]
    for k, (a, b, c) in enumerate(table["recurrence"][pair][1:], start=1):
        before, d_before = (polynomials[k - 2], derivatives[k - 2]) if k > 1 else (0.0, 0.0)
        polynomials.append((a + b * t) * polynomials[k - 1] + c * before)
        derivatives.append(b * polynomials[k - 1] + (a + b * t) * derivatives[k - 1] + c * d_before)
    envelope, d_envelope = (f[..., None] for f in _envelope(table, pair, r))
    values, slopes = np.stack(polynomials, axis=-1), np.stack(derivatives, axis=-1)
    return values * envelope, slopes * dt[..., None] * envelope + values * d_envelope
