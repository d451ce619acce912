"""Inputs of LAMMPS that come with potentials of SNAP (``.snap``, ``.mod`` of FitSNAP): SNAP and a repulsion.

Many of these potentials were fitted to what ``pair_style zbl`` leaves, and are not whole without it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from pathlib import Path
from typing import NoReturn

from atomsmith.data.files import read_text
from atomsmith.elements import SYMBOLS, number_of
from atomsmith.errors import InputError
from atomsmith.exchange.lammps_tables import read_sections
from atomsmith.exchange.mliap import MODELS, read_mliap
from atomsmith.exchange.pair_tables import PairTable, with_pair_tables
from atomsmith.exchange.snap import read_snap
from atomsmith.exchange.zbl import lammps_table
from atomsmith.potential import Potential

_ARGUMENTS = {"zbl": 2, "snap": 0, "mliap": 6, "table": 2, "zero": 1}
"""Styles that are known, and how many arguments each has in pair_style."""
_NEEDED = {"snap": 3, "mliap": 1}
"""Styles of bispectra, and how many arguments each has in pair_coeff at least."""
_KNOWN = ", ".join(_ARGUMENTS)
_PAIR = re.compile(r"^(\*|\d+)$")


@dataclass(frozen=True)
class _Input:
    """What an input says.

    Attributes
    ----------
    styles
        Pair styles with their arguments.
    tables
        Pair energies that pair_coeff commands set up, with the types that they name, by the style.
    bispectrum
        Arguments of pair_coeff for snap (two files and elements) or mliap (elements).
    """

    styles: dict[str, list[str]]
    tables: dict[str, list[tuple[str, str, PairTable]]]
    bispectrum: list[str]


def read_snap_input(path: str | Path) -> Potential:
    """Read the potential that an input of LAMMPS sets up.

    Parameters
    ----------
    path
        With the commands ``variable``, ``pair_style`` (``snap`` or ``mliap``, or ``hybrid/overlay`` of
        it with ``zbl`` or a ``table``) and ``pair_coeff``. Files are looked for beside it.

    Raises
    ------
    InputError
        If it or one of the files is missing, or says something that is not known.
    """
    path = Path(path)
    said = _read(path)
    potential, symbols = _bispectrum(path, said)
    if sorted(symbols) != sorted(SYMBOLS[z] for z in potential.elements):
        _refuse(
            path,
            f"pair_coeff gives the types the elements {' '.join(symbols)}, but the potential is for "
            f"{' '.join(SYMBOLS[z] for z in potential.elements)}; name each of them once",
        )
    for style, name in (("zbl", "repulsion"), ("table", "table")):
        if style in said.tables:
            found = _of_elements(path, style, said.tables[style], symbols)
            potential = with_pair_tables(potential, found, name)
    return potential


def _bispectrum(path: Path, said: _Input) -> tuple[Potential, list[str]]:
    """The potential of snap or mliap, and the elements of the types."""
    match said.styles.get("mliap"):
        case None:
            coefficients, parameters, *symbols = said.bispectrum
            return read_snap(path.parent / coefficients, path.parent / parameters), symbols
        case ["model", kind, model, "descriptor", "sna", descriptor] if kind in MODELS:
            return read_mliap(path.parent / model, path.parent / descriptor, kind), said.bispectrum
        case words:
            _refuse(
                path,
                f"'mliap {' '.join(words)}' is not supported; known are 'mliap model linear FILE descriptor "
                "sna FILE' and the same with quadratic",
            )


def _of_elements(
    path: Path, style: str, tables: Sequence[tuple[str, str, PairTable]], symbols: Sequence[str]
) -> dict[tuple[int, int], PairTable]:
    """Tables of all pairs of elements, by atomic numbers."""
    found: dict[tuple[int, int], PairTable] = {}
    for (i, one), (j, other) in combinations_with_replacement(enumerate(symbols, start=1), 2):
        # The last command that names the types counts; energies are the same in both orders.
        own = [t for first, second, t in tables if _name(first, second, i, j) or _name(first, second, j, i)]
        if not own:
            _refuse(path, f"no pair_coeff of {style} is for {one} and {other}; expected one for every pair")
        low, high = sorted((number_of(one), number_of(other)))
        found[low, high] = own[-1]
    return found


def _name(first: str, second: str, i: int, j: int) -> bool:
    return first in ("*", str(i)) and second in ("*", str(j))


def _read(path: Path) -> _Input:
    variables: dict[str, str] = {}
    said = _Input({}, {}, [])
    for words in _commands(path, variables):
        match words:
            case ["variable", _, "equal" | "index" | "string", _]:
                pass  # its value is in its places already
            case ["pair_style", *rest]:
                said = _Input(_styles(path, rest), {}, [])
            case ["pair_coeff", first, second, *rest] if _PAIR.match(first) and _PAIR.match(second):
                alone = len(said.styles) == 1 and rest[:1] != [*said.styles]
                style, *arguments = [*said.styles, *rest] if alone else rest
                if style not in said.styles:
                    _refuse(path, f"pair_coeff names the style {style}; expected one of pair_style")
                needed = _NEEDED.get(style, 0)
                if needed and len(arguments) >= needed and not said.bispectrum:
                    said.bispectrum.extend(arguments)
                elif style in ("zbl", "table") and len(arguments) == 2:
                    table = _table(path, style, arguments, said.styles)
                    said.tables.setdefault(style, []).append((first, second, table))
                elif style != "zero":
                    _refuse(path, f"the arguments of '{' '.join(words)}' are not understood")
            case _:
                _refuse(
                    path,
                    f"the command '{' '.join(words)}' is not known; known are variable, pair_coeff and "
                    f"pair_style ({_KNOWN}, also in hybrid/overlay)",
                )
    if not said.bispectrum:
        _refuse(path, "no pair_coeff names the files of snap or the elements of mliap")
    return said


def _table(path: Path, style: str, arguments: Sequence[str], styles: dict[str, list[str]]) -> PairTable:
    """Energies of zbl for two charges, or of a section of a file."""
    if style == "zbl":
        inner, outer, one, other = (_number(path, word) for word in (*styles["zbl"], *arguments))
        return lammps_table((one, other), inner, outer)
    file, name = arguments
    sections = dict(read_sections(path.parent / file))
    if name not in sections:
        _refuse(path, f"pair_coeff names the section {name}, but {file} has {', '.join(sections)}")
    return sections[name]


def _styles(path: Path, words: Sequence[str]) -> dict[str, list[str]]:
    """Styles of a pair_style with their arguments."""
    styles: dict[str, list[str]] = {}
    rest = list(words[1:] if words[:1] == ["hybrid/overlay"] else words)
    while rest:
        style = rest.pop(0)
        if style not in _ARGUMENTS or style in styles or len(rest) < _ARGUMENTS[style]:
            _refuse(path, f"pair_style has '{style}', which is not supported; known are {_KNOWN}")
        styles[style], rest = rest[: _ARGUMENTS[style]], rest[_ARGUMENTS[style] :]
    if styles.get("table", ["spline"])[0] != "spline":
        _refuse(path, f"pair_style has 'table {styles['table'][0]}'; only 'table spline' is supported")
    if "zbl" in styles:
        inner, outer = (_number(path, word) for word in styles["zbl"])
        if not 0.0 < inner < outer:
            _refuse(path, f"zbl goes from {inner:g} to {outer:g}; expected distances that rise")
    if "snap" in styles and "mliap" in styles:
        _refuse(path, "pair_style has snap and mliap; expected one of them")
    return styles


def _commands(path: Path, variables: dict[str, str]) -> list[list[str]]:
    """Words of every command, with the values of variables in their places."""
    commands = []
    text = re.sub(r"&[ \t]*\r?\n", " ", read_text(path))
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if words[:1] == ["variable"] and len(words) == 4:
            variables[words[1]] = words[3]
        commands.append([_filled(path, word, variables) for word in words])
    return [words for words in commands if words]


def _filled(path: Path, word: str, variables: dict[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        if match.group(1) not in variables:
            _refuse(path, f"the variable {match.group(1)} is used, but not defined")
        return variables[match.group(1)]

    return re.sub(r"\$\{(\w+)\}", value, word)


def _number(path: Path, word: str) -> float:
    try:
        return float(word)
    except ValueError:
        _refuse(path, f"'{word}' is not a number")


def _refuse(path: Path, what: str) -> NoReturn:
    raise InputError(f"{path}: {what}.")
