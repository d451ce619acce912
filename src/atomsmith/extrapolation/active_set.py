"""Rows of features that span the largest volume, and how far another row lies outside of it.

A linear model with n coefficients interpolates where its rows are combinations c A of n rows A with all
|c_j| <= 1. The rows are chosen among all that a fit has so that |det A| is as large as single exchanges make
it (D-optimality): MaxVol, Goreinov, Oseledets, Savostyanov, Tyrtyshnikov and Zamarashkin, in Matrix Methods:
Theory, Algorithms and Applications, 247 (2010). The extrapolation grade of a row is max_j |c_j|: Podryabinkin
and Shapeev, Comput. Mater. Sci. 140, 171 (2017).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from atomsmith.errors import InputError
from atomsmith.fitting.solvers.posterior import decode_array, encode_array
from atomsmith.systems import FloatArray

TOLERANCE = 1e-3
"""Rows are exchanged while that makes the volume larger by more than this part."""
NOTHING = 1e-6
"""Rows in place of data at the beginning: this multiple of the unit vectors, in units of the largest
features. Directions in which the data do not differ by more keep them, and whatever does has a large
grade."""
BLOCK = 64
"""Rows multiplied at once, always as many: the order of sums in a product follows its shape, and a row shall
have the same grade in any company."""
MOST_PASSES = 100


class ActiveSet:
    """Rows of n features with a volume as large as exchanges of single rows make it.

    Parameters
    ----------
    scale
        Size of every feature, shape (n,); zero for a feature that is zero in all data: a row that has it is
        outside.
    rows
        In units of the scale, shape (n, n); None begins without data.
    """

    def __init__(self, scale: FloatArray, rows: FloatArray | None = None) -> None:
        self.scale = scale
        self.rows = NOTHING * np.eye(len(scale)) if rows is None else rows.copy()
        self._inverse = np.linalg.inv(self.rows)
        self._exchanges = 0

    @classmethod
    def of(cls, blocks: Callable[[], Iterable[FloatArray]]) -> Self:
        """Set of all rows of a tall matrix, which is read block by block as often as it takes.

        Parameters
        ----------
        blocks
            Called for every pass; gives rows of shape (m, n), at least one block.
        """
        scale: FloatArray | None = None
        for rows in blocks():
            largest = np.abs(rows).max(axis=0, initial=0.0)
            scale = largest if scale is None else np.maximum(scale, largest)
        if scale is None:
            raise InputError(
                "There are no features to choose an active set from; give at least one configuration."
            )
        found = cls(scale)
        for _ in range(MOST_PASSES):
            if not any([found.add(rows) for rows in blocks()]):
                break
        return found

    @property
    def n_features(self) -> int:
        """Number of features n, and of rows."""
        return len(self.scale)

    def coefficients(self, features: FloatArray) -> FloatArray:
        """Coefficients c of rows of features in terms of those of the set, shape (m, n)."""
        scaled = self._scaled(features)
        found = np.empty_like(scaled)
        for start in range(0, len(scaled), BLOCK):
            block = np.zeros((BLOCK, self.n_features))
            some = scaled[start : start + BLOCK]
            block[: len(some)] = some
            found[start : start + len(some)] = (block @ self._inverse)[: len(some)]
        return found

    def grades(self, features: FloatArray) -> FloatArray:
        """Extrapolation grade of every row, shape (m,); up to 1 is interpolation."""
        grades: FloatArray = np.abs(self.coefficients(features)).max(axis=1, initial=0.0)
        new = (features[:, self.scale == 0.0] != 0.0).any(axis=1)
        return np.where(new, np.maximum(grades, 1.0 / NOTHING), grades)

    def add(self, features: FloatArray) -> list[int]:
        """Take up rows that make the volume larger, until none of these does.

        Returns
        -------
        taken
            Indices of rows that were exchanged for others, in order; one may have made place again.
        """
        scaled, c = self._scaled(features), self.coefficients(features)
        taken: list[int] = []
        while c.size:
            i, j = np.unravel_index(int(np.abs(c).argmax()), c.shape)
            pivot = c[i, j]
            if abs(pivot) <= 1.0 + TOLERANCE:
                break
            # Row j of the set becomes row i of the features: a change of rank one (Sherman and Morrison).
            change = c[i].copy()
            change[j] -= 1.0
            c -= np.outer(c[:, j] / pivot, change)
            self._inverse -= np.outer(self._inverse[:, j] / pivot, change)
            self.rows[j] = scaled[i]
            taken.append(int(i))
            self._exchanges += 1
            if self._exchanges % max(self.n_features, 16) == 0:
                self._inverse = np.linalg.inv(self.rows)  # takes off the rounding of the changes
                c = scaled @ self._inverse
        return taken

    def copy(self) -> ActiveSet:
        """Return a set of the same rows that changes on its own."""
        other = ActiveSet.__new__(ActiveSet)
        other.scale, other.rows = self.scale, self.rows.copy()
        other._inverse, other._exchanges = self._inverse.copy(), self._exchanges
        return other

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe form."""
        return {"scale": encode_array(self.scale), "rows": encode_array(self.rows)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from `to_dict`."""
        scale, rows = decode_array(data["scale"]), decode_array(data["rows"])
        if rows.shape != (len(scale), len(scale)):
            raise InputError(f"An active set of {len(scale)} features has rows of shape {rows.shape}.")
        return cls(scale, rows)

    def _scaled(self, features: FloatArray) -> FloatArray:
        if features.ndim != 2 or features.shape[1] != self.n_features:
            raise InputError(
                f"Feature rows have the shape {features.shape}; expected (rows, {self.n_features})."
            )
        used: NDArray[np.bool_] = self.scale > 0.0
        return np.divide(features, self.scale, out=np.zeros_like(features), where=used)
