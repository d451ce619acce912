"""Labels that the basis cannot follow count less, and ordinary ones as much as before."""

import numpy as np
import pytest

from atomsmith import Dataset
from atomsmith.fitting.fit import fit_model
from atomsmith.fitting.metrics import errors
from atomsmith.fitting.problem import Problem
from atomsmith.fitting.robust import mean_squares, reweighted, robust_weights
from atomsmith.fitting.rows.design import RowMaker
from atomsmith.fitting.settings import PotentialSettings
from atomsmith.fitting.weights import KindWeights, Weights, row_weights
from atomsmith.model import ModelSettings

from .rattled import TERMS, rattled_copper

PLAIN = PotentialSettings(model=ModelSettings(terms=TERMS), weights=Weights(virial=0.3))
ROBUST = PLAIN.model_copy(update={"robust": 1.0})
FALSE = 5


@pytest.fixture(scope="module")
def good() -> Dataset:
    return rattled_copper(24, seed=0)


@pytest.fixture(scope="module")
def spoilt(good: Dataset) -> Dataset:
    """One of them as if the reference had found another electronic state."""
    return Dataset(c.replace(energy=c.energy + 3.0) if k == FALSE else c for k, c in enumerate(good))


def test_a_label_that_is_far_off_hardly_moves_the_others(good: Dataset, spoilt: Dataset) -> None:
    test = rattled_copper(12, seed=1)

    def rmse(data: Dataset, settings: PotentialSettings) -> float:
        return errors(test, fit_model(data, settings).potential.predict(test)).total.energy.rmse

    best, plain, robust = rmse(good, PLAIN), rmse(spoilt, PLAIN), rmse(spoilt, ROBUST)
    assert plain > 5.0 * best
    assert robust < 0.3 * plain


def test_weights_fall_with_what_is_left_of_a_configuration(spoilt: Dataset) -> None:
    result = fit_model(spoilt, ROBUST)
    assert result.robust is not None
    assert np.argmin(result.robust) == FALSE
    assert result.robust[FALSE] < 0.1
    assert np.all(result.robust < np.sqrt(2.0))
    assert 0.8 < np.median(result.robust) < 1.2
    assert fit_model(spoilt, PLAIN).robust is None


def test_every_pass_says_how_far_it_is(spoilt: Dataset) -> None:
    seen: list[tuple[str, list[int]]] = []
    fit_model(
        spoilt,
        ROBUST,
        progress=lambda done: seen[-1][1].append(done),
        stage=lambda name, counted: seen.append((name, [] if counted else [-1])),
    )
    names = ["fitting", "solving", "residuals", "fitting again", "solving"]
    assert [name for name, _ in seen] == names
    for _, counts in seen:
        assert counts == [-1] or (counts[-1] == len(spoilt) and counts == sorted(counts))


def test_residuals_are_those_of_the_predictions(spoilt: Dataset) -> None:
    """With weights of their own, labels that are missing, and a kind that does not count."""
    data = [
        spoilt[0],
        spoilt[1].replace(stress=None, energy_weight=2.0),
        spoilt[2].replace(forces=None),
        spoilt[3].replace(energy=None, forces=None, stress=None),
        spoilt[4].replace(weight=0.0),
    ]
    problem = Problem.of([*spoilt, *data], PLAIN)
    result = fit_model([*spoilt, *data], PLAIN)
    weights = Weights(energy=20.0, forces=0.5, virial=0.0)
    maker = RowMaker(problem.model.plan, weights, problem.known)
    coefficients = result.potential.coefficients - problem.known
    found = mean_squares(maker, data, coefficients, KindWeights.of(weights))
    expected = []
    for c in data:
        own, squares, rows = row_weights(c, weights), 0.0, 0
        prediction = result.potential.predict([c])
        if c.energy is not None and own.energy:
            squares += (own.energy * (prediction.energy[0] - c.energy)) ** 2
            rows += 1
        if c.forces is not None and own.forces.any():
            squares += np.square(own.forces[:, None] * (prediction.forces - c.forces)).sum()
            rows += c.forces.size
        expected.append(squares / max(rows, 1))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found[3] == found[4] == 0.0
    factors = robust_weights(maker, data, coefficients, KindWeights.of(weights), 2.0)
    ordinary = np.median(found[:3])
    np.testing.assert_allclose(factors, np.sqrt(3.0 / (2.0 + found / ordinary)))
    own = np.array([c.weight for c in data])
    np.testing.assert_allclose([c.weight for c in reweighted(data, factors)], own * factors)


def test_data_without_a_misfit_are_fitted_as_before(good: Dataset) -> None:
    """Nearly: weights of ordinary configurations scatter about 1."""
    test = rattled_copper(12, seed=1)
    plain, robust = (
        errors(test, fit_model(good, settings).potential.predict(test)).total for settings in (PLAIN, ROBUST)
    )
    assert robust.energy.rmse < 1.3 * plain.energy.rmse
    assert robust.forces.rmse < 1.1 * plain.forces.rmse


def test_the_posterior_is_widened_by_what_counts_less_too(good: Dataset, spoilt: Dataset) -> None:
    def unseen(data: Dataset, settings: PotentialSettings) -> float:
        found: float = fit_model(data, settings).potential.metadata["calibration"]["held_out_weighted_rmse"]
        return found

    assert unseen(spoilt, ROBUST) > 3.0 * unseen(good, ROBUST)
    assert unseen(spoilt, ROBUST) < unseen(spoilt, PLAIN)
