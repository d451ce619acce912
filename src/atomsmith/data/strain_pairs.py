"""Energy differences of strained copies of one structure, against the work that the stress predicts.

For two configurations of the same atoms, the second an affine strain of the first but for small
displacements, the first law with the trapezoidal rule gives

    E_b - E_a = 1/2 (V_a s_a + V_b s_b) : e - 1/2 (F_a + F_b) . u + O(e^3)

with e = sym(L), L = (h_b - h_a) h_mid^-1 the strain between the cells h and u the displacements beyond the
affine ones (Nielsen and Martin, Phys. Rev. B 32, 3780 (1985), eq. 1-3 define s by the same derivative).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from atomsmith.data.configuration import Configuration
from atomsmith.systems import BoolArray, FloatArray

_LARGEST_STRAIN = 0.12
_SMALLEST_STRAIN = 1e-3
_LARGEST_DISPLACEMENT = 0.3
_MOST_PER_GROUP = 120
_MOST_PER_CELL = 4
_VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


@dataclass(frozen=True, eq=False)
class StrainPairs:
    """P pairs of strained configurations.

    Attributes
    ----------
    energy
        E_b - E_a plus the work of the forces on displacements beyond the affine ones, in eV, shape (P,).
    virial
        Means of volume times stress, ASE's Voigt order, in eV, shape (P, 6).
    virial_change
        Differences of volume times stress, b minus a, in eV, shape (P, 6).
    strain
        Strain between the cells, Voigt with engineering shear, shape (P, 6).
    volume
        Mean volumes in cubic angstrom, shape (P,).
    atoms
        Number of atoms of each of the two, shape (P,).
    members
        Indices of the two configurations, shape (P, 2).
    """

    energy: FloatArray
    virial: FloatArray
    virial_change: FloatArray
    strain: FloatArray
    volume: FloatArray
    atoms: NDArray[np.int64]
    members: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.energy)

    @property
    def work(self) -> FloatArray:
        """Work that the stress predicts, in eV, shape (P,)."""
        work: FloatArray = np.einsum("pk,pk->p", self.virial, self.strain)
        return work

    def select(self, chosen: BoolArray) -> StrainPairs:
        """The pairs where ``chosen``, shape (P,), is true."""
        return StrainPairs(*(getattr(self, field.name)[chosen] for field in fields(self)))


def find_strain_pairs(configurations: Iterable[Configuration]) -> StrainPairs:
    """Find the strained copies among configurations with energy and stress, and their energy differences."""
    groups: dict[bytes, list[tuple[int, Configuration]]] = {}
    for index, configuration in enumerate(configurations):
        if configuration.energy is not None and configuration.stress is not None and configuration.pbc.all():
            groups.setdefault(configuration.numbers.tobytes(), []).append((index, configuration))
    found = [_empty(), *(_pairs_of_group(_thinned(group)) for group in groups.values() if len(group) > 1)]
    return StrainPairs(
        *(np.concatenate([getattr(p, field.name) for p in found]) for field in fields(StrainPairs))
    )


def _empty() -> StrainPairs:
    none, none6, counts = np.zeros(0), np.zeros((0, 6)), np.zeros(0, np.int64)
    return StrainPairs(none, none6, none6, none6, none, counts, np.zeros((0, 2), np.int64))


def _thinned(group: Sequence[tuple[int, Configuration]]) -> list[tuple[int, Configuration]]:
    """Keep the quietest configurations of every cell: strained crystals rather than thermal snapshots."""

    def loudness(item: tuple[int, Configuration]) -> float:
        forces = item[1].forces
        return 0.0 if forces is None else float(np.mean(forces**2))

    kept: list[tuple[int, Configuration]] = []
    per_cell: dict[bytes, int] = {}
    for item in sorted(group, key=loudness):
        cell = (np.round(item[1].cell, 6) + 0.0).tobytes()
        per_cell[cell] = per_cell.get(cell, 0) + 1
        if per_cell[cell] <= _MOST_PER_CELL:
            kept.append(item)
    return kept[:_MOST_PER_GROUP]


def _pairs_of_group(group: Sequence[tuple[int, Configuration]]) -> StrainPairs:
    indices = np.array([index for index, _ in group])
    members = [configuration for _, configuration in group]
    cells = np.array([c.cell for c in members])
    scaled = np.array([c.positions @ np.linalg.inv(c.cell) for c in members])
    forces = np.array([np.zeros_like(c.positions) if c.forces is None else c.forces for c in members])
    energies = np.array([c.energy for c in members])
    volumes = np.array([c.volume for c in members])
    virials = volumes[:, None] * np.array([c.stress for c in members])
    rows: list[tuple[FloatArray, ...]] = []
    for a in range(len(members) - 1):
        # Cells of other handedness or setting can average to a singular one; they are no small strain.
        close = np.abs(cells[a + 1 :] - cells[a]).max(axis=(1, 2)) <= 0.2 * np.abs(cells[a]).max()
        b = a + 1 + np.flatnonzero(close)
        b = b[np.abs(np.linalg.det(0.5 * (cells[b] + cells[a]))) > 0.5 * volumes[a]]
        middle = 0.5 * (cells[b] + cells[a])
        gradient = np.linalg.solve(middle, cells[b] - cells[a])
        strain = _engineering(gradient)
        size = np.abs(strain).max(axis=1)
        near = (size >= _SMALLEST_STRAIN) & (np.abs(gradient).max(axis=(1, 2)) <= _LARGEST_STRAIN)
        b, middle, strain = b[near], middle[near], strain[near]
        shift = scaled[b] - scaled[a]
        shift -= np.round(shift)
        shift -= shift.mean(axis=1, keepdims=True)
        displacement = np.einsum("bni,bij->bnj", shift, middle)
        similar = np.abs(displacement).max(axis=(1, 2), initial=0.0) <= _LARGEST_DISPLACEMENT
        b, strain, displacement = b[similar], strain[similar], displacement[similar]
        internal = 0.5 * np.einsum("bni,bni->b", forces[b] + forces[a], displacement)
        rows.append(
            (
                energies[b] - energies[a] + internal,
                0.5 * (virials[b] + virials[a]),
                virials[b] - virials[a],
                strain,
                0.5 * (volumes[b] + volumes[a]),
                np.stack([np.full(len(b), indices[a]), indices[b]], axis=1),
            )
        )
    energy, virial, change, strain, volume, pair = (
        np.concatenate(column) for column in zip(*rows, strict=True)
    )
    atoms = np.full(len(energy), members[0].n_atoms, dtype=np.int64)
    return StrainPairs(energy, virial, change, strain, volume, atoms, pair.astype(np.int64))


def _engineering(gradient: FloatArray) -> FloatArray:
    """Voigt strain with engineering shear, shape (P, 6), from displacement gradients (P, 3, 3)."""
    voigt: FloatArray = np.stack(
        [gradient[:, i, i] if i == j else gradient[:, i, j] + gradient[:, j, i] for i, j in _VOIGT],
        axis=1,
    )
    return voigt
