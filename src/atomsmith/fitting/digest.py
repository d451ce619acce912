"""A digest of nested plain values and arrays: whether work that was done belongs to the work to do."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np


def digest(*values: Any) -> str:
    """SHA-256 of values: mappings, sequences, arrays and whatever else shows its value by ``repr``."""
    found = hashlib.sha256()
    _update(found, values)
    return found.hexdigest()


def _update(found: Any, value: Any) -> None:
    """Add nested plain values and arrays to a digest."""
    if isinstance(value, Mapping):
        for name in sorted(value):
            found.update(f"{name}:".encode())
            _update(found, value[name])
    elif isinstance(value, list | tuple):
        found.update(f"[{len(value)}]".encode())
        for item in value:
            _update(found, item)
    elif isinstance(value, np.ndarray):
        found.update(f"{value.dtype}{value.shape}".encode())
        found.update(np.ascontiguousarray(value).tobytes())
    else:
        found.update(f"{type(value).__name__}={value!r};".encode())
