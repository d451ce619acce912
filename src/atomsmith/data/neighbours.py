"""Neighbour distances of one configuration, for checks and summaries."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from atomsmith.neighbours import find_pairs
from atomsmith.systems import BoolArray, FloatArray


def pair_distances(
    positions: FloatArray, cell: FloatArray, pbc: BoolArray, cutoff: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], FloatArray]:
    """Every pair of atoms (images included) within ``cutoff``, once.

    Parameters
    ----------
    positions, cell, pbc
        Shapes (N, 3), (3, 3), (3,); angstrom.
    cutoff
        Largest distance in angstrom.

    Returns
    -------
    i, j, distance
        Indices and distances in angstrom, shape (P,) each.
    """
    i, j, vectors = pair_vectors(positions, cell, pbc, cutoff)
    return i, j, np.linalg.norm(vectors, axis=1)


def pair_vectors(
    positions: FloatArray, cell: FloatArray, pbc: BoolArray, cutoff: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], FloatArray]:
    """As `pair_distances`, but with the vectors from i to j, shape (P, 3)."""
    first, neighbour, shift = find_pairs(positions, cell, pbc, cutoff)
    i = np.repeat(np.arange(len(positions)), np.diff(first))
    j, shift = neighbour.astype(np.int64), shift.astype(np.int64)
    # Of (i, j, shift) and (j, i, -shift) the one whose first difference is positive.
    sign = np.where(i != j, j - i, 0)
    for axis in range(3):
        sign = np.where(sign == 0, shift[:, axis], sign)
    once = sign > 0
    i, j, shift = i[once], j[once], shift[once]
    return i, j, positions[j] + shift @ cell - positions[i]


def shortest_distance(positions: FloatArray, cell: FloatArray, pbc: BoolArray) -> float:
    """Shortest distance between two atoms or images in angstrom; infinity for one isolated atom."""
    limit = _distance_limit(positions, cell, pbc)
    if limit == 0.0:
        return np.inf if len(positions) < 2 else 0.0
    cutoff = min(2.0, limit)
    while True:
        distance = pair_distances(positions, cell, pbc, cutoff)[2]
        if len(distance):
            return float(distance.min())
        if cutoff >= limit:
            return np.inf
        cutoff = min(1.7 * cutoff, limit)


def _distance_limit(positions: FloatArray, cell: FloatArray, pbc: BoolArray) -> float:
    """A distance within which the closest pair must lie, if there is a pair at all."""
    limits = [float(np.linalg.norm(vector)) for vector, periodic in zip(cell, pbc, strict=True) if periodic]
    if len(positions) > 1:
        limits.append(float(np.linalg.norm(np.ptp(positions, axis=0))))
    return min(limits) * (1.0 + 1e-9) if limits else 0.0
