"""The weighted least-squares problem as one running triangular factor (streaming TSQR)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import lapack

from atomsmith.errors import InputError
from atomsmith.systems import FloatArray

# Panel width of the blocked triangular-pentagonal QR: the fastest of 16, 32, 64 for 100 to 1,000 columns.
_PANEL = 32


class TriangularFactor:
    """R factor of the augmented design matrix [A | y], updated block by block (TSQR).

    Rows are copied into a buffer; whenever it is full, LAPACK's triangular-pentagonal QR eliminates it
    against the triangle so far, in place (Demmel, Grigori, Hoemmen and Langou, SIAM J. Sci. Comput. 34,
    A206 (2012)). No product A^T A is formed, so the accuracy is that of a one-shot QR. The memory is about
    3 n^2 numbers, whatever the number of rows, and the result has the same bits however the same
    rows are cut into calls of `fold` (reading a property eliminates the rows that wait, which
    changes later results by rounding only).

    Parameters
    ----------
    n_features
        Number of columns n of the design matrix.

    Examples
    --------
    >>> factor = TriangularFactor(2)
    >>> factor.fold([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]], [1.0, 3.0, 5.0])
    >>> factor.n_rows
    3
    """

    def __init__(self, n_features: int) -> None:
        if n_features < 1:
            raise InputError(f"A triangular factor needs at least one feature, found {n_features}.")
        self._n = n_features
        self._triangle: FloatArray = np.zeros((n_features + 1, n_features + 1), order="F")
        self._buffer: FloatArray = np.zeros((max(256, 2 * (n_features + 1)), n_features + 1), order="F")
        self._waiting = 0
        self._n_rows = 0
        self._y_squared = 0.0

    @property
    def n_features(self) -> int:
        """Number of columns n."""
        return self._n

    @property
    def n_rows(self) -> int:
        """Number of rows folded so far."""
        return self._n_rows + self._waiting

    @property
    def r(self) -> FloatArray:
        """Upper triangular R with non-negative diagonal, shape (n, n): R^T R = A^T A."""
        self._flush()
        return np.array(self._triangle[: self._n, : self._n])

    @property
    def qty(self) -> FloatArray:
        """Q^T y, shape (n,)."""
        self._flush()
        return np.array(self._triangle[: self._n, self._n])

    @property
    def residual_sum_of_squares(self) -> float:
        """Smallest |A c - y|^2 that any coefficients c reach."""
        self._flush()
        return float(self._triangle[self._n, self._n] ** 2)

    @property
    def y_squared(self) -> float:
        """Sum of the squared targets |y|^2."""
        self._flush()
        return self._y_squared

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self._triangle.nbytes + self._buffer.nbytes

    def fold(self, A: ArrayLike, y: ArrayLike, weights: ArrayLike | None = None) -> None:
        """Add rows.

        Parameters
        ----------
        A
            Design rows, shape (m, n).
        y
            Targets, shape (m,).
        weights
            Factors of the rows (of A and y alike), shape (m,) or a scalar; None: rows are weighted already.

        Raises
        ------
        InputError
            On wrong shapes, or where a row, target or weight is not finite; the factor is then unchanged.
        """
        rows, targets = np.asarray(A, dtype=np.float64), np.asarray(y, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != self._n:
            raise InputError(
                f"Design rows have the shape {rows.shape}; expected (rows, {self._n}), one column a feature."
            )
        if targets.shape != (len(rows),):
            raise InputError(
                f"Targets have the shape {targets.shape}; expected ({len(rows)},), one for each design row."
            )
        scale = None if weights is None else _row_scale(weights, len(rows))
        _refuse_non_finite(rows, targets, scale)
        start = 0
        while start < len(rows):
            count = min(len(self._buffer) - self._waiting, len(rows) - start)
            source, target = slice(start, start + count), slice(self._waiting, self._waiting + count)
            if scale is None:
                self._buffer[target, : self._n] = rows[source]
                self._buffer[target, self._n] = targets[source]
            else:
                np.multiply(rows[source], scale[source, None], out=self._buffer[target, : self._n])
                np.multiply(targets[source], scale[source], out=self._buffer[target, self._n])
            self._waiting += count
            start += count
            if self._waiting == len(self._buffer):
                self._flush()

    def merge(self, other: TriangularFactor) -> None:
        """Add all rows of another factor (of a parallel worker, or of other configurations).

        Raises
        ------
        InputError
            Where the numbers of features differ.
        """
        if other.n_features != self._n:
            raise InputError(
                f"Cannot merge a factor of {other.n_features} features into one of {self._n}; "
                "both must come from the same basis."
            )
        other._flush()
        self._flush()
        self._eliminate(other._triangle.copy(order="F"), triangular=True)
        self._n_rows += other._n_rows
        self._y_squared += other._y_squared

    def copy(self) -> TriangularFactor:
        """Return an independent copy."""
        return TriangularFactor.from_arrays(self.to_arrays())

    def restrict(self, features: ArrayLike) -> TriangularFactor:
        """Return the factor of the same rows with only some columns, in the order given.

        Nested bases (all degrees up to d) can so be compared without a second pass over the data.

        Parameters
        ----------
        features
            Column indices, shape (k,), each at most once.
        """
        columns = np.asarray(features, dtype=np.int64)
        if columns.ndim != 1 or len(np.unique(columns)) != len(columns):
            raise InputError("Features to keep must be a list of distinct column indices.")
        if len(columns) and not (columns.min() >= 0 and columns.max() < self._n):
            raise InputError(f"Features to keep must lie between 0 and {self._n - 1}.")
        self._flush()
        smaller = TriangularFactor(len(columns))
        smaller.fold(self._triangle[:, columns], self._triangle[:, self._n])
        smaller._flush()
        smaller._n_rows, smaller._y_squared = self._n_rows, self._y_squared
        return smaller

    def predicted_sum_of_squares(self, coefficients: ArrayLike) -> float:
        """|A c - y|^2 of any coefficients c, shape (n,), over all rows folded."""
        c = np.asarray(coefficients, dtype=np.float64)
        self._flush()
        residual = self._triangle[:, : self._n] @ c - self._triangle[:, self._n]
        return float(residual @ residual)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """State as plain arrays (for ``numpy.savez`` or a store), about n^2 / 2 numbers."""
        self._flush()
        return {
            "triangle": self._triangle[np.triu_indices(self._n + 1)],
            "n_features": np.array(self._n, dtype=np.int64),
            "n_rows": np.array(self._n_rows, dtype=np.int64),
            "y_squared": np.array(self._y_squared, dtype=np.float64),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> TriangularFactor:
        """Rebuild from `to_arrays`, bit for bit.

        Raises
        ------
        InputError
            Where an array is missing or has the wrong size.
        """
        missing = {"triangle", "n_features", "n_rows", "y_squared"} - set(arrays)
        if missing:
            raise InputError(f"Stored factor lacks {sorted(missing)}; found {sorted(arrays)}.")
        factor = cls(int(arrays["n_features"]))
        packed = np.asarray(arrays["triangle"], dtype=np.float64)
        indices = np.triu_indices(factor._n + 1)
        if packed.shape != indices[0].shape:
            raise InputError(
                f"Stored factor has {packed.size} numbers; "
                f"{len(indices[0])} expected for {factor._n} features."
            )
        factor._triangle[indices] = packed
        factor._n_rows = int(arrays["n_rows"])
        factor._y_squared = float(arrays["y_squared"])
        return factor

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes as the packed triangle, without the buffer."""
        return type(self).from_arrays, (self.to_arrays(),)

    def _flush(self) -> None:
        """Eliminate the rows that wait in the buffer."""
        count = self._waiting
        if not count:
            return
        block = self._buffer if count == len(self._buffer) else self._buffer[:count].copy(order="F")
        self._y_squared += float(block[:, self._n] @ block[:, self._n])
        self._eliminate(block, triangular=False)
        self._n_rows += count
        self._waiting = 0

    def _eliminate(self, block: FloatArray, *, triangular: bool) -> None:
        """QR of the triangle over a block (destroyed); the triangle is replaced in place."""
        pentagon_rows = len(block) if triangular else 0
        *_, info = lapack.dtpqrt(
            pentagon_rows,
            min(_PANEL, self._n + 1),
            self._triangle,
            block,
            overwrite_a=True,
            overwrite_b=True,
        )
        if info != 0:
            raise RuntimeError(f"LAPACK dtpqrt refused argument {-info}.")
        self._triangle[np.diag(self._triangle) < 0.0] *= -1.0


def merge_factors(factors: Iterable[TriangularFactor]) -> TriangularFactor:
    """Merge factors pairwise in a balanced tree, in the order given; the inputs stay as they are.

    Raises
    ------
    InputError
        Where there is none, or where the numbers of features differ.
    """
    level = [factor.copy() for factor in factors]
    if not level:
        raise InputError("There is no factor to merge; fold at least one block of rows first.")
    while len(level) > 1:
        for left, right in zip(level[::2], level[1::2], strict=False):
            left.merge(right)
        level = level[::2]
    return level[0]


def _row_scale(weights: ArrayLike, n_rows: int) -> FloatArray:
    """Row weights as an array of shape (n_rows,)."""
    scale = np.asarray(weights, dtype=np.float64)
    if scale.ndim == 0:
        return np.full(n_rows, float(scale))
    if scale.shape != (n_rows,):
        raise InputError(
            f"Row weights have the shape {scale.shape}; expected ({n_rows},) or a single number."
        )
    return scale


def _refuse_non_finite(rows: FloatArray, targets: FloatArray, scale: FloatArray | None) -> None:
    """Name the first row that holds something not finite."""
    # A sum is finite only if every term is (or overflows): one pass without a temporary of the rows' size.
    with np.errstate(over="ignore", invalid="ignore"):
        total = rows.sum() + targets.sum() + (0.0 if scale is None else scale.sum())
    if np.isfinite(total):
        return
    for name, values in (("design row", rows), ("target", targets), ("row weight", scale)):
        if values is None:
            continue
        finite = np.isfinite(values).reshape(len(values), -1).all(axis=1)
        if not finite.all():
            raise InputError(
                f"The {name} {int(np.argmin(finite))} of a block is not finite; check its labels."
            )
