"""Evidence maximisation with several prior precisions: MacKay's fixed point on the triangular factor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular

from atomsmith.fitting.solvers.hyperparameters import Hyperparameters
from atomsmith.fitting.solvers.standard_form import StandardForm, inverse_triangle, square_triangle
from atomsmith.systems import BoolArray, FloatArray

# Above this condition of the scaled precision its Cholesky factor (half the digits) gives way to QR.
_CHOLESKY_LIMIT = 1.0e10
# Share determined by the data below which a falling coefficient is dropped before the rest has settled.
_VANISHING = 1.0e-3


@dataclass(frozen=True, eq=False)
class _Step:
    """Posterior of the kept x at given precisions: what one update needs.

    ``x`` (k,), ``determined`` gamma_j = 1 - alpha_j Sigma_jj (k,), ``residual`` sum of squares,
    ``log_evidence``.
    """

    x: FloatArray
    determined: FloatArray
    residual: float
    log_evidence: float


@dataclass(frozen=True, eq=False)
class _NormalEquations:
    """A standard form with R^T R and R^T z, and the sum of squares that the noise floor adds."""

    form: StandardForm
    gram: FloatArray
    projected: FloatArray
    floor: float

    def step(self, kept: NDArray[np.int64], alpha: FloatArray, beta: float) -> _Step:
        """Posterior of the kept coefficients at precisions ``alpha`` (k,) and ``beta``.

        Worked out in alpha^(1/2) x, whose precision is I + K with K = beta alpha^(-1/2) R^T R alpha^(-1/2).
        """
        scale = np.sqrt(beta / alpha)
        if float((np.diag(self.gram)[kept] * scale**2).sum()) < _CHOLESKY_LIMIT:
            triangle, target = self._by_cholesky(kept, scale)
        else:
            triangle, target = self._by_qr(kept, scale)
        inverse = inverse_triangle(triangle)
        x = scale * (inverse @ target)
        full = np.zeros(self.form.size)
        full[kept] = x
        residual = self.form.residual(full)
        log_evidence = (
            0.5 * self.form.rows * np.log(beta / (2.0 * np.pi))
            - np.log(np.abs(np.diag(triangle))).sum()
            - 0.5 * beta * (residual + self.floor)
            - 0.5 * float(alpha @ x**2)
            - self.form.log_volume
        )
        determined = np.clip(1.0 - np.square(inverse).sum(axis=1), 0.0, 1.0)
        return _Step(x, determined, residual, float(log_evidence))

    def _by_cholesky(self, kept: NDArray[np.int64], scale: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Upper T with T^T T = I + K, and T^-T of the right-hand side."""
        if len(kept) == 0:
            return np.zeros((0, 0)), np.zeros(0)
        scaled = self.gram[np.ix_(kept, kept)] * scale * scale[:, None]
        scaled[np.diag_indices(len(kept))] += 1.0
        triangle = cholesky(scaled, overwrite_a=True, check_finite=False)
        target = solve_triangular(triangle, scale * self.projected[kept], trans="T", check_finite=False)
        return triangle, target

    def _by_qr(self, kept: NDArray[np.int64], scale: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Do the same without squaring the condition number."""
        p, k = self.form.size, len(kept)
        stacked = np.zeros((p + k, k + 1), order="F")
        stacked[:p, :k] = self.form.r[:, kept] * scale
        stacked[:p, k] = self.form.z
        stacked[p + np.arange(k), np.arange(k)] = 1.0
        triangle = square_triangle(stacked, k + 1)
        return triangle[:k, :k], triangle[:k, k]


def maximise_evidence(
    form: StandardForm,
    groups: NDArray[np.int64],
    start: Hyperparameters,
    *,
    noise_floor: float,
    threshold: float,
    max_iterations: int,
    tolerance: float,
) -> Hyperparameters:
    """Iterate alpha_g = gamma_g / sum_g x^2, beta = (M - gamma) / |r|^2 (Tipping 2001, eqs. 16 and 18).

    Parameters
    ----------
    form
        The problem, with p penalised coefficients and M degrees of freedom.
    groups
        Group of each coefficient, shape (p,).
    start
        Precisions to start from.
    noise_floor
        Noise of the labels in weighted units.
    threshold
        Coefficients with gamma_j below this are dropped, once the others have settled; 0 drops none.
    max_iterations, tolerance
        Stop after so many iterations, or once none is dropped and the log evidence changes by less.

    Returns
    -------
    hyperparameters
        With infinite alpha for dropped coefficients.
    """
    normal = _NormalEquations(form, form.r.T @ form.r, form.r.T @ form.z, form.floor(noise_floor))
    kept = np.flatnonzero(np.isfinite(start.alpha))
    alpha, beta = start.alpha[kept], start.beta
    evidence, converged, iterations = -np.inf, False, 0
    step = normal.step(kept, alpha, beta)
    while iterations < max_iterations and not converged:
        iterations += 1
        dropped = _vanishing(step, alpha) & (threshold > 0.0)
        if not dropped.any() and abs(step.log_evidence - evidence) < tolerance:
            dropped = _weakest(step, threshold)
            converged = not dropped.any()
        evidence = step.log_evidence
        alpha = _group_precisions(groups[kept], step, alpha)[~dropped]
        beta = max(form.rows - step.determined.sum(), 1.0e-3) / (step.residual + normal.floor)
        kept = kept[~dropped]
        step = normal.step(kept, alpha, beta)
    result = np.full(form.size, np.inf)
    result[kept] = alpha
    effective = float(step.determined.sum()) + len(form.free)
    return Hyperparameters(result, float(beta), step.log_evidence, effective, iterations, converged)


def _vanishing(step: _Step, alpha: FloatArray) -> BoolArray:
    """Coefficients on their way to infinite precision.

    With gamma small, alpha x^2 below gamma (1 - gamma) means that q^2 < s: the evidence rises monotonically
    up to infinite alpha (Faul and Tipping, AISTATS 2003, eq. 21).
    """
    gamma = step.determined
    vanishing: BoolArray = (gamma < _VANISHING) & (alpha * step.x**2 <= gamma * (1.0 - gamma))
    return vanishing


def _weakest(step: _Step, threshold: float) -> BoolArray:
    """The weaker half (at least one) of the coefficients below the threshold.

    Not all at once: of two that stand for one another, the second gains once the first is gone.
    """
    weak = np.flatnonzero(step.determined < threshold)
    chosen = np.zeros(len(step.determined), dtype=np.bool_)
    chosen[weak[np.argsort(step.determined[weak], kind="stable")[: (len(weak) + 1) // 2]]] = True
    return chosen


def _group_precisions(groups: NDArray[np.int64], step: _Step, alpha: FloatArray) -> FloatArray:
    """Precision of each coefficient from the sums over its group."""
    _, member = np.unique(groups, return_inverse=True)
    determined = np.bincount(member, step.determined)
    size = np.bincount(member, step.x**2)
    # A coefficient that shrinks to nothing takes its precision along by at most 1e3 an iteration.
    largest = 1.0e3 * np.bincount(member, alpha) / np.bincount(member)
    updated = np.minimum(determined / np.maximum(size, np.finfo(np.float64).tiny), largest)
    precisions: FloatArray = np.where(
        updated > 0.0, updated, np.bincount(member, alpha) / np.bincount(member)
    )[member]
    return precisions
