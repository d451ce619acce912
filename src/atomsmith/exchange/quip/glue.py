"""Glue potentials of QUIP: tables of pair energies, as they stand beside a Gaussian approximation potential.

E = 1/2 sum_ij V(r_ij) + sum_i F(sum_j rho(r_ij)), V, F and rho cubic splines (form: Ercolessi, Parrinello,
Tosatti, Philos. Mag. A 58, 213 (1988)). Files that are made for a baseline have F = 0; others are refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from scipy.interpolate import CubicSpline

from atomsmith.descriptors.base import DescriptorPart
from atomsmith.exchange.pair_tables import PairTable, pair_table_part
from atomsmith.exchange.quip import attributes as xml
from atomsmith.systems import FloatArray

_NATURAL = 0.99e30
"""End slopes from here on stand for an end without curvature."""


@dataclass(frozen=True, eq=False)
class Glue:
    """Pair tables by atomic numbers, the lower one first."""

    pairs: dict[tuple[int, int], PairTable]

    @property
    def elements(self) -> tuple[int, ...]:
        """Atomic numbers that have a table, rising."""
        return tuple(sorted({z for pair in self.pairs for z in pair}))

    def part(self, elements: Sequence[int]) -> tuple[DescriptorPart, FloatArray]:
        """See `glue_part`."""
        return glue_part(self, elements)


def read_glue(path: Path, root: ElementTree.Element, arguments: str) -> Glue:
    """Read the Glue_params that the arguments of a potential, 'IP Glue' maybe with a label, are for.

    Raises
    ------
    InputError
        If there are none or they have more than pair tables.
    """
    label = re.search(r"label=(\S+)", arguments)
    found = [
        element
        for element in root.iter("Glue_params")
        if label is None or element.get("label") == label.group(1)
    ]
    if len(found) != 1:
        xml.refuse(
            path, f"its Potential has '{arguments}', but {len(found)} Glue_params are for it, expected one"
        )
    numbers: dict[int, int] = {}
    for element in found[0].findall("per_type_data"):
        numbers[xml.whole(path, element, "type")] = xml.whole(path, element, "atomic_num")
        _refuse_embedding(path, element)
    pairs: dict[tuple[int, int], PairTable] = {}
    # Of two tables for one pair of types, QUIP takes that with the lower type first.
    for element in sorted(found[0].findall("per_pair_data"), key=lambda e: _types(path, e), reverse=True):
        types = _types(path, element)
        table = element.find("potential_pair")
        if table is None:
            continue
        if not set(types) <= set(numbers):
            xml.refuse(
                path, f"a pair table of Glue is for types {types}, but the types are {sorted(numbers)}"
            )
        first, second = sorted(numbers[t] for t in types)
        pairs[first, second] = _table(path, table)
    return Glue(pairs)


def _types(path: Path, element: ElementTree.Element) -> tuple[int, int]:
    return xml.whole(path, element, "type1"), xml.whole(path, element, "type2")


def _refuse_embedding(path: Path, element: ElementTree.Element) -> None:
    energies = [
        xml.number(path, point, "E")
        for name in ("potential_density", "potential_neighbours")
        for table in element.findall(name)
        for point in table.findall("point")
    ]
    ends = [
        xml.number(path, table, key)
        for table in element.findall("potential_density")
        for key in ("y1", "yn")
        if key in table.attrib
    ]
    if any(energies) or any(0.0 != end < _NATURAL for end in ends):
        number = xml.attribute(path, element, "atomic_num")
        xml.refuse(
            path,
            f"its Glue potential has an energy of the density of element {number}, which is not supported; "
            "only pair tables are; fit with a baseline of pairs",
        )


def _table(path: Path, element: ElementTree.Element) -> PairTable:
    points = element.findall("point")
    r = np.array([xml.number(path, point, "r") for point in points])
    energy = np.array([xml.number(path, point, "E") for point in points])
    if len(r) < 2 or r[0] < 0.0 or not np.all(np.diff(r) > 0.0) or not np.isfinite(energy).all():
        xml.refuse(
            path, "a pair table of Glue needs two points or more, whose distances rise from 0 or above"
        )
    ends = [xml.number(path, element, key) if key in element.attrib else 0.0 for key in ("y1", "yn")]
    bends: Any = tuple((2, 0.0) if slope > _NATURAL else (1, slope) for slope in ends)
    slopes: FloatArray = CubicSpline(r, energy, bc_type=bends)(r, 1)
    return PairTable.from_first(r, energy, slopes)


def glue_part(glue: Glue, elements: Sequence[int]) -> tuple[DescriptorPart, FloatArray]:
    """Part of a plan, one function for every unordered pair of elements, and its coefficients.

    Parameters
    ----------
    glue
        Tables; pairs of elements without one do not interact.
    elements
        Atomic numbers.
    """
    return pair_table_part(glue.pairs, elements, "Glue")
