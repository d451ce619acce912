"""Neighbour lists of batches: pairs with a skin, kept until atoms or cells have moved too far."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from atomsmith import _engine
from atomsmith.errors import InputError
from atomsmith.systems import FloatArray, Systems

MAX_SHIFT = int(np.iinfo(np.int16).max)


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
        If positions or cell are not finite, a periodic direction has no cell vector, or an atom has drifted
        more than 32,767 cells away.
    """
    bounds = np.array([0, len(positions)])
    return find_pairs_of_systems(positions, np.array([cell]), np.array([pbc]), bounds, cutoff)


def find_pairs_of_systems(
    positions: FloatArray,
    cells: FloatArray,
    pbc: NDArray[np.bool_],
    bounds: NDArray[np.int64],
    cutoff: float,
    n_threads: int = 1,
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int16]]:
    """`find_pairs` of several systems, with indices of all atoms; system s has ``bounds[s:s + 2]``."""
    if not (np.isfinite(positions).all() and np.isfinite(cells).all()):
        raise InputError("The positions or the cell of a system hold NaN or infinity; check the structure.")
    boxes = np.array(cells, dtype=np.float64)
    for s, (begin, end) in enumerate(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)):
        if end > begin:
            boxes[s] = _complete_cell(positions[begin:end], cells[s], pbc[s], cutoff)
    try:
        return _engine.find_pairs(
            np.ascontiguousarray(positions, dtype=np.float64),
            boxes,
            np.ascontiguousarray(pbc, dtype=np.bool_),
            np.ascontiguousarray(bounds, dtype=np.int64),
            cutoff,
            n_threads,
        )
    except OverflowError:
        raise InputError(
            f"An atom is more than {MAX_SHIFT} cells away from its neighbours; wrap the positions into the "
            "cell."
        ) from None
    except ValueError:
        raise InputError(
            f"A lattice vector is far shorter than the cutoff ({cutoff} angstrom); check the cell."
        ) from None


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
    box = np.zeros((3, 3))
    box[pbc] = cell[pbc]
    # An orthonormal complement of the periodic vectors.
    _, _, directions = np.linalg.svd(box[pbc] if pbc.any() else np.zeros((1, 3)))
    for direction, axis in zip(directions[pbc.sum() :], np.flatnonzero(~pbc).tolist(), strict=True):
        along = positions @ direction
        box[axis] = direction * (np.ptp(along) + 2.0 * cutoff + 1.0)
    return box


class NeighbourList:
    """Pairs of a batch within ``cutoff + skin``, found again only when a pair could have been missed.

    Attributes
    ----------
    first, neighbour, shift
        As `find_pairs` gives them, with atom indices of the whole batch.
    builds
        How many times the list has been made.
    """

    def __init__(self, cutoff: float, skin: float = 0.5, n_threads: int = 1) -> None:
        self.cutoff, self.skin, self.n_threads = float(cutoff), float(skin), n_threads
        self.builds = 0
        self._reference: Systems | None = None
        self.first: NDArray[np.int64] = np.zeros(1, np.int64)
        self.neighbour: NDArray[np.int32] = np.zeros(0, np.int32)
        self.shift: NDArray[np.int16] = np.zeros((0, 3), np.int16)

    def update(self, systems: Systems) -> bool:
        """Make the list valid for ``systems``; true when it was found again."""
        if self._reference is not None and self._still_valid(self._reference, systems):
            return False
        reach = self.cutoff + self.skin
        self.first, self.neighbour, self.shift = find_pairs_of_systems(
            systems.positions, systems.cells, systems.pbc, systems.first, reach, self.n_threads
        )
        self._reference = systems.replace(positions=systems.positions.copy(), cells=systems.cells.copy())
        self.builds += 1
        return True

    def _still_valid(self, old: Systems, new: Systems) -> bool:
        """Whether every pair within the cutoff now was within cutoff + skin when the list was made.

        With F the change of the cell (x' = x F) and u the displacement left when it is undone, a pair at d'
        now was at d with |d| <= |d'| |F^-1| + 2 max |u|, |.| of a matrix its largest singular value.
        """
        if old.first is not new.first and not np.array_equal(old.first, new.first):
            return False
        if old.numbers is not new.numbers and not np.array_equal(old.numbers, new.numbers):
            return False
        if old.pbc is not new.pbc and not np.array_equal(old.pbc, new.pbc):
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
