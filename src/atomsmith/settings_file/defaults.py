"""What a settings model holds by default at a place, for overrides of what a file leaves out."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from atomsmith.settings_file.annotations import choices, key_name, keys, options
from atomsmith.settings_file.document import KeyPath


def field_default(info: FieldInfo) -> Any:
    """Return a field's default, or None where it has none that stands alone."""
    if info.is_required() or getattr(info, "default_factory_takes_validated_data", False):
        return None
    return info.get_default(call_default_factory=True)


def is_tag(info: FieldInfo) -> bool:
    """Whether a field can only have its one default value, as the key that names a model's kind."""
    return len(choices(info)) == 1 and len(list(options(info))) == 1


def default_values(model: type[BaseModel], path: KeyPath) -> Any:
    """Return plain values to start from at a place that a file leaves out.

    A block gets the keys that name its kind, as ``solver.noise_floor=1e-3`` means the solver that is the
    default; a list gets all its items, as ``terms[1].degree=12`` means the second of the default terms.
    """
    value: Any = model
    for part in path:
        if isinstance(value, type) and part in (fields := keys(value)):
            value = field_default(fields[str(part)])
        elif isinstance(value, BaseModel):
            names = {key_name(name, info): name for name, info in type(value).model_fields.items()}
            value = getattr(value, names[str(part)]) if part in names else None
        elif isinstance(value, list | tuple) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return {}
    if isinstance(value, BaseModel):
        fields = keys(type(value))
        return {key: field_default(info) for key, info in fields.items() if is_tag(info)}
    if isinstance(value, list | tuple):
        return [i.model_dump(mode="json", by_alias=True) if isinstance(i, BaseModel) else i for i in value]
    return dict(value) if isinstance(value, dict) else {}
