"""How sure the posterior may be, judged by groups of rows left out."""

import numpy as np
import pytest

from atomsmith.fitting import TriangularFactor
from atomsmith.fitting.held_out import held_out_scale
from atomsmith.fitting.solvers.prior import Prior
from atomsmith.fitting.solvers.registry import solve

N, FREE, NOISE = 12, 3, 0.1


def groups_of(seed, *, alone=None):
    """Five groups of noisy rows; of the free column ``alone`` only one row of the last group has anything."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=N)
    found = []
    for group in range(5):
        rows = rng.normal(size=(30, N))
        if alone is not None:
            rows[:, alone] = 0.0
            rows[0, alone] = 30.0 * (group == 4)
        factor = TriangularFactor(N)
        factor.fold(rows, rows @ truth + NOISE * rng.normal(size=30))
        found.append(factor)
    return found


def scale_of(groups):
    prior = Prior.create(np.ones(N), free=list(range(FREE)))
    merged = groups[0].copy()
    for group in groups[1:]:
        merged.merge(group)
    return held_out_scale(groups, prior, solve(merged, prior))


def test_errors_against_variances_of_each_group_left_out():
    groups = groups_of(0)
    prior = Prior.create(np.ones(N), free=list(range(FREE)))
    merged = groups[0].copy()
    for group in groups[1:]:
        merged.merge(group)
    solution = solve(merged, prior)
    alpha = np.where(np.arange(N) < FREE, 0.0, solution.alpha)
    errors = variances = 0.0
    for k, group in enumerate(groups):
        others = [other for j, other in enumerate(groups) if j != k]
        gram = sum(other.r.T @ other.r for other in others)
        precision = solution.beta * gram + np.diag(alpha)
        mean = np.linalg.solve(precision, solution.beta * sum(other.r.T @ other.qty for other in others))
        errors += group.predicted_sum_of_squares(mean)
        variances += np.trace(group.r @ np.linalg.solve(precision, group.r.T))
    scale, unseen = scale_of(groups)
    assert scale == pytest.approx(np.sqrt(errors / variances), rel=1e-9)
    assert unseen == pytest.approx(np.sqrt(errors / 150), rel=1e-9)


@pytest.mark.parametrize("alone", [0, 2, 7])
def test_what_one_group_alone_determines_is_not_judged(alone):
    # An element that one configuration holds: its reference energy is no prediction of the others.
    groups = groups_of(1, alone=alone)
    scale, unseen = scale_of(groups)
    without = [group.restrict([k for k in range(N) if k != alone]) for group in groups]
    assert 0.5 < scale_of(groups_of(1))[0] / scale < 2.0
    assert unseen < 2.0 * np.sqrt(without[0].residual_sum_of_squares / 30) + 2.0 * NOISE
