"""YAML text as plain values, with the line of every key, and overrides.

Scalars follow the core schema of YAML 1.2, which is what people expect of a settings file: ``1e-3`` is a
number, ``No`` and ``on`` are strings (nobelium is an element), ``010`` is ten and ``2026-11-21`` is a string.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from atomsmith.errors import InputError

KeyPath = tuple[str | int, ...]
"""Where a value stands: the keys and list indices that lead to it from the top of the file."""

MAX_VALUES = 200_000
"""Values in one file, counted with what aliases repeat: above it the file is refused (alias bombs)."""

_TAG = "tag:yaml.org,2002:"
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)


class CoreSchemaLoader(yaml.SafeLoader):
    """PyYAML's safe loader with the scalars of YAML 1.2; used for composing nodes only."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 (as PyYAML declares it)


for _name, _pattern, _first in (
    ("null", re.compile(r"~|null|Null|NULL|"), ["~", "n", "N", ""]),
    ("bool", re.compile(r"true|True|TRUE|false|False|FALSE"), list("tTfF")),
    ("int", _INTEGER, list("-+0123456789")),
    ("float", _FLOAT, list("-+0123456789.")),
    ("merge", re.compile(r"<<"), ["<"]),
):
    CoreSchemaLoader.add_implicit_resolver(_TAG + _name, re.compile(rf"(?:{_pattern.pattern})\Z"), _first)


def dotted(path: Sequence[str | int]) -> str:
    """Write a key path as people do: ``starts[2].file``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else str(part))
    return text


@dataclass
class Document:
    """Plain values of a settings file and the place each of them came from.

    Attributes
    ----------
    name
        The file's name, as messages show it.
    values
        Nested dicts, lists and scalars.
    places
        ``file:line`` of every value (or the override that set it), by key path.
    """

    name: str
    values: dict[str | int, Any]
    places: dict[KeyPath, str] = field(default_factory=dict)

    def place(self, path: KeyPath) -> str:
        """``file:line`` of a value or, where the value is missing, of what surrounds it."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.places:
                return self.places[path[:end]]
        return self.name

    def line(self, path: KeyPath) -> int:
        """Line number of a value for sorting; overrides and missing places come first."""
        _, _, number = self.place(path).rpartition(":")
        return int(number) if number.isdigit() else 0

    def override(
        self,
        assignment: str,
        option: str = "--set",
        absent: Callable[[KeyPath], Any] = lambda path: {},
    ) -> None:
        """Set one value from a ``key.sub=value`` of the command line; the value is read as YAML.

        Parameters
        ----------
        assignment
            The text.
        option
            The command line option that it came with, for messages.
        absent
            What to put where the assignment leads through a key that the file does not have.

        Raises
        ------
        InputError
            When the text is not an assignment, or leads through a value that holds no keys.
        """
        place = f"{option} {assignment}"
        dotted_key, equals, text = assignment.partition("=")
        tokens = [token.strip() for token in re.sub(r"\[(\d+)\]", r".\1", dotted_key).split(".")]
        if not equals or not all(tokens):
            raise InputError(
                f"{place}: is no assignment; expected the form key=value, as in solver.kind=ridge."
            )
        value, places = _parse_text(text, place)
        parent: Any = self.values
        path: KeyPath = ()
        for depth, token in enumerate(tokens):
            path += (_child_key(parent, token, path, place),)
            if depth == len(tokens) - 1:
                parent[path[-1]] = value
            elif isinstance(parent, dict) and parent.get(path[-1]) is None:
                parent[path[-1]] = absent(path)
                self.places[path] = place
            parent = parent[path[-1]]
        for known in [known for known in self.places if known[: len(path)] == path]:
            del self.places[known]
        self.places[path] = place
        self.places.update({path + below: place for below in places})


def parse_document(text: str, name: str) -> Document:
    """Read YAML text (safely: data only).

    Parameters
    ----------
    text
        One YAML document whose top level is a block of keys; an empty one counts as no keys.
    name
        The file's name for messages.

    Raises
    ------
    InputError
        On bad syntax, duplicate keys, tags that name objects, or a top level that is no block of keys.
    """
    values, places = _parse_text(text, name)
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise InputError(
            f"{name}: the top level is {describe(values)}, but should be a block of keys, "
            "one 'key: value' a line."
        )
    return Document(name, values, places)


def describe(value: object) -> str:
    """Say what was found, in a few words."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a block of keys"
    if isinstance(value, list):
        return f"a list of {len(value)} value{'' if len(value) == 1 else 's'}"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _child_key(parent: Any, token: str, path: KeyPath, place: str) -> str | int:
    """Turn one part of an override's key into the key or index that its parent uses."""
    if isinstance(parent, list):
        if not token.isdigit() or int(token) >= len(parent):
            raise InputError(
                f"{place}: '{dotted(path)}' is a list of {len(parent)}, so {token!r} should be an index "
                f"from 0 to {len(parent) - 1}."
            )
        return int(token)
    if not isinstance(parent, dict):
        raise InputError(
            f"{place}: '{dotted(path)}' is {describe(parent)}, which has no key {token!r}; "
            f"set '{dotted(path)}' itself."
        )
    return int(token) if token.isdigit() and int(token) in parent else token


def _parse_text(text: str, name: str) -> tuple[Any, dict[KeyPath, str]]:
    try:
        loader = CoreSchemaLoader(text)
        try:
            node = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        problem = " ".join(part for part in (error.context, error.problem) if part)
        mend = (
            "indent with spaces instead of tabs"
            if "\\t" in problem
            else "check indentation, colons and quotes"
        )
        raise InputError(f"{where}: not valid YAML: {problem}; {mend}.") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise InputError(
            f"{name}: not valid YAML: {str(error).splitlines()[0] or 'nested too deep'}."
        ) from None
    if node is None:
        return None, {}
    builder = _Builder(name)
    return builder.value(node, ()), builder.places


class _Builder:
    """Turns composed YAML nodes into plain values, noting the place of each."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.places: dict[KeyPath, str] = {}
        self._open: list[yaml.Node] = []
        self._count = 0

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        """Value of a node that stands at ``path``."""
        self._count += 1
        if self._count > MAX_VALUES:
            raise InputError(
                f"{self._at(node)}: more than {MAX_VALUES} values, too many for a settings file."
            )
        if any(node is above for above in self._open):
            raise InputError(f"{self._at(node)}: an alias (*name) contains itself; write the values out.")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if node.tag not in (_TAG + "map", _TAG + "seq"):
            raise self._bad_tag(node)
        self._open.append(node)
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            items = []
            for index, item in enumerate(node.value):
                self.places.setdefault((*path, index), self._at(item))
                items.append(self.value(item, (*path, index)))
            return items
        finally:
            self._open.pop()

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str | int, Any]:
        values: dict[str | int, Any] = {}
        merged: dict[str | int, Any] = {}
        lines: dict[str | int, int] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _TAG + "merge":
                merged = self._merge(value_node, path) | merged
                continue
            key = self._key(key_node)
            line = key_node.start_mark.line + 1
            if key in lines:
                where = dotted((*path, key))
                raise InputError(
                    f"{self._at(key_node)}: the key '{where}' stands a second time, "
                    f"first on line {lines[key]}; keep one of them."
                )
            lines[key] = line
            for known in [p for p in self.places if p[: len(path) + 1] == (*path, key)]:
                del self.places[known]
            self.places[(*path, key)] = f"{self.name}:{line}"
            values[key] = self.value(value_node, (*path, key))
        return {**{key: value for key, value in merged.items() if key not in values}, **values}

    def _merge(self, node: yaml.Node, path: KeyPath) -> dict[str | int, Any]:
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        merged: dict[str | int, Any] = {}
        for source in reversed(sources):
            if not isinstance(source, yaml.MappingNode):
                raise InputError(
                    f"{self._at(node)}: '<<' should be followed by an alias of a block of keys (*name)."
                )
            merged.update(self.value(source, path))
        return merged

    def _key(self, node: yaml.Node) -> str | int:
        key = self._scalar(node) if isinstance(node, yaml.ScalarNode) else None
        if isinstance(key, bool) or not isinstance(key, str | int):
            raise InputError(
                f"{self._at(node)}: a key should be a word or an integer, such as 'cutoff: 5.0'."
            )
        return key

    def _scalar(self, node: yaml.ScalarNode) -> str | int | float | bool | None:
        text: str = node.value
        kind = node.tag.removeprefix(_TAG)
        if kind in ("str", "merge"):
            return text
        if kind == "null":
            return None
        if kind == "bool" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if kind == "int" and _INTEGER.fullmatch(text) and len(text) < 1000:
            return int(text)
        if kind == "float" and _FLOAT.fullmatch(text):
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        raise self._bad_tag(node)

    def _bad_tag(self, node: yaml.Node) -> InputError:
        tag = node.tag.replace(_TAG, "!!")
        return InputError(
            f"{self._at(node)}: the tag {tag!r} is not allowed, as settings are plain data; remove the tag."
        )

    def _at(self, node: yaml.Node) -> str:
        return f"{self.name}:{node.start_mark.line + 1}"
