"""Energy differences of snapshots of the same atoms in the same cell, against the work of their forces.

For two configurations whose atoms lie apart by u, the trapezoidal rule gives

    E_b - E_a = -1/2 (F_a + F_b) . u + O(u^3)

which is exact for a harmonic crystal however large its vibrations are. No model is asked, so what does not
agree are the labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atomsmith.data.configuration import Configuration
from atomsmith.systems import FloatArray

_LEAST_RMS = 0.02
_LARGEST_RMS = 0.5
_LARGEST = 1.2
"""Displacements in angstrom: more than relaxations, less than diffusion."""
_MOST_IN_GROUP = 40
_MOST_GROUPS = 50


@dataclass(frozen=True, eq=False)
class SnapshotPairs:
    """P pairs of snapshots.

    Attributes
    ----------
    energy
        E_b - E_a in eV, shape (P,).
    work
        That of the forces from a to b, eV, shape (P,).
    atoms
        Of each of the two, shape (P,).
    members
        Indices of the two configurations, shape (P, 2).
    """

    energy: FloatArray
    work: FloatArray
    atoms: NDArray[np.int64]
    members: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.energy)


def find_snapshot_pairs(configurations: Iterable[Configuration]) -> SnapshotPairs:
    """Find snapshots that share atoms and cell among configurations with energy and forces.

    Of many groups those with most snapshots are looked at, and of many snapshots some, evenly chosen.
    """
    groups: dict[tuple[bytes, ...], list[tuple[int, Configuration]]] = {}
    for index, c in enumerate(configurations):
        if c.energy is not None and c.forces is not None and c.pbc.any() and c.volume > 0.0:
            cell = (np.round(c.cell, 4) + 0.0).tobytes()
            groups.setdefault((c.numbers.tobytes(), c.pbc.tobytes(), cell), []).append((index, c))
    largest = sorted(groups.values(), key=len, reverse=True)[:_MOST_GROUPS]
    rows = [row for group in largest if len(group) > 1 for row in _pairs_of_group(_thinned(group))]
    energy, work, atoms, members = zip(*rows, strict=True) if rows else ((), (), (), ())
    return SnapshotPairs(
        np.array(energy, dtype=np.float64),
        np.array(work, dtype=np.float64),
        np.array(atoms, dtype=np.int64),
        np.array(members, dtype=np.int64).reshape(-1, 2),
    )


def _thinned(group: Sequence[tuple[int, Configuration]]) -> Sequence[tuple[int, Configuration]]:
    if len(group) <= _MOST_IN_GROUP:
        return group
    return [group[int(k)] for k in np.linspace(0, len(group) - 1, _MOST_IN_GROUP)]


def _pairs_of_group(
    group: Sequence[tuple[int, Configuration]],
) -> list[tuple[float, float, int, tuple[int, int]]]:
    """Energy, work, atoms and members of the pairs that lie near each other."""
    first = group[0][1]
    cell, pbc = first.cell, first.pbc
    positions = np.array([c.positions for _, c in group])
    forces = np.array([c.forces for _, c in group])
    energies = np.array([c.energy for _, c in group])
    found = []
    for a in range(len(group) - 1):
        apart = positions[a + 1 :] - positions[a]
        apart -= (np.round(apart @ np.linalg.inv(cell)) * pbc) @ cell
        apart -= apart.mean(axis=1, keepdims=True)
        squares = np.einsum("pni,pni->pn", apart, apart)
        rms = np.sqrt(squares.mean(axis=1))
        near = (rms >= _LEAST_RMS) & (rms <= _LARGEST_RMS) & (squares.max(axis=1) <= _LARGEST**2)
        for b in a + 1 + np.flatnonzero(near):
            work = -0.5 * float(np.einsum("ni,ni", forces[a] + forces[b], apart[b - a - 1]))
            pair = (group[a][0], group[int(b)][0])
            found.append((float(energies[b] - energies[a]), work, len(first), pair))
    return found
