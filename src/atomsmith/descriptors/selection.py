"""Which multisets of one-particle labels (z, n, l) enter an ACE basis."""

# ruff: noqa: E741 (l is the field's name of the angular degree)

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from atomsmith.descriptors.invariants import count_invariants
from atomsmith.errors import InputError
from atomsmith.systems import FloatArray, IntArray

LARGEST_SELECTION = 500_000
"""Most products of one correlation order; their list would fill the memory long before a basis of this size
could be fitted."""
SLACK = 1e-9  # so that degrees that are sums of decimal fractions compare as meant


@dataclass(frozen=True, eq=False)
class Labels:
    """One-particle labels, sorted by l, then species, then n; each array of shape (n_labels,).

    ``z`` is the species index of the neighbour, ``degree`` is n + weight_l * l.
    """

    z: IntArray
    n: IntArray
    l: IntArray
    degree: FloatArray

    def pattern(self, row: IntArray) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Degrees l of a multiset (a sorted row of label indices), and the first position of each label."""
        indices = row.tolist()
        return tuple(self.l[row].tolist()), tuple(indices.index(index) for index in indices)


@dataclass(frozen=True, eq=False)
class Selection:
    """The multisets of a centre, by correlation order.

    Attributes
    ----------
    labels
        One-particle labels.
    rows
        For each order N label indices, shape (n_multisets, N), rows sorted; by rising total degree.
    """

    labels: Labels
    rows: dict[int, IntArray]

    @cached_property
    def n_functions(self) -> int:
        """Number of invariants of one centre, from representation theory."""
        return sum(count_invariants(*self.labels.pattern(row)) for rows in self.rows.values() for row in rows)

    @cached_property
    def radial_count(self) -> IntArray:
        """Number of radial functions that each l needs, shape (l_max + 1,)."""
        used = np.unique(np.concatenate([rows.reshape(-1) for rows in self.rows.values()]))
        l, n = self.labels.l[used], self.labels.n[used]
        count = np.zeros(l.max() + 1, dtype=np.int32)
        np.maximum.at(count, l, n + 1)
        return count


def select(
    degrees: Mapping[int, float], species: Sequence[int], weight_l: float, l_max: int, n_max: int
) -> Selection:
    """Multisets of N labels with total degree up to ``degrees[N]`` that have at least one invariant.

    Parameters
    ----------
    degrees
        Largest total degree of each correlation order.
    species
        Indices of the neighbour species.
    weight_l
        Weight of l in the degree.
    l_max, n_max
        Largest l and n of any label.
    """
    largest = max(degrees.values(), default=0.0) + SLACK
    grid = [
        (l, z, n, n + weight_l * l)
        for l in range(l_max + 1)
        for z in species
        for n in range(n_max + 1)
        if n + weight_l * l <= largest
    ]
    l, z, n = (np.array([entry[axis] for entry in grid], dtype=np.int32) for axis in range(3))
    labels = Labels(z, n, l, np.array([entry[3] for entry in grid]))
    rows = {order: _multisets(labels, order, limit + SLACK) for order, limit in degrees.items()}
    return Selection(labels, {order: found for order, found in rows.items() if len(found) > 0})


def _multisets(labels: Labels, order: int, limit: float) -> IntArray:
    """Sorted rows of label indices, shape (n, order), by rising total degree."""
    rows = np.zeros((1, 0), dtype=np.int32)
    index = np.arange(len(labels.l), dtype=np.int32)
    for position in range(order):
        spent = labels.degree[rows].sum(axis=1)
        last = rows[:, -1] if position > 0 else np.zeros(1, dtype=np.int32)
        fits = (spent[:, None] + labels.degree[None, :] <= limit) & (index[None, :] >= last[:, None])
        if np.count_nonzero(fits) > LARGEST_SELECTION:
            raise InputError(
                f"ace: total degree {limit:g} at correlation order {order} asks for more than "
                f"{LARGEST_SELECTION} products of functions; lower degree, l_max or n_max."
            )
        row, label = np.nonzero(fits)
        rows = np.concatenate([rows[row], index[label][:, None]], axis=1)
    rows = rows[labels.l[rows].sum(axis=1) % 2 == 0]
    rows = rows[np.array([count_invariants(*labels.pattern(row)) > 0 for row in rows], dtype=bool)]
    ordered: IntArray = rows[np.argsort(labels.degree[rows].sum(axis=1), kind="stable")]
    return ordered
