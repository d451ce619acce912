"""Neighbour lists of batches: vesin's pairs with a skin, kept until atoms or cells have moved too far."""

from __future__ import annotations

from itertools import product
from typing import TypeAlias

import numpy as np
import vesin
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from atomsmith._engine import PairOrder
from atomsmith.errors import InputError
from atomsmith.systems import FloatArray, Systems

VESIN_BINS = 1e5
"""Largest number of bins that vesin sorts atoms into."""
SMALL_CLUSTER = 60
"""Atoms up to which all distances of a cluster are looked at, which costs less than binning."""
SLAB_PAIRS = 3e7
"""Pairs that are looked for at once; systems of more are cut into slabs."""
MOST_NEIGHBOURS = 2e4
"""Neighbours of an atom, above which a structure is none: diamond has 20,000 within 30 angstrom."""
MAX_SHIFT = int(np.iinfo(np.int16).max)

Found: TypeAlias = tuple[NDArray[np.uint64], NDArray[np.int32]]
"""Pairs (P, 2) of a search and the cells (P, 3) from the first to the second, each pair once."""


def find_pairs(
    positions: FloatArray, cell: FloatArray, pbc: NDArray[np.bool_], cutoff: float
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int16]]:
    """All ordered pairs of one system closer than ``cutoff`` (angstrom).

    Atoms may lie anywhere; non-periodic directions need no cell.

    Returns
    -------
    first, neighbour, shift
        Pairs of atom i are ``first[i]:first[i + 1]``; the vector from i to its neighbour j is
        ``positions[j] + shift @ cell - positions[i]``. Shapes (N + 1,), (P,), (P, 3).

    Raises
    ------
    InputError
        If positions or cell are not finite, a periodic direction has no cell vector, atoms lie so densely
        that their pairs would fill the memory, or one has drifted more than 32,767 cells away.
    """
    n = len(positions)
    if not (np.isfinite(positions).all() and np.isfinite(cell).all()):
        raise InputError("The positions or the cell of a system hold NaN or infinity; check the structure.")
    if n == 0 or cutoff <= 0.0:
        return np.zeros(n + 1, np.int64), np.zeros(0, np.int32), np.zeros((0, 3), np.int16)
    if n <= SMALL_CLUSTER and not pbc.any():
        return _pairs_in_cluster(positions, cutoff)
    box = _complete_cell(positions, cell, pbc, cutoff)
    wrapped, offset = _wrap(positions, box, pbc)
    expected = n**2 * 4.2 * cutoff**3 / abs(np.linalg.det(box))
    if expected > MOST_NEIGHBOURS * n:
        raise InputError(
            f"The atoms of a system lie so densely, {n / abs(np.linalg.det(box)):.3g} in a cubic angstrom, "
            f"that each has some {expected / n:.2g} neighbours within {cutoff:g} angstrom; check the units "
            "of its cell and positions."
        )
    if expected > SLAB_PAIRS:
        n_slabs = min(n, int(np.ceil(expected / SLAB_PAIRS)))
        return _pairs_in_slabs(wrapped, offset, box, pbc, cutoff, n_slabs)
    found = _pairs_in_cell(wrapped, box, pbc, cutoff)
    atoms = np.arange(n)
    return _in_rows(n, [(atoms, _in_order(found, atoms, -offset, np.ones(n, dtype=bool)))])


def _in_order(
    found: Found, atom: NDArray[np.int64], cell: NDArray[np.int64], own: NDArray[np.bool_]
) -> PairOrder:
    """The order of what a search found among images, in ``cell``, of ``atom``."""
    try:
        return PairOrder(*found, atom, cell, own)
    except OverflowError:
        raise InputError(
            f"An atom is more than {MAX_SHIFT} cells away from its neighbours; wrap the positions into the "
            "cell."
        ) from None


def _in_rows(
    n: int, pieces: list[tuple[NDArray[np.int64], PairOrder]]
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int16]]:
    """What `find_pairs` returns for n atoms, from searches for the pairs of some of them each."""
    first = np.zeros(n + 1, np.int64)
    for own, order in pieces:
        first[own + 1] = order.counts()
    np.cumsum(first, out=first)
    neighbour, shift = np.empty(first[-1], np.int32), np.empty((first[-1], 3), np.int16)
    while pieces:  # each is let go as soon as it is written
        own, order = pieces.pop()
        order.write(first[own], neighbour, shift)
    return first, neighbour, shift


def _heights(box: FloatArray) -> FloatArray:
    """Distances between opposite faces, shape (3,)."""
    heights: FloatArray = 1.0 / np.linalg.norm(np.linalg.inv(box), axis=0)
    return heights


def _pairs_in_slabs(
    positions: FloatArray,
    offset: NDArray[np.int64],
    box: FloatArray,
    pbc: NDArray[np.bool_],
    cutoff: float,
    n_slabs: int,
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int16]]:
    """Pairs of many atoms, slab by slab across the longest axis: search and order take some 50 bytes a pair.

    Each slab is searched with all that is near it, images included, and is not periodic along that axis.
    """
    heights = _heights(box)
    axis = int(heights.argmax())
    along = positions @ np.linalg.inv(box)[:, axis]
    margin = cutoff / heights[axis] * (1.0 + 1e-9)
    reach = int(np.ceil(margin)) if pbc[axis] else 0
    open_ = pbc & (np.arange(3) != axis)
    pieces = []
    for own in np.array_split(np.argsort(along, kind="stable"), n_slabs):
        low, high = along[own].min() - margin, along[own].max() + margin
        inside = np.zeros(len(positions), dtype=bool)
        inside[own] = True
        near = [
            np.flatnonzero((along + s >= low) & (along + s <= high) & ~(inside & (s == 0)))
            for s in range(-reach, reach + 1)
        ]
        atoms = np.concatenate([own, *near])
        image = np.repeat([0, *range(-reach, reach + 1)], [len(own), *map(len, near)])
        rising = np.argsort(atoms, kind="stable")
        wanted = rising < len(own)
        atoms, image = atoms[rising], image[rising]
        points = positions[atoms] + image[:, None] * box[axis]
        slab = _complete_cell(points, box, open_, cutoff)
        points, moved = _wrap(points, slab, open_)
        # From cells of the slab's box to those of the whole; along the axis images are atoms of the slab.
        cells = -moved - offset[atoms]
        cells[:, axis] += image
        found = _pairs_in_cell(points, slab, open_, cutoff)
        pieces.append((atoms[wanted], _in_order(found, atoms, cells, wanted)))
    return _in_rows(len(positions), pieces)


def _pairs_in_cluster(
    positions: FloatArray, cutoff: float
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int16]]:
    """`find_pairs` of a few atoms without periodicity, from all distances."""
    vectors = positions[:, None] - positions
    near = np.einsum("ijk,ijk->ij", vectors, vectors) < cutoff * cutoff
    np.fill_diagonal(near, False)
    first = np.zeros(len(positions) + 1, np.int64)
    np.cumsum(near.sum(axis=1), out=first[1:])
    neighbour = np.nonzero(near)[1].astype(np.int32)
    return first, neighbour, np.zeros((len(neighbour), 3), np.int16)


def _pairs_in_cell(positions: FloatArray, box: FloatArray, pbc: NDArray[np.bool_], cutoff: float) -> Found:
    """Pairs (first, second) and shifts of atoms that lie in the cell, each once, in any order."""
    heights = _heights(box)
    bins = np.maximum(np.floor(heights / cutoff), 1.0)
    # Above its limit vesin scales the bins of all axes down alike; where that leaves none along an axis (flat
    # or long cells, a fragment that flew away) it divides by zero and ends the process.
    if bins.prod() > VESIN_BINS and bins.min() * np.cbrt(VESIN_BINS / bins.prod()) < 2.0:
        return _pairs_by_tree(positions, box, pbc, cutoff, heights)
    # Open directions are left to vesin as periodic ones, which it searches several times faster: the cell is
    # so long along them that no atom reaches an image, once all atoms lie within it.
    fractional = positions @ np.linalg.inv(box)
    inside = positions - np.where(pbc, 0.0, fractional.min(axis=0)) @ box
    pairs, shifts = vesin.NeighborList(cutoff=cutoff, full_list=False, sorted=False, n_threads=1).compute(
        points=inside, box=box, periodic=True, quantities="PS", copy=True
    )
    return pairs, shifts


def _pairs_by_tree(
    positions: FloatArray, box: FloatArray, pbc: NDArray[np.bool_], cutoff: float, heights: FloatArray
) -> Found:
    """Pairs from a k-d tree of the atoms and their images near the cell: slower, for cells of any shape."""
    margin = cutoff / heights
    fractional = positions @ np.linalg.inv(box)
    origin, image, points = [], [], []
    for shift in product(*(range(-n, n + 1) for n in np.where(pbc, np.ceil(margin), 0).astype(int))):
        near = np.all(~pbc | (np.abs(fractional + shift - 0.5) <= 0.5 + margin), axis=1)
        origin.append(np.flatnonzero(near))
        image.append(np.tile(shift, (len(origin[-1]), 1)))
        points.append(positions[near] + np.array(shift) @ box)
    found = cKDTree(positions).sparse_distance_matrix(
        cKDTree(np.concatenate(points)), cutoff, output_type="ndarray"
    )
    i, j = found["i"], np.concatenate(origin)[found["j"]]
    shifts = np.concatenate(image)[found["j"]]
    x, y, z = shifts.T  # of an atom and its image one of both directions
    once = (i < j) | ((i == j) & ((x > 0) | ((x == 0) & ((y > 0) | ((y == 0) & (z > 0))))))
    return np.column_stack([i[once], j[once]]).astype(np.uint64), shifts[once].astype(np.int32)


def _complete_cell(
    positions: FloatArray, cell: FloatArray, pbc: NDArray[np.bool_], cutoff: float
) -> FloatArray:
    """Replace the vectors of non-periodic directions by ones that span the atoms, orthogonal to the rest."""
    for axis in range(3):
        if pbc[axis] and np.linalg.norm(cell[axis]) < 1e-8:
            raise InputError(
                f"A system is periodic along lattice vector {axis + 1}, but that vector is zero; give a cell "
                "or switch the periodicity off."
            )
    if pbc.all():
        if abs(np.linalg.det(cell)) < 1e-10:
            raise InputError("The lattice vectors of a periodic system lie in one plane; check the cell.")
        return np.ascontiguousarray(cell, dtype=np.float64)
    if pbc.sum() == 2 and np.linalg.norm(np.cross(*cell[pbc])) < 1e-10:
        raise InputError("Both periodic lattice vectors of a system lie in one line; check the cell.")
    box = np.zeros((3, 3))
    box[pbc] = cell[pbc]
    # An orthonormal complement of the periodic vectors.
    _, _, directions = np.linalg.svd(box[pbc] if pbc.any() else np.zeros((1, 3)))
    for direction, axis in zip(directions[pbc.sum() :], np.flatnonzero(~pbc).tolist(), strict=True):
        along = positions @ direction
        box[axis] = direction * (np.ptp(along) + 2.0 * cutoff + 1.0)
    return box


def _wrap(
    positions: FloatArray, box: FloatArray, pbc: NDArray[np.bool_]
) -> tuple[FloatArray, NDArray[np.int64]]:
    """Move atoms into the cell along periodic directions; returns positions and how many cells each moved."""
    fractional = positions @ np.linalg.inv(box)
    offset = np.where(pbc, np.floor(fractional), 0.0)
    return np.ascontiguousarray(positions - offset @ box), offset.astype(np.int64)


def _joined(
    lists: list[tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int16]]], systems: Systems
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int16]]:
    """Lists of every system as one list of the batch."""
    pairs = np.cumsum([0, *(len(neighbour) for _, neighbour, _ in lists)])
    first = np.concatenate(
        [[0], *(first[1:] + before for (first, _, _), before in zip(lists, pairs, strict=False))]
    ).astype(np.int64)
    neighbour, shift = np.empty(pairs[-1], np.int32), np.empty((pairs[-1], 3), np.int16)
    for (_, j, cells), before, after, atoms in zip(lists, pairs[:-1], pairs[1:], systems.first, strict=False):
        np.add(j, atoms, out=neighbour[before:after], casting="same_kind")
        shift[before:after] = cells
    return first, neighbour, shift


def _kinds(systems: Systems) -> tuple[bytes, ...]:
    """What of a batch must not change at all; callers may change it in place, so it is copied."""
    return systems.numbers.tobytes(), systems.first.tobytes(), systems.pbc.tobytes()


class NeighbourList:
    """Pairs of a batch within ``cutoff + skin``, found again only when a pair could have been missed.

    Attributes
    ----------
    first, neighbour, shift
        As `find_pairs` gives them, with atom indices of the whole batch.
    builds
        How many times the list has been made.
    """

    def __init__(self, cutoff: float, skin: float = 0.5) -> None:
        if not (np.isfinite(skin) and skin >= 0.0):
            raise InputError(f"The skin of a neighbour list is {skin} angstrom; it must be 0 or more.")
        self.cutoff, self.skin = float(cutoff), float(skin)
        self.builds = 0
        self._reference: Systems | None = None
        self._kinds: tuple[bytes, ...] = ()
        self.first: NDArray[np.int64] = np.zeros(1, np.int64)
        self.neighbour: NDArray[np.int32] = np.zeros(0, np.int32)
        self.shift: NDArray[np.int16] = np.zeros((0, 3), np.int16)

    def update(self, systems: Systems) -> bool:
        """Make the list valid for ``systems``; true when it was found again."""
        if self._reference is not None and self._still_valid(self._reference, systems):
            return False
        reach = self.cutoff + self.skin
        lists = [
            find_pairs(systems.positions[a:b], systems.cells[s], systems.pbc[s], reach)
            for s, (a, b) in enumerate(zip(systems.first[:-1], systems.first[1:], strict=True))
        ]
        self.first, self.neighbour, self.shift = lists[0] if len(lists) == 1 else _joined(lists, systems)
        self._reference = systems.replace(positions=systems.positions.copy(), cells=systems.cells.copy())
        self._kinds = _kinds(systems)
        self.builds += 1
        return True

    def _still_valid(self, old: Systems, new: Systems) -> bool:
        """Whether every pair within the cutoff now was within cutoff + skin when the list was made.

        With F the change of the cell (x' = x F) and u the displacement left when it is undone, a pair at d'
        now was at d with |d| <= |d'| |F^-1| + 2 max |u|, |.| of a matrix its largest singular value.
        """
        if self._kinds != _kinds(new):
            return False
        if np.array_equal(old.cells, new.cells):
            moved = new.positions - old.positions
            limit = self.skin
        else:
            if not old.pbc.all():
                return False
            back = np.linalg.solve(new.cells, old.cells)
            stretch = np.linalg.svd(back, compute_uv=False).max()
            moved = np.einsum("ni,nij->nj", new.positions, back[new.owner]) - old.positions
            limit = self.cutoff + self.skin - self.cutoff * stretch
        largest = np.einsum("ni,ni->n", moved, moved).max(initial=0.0)
        return bool(limit >= 0.0 and 4.0 * largest <= limit * limit)
