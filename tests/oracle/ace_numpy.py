"""The engine's mathematics in a few lines of NumPy: the readable oracle that fast code is tested against.

Works from a plan (docs/architecture.md) and `Systems`, with brute-force neighbours. Everything is analytic in
the positions, so derivatives are taken by a complex step, exact to rounding.
"""

# ruff: noqa: E741 (l is the field's name of the angular degree)

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atomsmith.descriptors.harmonics import real_spherical_harmonics
from atomsmith.descriptors.radial import evaluate_radial
from atomsmith.systems import FloatArray, Systems
from oracle.bispectrum_numpy import bispectrum
from oracle.moments_numpy import moment_features
from oracle.regressors_numpy import descriptor_of, outputs
from oracle.soap_numpy import power_spectrum, quintic_radial
from oracle.spline_numpy import spline_radial
from oracle.symmetry_numpy import symmetry_features
from oracle.three_body_numpy import triplet_kernels

Array = NDArray[Any]
COMPLEX_STEP = 1e-30
COULOMB = 14.399645478425668  # e^2 / (4 pi epsilon_0) in eV angstrom (CODATA 2018)
ZBL_LENGTH = 0.88534 * 0.529177210903  # angstrom; Ziegler, Biersack, Littmark (1985)
TABLES = {"quintic": quintic_radial, "spline": spline_radial}
ZBL = ((0.18175, 3.19980), (0.50986, 0.94229), (0.28022, 0.40290), (0.02817, 0.20162))


def plan_cutoff(plan: Mapping[str, Any]) -> float:
    """Largest distance at which any part is not zero."""
    reach = [np.max(part["radial"]["cutoff"]) for part in plan["parts"] if "radial" in part]
    reach += [np.max(part["cutoff"]) for part in plan["parts"] if part["kind"] == "bispectrum"]
    reach += [
        np.max(centre["cutoff"], initial=0.0)
        for part in plan["parts"]
        if part["kind"] == "symmetry_functions"
        for centre in part["centres"]
    ]
    reach += [
        kernel["cutoff"]
        for part in plan["parts"]
        if part["kind"] == "three_body"
        for kernel in part["kernels"]
    ]
    reach += [np.max(part["outer"]) for part in plan["parts"] if part["kind"] == "zbl"]
    return float(max(reach, default=0.0))


def neighbours(systems: Systems, cutoff: float) -> tuple[Array, Array, FloatArray]:
    """All ordered pairs (i, j, shift) closer than ``cutoff``; the vector is x_j + shift - x_i."""
    first, second, shifts = [np.zeros(0, int)], [np.zeros(0, int)], [np.zeros((0, 3))]
    for s in range(systems.n_systems):
        atoms = np.arange(systems.first[s], systems.first[s + 1])
        if len(atoms) == 0:
            continue
        x, periodic = systems.positions[atoms], systems.cells[s] * systems.pbc[s][:, None]
        inverse = np.linalg.pinv(periodic)
        reach = np.ceil(cutoff * np.linalg.norm(inverse, axis=0) + np.ptp(x @ inverse, axis=0))
        reach = np.where(systems.pbc[s], reach, 0).astype(int)
        for image in product(*(range(-n, n + 1) for n in reach)):
            shift = np.array(image) @ periodic
            near = np.linalg.norm(x[None] + shift - x[:, None], axis=-1) < cutoff
            if image == (0, 0, 0):
                np.fill_diagonal(near, False)
            i, j = np.nonzero(near)
            first.append(atoms[i])
            second.append(atoms[j])
            shifts.append(np.tile(shift, (len(i), 1)))
    return np.concatenate(first), np.concatenate(second), np.concatenate(shifts)


class Oracle:
    """A plan with the systems it is evaluated on; the neighbours are found once.

    Attributes
    ----------
    species
        Index of each atom into the plan's elements, shape (N,).
    i, j, vectors
        Centre, neighbour, and vector to it for each of P ordered pairs.
    """

    def __init__(self, plan: Mapping[str, Any], systems: Systems) -> None:
        self.plan, self.systems = plan, systems
        elements = list(plan["elements"])
        self.n_elements = len(elements)
        self.species = np.array([elements.index(number) for number in systems.numbers], dtype=int)
        self.i, self.j, shifts = neighbours(systems, plan_cutoff(plan))
        self.vectors = systems.positions[self.j] + shifts - systems.positions[self.i]
        self.pair = self.species[self.i] * self.n_elements + self.species[self.j]

    def features(self, vectors: Array | None = None) -> Array:
        """Features of every atom, shape (N, n_features)."""
        vectors = self.vectors if vectors is None else vectors
        evaluate = {
            "e0": self._e0,
            "pair": self._pair,
            "ace": self._ace,
            "zbl": self._no_features,
            "bispectrum": self._bispectrum,
            "moments": self._moments,
            "symmetry_functions": self._symmetry,
            "soap": self._soap,
            "three_body": self._three_body,
        }
        parts = []
        for part in self.plan["parts"]:
            descriptor, columns = descriptor_of(part, self.n_elements)
            values = evaluate[part["kind"]](descriptor, vectors)
            parts.append(outputs(part, columns, self.species, values))
        return np.concatenate(parts, axis=1)

    def energies(self, coefficients: FloatArray, vectors: Array | None = None) -> Array:
        """Energy of every atom in eV, shape (N,)."""
        vectors = self.vectors if vectors is None else vectors
        energies = self.features(vectors) @ coefficients
        for part in self.plan["parts"]:
            if part["kind"] == "zbl":
                energies = energies + self._zbl(part, vectors)
        return energies

    def energy(self, coefficients: FloatArray) -> FloatArray:
        """Energy of every system, shape (S,)."""
        return np.bincount(self.systems.owner, self.energies(coefficients), self.systems.n_systems)

    def forces(self, coefficients: FloatArray) -> FloatArray:
        """Forces by a complex step of every coordinate, shape (N, 3)."""
        forces = np.zeros((self.systems.n_atoms, 3))
        for atom, axis in np.ndindex(forces.shape):
            step = np.zeros(self.vectors.shape)
            step[:, axis] = (self.j == atom).astype(float) - (self.i == atom)
            forces[atom, axis] = -self._slopes(coefficients, step).sum()
        return forces

    def virial(self, coefficients: FloatArray) -> FloatArray:
        """-dE/dstrain in eV by a complex step, shape (S, 3, 3)."""
        virial = np.zeros((self.systems.n_systems, 3, 3))
        for a, b in np.ndindex(3, 3):
            step = np.zeros(self.vectors.shape)
            step[:, a] = self.vectors[:, b]
            virial[:, a, b] = -np.bincount(
                self.systems.owner, self._slopes(coefficients, step), self.systems.n_systems
            )
        return virial

    def _slopes(self, coefficients: FloatArray, step: FloatArray) -> FloatArray:
        """d(atomic energies) / d(step)."""
        return self.energies(coefficients, self.vectors + 1j * COMPLEX_STEP * step).imag / COMPLEX_STEP

    def _sum_over_neighbours(self, values: Array) -> Array:
        total = np.zeros((self.systems.n_atoms, *values.shape[1:]), dtype=values.dtype)
        np.add.at(total, self.i, values)
        return total

    def _radial(self, table: Mapping[str, Any], vectors: Array) -> Array:
        """R_k of every pair, shape (P, n)."""
        r = _length(vectors)
        values = np.zeros((len(r), table["n"]), dtype=vectors.dtype)
        for pair in np.unique(self.pair):
            chosen = self.pair == pair
            evaluate = TABLES.get(table.get("kind"), lambda *of: evaluate_radial(*of)[0])
            values[chosen] = evaluate(table, int(pair), r[chosen])
        return values

    def _e0(self, part: Mapping[str, Any], vectors: Array) -> Array:
        return np.eye(self.n_elements, dtype=vectors.dtype)[self.species]

    def _no_features(self, part: Mapping[str, Any], vectors: Array) -> Array:
        return np.zeros((self.systems.n_atoms, 0), dtype=vectors.dtype)

    def _pair(self, part: Mapping[str, Any], vectors: Array) -> Array:
        n = part["radial"]["n"]
        spread = np.zeros((len(vectors), part["n_features"]), dtype=vectors.dtype)
        columns = part["first_feature"][self.pair][:, None] + np.arange(n)
        np.put_along_axis(spread, columns, self._radial(part["radial"], vectors), axis=1)
        return self._sum_over_neighbours(spread)

    def _ace(self, part: Mapping[str, Any], vectors: Array) -> Array:
        channels = self._one_particle(part, vectors)
        values = np.zeros((self.systems.n_atoms, part["n_features"]), dtype=vectors.dtype)
        for z, centre in enumerate(part["centres"]):
            V = channels[self.species == z]
            for u, v in centre["nodes"]:
                V = np.concatenate([V, (V[:, u] * V[:, v])[:, None]], axis=1)
            u, v = centre["terms"].T
            T = np.where(v < 0, V[:, u], V[:, u] * V[:, v])
            for k in range(centre["n_features"]):
                entries = slice(*centre["feature_start"][k : k + 2])
                values[self.species == z, centre["first_feature"] + k] = (
                    T[:, centre["feature_term"][entries]] @ centre["feature_coefficient"][entries]
                )
        return values

    def _one_particle(self, part: Mapping[str, Any], vectors: Array) -> Array:
        """A_v of every atom, shape (N, n_elements * n_lmk)."""
        R = self._radial(part["radial"], vectors)
        Y = real_spherical_harmonics(part["l_max"], vectors / _length(vectors)[:, None])
        blocks = []
        for l in range(part["l_max"] + 1):
            first, count = part["radial_first"][l], part["radial_count"][l]
            phi = Y[:, l * l : (l + 1) ** 2, None] * R[:, None, first : first + count]
            blocks.append(phi.reshape(len(vectors), -1))
        phi = np.concatenate(blocks, axis=1)
        neighbour = np.eye(self.n_elements)[self.species[self.j]]
        return self._sum_over_neighbours((neighbour[:, :, None] * phi[:, None]).reshape(len(vectors), -1))

    def _bispectrum(self, part: Mapping[str, Any], vectors: Array) -> Array:
        return bispectrum(part, self.n_elements, self.species, self.i, self.j, vectors)

    def _symmetry(self, part: Mapping[str, Any], vectors: Array) -> Array:
        return symmetry_features(part, self.n_elements, self.species, self.i, self.j, vectors)

    def _moments(self, part: Mapping[str, Any], vectors: Array) -> Array:
        return moment_features(part, self.n_elements, self.species, self.i, self.j, vectors)

    def _soap(self, part: Mapping[str, Any], vectors: Array) -> Array:
        return power_spectrum(part, self.n_elements, self.species, self.i, self.j, vectors)

    def _three_body(self, part: Mapping[str, Any], vectors: Array) -> Array:
        return triplet_kernels(part, self.species, self.i, self.j, vectors)

    def _zbl(self, part: Mapping[str, Any], vectors: Array) -> Array:
        r = _length(vectors)
        zi, zj = part["charges"][self.species[self.i]], part["charges"][self.species[self.j]]
        x = r * (zi**0.23 + zj**0.23) / ZBL_LENGTH
        screening = sum(c * np.exp(-d * x) for c, d in ZBL)
        inner = np.reshape(part["inner"], -1)[self.pair]
        outer = np.reshape(part["outer"], -1)[self.pair]
        s = (r - inner) / (outer - inner)
        s = np.where(s.real < 0.0, 0.0, np.where(s.real > 1.0, 1.0, s))
        switch = 1.0 - s**3 * (10.0 + s * (6.0 * s - 15.0))
        strength = np.asarray(part.get("strength", np.ones(self.n_elements**2)))[self.pair]
        return self._sum_over_neighbours(0.5 * strength * COULOMB * zi * zj / r * screening * switch)


def _length(vectors: Array) -> Array:
    """Lengths, analytic also for complex vectors."""
    return np.sqrt(np.sum(vectors**2, axis=-1))
