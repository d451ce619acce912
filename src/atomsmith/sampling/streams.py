"""Random streams of walkers: one PCG64 generator each, packed into plain integers between runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from atomsmith.errors import InputError

WORDS = 6
"""64-bit words of one packed stream: state (2), increment (2), the flag and value of a spare 32-bit draw."""

_MASK = (1 << 64) - 1

StreamId = int | tuple[int, ...]
"""Names a walker's stream, such as 3 or (round, start, copy); non-negative integers."""


def spawn_streams(seed: int, ids: Sequence[StreamId]) -> NDArray[np.uint64]:
    """Independent packed streams, one for each id, shape (S, 6).

    A stream depends on the seed and its own id alone, so a walker's randomness does not change with
    the company it keeps in a batch.

    Raises
    ------
    InputError
        If two walkers have the same id or a number is negative.
    """
    keys = [key if isinstance(key, tuple) else (key,) for key in ids]
    if seed < 0 or any(number < 0 for key in keys for number in key):
        raise InputError(f"seed {seed} and walker ids must be non-negative integers.")
    if len(set(keys)) != len(keys):
        raise InputError("two walkers have the same id, hence the same random numbers; make ids unique.")
    generators = [
        np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key))) for key in keys
    ]
    return pack_streams(generators)


def pack_streams(generators: Sequence[np.random.Generator]) -> NDArray[np.uint64]:
    """States of PCG64 generators as words, shape (S, 6)."""
    words = np.zeros((len(generators), WORDS), dtype=np.uint64)
    for row, generator in zip(words, generators, strict=True):
        state = generator.bit_generator.state
        value, increment = state["state"]["state"], state["state"]["inc"]
        row[:] = [
            value >> 64,
            value & _MASK,
            increment >> 64,
            increment & _MASK,
            state["has_uint32"],
            state["uinteger"],
        ]
    return words


def unpack_streams(words: NDArray[np.uint64]) -> list[np.random.Generator]:
    """Generators that continue exactly where the packed streams were."""
    generators = []
    for row in words:
        high, low, increment_high, increment_low, has_spare, spare = (int(word) for word in row)
        bits = np.random.PCG64()
        bits.state = {
            "bit_generator": "PCG64",
            "state": {"state": (high << 64) | low, "inc": (increment_high << 64) | increment_low},
            "has_uint32": has_spare,
            "uinteger": spare,
        }
        generators.append(np.random.Generator(bits))
    return generators
