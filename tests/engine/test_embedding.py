"""The embedding regressor on linear descriptors, beside linear parts, and what it refuses."""

import copy

import numpy as np
import pytest

from atomsmith import _engine
from atomsmith.evaluator import PlanEvaluator
from atomsmith.regressors.embedding import EmbeddingCentre, embed, embedding_plan
from engine.plans import SHAPES, ace_part, pair_part, random_system, reference_part
from oracle.ace_numpy import Oracle

ELEMENTS = (8, 1)
EXPONENTS = np.array([1.0, 0.5, 1.6])


def embedded(part, seed=0, function="finnis_sinclair", n_densities=3):
    """The part with three densities of its features on each centre."""
    rng = np.random.default_rng(seed)
    part = copy.deepcopy(part)
    centres = [
        EmbeddingCentre(
            function=function,
            prefactor=rng.normal(size=n_densities),
            exponent=EXPONENTS[:n_densities],
            coefficients=rng.normal(size=(n_densities, centre["n_features"])),
        )
        for centre in part["centres"]
    ]
    return part | {"n_features": 0, "regressor": embedding_plan(centres)}


def plans(function="finnis_sinclair"):
    linear = ace_part(ELEMENTS, (3, 4, 4, 3))
    parts = [reference_part(ELEMENTS), pair_part(ELEMENTS)]
    return {"elements": list(ELEMENTS), "parts": [*parts, linear]}, {
        "elements": list(ELEMENTS),
        "parts": [*parts, embedded(linear, function=function)],
    }


@pytest.mark.parametrize("function", ["finnis_sinclair", "shifted_scaled"])
def test_densities_are_of_the_linear_features(function):
    linear, plan = plans(function)
    systems = random_system(SHAPES["skewed"], ELEMENTS, 3)
    oracle = Oracle(linear, systems)
    features = oracle.features()
    n = sum(part["n_features"] for part in linear["parts"][:2])
    expected = np.zeros(systems.n_atoms)
    for z, (centre, own) in enumerate(
        zip(plan["parts"][2]["centres"], plan["parts"][2]["regressor"]["centres"], strict=True)
    ):
        first = n + centre["first_feature"]
        atoms = oracle.species == z
        rho = features[atoms, first : first + centre["n_features"]] @ own["coefficients"].T
        values = [embed(function, rho[:, p], m)[0] for p, m in enumerate(EXPONENTS)]
        expected[atoms] = own["prefactor"] @ np.array(values)
    evaluator = PlanEvaluator(plan)
    assert evaluator.model.n_features == n
    coefficients = np.random.default_rng(1).normal(size=n)
    energies, _, _ = evaluator.predict_sets(systems, evaluator.weights(coefficients[None]))
    np.testing.assert_allclose(energies[0], features[:, :n] @ coefficients + expected, rtol=1e-11, atol=1e-11)
    _, fixed = evaluator.feature_sums(systems)
    np.testing.assert_allclose(fixed, expected.sum(), rtol=1e-11)


@pytest.mark.parametrize("function", ["finnis_sinclair", "shifted_scaled"])
@pytest.mark.parametrize("n_densities", [1, 2, 3])
def test_forces_are_derivatives(function, n_densities):
    plan = {"elements": [8, 1], "parts": [embedded(ace_part([8, 1], (3, 3, 2)), 2, function, n_densities)]}
    systems = random_system(SHAPES["skewed"], ELEMENTS, 7)
    evaluator = PlanEvaluator(plan)
    weights = evaluator.weights(np.zeros((1, 0)))
    _, forces, virial = evaluator.predict_sets(systems, weights)
    step = 1e-5
    scale = np.abs(forces).max()
    for atom, axis in np.ndindex(systems.positions.shape):
        energy = []
        for sign in (1, -1):
            moved = systems.positions.copy()
            moved[atom, axis] += sign * step
            ends, _, _ = evaluator.predict_sets(
                type(systems)(systems.numbers, moved, systems.cells, systems.pbc, systems.first), weights
            )
            energy.append(ends.sum())
        assert abs(forces[0, atom, axis] + (energy[0] - energy[1]) / (2 * step)) < 1e-7 * scale
    np.testing.assert_allclose(virial[0, 0], virial[0, 0].T, rtol=0, atol=1e-11 * np.abs(virial).max())


@pytest.mark.parametrize("function", ["finnis_sinclair", "shifted_scaled"])
def test_smooth_where_a_density_vanishes(function):
    """The energy of an atom without neighbours is 0, and its slope is finite and continuous through it."""
    plan = {"elements": [14], "parts": [embedded(ace_part([14], (3,)), 1, function, 2)]}
    evaluator = PlanEvaluator(plan)
    weights = evaluator.weights(np.zeros((1, 0)))
    systems = random_system(SHAPES["alone"], [14], 0)
    energies, forces, _ = evaluator.predict_sets(systems, weights)
    assert energies[0, 0] == 0.0
    assert not forces.any()


@pytest.mark.parametrize("exponent", [0.5, 1.0, 1.6])
def test_functions_of_a_density(exponent):
    """Odd; |rho|^m away from 0, or that shifted to where its slope is 1; the slope is the derivative."""
    density = np.concatenate([-np.geomspace(1e-9, 30.0, 40)[::-1], [0.0], np.geomspace(1e-9, 30.0, 40)])
    for function in ("finnis_sinclair", "shifted_scaled"):
        value, slope = embed(function, density, exponent)
        np.testing.assert_allclose(value, -value[::-1], rtol=1e-12, atol=1e-16)
        step = 1e-6 * np.maximum(np.abs(density), 1e-9)
        ends = embed(function, density + step, exponent)[0] - embed(function, density - step, exponent)[0]
        away = np.abs(density) > 1e-5
        np.testing.assert_allclose(slope[away], (ends / (2 * step))[away], rtol=1e-4)
        assert np.isfinite(slope).all()
    value, _ = embed("finnis_sinclair", density, exponent)
    np.testing.assert_allclose(np.abs(value[away]), np.abs(density[away]) ** exponent, rtol=1e-12)
    value, slope = embed("shifted_scaled", np.zeros(1), exponent)
    start = 0.0 if exponent == 1.0 else exponent ** (1 / (1 - exponent))
    np.testing.assert_allclose(value, 0.0, atol=1e-14)
    np.testing.assert_allclose(slope, 1.0 + start**exponent - start, rtol=1e-14)


BAD = {
    "kind": (("kind",), "forest", "unknown kind of regressor 'forest'"),
    "core": (("core",), "hard", "unknown core 'hard'"),
    "function": (("centres", 0, "function"), "cubic", "unknown embedding function 'cubic'"),
    "exponents": (("centres", 0, "exponent"), np.ones(2), "one prefactor and one exponent"),
    "coefficients": (("centres", 0, "coefficients"), np.ones((3, 1)), "shape \\(densities, features\\)"),
    "centres": (("centres",), [], "one centre per species"),
    "linear": (("centres", 0, "linear_density"), np.zeros(1, np.int32), "different lengths"),
    "no densities": (("centres", 0, "prefactor"), np.zeros(0), "densities"),
}


@pytest.mark.parametrize("case", BAD)
def test_regressors_that_do_not_fit_are_refused(case):
    keys, value, message = BAD[case]
    _, plan = plans()
    place = plan["parts"][2]["regressor"] = copy.deepcopy(plan["parts"][2]["regressor"])
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    with pytest.raises(ValueError, match=message):
        _engine.Model.from_plan(plan)


SPLINE = {
    "bins": (np.array([1], np.int32), np.ones((2, 2, 1)), "two bins"),
    "nodes": (np.array([4], np.int32), np.ones((4, 2, 1)), "size of its bins"),
    "pairs": (np.array([4, 4], np.int32), np.ones((10, 2, 1)), "one number of bins for each pair"),
}


@pytest.mark.parametrize("case", SPLINE)
def test_splines_that_do_not_fit_are_refused(case):
    bins, nodes, message = SPLINE[case]
    radial = {"kind": "spline", "n": 1, "cutoff": np.array([3.0]), "bins": bins, "nodes": nodes}
    part = {"kind": "pair", "n_features": 1, "radial": radial, "first_feature": np.zeros(1, np.int32)}
    with pytest.raises(ValueError, match=message):
        _engine.Model.from_plan({"elements": [14], "parts": [part]})


def test_splines_are_the_cubic_of_each_bin():
    """A pair part with a spline of a cubic polynomial is that polynomial, and 0 from the cutoff on."""
    cutoff, bins = 3.0, 7
    r = cutoff * np.arange(bins + 1) / bins

    def cubic(x):
        return np.stack([1 - x + 0.3 * x**3, x**2 - 2 * x], axis=-1)

    slopes = np.stack([-1 + 0.9 * r**2, 2 * r - 2], axis=-1) * cutoff / bins
    nodes = np.stack([cubic(r), slopes], axis=1)
    radial = {
        "kind": "spline",
        "n": 2,
        "cutoff": np.array([cutoff]),
        "bins": np.array([bins], np.int32),
        "nodes": nodes,
    }
    part = {"kind": "pair", "n_features": 2, "radial": radial, "first_feature": np.zeros(1, np.int32)}
    evaluator = PlanEvaluator({"elements": [14], "parts": [part]})
    distances = np.array([0.2, 1.0, 1.7, 2.9999, 3.0, 3.4])
    for distance in distances:
        systems = random_system(SHAPES["alone"], [14], 0)
        pair = type(systems)(
            np.array([14, 14], np.int32),
            np.array([[0.0, 0, 0], [0, distance, 0]]),
            systems.cells,
            systems.pbc,
            np.array([0, 2]),
        )
        expected = cubic(np.array(distance)) if distance < cutoff else np.zeros(2)
        np.testing.assert_allclose(evaluator.features(pair)[0], expected, rtol=1e-13, atol=1e-14)
        _, forces, _ = evaluator.predict_sets(pair, evaluator.weights(np.array([[1.0, 0.0]])))
        slope = (-1 + 0.9 * distance**2) if distance < cutoff else 0.0
        np.testing.assert_allclose(forces[0, 1, 1], -2 * slope, rtol=1e-12, atol=1e-13)
