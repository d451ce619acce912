"""Automatic relevance determination: a prior precision for each coefficient, irrelevant ones dropped."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from atomsmith.fitting.solvers.evidence import bayesian_ridge
from atomsmith.fitting.solvers.hyperparameters import Hyperparameters, SolverSettings
from atomsmith.fitting.solvers.relevance import maximise_evidence
from atomsmith.fitting.solvers.standard_form import StandardForm


class ARD(SolverSettings):
    """Automatic relevance determination (Tipping, J. Mach. Learn. Res. 1, 211 (2001)).

    The prior's penalties cancel (each coefficient finds its own precision) and only shape the start.
    """

    kind: Literal["ard"] = Field(default="ard", description="Name of the solver.")
    threshold: float = Field(
        default=0.01,
        gt=0.0,
        lt=1.0,
        description="A feature is dropped if the data determine less than this share of its coefficient "
        "(gamma_j = 1 - alpha_j Sigma_jj). Small values leave sparsity to the evidence, which keeps what "
        "exceeds one standard error; 0.5 asks for 1.4, 0.75 for 2 standard errors: a sparser potential.",
    )
    max_iterations: int = Field(default=300, ge=1, description="Most iterations.")
    tolerance: float = Field(
        default=1.0e-2,
        gt=0.0,
        description="Change of the log evidence (nats) in an iteration at which it has converged.",
    )


def solve_ard(form: StandardForm, settings: ARD) -> Hyperparameters:
    """Maximise the evidence over the noise and all prior precisions, from the Bayesian ridge solution."""
    start = bayesian_ridge(form, settings.noise_floor)
    return maximise_evidence(
        form,
        np.arange(form.size),
        start,
        noise_floor=settings.noise_floor,
        threshold=settings.threshold,
        max_iterations=settings.max_iterations,
        tolerance=settings.tolerance,
    )
