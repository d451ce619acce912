"""The novelty rule of I. A. Kruglov and co-workers: what leaves the range of any feature of the data is
new.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from atomsmith.errors import InputError
from atomsmith.fitting.solvers.posterior import decode_array, encode_array
from atomsmith.systems import FloatArray

ROUNDING = 1e-10
"""Least half width of a range, as a part of the largest value of its feature: less is rounding."""


@dataclass(eq=False)
class FeatureRanges:
    """Least and largest value of n features, shape (n,) each.

    The grade of a row is the largest distance of one of its features from the middle of that one's range, in
    units of half the range: up to 1 inside, more outside.
    """

    low: FloatArray
    high: FloatArray

    @classmethod
    def of(cls, blocks: Callable[[], Iterable[FloatArray]]) -> Self:
        """Ranges of all rows of blocks of shape (m, n)."""
        found: Self | None = None
        for rows in blocks():
            if len(rows) == 0:
                continue
            if found is None:
                found = cls(rows.min(axis=0), rows.max(axis=0))
            found.add(rows)
        if found is None:
            raise InputError("There are no features to take ranges of; give at least one configuration.")
        return found

    @property
    def n_features(self) -> int:
        """Number of features n."""
        return len(self.low)

    def excess(self, features: FloatArray) -> FloatArray:
        """Distances from the middle in units of half the range, shape (m, n)."""
        middle = 0.5 * (self.low + self.high)
        floor = ROUNDING * np.maximum(np.abs(self.low), np.abs(self.high)) + np.finfo(np.float64).tiny
        excess: FloatArray = np.abs(features - middle) / np.maximum(0.5 * (self.high - self.low), floor)
        return excess

    def grades(self, features: FloatArray) -> FloatArray:
        """Largest excess of every row, shape (m,)."""
        grades: FloatArray = self.excess(features).max(axis=1, initial=0.0)
        return grades

    def add(self, features: FloatArray) -> list[int]:
        """Widen the ranges; returns the indices of rows that lay outside."""
        outside = ((features < self.low) | (features > self.high)).any(axis=1)
        if len(features):
            self.low = np.minimum(self.low, features.min(axis=0))
            self.high = np.maximum(self.high, features.max(axis=0))
        return [int(k) for k in np.flatnonzero(outside)]

    def copy(self) -> FeatureRanges:
        """Return ranges that change on their own."""
        return FeatureRanges(self.low.copy(), self.high.copy())

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe form."""
        return {"low": encode_array(self.low), "high": encode_array(self.high)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from `to_dict`."""
        low, high = decode_array(data["low"]), decode_array(data["high"])
        if low.shape != high.shape or low.ndim != 1:
            raise InputError(f"Ranges of features have the shapes {low.shape} and {high.shape}.")
        return cls(low, high)
