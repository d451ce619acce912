"""How sure the posterior may be: its standard deviation against errors on configurations it has not seen.

Counting the rows of a configuration as independent makes evidence too sure of the coefficients: what the
basis cannot express looks like noise that averages out, and it does not. So the data are folded in groups;
each group is predicted from all others, and the ratio of its squared errors to the predicted variances,
both summed over all weighted rows, is the factor by which variances are too small. A triangular factor of
each group is enough: with R of a group, the sum of its variances is |R L|^2, and |A c - y|^2 follows from R
and Q^T y.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from atomsmith.fitting.rows.factor import TriangularFactor, leave_one_out
from atomsmith.fitting.solvers.prior import Prior
from atomsmith.fitting.solvers.registry import Solution
from atomsmith.fitting.solvers.standard_form import StandardForm

GROUPS = 5
LARGEST = 1000.0
"""Bounds of the factor, against data sets that one group alone describes."""


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
        squared_errors += group.predicted_sum_of_squares(posterior.mean)
        variances += float(np.square(group.r[:, posterior.kept] @ posterior.factor).sum())
        rows += group.n_rows
    if variances <= 0.0:
        return 1.0, float(np.sqrt(squared_errors / rows))
    scale = float(np.clip(np.sqrt(squared_errors / variances), 1.0 / LARGEST, LARGEST))
    return scale, float(np.sqrt(squared_errors / rows))
