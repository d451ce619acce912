"""Sums and gathers over the systems of a batch, each system's result independent of its neighbours in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atomsmith.errors import InputError
from atomsmith.systems import FloatArray, Systems


@dataclass(frozen=True, eq=False)
class Layout:
    """Where the atoms of each system are: computed once for a batch, used every step.

    Attributes
    ----------
    owner
        System of each atom, shape (N,).
    starts
        First atom of each system, shape (S,).
    counts
        Atoms of each system, shape (S,).
    """

    owner: NDArray[np.int64]
    starts: NDArray[np.int64]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, systems: Systems) -> Layout:
        """Layout of a batch.

        Raises
        ------
        InputError
            If a system has no atoms.
        """
        counts = systems.counts
        if np.any(counts < 1):
            raise InputError(f"system {int(np.argmin(counts))} of the batch has no atoms; leave it out.")
        return cls(owner=systems.owner, starts=systems.first[:-1].copy(), counts=counts)

    def sum(self, values: FloatArray) -> FloatArray:
        """Sum of per-atom values (N, ...) over each system, shape (S, ...)."""
        total: FloatArray = np.add.reduceat(values, self.starts, axis=0)
        return total

    def spread(self, values: FloatArray) -> FloatArray:
        """Value of its system (S, ...) for every atom, shape (N, ...)."""
        # `take` does what values[owner] does in a fourth of the time.
        each: FloatArray = values.take(self.owner, axis=0)
        return each

    def mean(self, values: FloatArray) -> FloatArray:
        """Mean of per-atom values (N,) over each system, shape (S,)."""
        return self.sum(values) / self.counts

    def max(self, values: FloatArray) -> FloatArray:
        """Largest of per-atom values (N,) in each system, shape (S,)."""
        largest: FloatArray = np.maximum.reduceat(values, self.starts, axis=0)
        return largest


def times_matrix(vectors: FloatArray, matrices: FloatArray, owner: NDArray[np.int64]) -> FloatArray:
    """Row vectors (N, 3) times the matrix of their system (S, 3, 3): shape (N, 3).

    Written out rather than left to BLAS, whose rounding depends on the shape of the batch.
    """
    rows = matrices.take(owner, axis=0)
    product: FloatArray = (
        vectors[:, 0, None] * rows[:, 0] + vectors[:, 1, None] * rows[:, 1] + vectors[:, 2, None] * rows[:, 2]
    )
    return product


def norms(vectors: FloatArray) -> FloatArray:
    """Lengths of vectors along the last axis, shape (..., 3) to (...)."""
    x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
    length: FloatArray = np.sqrt(x * x + y * y + z * z)
    return length
