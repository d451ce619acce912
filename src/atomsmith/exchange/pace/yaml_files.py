"""YAML of the potentials of PACE: every scalar stays text until it is asked for as what it shall be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import yaml

from atomsmith.data.files import read_text
from atomsmith.errors import InputError
from atomsmith.systems import FloatArray, IntArray

Name = TypeVar("Name", bound=str)

# Every scalar stays text: YAML 1.1 would make a boolean of nobelium and text of 1e-5.
_Base: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


class _Loader(_Base):  # type: ignore[misc]
    """Text scalars, and lists as keys (``[0, 1]:`` names a bond), which become tuples."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        mapping: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            key = tuple(key) if isinstance(key, list) else key
            if key in mapping:
                line = key_node.start_mark.line + 1
                raise InputError(f"line {line} says {key!r} a second time.")
            mapping[key] = self.construct_object(value_node, deep=True)
        return mapping


def load(path: str | Path) -> Any:
    """What a file holds.

    Raises
    ------
    InputError
        If it is not YAML, or says a key twice.
    """
    text = read_text(path)
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
        raise InputError(f"{path} is not valid YAML{line}: {getattr(error, 'problem', error)}.") from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def mapping(
    value: Any, where: str, required: Sequence[str] = (), optional: Sequence[str] | None = None
) -> Mapping[Any, Any]:
    """Check that ``value`` is a mapping with these keys; any keys where none are required."""
    if not isinstance(value, Mapping):
        raise InputError(f"{where} is not a mapping with keys; is this a file of PACE?")
    for key in required:
        if key not in value:
            raise InputError(f"{where} lacks {key!r}; found {', '.join(map(str, value))}.")
    if required:
        for key in value:
            if key not in required and key not in (optional or ()):
                raise InputError(
                    f"{where} has {key!r}, which is not known; known are "
                    f"{', '.join((*required, *(optional or ())))}."
                )
    return value


def list_of(value: Any, where: str) -> list[Any]:
    """A list."""
    if not isinstance(value, list):
        raise InputError(f"{where} is {value!r}; expected a list.")
    return value


def _converted(value: Any, where: str, convert: type[int] | type[float]) -> Any:
    try:
        return convert(value)
    except (TypeError, ValueError):
        kind = "a whole number" if convert is int else "a number"
        raise InputError(f"{where} is {value!r}; expected {kind}.") from None


def integer(value: Any, where: str) -> int:
    """A whole number."""
    return int(_converted(value, where, int))


def number(value: Any, where: str) -> float:
    """A finite number."""
    found = float(_converted(value, where, float))
    if not np.isfinite(found):
        raise InputError(f"{where} is {value!r}; expected a finite number.")
    return found


def integers(value: Any, where: str, count: int) -> IntArray:
    """A list of so many whole numbers."""
    entries = [integer(entry, where) for entry in list_of(value, where)]
    if len(entries) != count:
        raise InputError(f"{where} has {len(entries)} numbers; expected {count}.")
    return np.array(entries, dtype=np.int32)


def numbers(value: Any, where: str, count: int | None = None) -> FloatArray:
    """A list of finite numbers, of one at least."""
    entries = [number(entry, where) for entry in list_of(value, where)]
    if (count is not None and len(entries) != count) or not entries:
        raise InputError(f"{where} has {len(entries)} numbers; expected {count or 'at least one'}.")
    return np.array(entries)


def one_of(value: Any, where: str, known: Sequence[Name]) -> Name:
    """One of the names that are known."""
    for name in known:
        if value == name:
            return name
    raise InputError(f"{where} is {value!r}; known are {', '.join(known)}.")


def table_of(value: Any, where: str, shape: tuple[int, int, int]) -> FloatArray:
    """The first entries of a table, of a given shape."""
    try:
        table = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{where} is not a table of numbers; expected the shape {shape}.") from None
    if table.size == 0 and 0 in shape:  # products of one factor alone need no R_nl
        return np.zeros(shape)
    if table.ndim != 3 or any(found < wanted for found, wanted in zip(table.shape, shape, strict=True)):
        raise InputError(f"{where} has the shape {table.shape}; expected {shape}.")
    return np.ascontiguousarray(table[: shape[0], : shape[1], : shape[2]])
