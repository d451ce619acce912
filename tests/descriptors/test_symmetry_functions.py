"""Symmetry functions: every cutoff function, the generated ladders, exact values, fits, bad input."""

from typing import get_args

import numpy as np
import pytest
from pydantic import ValidationError

from atomsmith import fit
from atomsmith.data.configuration import Configuration
from atomsmith.descriptors import (
    SymmetryFunctionsSettings,
    build_symmetry_functions,
    symmetry_functions_size,
)
from atomsmith.descriptors.symmetry_functions import (
    CutoffFunction,
    centred_ladder,
    even_ladder,
    functions_of_plan,
    shifted_ladder,
)
from atomsmith.errors import InputError
from atomsmith.evaluator import PlanEvaluator
from atomsmith.fitting.settings import PotentialSettings
from atomsmith.model import ModelSettings, TermSettings
from oracle.ace_numpy import Oracle
from oracle.environments import environments, isolated


def settings(**values):
    return SymmetryFunctionsSettings(kind="symmetry_functions", **values)


def plan_of(elements, **values):
    part = build_symmetry_functions(settings(**values), elements).part
    return {"elements": list(elements), "parts": [part]}


@pytest.mark.parametrize("inner", [0.0, 0.35])
@pytest.mark.parametrize("name", get_args(CutoffFunction))
def test_cutoff_functions(name, inner):
    """Values and slopes, with the distances that are hardest: at the inner end and just within the cutoff."""
    plan = plan_of([8, 1], cutoff=3.0, cutoff_function=name, cutoff_inner=inner, radial_size=1, zetas=(2.0,))
    far = np.array([[0, 0, 0], [0, 0, 3.0 - 1e-7], [2.1, 0, 0], [0, 1.05, 0], [0, 1.2, 1.0]], dtype=float)
    for systems in (environments(2, [8, 1], 1, n_neighbours=6), isolated([8, 1, 1, 8, 1], [far])):
        evaluator, oracle = PlanEvaluator(plan), Oracle(plan, systems)
        np.testing.assert_allclose(evaluator.features(systems), oracle.features(), rtol=0, atol=1e-12)
        coefficients = np.random.default_rng(1).normal(size=plan["parts"][0]["n_features"])
        _, forces, _ = evaluator.predict_sets(systems, evaluator.weights(coefficients[None]))
        expected = oracle.forces(coefficients)
        np.testing.assert_allclose(forces[0], expected, rtol=0, atol=1e-10 * np.abs(expected).max())


def test_values_by_hand():
    """Three atoms at a right angle, one of them twice as far as the other."""
    plan = plan_of(
        [14],
        cutoff=4.0,
        radial=[{"eta": 0.5, "shift": 1.5}],
        angular=[
            {"eta": 0.1, "sign": 1, "zeta": 2.0},
            {"eta": 0.1, "sign": -1, "zeta": 2.0, "narrow": False},
        ],
    )
    systems = isolated([14] * 3, [np.array([[0, 0, 0], [1, 0, 0], [0, 2, 0]], dtype=float)])
    f1, f2, f3 = (0.5 * (1 + np.cos(np.pi * r / 4.0)) for r in (1.0, 2.0, np.sqrt(5.0)))
    radial = np.exp(-0.125) * (f1 + f2)
    wide = 0.5 * np.exp(-0.1 * 5.0) * f1 * f2
    narrow = 0.5 * np.exp(-0.1 * 10.0) * f1 * f2 * f3
    found = PlanEvaluator(plan).features(systems)[0]
    np.testing.assert_allclose(found, [radial, narrow, wide], rtol=1e-14)


def test_straight_angles_have_finite_forces():
    plan = plan_of([14], cutoff=4.0, zetas=(1.0, 1.5, 16.0))
    systems = isolated([14] * 3, [np.array([[-1.1, 0, 0], [0, 0, 0], [1.3, 0, 0]], dtype=float)])
    evaluator = PlanEvaluator(plan)
    n = plan["parts"][0]["n_features"]
    _, forces, virial = evaluator.predict_sets(systems, evaluator.weights(np.ones((1, n))))
    assert np.isfinite(forces).all()
    assert np.isfinite(virial).all()
    np.testing.assert_allclose(forces[0][:, 1:], 0.0, atol=1e-14)


def test_more_triplets_than_a_tile_holds():
    """A dense cluster: 60 neighbours make 1,770 triplets, in rows that tiles cut."""
    plan = plan_of([8, 1], cutoff=6.0, radial_size=1, angular_size=1, zetas=(1.0, 2.0), narrow=False)
    systems = environments(5, [8, 1], 1, n_neighbours=60, reach=4.0)
    evaluator, oracle = PlanEvaluator(plan), Oracle(plan, systems)
    expected = oracle.features()
    np.testing.assert_allclose(evaluator.features(systems), expected, rtol=1e-11)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_ladders_rise_and_differ(size):
    centred, shifted = centred_ladder(size, 6.0), shifted_ladder(size, 2.5, 6.0)
    even = even_ladder(size, 2.5, 6.0)
    assert [f.shift for f in even] == pytest.approx([2.0 + 4.0 * k / size for k in range(size)])
    assert shifted[0].shift == pytest.approx(2.0)
    assert len(centred) == size + 1
    assert len(shifted) == size
    widths = [f.eta for f in centred]
    assert widths == sorted(set(widths))
    assert widths[0] == pytest.approx(1 / 36.0)
    shifts = [f.shift for f in shifted]
    assert shifts == sorted(set(shifts))
    assert max(shifts) < 6.0


@pytest.mark.parametrize(
    ("n_elements", "values", "expected"),
    [
        (1, {}, 8 + 18),
        (2, {}, 2 * (16 + 54)),
        (2, {"weighted": True}, 2 * 26),
        (1, {"angular": (), "ladder": "imbalzano", "radial_size": 5}, 11),
    ],
)
def test_sizes(n_elements, values, expected):
    elements = [14, 8][:n_elements]
    part = build_symmetry_functions(settings(**values), elements)
    assert symmetry_functions_size(settings(**values), n_elements) == expected
    assert part.part["n_features"] == expected == len(part.info) == len(set(part.info.labels))
    assert sum(len(functions_of_plan(centre)) for centre in part.part["centres"]) == expected


def test_fit_retrieves_a_linear_potential():
    radial = [{"eta": 0.5, "shift": shift} for shift in (0.0, 1.2, 2.4)]
    values = {"cutoff": 3.5, "radial": radial, "zetas": [1.0, 4.0]}
    plan = plan_of([8, 1], **values)
    evaluator = PlanEvaluator(plan)
    coefficients = 0.3 * np.random.default_rng(6).normal(size=plan["parts"][0]["n_features"])
    systems = environments(7, [8, 1], 30, n_neighbours=7, reach=3.0)
    energies, forces, _ = evaluator.predict_sets(systems, evaluator.weights(coefficients[None]))
    data = [
        Configuration(
            numbers=systems.numbers[a:b],
            positions=systems.positions[a:b],
            energy=float(energies[0][a:b].sum()),
            forces=forces[0][a:b],
        )
        for a, b in zip(systems.first[:-1], systems.first[1:], strict=True)
    ]
    model = ModelSettings(
        terms=(TermSettings(descriptor=settings(**values)),),
        repulsion=None,
    )
    potential = fit(data, PotentialSettings(model=model, committee=0, calibrate=False, repulsive_core=False))
    found = potential.predict(data)
    scale = np.abs(forces).max()
    assert np.abs(found.forces - forces[0]).max() < 1e-5 * scale
    assert potential.cutoff == 3.5


def test_bad_input():
    with pytest.raises(InputError, match="listed twice"):
        build_symmetry_functions(settings(radial=[{"eta": 1.0}, {"eta": 1.0}]), [14])
    with pytest.raises(InputError, match="give at least one function"):
        build_symmetry_functions(settings(radial=(), angular=()), [14])
    with pytest.raises(ValidationError):
        settings(angular=[{"eta": 1.0, "sign": 1.0, "zeta": 0.5}])
    with pytest.raises(ValidationError):
        settings(zetas=(4.0, 0.5))
    with pytest.raises(ValidationError):
        settings(cutoff_function="cubic")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("first", 5, "species does not exist"),
        ("order", 3, "order must be 1 or 2"),
        ("cutoff", 0.0, "cutoff must be positive"),
        ("zeta", 0.2, "zeta must be between 1 and 1000"),
        ("zeta", 1.0e4, "zeta must be between 1 and 1000"),
        ("eta", -1.0, "eta must not be negative"),
    ],
)
def test_bad_plans(key, value, message):
    plan = plan_of([14], angular_size=1)
    plan["parts"][0]["centres"][0][key][-1] = value
    with pytest.raises(ValueError, match=message):
        PlanEvaluator(plan)
