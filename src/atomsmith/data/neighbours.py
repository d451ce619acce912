"""Neighbour distances of one configuration, for checks and summaries."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from vesin import NeighborList

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
    neighbours = NeighborList(cutoff=cutoff, full_list=False, n_threads=1)
    i, j, distance = neighbours.compute(
        np.ascontiguousarray(positions), np.ascontiguousarray(cell), np.ascontiguousarray(pbc), "ijd"
    )
    return i.astype(np.int64), j.astype(np.int64), distance


def pair_vectors(
    positions: FloatArray, cell: FloatArray, pbc: BoolArray, cutoff: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], FloatArray]:
    """As `pair_distances`, but with the vectors from i to j, shape (P, 3)."""
    neighbours = NeighborList(cutoff=cutoff, full_list=False, n_threads=1)
    i, j, vectors = neighbours.compute(
        np.ascontiguousarray(positions), np.ascontiguousarray(cell), np.ascontiguousarray(pbc), "ijD"
    )
    return i.astype(np.int64), j.astype(np.int64), vectors


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
