"""Radial functions of ACEpotentials.jl as it exports them for LAMMPS: values and slopes at equidistant nodes.

Such a file (keys ``splinenodalvals`` and ``splinenodalderivs`` of a bond) holds the many-body part alone; the
pair potential stands in a table of LAMMPS beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from atomsmith.errors import InputError
from atomsmith.exchange.pace.yaml_files import integer, mapping, number, numbers
from atomsmith.systems import FloatArray

VALUES, SLOPES = "splinenodalvals", "splinenodalderivs"
_COUNTS = ("nradial", "maxn")
_BINS = ("nbins", "ntot")


@dataclass(frozen=True, eq=False)
class NodalFunctions:
    """Functions as cubic Hermite pieces between the nodes r = cutoff * j / bins, j = 0..bins; zero beyond.

    Attributes
    ----------
    cutoff
        In angstrom.
    values, slopes
        Shape (bins + 1, n).
    """

    cutoff: float
    values: FloatArray
    slopes: FloatArray


def nodal_functions_of(entry: Mapping[Any, Any], where: str) -> NodalFunctions:
    """The tables of a bond of a ``.yace`` file.

    Raises
    ------
    InputError
        If they are not complete.
    """
    for key in ("rcut", VALUES, SLOPES):
        if key not in entry:
            raise InputError(f"{where} lacks {key!r}; found {', '.join(map(str, entry))}.")
    values, slopes = (_columns(entry[key], f"{where}: {key}") for key in (VALUES, SLOPES))
    if slopes.shape != values.shape:
        raise InputError(
            f"{where}: {SLOPES} has {slopes.shape[1]} functions at {slopes.shape[0]} nodes; expected "
            f"{values.shape[1]} at {values.shape[0]}, as {VALUES}."
        )
    for keys, found, of in ((_COUNTS, values.shape[1], "functions"), (_BINS, len(values) - 1, "bins")):
        for key in keys:
            if key in entry and integer(entry[key], f"{where}: {key}") != found:
                raise InputError(f"{where}: {key} is {entry[key]}, but {VALUES} has {found} {of}.")
    return NodalFunctions(number(entry["rcut"], f"{where}: rcut"), values, slopes)


def _columns(value: Any, where: str) -> FloatArray:
    """Lists by the numbers 0, 1, ... of the functions, as columns."""
    lists = {integer(key, where): entry for key, entry in mapping(value, where).items()}
    if sorted(lists) != list(range(len(lists))) or not lists:
        raise InputError(f"{where} is for the functions {sorted(lists)}; expected 0, 1, 2, ...")
    first = numbers(lists[0], f"{where}, 0")
    if len(first) < 3:
        raise InputError(f"{where} has {len(first)} nodes; expected 3 or more.")
    columns = [first, *(numbers(lists[n], f"{where}, {n}", len(first)) for n in range(1, len(lists)))]
    return np.stack(columns, axis=1)
