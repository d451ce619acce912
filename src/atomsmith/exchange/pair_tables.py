"""Energies of pairs of atoms from tables, as foreign formats have them beside a many-body potential."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any

import numpy as np

from atomsmith.descriptors.base import DescriptorPart, FeatureInfo
from atomsmith.elements import SYMBOLS
from atomsmith.systems import FloatArray

if TYPE_CHECKING:
    from atomsmith.potential import Potential

_EQUIDISTANT = 1.0e-13
"""Knots that are so near (in units of the cutoff) to even ones need not be searched for."""


@dataclass(frozen=True, eq=False)
class PairTable:
    """Cubic pieces between knots, exact in value and slope there, and zero from the last one on.

    Attributes
    ----------
    knots
        Distances in angstrom, from 0, shape (K,).
    values, slopes
        Energies in eV and their derivatives in eV/angstrom there, shape (K,).
    """

    knots: FloatArray
    values: FloatArray
    slopes: FloatArray

    @classmethod
    def from_first(cls, r: FloatArray, values: FloatArray, slopes: FloatArray) -> PairTable:
        """A table that begins at any distance, straight on below it."""
        if r[0] == 0.0:
            return cls(r, values, slopes)
        # Knots that are multiples of one spacing stay so down to 0.
        before = round(r[0] / (r[1] - r[0]))
        even = np.linspace(0.0, r[-1], before + len(r))[:before] if before < len(r) else np.zeros(1)
        if not len(even) or not _is_even(np.concatenate([even, r])):
            even = np.zeros(1)
        return cls(
            np.concatenate([even, r]),
            np.concatenate([values[0] + slopes[0] * (even - r[0]), values]),
            np.concatenate([np.full(len(even), slopes[0]), slopes]),
        )

    @property
    def is_even(self) -> bool:
        """Whether the knots are equidistant to rounding."""
        return _is_even(self.knots)


def _is_even(knots: FloatArray) -> bool:
    even = np.linspace(0.0, knots[-1], len(knots))
    return bool(np.abs(knots - even).max() <= _EQUIDISTANT * knots[-1])


_NOTHING = PairTable(np.array([0.0, 0.5, 1.0]), np.zeros(3), np.zeros(3))


def pair_table_part(
    tables: Mapping[tuple[int, int], PairTable], elements: Sequence[int], name: str
) -> tuple[DescriptorPart, FloatArray]:
    """Part of a plan, one function for every unordered pair of elements, and its coefficients.

    Parameters
    ----------
    tables
        By atomic numbers, the lower one first; pairs of elements without one do not interact.
    elements
        Atomic numbers.
    name
        What a person calls the tables, for the labels of the functions.
    """
    n = len(elements)
    pairs = list(combinations_with_replacement(range(n), 2))
    index = np.zeros((n, n), dtype=np.int32)
    for position, (i, j) in enumerate(pairs):
        index[i, j] = index[j, i] = position
    own = [tables.get(_key(int(elements[i]), int(elements[j])), _NOTHING) for i, j in pairs]
    part: dict[str, Any] = {
        "kind": "pair",
        "n_features": len(pairs),
        "radial": _radial([own[k] for k in index.reshape(-1)]),
        "first_feature": index.reshape(-1),
    }
    info = FeatureInfo(
        order=np.ones(len(pairs), dtype=np.int32),
        degree=np.zeros(len(pairs)),
        smoothness=np.ones(len(pairs)),
        elements=tuple((int(elements[i]), int(elements[j])) for i, j in pairs),
        labels=tuple(f"{SYMBOLS[elements[i]]}-{SYMBOLS[elements[j]]} {name}" for i, j in pairs),
    )
    return DescriptorPart(part, info), np.full(len(pairs), 0.5)


def with_pair_tables(
    potential: Potential, tables: Mapping[tuple[int, int], PairTable], name: str
) -> Potential:
    """The sum of a potential and the energies of tables; see `pair_table_part`."""
    part, coefficients = pair_table_part(tables, potential.elements, name)
    return replace(
        potential,
        plan=potential.plan | {"parts": [*potential.plan["parts"], part.part]},
        features=FeatureInfo.concatenate([potential.features, part.info]),
        coefficients=np.concatenate([potential.coefficients, coefficients]),
    )


def _key(first: int, second: int) -> tuple[int, int]:
    return (first, second) if first <= second else (second, first)


def _radial(tables: Sequence[PairTable]) -> dict[str, Any]:
    """One function for every ordered pair of species (docs/architecture.md)."""
    bins = np.array([len(table.knots) - 1 for table in tables], dtype=np.int32)
    cutoff = np.array([table.knots[-1] for table in tables])
    radial: dict[str, Any] = {"kind": "spline", "n": 1, "cutoff": cutoff, "bins": bins}
    unit = np.ones(len(tables))
    if all(table.is_even for table in tables):
        unit = cutoff / bins
    else:
        radial["knots"] = np.concatenate([table.knots for table in tables])
    nodes = [np.stack([t.values, t.slopes * u], axis=1) for t, u in zip(tables, unit, strict=True)]
    return radial | {"nodes": np.concatenate(nodes)[:, :, None]}
