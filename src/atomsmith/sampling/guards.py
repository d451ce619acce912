"""Guards that end a run which has left physics: heat, energy, clashing atoms, numbers that are none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from atomsmith.neighbours import find_pairs
from atomsmith.sampling.layout import Layout, norms, times_matrix
from atomsmith.settings import Settings
from atomsmith.systems import BoolArray, FloatArray, Systems

PAIRWISE_ATOMS = 100
"""Largest system for which all pairs at once are cheaper than a cell list."""


class GuardSettings(Settings):
    """Limits beyond which a walker is stopped, whatever its uncertainty."""

    temperature_factor: float | None = Field(
        default=5.0,
        gt=1.0,
        description="Largest ratio of the temperature to the highest target of the ramp so far (at least the "
        "ten standard deviations that a small system needs); null switches the guard off.",
    )
    energy_change_ev_per_atom: float | None = Field(
        default=5.0,
        gt=0.0,
        description="Largest change of the potential energy, up or down, since the start, in eV per atom.",
    )
    shortest_distance_angstrom: float | None = Field(
        default=0.5,
        gt=0.0,
        description="Smallest distance allowed between atoms; null switches this off.",
    )
    distance_every: int = Field(
        default=10, ge=1, description="Steps between checks of the shortest distance."
    )


def hottest_ratio(factor: FloatArray, freedom: FloatArray) -> FloatArray:
    """Largest ratio of temperature to target that the guard allows, shape (S,).

    A canonical temperature scatters by sqrt(2/f) of itself with f degrees of freedom; ten of these are
    always allowed, so that few atoms do not set the guard off by chance.
    """
    return np.maximum(factor, 1.0 + 10.0 * np.sqrt(2.0 / freedom))


def temperature_limit(target_k: FloatArray, ratio: FloatArray) -> FloatArray:
    """Highest temperature in K that the guard allows, shape (S,); ``ratio`` is `hottest_ratio`.

    At a target of 0 K nothing is checked: there is no scale.
    """
    return np.where(target_k > 0.0, target_k * ratio, np.inf)


@dataclass(frozen=True, eq=False)
class _Seen:
    """An earlier check: every pair of a system was at least ``gap`` above its limit then, shape (S,)."""

    positions: FloatArray
    cells: FloatArray
    gap: FloatArray


@dataclass(frozen=True, eq=False)
class Limits:
    """Closest distance allowed between two atoms: ``scale`` of the system times ``table`` of their kinds.

    Attributes
    ----------
    scale
        Shape (S,); zero where nothing is checked.
    table
        angstrom if ``scale`` is a number, shape (n, n); zero for pairs that may come as close as they like.
    kind
        Row of each atom in ``table``, shape (N,).
    """

    scale: FloatArray
    table: FloatArray
    kind: NDArray[np.int64]

    @classmethod
    def same(cls, layout: Layout, limit: FloatArray) -> Limits:
        """One limit for all pairs of a system: ``limit`` in angstrom, shape (S,)."""
        return cls(limit, np.ones((1, 1)), np.zeros(len(layout.owner), dtype=np.int64))

    @classmethod
    def by_elements(
        cls, numbers: NDArray[np.int32], checked: BoolArray, elements: NDArray[np.int64], table: FloatArray
    ) -> Limits:
        """Limits ``table`` (angstrom) of some ``elements``, in the systems that are ``checked``, (S,)."""
        padded = np.zeros((len(elements) + 1, len(elements) + 1))  # the last row: elements without limits
        padded[:-1, :-1] = table
        kind = np.full(len(numbers), len(elements), dtype=np.int64)
        for k, element in enumerate(elements):
            kind[numbers == element] = k
        return cls(checked.astype(np.float64), padded, kind)

    @property
    def largest(self) -> FloatArray:
        """Largest limit of each system in angstrom, shape (S,)."""
        return self.scale * float(self.table.max(initial=0.0))

    def of(
        self, first: NDArray[np.int64], second: NDArray[np.int64], owner: NDArray[np.int64] | int
    ) -> FloatArray:
        """Limits in angstrom of pairs of atoms in systems ``owner``."""
        limits: FloatArray = self.scale[owner] * self.table[self.kind[first], self.kind[second]]
        return limits


@dataclass(eq=False)
class DistanceCheck:
    """Finds systems with two atoms, images included, closer than a limit; made once for a batch.

    Distances are looked at again only when atoms have moved so far since that two of them may have met.

    Attributes
    ----------
    limits
        For every pair of atoms.
    largest
        Largest of them in each system, shape (S,).
    starts
        First atom of each system, shape (S,).
    first, second, owner, limit
        All pairs of atoms of the small systems, the system of each pair and its limit.
    """

    limits: Limits
    largest: FloatArray
    starts: NDArray[np.int64]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    owner: NDArray[np.int64]
    limit: FloatArray
    _seen: _Seen | None = None

    @classmethod
    def of(cls, layout: Layout, limits: Limits) -> DistanceCheck:
        """Prepare the check for a batch."""
        largest = limits.largest
        small = [int(s) for s in np.flatnonzero(largest > 0.0) if 1 < layout.counts[s] <= PAIRWISE_ATOMS]
        pairs = [np.array(np.triu_indices(layout.counts[s], 1)) + layout.starts[s] for s in small]
        first, second = np.concatenate([np.zeros((2, 0), dtype=np.int64), *pairs], axis=1)
        owner = np.repeat(np.array(small, dtype=np.int64), [pair.shape[1] for pair in pairs])
        return cls(limits, largest, layout.starts, first, second, owner, limits.of(first, second, owner))

    def too_close(self, systems: Systems) -> NDArray[np.bool_]:
        """Whether two atoms of a system, or an atom and an image, are closer than their limit, shape (S,)."""
        checked = self.largest > 0.0
        close = np.zeros(systems.n_systems, dtype=np.bool_)
        if not np.any(checked & ~self._still_apart(systems)):
            return close
        small = np.zeros(systems.n_systems, dtype=np.bool_)
        small[self.owner] = True
        # A vector shorter than half of every periodic height has fractional components within one half, so
        # rounding finds it: below that the nearest image needs no search.
        heights = _smallest_heights(systems)
        simple = small & (heights > 2.0 * self.largest)
        gap = np.full(systems.n_systems, -np.inf)
        if simple.any():
            gap = np.where(simple, np.minimum(self._gaps(systems), 0.5 * heights - self.largest), -np.inf)
            close = simple & (gap < 0.0)
        for s in np.flatnonzero(checked & ~simple):
            close[s] = self._close_in_cell_list(systems, int(s))
        self._seen = _Seen(systems.positions.copy(), systems.cells.copy(), gap)
        return close

    def _still_apart(self, systems: Systems) -> NDArray[np.bool_]:
        """Systems whose atoms have moved too little since the last look to have met, shape (S,)."""
        seen = self._seen
        if seen is None:
            return np.zeros(systems.n_systems, dtype=np.bool_)
        if np.array_equal(systems.cells, seen.cells):
            moved = systems.positions - seen.positions
            shrunk = np.ones(systems.n_systems)
        else:
            moved, shrunk = _moved_in_cell(systems, seen)
        squares = np.einsum("ij,ij->i", moved, moved)
        reach = 2.0 * np.sqrt(np.maximum.reduceat(squares, self.starts))
        # Vectors d of atoms and images are now (d + u_j - u_i) F: at least shrunk (|d| - 2 max |u|) long. The
        # pair with the largest limit has most to lose from a factor below one.
        apart: NDArray[np.bool_] = shrunk * (self.largest + seen.gap - reach) > self.largest
        return apart

    def _gaps(self, systems: Systems) -> FloatArray:
        """Least excess of a distance, as rounding finds it, over its limit; inf elsewhere, shape (S,)."""
        vectors = systems.positions[self.second] - systems.positions[self.first]
        periodic = systems.pbc.any(axis=1)
        if periodic.any():
            cells = np.where(systems.pbc[:, :, None], systems.cells, 0.0)
            inverse = np.linalg.pinv(cells)
            shifts = np.rint(times_matrix(vectors, inverse, self.owner))
            vectors = vectors - times_matrix(shifts, cells, self.owner)
        starts = np.flatnonzero(np.diff(self.owner, prepend=-1))
        gaps = np.full(systems.n_systems, np.inf)
        gaps[self.owner[starts]] = np.minimum.reduceat(norms(vectors) - self.limit, starts)
        return gaps

    def _close_in_cell_list(self, systems: Systems, s: int) -> bool:
        begin, end = int(systems.first[s]), int(systems.first[s + 1])
        positions, cell = systems.positions[begin:end], systems.cells[s]
        if not (np.isfinite(positions).all() and np.isfinite(cell).all()):
            return False  # another guard's business
        first, j, shift = find_pairs(positions, cell, systems.pbc[s], float(self.largest[s]))
        i = np.repeat(np.arange(end - begin), np.diff(first))
        distances = norms(positions[j] + shift @ cell - positions[i])
        return bool((distances < self.limits.of(i + begin, j.astype(np.int64) + begin, s)).any())


def _moved_in_cell(systems: Systems, seen: _Seen) -> tuple[FloatArray, FloatArray]:
    """Displacements u (N, 3) left when the change F of the cells is undone, x' = (x + u) F, and the least
    stretch by F (S,); zero where a cell spans no space, which rules nothing out.
    """
    shrunk, back = np.zeros(systems.n_systems), np.tile(np.eye(3), (systems.n_systems, 1, 1))
    solid = systems.pbc.all(axis=1) & (np.abs(np.linalg.det(systems.cells)) > 1e-10)
    back[solid] = np.linalg.solve(systems.cells[solid], seen.cells[solid])
    # The smallest singular value of F is one over the largest of its inverse, which its norm bounds.
    excess = np.sqrt(np.square(back - np.eye(3)).sum(axis=(1, 2)))
    shrunk[solid] = 1.0 / (1.0 + excess[solid])
    unchanged = (systems.cells == seen.cells).all(axis=(1, 2))
    shrunk[unchanged], back[unchanged] = 1.0, np.eye(3)
    return times_matrix(systems.positions, back, systems.owner) - seen.positions, shrunk


def _smallest_heights(systems: Systems) -> FloatArray:
    """Smallest distance between opposite faces among the periodic directions, inf without any, (S,)."""
    cells = np.where(systems.pbc[:, :, None], systems.cells, 0.0)
    # Columns of the pseudo-inverse are the reciprocal vectors within the span of the periodic ones.
    lengths = np.sqrt((np.linalg.pinv(cells) ** 2).sum(axis=1))
    with np.errstate(divide="ignore"):
        heights: FloatArray = np.where(systems.pbc, 1.0 / lengths, np.inf).min(axis=1)
    return heights
