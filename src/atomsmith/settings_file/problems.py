"""Pydantic's list of errors as the one sentence a user needs: place, key, found, expected, mend."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from atomsmith.settings_file.annotations import Option, item, keys, mapping_value, models, options
from atomsmith.settings_file.defaults import is_tag
from atomsmith.settings_file.document import Document, KeyPath, describe, dotted

_EXPECTED = {
    "float_type": "a number",
    "float_parsing": "a number",
    "int_type": "an integer",
    "int_parsing": "an integer",
    "int_from_float": "an integer",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text (put it in quotes)",
    "path_type": "a path",
    "list_type": "a list, such as [a, b]",
    "tuple_type": "a list, such as [a, b]",
    "set_type": "a list, such as [a, b]",
    "dict_type": "a block of keys",
    "model_type": "a block of keys",
    "model_attributes_type": "a block of keys",
    "none_required": "nothing (null)",
    "string_too_short": "text with something in it",
    "finite_number": "a finite number",
}


_LIMITS = {
    "greater_than": ("above", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("below", "lt"),
    "less_than_equal": ("at most", "le"),
}


def sentence(error: ValidationError, model: type[BaseModel], document: Document) -> str:
    """Describe the most helpful of the errors in one sentence.

    Unknown keys come before the rest, because a misspelt key is often the reason why another one is
    missing; then the first in the file.
    """
    groups: dict[KeyPath, list[_Problem]] = defaultdict(list)
    for details in error.errors(include_url=False):
        problem = _Problem(details, model, document.values)
        groups[problem.path].append(problem)
    # Of a value that may be one thing or several, what is wrong within the several says most.
    for path in [path for path in groups if any(path in _above(other) for other in groups)]:
        if all(problem.kind in _EXPECTED or problem.kind == "too_short" for problem in groups[path]):
            del groups[path]
    unknown = [path for path in groups if groups[path][0].kind == "extra_forbidden"]
    first = min(unknown or groups, key=document.line)
    text = _describe(groups[first], model, document)
    more = len(groups) - 1
    return f"{document.place(first)}: {text}" + (
        f" ({more} other problem{'' if more == 1 else 's'} after this one)." if more else "."
    )


def _above(path: KeyPath) -> list[KeyPath]:
    return [path[:end] for end in range(len(path))]


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name most similar to a misspelt one, or None when none is similar."""
    plain = {candidate.lower().replace("-", "_"): candidate for candidate in known}
    wanted = name.lower().replace("-", "_")
    similar = difflib.get_close_matches(wanted, plain, n=1, cutoff=0.6)
    if not similar and len(wanted) >= 3:  # a key without its unit, as 'pressure' for 'pressure_gpa'
        similar = [candidate for candidate in plain if candidate.startswith(wanted)]
    return plain[similar[0]] if similar else None


def quoted(names: Iterable[object]) -> str:
    """List names as ``'a', 'b'``."""
    return ", ".join(repr(name) if isinstance(name, str) else str(name) for name in names)


class _Problem:
    """One of pydantic's errors, with its place in the file and what the models allow there."""

    def __init__(self, details: ErrorDetails, model: type[BaseModel], values: Any) -> None:
        self.kind: str = details["type"]
        self.input: Any = details["input"]
        self.message: str = details["msg"]
        self.context: dict[str, Any] = details.get("ctx", {})
        self.path, self.owners, self.allowed, self.field = _locate(details["loc"], model, values)

    @property
    def expected(self) -> str:
        """What should have stood there."""
        if self.kind in _EXPECTED:
            return _EXPECTED[self.kind]
        if self.kind in _LIMITS:
            words, key = _LIMITS[self.kind]
            return f"{words} {self.context[key]:g}"
        if self.kind == "too_short":
            least = self.context["min_length"]
            return f"a {'block' if isinstance(self.input, Mapping) else 'list'} of at least {least}"
        if self.kind in ("literal_error", "enum"):
            listed = _with_comma(str(self.context["expected"]))
            return f"one of {listed}" if ", " in listed else listed
        return self.message.removeprefix("Input should be ").removeprefix("Input should ")


def _describe(problems: Sequence[_Problem], model: type[BaseModel], document: Document) -> str:
    problem = problems[0]
    name = f"'{dotted(problem.path)}'"
    if problem.kind == "extra_forbidden":
        return _unknown_key(problem, model)
    if problem.kind == "missing" and isinstance(problem.path[-1], int):
        return f"'{dotted(problem.path[:-1])}' has {problem.path[-1]} values, but should have more; add them"
    if problem.kind == "missing":
        parent = f"'{dotted(problem.path[:-1])}' lacks its" if len(problem.path) > 1 else "it lacks the"
        return f"{parent} required key '{problem.path[-1]}'{_purpose(problem.field)}; add it"
    if problem.kind == "union_tag_not_found":
        tag = problem.context["discriminator"]
        return f"{name} lacks its key {tag}, which should be one of {_tags(problem)}; add it"
    if problem.kind == "union_tag_invalid":
        tag, found = str(problem.context["discriminator"]).strip("'"), problem.context["tag"]
        guess = _guess(found, [tag for option in problem.allowed for tag in option.tags])
        return f"'{dotted((*problem.path, tag))}' is {found!r}, but should be one of {_tags(problem)}{guess}"
    if problem.kind in ("value_error", "assertion_error"):
        message = problem.message.removeprefix("Value error, ").removeprefix("Assertion failed, ").rstrip(".")
        return f"{name}: {message}" if problem.path else message
    expected = list(dict.fromkeys(p.expected for p in problems))
    found = describe(problem.input)
    guess = ""
    if isinstance(problem.input, str):
        allowed = [c for p in problems if p.kind in ("literal_error", "enum") for c in _listed(p)]
        guess = _guess(problem.input, allowed)
    return f"{name} is {found}, but should be {' or '.join(expected)}{guess}{_purpose(problem.field)}"


def _unknown_key(problem: _Problem, model: type[BaseModel]) -> str:
    key, parent = str(problem.path[-1]), problem.path[:-1]
    known = list(
        dict.fromkeys(name for option in problem.owners if option.model for name in keys(option.model))
    )
    start = f"unknown key '{dotted(problem.path)}'"
    if guess := nearest(key, known):
        return f"{start}; perhaps '{guess}' is meant"
    homes = dict.fromkeys(path[:-1] for path in _all_keys(model) if path[-1] == key)
    homes.pop(parent, None)
    above = next((home for home in homes if home == parent[: len(home)]), None)
    if above is not None:
        home = f"under '{dotted(above)}'" if above else "at the top level of the file"
        return f"{start}; it belongs {home}"
    belongs = f"; '{key}' belongs under '{dotted(next(iter(homes)))}'" if homes else ""
    allowed = f"the keys allowed here are {quoted(known)}" if known else "remove it"
    return f"{start}; {allowed}{belongs}"


def _all_keys(model: type[BaseModel], above: KeyPath = (), depth: int = 5) -> Iterable[KeyPath]:
    """Yield the paths of the keys of a model and of those in it, without list indices and names of kinds."""
    for key, info in keys(model).items():
        if not is_tag(info):
            yield (*above, key)
        nested = models(info) + [
            m for o in options(info) for m in models(item(o.type) or mapping_value(o.type))
        ]
        for option in nested:
            if option.model is not None and depth > 0:
                yield from _all_keys(option.model, (*above, key), depth - 1)


def _locate(
    location: tuple[int | str, ...], model: type[BaseModel], values: Any
) -> tuple[KeyPath, list[Option], list[Option], FieldInfo | None]:
    """Follow pydantic's location, which mixes keys with names of union members, through types and data.

    Returns the path in the data, the types allowed for the block that holds the last key, the types allowed
    at the path itself, and the field named last.
    """
    owners: list[Option] = []
    here: list[Option] = [Option(model)]
    field: FieldInfo | None = None
    path: KeyPath = ()
    for token in location:
        chosen = [
            o for o in here if token in o.tags or (o.model and len(here) > 1 and o.model.__name__ == token)
        ]
        if chosen:
            here = [Option(option.type) for option in chosen]
            continue
        below, info = _children(here, token)
        inside = _get(values, token)
        if not below and inside is _ABSENT:
            continue  # the label of a union member such as 'int', or '[key]'
        owners, here, field = here, below, info
        path, values = (*path, token), inside
    return path, owners, here, field


_ABSENT = object()


def _get(values: Any, token: str | int) -> Any:
    if isinstance(values, dict):
        return values.get(token, _ABSENT)
    if isinstance(values, list) and isinstance(token, int) and token < len(values):
        return values[token]
    return _ABSENT


def _children(here: Sequence[Option], token: str | int) -> tuple[list[Option], FieldInfo | None]:
    """Types allowed under a key or an index of any of the given types."""
    below: list[Option] = []
    field: FieldInfo | None = None
    for option in here:
        if option.model is not None:
            if info := keys(option.model).get(str(token)):
                field = info
                below += options(info)
        elif (
            inner := item(option.type) if isinstance(token, int) else mapping_value(option.type)
        ) is not None:
            below += options(inner)
    return below, field


def _tags(problem: _Problem) -> str:
    return quoted(tag for option in problem.allowed for tag in option.tags)


def _with_comma(expected: str) -> str:
    return expected.replace("' or '", "', '")


def _listed(problem: _Problem) -> list[str]:
    return [part.strip(" '") for part in _with_comma(str(problem.context["expected"])).split(",")]


def _guess(found: object, allowed: Sequence[str]) -> str:
    guess = nearest(str(found), allowed)
    return f"; perhaps '{guess}' is meant" if guess else ""


def _purpose(field: FieldInfo | None) -> str:
    if field is None or not field.description:
        return ""
    return f" ({field.description.rstrip('.')})"
