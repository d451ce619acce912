"""Tables of pair energies of LAMMPS (``pair_style table``), as they stand beside a potential of PACE.

A file has sections, each with a name, a line of parameters and rows of number, distance, energy and force.
LAMMPS puts a cubic spline of as many points as its input asks for through a section; here the section itself
is the table: cubic pieces between its rows, exact in energy and force there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np

from atomsmith.data.files import read_text, replacing
from atomsmith.elements import SYMBOLS
from atomsmith.errors import InputError
from atomsmith.exchange.pair_tables import PairTable
from atomsmith.systems import FloatArray

_UNITS = re.compile(r"UNITS:\s*(\w+)")
_SPACINGS = ("R", "RSQ")
"""Distances given by their ends, even in r or in r^2; those of the rows then do not count."""


def read_pair_tables(path: str | Path, elements: Sequence[int]) -> dict[tuple[int, int], PairTable]:
    """Read the tables of all pairs of some elements.

    Parameters
    ----------
    path
        Its sections are named after elements, ``Si_C`` or ``Si-C``; a single one of a single element may have
        any name. Sections of other elements are left out.
    elements
        Atomic numbers.

    Returns
    -------
    tables
        By atomic numbers, the lower one first.

    Raises
    ------
    InputError
        If the file is missing or malformed, or a pair has no section or two.
    """
    path = Path(path)
    sections = read_sections(path)
    pairs = {
        (min(a, b), max(a, b)): (SYMBOLS[a], SYMBOLS[b])
        for a, b in combinations_with_replacement(elements, 2)
    }
    tables: dict[tuple[int, int], PairTable] = {}
    for name, table in sections:
        named = frozenset(re.split(r"[_-]", name))
        found = [pair for pair, symbols in pairs.items() if named == frozenset(symbols)]
        if not found and len(pairs) == len(sections) == 1:
            found = list(pairs)
        if found and found[0] in tables:
            raise InputError(f"{path}: two sections are for {name}; expected one for each pair of elements.")
        tables |= {pair: table for pair in found}
    for pair, symbols in pairs.items():
        if pair not in tables:
            raise InputError(
                f"{path}: no section is for {'_'.join(symbols)}, found {', '.join(n for n, _ in sections)}; "
                "name sections after pairs of elements."
            )
    return tables


def read_sections(path: Path) -> list[tuple[str, PairTable]]:
    """Read all tables of a file with their names, in its order.

    Raises
    ------
    InputError
        If it is missing or malformed.
    """
    text = read_text(path)
    if (units := _UNITS.search(text)) and units.group(1) != "metal":
        raise InputError(f"{path}: the units are {units.group(1)}; expected metal (eV, angstrom).")
    return list(_sections(path, text))


def _sections(path: Path, text: str) -> Iterator[tuple[str, PairTable]]:
    """Names and tables, in the file's order."""
    stripped = ((number, line.partition("#")[0].split()) for number, line in enumerate(text.splitlines(), 1))
    lines = iter([(number, words) for number, words in stripped if words])
    for number, words in lines:
        name = words[0]
        where = f"{path}, line {number}: section {name}"
        count, spacing, ends = _parameters(next(lines, (number, []))[1], where)
        rows = [row for _, (_, row) in zip(range(count), lines, strict=False)]
        try:
            table = np.array([[float(word) for word in row[1:4]] for row in rows], dtype=np.float64)
            if table.shape != (count, 3) or not np.isfinite(table).all():
                raise ValueError(name)
        except ValueError:
            raise InputError(
                f"{where} is not followed by {count} rows of number, distance, energy and force; the file is "
                "damaged."
            ) from None
        r = _distances(table[:, 0], spacing, ends)
        if r[0] < 0.0 or not np.all(np.diff(r) > 0.0):
            raise InputError(f"{where} has distances that do not rise from 0 or above; the file is damaged.")
        yield name, PairTable.from_first(r, table[:, 1], -table[:, 2])


def _parameters(words: Sequence[str], where: str) -> tuple[int, str, tuple[float, float]]:
    """Number of rows, how their distances are given and the ends; slopes at the ends change nothing here."""
    count, spacing, ends = 0, "", (0.0, 0.0)
    rest = iter(words)
    try:
        for word in rest:
            if word == "N":
                count = int(next(rest))
            elif word in _SPACINGS:
                spacing, ends = word, (float(next(rest)), float(next(rest)))
            elif word == "FPRIME":
                next(rest), next(rest)
            else:
                raise InputError(
                    f"{where} has the parameter {word}, which is not supported; known are N, R, RSQ, FPRIME."
                )
    except (ValueError, StopIteration, RuntimeError):
        raise InputError(
            f"{where} has the parameters '{' '.join(words)}', which are not understood."
        ) from None
    if count < 2:
        raise InputError(f"{where} has {count} rows; expected 'N' and at least 2 in the line below its name.")
    return count, spacing, ends


def _distances(given: FloatArray, spacing: str, ends: tuple[float, float]) -> FloatArray:
    if spacing == "R":
        return np.linspace(*ends, len(given))
    if spacing == "RSQ":
        return np.sqrt(np.linspace(ends[0] ** 2, ends[1] ** 2, len(given)))
    return given


def write_pair_tables(
    tables: Mapping[str, tuple[FloatArray, FloatArray, FloatArray]], path: Path, comments: Sequence[str]
) -> None:
    """Write tables that are even in the square of the distance, on which LAMMPS interpolates.

    Parameters
    ----------
    tables
        Distances (angstrom), energies (eV) and forces (eV/angstrom) by the names of the sections.
    path
        Where to.
    comments
        Lines that precede them.
    """
    with replacing(path) as file:
        file.write("# UNITS: metal\n# written by atomsmith\n")
        file.writelines(f"# {comment}\n" for comment in comments)
        for name, (r, energy, force) in tables.items():
            file.write(f"\n{name}\nN {len(r)} RSQ {float(r[0])!r} {float(r[-1])!r}\n\n")
            rows = zip(r.tolist(), energy.tolist(), force.tolist(), strict=True)
            file.writelines(f"{k} {x!r} {e!r} {f!r}\n" for k, (x, e, f) in enumerate(rows, start=1))
