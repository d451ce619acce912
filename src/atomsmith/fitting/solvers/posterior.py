"""The Gaussian posterior of linear coefficients: exact uncertainty, its gradient, committees."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from atomsmith.errors import InputError
from atomsmith.systems import FloatArray


@dataclass(frozen=True, eq=False)
class Posterior:
    """Coefficients c ~ N(mean, Sigma), where Sigma = L L^T on the kept features and zero elsewhere.

    Attributes
    ----------
    mean
        Posterior mean, shape (n,): the coefficients of the potential.
    kept
        The k features whose coefficients are uncertain, shape (k,), in the order of the rows of L.
    factor
        Upper triangular L, shape (k, k).
    noise_precision
        Precision beta of the noise of a row of weight 1 (a row of weight w has the noise 1 / (w sqrt(beta))).
    """

    mean: FloatArray
    kept: NDArray[np.int64]
    factor: FloatArray
    noise_precision: float

    def __post_init__(self) -> None:
        k = len(self.kept)
        if self.factor.shape != (k, k):
            raise InputError(f"The posterior factor has the shape {self.factor.shape}; expected ({k}, {k}).")
        if k and not (self.kept.min() >= 0 and self.kept.max() < len(self.mean)):
            raise InputError(f"The posterior keeps features outside 0 to {len(self.mean) - 1}.")
        if len(np.unique(self.kept)) != k:
            raise InputError("The posterior keeps a feature twice.")

    @property
    def n_features(self) -> int:
        """Number of coefficients n, dropped ones included."""
        return len(self.mean)

    def covariance(self) -> FloatArray:
        """Dense Sigma, shape (n, n)."""
        sigma = np.zeros((self.n_features, self.n_features))
        sigma[np.ix_(self.kept, self.kept)] = self.factor @ self.factor.T
        return sigma

    def std(self, features: ArrayLike, *, noise_weight: ArrayLike | None = None) -> FloatArray:
        """Exact predictive standard deviation of ``features @ c``.

        Parameters
        ----------
        features
            Unweighted rows b, shape (..., n): feature sums of systems, or design rows of forces and virials.
        noise_weight
            Row weights w, broadcast against the result: adds the noise 1 / (beta w^2) of a label to the
            variance, which includes what the basis cannot express. None: the uncertainty of the
            coefficients alone, which vanishes with more data even where the basis is too small.

        Returns
        -------
        std
            sqrt(b^T Sigma b), shape (...), in the unit of the rows' targets.
        """
        variance = np.square(self._projected(features)).sum(axis=-1)
        if noise_weight is not None:
            variance = variance + 1.0 / (
                self.noise_precision * np.square(np.asarray(noise_weight, np.float64))
            )
        std: FloatArray = np.sqrt(variance)
        return std

    def direction(self, features: ArrayLike) -> FloatArray:
        """Gradient of the standard deviation with respect to the features: Sigma b / sigma.

        One backward sweep with these values as coefficients gives the exact -grad sigma of a system.

        Parameters
        ----------
        features
            Feature sums b, shape (..., n).

        Returns
        -------
        direction
            Shape (..., n); zero where sigma is zero.
        """
        return self.std_and_direction(features)[1]

    def std_and_direction(self, features: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return `std` without noise and `direction` of the same features, from one projection."""
        projected = self._projected(features)
        sigma = np.sqrt(np.square(projected).sum(axis=-1, keepdims=True))
        unit = np.divide(projected, sigma, out=np.zeros_like(projected), where=sigma > 0.0)
        result: FloatArray = np.zeros((*unit.shape[:-1], self.n_features))
        result[..., self.kept] = unit @ self.factor.T
        return sigma[..., 0], result

    def draw(self, n: int = 8, rng: np.random.Generator | int = 0) -> FloatArray:
        """Draw a committee: independent samples of the posterior.

        The draws are neither centred nor mirrored nor made orthogonal: the committee variance of HAL is taken
        about the posterior mean, so plain draws estimate sigma^2 without bias (relative spread sqrt(2 / n)).
        Mirrored pairs would halve the number of directions seen, and independent draws in hundreds of
        dimensions are nearly orthogonal already.

        Parameters
        ----------
        n
            Number of members K.
        rng
            Generator, or a seed for a new one.

        Returns
        -------
        coefficients
            Shape (n, n_features).
        """
        if n < 1:
            raise InputError(f"A committee needs at least one member, found {n}.")
        members = np.tile(self.mean, (n, 1))
        members[:, self.kept] += (
            np.random.default_rng(rng).standard_normal((n, len(self.kept))) @ self.factor.T
        )
        return members

    def transformed(self, blocks: Sequence[tuple[int, FloatArray]]) -> Posterior:
        """Return the posterior of T c, T upper triangles of consecutive coefficients, all kept in order.

        Parameters
        ----------
        blocks
            First coefficient and triangle, shape (m, m), of every block.
        """
        mean, factor = self.mean.copy(), self.factor.copy()
        for first, triangle in blocks:
            own = slice(first, first + len(triangle))
            mean[own] = triangle @ mean[own]
            row = int(np.flatnonzero(self.kept == first)[0])
            rows = slice(row, row + len(triangle))
            factor[rows] = triangle @ factor[rows]
        return Posterior(mean, self.kept, factor, self.noise_precision)

    def scaled(self, factor: float) -> Posterior:
        """Return the posterior with all standard deviations times a factor; the mean stays.

        Rows of one configuration share what the basis cannot express, so counting them as independent
        makes the evidence too sure; ``factor`` is then `Calibration.scale_factor` of held-out configurations.
        """
        if not (np.isfinite(factor) and factor > 0.0):
            raise InputError(
                f"The factor on standard deviations must be positive and finite, found {factor}."
            )
        return Posterior(self.mean, self.kept, factor * self.factor, self.noise_precision / factor**2)

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe form (little-endian base64 numbers; the triangle packed by rows)."""
        return {
            "mean": encode_array(self.mean),
            "kept": [int(j) for j in self.kept],
            "factor": encode_array(self.factor[np.triu_indices(len(self.kept))]),
            "noise_precision": float(self.noise_precision),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Posterior:
        """Rebuild from `to_dict`, bit for bit.

        Raises
        ------
        InputError
            Where a key is missing or an array has the wrong size.
        """
        missing = {"mean", "kept", "factor", "noise_precision"} - set(data)
        if missing:
            raise InputError(f"Stored posterior lacks {sorted(missing)}; found {sorted(data)}.")
        kept = np.array(data["kept"], dtype=np.int64)
        packed = decode_array(data["factor"])
        indices = np.triu_indices(len(kept))
        if packed.shape != indices[0].shape:
            raise InputError(
                f"Stored posterior has {packed.size} numbers in its factor; "
                f"{len(indices[0])} expected for {len(kept)} features."
            )
        factor = np.zeros((len(kept), len(kept)))
        factor[indices] = packed
        return cls(decode_array(data["mean"]), kept, factor, float(data["noise_precision"]))

    def _projected(self, features: ArrayLike) -> FloatArray:
        """L^T b, shape (..., k)."""
        rows = np.asarray(features, dtype=np.float64)
        if rows.ndim == 0 or rows.shape[-1] != self.n_features:
            raise InputError(f"Feature rows have the shape {rows.shape}; expected (..., {self.n_features}).")
        projected: FloatArray = rows[..., self.kept] @ self.factor
        return projected


def encode_array(values: FloatArray) -> dict[str, Any]:
    """Array as JSON: shape and base64 of little-endian float64."""
    data = np.ascontiguousarray(values, dtype="<f8")
    return {"shape": list(data.shape), "float64": base64.b64encode(data.tobytes()).decode("ascii")}


def decode_array(data: Mapping[str, Any]) -> FloatArray:
    """Undo `encode_array`."""
    try:
        values = np.frombuffer(base64.b64decode(data["float64"], validate=True), dtype="<f8")
        return np.array(values.reshape(data["shape"]), dtype=np.float64)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"Stored array cannot be read ({error}); the file is damaged or cut short."
        ) from error
