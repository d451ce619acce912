"""Factor and prior brought to standard form: free coefficients projected out, unit penalties."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack, qr, solve_triangular

from atomsmith.errors import InputError
from atomsmith.fitting.rows.factor import TriangularFactor
from atomsmith.fitting.solvers.posterior import Posterior
from atomsmith.fitting.solvers.prior import Prior
from atomsmith.systems import FloatArray


@dataclass(frozen=True, eq=False)
class StandardForm:
    """Least squares in x = penalty * (c - mean), with the f free coefficients u in front.

    The rows left of the data are ``|R_uu u + R_ux x - z_u|^2 + |R x - z|^2 + rss``: flat priors on u
    integrate to the restricted likelihood of x (REML), in which as many rows are used up.

    Attributes
    ----------
    r
        Upper triangular R, shape (p, p).
    z
        Targets of x, shape (p,).
    rss
        Residual sum of squares that no coefficients lower.
    rows
        Degrees of freedom of the restricted likelihood: rows of data minus the rank of the free columns.
    free_r, cross_r, free_z
        R_uu (f, f), R_ux (f, p), z_u (f,).
    free, penalised
        Feature indices of u and x.
    prior
        The prior that made this form.
    """

    r: FloatArray
    z: FloatArray
    rss: float
    rows: int
    free_r: FloatArray
    cross_r: FloatArray
    free_z: FloatArray
    free: NDArray[np.int64]
    penalised: NDArray[np.int64]
    prior: Prior

    @classmethod
    def build(cls, factor: TriangularFactor, prior: Prior) -> StandardForm:
        """Combine a factor and a prior.

        Raises
        ------
        InputError
            Where their sizes differ, or where there are not more rows than free coefficients.
        """
        if prior.n_features != factor.n_features:
            raise InputError(
                f"The prior has {prior.n_features} coefficients and the factor {factor.n_features} features; "
                "they must be the same."
            )
        free = np.flatnonzero(prior.penalty == 0.0)
        penalised = np.flatnonzero((prior.penalty > 0.0) & np.isfinite(prior.penalty))
        r = factor.r
        anchors = _anchors(r[:, free], prior.anchor)
        believed = 0 if prior.beliefs is None else len(prior.beliefs.targets)
        rows = factor.n_rows + believed - (len(free) - len(anchors))
        if rows < 1:
            raise InputError(
                f"{factor.n_rows} rows of data cannot determine {len(free)} free coefficients; "
                "add configurations, or fix the reference energies."
            )
        n, f, p = factor.n_features, len(free), len(penalised)
        stacked = np.zeros((n + len(anchors) + believed, f + p + 1), order="F")
        known = [(slice(0, n), r, factor.qty)]
        if prior.beliefs is not None:
            known.append((slice(n + len(anchors), None), prior.beliefs.rows, prior.beliefs.targets))
        for own, columns, targets in known:
            stacked[own, :f] = columns[:, free]
            stacked[own, f : f + p] = columns[:, penalised] / prior.penalty[penalised]
            stacked[own, f + p] = targets - columns @ prior.mean
        stacked[n : n + len(anchors), :f] = anchors
        triangle = square_triangle(stacked, f + p + 1)
        x = slice(f, f + p)
        return cls(
            r=triangle[x, x],
            z=triangle[x, f + p],
            rss=factor.residual_sum_of_squares + float(triangle[f + p, f + p] ** 2),
            rows=rows,
            free_r=triangle[:f, :f],
            cross_r=triangle[:f, x],
            free_z=triangle[:f, f + p],
            free=free,
            penalised=penalised,
            prior=prior,
        )

    @property
    def size(self) -> int:
        """Number p of penalised coefficients."""
        return len(self.penalised)

    @property
    def groups(self) -> NDArray[np.int64]:
        """Group of each penalised coefficient, shape (p,)."""
        if self.prior.groups is None:
            return np.zeros(self.size, dtype=np.int64)
        return self.prior.groups[self.penalised]

    @property
    def log_volume(self) -> float:
        """Log |det R_uu|: the free coefficients' share of the restricted likelihood."""
        return float(np.log(np.abs(np.diag(self.free_r))).sum())

    @property
    def unit(self) -> float:
        """Mean squared norm of the columns, the unit of strengths of the prior; 1 where all are zero."""
        mean = float(np.square(self.r).sum()) / max(self.size, 1)
        return mean if mean > 0.0 else 1.0

    def coefficients(self, x: FloatArray) -> FloatArray:
        """Coefficients with the penalised ones at x and the free ones at their best, shape (n,)."""
        found = self.prior.mean.copy()
        found[self.free] += solve_triangular(self.free_r, self.free_z - self.cross_r @ x)
        found[self.penalised] += x / self.prior.penalty[self.penalised]
        return found

    def residual(self, x: FloatArray) -> float:
        """Residual sum of squares of x, with the free coefficients at their best."""
        difference = self.r @ x - self.z
        return float(difference @ difference) + self.rss

    def floor(self, noise_floor: float) -> float:
        """Sum of squares below which a residual means nothing: noise of the labels, or rounding."""
        rounding = np.finfo(np.float64).eps ** 2 * (float(self.z @ self.z) + self.rss)
        return float(max(self.rows * noise_floor**2, rounding, 1.0e-200))

    def standard_posterior(self, alpha: FloatArray, beta: float) -> tuple[FloatArray, FloatArray]:
        """Mean and covariance of x, shapes (p,) and (p, p), at precisions that are all finite."""
        root, p = np.sqrt(beta), self.size
        stacked = np.zeros((2 * p, p + 1), order="F")
        stacked[:p, :p] = root * self.r
        stacked[:p, p] = root * self.z
        stacked[p + np.arange(p), np.arange(p)] = np.sqrt(alpha)
        triangle = square_triangle(stacked, p + 1)
        inverse = inverse_triangle(triangle[:p, :p])
        return inverse @ triangle[:p, p], inverse @ inverse.T

    def restricted(self, kept: NDArray[np.int64]) -> StandardForm:
        """Return the form of fewer x, shape (k,): all others are zero."""
        k = len(kept)
        stacked = np.asfortranarray(np.column_stack([self.r[:, kept], self.z]))
        triangle = square_triangle(stacked, k + 1)
        return replace(
            self,
            r=triangle[:k, :k],
            z=triangle[:k, k],
            rss=self.rss + float(triangle[k, k] ** 2),
            cross_r=self.cross_r[:, kept],
            penalised=self.penalised[kept],
        )

    def posterior(self, alpha: FloatArray, beta: float) -> Posterior:
        """Gaussian posterior of the coefficients given all precisions.

        Parameters
        ----------
        alpha
            Prior precision of each x, shape (p,); infinite where the feature is dropped.
        beta
            Noise precision of the weighted rows.
        """
        kept = np.flatnonzero(np.isfinite(alpha))
        f, k = len(self.free), len(kept)
        root = np.sqrt(beta)
        stacked = np.zeros((f + self.size + k, f + k + 1), order="F")
        stacked[:f, :f] = root * self.free_r
        stacked[:f, f : f + k] = root * self.cross_r[:, kept]
        stacked[:f, f + k] = root * self.free_z
        stacked[f : f + self.size, f : f + k] = root * self.r[:, kept]
        stacked[f : f + self.size, f + k] = root * self.z
        stacked[f + self.size + np.arange(k), f + np.arange(k)] = np.sqrt(alpha[kept])
        triangle = square_triangle(stacked, f + k + 1)
        # The precision is T^T T, so the covariance is L L^T with L = T^-1, and rows of L carry 1 / penalty.
        inverse = inverse_triangle(triangle[: f + k, : f + k])
        scale = np.concatenate([np.ones(f), 1.0 / self.prior.penalty[self.penalised[kept]]])
        solution = solve_triangular(triangle[: f + k, : f + k], triangle[: f + k, f + k])
        features = np.concatenate([self.free, self.penalised[kept]])
        mean = self.prior.mean.copy()
        mean[features] += scale * solution
        return Posterior(
            mean=mean,
            kept=features,
            factor=inverse * scale[:, None],
            noise_precision=float(beta),
        )


def _anchors(columns: FloatArray, anchor: float) -> FloatArray:
    """Rows that draw free coefficients to their means along directions that the data leave open.

    ``columns`` has the shape (n, f); directions are compared in units of the columns' norms. Those that the
    data know better than ``anchor`` get no row, hence no bias.
    """
    directions, norms = open_directions(columns, anchor)
    rows: FloatArray = anchor * directions * norms
    return rows


def open_directions(columns: FloatArray, anchor: float) -> tuple[FloatArray, FloatArray]:
    """Directions that the data leave open in units of the columns' norms, as rows (k, f), and these norms."""
    if columns.shape[1] == 0:
        return np.zeros((0, 0)), np.zeros(0)
    norms = np.linalg.norm(columns, axis=0)
    norms = np.where(norms > 0.0, norms, 1.0)
    _, s, vt = np.linalg.svd(columns / norms)
    return vt[s < anchor * max(s[0], 1.0)], norms


def left_open(factor: TriangularFactor, prior: Prior) -> FloatArray:
    """Changes of the coefficients that the data tell nothing of, shape (n, k).

    Combinations of free coefficients that they leave to the anchor, each in units of the norms of its
    columns, and penalised coefficients of functions that are zero in all data.
    """
    r = factor.r
    free = np.flatnonzero(prior.penalty == 0.0)
    directions, norms = open_directions(r[:, free], prior.anchor)
    unseen = np.flatnonzero((prior.penalty > 0.0) & np.isfinite(prior.penalty) & ~r.any(axis=0))
    changes = np.zeros((factor.n_features, len(directions) + len(unseen)))
    changes[free, : len(directions)] = (directions / norms).T
    changes[unseen, len(directions) + np.arange(len(unseen))] = 1.0
    return changes


def square_triangle(stacked: FloatArray, n: int) -> FloatArray:
    """R factor of a matrix (destroyed) as a square n x n triangle, zero rows added where it is flat."""
    (_, _), triangle = qr(stacked, mode="raw", overwrite_a=True, check_finite=False)
    square = np.zeros((n, n))
    square[: min(n, len(triangle))] = triangle[:n]
    return square


def inverse_triangle(triangle: FloatArray) -> FloatArray:
    """Inverse of an upper triangular matrix, shape (n, n); n may be 0."""
    if len(triangle) == 0:
        return np.zeros((0, 0))
    inverse, info = lapack.dtrtri(triangle)
    if info != 0:
        raise RuntimeError(f"Diagonal element {info - 1} of a triangular factor is zero.")
    return np.triu(inverse)
