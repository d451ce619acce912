"""Moment tensors without some contractions: those that stay are the same, and other products are gone."""

import numpy as np
import pytest

from atomsmith import Dataset
from atomsmith.data.configuration import Configuration
from atomsmith.descriptors import MomentsSettings, build_moments
from atomsmith.descriptors.moments_pruning import pruned_moments
from atomsmith.evaluator import PlanEvaluator
from atomsmith.fitting.fit import fit_model
from atomsmith.fitting.settings import PotentialSettings
from engine.plans import Shape, random_system

CLUSTER = Shape(12, (5.0, 5.0, 5.0), (False, False, False), closest=1.0)
ELEMENTS = (14, 6)


def part_of(elements, level, **more):
    settings = MomentsSettings(kind="moments", level=level, cutoff=4.0, **more)
    return build_moments(settings, elements, np.full((len(elements),) * 2, 1.6)).part


def rows(part, systems):
    plan = {"elements": list(ELEMENTS), "parts": [part]}
    return [np.array(r) for r in PlanEvaluator(plan).design_rows(systems)]


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("share", [0.05, 0.4, 1.0])
def test_contractions_that_stay_are_the_same(share, shared):
    part = part_of(ELEMENTS, 14, shared=shared)
    kept = np.random.default_rng(1).random(len(part["scalars"])) < share
    kept[-1] = True
    smaller = pruned_moments(part, kept)
    sets = 1 if shared else 2
    assert smaller["n_features"] == sets * kept.sum()
    systems = random_system(CLUSTER, ELEMENTS, 3)
    for found, expected in zip(rows(smaller, systems), rows(part, systems), strict=True):
        scale = np.abs(expected).max()
        np.testing.assert_allclose(found, expected[..., np.tile(kept, sets)], atol=1e-13 * scale, rtol=0.0)


def test_only_what_is_needed_is_computed():
    """Of a high level the contractions of a low one: as many products as if made for them."""
    large, small = part_of(ELEMENTS, 14), part_of(ELEMENTS, 8)
    first = pruned_moments(large, np.arange(len(large["scalars"])) < 1)
    assert len(first["products"]) == 0
    settings = [MomentsSettings(kind="moments", level=level, cutoff=4.0) for level in (14, 8)]
    labels = [build_moments(s, ELEMENTS, np.full((2, 2), 1.6)).info.labels for s in settings]
    smaller = pruned_moments(large, np.isin(labels[0], labels[1]))
    assert len(smaller["products"]) <= len(small["products"])


def test_a_fit_by_elimination_drops_contractions_from_the_plan():
    rng = np.random.default_rng(5)
    shape = Shape(6, (4.4, 4.4, 4.4), (True, True, True), skew=0.1, closest=1.6)
    data = []
    for seed in range(8):
        systems = random_system(shape, (14,), seed)
        forces = rng.normal(size=(len(systems.numbers), 3))
        data.append(
            Configuration(
                systems.numbers,
                systems.positions,
                systems.cells[0],
                systems.pbc[0],
                energy=float(rng.normal()),
                forces=forces,
            )
        )
    descriptor = {"kind": "moments", "level": 12, "cutoff": 4.0, "min_distance": 1.4}
    settings = PotentialSettings.model_validate(
        {
            "model": {"terms": [{"descriptor": descriptor}], "repulsion": None},
            "solver": {"kind": "elimination", "functions": 7},
            "repulsive_core": False,
        }
    )
    potential = fit_model(Dataset(data), settings).potential
    part = potential.plan["parts"][1]
    assert part["n_features"] == len(part["scalars"]) == 7
    assert len(potential.coefficients) == 8
    full = build_moments(MomentsSettings.model_validate(descriptor), (14,), np.full((1, 1), 1.6)).part
    assert len(part["products"]) < len(full["products"])
