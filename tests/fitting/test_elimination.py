"""Backward elimination: what it leaves, against conditioning one by one and against the true support."""

import numpy as np
import pytest

from atomsmith.fitting import Elimination, Evidence, Prior, solve
from atomsmith.fitting.solvers.elimination import PANEL, eliminate

from .conftest import Problem, make_problem


def one_by_one(mean, covariance, count):
    """Refit without each coefficient in turn; the one that costs least goes."""
    precision = np.linalg.inv(covariance)
    target = precision @ mean
    kept = list(range(len(mean)))

    def gain(indices):
        return target[indices] @ np.linalg.solve(precision[np.ix_(indices, indices)], target[indices])

    while len(kept) > count:
        kept.remove(max(kept, key=lambda j: gain([k for k in kept if k != j])))
    return kept


@pytest.mark.parametrize("count", [1, 7, 20])
def test_each_step_leaves_out_what_costs_least(count: int) -> None:
    rng = np.random.default_rng(count)
    root = rng.standard_normal((20, 30))
    covariance = np.linalg.inv(root @ root.T)
    mean = rng.standard_normal(20)
    assert list(eliminate(mean, covariance, count)) == one_by_one(mean, covariance, count)


def test_panels_change_nothing() -> None:
    """More than two panels, against one elimination at a time."""
    rng = np.random.default_rng(3)
    root = rng.standard_normal((3 * PANEL, 4 * PANEL))
    covariance, mean = np.linalg.inv(root @ root.T), rng.standard_normal(3 * PANEL)
    kept, x, sigma = np.arange(len(mean)), mean, covariance
    while len(kept) > 10:
        chosen = eliminate(x, sigma, len(kept) - 1)
        (gone,) = set(range(len(kept))) - set(chosen)
        conditional = sigma - np.outer(sigma[:, gone], sigma[gone]) / sigma[gone, gone]
        x = (x - sigma[:, gone] * x[gone] / sigma[gone, gone])[chosen]
        sigma, kept = conditional[np.ix_(chosen, chosen)], kept[chosen]
    np.testing.assert_array_equal(eliminate(mean, covariance, 10), kept)


def test_the_true_functions_are_found_and_fitted_as_if_alone() -> None:
    problem = make_problem(400, 60, sparse=6, noise=0.01)
    found = solve(problem.factor, settings=Elimination(functions=6))
    support = np.flatnonzero(problem.c)
    assert set(found.posterior.kept) == set(support)
    assert np.isinf(np.delete(found.alpha, support)).all()
    alone = solve(problem.factor.restrict(support), settings=Evidence())
    np.testing.assert_allclose(found.coefficients[support], alone.coefficients, rtol=1e-8)
    np.testing.assert_allclose(found.beta, alone.beta, rtol=1e-8)
    np.testing.assert_allclose(
        found.posterior.covariance()[np.ix_(support, support)], alone.posterior.covariance()
    )


def test_free_coefficients_stay(problem: Problem) -> None:
    prior = Prior.create(np.ones(15), free=[0, 3], held=[7])
    found = solve(problem.factor, prior, Elimination(functions=4))
    assert {0, 3} <= set(found.posterior.kept)
    assert len(found.posterior.kept) == 6
    assert found.coefficients[7] == 0.0


def test_no_more_functions_than_wanted_is_the_plain_fit(problem: Problem) -> None:
    sparse = solve(problem.factor, settings=Elimination(functions=15))
    assert np.array_equal(sparse.coefficients, solve(problem.factor, settings=Evidence()).coefficients)


def test_rank_deficient_columns_can_be_eliminated() -> None:
    """Two copies of every column: one of each pair is enough."""
    problem = make_problem(200, 12)
    doubled = Problem(np.hstack([problem.A, problem.A]), problem.y, np.tile(problem.c, 2))
    found = solve(doubled.factor, settings=Elimination(functions=12))
    assert sorted(k % 12 for k in found.posterior.kept) == list(range(12))
