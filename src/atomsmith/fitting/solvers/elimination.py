"""Sparse fits of a given size: the functions of a larger basis that matter least are left out one by one."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer
from scipy.linalg import blas

from atomsmith.fitting.solvers.evidence import Evidence, most_evident, solve_evidence
from atomsmith.fitting.solvers.hyperparameters import Hyperparameters, SolverSettings
from atomsmith.fitting.solvers.ridge import at_strength
from atomsmith.fitting.solvers.spectrum import Spectrum
from atomsmith.fitting.solvers.standard_form import StandardForm
from atomsmith.systems import FloatArray

PANEL = 48
"""Eliminations after which the covariance is brought up to date, by one product of matrices."""


class Elimination(SolverSettings):
    """Bayesian ridge of all functions, then of the most significant ones.

    The function whose loss costs the posterior least goes first, and the posterior of the others is
    conditioned on its coefficient being zero, until as many are left as wanted (backward elimination; the
    measure is that of the optimal brain surgeon, Hassibi and Stork, NIPS 5, 164 (1992)). Several hundred
    functions chosen from a few thousand describe data as well as two to four times as many that a largest
    degree chooses (docs/accuracy.md), and cost as much less.
    """

    kind: Literal["elimination"] = Field(default="elimination", description="Name of the solver.")
    functions: int | None = Field(
        default=None,
        ge=1,
        description="Functions that are left, reference energies not counted. By default as many as the data "
        "warrant where an ace leaves its degree to them, chosen from a basis twice as large; where degrees "
        "are given, all.",
    )
    strength: float | None = Field(
        default=None,
        gt=0.0,
        description="Strength of the prior, as a ratio to the mean squared norm of the columns of the "
        "weighted design matrix. By default that of the highest evidence or, in fits to less than five rows "
        "for each function to choose from, that of the smallest errors on configurations left out.",
    )

    @model_serializer(mode="wrap")
    def _without_open_strength(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out a strength that is open: settings are what they were before it was a key."""
        values: dict[str, Any] = handler(self)
        return {key: value for key, value in values.items() if key != "strength" or value is not None}


def solve_elimination(form: StandardForm, settings: Elimination) -> Hyperparameters:
    """Precisions of the functions that are left, at the maximum of their evidence; infinite for others."""
    lam = None if settings.strength is None else settings.strength * form.unit
    if settings.functions is None or form.size <= settings.functions:
        if lam is None:
            return solve_evidence(form, Evidence(noise_floor=settings.noise_floor))
        return _ridge(form, Spectrum.build(form, settings.noise_floor), lam)
    # What goes first hardly depends on the strength: half the digits of the spectrum are enough for it.
    start = _ridge(form, Spectrum.of_gram(form, settings.noise_floor), lam)
    posterior = form.standard_posterior(start.alpha, start.beta)
    kept = eliminate(*posterior, settings.functions)
    restricted = form.restricted(kept)
    smaller = _ridge(restricted, Spectrum.build(restricted, settings.noise_floor), lam)
    alpha = np.full(form.size, np.inf)
    alpha[kept] = smaller.alpha
    return Hyperparameters(
        alpha=alpha,
        beta=smaller.beta,
        log_evidence=smaller.log_evidence,
        effective=smaller.effective,
        iterations=start.iterations + form.size - settings.functions + smaller.iterations,
        converged=True,
    )


def _ridge(form: StandardForm, spectrum: Spectrum, lam: float | None) -> Hyperparameters:
    """Precisions of Bayesian ridge with the ratio lam = alpha / beta, or that of the highest evidence."""
    return most_evident(form, spectrum) if lam is None else at_strength(form, spectrum, lam, 1)


def eliminate(mean: FloatArray, covariance: FloatArray, count: int) -> NDArray[np.int64]:
    """Coefficients of a Gaussian that are left when the least significant is held at zero again and again.

    Holding x_j at zero lowers the log density at the best values of the others by x_j^2 / (2 Sigma_jj); x and
    Sigma are then those of the conditional Gaussian.

    Parameters
    ----------
    mean, covariance
        Of the Gaussian, shapes (p,) and (p, p).
    count
        How many to leave.

    Returns
    -------
    kept
        Indices in rising order, shape (min(p, count),).
    """
    kept = np.arange(len(mean))
    x, sigma = mean.copy(), covariance
    while len(kept) > count:
        steps = min(PANEL, len(kept) - count)
        panel = np.zeros((len(kept), steps), order="F")
        variance, alive = np.diag(sigma).copy(), np.ones(len(kept), dtype=np.bool_)
        for step in range(steps):
            # Rounding may leave next to nothing of a variance: such a coefficient follows from the others.
            cost = np.where(alive, x**2 / np.maximum(variance, np.finfo(np.float64).tiny), np.inf)
            j = int(np.argmin(cost))
            column = sigma[:, j] - panel[:, :step] @ panel[j, :step]
            column /= np.sqrt(max(column[j], np.finfo(np.float64).tiny))
            panel[:, step] = column
            x -= column * (x[j] / column[j])
            variance -= column**2
            alive[j] = False
        rest = np.flatnonzero(alive)
        updated = np.asfortranarray(sigma[np.ix_(rest, rest)])
        sigma = blas.dgemm(-1.0, panel[rest], panel[rest], 1.0, updated, trans_b=True, overwrite_c=True)
        x, kept = x[rest], kept[rest]
    return kept
