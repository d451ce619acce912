"""A commented YAML template written from a settings model: descriptions, defaults, choices, alternatives.

The text loads back: keys with defaults give the defaults, required keys show their example where the model
has one and are otherwise left empty for the user. What is off by default is commented out.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import PurePath
from typing import Any

import annotated_types
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from atomsmith.errors import InputError
from atomsmith.settings_file.annotations import (
    Option,
    choices,
    item,
    key_name,
    mapping_value,
    models,
    options,
)
from atomsmith.settings_file.defaults import field_default, is_tag
from atomsmith.settings_file.document import CoreSchemaLoader

WIDTH = 100
INDENT = "  "
_EMPTY = re.compile(r"# \w+: null$")
"""A key of a block that has no value by default."""


class _CoreSchemaDumper(yaml.SafeDumper):
    """Quotes whatever either YAML 1.1 or 1.2 would not read as the string it is."""

    yaml_implicit_resolvers: dict[str, Any] = {  # noqa: RUF012 (as PyYAML declares it)
        first: list(yaml.SafeDumper.yaml_implicit_resolvers.get(first, []))
        + CoreSchemaLoader.yaml_implicit_resolvers.get(first, [])
        for first in {*yaml.SafeDumper.yaml_implicit_resolvers, *CoreSchemaLoader.yaml_implicit_resolvers}
    }


def template(
    model: type[BaseModel],
    heading: str = "",
    schema: str | None = None,
    *,
    kinds: Mapping[str, str] | None = None,
    brief: Mapping[str, str] | None = None,
) -> str:
    """Write the commented YAML template of a settings model.

    Parameters
    ----------
    model
        The settings model.
    heading
        Text of the comment at the top; by default the first paragraph of the model's docstring.
    schema
        Name of a JSON schema file for editors (a ``yaml-language-server`` line is put on top).
    kinds
        Kinds to show, in place of their defaults, by the keys at the top level that hold them.
    brief
        Keys whose other kinds get a line each instead of all their keys, and how to see those.

    Raises
    ------
    InputError
        If a key has no such kind.
    """
    lines = [f"# yaml-language-server: $schema={schema}"] if schema else []
    text = heading or inspect.cleandoc(model.__doc__ or "").split("\n\n")[0]
    lines += _comment(text)
    lines += _comment(
        "Keys marked 'required' need a value; all others show their default and may be left out."
    )
    lines += ["", *_Writer(model, kinds or {}, brief or {}).block(model, None, top=True)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


class _Writer:
    """Writes one template; a model that occurs several times is explained the first time only."""

    def __init__(self, model: type[BaseModel], kinds: Mapping[str, str], brief: Mapping[str, str]) -> None:
        self._kinds, self._brief = kinds, brief
        self._used = set(_models_in_defaults(model))
        self._explained: set[type[BaseModel]] = set()

    def block(self, model: type[BaseModel], values: BaseModel | None, *, top: bool = False) -> list[str]:
        """Lines of all keys of a model, with the values of an instance or the model's defaults."""
        explain = model not in self._explained
        self._explained.add(model)
        lines: list[str] = []
        for name, info in sorted(model.model_fields.items(), key=_rank):
            value = getattr(values, name) if values is not None else field_default(info)
            required = values is None and info.is_required()
            if top and lines:
                lines.append("")
            if (explain or required) and not is_tag(info):
                lines += _comment(_describe(info, required))
            key = key_name(name, info)
            if top and key in self._kinds:
                lines += self._of_kind(key, models(info), self._kinds[key])
            else:
                lines += self._entry(key, info, value, required)
        return lines

    def _entry(self, key: str, info: FieldInfo, value: Any, required: bool) -> list[str]:
        """Lines of one key: its value, and its alternatives commented out."""
        variants = models(info)
        if is_tag(info):
            return [f"{key}: {_plain(choices(info)[0])}"]
        if required and value is None:
            return self._required(key, info, variants)
        if value is None and variants:
            return _commented(self._keyed(key, variants[0], None)) + self._alternatives(key, variants[1:])
        if value is None:
            return _commented([f"{key}: null"])
        if isinstance(value, BaseModel):
            others = [variant for variant in variants if variant.type is not type(value)]
            return self._keyed(key, Option(type(value)), value) + self._alternatives(key, others)
        if _holds_models(value):
            return self._collection(key, value)
        lines = [f"{key}: {_plain(value)}"]
        if not value and (inner := _item_models(info)):
            items = [line for other in inner for line in self._item(other, None)]
            lines += _commented([f"{key}:", *_shift(items)])
        return lines

    def _of_kind(self, key: str, variants: list[Option], kind: str) -> list[str]:
        """Lines of a key that holds a block of a kind that was asked for."""
        chosen = [variant for variant in variants if kind in variant.tags]
        if not chosen:
            known = [tag for variant in variants for tag in variant.tags]
            raise InputError(f"{key} has no kind {kind!r}; its kinds are {', '.join(known)}.")
        others = [variant for variant in variants if variant is not chosen[0]]
        return self._keyed(key, chosen[0], None) + self._alternatives(key, others)

    def _required(self, key: str, info: FieldInfo, variants: list[Option]) -> list[str]:
        """Lines of a required key: its example, its model's keys, or nothing for the user to fill in."""
        if info.examples:
            return [f"{key}: {_plain(info.examples[0])}"]
        if variants:
            return self._keyed(key, variants[0], None) + self._alternatives(key, variants[1:])
        if inner := _item_models(info):
            lines = [f"{key}:", *_shift(self._item(inner[0], None))]
            for other in inner[1:]:
                lines += _shift(_commented(self._item(other, None)))
            return lines
        for option in options(info):
            if named := models(mapping_value(option.type)):
                return [f"{key}:", *_shift(self._keyed("NAME", named[0], None))]
        return [f"{key}:"]

    def _alternatives(self, key: str, variants: list[Option]) -> list[str]:
        """Lines, commented out, of the other models that a key may hold."""
        if key in self._brief and variants:
            return self._names(key, variants)
        lines: list[str] = []
        for variant in variants:
            assert variant.model is not None
            if variant.tags and variant.model in self._used | self._explained:
                known = f"# or, instead of '{key}' above, {variant.discriminator}: {variant.tags[0]}"
                lines.append(f"{known}, with the keys shown elsewhere in this file")
            else:
                lines += [f"# or, instead of '{key}' above:", *_commented(self._keyed(key, variant, None))]
        return lines

    def _names(self, key: str, variants: list[Option]) -> list[str]:
        """A line of comment for each of the other kinds, and how to see their keys."""
        lines = _comment(f"Other kinds of {key}, whose keys are shown by: {self._brief[key]}")
        for variant in variants:
            assert variant.model is not None
            purpose = inspect.cleandoc(variant.model.__doc__ or "").split("\n")[0]
            lines.append(f"#   {variant.discriminator}: {variant.tags[0]:9} {purpose}")
        return lines

    def _collection(self, key: str, value: Any) -> list[str]:
        """Lines of a list or dict whose values are models."""
        lines = [f"{key}:"]
        if isinstance(value, Mapping):
            for name, inner in value.items():
                lines += _shift(self._keyed(_plain(name), Option(type(inner)), inner))
            return lines
        for inner in value:
            lines += _shift(self._item(Option(type(inner)), inner))
        return lines

    def _keyed(self, key: str, option: Option, value: BaseModel | None) -> list[str]:
        """Lines of a key that holds a block."""
        assert option.model is not None
        inner = self.block(option.model, value)
        if all(line.lstrip().startswith("#") for line in inner if line):
            empty = next((k for k, line in enumerate(inner) if _EMPTY.match(line)), None)
            if empty is None:
                return [f"{key}: {{}}", *_shift(inner)]
            # With braces behind the key, none below it could be given a value.
            inner[empty] = inner[empty].removeprefix("# ")
        return [f"{key}:", *_shift(inner)]

    def _item(self, option: Option, value: BaseModel | None) -> list[str]:
        """Lines of a list item that is a block; its first line, key or comment, follows the dash."""
        assert option.model is not None
        lines = _shift(self.block(option.model, value)) or [f"{INDENT}{{}}"]
        return [f"- {lines[0].removeprefix(INDENT)}", *lines[1:]]


def _models_in_defaults(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Yield the models that the defaults of a model are made of, so that the template shows them anyway."""
    for info in model.model_fields.values():
        values = [field_default(info)]
        while values:
            value = values.pop()
            if isinstance(value, BaseModel):
                yield type(value)
                values += [getattr(value, name) for name in type(value).model_fields]
            elif isinstance(value, list | tuple):
                values += value
            elif isinstance(value, Mapping):
                values += value.values()


def _rank(field: tuple[str, FieldInfo]) -> int:
    """Order in the template: what names the kind, what is required, the rest."""
    info = field[1]
    return 0 if is_tag(info) else 1 if info.is_required() else 2


def _item_models(info: FieldInfo) -> list[Option]:
    for option in options(info):
        inner = item(option.type)
        if inner is not None and models(inner):
            return models(inner)
    return []


def _holds_models(value: Any) -> bool:
    inner = list(value.values()) if isinstance(value, Mapping) else value
    return isinstance(inner, list | tuple) and bool(inner) and all(isinstance(i, BaseModel) for i in inner)


def _describe(info: FieldInfo, required: bool) -> str:
    """Description, choices, limits and whether a value is needed."""
    parts = [(info.description or "").rstrip(".")]
    if len(allowed := choices(info)) > 1:
        parts.append("One of " + ", ".join(_plain(choice) for choice in allowed))
    elif len(tags := [tag for option in models(info) for tag in option.tags]) > 1:
        parts.append("Its kind is one of " + ", ".join(tags))
    if limits := ", ".join(_limits(info)):
        parts.append(limits[0].upper() + limits[1:])
    text = ". ".join(part for part in parts if part)
    return f"(required) {text}" if required else text


def _limits(info: FieldInfo) -> Iterator[str]:
    for constraint in info.metadata:
        match constraint:
            case annotated_types.Gt(gt=limit):
                yield f"above {limit}"
            case annotated_types.Ge(ge=limit):
                yield f"at least {limit}"
            case annotated_types.Lt(lt=limit):
                yield f"below {limit}"
            case annotated_types.Le(le=limit):
                yield f"at most {limit}"
            case _:
                pass


def _plain(value: Any) -> str:
    """Write a value without models on one line."""
    dumped = yaml.dump(
        _data(value),
        Dumper=_CoreSchemaDumper,
        default_flow_style=True,
        width=10**9,
        allow_unicode=True,
        sort_keys=False,
    )
    return dumped.removesuffix("\n").removesuffix("...").strip()


def _data(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Mapping):
        return {_data(key): _data(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_data(inner) for inner in value]
    return value


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(" ".join(text.split()), WIDTH)]


def _shift(lines: list[str]) -> list[str]:
    return [INDENT + line if line else line for line in lines]


def _commented(lines: list[str]) -> list[str]:
    return [f"# {line}" for line in lines]
