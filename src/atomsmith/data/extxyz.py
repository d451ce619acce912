"""Extended XYZ: reading frames as they stand, and writing without loss.

Reading keeps every name of the file as it was written, so that labels can be searched by name and errors
can name lines. The dialect is that of ASE and QUIP: ``Lattice`` and ``pbc``, ``Properties`` with columns of
kinds S, R, I and L, quoted, bracketed and bare values, ``_JSON`` values.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atomsmith.data.configuration import Configuration
from atomsmith.data.files import read_text
from atomsmith.data.frames import Frame
from atomsmith.elements import number_of
from atomsmith.errors import InputError

_ITEM = re.compile(
    r"""\s*(?P<key>"(?:[^"\\]|\\.)*"|[^\s="]+)
        (?:\s*=\s*(?P<value>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\{[^}]*\}|\[\s*\[.*?\]\s*\]|\[[^\]]*\]|[^\s]*))?""",
    re.VERBOSE,
)
_BOOLEAN = {"T": True, "F": False, "true": True, "false": False, "True": True, "False": False}
_BOOLEAN |= {"TRUE": True, "FALSE": False}
_PLAIN_XYZ = "species:S:1:pos:R:3"
_TEXT_KEYS = {"Properties", "config_type", "description", "source", "split", "name", "comment", "label"}


def read_extxyz(path: str | Path) -> list[Frame]:
    """Read every frame of an extended XYZ file, plain or ``.gz``.

    Raises
    ------
    InputError
        If the file is malformed; the message names the line.
    """
    lines = read_text(path).split("\n")  # splitlines also parts at separators that a value may hold
    if not lines[-1]:
        lines.pop()
    frames: list[Frame] = []
    at = 0
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        n_atoms = _atom_count(lines[at], path, at)
        if at + 2 + n_atoms > len(lines):
            raise InputError(
                f"{path} line {at + 1} announces {n_atoms} atoms but the file ends after "
                f"{len(lines) - at - 2}: it is cut short"
            )
        where = f"{path} frame {len(frames)} (line {at + 1})"
        frames.append(_frame(lines[at + 1], lines[at + 2 : at + 2 + n_atoms], where, f"{path} line", at + 3))
        at += 2 + n_atoms
    if not frames:
        raise InputError(f"{path} holds no configuration")
    return frames


def _atom_count(line: str, path: str | Path, at: int) -> int:
    try:
        count = int(line)
    except ValueError:
        count = 0
    if count < 1:
        raise InputError(
            f"{path} line {at + 1}: expected the number of atoms of the next configuration, "
            f"found {line.strip()[:40]!r}"
        )
    return count


def _frame(comment: str, body: list[str], where: str, line_name: str, first_line: int) -> Frame:
    values = parse_comment(comment) if "=" in comment else {}
    layout = _layout(str(values.pop("Properties", _PLAIN_XYZ)), where)
    columns = _columns(body, layout, line_name, first_line)
    species = columns.pop("species", None)
    if species is not None:
        numbers = _atomic_numbers(species, line_name, first_line)
        columns.pop("Z", None)
    elif "Z" in columns:
        numbers = np.asarray(columns.pop("Z"), dtype=np.int32)
    else:
        raise InputError(f"{where}: Properties has neither a species nor a Z column")
    if "pos" not in columns:
        raise InputError(f"{where}: Properties has no pos column")
    lattice = values.pop("Lattice", None)
    cell = _numbers(lattice, 9, "Lattice", where).reshape(3, 3) if lattice is not None else np.zeros((3, 3))
    pbc = values.pop("pbc", None)
    return Frame(
        numbers=numbers,
        positions=np.asarray(columns.pop("pos"), dtype=np.float64),
        cell=cell,
        pbc=_pbc(pbc, where) if pbc is not None else np.full(3, lattice is not None),
        info=values,
        arrays=columns,
        where=where,
    )


_numbers_cache: dict[str, int] = {}


def _atomic_numbers(species: NDArray[Any], line_name: str, first_line: int) -> NDArray[np.int32]:
    numbers = np.empty(len(species), dtype=np.int32)
    for k, symbol in enumerate(map(str, species)):
        if symbol not in _numbers_cache:
            try:
                _numbers_cache[symbol] = number_of(symbol)
            except InputError as error:
                raise InputError(f"{line_name} {first_line + k}: {error}") from None
        numbers[k] = _numbers_cache[symbol]
    return numbers


def _numbers(value: Any, count: int, name: str, where: str) -> NDArray[np.float64]:
    try:
        array = np.asarray(value, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError):
        array = np.zeros(0)
    if len(array) != count:
        raise InputError(f"{where}: {name} must be {count} numbers, found {value!r}")
    return array


def _pbc(value: Any, where: str) -> NDArray[np.bool_]:
    flags = value if isinstance(value, list) else [value]
    if len(flags) not in (1, 3) or not all(flag in (0, 1) for flag in flags):
        raise InputError(f'{where}: pbc must be three of T or F, such as pbc="T T F", found {value!r}')
    return np.array(np.broadcast_to(np.array(flags, dtype=np.bool_), (3,)))


def _layout(properties: str, where: str) -> list[tuple[str, str, int]]:
    parts = properties.split(":")
    layout: list[tuple[str, str, int]] = []
    for name, kind, width in zip(*(itertools.islice(parts, k, None, 3) for k in range(3)), strict=False):
        if kind not in ("S", "R", "I", "L") or not width.isdigit() or int(width) < 1:
            raise InputError(f"{where}: Properties entry {name}:{kind}:{width} is not name:S|R|I|L:columns")
        layout.append((name, kind, int(width)))
    if len(parts) % 3 or not layout:
        raise InputError(f"{where}: Properties={properties!r} is not made of name:kind:columns triples")
    return layout


def _columns(
    body: list[str], layout: list[tuple[str, str, int]], line_name: str, first_line: int
) -> dict[str, NDArray[Any]]:
    rows = [line.split() for line in body]
    width = sum(columns for _, _, columns in layout)
    for k, row in enumerate(rows):
        # Plain XYZ files often carry columns that nothing announces; ASE and we ignore them.
        if len(row) < width:
            raise InputError(
                f"{line_name} {first_line + k}: {len(row)} columns, but {width} expected from Properties"
            )
    convert: dict[str, Callable[[list[list[str]]], NDArray[Any]]] = {
        "R": lambda cells: np.array(cells, dtype=np.float64),
        "I": lambda cells: np.array(cells, dtype=np.int64),
        "L": lambda cells: np.array([[_BOOLEAN.get(c, c == "1") for c in row] for row in cells]),
        "S": lambda cells: np.array(cells),
    }
    columns: dict[str, NDArray[Any]] = {}
    start = 0
    for name, kind, count in layout:
        cells = [row[start : start + count] for row in rows]
        try:
            array = convert[kind](cells)
        except ValueError:
            bad = next(k for k, row in enumerate(cells) if not _converts(convert[kind], row))
            raise InputError(
                f"{line_name} {first_line + bad}: {name} must be numbers, found {' '.join(cells[bad])!r}"
            ) from None
        columns[name] = array[:, 0] if count == 1 else array
        start += count
    return columns


def _converts(convert: Callable[[list[list[str]]], NDArray[Any]], row: list[str]) -> bool:
    try:
        convert([row])
    except ValueError:
        return False
    return True


def parse_comment(comment: str) -> dict[str, Any]:
    """Parse the ``key=value`` items of a comment line; numbers, lists of numbers, booleans, text, JSON."""
    values: dict[str, Any] = {}
    for match in _ITEM.finditer(comment):
        key = _unquoted(match["key"])
        raw = match["value"]
        values[key] = True if raw is None else _value(key, raw)
    return values


def _unquoted(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text


def _value(key: str, raw: str) -> Any:
    if raw.startswith("[["):
        return json.loads(raw)
    text = raw[1:-1] if raw[:1] in ("{", "[") else _unquoted(raw)
    if text.startswith("_JSON "):
        with contextlib.suppress(json.JSONDecodeError):
            return json.loads(text[len("_JSON ") :])
    if key in _TEXT_KEYS:
        return text
    words = text.replace(",", " ").split()
    for kind in (int, float, _BOOLEAN.__getitem__):
        try:
            items = [kind(word) for word in words]
        except (ValueError, KeyError):
            continue
        return items[0] if len(items) == 1 else items or text
    return text


def format_extxyz(configurations: Iterator[Configuration]) -> Iterator[str]:
    """Yield the text of each frame; floats are written with the digits that read back to the same bits."""
    for configuration in configurations:
        yield _format_frame(configuration)


def _format_frame(configuration: Configuration) -> str:
    values: dict[str, Any] = {}
    if configuration.cell.any():
        values["Lattice"] = configuration.cell
    columns = [configuration.positions]
    values["Properties"] = _PLAIN_XYZ
    if configuration.forces is not None:
        values["Properties"] += ":forces:R:3"
        columns.append(configuration.forces)
    if configuration.energy is not None:
        values["energy"] = configuration.energy
    if configuration.stress is not None:
        xx, yy, zz, yz, xz, xy = configuration.stress
        values["stress"] = np.array([xx, xy, xz, xy, yy, yz, xz, yz, zz])
    values["config_type"] = configuration.config_type
    for name in ("weight", "energy_weight", "forces_weight", "stress_weight"):
        if getattr(configuration, name) != 1.0:
            values[name] = getattr(configuration, name)
    values |= {key: value for key, value in configuration.info.items() if key not in values}
    values["pbc"] = configuration.pbc
    rows = np.hstack(columns).tolist()
    body = "\n".join(
        f"{symbol} {' '.join(map(repr, row))}"
        for symbol, row in zip(configuration.symbols, rows, strict=True)
    )
    return f"{len(rows)}\n{_format_comment(values)}\n{body}\n"


def _format_comment(values: Mapping[str, Any]) -> str:
    return " ".join(f"{_quote(key)}={_format_value(key, value)}" for key, value in values.items())


def _format_value(key: str, value: Any) -> str:
    if isinstance(value, np.ndarray) and value.dtype == np.bool_:
        return '"' + " ".join("T" if flag else "F" for flag in value) + '"'
    if isinstance(value, np.ndarray):
        return '"' + " ".join(map(repr, value.reshape(-1).tolist())) + '"'
    if isinstance(value, str):
        # Text that would read back as a number or a boolean is kept as text through JSON.
        one_line = value.splitlines() in ([], [value])
        readable = one_line and _value(key, _quote(value)) == value
        return _quote(value, always=not value) if readable else _quote("_JSON " + json.dumps(value))
    if isinstance(value, bool):
        return "T" if value else "F"
    if isinstance(value, int | float):
        return repr(value)
    return _quote("_JSON " + json.dumps(value))


def _quote(text: str, *, always: bool = False) -> str:
    if always or re.search(r"[\s=\"'{}\[\]\\,]", text):
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return text
