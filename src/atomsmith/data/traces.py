"""Quantities per step of walkers, packed for the store and joined for reading."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from atomsmith.data.blobs import from_blob, to_blob
from atomsmith.errors import InputError


def pack_trace(
    rows: NDArray[np.void] | Mapping[str, ArrayLike], round: int, walker: int
) -> tuple[str, bytes]:
    """Description (JSON) and bytes of columns of equal length.

    Columns named ``round`` and ``walker`` are left out, as the store keeps these beside; they must agree.
    """
    if not isinstance(rows, np.ndarray):
        columns: Mapping[str, ArrayLike] = rows
    elif rows.dtype.names is not None:
        columns = {name: rows[name] for name in rows.dtype.names}
    else:
        raise InputError("a trace must be a structured array or a mapping from names to columns")
    described: list[tuple[str, str, str, int]] = []
    parts: list[bytes] = []
    for name, column in columns.items():
        known = {"round": round, "walker": walker}.get(name)
        if known is not None:
            if np.any(np.asarray(column) != known):
                raise InputError(f"a trace of {name} {known} has rows of another {name}")
            continue
        dtype, shape, data = to_blob(column)
        if len(json.loads(shape)) != 1:
            raise InputError(f"column {name!r} of a trace has shape {shape}, expected one number a step")
        described.append((name, dtype, shape, len(data)))
        parts.append(data)
    if len({shape for _, _, shape, _ in described}) > 1:
        raise InputError("the columns of a trace must be equally long")
    return json.dumps(described), b"".join(parts)


def unpack_traces(blocks: Iterable[tuple[int, int, str, bytes]]) -> dict[str, NDArray[Any]]:
    """Join blocks of (round, walker, description, bytes) into columns; NaN fills what a block lacks."""
    found: list[tuple[int, int, dict[str, NDArray[Any]]]] = []
    names: dict[str, None] = {}
    for number, walker, described, data in blocks:
        columns: dict[str, NDArray[Any]] = {}
        start = 0
        for name, dtype, shape, size in json.loads(described):
            columns[name] = from_blob(dtype, shape, data[start : start + size])
            start += size
        found.append((number, walker, columns))
        names |= dict.fromkeys(columns)
    lengths = [len(next(iter(columns.values()), ())) for _, _, columns in found]
    joined: dict[str, NDArray[Any]] = {
        "round": np.repeat(np.array([number for number, _, _ in found], dtype=np.int64), lengths),
        "walker": np.repeat(np.array([walker for _, walker, _ in found], dtype=np.int64), lengths),
    }
    for name in names:
        parts = [
            columns.get(name, np.full(length, np.nan))
            for (_, _, columns), length in zip(found, lengths, strict=True)
        ]
        joined[name] = np.concatenate(parts)
    return joined
