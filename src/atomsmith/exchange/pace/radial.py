"""Radial functions of PACE, exact and as the cubic splines that define a potential.

The evaluator that the authors distribute (and with which potentials are used in LAMMPS) reads every radial
function from a table: cubic Hermite pieces between equidistant nodes, exact in value and slope there. The
tables are therefore part of the potential; `tables` makes the same ones.

Sources: g_k of Drautz, Phys. Rev. B 99, 014104 (2019), eqs. 21-26 (ChebExpCos); Bochkarev et al., Phys. Rev.
Mater. 6, 013804 (2022), appendix (ChebPow, ChebLinear, SBessel after Kocer, Mason and Erturk, J. Chem. Phys.
150, 154102 (2019)); the repulsion of Ziegler, Biersack and Littmark (1985), smoothed at its cutoff as LAMMPS
does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from atomsmith.elements import number_of
from atomsmith.exchange.pace.model import Bond, PaceModel
from atomsmith.exchange.pace.nodal import NodalFunctions
from atomsmith.exchange.zbl import ending_at, screening_length
from atomsmith.systems import FloatArray

COULOMB = 14.399645351950543
"""e^2 / (4 pi epsilon_0) in eV angstrom as the authors have it."""
NO_CORE_BEYOND = 50.0
"""lambda r^2 from which the Gaussian core repulsion is left out."""


@dataclass(frozen=True, eq=False)
class BondTable:
    """Functions of one bond at the nodes r = cutoff * j / bins, j = 0..bins (the first bin is never used).

    Attributes
    ----------
    g, dg
        g_k and slopes, shape (bins + 1, k_max).
    f, df
        R_nl and slopes, shape (bins + 1, n_max, l_max + 1).
    core, dcore
        Core repulsion in eV and its slope, shape (bins + 1,).
    """

    cutoff: float
    bins: int
    g: FloatArray
    dg: FloatArray
    f: FloatArray
    df: FloatArray
    core: FloatArray
    dcore: FloatArray


def table(model: PaceModel, centre: int, neighbour: int) -> BondTable:
    """Tables of the bond from a centre to a neighbour (indices into the elements)."""
    bond = model.bonds[centre][neighbour]
    if bond.nodal is not None:
        return _nodal_table(model, bond, bond.nodal)
    bins = int(bond.cutoff / model.bin_width)
    # To the last bit: a core may end at a node.
    r: FloatArray = np.arange(bins + 1, dtype=np.float64) * (1.0 / (bins / bond.cutoff))
    r[0] = r[1]  # the functions may be singular at 0, and no distance is looked up there
    g, dg = basis(model, bond, r) if bond.polynomials is None else _padded(bond.polynomials(r), model.k_max)
    if bond.polynomials is not None:
        core, dcore = np.zeros((2, len(r))) if bond.pair is None else bond.pair(r)
    elif model.core == "zbl":
        charges = number_of(model.symbols[centre]), number_of(model.symbols[neighbour])
        core, dcore = zbl_core(bond, charges, r)
    else:
        core, dcore = gaussian_core(bond, r, within_inner=model.core == "distance")
    return _bond_table(model, bond, (g, dg), (core, dcore))


def _nodal_table(model: PaceModel, bond: Bond, own: NodalFunctions) -> BondTable:
    """The nodes that the file gives."""
    functions = _padded((own.values, own.slopes), model.k_max)
    return _bond_table(model, bond, functions, (np.zeros(len(own.values)), np.zeros(len(own.values))))


def _bond_table(
    model: PaceModel, bond: Bond, basis: tuple[FloatArray, FloatArray], core: tuple[FloatArray, FloatArray]
) -> BondTable:
    """The table of a bond from g_k and core energy at the nodes, each with its slope."""
    shape = bond.coefficients.shape
    coefficients = np.zeros((model.n_max, model.l_max + 1, model.k_max))
    coefficients[: shape[0], : shape[1], : shape[2]] = bond.coefficients
    g, dg = basis
    return BondTable(
        cutoff=bond.cutoff,
        bins=len(g) - 1,
        g=g,
        dg=dg,
        f=np.einsum("nlk,jk->jnl", coefficients, g),
        df=np.einsum("nlk,jk->jnl", coefficients, dg),
        core=core[0],
        dcore=core[1],
    )


def _padded(functions: tuple[FloatArray, FloatArray], count: int) -> tuple[FloatArray, FloatArray]:
    """Values and slopes of ``count`` functions, the last of which may be 0."""
    value, slope = (np.pad(f, ((0, 0), (0, count - f.shape[1]))) for f in functions)
    return value, slope


def falling_step(x: FloatArray, end: float, width: float) -> tuple[FloatArray, FloatArray]:
    """1 below ``end - width``, 0 above ``end``, between them 1 - (6 s^5 - 15 s^4 + 10 s^3); and its slope."""
    scale = 1.0 / width if width != 0.0 else np.inf
    inside = (x > end - width) & (x < end)
    s = np.where(inside, (x - (end - width)) * (scale if np.isfinite(scale) else 0.0), 0.0)
    value = np.where(inside, 1.0 - s**3 * (10.0 - s * (15.0 - 6.0 * s)), (x <= end - width).astype(float))
    slope = np.where(inside, -30.0 * (s * (1.0 - s)) ** 2 * (scale if np.isfinite(scale) else 0.0), 0.0)
    return value, slope


def basis(model: PaceModel, bond: Bond, r: FloatArray) -> tuple[FloatArray, FloatArray]:
    """g_k(r) and slopes of a bond, shape (len(r), k_max)."""
    inner, width = bond.inner_cutoff, bond.inner_width
    if model.core == "zbl":
        # The file's inner cutoff rules where the repulsion takes over, not the functions; with a width of 0
        # they end below 1 angstrom all the same.
        inner = 1.0 if width == 0.0 else 0.0
    g, dg = bare_basis(bond, r, model.k_max)
    if model.core in ("distance", "zbl"):
        fall, dfall = falling_step(r, inner, width)
        rise, drise = (1.0 - fall)[:, None], -dfall[:, None]
        g, dg = g * rise, dg * rise + g * drise
    outside = (r <= inner - width) | (r >= bond.cutoff)
    g[outside] = dg[outside] = 0.0
    return g, dg


def bare_basis(bond: Bond, r: FloatArray, n: int) -> tuple[FloatArray, FloatArray]:
    """The first n of the g_k and slopes without an inner cutoff, shape (len(r), n)."""
    if bond.basis == "ChebExpCos":
        return _chebyshev_exp_cos(bond, r, n)
    if bond.basis == "ChebPow":
        return _chebyshev_power(bond.parameter, bond.cutoff, r, n)
    if bond.basis == "ChebLinear":
        cheb, dcheb = _chebyshev(1.0 - r / bond.cutoff, n)
        return 0.5 - 0.5 * cheb[:, 1:], 0.5 / bond.cutoff * dcheb[:, 1:]
    return _simplified_bessel(bond.cutoff, r, n)


def _chebyshev(x: FloatArray, n: int) -> tuple[FloatArray, FloatArray]:
    """T_0..T_n and their slopes, shape (len(x), n + 1)."""
    t, dt = np.empty((len(x), n + 1)), np.empty((len(x), n + 1))
    t[:, 0], dt[:, 0] = 1.0, 0.0
    second = np.ones_like(x), 2.0 * x  # U_{m-1}, U_m, of which T'_m = m U_{m-1}
    if n >= 1:
        t[:, 1], dt[:, 1] = x, 1.0
    for m in range(1, n):
        t[:, m + 1] = 2.0 * x * t[:, m] - t[:, m - 1]
        dt[:, m + 1] = (m + 1) * second[1]
        second = second[1], 2.0 * x * second[1] - second[0]
    return t, dt


def _chebyshev_exp_cos(bond: Bond, r: FloatArray, n: int) -> tuple[FloatArray, FloatArray]:
    lam, cutoff = bond.parameter, bond.cutoff
    y, end = np.exp(-lam * r / cutoff), np.exp(-lam)
    x = 1.0 - 2.0 * (y - end) / (1.0 - end)
    dx = 2.0 * lam / cutoff * y / (1.0 - end)
    t, dt = _chebyshev(x, n)
    g, dg = 0.5 - 0.5 * t[:, :n], -0.5 * dt[:, :n] * dx[:, None]
    g[:, 0], dg[:, 0] = 1.0, 0.0
    envelope, denvelope = _cosine(r, cutoff)
    g, dg = g * envelope, g * denvelope + dg * envelope
    start = cutoff - bond.width
    late = r > start
    if bond.width > 0.0 and late.any():
        end_cut, dend_cut = _cosine(r - start, bond.width)
        end_cut, dend_cut = np.where(late[:, None], end_cut, 1.0), np.where(late[:, None], dend_cut, 0.0)
        g, dg = g * end_cut, g * dend_cut + dg * end_cut
    return g, dg


def _cosine(r: FloatArray, cutoff: float) -> tuple[FloatArray, FloatArray]:
    value, slope = (
        0.5 * (1.0 + np.cos(np.pi * r / cutoff)),
        -0.5 * np.sin(np.pi * r / cutoff) * np.pi / cutoff,
    )
    return value[:, None], slope[:, None]


def _chebyshev_power(lam: float, cutoff: float, r: FloatArray, n: int) -> tuple[FloatArray, FloatArray]:
    base = np.maximum(1.0 - r / cutoff, 0.0)
    lower = base ** (lam - 1.0)
    t, dt = _chebyshev(2.0 * (1.0 - lower * base) - 1.0, n)
    return 0.5 - 0.5 * t[:, 1:], -0.5 * dt[:, 1:] * (2.0 * lam / cutoff * lower)[:, None]


def _simplified_bessel(cutoff: float, r: FloatArray, n: int) -> tuple[FloatArray, FloatArray]:
    g, dg = np.empty((len(r), n)), np.empty((len(r), n))
    d = 1.0
    for k in range(n):
        raw, draw = _bessel_pair(cutoff, r, k)
        if k == 0:
            g[:, 0], dg[:, 0] = raw, draw
            continue
        e = (k * (k + 2)) ** 2 / (4.0 * (k + 1) ** 4 + 1.0)
        before, d = d, 1.0 - e / d
        mix = np.sqrt(e / before)
        g[:, k] = (raw + mix * g[:, k - 1]) / np.sqrt(d)
        dg[:, k] = (draw + mix * dg[:, k - 1]) / np.sqrt(d)
    return g, dg


def _bessel_pair(cutoff: float, r: FloatArray, k: int) -> tuple[FloatArray, FloatArray]:
    """Sum of two neighbouring spherical Bessel functions j_0 that vanishes with its slope at the cutoff."""
    a, b = (k + 1) * np.pi / cutoff, (k + 2) * np.pi / cutoff
    norm = (-1.0) ** k * np.sqrt(2.0) * np.pi / cutoff**1.5 * (k + 1) * (k + 2) / np.hypot(k + 1, k + 2)
    value = np.sin(a * r) / (a * r) + np.sin(b * r) / (b * r)
    slope = (np.cos(a * r) - np.sin(a * r) / (a * r)) / r + (np.cos(b * r) - np.sin(b * r) / (b * r)) / r
    return norm * value, norm * slope


def gaussian_core(bond: Bond, r: FloatArray, within_inner: bool) -> tuple[FloatArray, FloatArray]:
    """|A| exp(-|lambda| r^2) / r with a cosine cutoff; ``within_inner``: only below the inner cutoff."""
    prefactor, exponent = abs(bond.core_prefactor), abs(bond.core_exponent)
    square = exponent * r * r
    y = prefactor * np.exp(-np.minimum(square, NO_CORE_BEYOND))
    value, slope = y / r, -y * (2.0 * square + 1.0) / (r * r)
    envelope, denvelope = (column[:, 0] for column in _cosine(r, bond.cutoff))
    value, slope = value * envelope, slope * envelope + value * denvelope
    far = square >= NO_CORE_BEYOND
    value, slope = np.where(far, 0.0, value), np.where(far, 0.0, slope)
    if within_inner:
        fall, dfall = falling_step(r, bond.inner_cutoff, bond.inner_width)
        value, slope = value * fall, slope * fall + value * dfall
    return value, slope


def zbl_core(bond: Bond, charges: tuple[int, int], r: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Half the repulsion of two nuclei, brought to 0 over the last ``dcut``."""
    outer, width = bond.cutoff, bond.width
    value, slope = ending_at(r, outer - width, outer, screening_length(*charges))
    strength = 0.5 * bond.core_prefactor * COULOMB * charges[0] * charges[1]
    value, slope = strength * value, strength * slope
    fall, dfall = falling_step(r, outer, width)
    value, slope = value * fall, slope * fall + value * dfall
    inside = r < outer
    return np.where(inside, value, 0.0), np.where(inside, slope, 0.0)
