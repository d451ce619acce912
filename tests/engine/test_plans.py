"""Plans and batches that do not fit together are refused before a kernel reads past an array."""

import copy

import numpy as np
import pytest

from atomsmith import _engine
from atomsmith.evaluator import PlanEvaluator
from engine.plans import SHAPES, full_plan, plans, random_coefficients, random_system

E0, PAIR, ACE, ZBL = range(4)


def changed(*keys, value):
    """A plan with one entry replaced, or changed by a function of it."""
    plan = copy.deepcopy(full_plan())
    place = plan
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value(place[keys[-1]]) if callable(value) else value
    return plan


def first_entry(value):
    def change(array):
        array = np.array(array)
        array.reshape(-1)[0] = value
        return array

    return change


def last_entry(value):
    def change(array):
        array = np.array(array)
        array.reshape(-1)[-1] = value
        return array

    return change


BAD = {
    "no elements": (("elements",), [], "between 1 and 100 elements"),
    "kind": (("parts", PAIR, "kind"), "triple", "unknown kind of part 'triple'"),
    "missing": (("parts", ACE, "l_max"), None, "cast|convert|l_max"),
    "e0": (("parts", E0, "n_features"), 3, "e0 needs one feature per species"),
    "envelope": (("parts", PAIR, "radial", "outer_power"), 1, "outer_power must be at least 2"),
    "transform": (("parts", PAIR, "radial", "q"), 1, "1 <= p <= q"),
    "cutoff": (("parts", PAIR, "radial", "cutoff"), first_entry(0.0), "must be positive"),
    "not a number": (("parts", ACE, "radial", "r0"), first_entry(np.nan), "must be positive"),
    "inner": (("parts", ACE, "radial", "inner"), last_entry(1e-3), "must rise"),
    "recurrence": (("parts", ACE, "radial", "recurrence"), lambda a: a[:1], "do not have the sizes"),
    "pair features": (("parts", PAIR, "first_feature"), last_entry(10**6), "a pair's features do not exist"),
    "l_max": (("parts", ACE, "l_max"), 40, "l_max must be between 0 and"),
    "radial count": (("parts", ACE, "radial_count"), first_entry(99), "radial functions of l = 0"),
    "centres": (("parts", ACE, "centres"), lambda centres: centres[:1], "one centre per species"),
    "nodes": (("parts", ACE, "centres", 0, "nodes"), first_entry(10**5), "not made before it"),
    "terms": (("parts", ACE, "centres", 1, "terms"), last_entry(10**5), "malformed"),
    "order of terms": (("parts", ACE, "centres", 1, "terms"), lambda a: a[::-1].copy(), "not sorted"),
    "feature start": (("parts", ACE, "centres", 0, "feature_start"), first_entry(1), "wrong size"),
    "feature order": (
        ("parts", ACE, "centres", 0, "feature_start"),
        lambda a: np.concatenate([a[:1], [10**6], a[2:]]).astype(np.int32),
        "must rise",
    ),
    "feature term": (("parts", ACE, "centres", 0, "feature_term"), first_entry(-1), "does not exist"),
    "feature count": (("parts", ACE, "centres", 1, "first_feature"), 0, "follow one another"),
    "negative count": (("parts", ACE, "centres", 0, "n_features"), -1, "wrong size"),
    "zbl": (("parts", ZBL, "outer"), first_entry(0.1), "below its outer"),
    "zbl sizes": (("parts", ZBL, "charges"), lambda a: a[:1], "zbl's arrays have the wrong size"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_malformed_plan_is_refused(name):
    keys, value, message = BAD[name]
    with pytest.raises((ValueError, RuntimeError, TypeError), match=message):
        _engine.Model.from_plan(changed(*keys, value=value))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("width", 9.0, "width between 0 and the cutoff"),
        ("length", np.array([1.0, 2.0]), "'length' needs three values"),
        ("length", np.array([1.0, 0.0, 1.0]), "lengths must be positive"),
        ("points", np.full((5, 3), np.nan), "points must be finite"),
        ("points", np.zeros((4, 3)), "n_features is 14, but the kernels have 13 points"),
        ("triplets", np.array([[0, 0, 1], [0, 1, 0]], np.int32), "listed twice"),
        ("permutations", np.array([[0, 1, 2]], np.int32), "need a permutation that exchanges them"),
        ("permutations", np.array([[1, 0, 2], [0, 1, 1]], np.int32), "need one length"),
        ("permutations", np.array([[2, 1, 0]], np.int32), "a single permutation must be 0 1 2"),
        ("permutations", np.array([[7, 7, 7]], np.int32), "a single permutation must be 0 1 2"),
        ("permutations", np.array([[0, 1, 1], [1, 0, 2]], np.int32), "has a component twice"),
        ("permutations", np.array([[0, 1, 3], [1, 0, 2]], np.int32), "a component that does not exist"),
        ("triplets", np.array([[2, 0, 0]], np.int32), "a species that does not exist"),
        ("triplets", np.zeros((2, 3), np.int32), "listed twice"),
    ],
)
def test_malformed_kernels_of_triplets_are_refused(key, value, message):
    plan = copy.deepcopy(plans()["triplets"])
    plan["parts"][1]["kernels"][0][key] = value
    with pytest.raises(ValueError, match=message):
        _engine.Model.from_plan(plan)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda knots: knots[:-1], "do not have the size of its bins"),
        (lambda knots: knots + 0.1, "must go from 0 to the cutoff"),
        (lambda knots: np.concatenate([knots[:1], knots[2:3], knots[2:]]), "must rise"),
    ],
)
def test_malformed_knots_of_splines_are_refused(change, message):
    plan = copy.deepcopy(plans()["splines"])
    radial = plan["parts"][1]["radial"]
    radial["knots"] = change(radial["knots"])
    with pytest.raises(ValueError, match=message):
        _engine.Model.from_plan(plan)


def test_a_missing_key_is_named():
    plan = full_plan()
    del plan["parts"][ACE]["radial_count"]
    with pytest.raises(ValueError, match="'radial_count' is missing"):
        _engine.Model.from_plan(plan)


def test_arrays_that_do_not_fit_the_batch_are_refused():
    plan = full_plan()
    systems = random_system(SHAPES["skewed"], plan["elements"], 1)
    evaluator = PlanEvaluator(plan)
    batch, coefficients = evaluator.batch(systems), random_coefficients(plan)
    x, cells = systems.positions, systems.cells
    weights = evaluator.weights(coefficients[None])
    with pytest.raises(ValueError, match="positions do not have the shape"):
        batch.predict(weights, x[:-1].copy(), cells)
    with pytest.raises(ValueError, match="cells do not have the shape"):
        batch.predict(weights, x, cells[:0].copy())
    with pytest.raises(ValueError, match="coefficients do not have the shape"):
        evaluator.weights(coefficients[None, :-1])
    with pytest.raises(ValueError, match="coefficients do not have the shape"):
        batch.backward(np.stack([coefficients, coefficients]), x, cells)
    other = PlanEvaluator({"elements": [8, 1], "parts": plan["parts"][:1]})
    with pytest.raises(ValueError, match="belong to another model"):
        batch.predict(other.weights(np.zeros((1, 2))), x, cells)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("species", np.array([0, 5], np.int32), "no species of the model"),
        ("neighbour", np.array([1, 2], np.int32), "neighbour index is out of range"),
        ("first", np.array([0, 1, 1], np.int64), "do not fit together"),
        ("first", np.array([0, 9, 2], np.int64), "do not rise"),
        ("system", np.array([1, 0], np.int32), "not ordered by system"),
    ],
)
def test_a_malformed_neighbour_list_is_refused(name, value, message):
    arrays = {
        "species": np.array([0, 1], np.int32),
        "system": np.array([0, 0], np.int32),
        "n_systems": 1,
        "first": np.array([0, 1, 2], np.int64),
        "neighbour": np.array([1, 0], np.int32),
        "shift": np.zeros((2, 3), np.int16),
    }
    model = _engine.Model.from_plan(full_plan())
    _engine.Batch(model, **arrays)
    with pytest.raises(ValueError, match=message):
        _engine.Batch(model, **(arrays | {name: value}))
