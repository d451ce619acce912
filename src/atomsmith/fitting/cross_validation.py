"""Leave-group-out cross-validation from stored factors, without a second pass over the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from atomsmith.errors import InputError
from atomsmith.fitting.rows.blas import single_threaded
from atomsmith.fitting.rows.factor import TriangularFactor, leave_one_out
from atomsmith.fitting.rows.factor_set import FactorSet, KindErrors
from atomsmith.fitting.solvers.prior import Prior
from atomsmith.fitting.solvers.registry import Solution, Solver, solve
from atomsmith.fitting.weights import KindWeights
from atomsmith.systems import FloatArray


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """Fits that each leave one fold out.

    Attributes
    ----------
    solutions
        One for each fold, fitted to all others.
    weighted_rmse
        Root mean square weighted residual on the fold that was left out, shape (folds,).
    rows
        Rows of each fold, shape (folds,).
    """

    solutions: tuple[Solution, ...]
    weighted_rmse: FloatArray
    rows: FloatArray

    @property
    def score(self) -> float:
        """Root mean square weighted residual over all rows, each predicted by a fit that did not see it."""
        return float(np.sqrt(np.average(self.weighted_rmse**2, weights=self.rows)))


def leave_group_out(
    folds: Sequence[TriangularFactor],
    prior: Prior | None = None,
    settings: Solver | None = None,
) -> CrossValidation:
    """Cross-validate over folds given as factors; rows of one configuration belong in one fold.

    Raises
    ------
    InputError
        Where there are fewer than two folds, or one is empty.
    """
    if len(folds) < 2 or any(fold.n_rows == 0 for fold in folds):
        raise InputError(
            f"Cross-validation needs at least two folds with rows each, found {len(folds)} folds."
        )
    solutions = [solve(training, prior, settings) for training in leave_one_out(folds)]
    deviations = [
        np.sqrt(fold.predicted_sum_of_squares(solution.coefficients) / fold.n_rows)
        for fold, solution in zip(folds, solutions, strict=True)
    ]
    rows = np.array([fold.n_rows for fold in folds], dtype=np.float64)
    return CrossValidation(tuple(solutions), np.array(deviations), rows)


@single_threaded()
def cross_validate(
    factors: FactorSet,
    weights: KindWeights,
    prior: Prior | None = None,
    settings: Solver | None = None,
) -> tuple[CrossValidation, KindErrors]:
    """Predict each group of a set of factors from all others, with any weights, prior and solver.

    Returns
    -------
    fits
        One for each group that has rows.
    errors
        Root mean square errors of energies, forces and stresses held out, also of kinds without a weight.

    Raises
    ------
    InputError
        Where fewer than two groups have rows.
    """
    groups = factors.by_group(weights)
    fits = leave_group_out(list(groups.values()), prior, settings)
    coefficients = {k: s.coefficients for k, s in zip(groups, fits.solutions, strict=True)}
    return fits, factors.held_out_errors(coefficients)
