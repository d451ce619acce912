"""Bispectrum components straight from the papers, as the oracle of the engine's sweeps.

Complex numbers are kept as pairs (real, imaginary), so that positions may be complex: derivatives are then
taken by a complex step. Thompson et al., J. Comput. Phys. 285, 316 (2015); Wigner matrices by the recursion
of Varshalovich, Moskalev, Khersonskii (1988), section 4.8.
"""

from functools import cache
from math import factorial, sqrt

import numpy as np

from atomsmith.descriptors.bispectrum import components


@cache
def clebsch_gordan(j1, j2, j):
    """<j1 m1 j2 m2 | j m> for doubled momenta as a tensor [j1+1, j2+1, j+1] (Racah's formula)."""
    f = factorial
    table = np.zeros((j1 + 1, j2 + 1, j + 1))
    triangle = f((j1 + j2 - j) // 2) * f((j1 - j2 + j) // 2) * f((j2 - j1 + j) // 2)
    triangle /= f((j1 + j2 + j) // 2 + 1)
    for a, b in np.ndindex(j1 + 1, j2 + 1):
        c = a + b - (j1 + j2 - j) // 2
        if not 0 <= c <= j:
            continue
        total = 0.0
        for z in range((j1 + j2 + j) // 2 + 1):
            arguments = (
                z,
                (j1 + j2 - j) // 2 - z,
                j1 - a - z,
                b - z,
                (j - j2 - j1) // 2 + a + z,
                (j - j1 + j2) // 2 - b + z,
            )
            if min(arguments) >= 0:
                total += (-1) ** z / np.prod([float(f(n)) for n in arguments])
        weight = f(a) * f(j1 - a) * f(b) * f(j2 - b) * f(c) * f(j - c) * (j + 1)
        table[a, b, c] = total * sqrt(triangle * weight)
    return table


def wigner(twojmax, a, b):
    """Matrices of each j for Cayley-Klein parameters a, b as pairs (re, im): per j (re, im) [P, mb, ma]."""
    (ar, ai), (br, bi) = a, b
    levels = [(np.ones((len(ar), 1, 1), ar.dtype), np.zeros((len(ar), 1, 1), ar.dtype))]
    for j in range(1, twojmax + 1):
        below_r, below_i = levels[-1]
        re, im = np.zeros((2, len(ar), j + 1, j + 1), ar.dtype)
        for mb in range(j // 2 + 1):
            for ma in range(j):
                ur, ui = below_r[:, mb, ma], below_i[:, mb, ma]
                up, down = sqrt((j - ma) / (j - mb)), sqrt((ma + 1) / (j - mb))
                re[:, mb, ma] += up * (ar * ur + ai * ui)
                im[:, mb, ma] += up * (ar * ui - ai * ur)
                re[:, mb, ma + 1] -= down * (br * ur + bi * ui)
                im[:, mb, ma + 1] -= down * (br * ui - bi * ur)
        for mb in range(j // 2 + 1, j + 1):
            for ma in range(j + 1):
                sign = (-1) ** (ma + mb)
                re[:, mb, ma] = sign * re[:, j - mb, j - ma]
                im[:, mb, ma] = -sign * im[:, j - mb, j - ma]
        levels.append((re, im))
    return levels


def _smooth_weight(part, pair, r):
    """Switch of a neighbour at distance r, without its element's weight."""
    cutoff = part["cutoff"][pair]
    factor = np.where(r.real < cutoff, 1.0, 0.0).astype(r.dtype)
    if part["switching"]:
        x = np.pi * (r - part["rmin0"]) / (cutoff - part["rmin0"])
        factor = factor * np.where(r.real <= part["rmin0"], 1.0, 0.5 * (np.cos(x) + 1.0))
    centre, half = part["inner_switch"][pair].T
    s = 0.5 * np.pi * (1.0 + (r - centre) / np.where(half > 0.0, half, 1.0))
    s = np.where(s.real < 0.0, 0.0, np.where(s.real > np.pi, np.pi, s))
    return factor * np.where(half > 0.0, 0.5 * (1.0 - np.cos(s)), 1.0)


def bispectrum(part, n_elements, species, i, j, vectors):
    """Features of every atom, shape (N, n_features); the plan's part is docs/architecture.md's."""
    twojmax, n_channels = part["twojmax"], part["n_channels"]
    pair = species[i] * n_elements + species[j]
    r = np.sqrt(np.sum(vectors**2, axis=-1))
    near = r.real < part["cutoff"][pair]
    i, j, pair, r, vectors = i[near], j[near], pair[near], r[near], vectors[near]
    theta = (r - part["rmin0"]) * part["rfac0"] * np.pi / (part["cutoff"][pair] - part["rmin0"])
    z0 = r / np.tan(theta)
    norm = np.sqrt(r * r + z0 * z0)
    x, y, z = vectors.T
    levels = wigner(twojmax, (z0 / norm, -z / norm), (y / norm, -x / norm))
    weight = _smooth_weight(part, pair, r) * part["weight"][species[j]]
    channel = part["channel"][species[j]]
    density = []
    for level, (re, im) in enumerate(levels):
        total = np.zeros((2, len(species), n_channels, level + 1, level + 1), dtype=vectors.dtype)
        np.add.at(total[0], (i, channel), weight[:, None, None] * re)
        np.add.at(total[1], (i, channel), weight[:, None, None] * im)
        total[0] += part["self_weight"][species][:, :, None, None] * np.eye(level + 1)
        density.append(total)
    values = np.stack([_component(part, density, *momenta) for momenta in components(twojmax)], axis=-1)
    values = values.reshape(len(species), -1) - part["shift"][species]
    own = np.eye(n_elements)[species]
    return (own[:, :, None] * values[:, None]).reshape(len(species), -1)


def _component(part, density, j1, j2, j):
    """Re sum conj(U_j) (C C U_j1 U_j2) for all triples of channels, shape (N, channels^3)."""
    c = clebsch_gordan(j1, j2, j)
    (ar, ai), (br, bi), (cr, ci) = density[j1], density[j2], density[j]

    def coupled(u, v):
        return np.einsum("abc,def,nxda,nyeb->nxyfc", c, c, u, v, optimize=True)

    zr, zi = coupled(ar, br) - coupled(ai, bi), coupled(ar, bi) + coupled(ai, br)
    value = np.einsum("nxyfc,nzfc->nxyz", zr, cr) + np.einsum("nxyfc,nzfc->nxyz", zi, ci)
    return value.reshape(len(value), -1) / (j + 1 if part["normalised"] else 1)
