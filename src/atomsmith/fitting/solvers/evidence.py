"""Bayesian ridge regression: strength and noise by maximisation of the evidence."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field
from scipy.optimize import brentq

from atomsmith.fitting.solvers.hyperparameters import Hyperparameters, SolverSettings
from atomsmith.fitting.solvers.relevance import maximise_evidence
from atomsmith.fitting.solvers.ridge import at_strength
from atomsmith.fitting.solvers.spectrum import Spectrum
from atomsmith.fitting.solvers.standard_form import StandardForm


class Evidence(SolverSettings):
    """Bayesian ridge: prior and noise precision at the maximum of the evidence (MacKay 1992).

    With one group the maximum is found along the strength alpha / beta alone, as beta then follows in closed
    form. With several groups in the prior, each has a precision of its own (fixed-point iteration).
    """

    kind: Literal["evidence"] = Field(default="evidence", description="Name of the solver.")
    max_iterations: int = Field(
        default=500, ge=1, description="Most iterations, where the prior has several groups."
    )
    tolerance: float = Field(
        default=1.0e-4,
        gt=0.0,
        description="Change of the log evidence (nats) in an iteration at which groups have converged.",
    )


def solve_evidence(form: StandardForm, settings: Evidence) -> Hyperparameters:
    """Maximise the evidence over the noise and one prior precision, or one for each group."""
    start = bayesian_ridge(form, settings.noise_floor)
    groups = form.groups
    if len(np.unique(groups)) < 2:
        return start
    return maximise_evidence(
        form,
        groups,
        start,
        noise_floor=settings.noise_floor,
        threshold=0.0,
        max_iterations=settings.max_iterations,
        tolerance=settings.tolerance,
    )


def bayesian_ridge(form: StandardForm, noise_floor: float) -> Hyperparameters:
    """Maximise the evidence over the noise and one prior precision."""
    return most_evident(form, Spectrum.build(form, noise_floor))


def most_evident(form: StandardForm, spectrum: Spectrum) -> Hyperparameters:
    """Maximum of the evidence of a standard form from its spectrum."""
    return at_strength(form, spectrum, *_maximum_of_evidence(spectrum))


def _maximum_of_evidence(spectrum: Spectrum) -> tuple[float, int]:
    """Strength of the highest evidence: the best of a grid, then the zero of the slope beside it."""
    grid = spectrum.strengths()
    best = int(np.argmax(spectrum.log_evidence(grid)))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    slopes = spectrum.log_evidence_slope(np.array([low, high]))
    if not slopes[0] > 0.0 > slopes[1]:
        return float(grid[best]), len(grid)
    root, report = brentq(
        lambda t: float(spectrum.log_evidence_slope(np.exp(np.array([t])))[0]),
        np.log(low),
        np.log(high),
        xtol=1.0e-13,
        full_output=True,
    )
    return float(np.exp(root)), int(report.iterations)
