"""The weighted least-squares problem as one running triangular factor (streaming TSQR)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    A206 (2012)). No product A^T A is formed, so the accuracy is that of a one-shot QR. The memory is at most
    about 3 n^2 numbers, whatever the number of rows: those held while there are fewer than n, and n^2 after
    `compact`. The result has the same bits however the same rows are cut into calls of `fold`, and
    whatever is read in between.

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
        self._triangle: FloatArray | None = None
        self._buffer: FloatArray = np.zeros((0, n_features + 1), order="F")
        self._waiting = 0
        self._n_rows = 0
        self._y_squared = 0.0
        self._settled: FloatArray | None = None

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
        return np.array(self._augmented()[: self._n, : self._n])

    @property
    def qty(self) -> FloatArray:
        """Q^T y, shape (n,)."""
        return np.array(self._augmented()[: self._n, self._n])

    @property
    def residual_sum_of_squares(self) -> float:
        """Smallest |A c - y|^2 that any coefficients c reach."""
        return float(self._augmented()[self._n, self._n] ** 2)

    @property
    def y_squared(self) -> float:
        """Sum of the squared targets |y|^2."""
        waiting = self._buffer[: self._waiting, self._n]
        return self._y_squared + float(waiting @ waiting)

    @property
    def column_squares(self) -> FloatArray:
        """Sum of the squares of each design column, shape (n,)."""
        found: FloatArray = np.square(self._buffer[: self._waiting, : self._n]).sum(axis=0)
        if self._triangle is not None:
            found = found + np.square(self._triangle[: self._n, : self._n]).sum(axis=0)
        return found

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(held.nbytes for held in (self._triangle, self._buffer, self._settled) if held is not None)

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
        self._settled = None
        start = 0
        while start < len(rows):
            self._make_room(len(rows) - start)
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
            if self._waiting == self.capacity:
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
        if other._triangle is not None:
            self._flush()
            self._eliminate(other._triangle.copy(order="F"), triangular=True)
            self._n_rows += other._n_rows
            self._y_squared += other._y_squared
        if other._waiting:
            waiting = other._buffer[: other._waiting]
            self.fold(waiting[:, : self._n], waiting[:, self._n])

    def copy(self) -> TriangularFactor:
        """Return an independent copy."""
        return self.scaled(1.0)

    def compact(self) -> TriangularFactor:
        """Give back what memory can be spared; rows added later then change results by rounding only.

        More than n rows become a triangle; fewer are kept as they are. Returns the factor itself.
        """
        self._settled = None
        if self._triangle is not None or self._waiting > self._n:
            self._flush()
            self._buffer = np.zeros((0, self._n + 1), order="F")
        elif self._waiting < len(self._buffer):
            self._buffer = self._buffer[: self._waiting].copy(order="F")
        return self

    def scaled(self, weight: float) -> TriangularFactor:
        """Return the factor of the same rows and targets times a weight."""
        result = TriangularFactor(self._n)
        if self._triangle is not None:
            result._triangle = weight * self._triangle
        result._buffer = np.multiply(self._buffer[: self._waiting], weight, order="F")
        result._waiting, result._n_rows = self._waiting, self._n_rows
        result._y_squared = weight**2 * self._y_squared
        return result

    def transformed(self, blocks: Sequence[tuple[int, FloatArray]]) -> TriangularFactor:
        """Return the factor of the same rows with consecutive columns multiplied by upper triangles.

        Parameters
        ----------
        blocks
            First column and triangle with a positive diagonal, shape (m, m), of every block.
        """
        result = self.scaled(1.0)
        for held in (result._triangle, result._buffer):
            if held is None:
                continue
            for first, triangle in blocks:
                columns = slice(first, first + len(triangle))
                held[:, columns] = held[:, columns] @ triangle
        return result

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
        augmented = self._augmented()
        smaller = TriangularFactor(len(columns))
        smaller.fold(augmented[:, columns], augmented[:, self._n])
        smaller._flush()
        smaller._n_rows, smaller._y_squared = self.n_rows, self.y_squared
        return smaller

    def predicted_sum_of_squares(self, coefficients: ArrayLike) -> float:
        """|A c - y|^2 of any coefficients c, shape (n,), over all rows folded."""
        c = np.asarray(coefficients, dtype=np.float64)
        total = 0.0
        for part in (self._triangle, self._buffer[: self._waiting]):
            if part is not None:
                residual = part[:, : self._n] @ c - part[:, self._n]
                total += float(residual @ residual)
        return total

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """State as plain arrays (for ``numpy.savez`` or a store); about n^2 / 2 numbers after `compact`."""
        triangle = np.zeros(0) if self._triangle is None else self._triangle[np.triu_indices(self._n + 1)]
        return {
            "triangle": triangle,
            "waiting": self._buffer[: self._waiting].copy(),
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
        missing = {"triangle", "waiting", "n_features", "n_rows", "y_squared"} - set(arrays)
        if missing:
            raise InputError(f"Stored factor lacks {sorted(missing)}; found {sorted(arrays)}.")
        factor = cls(int(arrays["n_features"]))
        packed = np.asarray(arrays["triangle"], dtype=np.float64)
        waiting = np.asarray(arrays["waiting"], dtype=np.float64)
        indices = np.triu_indices(factor._n + 1)
        if packed.shape not in ((0,), indices[0].shape) or waiting.shape[1:] != (factor._n + 1,):
            raise InputError(
                f"Stored factor has {packed.size} numbers and waiting rows of the shape {waiting.shape}; "
                f"{len(indices[0])} and (rows, {factor._n + 1}) expected for {factor._n} features."
            )
        if packed.size:
            factor._triangle = np.zeros((factor._n + 1, factor._n + 1), order="F")
            factor._triangle[indices] = packed
        factor._buffer = np.array(waiting, order="F")
        factor._waiting = len(waiting)
        factor._n_rows = int(arrays["n_rows"])
        factor._y_squared = float(arrays["y_squared"])
        return factor

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes as the packed triangle and the rows that wait."""
        return type(self).from_arrays, (self.to_arrays(),)

    @property
    def capacity(self) -> int:
        """Rows that are eliminated at once."""
        return max(512, self._n + 1)

    def _make_room(self, count: int) -> None:
        """Let the buffer hold more rows: twice as many as before, up to its capacity."""
        needed = min(self._waiting + count, self.capacity)
        if needed > len(self._buffer):
            larger = np.empty(
                (min(max(needed, 2 * len(self._buffer)), self.capacity), self._n + 1), order="F"
            )
            larger[: self._waiting] = self._buffer[: self._waiting]
            self._buffer = larger

    def _augmented(self) -> FloatArray:
        """Triangle of all rows, shape (n + 1, n + 1), without changing the state."""
        if self._waiting == 0 and self._triangle is not None:
            return self._triangle
        if self._settled is None:
            settled = self.copy()
            settled._flush()
            self._settled = settled._triangle
        return np.zeros((self._n + 1, self._n + 1)) if self._settled is None else self._settled

    def _flush(self) -> None:
        """Eliminate the rows that wait in the buffer."""
        self._settled = None
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
        if self._triangle is None:
            self._triangle = np.zeros((self._n + 1, self._n + 1), order="F")
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


def leave_one_out(factors: Sequence[TriangularFactor]) -> Iterator[TriangularFactor]:
    """For each of at least two factors, the merge of all others; about 3 merges each.

    What comes before and what comes after are merged once for all.
    """
    after = [factors[-1].copy()]
    for factor in reversed(factors[1:-1]):
        after.append(factor.copy())
        after[-1].merge(after[-2])
    before = factors[0].copy()
    yield after.pop()
    for factor in factors[1:-1]:
        rest = before.copy()
        rest.merge(after.pop())
        yield rest
        before.merge(factor)
    yield before


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
