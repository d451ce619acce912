"""Derivatives of energies, forces and virials by changes of the radial functions of moment tensors."""

import copy
from typing import Any

import numpy as np
import pytest

from atomsmith.evaluator import PlanEvaluator
from atomsmith.model import Model, ModelSettings, build_model
from atomsmith.systems import FloatArray, Systems

PART = 2


@pytest.fixture(scope="module")
def model() -> Model:
    terms = [
        {"descriptor": {"kind": "pair", "cutoff": 4.5}},
        {"descriptor": {"kind": "moments", "level": 12, "cutoff": 4.0, "radial_size": 6, "shared": False}},
    ]
    return build_model(ModelSettings.model_validate({"terms": terms, "repulsion": None}), [14, 6])


@pytest.fixture(scope="module")
def systems() -> Systems:
    rng = np.random.default_rng(3)
    cells = [np.diag([6.0, 5.5, 6.2]), np.diag([4.0, 5.5, 6.2])]
    cells[0][1, 0], cells[1][2, 1] = 0.5, 0.3
    return Systems(
        numbers=np.array([14, 6, 6, 14, 6, 6, 6, 14, 14, 6, 6, 6]),
        positions=rng.uniform(0.0, 6.0, (12, 3)),
        cells=np.array(cells),
        pbc=np.ones((2, 3), dtype=bool),
        first=np.array([0, 7, 12]),
    )


def _predicted(plan: dict[str, Any], systems: Systems, coefficients: FloatArray) -> list[FloatArray]:
    return [rows @ coefficients for rows in PlanEvaluator(plan).design_rows(systems)]


def test_rows_are_derivatives_of_what_features_predict(model: Model, systems: Systems) -> None:
    rng = np.random.default_rng(0)
    coefficients = 0.1 * rng.normal(size=len(model.features))
    table = model.plan["parts"][PART]["radial"]["coefficients"]
    changes = rng.normal(size=(*table.shape, table.shape[-1]))
    amounts = rng.normal(size=table.shape)
    step = np.einsum("pmd,pmdk->pmk", amounts, changes)
    rows = PlanEvaluator(model.plan).radial_rows(systems, PART, coefficients, changes)

    def moved(amount: float) -> list[FloatArray]:
        plan = copy.deepcopy(model.plan)
        plan["parts"][PART]["radial"]["coefficients"] = table + amount * step
        return _predicted(plan, systems, coefficients)

    h = 1e-5
    values = zip(moved(h), moved(-h), moved(2 * h), moved(-2 * h), strict=True)
    for derivative, (ahead, behind, far, back) in zip(rows, values, strict=True):
        expected = (8.0 * (ahead - behind) - (far - back)) / (12.0 * h)
        assert np.abs(derivative @ amounts.reshape(-1) - expected).max() < 1e-9 * np.abs(expected).max()


def test_no_change_gives_zero_columns_and_leaves_the_others(model: Model, systems: Systems) -> None:
    rng = np.random.default_rng(1)
    coefficients = rng.normal(size=len(model.features))
    table = model.plan["parts"][PART]["radial"]["coefficients"]
    changes = rng.normal(size=(*table.shape, table.shape[-1]))
    some = changes.copy()
    some[:, :, ::2] = 0.0
    evaluator = PlanEvaluator(model.plan)
    full, half = (evaluator.radial_rows(systems, PART, coefficients, given) for given in (changes, some))
    absent = np.zeros(table.shape, dtype=bool)
    absent[:, :, ::2] = True
    absent = absent.reshape(-1)
    for complete, partial in zip(full, half, strict=True):
        assert not partial[:, absent].any()
        assert partial[:, ~absent].any()
        np.testing.assert_array_equal(partial[:, ~absent], complete[:, ~absent])


def test_bits_do_not_depend_on_threads(model: Model, systems: Systems) -> None:
    rng = np.random.default_rng(2)
    coefficients = rng.normal(size=len(model.features))
    table = model.plan["parts"][PART]["radial"]["coefficients"]
    changes = rng.normal(size=(*table.shape, table.shape[-1]))
    one, two = (
        PlanEvaluator(model.plan, n_threads=n).radial_rows(systems, PART, coefficients, changes)
        for n in (1, 2)
    )
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


def test_other_parts_and_sizes_are_refused(model: Model, systems: Systems) -> None:
    evaluator = PlanEvaluator(model.plan)
    coefficients = np.zeros(len(model.features))
    table = model.plan["parts"][PART]["radial"]["coefficients"]
    changes = np.zeros((*table.shape, table.shape[-1]))
    with pytest.raises(ValueError, match="part of moments with a Chebyshev table"):
        evaluator.radial_rows(systems, 1, coefficients, changes)
    with pytest.raises(ValueError, match="shape \\(features,\\)"):
        evaluator.radial_rows(systems, PART, coefficients[1:], changes)
    with pytest.raises(ValueError, match="changes do not have the shape"):
        evaluator.radial_rows(systems, PART, coefficients, changes[..., 1:, :])
