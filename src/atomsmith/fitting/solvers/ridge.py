"""Ridge regression with a given strength, or one chosen by generalised cross-validation."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from scipy.optimize import minimize_scalar

from atomsmith.fitting.solvers.hyperparameters import Hyperparameters, SolverSettings
from atomsmith.fitting.solvers.spectrum import Spectrum
from atomsmith.fitting.solvers.standard_form import StandardForm
from atomsmith.systems import FloatArray


class Ridge(SolverSettings):
    """Ridge regression: one strength for all coefficients, scaled by the prior's penalties."""

    kind: Literal["ridge"] = Field(default="ridge", description="Name of the solver.")
    strength: Annotated[float, Field(gt=0.0)] | Literal["gcv"] = Field(
        default="gcv",
        description="Ratio of the ridge to the largest squared singular value of the weighted, scaled design "
        "matrix, or `gcv`: the minimum of the generalised cross-validation score.",
    )


def solve_ridge(form: StandardForm, settings: Ridge) -> Hyperparameters:
    """Choose the strength; the noise precision is then the most probable one."""
    spectrum = Spectrum.build(form, settings.noise_floor)
    if settings.strength == "gcv":
        lam, iterations = _minimum_of_cross_validation(spectrum)
    else:
        lam, iterations = settings.strength * spectrum.scale, 1
    return at_strength(form, spectrum, lam, iterations)


def at_strength(form: StandardForm, spectrum: Spectrum, lam: float, iterations: int) -> Hyperparameters:
    """Precisions for one common strength lam = alpha / beta."""
    point = np.array([lam])
    beta = float(spectrum.beta(point)[0])
    return Hyperparameters(
        alpha=np.full(form.size, lam * beta),
        beta=beta,
        log_evidence=float(spectrum.log_evidence(point)[0]),
        effective=float(spectrum.effective(point)[0]) + len(form.free),
        iterations=iterations,
        converged=True,
    )


def _minimum_of_cross_validation(spectrum: Spectrum) -> tuple[float, int]:
    """Strength of the lowest score: the best of a grid, polished between its neighbours."""
    grid: FloatArray = spectrum.strengths()
    best = int(np.argmin(spectrum.cross_validation(grid)))
    low, high = np.log(grid[max(best - 1, 0)]), np.log(grid[min(best + 1, len(grid) - 1)])
    found = minimize_scalar(
        lambda t: float(spectrum.cross_validation(np.exp(np.array([t])))[0]),
        bounds=(low, high),
        method="bounded",
        options={"xatol": 1.0e-8},
    )
    return float(np.exp(found.x)), int(found.nfev)
