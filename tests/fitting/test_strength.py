"""The strength of the prior where data are few for the basis: by errors on configurations left out."""

import numpy as np
import pytest

from atomsmith.descriptors import AceSettings, PairSettings
from atomsmith.fitting import Elimination, Evidence, KindWeights, Prior, Weights, solve
from atomsmith.fitting.fit import FitResult, fit_model
from atomsmith.fitting.rows.blas import single_threaded
from atomsmith.fitting.rows.factor_set import FactorSet, LabelledRows
from atomsmith.fitting.settings import PotentialSettings
from atomsmith.fitting.solvers.standard_form import StandardForm
from atomsmith.fitting.strength import FEW, LARGEST, TRIED, StrengthChoice, choose_strength, leaves_strength
from atomsmith.model import ModelSettings, TermSettings

from .conftest import make_problem
from .rattled import rattled_copper

TERMS = (
    TermSettings(descriptor=PairSettings(cutoff=4.5, degree=8)),
    TermSettings(descriptor=AceSettings(cutoff=4.5, correlation_order=3, degree=[0, 8, 6])),
)
KINDS = KindWeights(energy=30.0, forces=1.0, virial=0.1)
CHOOSING = Elimination(functions=60)
FUNCTIONS, SHARED = 60, 4


def settings(solver: Elimination = CHOOSING) -> PotentialSettings:
    weights = Weights(energy=KINDS.energy, forces=KINDS.forces, virial=KINDS.virial)
    return PotentialSettings(
        model=ModelSettings(terms=TERMS), weights=weights, solver=solver, beyond_data="none", committee=0
    )


@pytest.fixture(scope="module")
def fitted() -> FitResult:
    return fit_model(rattled_copper(20), settings())


def chosen(result: FitResult) -> float | None:
    strength: float | None = result.potential.metadata["settings"]["solver"].get("strength")
    return strength


def test_errors_are_those_of_each_group_predicted_from_the_others(fitted):
    """Against least squares on the rows of the other groups, with rows for the prior."""
    factors, prior = fitted.factors, fitted.prior
    with single_threaded():  # as in the fit, so that the digits are the same
        choice = choose_strength(factors, KINDS, prior)
    unit = StandardForm.build(factors.combine(KINDS), prior).unit
    groups = factors.by_group(KINDS)
    for number in (2, 5):
        penalty = np.diag(np.sqrt(TRIED[number] * unit) * prior.penalty)
        squares, rows = 0.0, 0
        for index in groups:
            others = [factor for other, factor in groups.items() if other != index]
            A = np.vstack([*(factor.r for factor in others), penalty])
            y = np.concatenate([*(factor.qty for factor in others), np.zeros(len(penalty))])
            coefficients, *_ = np.linalg.lstsq(A, y, rcond=None)
            for part in factors.groups[index].parts:
                squares += part.squares(coefficients)["forces"]
                rows += part.factors["forces"].n_rows
        assert choice.errors[number] == pytest.approx(np.sqrt(squares / rows), rel=1e-4)
    assert rows == 20 * 4 * 3
    assert choice.strength == chosen(fitted)
    assert fitted.potential.metadata["strength"] == choice.to_dict()


def test_a_fit_is_repeated_with_the_strength_that_it_says(fitted):
    again = fit_model(rattled_copper(20), settings(Elimination(functions=60, strength=chosen(fitted))))
    np.testing.assert_array_equal(again.potential.coefficients, fitted.potential.coefficients)
    assert "strength" not in again.potential.metadata


def test_many_data_are_left_to_the_evidence():
    result = fit_model(rattled_copper(40), settings())
    assert chosen(result) is None
    evident = solve(result.factor, result.prior, CHOOSING)
    np.testing.assert_array_equal(result.solution.coefficients, evident.coefficients)


def test_what_leaves_the_strength_open():
    few, many = int(FEW * 100) - 1, int(FEW * 100)
    assert leaves_strength(CHOOSING, few, 100)
    assert not leaves_strength(CHOOSING, many, 100)
    for other in (Evidence(), Elimination(), Elimination(functions=60, strength=1e-8)):
        assert not leaves_strength(other, few, 100)
    assert leaves_strength(CHOOSING, few, LARGEST)
    assert not leaves_strength(CHOOSING, few, LARGEST + 1)
    assert Prior.create(np.ones(102), free=[0], held=[1]).n_penalised == 100


def shared_errors(seed: int) -> tuple[FactorSet, np.ndarray]:
    """Configurations whose rows are next to the same and have one error; and the true coefficients."""
    rng = np.random.default_rng(seed)
    truth, sizes = rng.standard_normal(FUNCTIONS), np.logspace(0, -3, FUNCTIONS)
    factors = FactorSet(FUNCTIONS, 5)
    for number in range(60):
        row = sizes * rng.standard_normal(FUNCTIONS)
        rows = row + 1e-3 * sizes * rng.standard_normal((SHARED, FUNCTIONS))
        targets = rows @ truth + 0.1 * rng.standard_normal()
        made = LabelledRows(rows, targets, np.ones(SHARED), np.ones(1))
        factors.groups[number % 5].open.fold({"forces": made}, 1, SHARED)
    return factors.compact(), truth


@pytest.mark.parametrize("seed", range(3))
def test_errors_that_a_configuration_shares_do_not_mislead(seed):
    """Evidence follows them to the last digit, as it takes each row for news."""
    factors, truth = shared_errors(seed)
    prior = Prior.flat(FUNCTIONS)
    assert leaves_strength(Elimination(functions=50), factors.n_rows(), FUNCTIONS)
    strength = choose_strength(factors, KINDS, prior).strength
    found, evident = (
        solve(factors.combine(KINDS), prior, Elimination(functions=50, strength=given)).coefficients
        for given in (strength, None)
    )
    assert np.linalg.norm(found - truth) < np.linalg.norm(truth)
    assert np.linalg.norm(found - truth) < 0.2 * np.linalg.norm(evident - truth)


def test_a_given_strength_is_that_of_ridge_on_the_functions_left():
    problem = make_problem(60, 30)
    found = solve(problem.factor, settings=Elimination(functions=10, strength=1e-3))
    kept = found.posterior.kept
    lam = 1e-3 * float(np.mean(np.square(problem.A).sum(axis=0)))
    A = problem.A[:, kept]
    expected = np.linalg.solve(A.T @ A + lam * np.eye(10), A.T @ problem.y)
    assert len(kept) == 10
    np.testing.assert_allclose(found.coefficients[kept], expected, rtol=1e-9)
    np.testing.assert_allclose(found.alpha[kept] / found.beta, lam, rtol=1e-12)
    every = solve(problem.factor, settings=Elimination(functions=30, strength=1e-3))
    np.testing.assert_allclose(every.alpha / every.beta, lam, rtol=1e-12)


def test_an_open_strength_is_no_key_of_the_settings():
    """Runs that were begun before it was one find what they have done by their settings."""
    assert set(CHOOSING.model_dump()) == {"noise_floor", "kind", "functions"}
    assert settings().model_dump(mode="json")["solver"] == CHOOSING.model_dump(mode="json")
    given = Elimination(functions=60, strength=1e-8)
    assert Elimination.model_validate(given.model_dump(mode="json")) == given


def test_the_minimum_lies_between_those_tried():
    tried = np.array([1e-3, 1e-2, 1e-1, 1.0])
    parabola = np.exp((np.log10(tried) + 1.7) ** 2)
    assert StrengthChoice.of(tried, parabola).strength == pytest.approx(10**-1.7, rel=0.01)
    assert StrengthChoice.of(tried, parabola[::-1]).strength == pytest.approx(10**-1.3, rel=0.01)
    assert StrengthChoice.of(tried, [1.0, 2.0, 3.0, 4.0]).strength == 1e-3
    assert StrengthChoice.of(tried, [np.inf, 1.0, 3.0, 4.0]).strength == 1e-2
    assert StrengthChoice.of(tried, [np.inf, 1.0, 3.0, 4.0]).to_dict()["errors"] == [None, 1.0, 3.0, 4.0]
    assert StrengthChoice.of(tried, [0.0, 0.0, 0.0, 0.0]).strength == 1e-3
