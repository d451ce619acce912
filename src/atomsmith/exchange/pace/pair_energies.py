"""Pair energies of which ``.yace`` has none, in a table of LAMMPS beside it.

They are the repulsion, which no radial function of the format follows (it fades out over a range of its own
and is not smooth at its ends), and pair functions that end elsewhere than the others do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any

import numpy as np

from atomsmith.elements import SYMBOLS
from atomsmith.evaluator import PlanEvaluator
from atomsmith.systems import FloatArray, Systems

FIRST = 0.1
"""Distance at which tables begin, angstrom; LAMMPS stops where atoms come nearer."""
POINTS, MORE_POINTS, NEAR = 10001, 40001, 2.5
"""Rows of tables that end within so many angstrom, as repulsions do, and of others; splines of LAMMPS through
so many meet a repulsion within 1e-10 eV."""


@dataclass(frozen=True, eq=False)
class TabulatedPart:
    """A part of a plan whose energy is a sum over pairs, and its coefficients."""

    part: Mapping[str, Any]
    coefficients: FloatArray

    def cutoffs(self) -> FloatArray:
        """Where the energies of every ordered pair of species end, angstrom."""
        if self.part["kind"] == "zbl":
            return np.asarray(self.part["outer"])
        return np.asarray(self.part["radial"]["cutoff"])


def is_pair_energy(part: Mapping[str, Any]) -> bool:
    """Whether a part is a sum over pairs of atoms."""
    return part["kind"] == "zbl" or (part["kind"] == "pair" and "regressor" not in part)


def points(parts: Sequence[TabulatedPart]) -> int:
    """Rows of every table."""
    return POINTS if max(own.cutoffs().max() for own in parts) <= NEAR else MORE_POINTS


def tabulated(
    parts: Sequence[TabulatedPart], elements: Sequence[int]
) -> dict[str, tuple[FloatArray, FloatArray, FloatArray]]:
    """Distances (even in their square), energies and forces of every pair of elements, by its name.

    They are what the engine finds for two atoms, so that this is no second form of any formula.
    """
    n = len(elements)
    evaluator = PlanEvaluator({"elements": list(elements), "parts": [own.part for own in parts]}, skin=0.0)
    weights = evaluator.weights(np.concatenate([own.coefficients for own in parts])[None])
    cutoffs = np.max([own.cutoffs() for own in parts], axis=0)
    found = {}
    for i, j in combinations_with_replacement(range(n), 2):
        r = np.sqrt(np.linspace(FIRST**2, cutoffs[i * n + j] ** 2, points(parts)))
        energies, forces, _ = evaluator.predict_sets(_dimers(elements[i], elements[j], r), weights)
        name = f"{SYMBOLS[elements[i]]}_{SYMBOLS[elements[j]]}"
        found[name] = r, energies[0].reshape(-1, 2).sum(axis=1), forces[0, 1::2, 0]
    return found


def _dimers(first: int, second: int, r: FloatArray) -> Systems:
    """Two free atoms at every distance, the second along x."""
    positions = np.zeros((2 * len(r), 3))
    positions[1::2, 0] = r
    return Systems(
        numbers=np.tile(np.array([first, second], np.int32), len(r)),
        positions=positions,
        cells=np.zeros((len(r), 3, 3)),
        pbc=np.zeros((len(r), 3), bool),
        first=2 * np.arange(len(r) + 1),
    )


def lammps_lines(symbols: Sequence[str], path: str, table: str, rows: int) -> list[str]:
    """Input lines of LAMMPS for a ``.yace`` and the table beside it, if it has rows; type k is element k."""
    if not rows:
        return ["pair_style pace", f"pair_coeff * * {path} {' '.join(symbols)}"]
    numbered = list(enumerate(symbols, start=1))
    return [
        f"pair_style hybrid/overlay pace table spline {rows}",
        f"pair_coeff * * pace {path} {' '.join(symbols)}",
        *(
            f"pair_coeff {i} {j} table {table} {first}_{second}"
            for (i, first), (j, second) in combinations_with_replacement(numbered, 2)
        ),
    ]
