"""PACE in a few lines of NumPy, straight from what the file says: complex products one by one, no recursion.

Lysogorskiy et al., npj Comput. Mater. 7, 97 (2021)."""

# ruff: noqa: E741 (l is the field's name of the angular degree)

from __future__ import annotations

import numpy as np
from scipy.special import sph_harm_y

from atomsmith.elements import number_of
from atomsmith.exchange.pace.model import Embedding, PaceModel
from atomsmith.exchange.pace.radial import BondTable, falling_step, table
from atomsmith.systems import FloatArray, Systems
from oracle.ace_numpy import Array, neighbours


def energies(model: PaceModel, systems: Systems) -> FloatArray:
    """Energy of every atom in eV, shape (N,)."""
    species = np.array([[number_of(s) for s in model.symbols].index(z) for z in systems.numbers])
    cutoff = max(bond.cutoff for row in model.bonds for bond in row)
    i, j, shifts = neighbours(systems, cutoff)
    vectors = systems.positions[j] + shifts - systems.positions[i]
    tables = [[table(model, a, b) for b in range(len(model.symbols))] for a in range(len(model.symbols))]
    return np.array([
        _atom(model, tables[species[atom]], species[atom], species[j[i == atom]], vectors[i == atom])
        for atom in range(systems.n_atoms)
    ])  # fmt: skip


def hermite(bond: BondTable, values: Array, slopes: Array, r: FloatArray) -> Array:
    """The cubic of each bin that has the values and slopes of its two nodes."""
    h = bond.cutoff / bond.bins
    k = np.minimum((r / h).astype(int), bond.bins - 1)
    w = (r / h - k).reshape(-1, *(1,) * (values.ndim - 1))
    rise, fall = w * w * (3 - 2 * w), (1 - w) ** 2 * (1 + 2 * w)
    return (
        fall * values[k]
        + rise * values[k + 1]
        + h * (w * (1 - w) ** 2 * slopes[k] - w * w * (1 - w) * slopes[k + 1])
    )


def embedded(embedding: Embedding, densities: FloatArray) -> float:
    """Sum over densities of prefactor * F(rho)."""
    total = 0.0
    for rho, prefactor, m in zip(densities, embedding.prefactor, embedding.exponent, strict=True):
        a = abs(rho)
        if embedding.name == "FinnisSinclair":
            w = 1e6
            g = np.exp(-min((w * a) ** 3, 700.0))
            f = (1 - g) * a**m + w ** (1 - m) * g * a
        elif abs(m - 1) < 1e-10:
            f = a
        else:
            n = 1 / m
            x, y = n ** (n / (1 - n)) * np.exp(-a), n ** (1 / (1 - n)) * np.exp(-a)
            f = (x + a) ** m - y
        total += prefactor * np.copysign(f, rho)
    return float(total)


def _atom(
    model: PaceModel, tables: list[BondTable], centre: int, species: Array, vectors: FloatArray
) -> float:
    r = np.linalg.norm(vectors, axis=1)
    n_z, lmax = len(model.symbols), model.l_max
    A = np.zeros((n_z, model.n_max, lmax + 1, 2 * lmax + 1), dtype=complex)  # m counts from -l_max
    A1 = np.zeros((n_z, model.k_max))
    core, nearest = 0.0, np.inf
    step = (1.0, 0.0)
    for z in range(n_z):
        near = (species == z) & (r < tables[z].cutoff)
        if not near.any():
            continue
        bond, x = tables[z], r[near]
        theta, phi = np.arccos(np.clip(vectors[near, 2] / x, -1, 1)), np.arctan2(*vectors[near, 1::-1].T)
        A1[z] = hermite(bond, bond.g, bond.dg, x).sum(axis=0)
        f = hermite(bond, bond.f, bond.df, x)
        for l in range(lmax + 1):
            for m in range(-l, l + 1):
                y = np.sqrt(4 * np.pi) * sph_harm_y(l, m, theta, phi)
                A[z, :, l, m + lmax] = y @ f[:, :, l]
        core += hermite(bond, bond.core, bond.dcore, x).sum()
        inner = model.bonds[centre][z]
        distance = x.min() - (inner.inner_cutoff - inner.inner_width)
        if distance < nearest:
            nearest, step = distance, (inner.inner_width - distance, inner.inner_width)
    embedding = model.embeddings[centre]
    densities = np.zeros(len(embedding.prefactor))
    for function in model.functions[centre]:
        if function.rank == 1:
            densities += function.coefficients[0] * A1[function.species[0], function.n[0] - 1]
            continue
        for m, coefficients in zip(function.m, function.coefficients, strict=True):
            product = np.prod(A[function.species, function.n - 1, function.l, m + lmax])
            densities += coefficients * product.real
    energy = embedded(embedding, densities)
    if model.core == "zbl":
        share = float(falling_step(np.array([step[0]]), step[1], step[1])[0][0]) if len(r) else 1.0
        return energy * share + core * (1 - share) + model.e0[centre]
    share = float(falling_step(np.array([core]), embedding.core_cutoff, embedding.core_width)[0][0])
    return energy * share + core + model.e0[centre]
