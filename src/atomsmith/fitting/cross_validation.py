"""Leave-group-out cross-validation from stored factors, without a second pass over the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from atomsmith.errors import InputError
from atomsmith.fitting.ard import ARD
from atomsmith.fitting.evidence import Evidence
from atomsmith.fitting.factor import TriangularFactor
from atomsmith.fitting.prior import Prior
from atomsmith.fitting.ridge import Ridge
from atomsmith.fitting.solvers import Solution, solve
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
    settings: Ridge | Evidence | ARD | None = None,
) -> CrossValidation:
    """Cross-validate over folds given as factors; rows of one configuration belong in one fold.

    Each training factor is the merge of the other folds, from running merges of the folds before and after:
    3 F merges for F folds.

    Raises
    ------
    InputError
        Where there are fewer than two folds, or one is empty.
    """
    if len(folds) < 2 or any(fold.n_rows == 0 for fold in folds):
        raise InputError(
            f"Cross-validation needs at least two folds with rows each, found {len(folds)} folds."
        )
    after = [folds[-1].copy()]
    for fold in reversed(folds[1:-1]):
        merged = fold.copy()
        merged.merge(after[-1])
        after.append(merged)
    after.reverse()
    before: TriangularFactor | None = None
    solutions, deviations = [], []
    for index, fold in enumerate(folds):
        training = before.copy() if before is not None else after[index].copy()
        if before is not None and index < len(after):
            training.merge(after[index])
        solution = solve(training, prior, settings)
        solutions.append(solution)
        deviations.append(np.sqrt(fold.predicted_sum_of_squares(solution.coefficients) / fold.n_rows))
        if before is None:
            before = fold.copy()
        else:
            before.merge(fold)
    rows = np.array([fold.n_rows for fold in folds], dtype=np.float64)
    return CrossValidation(tuple(solutions), np.array(deviations), rows)
