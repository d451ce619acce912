"""Pair energies that a format has no functions for, in a table of LAMMPS beside its file.

They are the repulsion, which fades out over a range of its own and is not smooth at its ends, and pair
functions beside another descriptor or with another cutoff than it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np

from atomsmith.elements import SYMBOLS
from atomsmith.evaluator import PlanEvaluator
from atomsmith.exchange.lammps_tables import write_pair_tables
from atomsmith.potential import Potential
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


def pair_table_of(path: Path) -> Path:
    """Where the pair energies beside a file are looked for, and written."""
    return path.with_name(f"{path.stem}_pairpot.table")


def write_beside(
    path: Path, style: str, arguments: str, parts: Sequence[TabulatedPart], elements: Sequence[int]
) -> list[str]:
    """Write the table of some parts, if there are any.

    Parameters
    ----------
    path
        The file that it stands beside.
    style, arguments
        The pair style that takes this file, and what its pair_coeff has before the elements.
    parts
        What goes into the table.
    elements
        Atomic numbers.

    Returns
    -------
    lines
        Of an input of LAMMPS, for atoms of type k of element k; the table begins with them.
    """
    symbols = [SYMBOLS[z] for z in elements]
    words = f"{arguments} {' '.join(symbols)}"
    if not parts:
        return [f"pair_style {style}", f"pair_coeff * * {words}"]
    beside, numbered = pair_table_of(path), list(enumerate(symbols, start=1))
    lines = [
        f"pair_style hybrid/overlay {style} table spline {points(parts)}",
        f"pair_coeff * * {style} {words}",
        *(
            f"pair_coeff {i} {j} table {beside.name} {first}_{second}"
            for (i, first), (j, second) in combinations_with_replacement(numbered, 2)
        ),
    ]
    write_pair_tables(tabulated(parts, elements), beside, lines)
    return lines


def without_pair_energies(potential: Potential) -> tuple[Potential, list[TabulatedPart]]:
    """A potential without what is a sum over pairs of atoms, and that."""
    kept, own, parts, begin = [], [np.zeros(0, np.int64)], [], 0
    for part in potential.plan["parts"]:
        features = np.arange(begin, begin + part["n_features"])
        begin += part["n_features"]
        if is_pair_energy(part):
            parts.append(TabulatedPart(part, potential.coefficients[features]))
        else:
            kept.append(part)
            own.append(features)
    taken = np.concatenate(own)
    rest = Potential(
        elements=potential.elements,
        plan=potential.plan | {"parts": kept},
        features=potential.features.take(taken),
        coefficients=potential.coefficients[taken],
        metadata=potential.metadata,
    )
    return rest, parts
