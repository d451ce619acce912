"""Ridge through the singular values: residual, effective parameters and evidence for every strength."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh, svd

from atomsmith.fitting.solvers.standard_form import StandardForm
from atomsmith.systems import FloatArray

_NOTHING = 1.0e-200
"""Squared singular value of columns that are zero but for rounding; such strengths would underflow."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Standard form R = U S V^T; ridge x(lam) = argmin |R x - z|^2 + lam |x|^2, lam = alpha / beta.

    All methods take lam as an array of shape (m,) and return shape (m,).

    Attributes
    ----------
    s2
        Squared singular values, shape (p,), descending.
    z2
        Squares of U^T z, shape (p,).
    rss
        Residual sum of squares that no coefficients lower.
    rows
        Degrees of freedom M of the restricted likelihood.
    floor
        Sum of squares that the noise floor adds to every residual, see `StandardForm.floor`.
    log_volume
        Share of the free coefficients in the evidence.
    """

    s2: FloatArray
    z2: FloatArray
    rss: float
    rows: int
    floor: float
    log_volume: float

    @classmethod
    def build(cls, form: StandardForm, noise_floor: float) -> Spectrum:
        """Decompose a standard form."""
        if form.size == 0:
            s, z = np.zeros(0), np.zeros(0)
        else:
            u, s, _ = svd(form.r, check_finite=False)
            z = u.T @ form.z
        return cls(s**2, z**2, form.rss, form.rows, form.floor(noise_floor), form.log_volume)

    @classmethod
    def of_gram(cls, form: StandardForm, noise_floor: float) -> Spectrum:
        """Decompose R R^T: good to half the digits, and several times faster for thousands of functions.

        Singular values below 1e-7 of the largest are lost in rounding and taken to be that.
        """
        s2, u = eigh(form.r @ form.r.T, check_finite=False)
        lowest = 1.0e-14 * max(float(s2[-1]), np.finfo(np.float64).tiny)
        z2 = (u.T @ form.z) ** 2
        return cls(
            np.maximum(s2, lowest)[::-1],
            z2[::-1],
            form.rss,
            form.rows,
            form.floor(noise_floor),
            form.log_volume,
        )

    @property
    def scale(self) -> float:
        """Largest squared singular value: the unit of relative strengths; 1 where it is next to nothing."""
        return float(self.s2[0]) if len(self.s2) and self.s2[0] > _NOTHING else 1.0

    def strengths(self, n: int = 241) -> FloatArray:
        """Grid of lam from where rounding decides to where nothing is left of the data."""
        return self.scale * np.logspace(-24.0, 6.0, n)

    def shrinkage(self, lam: FloatArray) -> FloatArray:
        """Part lam / (s^2 + lam) of each singular direction that the prior decides, shape (m, p)."""
        shrink: FloatArray = lam[:, None] / (self.s2 + lam[:, None])
        return shrink

    def residual(self, lam: FloatArray) -> FloatArray:
        """Residual sum of squares."""
        total: FloatArray = self.rss + self.shrinkage(lam) ** 2 @ self.z2
        return total

    def objective(self, lam: FloatArray) -> FloatArray:
        """Minimum of the residual plus lam |x|^2."""
        total: FloatArray = self.rss + self.shrinkage(lam) @ self.z2
        return total

    def effective(self, lam: FloatArray) -> FloatArray:
        """Effective number of penalised parameters, sum of s^2 / (s^2 + lam)."""
        total: FloatArray = (self.s2 / (self.s2 + lam[:, None])).sum(axis=1)
        return total

    def beta(self, lam: FloatArray) -> FloatArray:
        """Most probable noise precision for each strength."""
        total: FloatArray = self.rows / (self.objective(lam) + self.floor)
        return total

    def log_evidence(self, lam: FloatArray) -> FloatArray:
        """Log restricted marginal likelihood, with the noise precision at its best for each lam.

        MacKay, Neural Comput. 4, 415 (1992), with beta eliminated: M / 2 log(beta / 2 pi) - M / 2
        + 1 / 2 sum log(lam / (s^2 + lam)) - log |det R_uu|.
        """
        beta = self.beta(lam)
        fit = 0.5 * self.rows * (np.log(beta / (2.0 * np.pi)) - 1.0)
        occam = 0.5 * np.log(self.shrinkage(lam)).sum(axis=1)
        total: FloatArray = fit + occam - self.log_volume
        return total

    def log_evidence_slope(self, lam: FloatArray) -> FloatArray:
        """Derivative of `log_evidence` with respect to log lam."""
        shrink = self.shrinkage(lam)
        growth = (shrink * (1.0 - shrink)) @ self.z2
        slope: FloatArray = 0.5 * self.effective(lam) - 0.5 * self.beta(lam) * growth
        return slope

    def cross_validation(self, lam: FloatArray) -> FloatArray:
        """Generalised cross-validation score M |r|^2 / (M - gamma)^2.

        Golub, Heath and Wahba, Technometrics 21, 215 (1979), eq. 1.4, of the projected problem.
        """
        freedom = np.maximum(self.rows - self.effective(lam), 1.0e-9)
        score: FloatArray = self.rows * (self.residual(lam) + self.floor) / freedom**2
        return score
