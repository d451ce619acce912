import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError
from sklearn.linear_model import ARDRegression, BayesianRidge

from atomsmith.errors import InputError
from atomsmith.fitting import (
    ARD,
    Elimination,
    Evidence,
    Prior,
    Ridge,
    Solver,
    TriangularFactor,
    smoothness_penalty,
    solve,
)
from atomsmith.fitting.solvers.spectrum import Spectrum
from atomsmith.fitting.solvers.standard_form import StandardForm

from .conftest import Problem, make_problem

NO_HYPERPRIOR = {"alpha_1": 0.0, "alpha_2": 0.0, "lambda_1": 0.0, "lambda_2": 0.0}
EXACT = Evidence(noise_floor=0.0)


def dense_log_evidence(A, y, alpha, beta) -> float:
    """log N(y | 0, 1 / beta + A diag(1 / alpha) A^T)."""
    covariance = np.eye(len(y)) / beta + (A / alpha) @ A.T
    sign, logdet = np.linalg.slogdet(2.0 * np.pi * covariance)
    assert sign == 1.0
    return float(-0.5 * (logdet + y @ np.linalg.solve(covariance, y)))


@pytest.mark.parametrize("rows", [12, 40, 400])
def test_evidence_agrees_with_scikit_learn(rows: int) -> None:
    problem = make_problem(rows, 20, seed=rows)
    oracle = BayesianRidge(
        fit_intercept=False, compute_score=True, tol=1e-14, max_iter=100_000, **NO_HYPERPRIOR
    ).fit(problem.A, problem.y)
    found = solve(problem.factor, settings=EXACT)
    np.testing.assert_allclose(found.coefficients, oracle.coef_, atol=1e-6)
    np.testing.assert_allclose(found.beta, oracle.alpha_, rtol=1e-5)
    np.testing.assert_allclose(found.alpha, oracle.lambda_, rtol=1e-5)
    np.testing.assert_allclose(found.posterior.covariance(), oracle.sigma_, rtol=1e-4, atol=1e-9)
    np.testing.assert_allclose(found.log_evidence, oracle.scores_[-1], rtol=1e-8)


def test_ard_agrees_with_scikit_learn() -> None:
    problem = make_problem(200, 20, sparse=4, seed=2)
    oracle = ARDRegression(
        fit_intercept=False, tol=1e-12, max_iter=5000, threshold_lambda=1e6, **NO_HYPERPRIOR
    ).fit(problem.A, problem.y)
    found = solve(problem.factor, settings=ARD(noise_floor=0.0, tolerance=1e-13, max_iterations=5000))
    assert found.converged
    assert set(found.posterior.kept) == set(np.flatnonzero(oracle.coef_))
    assert np.isinf(np.delete(found.alpha, found.posterior.kept)).all()
    kept = np.sort(found.posterior.kept)
    np.testing.assert_allclose(found.coefficients, oracle.coef_, atol=1e-6)
    np.testing.assert_allclose(found.beta, oracle.alpha_, rtol=1e-6)
    np.testing.assert_allclose(found.alpha[kept], oracle.lambda_[kept], rtol=1e-4)
    np.testing.assert_allclose(
        found.posterior.covariance()[np.ix_(kept, kept)], oracle.sigma_, rtol=1e-4, atol=1e-9
    )


@pytest.mark.parametrize("seed", [0, 2])
def test_ard_with_a_high_threshold_finds_the_support(seed: int) -> None:
    problem = make_problem(200, 20, sparse=4, seed=seed)
    found = solve(problem.factor, settings=ARD(threshold=0.75))
    assert found.converged
    assert np.array_equal(np.sort(found.posterior.kept), np.flatnonzero(problem.c))
    assert found.log_evidence > solve(problem.factor).log_evidence
    kept = found.posterior.kept
    assert (found.alpha[kept] * np.diag(found.posterior.covariance())[kept] <= 0.25).all()


@pytest.mark.parametrize(
    "settings", [Ridge(), Ridge(strength=1e-3), Evidence(), ARD(), Elimination(functions=9)]
)
@pytest.mark.parametrize("rows", [12, 200])
def test_log_evidence_is_that_of_the_dense_gaussian(settings, rows: int) -> None:
    problem = make_problem(rows, 20, seed=2)
    penalty = smoothness_penalty(np.arange(1, 21), 0.7)
    floor = 1e-3
    settings = settings.model_copy(update={"noise_floor": floor})
    found = solve(problem.factor, Prior.create(penalty), settings)
    kept = np.isfinite(found.alpha)
    expected = dense_log_evidence(problem.A[:, kept], problem.y, found.alpha[kept], found.beta)
    expected -= 0.5 * found.beta * rows * floor**2
    np.testing.assert_allclose(found.log_evidence, expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("settings", [Evidence(noise_floor=0.0), ARD(noise_floor=0.0, tolerance=1e-10)])
def test_precisions_are_a_maximum(settings) -> None:
    problem = make_problem(60, 8, seed=4)
    found = solve(problem.factor, settings=settings)
    kept = np.isfinite(found.alpha)
    A, alpha = problem.A[:, kept], found.alpha[kept]
    best = dense_log_evidence(A, problem.y, alpha, found.beta)
    for factor in (0.9, 1.1):
        assert dense_log_evidence(A, problem.y, alpha * factor, found.beta) < best
        assert dense_log_evidence(A, problem.y, alpha, found.beta * factor) < best


def test_evidence_slope_is_the_derivative(problem: Problem) -> None:
    spectrum = Spectrum.build(StandardForm.build(problem.factor, Prior.flat(15)), 1e-3)
    t, h = np.log(spectrum.strengths(40)), 1e-5
    numeric = (spectrum.log_evidence(np.exp(t + h)) - spectrum.log_evidence(np.exp(t - h))) / (2 * h)
    np.testing.assert_allclose(spectrum.log_evidence_slope(np.exp(t)), numeric, atol=1e-6)


def test_ridge_is_the_textbook_solution(problem: Problem) -> None:
    penalty = smoothness_penalty(np.arange(1, 16), 1.0)
    strength = 1e-2
    found = solve(problem.factor, Prior.create(penalty), Ridge(strength=strength))
    lam = strength * np.linalg.norm(problem.A / penalty, 2) ** 2
    expected = np.linalg.solve(problem.A.T @ problem.A + lam * np.diag(penalty**2), problem.A.T @ problem.y)
    np.testing.assert_allclose(found.coefficients, expected, rtol=1e-9)
    np.testing.assert_allclose(found.alpha / found.beta, lam * penalty**2, rtol=1e-9)


def test_cross_validated_ridge_minimises_the_dense_score(problem: Problem) -> None:
    found = solve(problem.factor, settings=Ridge(noise_floor=0.0))
    lam = found.alpha[0] / found.beta

    def score(strength: float) -> float:
        hat = problem.A @ np.linalg.solve(problem.A.T @ problem.A + strength * np.eye(15), problem.A.T)
        residual = problem.y - hat @ problem.y
        return float(len(problem.y) * residual @ residual / (len(problem.y) - np.trace(hat)) ** 2)

    assert score(lam) < min(score(1.05 * lam), score(0.95 * lam))


def test_free_coefficients_are_not_penalised_and_use_up_rows() -> None:
    problem = make_problem(50, 6)
    A = np.column_stack([np.ones(50), problem.A])
    y = problem.y - 1234.5
    factor = TriangularFactor(7)
    factor.fold(A, y)
    found = solve(factor, Prior.create(np.ones(7), free=[0]), EXACT)
    # A flat prior on the constant is the same as seeing only the 49 directions orthogonal to it.
    rest = np.linalg.svd(np.ones((1, 50)))[2][1:]
    oracle = BayesianRidge(fit_intercept=False, tol=1e-14, max_iter=100_000, **NO_HYPERPRIOR).fit(
        rest @ problem.A, rest @ y
    )
    np.testing.assert_allclose(found.coefficients[1:], oracle.coef_, atol=1e-5)
    np.testing.assert_allclose(found.coefficients[0], np.mean(y - problem.A @ oracle.coef_), atol=2e-5)
    np.testing.assert_allclose(found.beta, oracle.alpha_, rtol=1e-3)
    assert found.alpha[0] == 0.0


def test_restricted_evidence_is_the_limit_of_a_wide_prior() -> None:
    problem = make_problem(40, 5)
    found = solve(problem.factor, Prior.create(np.ones(5), free=[0], anchor=1e-6), EXACT)
    wide = 1e-8
    alpha = np.where(np.arange(5) == 0, wide, found.alpha)
    flat = dense_log_evidence(problem.A, problem.y, alpha, found.beta) - 0.5 * np.log(wide / (2.0 * np.pi))
    np.testing.assert_allclose(found.log_evidence, flat, atol=1e-4)


def test_reference_energies_of_one_composition_stay_at_their_mean() -> None:
    rng = np.random.default_rng(0)
    counts = np.outer(rng.integers(1, 5, 30), [2.0, 1.0])
    features = rng.standard_normal((30, 3))
    y = counts @ [-5.0, -20.0] + features @ [0.1, 0.2, -0.1]
    factor = TriangularFactor(5)
    factor.fold(np.hstack([counts, features]), y)
    prior = Prior.create(np.ones(5), free=[0, 1], mean=[-5.5, -19.5, 0, 0, 0])
    found = solve(factor, prior)
    assert found.coefficients[:2] @ [2.0, 1.0] == pytest.approx(-30.0, abs=1e-3)
    # the direction that the data leave open keeps its prior value (in units of the columns' norms)
    assert found.coefficients[:2] @ [1.0, -2.0] == pytest.approx(-5.5 + 39.0, abs=1.0)
    same, other = np.array([4.0, 2.0, 0, 0, 0]), np.array([3.0, 3.0, 0, 0, 0])
    assert found.posterior.std(other) > 100.0 * found.posterior.std(same)


def test_held_coefficients_equal_subtracting_them(problem: Problem) -> None:
    mean = np.zeros(15)
    mean[[2, 9]] = [0.7, -3.0]
    held = solve(problem.factor, Prior.create(np.ones(15), held=[2, 9], mean=mean))
    others = np.setdiff1d(np.arange(15), [2, 9])
    reduced = TriangularFactor(13)
    reduced.fold(problem.A[:, others], problem.y - problem.A @ mean)
    direct = solve(reduced)
    np.testing.assert_allclose(held.coefficients[others], direct.coefficients, atol=1e-10)
    assert np.array_equal(held.coefficients[[2, 9]], mean[[2, 9]])
    assert set(held.posterior.kept) == set(others)
    np.testing.assert_allclose(held.log_evidence, direct.log_evidence, rtol=1e-10)


def test_prior_mean_is_the_answer_without_information() -> None:
    factor = TriangularFactor(3)
    factor.fold([[1e-9, 0.0, 0.0]], [1.0])
    mean = np.array([1.0, 2.0, 3.0])
    found = solve(factor, Prior.create(np.ones(3), mean=mean), Ridge(strength=1.0))
    np.testing.assert_allclose(found.coefficients[1:], mean[1:])


def test_groups_find_their_own_scales() -> None:
    rng = np.random.default_rng(7)
    A = rng.standard_normal((80, 60))
    groups = np.repeat([0, 1], 30)
    c = rng.standard_normal(60) * np.where(groups == 0, 1.0, 1e-3)
    factor = TriangularFactor(60)
    factor.fold(A, A @ c + 1e-2 * rng.standard_normal(80))
    one, two = solve(factor), solve(factor, Prior.create(np.ones(60), groups=groups))
    assert two.converged
    assert two.log_evidence > one.log_evidence + 20.0
    assert np.linalg.norm(two.coefficients - c) < 0.7 * np.linalg.norm(one.coefficients - c)
    assert 0.5 < two.alpha[0] < 2.0
    assert two.alpha[-1] > 1e4
    assert len(np.unique(two.alpha)) == 2


@pytest.mark.parametrize("settings", [Ridge(), Evidence(), ARD()])
def test_retrieves_exact_data(settings) -> None:
    problem = make_problem(300, 25, noise=0.0)
    found = solve(problem.factor, settings=settings)
    np.testing.assert_allclose(found.coefficients, problem.c, atol=1e-6)
    assert found.weighted_rmse < 1e-7


@pytest.mark.parametrize("settings", [Ridge(), Evidence(), ARD(), Evidence(noise_floor=0.0)])
def test_fewer_rows_than_features(settings, underdetermined: Problem) -> None:
    found = solve(underdetermined.factor, settings=settings)
    assert np.isfinite(found.coefficients).all()
    assert np.isfinite(found.log_evidence)
    assert found.effective_parameters <= 12.0 + 1e-6
    unseen = np.random.default_rng(3).standard_normal((500, 30)) * np.logspace(0, -1, 30)
    error = unseen @ (found.coefficients - underdetermined.c)
    assert np.sqrt(np.mean(error**2)) < np.sqrt(np.mean((unseen @ underdetermined.c) ** 2))


@pytest.mark.parametrize("settings", [Ridge(), Evidence(), ARD()])
def test_rank_deficient_columns(settings) -> None:
    problem = make_problem(100, 6)
    A = np.column_stack([problem.A, problem.A[:, 0], np.zeros(100), problem.A[:, 1] - problem.A[:, 2]])
    factor = TriangularFactor(9)
    factor.fold(A, problem.y)
    found = solve(factor, settings=settings)
    assert np.isfinite(found.coefficients).all()
    assert found.coefficients[7] == 0.0
    assert np.std(A @ found.coefficients - problem.y) < 0.12


@pytest.mark.parametrize("settings", [Ridge(), Evidence(), ARD(), Elimination(functions=9)])
def test_zero_targets_give_zero_coefficients(settings, problem: Problem) -> None:
    factor = TriangularFactor(15)
    factor.fold(problem.A, np.zeros(120))
    found = solve(factor, settings=settings)
    assert np.array_equal(found.coefficients, np.zeros(15))
    assert np.isfinite(found.log_evidence)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [0.0, 1.0e-155])
def test_columns_that_are_nothing_keep_their_prior(size: float) -> None:
    """Atoms without neighbours, or at the edge of the cutoff."""
    factor = TriangularFactor(3)
    factor.fold(size * np.ones((5, 3)), np.arange(5.0))
    for settings in (Evidence(), Ridge()):
        solution = solve(factor, Prior.flat(3), settings)
        np.testing.assert_allclose(solution.coefficients, 0.0, atol=1e-100)
        assert np.isfinite(solution.log_evidence)


def test_all_coefficients_free_is_least_squares(problem: Problem) -> None:
    found = solve(problem.factor, Prior.create(np.zeros(15)))
    expected = np.linalg.lstsq(problem.A, problem.y, rcond=None)[0]
    np.testing.assert_allclose(found.coefficients, expected, atol=1e-6)
    np.testing.assert_allclose(1.0 / found.beta, found.residual_sum_of_squares / (120 - 15), rtol=1e-4)


@pytest.mark.parametrize("settings", [Ridge(noise_floor=0.0), EXACT, ARD(noise_floor=0.0)])
def test_nearly_dependent_columns_are_no_trouble(settings) -> None:
    x = np.linspace(0.0, 1.0, 400)
    A = np.vander(x, 40)
    assert np.linalg.cond(A) > 1e16
    factor = TriangularFactor(40)
    factor.fold(A, np.sin(6.0 * x) + 1e-6 * np.random.default_rng(0).standard_normal(400))
    found = solve(factor, settings=settings)
    middle = 0.5 * (x[1:] + x[:-1])
    error = np.vander(middle, 40) @ found.coefficients - np.sin(6.0 * middle)
    assert np.sqrt(np.mean(error**2)) < 1e-6
    assert 1.0 / np.sqrt(found.beta) == pytest.approx(1e-6, rel=0.05)
    assert found.posterior.std(np.vander(middle, 40)).mean() == pytest.approx(np.std(error), rel=0.3)


def test_ard_is_sparse_on_many_correlated_features() -> None:
    rng = np.random.default_rng(0)
    mixing = np.diag(10.0 ** -np.linspace(0, 5, 200)) @ rng.standard_normal((200, 200))
    A = rng.standard_normal((2000, 200)) @ mixing
    c = np.where(rng.random(200) < 0.1, rng.standard_normal(200), 0.0)
    factor = TriangularFactor(200)
    factor.fold(A, A @ c + 1e-3 * rng.standard_normal(2000))
    ard, ridge = solve(factor, settings=ARD()), solve(factor)
    assert ard.converged
    assert len(ard.posterior.kept) < 100
    assert ard.log_evidence > ridge.log_evidence + 100.0
    assert np.linalg.norm(ard.coefficients - c) < 0.5 * np.linalg.norm(ridge.coefficients - c)


def test_nested_bases_are_told_apart_by_evidence() -> None:
    x = np.linspace(-1.0, 1.0, 60)
    A = np.polynomial.legendre.legvander(x, 15)
    y = A[:, :6] @ [1.0, -2.0, 1.5, 0.7, -1.0, 0.8] + 0.05 * np.random.default_rng(1).standard_normal(60)
    factor = TriangularFactor(16)
    factor.fold(A, y)
    evidences = [solve(factor.restrict(np.arange(n))).log_evidence for n in range(2, 17)]
    assert int(np.argmax(evidences)) + 2 == 6


def test_same_input_gives_the_same_bits(problem: Problem) -> None:
    for settings in (Ridge(), Evidence(), ARD(), Elimination(functions=9)):
        one, two = solve(problem.factor, settings=settings), solve(problem.factor, settings=settings)
        assert np.array_equal(one.coefficients, two.coefficients)
        assert np.array_equal(one.posterior.factor, two.posterior.factor)


def test_settings_are_told_apart_by_kind() -> None:
    adapter: TypeAdapter = TypeAdapter(Solver)
    assert adapter.validate_python({"kind": "ridge", "strength": 0.1}) == Ridge(strength=0.1)
    assert adapter.validate_python({"kind": "ard", "threshold": 0.1}) == ARD(threshold=0.1)
    for bad in (
        {"kind": "lasso"},
        {"kind": "ridge", "strength": -1.0},
        {"kind": "evidence", "strength": 1.0},
    ):
        with pytest.raises(ValidationError):
            adapter.validate_python(bad)


def test_refuses_what_cannot_be_solved(problem: Problem) -> None:
    with pytest.raises(InputError, match="4 coefficients and the factor 15"):
        solve(problem.factor, Prior.flat(4))
    factor = TriangularFactor(3)
    factor.fold(np.eye(3)[:2], np.ones(2))
    with pytest.raises(InputError, match="2 rows of data cannot determine 2 free"):
        solve(factor, Prior.create(np.ones(3), free=[0, 1]))
    with pytest.raises(InputError, match="penalties"):
        Prior.create([1.0, -1.0])
    with pytest.raises(InputError, match="means"):
        Prior.create([1.0, 1.0], mean=[0.0])
    with pytest.raises(InputError, match="groups"):
        Prior.create([1.0, 1.0], groups=[0])
    with pytest.raises(InputError, match="anchor"):
        Prior.create([1.0], anchor=0.0)
    with pytest.raises(InputError, match="Degrees"):
        smoothness_penalty([1.0, -2.0], 1.0)
