"""How sure the posterior may be: its standard deviation against errors on configurations it has not seen.

Counting the rows of a configuration as independent makes evidence too sure of the coefficients: what the
basis cannot express looks like noise that averages out, and it does not. So the data are folded in groups;
each group is predicted from all others, and the ratio of its squared errors to the predicted variances,
both summed over all weighted rows, is the factor by which variances are too small. A triangular factor of
each group is enough: with R of a group, the sum of its variances is |R L|^2, and |A c - y|^2 follows from R
and Q^T y.

Coefficients that a group alone tells of (it holds the only configuration with an element, or the only one of
another composition) are no prediction of the others. What the group says of them counts neither as error nor
as variance, which would be that of the prior, or of nothing at all for reference energies, and outweigh all
other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from atomsmith.fitting.rows.factor import TriangularFactor, leave_one_out
from atomsmith.fitting.solvers.posterior import Posterior
from atomsmith.fitting.solvers.prior import Prior
from atomsmith.fitting.solvers.registry import Solution
from atomsmith.fitting.solvers.standard_form import StandardForm, left_open
from atomsmith.systems import FloatArray

GROUPS = 5
LARGEST = 1000.0
"""Bounds of the factor, against data sets that one group alone describes."""
SEEN = 1.0e-8
"""Size of a weighted row, relative to the largest, below which it is rounding."""


def held_out_scale(
    groups: Sequence[TriangularFactor],
    prior: Prior,
    solution: Solution,
    judged: Sequence[TriangularFactor] | None = None,
) -> tuple[float, float]:
    """Factor on standard deviations, and the root mean square weighted error of rows not seen.

    Hyperparameters stay those of the full fit; coefficients and covariance are found again for each group.

    Parameters
    ----------
    groups
        Factors of disjoint groups of configurations, at least two.
    prior, solution
        Of the fit to all of them.
    judged
        The rows by whose errors to judge, in the same groups; None: those fitted. A robust fit gives less
        weight to what it cannot follow, but its uncertainty is asked about all of it.
    """
    squared_errors = variances = 0.0
    rows = 0
    for group, rest in zip(judged or groups, leave_one_out(groups), strict=True):
        form = StandardForm.build(rest, prior)
        alpha = solution.alpha[form.penalised] / prior.penalty[form.penalised] ** 2
        posterior = form.posterior(alpha, solution.beta)
        squares, variance, count = _judged(group, posterior, left_open(rest, prior))
        squared_errors += squares
        variances += variance
        rows += count
    unseen = float(np.sqrt(squared_errors / max(rows, 1)))
    if variances <= 0.0:
        return 1.0, unseen
    return float(np.clip(np.sqrt(squared_errors / variances), 1.0 / LARGEST, LARGEST)), unseen


def _judged(group: TriangularFactor, posterior: Posterior, unknown: FloatArray) -> tuple[float, float, int]:
    """Squared errors and predicted variances of a group's rows, each summed, and their number.

    Changes of the coefficients that are ``unknown``, shape (n, k), are left out where the group sees them.
    """
    r = group.r
    spread = r[:, posterior.kept] @ posterior.factor
    columns = r @ unknown
    seen, sizes, _ = np.linalg.svd(columns[:, columns.any(axis=0)], full_matrices=False)
    seen = seen[:, sizes > SEEN * max(1.0, float(sizes.max(initial=0.0)))]
    if seen.shape[1] == 0:
        return group.predicted_sum_of_squares(posterior.mean), float(np.square(spread).sum()), group.n_rows
    left = r @ posterior.mean - group.qty
    left -= seen @ (seen.T @ left)
    spread -= seen @ (seen.T @ spread)
    squares = float(left @ left) + group.residual_sum_of_squares
    return squares, float(np.square(spread).sum()), group.n_rows - seen.shape[1]
