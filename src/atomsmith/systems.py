"""A batch of independent atomistic systems as plain, concatenated arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from atomsmith.data.configuration import Configuration

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int32]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Systems:
    """S systems with N atoms in all; what the engine evaluates in one call and walkers carry along.

    Attributes
    ----------
    numbers
        Atomic numbers, shape (N,).
    positions
        Cartesian positions in angstrom, shape (N, 3); atoms may lie outside the cell.
    cells
        Lattice vectors as rows in angstrom, shape (S, 3, 3); zero rows where not periodic.
    pbc
        Periodicity along each lattice vector, shape (S, 3).
    first
        Offsets: atoms of system s are ``first[s]:first[s + 1]``, shape (S + 1,).
    """

    numbers: IntArray
    positions: FloatArray
    cells: FloatArray
    pbc: BoolArray
    first: NDArray[np.int64]

    @classmethod
    def from_configurations(cls, configurations: Sequence[Configuration]) -> Systems:
        """Concatenate configurations (labels are dropped)."""
        counts = [len(c.numbers) for c in configurations]
        return cls(
            numbers=np.concatenate([c.numbers for c in configurations]).astype(np.int32)
            if configurations
            else np.zeros(0, np.int32),
            positions=np.concatenate([c.positions for c in configurations]).astype(np.float64)
            if configurations
            else np.zeros((0, 3)),
            cells=np.array([c.cell for c in configurations], dtype=np.float64).reshape(-1, 3, 3),
            pbc=np.array([c.pbc for c in configurations], dtype=np.bool_).reshape(-1, 3),
            first=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        )

    @property
    def n_systems(self) -> int:
        """Number of systems S."""
        return len(self.first) - 1

    @property
    def n_atoms(self) -> int:
        """Number of atoms N in all systems together."""
        return len(self.numbers)

    @property
    def counts(self) -> NDArray[np.int64]:
        """Atoms of each system, shape (S,)."""
        return np.diff(self.first)

    @property
    def owner(self) -> NDArray[np.int64]:
        """System index of each atom, shape (N,)."""
        return np.repeat(np.arange(self.n_systems), self.counts)

    @property
    def volumes(self) -> FloatArray:
        """Cell volumes in cubic angstrom, shape (S,); zero for systems without a cell."""
        volumes: FloatArray = np.abs(np.linalg.det(self.cells))
        return volumes

    def replace(self, **changes: object) -> Systems:
        """Return a copy with some fields replaced."""
        # dataclasses.replace goes through the constructor field by field, which a step of a walker notices.
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__, **changes)
        return copy
