"""ACE without some of its functions: the features that stay are the same, and nothing else is computed."""

import numpy as np
import pytest

from atomsmith.descriptors import AceSettings, build_ace
from atomsmith.descriptors.pruning import pruned_ace
from atomsmith.evaluator import PlanEvaluator
from engine.plans import ELEMENTS, Shape, ace_part, plans, random_system

CLUSTER = Shape(12, (5.0, 5.0, 5.0), (False, False, False), closest=1.0)


def rows(part, elements, systems):
    plan = {"elements": list(elements), "parts": [part]}
    return [np.array(r) for r in PlanEvaluator(plan).design_rows(systems)]


def agree(part, elements, kept, seed=0):
    systems = random_system(CLUSTER, elements, seed)
    smaller = pruned_ace(part, kept)
    assert smaller["n_features"] == kept.sum()
    for found, expected in zip(rows(smaller, elements, systems), rows(part, elements, systems), strict=True):
        scale = np.abs(expected).max()
        np.testing.assert_allclose(found, expected[..., kept], atol=1e-13 * scale, rtol=0.0)
    return smaller


@pytest.mark.parametrize("share", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("degrees", [(4,), (4, 6), (2, 4, 5), (3, 4, 4, 3)], ids=str)
def test_features_that_stay_are_the_same(degrees, share):
    part = ace_part(ELEMENTS, degrees)
    kept = np.random.default_rng(1).random(part["n_features"]) < share
    kept[-1] = True
    agree(part, ELEMENTS, kept)


def test_radial_functions_may_begin_late():
    part = plans()["two expansions"]["parts"][2]
    agree(part, (8, 1), np.random.default_rng(2).random(part["n_features"]) < 0.3)


def test_an_element_may_lose_all_its_functions():
    part = ace_part(ELEMENTS, (2, 3))
    kept = np.zeros(part["n_features"], dtype=bool)
    centre = part["centres"][1]
    kept[centre["first_feature"] : centre["first_feature"] + centre["n_features"]] = True
    smaller = agree(part, ELEMENTS, kept)
    assert [c["n_features"] for c in smaller["centres"]] == [0, centre["n_features"], 0]


def test_only_what_is_needed_is_computed():
    """Of a large basis the functions of a small one: as many channels and products as if made for them."""
    settings = {"cutoff": 4.0, "correlation_order": 3}
    large = build_ace(AceSettings(degree=[0, 9, 6], **settings), [14])
    small = build_ace(AceSettings(degree=[0, 5, 4], **settings), [14])
    kept = np.isin(large.info.labels, small.info.labels)
    smaller = agree(large.part, [14], kept)
    assert smaller["l_max"] == small.part["l_max"]
    np.testing.assert_array_equal(smaller["radial_count"], small.part["radial_count"])
    assert smaller["radial"]["n"] == small.part["radial"]["n"]
    (found,), (expected,) = smaller["centres"], small.part["centres"]
    assert len(found["terms"]) == len(expected["terms"])
    assert len(found["nodes"]) == len(expected["nodes"])
