"""Arrays and JSON values as they stand in the store: raw little-endian bytes, no pickle."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from atomsmith.errors import InputError

_KINDS = "biufc"


def to_blob(array: ArrayLike) -> tuple[str, str, bytes]:
    """Type name, JSON of the shape, and bytes of an array of numbers or booleans."""
    values = np.asarray(array)
    if values.dtype.kind not in _KINDS:
        raise InputError(f"arrays of type {values.dtype} cannot be stored; expected numbers or booleans")
    values = np.asarray(values, dtype=values.dtype.newbyteorder("<"))
    return values.dtype.str, json.dumps(values.shape), values.tobytes()


def from_blob(dtype: str, shape: str, data: bytes) -> NDArray[Any]:
    """Rebuild the array of `to_blob`, writable and in native byte order."""
    kind = np.dtype(dtype)
    if kind.kind not in _KINDS:
        raise InputError(f"the store holds an array of type {dtype}, which is not one of numbers")
    values = np.frombuffer(data, dtype=kind).reshape(json.loads(shape))
    return values.astype(kind.newbyteorder("="), copy=True)


def to_json(value: Any) -> str:
    """JSON text of plain values; NumPy scalars and arrays become numbers and lists."""
    try:
        return json.dumps(value, default=_plain)
    except (TypeError, ValueError) as error:
        raise InputError(f"a value cannot be stored as JSON: {error}") from None


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not a plain JSON value")
