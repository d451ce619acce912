import json

import numpy as np
import pytest

from atomsmith.errors import InputError
from atomsmith.fitting import ARD, Evidence, Posterior, Prior, Ridge, TriangularFactor, calibrate, solve

from .conftest import Problem, make_problem


@pytest.fixture(params=[Ridge(), Evidence(), ARD(threshold=0.5)], ids=lambda s: s.kind)
def fitted(request, problem: Problem):
    return solve(problem.factor, Prior.create(np.linspace(1.0, 3.0, 15)), request.param)


def test_mean_and_std_are_the_dense_formulas(fitted, problem: Problem) -> None:
    kept = np.flatnonzero(np.isfinite(fitted.alpha))
    A = problem.A[:, kept]
    sigma = np.linalg.inv(fitted.beta * A.T @ A + np.diag(fitted.alpha[kept]))
    rows = np.random.default_rng(0).standard_normal((4, 7, 15))
    expected = np.sqrt(np.einsum("abi,ij,abj->ab", rows[..., kept], sigma, rows[..., kept]))
    np.testing.assert_allclose(fitted.posterior.std(rows), expected, rtol=1e-9)
    np.testing.assert_allclose(
        fitted.posterior.mean[kept], fitted.beta * sigma @ A.T @ problem.y, rtol=1e-8, atol=1e-12
    )
    dense = np.zeros((15, 15))
    dense[np.ix_(kept, kept)] = sigma
    np.testing.assert_allclose(fitted.posterior.covariance(), dense, rtol=1e-8, atol=1e-14)


def test_noise_adds_to_the_variance(fitted) -> None:
    rows, weights = np.eye(15)[:3], np.array([1.0, 2.0, 4.0])
    variance = fitted.posterior.std(rows) ** 2 + 1.0 / (fitted.beta * weights**2)
    np.testing.assert_allclose(fitted.posterior.std(rows, noise_weight=weights), np.sqrt(variance))


def test_scaling_multiplies_every_deviation(fitted) -> None:
    wider = fitted.posterior.scaled(3.0)
    rows = np.eye(15)
    np.testing.assert_allclose(wider.std(rows), 3.0 * fitted.posterior.std(rows))
    np.testing.assert_allclose(
        wider.std(rows, noise_weight=2.0), 3.0 * fitted.posterior.std(rows, noise_weight=2.0)
    )
    assert np.array_equal(wider.mean, fitted.posterior.mean)
    for factor in (0.0, np.inf):
        with pytest.raises(InputError, match="positive"):
            fitted.posterior.scaled(factor)


def test_posterior_of_a_well_specified_model_is_calibrated() -> None:
    """Over many data sets drawn from the prior, errors of predictions are as large as predicted."""
    rng = np.random.default_rng(2)
    sigma, error = [], []
    for _ in range(150):
        A, c, new = rng.standard_normal((60, 10)), rng.standard_normal(10), rng.standard_normal((20, 10))
        factor = TriangularFactor(10)
        factor.fold(A, A @ c + 0.3 * rng.standard_normal(60))
        posterior = solve(factor).posterior
        sigma.append(posterior.std(new))
        error.append(new @ (posterior.mean - c))
    found = calibrate(np.array(sigma), np.array(error))
    assert found.scale_factor == pytest.approx(1.0, abs=0.07)
    assert found.miscalibration_area < 0.03
    assert found.within_1_sigma == pytest.approx(0.683, abs=0.03)


def test_direction_is_the_gradient_of_std(fitted) -> None:
    rng = np.random.default_rng(1)
    b, step = rng.standard_normal((5, 15)), 1e-6 * rng.standard_normal((5, 15))
    numeric = (fitted.posterior.std(b + step) - fitted.posterior.std(b - step)) / 2.0
    analytic = (fitted.posterior.direction(b) * step).sum(axis=1)
    np.testing.assert_allclose(analytic, numeric, rtol=1e-6, atol=1e-14)
    assert np.array_equal(fitted.posterior.direction(np.zeros(15)), np.zeros(15))


def test_draws_have_the_covariance() -> None:
    posterior = solve(make_problem(30, 4).factor).posterior
    draws = posterior.draw(200_000, np.random.default_rng(0))
    scale = np.sqrt(np.diag(posterior.covariance()))
    np.testing.assert_allclose((draws.mean(axis=0) - posterior.mean) / scale, 0.0, atol=0.01)
    np.testing.assert_allclose(
        np.cov(draws.T) / np.outer(scale, scale), posterior.covariance() / np.outer(scale, scale), atol=0.01
    )


def test_committee_variance_about_the_mean_is_unbiased(fitted) -> None:
    b = np.random.default_rng(4).standard_normal(15)
    estimates = [
        np.mean(((fitted.posterior.draw(8, seed) - fitted.posterior.mean) @ b) ** 2) for seed in range(4000)
    ]
    assert np.mean(estimates) == pytest.approx(fitted.posterior.std(b) ** 2, rel=0.04)


def test_committee_is_reproducible_and_leaves_dropped_features_alone(fitted) -> None:
    committee = fitted.posterior.draw(rng=3)
    assert committee.shape == (8, 15)
    assert np.array_equal(committee, fitted.posterior.draw(8, np.random.default_rng(3)))
    assert not np.array_equal(committee, fitted.posterior.draw(8, 4))
    dropped = np.setdiff1d(np.arange(15), fitted.posterior.kept)
    assert np.array_equal(committee[:, dropped], np.tile(fitted.posterior.mean[dropped], (8, 1)))


def test_equals_a_gaussian_process_with_the_linear_kernel() -> None:
    problem = make_problem(25, 40)
    found = solve(problem.factor, Prior.create(np.linspace(1.0, 2.0, 40)))
    new = np.random.default_rng(9).standard_normal((6, 40))
    kernel = (problem.A / found.alpha) @ problem.A.T + np.eye(25) / found.beta
    cross = (new / found.alpha) @ problem.A.T
    np.testing.assert_allclose(
        new @ found.coefficients, cross @ np.linalg.solve(kernel, problem.y), atol=1e-8
    )
    variance = ((new / found.alpha) * new).sum(1) - np.einsum(
        "ij,ij->i", cross, np.linalg.solve(kernel, cross.T).T
    )
    np.testing.assert_allclose(found.posterior.std(new), np.sqrt(variance), rtol=1e-7)


def test_more_data_means_less_uncertainty(problem: Problem) -> None:
    few = make_problem(120, 15).factor
    prior, settings = Prior.flat(15), Ridge(strength=1e-3)
    before = solve(few, prior, settings).posterior
    few.fold(problem.A, problem.y)
    after = solve(few, prior, settings).posterior
    assert (after.std(np.eye(15)) < before.std(np.eye(15))).all()


def test_round_trip_through_json_has_the_same_bits(fitted) -> None:
    read = Posterior.from_dict(json.loads(json.dumps(fitted.posterior.to_dict(), allow_nan=False)))
    for name in ("mean", "kept", "factor"):
        assert np.array_equal(getattr(read, name), getattr(fitted.posterior, name))
    assert read.noise_precision == fitted.posterior.noise_precision
    assert np.array_equal(read.draw(3, 1), fitted.posterior.draw(3, 1))


def test_refuses_damaged_input(fitted) -> None:
    data = fitted.posterior.to_dict()
    with pytest.raises(InputError, match="kept"):
        Posterior.from_dict({k: v for k, v in data.items() if k != "kept"})
    with pytest.raises(InputError, match="factor"):
        Posterior.from_dict({**data, "kept": data["kept"][:-1]})
    with pytest.raises(InputError, match="damaged"):
        Posterior.from_dict({**data, "mean": {"shape": [15], "float64": data["mean"]["float64"][:-12]}})
    with pytest.raises(InputError, match="outside 0 to 2"):
        Posterior(np.zeros(3), np.array([3]), np.eye(1), 1.0)
    with pytest.raises(InputError, match="twice"):
        Posterior(np.zeros(3), np.array([1, 1]), np.eye(2), 1.0)
    with pytest.raises(InputError, match=r"expected \(1, 1\)"):
        Posterior(np.zeros(3), np.array([1]), np.eye(2), 1.0)
    with pytest.raises(InputError, match="expected"):
        fitted.posterior.std(np.ones(14))
    with pytest.raises(InputError, match="at least one member"):
        fitted.posterior.draw(0)
