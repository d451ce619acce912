"""Solvers on the triangular factor: one registry, one entry point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from atomsmith.fitting.rows.factor import TriangularFactor
from atomsmith.fitting.solvers.ard import ARD, solve_ard
from atomsmith.fitting.solvers.elimination import Elimination, solve_elimination
from atomsmith.fitting.solvers.evidence import Evidence, solve_evidence
from atomsmith.fitting.solvers.hyperparameters import Hyperparameters
from atomsmith.fitting.solvers.posterior import Posterior
from atomsmith.fitting.solvers.prior import Prior
from atomsmith.fitting.solvers.ridge import Ridge, solve_ridge
from atomsmith.fitting.solvers.standard_form import StandardForm
from atomsmith.systems import FloatArray

__all__ = ["ARD", "SOLVERS", "Elimination", "Evidence", "Ridge", "Solution", "Solver", "solve"]

Solver = Annotated[Ridge | Evidence | ARD | Elimination, Field(discriminator="kind")]
"""Settings of any solver, told apart by ``kind``."""

SOLVERS: dict[str, Callable[[StandardForm, Any], Hyperparameters]] = {
    "ridge": solve_ridge,
    "evidence": solve_evidence,
    "ard": solve_ard,
    "elimination": solve_elimination,
}
"""Name of a solver to the function that finds its precisions."""


@dataclass(frozen=True, eq=False)
class Solution:
    """A fit.

    Attributes
    ----------
    posterior
        Coefficients and their uncertainty.
    alpha
        Prior precision of each coefficient, shape (n,): 0 where free, infinite where held or dropped.
    beta
        Noise precision of the weighted rows.
    log_evidence
        Log marginal likelihood of the weighted rows: comparable between priors, solvers and nested bases
        with the same free coefficients, on the same rows and weights.
    effective_parameters
        Number of coefficients that the data determine.
    n_rows
        Rows of data.
    residual_sum_of_squares
        Weighted |A c - y|^2 over all rows.
    iterations, converged
        How the solver ended.
    """

    posterior: Posterior
    alpha: FloatArray
    beta: float
    log_evidence: float
    effective_parameters: float
    n_rows: int
    residual_sum_of_squares: float
    iterations: int
    converged: bool

    @property
    def coefficients(self) -> FloatArray:
        """Posterior mean, shape (n,)."""
        return self.posterior.mean

    @property
    def weighted_rmse(self) -> float:
        """Root mean square of the weighted residuals."""
        return float(np.sqrt(self.residual_sum_of_squares / self.n_rows))

    def to_dict(self) -> dict[str, Any]:
        """Numbers of the fit for reports, without the posterior."""
        return {
            "n_features": self.posterior.n_features,
            "n_kept": len(self.posterior.kept),
            "n_rows": self.n_rows,
            "noise_precision": self.beta,
            "log_evidence": self.log_evidence,
            "effective_parameters": self.effective_parameters,
            "weighted_rmse": self.weighted_rmse,
            "iterations": self.iterations,
            "converged": self.converged,
        }


def solve(factor: TriangularFactor, prior: Prior | None = None, settings: Solver | None = None) -> Solution:
    """Fit coefficients and their posterior from a triangular factor alone.

    Parameters
    ----------
    factor
        Weighted rows of all data.
    prior
        Penalties, free and held coefficients; `Prior.flat` when None.
    settings
        Which solver; `Evidence` when None.

    Raises
    ------
    InputError
        Where prior and factor differ in size, or where there are fewer rows than free coefficients.
    """
    settings = Evidence() if settings is None else settings
    prior = Prior.flat(factor.n_features) if prior is None else prior
    form = StandardForm.build(factor, prior)
    found = SOLVERS[settings.kind](form, settings)
    posterior = form.posterior(found.alpha, found.beta)
    alpha = np.where(prior.penalty == 0.0, 0.0, np.inf)
    alpha[form.penalised] = found.alpha * prior.penalty[form.penalised] ** 2
    return Solution(
        posterior=posterior,
        alpha=alpha,
        beta=found.beta,
        log_evidence=found.log_evidence,
        effective_parameters=found.effective,
        n_rows=factor.n_rows,
        residual_sum_of_squares=factor.predicted_sum_of_squares(posterior.mean),
        iterations=found.iterations,
        converged=found.converged,
    )
