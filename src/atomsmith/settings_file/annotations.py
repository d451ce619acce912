"""What a settings model's type annotations allow at a place: models of a union, items of a list."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo


@dataclass(frozen=True)
class Option:
    """One type that an annotation allows; ``discriminator`` names the key that selects it, if any does."""

    type: Any
    discriminator: str | None = None

    @property
    def model(self) -> type[BaseModel] | None:
        """The type as a settings model, or None when it is something else."""
        return self.type if isinstance(self.type, type) and issubclass(self.type, BaseModel) else None

    @property
    def tags(self) -> tuple[str, ...]:
        """Values of the discriminating key that select this model."""
        if self.model is None or self.discriminator not in self.model.model_fields:
            return ()
        return tuple(
            str(choice) for choice in choices(self.model.model_fields[self.discriminator].annotation)
        )


def options(annotation: Any, discriminator: str | None = None) -> Iterator[Option]:
    """Yield the alternatives of an annotation, through ``Annotated``, unions and ``| None``."""
    if isinstance(annotation, FieldInfo):
        discriminator = _discriminator([annotation, *annotation.metadata])
        annotation = annotation.annotation
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *metadata = get_args(annotation)
        yield from options(inner, _discriminator(metadata) or discriminator)
    elif origin in (Union, types.UnionType):
        for argument in get_args(annotation):
            yield from options(argument, discriminator)
    else:
        yield Option(annotation, discriminator)


def _discriminator(metadata: Sequence[Any]) -> str | None:
    for entry in metadata:
        if isinstance(found := getattr(entry, "discriminator", None), str):
            return found
    return None


def models(annotation: Any) -> list[Option]:
    """Return the settings models among the alternatives of an annotation."""
    return [option for option in options(annotation) if option.model is not None]


def item(annotation: Any) -> Any:
    """Return what a list, tuple or set annotation holds (its first item type), or None."""
    origin = get_origin(annotation)
    if isinstance(origin, type) and issubclass(origin, Sequence | Set) and get_args(annotation):
        return get_args(annotation)[0]
    return None


def mapping_value(annotation: Any) -> Any:
    """Return what a dict annotation holds as values, or None."""
    origin = get_origin(annotation)
    if isinstance(origin, type) and issubclass(origin, Mapping) and len(get_args(annotation)) == 2:
        return get_args(annotation)[1]
    return None


def choices(annotation: Any) -> list[Any]:
    """Return the values that an annotation's literals and enumerations allow, in their order."""
    found: list[Any] = []
    for option in options(annotation):
        if get_origin(option.type) is Literal:
            found += get_args(option.type)
        elif isinstance(option.type, type) and issubclass(option.type, Enum):
            found += [member.value for member in option.type]
    return found


def key_name(name: str, info: FieldInfo) -> str:
    """Return the key of a field in the file: its alias where it has one."""
    return info.validation_alias if isinstance(info.validation_alias, str) else info.alias or name


def keys(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return a model's fields by the keys used in the file."""
    return {key_name(name, info): info for name, info in model.model_fields.items()}
