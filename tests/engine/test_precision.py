"""Evaluation in single precision against that in double precision, and what it refuses."""

import numpy as np
import pytest

from atomsmith import _engine
from atomsmith.descriptors import BispectrumSettings
from atomsmith.errors import InputError
from atomsmith.evaluator import PlanEvaluator
from atomsmith.model import ModelSettings, TermSettings, build_model
from engine.plans import full_plan, one_of_each, plans, random_coefficients

DOUBLE = ("bispectrum", "moments", "soap", "spline", "symmetry", "triplets", "with")
PLANS = {name: plan for name, plan in plans().items() if not any(word in name for word in DOUBLE)}


@pytest.mark.parametrize("name", PLANS)
def test_six_digits_agree(name):
    plan = PLANS[name]
    systems = one_of_each(plan["elements"], seed=13)
    evaluators = [PlanEvaluator(plan, precision=precision) for precision in ("float64", "float32")]
    coefficients = random_coefficients(plan, 1, 3)
    full, single = (e.predict_sets(systems, e.weights(coefficients)) for e in evaluators)
    for expected, found in zip(full, single, strict=True):
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, expected, rtol=0.0, atol=2e-5 * np.abs(expected).max())
    assert not all((a == b).all() for a, b in zip(full, single, strict=True))


def test_features_and_design_rows_stay_in_double_precision():
    plan = full_plan()
    systems = one_of_each(plan["elements"], seed=14)
    full, single = PlanEvaluator(plan), PlanEvaluator(plan, precision="float32")
    single.predict_sets(systems, single.weights(random_coefficients(plan, 1, 1)))
    for one, other in zip(full.design_rows(systems), single.design_rows(systems), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(full.features(systems), single.features(systems))
    assert single.neighbours.builds == 1


def test_forces_of_single_precision_do_not_depend_on_threads():
    plan = full_plan()
    systems = one_of_each(plan["elements"], seed=15)
    found = [
        e.predict_sets(systems, e.weights(random_coefficients(plan, 1, 2)))
        for e in (PlanEvaluator(plan, precision="float32", n_threads=n) for n in (1, 3))
    ]
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_batch_of_single_precision_only_predicts():
    plan = PLANS["order 2"]
    systems = one_of_each(plan["elements"], seed=16)
    batch = PlanEvaluator(plan).batch(systems, "float32")
    assert isinstance(batch, _engine.Batch)
    with pytest.raises(ValueError, match="double precision"):
        batch.forward(systems.positions, systems.cells)
    with pytest.raises(ValueError, match="double precision"):
        batch.design_rows(systems.positions, systems.cells)


def test_what_single_precision_cannot_do_is_refused():
    terms = (TermSettings(descriptor=BispectrumSettings(cutoff=3.5)),)
    plan = build_model(ModelSettings(terms=terms), [14]).plan
    with pytest.raises(InputError, match="float64 only"):
        PlanEvaluator(plan, precision="float32")
    with pytest.raises(InputError, match="must be float64 or float32"):
        PlanEvaluator(full_plan(), precision="half")
