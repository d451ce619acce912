"""Slabs of any Miller indices, with every termination."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import gcd

import numpy as np
from numpy.typing import NDArray

from atomsmith.builders.symmetry import operations
from atomsmith.data.configuration import Configuration
from atomsmith.errors import InputError
from atomsmith.systems import FloatArray

Miller = tuple[int, int, int]

PLANE = 0.05
"""Atoms whose heights differ by less (angstrom) lie in one plane."""


def miller_indices(crystal: Configuration, largest: int = 3) -> list[Miller]:
    """One set of indices for each kind of plane, in the lattice vectors of the given cell.

    Parameters
    ----------
    crystal
        Its symmetry, by spglib, tells which planes are equivalent; without spglib all but (hkl) and (-h-k-l)
        count as different.
    largest
        Largest absolute index.
    """
    found = operations(crystal)
    turns = np.eye(3, dtype=np.int64)[None] if found is None else found[0].astype(np.int64)
    values = range(largest, -largest - 1, -1)
    everything = [indices for indices in product(values, values, values) if gcd(*indices) == 1]
    # Simple indices represent their kind: small, positive, descending.
    everything.sort(key=lambda m: (sum(map(abs, m)), max(map(abs, m)), [-i for i in m]))
    kinds: list[Miller] = []
    seen: set[Miller] = set()
    for indices in everything:
        if indices in seen:
            continue
        kinds.append(indices)
        # Planes are covectors: they turn with the inverse transpose; the group has every inverse.
        for turned in np.array(indices) @ turns:
            plane = (int(turned[0]), int(turned[1]), int(turned[2]))
            seen |= {plane, (-plane[0], -plane[1], -plane[2])}
    return kinds


def surface_cell(crystal: Configuration, miller: Sequence[int]) -> Configuration:
    """Describe a crystal by a cell whose first two vectors span the plane, the third reaching one plane up.

    The cell holds as many atoms as that of the crystal; it is turned so that the plane is normal to z and
    its first vector lies along x. The two vectors in the plane are reduced.

    Raises
    ------
    InputError
        If the indices are all zero, or the crystal is not periodic in three directions.
    """
    h = np.array(miller, dtype=np.int64)
    if not h.any() or not crystal.pbc.all():
        raise InputError(f"surface_cell: indices {list(miller)} of {crystal.formula} make no plane.")
    transformation = _unimodular(h // np.gcd.reduce(h))
    cell = transformation @ crystal.cell
    first, second = _reduced(cell[0], cell[1])
    normal = np.cross(first, second)
    if normal @ cell[2] < 0.0:
        first, second, normal = second, first, -normal
    third = cell[2] - np.rint(_in_plane(cell[2], first, second)) @ np.array([first, second])
    x = first / np.linalg.norm(first)
    z = normal / np.linalg.norm(normal)
    turn = np.array([x, np.cross(z, x), z])
    new = np.array([first, second, third]) @ turn.T
    new[0, 1:] = new[1, 2] = 0.0
    return _wrapped(crystal.without_labels().replace(cell=new, positions=crystal.positions @ turn.T))


def terminations(cell: Configuration) -> list[float]:
    """Heights z (angstrom) midway between atomic planes of a `surface_cell`, one for each cut, ascending."""
    height = float(cell.cell[2, 2])
    z = np.sort(cell.positions[:, 2] % height)
    gaps = np.diff(np.append(z, z[0] + height))
    cuts = [float(lower + 0.5 * gap) for lower, gap in zip(z, gaps, strict=True) if gap > PLANE]
    return sorted(cut % height for cut in cuts)


def slab(
    crystal: Configuration,
    miller: Sequence[int],
    *,
    thickness: float = 15.0,
    vacuum: float = 12.0,
    cut: float | None = None,
) -> Configuration:
    """Cut a slab with vacuum above it; periodic in three directions, the surface normal along z.

    Parameters
    ----------
    crystal
        A periodic cell.
    miller
        Indices of the plane in the lattice vectors of that cell.
    thickness
        Least thickness in angstrom.
    vacuum
        Between the slab and its image, in angstrom.
    cut
        Height of the cut in the `surface_cell`, one of `terminations`; by default the first of those with
        the widest gap, where least is to be broken.

    Raises
    ------
    InputError
        As `surface_cell`, or if a length is not positive.
    """
    if thickness <= 0.0 or vacuum <= 0.0:
        raise InputError(f"slab: thickness {thickness} and vacuum {vacuum} angstrom must be positive.")
    unit = surface_cell(crystal, miller)
    height = float(unit.cell[2, 2])
    at = _widest(unit) if cut is None else cut
    # Atoms above the cut come one cell lower, so that the stack begins and ends at it.
    shifted = unit.positions - np.outer(unit.positions[:, 2] % height > at, unit.cell[2])
    shifted -= np.outer(np.floor(unit.positions[:, 2] / height), unit.cell[2])
    layers = max(1, int(np.ceil(thickness / height - 1e-6)))
    positions = np.concatenate([shifted + k * unit.cell[2] for k in range(layers)])
    positions[:, 2] += 0.5 * vacuum - positions[:, 2].min()
    cell = unit.cell.copy()
    cell[2] = 0.0, 0.0, float(np.ptp(positions[:, 2])) + vacuum
    return _wrapped(
        unit.replace(
            numbers=np.tile(unit.numbers, layers),
            positions=positions,
            cell=cell,
            config_type="slab",
            info={**crystal.info, "miller": [int(i) for i in miller]},
        )
    )


def _widest(unit: Configuration) -> float:
    height = float(unit.cell[2, 2])
    z = unit.positions[:, 2] % height
    cuts = terminations(unit)
    gaps = [2.0 * np.abs((z - cut + 0.5 * height) % height - 0.5 * height).min() for cut in cuts]
    return cuts[int(np.argmax(np.round(gaps, 3)))]


def _unimodular(h: NDArray[np.int64]) -> NDArray[np.int64]:
    """Integer matrix of determinant 1 or -1, the first two rows normal to h and the third with row.h = 1.

    Column operations of Euclid's algorithm bring h to (0, 0, 1) up to order; the rows of their inverse
    transpose are the new lattice vectors.
    """
    vector, transformation = h.copy(), np.eye(3, dtype=np.int64)
    while np.count_nonzero(vector) > 1:
        nonzero = np.flatnonzero(vector)
        pivot = nonzero[np.argmin(np.abs(vector[nonzero]))]
        for other in nonzero:
            if other != pivot:
                factor = vector[other] // vector[pivot]
                vector[other] -= factor * vector[pivot]
                transformation[other] -= factor * transformation[pivot]
    last = int(np.flatnonzero(vector)[0])
    transformation[last] *= vector[last]
    order = [row for row in range(3) if row != last] + [last]
    return transformation[order]


def _reduced(first: FloatArray, second: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Shortest two vectors of a plane lattice (Lagrange and Gauss)."""
    while True:
        if first @ first > second @ second:
            first, second = second, first
        steps = np.rint(first @ second / (first @ first))
        if steps == 0.0:
            return first, second
        second = second - steps * first


def _in_plane(vector: FloatArray, first: FloatArray, second: FloatArray) -> FloatArray:
    """Components of a vector's projection on the plane of two others, shape (2,)."""
    components: FloatArray = np.linalg.lstsq(np.array([first, second]).T, vector, rcond=None)[0]
    return components


def _wrapped(configuration: Configuration) -> Configuration:
    """Bring atoms into the cell; those within 1e-9 of its faces go to the lower one."""
    fractional = configuration.positions @ np.linalg.inv(configuration.cell)
    fractional -= np.floor(fractional + 1e-9)
    return configuration.replace(positions=fractional @ configuration.cell)
