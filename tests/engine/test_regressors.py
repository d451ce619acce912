"""Activations, gradients of descriptors for trainers, old files and bad plans of regressors."""

import copy

import numpy as np
import pytest

from atomsmith import _engine
from atomsmith.evaluator import PlanEvaluator
from engine.plans import (
    SHAPES,
    ace_part,
    bispectrum_part,
    kernel,
    moments_part,
    network,
    one_of_each,
    plans,
    quadratic,
    random_coefficients,
    random_system,
)
from oracle.regressors_numpy import ACTIVATIONS

PLANS = plans()
DESCRIPTORS = {name: plan for name, plan in PLANS.items() if name.endswith("with network")}


def isolated_atom_energy(layers, value):
    """Energy of one atom without neighbours from a network whose only input is then ``value``."""
    part = ace_part([14], (1,))
    n = part["n_features"]
    centre = {"shift": np.full(n, -value), "scale": np.ones(n), "layers": layers(n)}
    regressor = {"kind": "network", "networks": 1, "centres": [centre]}
    plan = {"elements": [14], "parts": [part | {"n_features": 1, "regressor": regressor}]}
    evaluator = PlanEvaluator(plan)
    systems = random_system(SHAPES["alone"], [14], 0)
    return evaluator.predict_sets(systems, evaluator.weights(np.ones((1, 1))))[0][0, 0]


@pytest.mark.parametrize("name", [*ACTIVATIONS, "tanh_linear"])
def test_activations_to_rounding(name):
    points = np.concatenate([np.linspace(-9.0, 9.0, 55), [-60.0, -1e-9, 1e-5, 60.0]])

    def layers(n, activation=name):
        return [
            {
                "activation": activation,
                "gamma": 0.2,
                "weights": np.ones((1, 1, n)) / n,
                "bias": np.zeros((1, 1)),
            }
        ]

    found = np.array([isolated_atom_energy(layers, point) for point in points])
    if name == "tanh_linear":
        expected = np.tanh(points) + 0.2 * points
    elif name == "softplus":
        expected = np.logaddexp(0.0, points)
    else:
        expected = ACTIVATIONS[name](points)
    absolute = 1e-14 if name in ("cosine", "reverse_logistic") else 1e-300
    np.testing.assert_allclose(found, expected, rtol=4e-15, atol=absolute)


@pytest.mark.parametrize("name", [*ACTIVATIONS, "tanh_linear"])
def test_slopes_of_activations(name):
    plan = {
        "elements": [14],
        "parts": [network(ace_part([14], (2, 2)), 1, activations=(name, "tanh", "identity"))],
    }
    systems, evaluator = random_system(SHAPES["skewed"], [14], 4), PlanEvaluator(plan)
    coefficients = random_coefficients(plan, 1)[None]
    forces = evaluator.predict_sets(systems, evaluator.weights(coefficients))[1][0]
    slope = 0.0
    for k, weight in ((-2, 1 / 12), (-1, -2 / 3), (1, 2 / 3), (2, -1 / 12)):
        moved = systems.positions.copy()
        moved[1, 0] += k * 1e-3
        there = PlanEvaluator(plan)
        energies = there.predict_sets(systems.replace(positions=moved), there.weights(coefficients))[0]
        slope += weight * energies.sum() / 1e-3
    assert forces[1, 0] == pytest.approx(-slope, abs=1e-8 * max(1.0, np.abs(forces).max()))


@pytest.mark.parametrize("name", DESCRIPTORS)
def test_descriptor_rows_are_design_rows_of_the_bare_descriptor(name):
    """Summed over centres they are the derivatives of summed features."""
    plan = DESCRIPTORS[name]
    elements = plan["elements"]
    systems = one_of_each(elements, seed=8)
    rows = PlanEvaluator(plan).descriptor_rows(systems, 1)
    bare = {key: value for key, value in plan["parts"][1].items() if key != "regressor"}
    bare["n_features"] = _own_features(bare, len(elements))
    linear = PlanEvaluator({"elements": elements, "parts": [bare]})
    features = linear.features(systems)
    species = np.array([elements.index(z) for z in systems.numbers])
    columns = _columns(bare, len(elements))
    centre = np.repeat(np.arange(systems.n_atoms), np.diff(rows.first))
    assert rows.features.shape == (systems.n_atoms, max(map(len, columns)))
    for z, own in enumerate(columns):
        expected = features[np.ix_(species == z, own)]
        np.testing.assert_allclose(rows.features[species == z, : len(own)], expected, atol=1e-12)
        assert not rows.features[species == z, len(own) :].any()
    _, forces, virial = linear.design_rows(systems)
    summed, strained = np.zeros_like(forces), np.zeros_like(virial)
    for row, (i, j) in enumerate(zip(centre, rows.atom, strict=True)):
        own = columns[species[i]]
        summed[3 * j : 3 * j + 3, own] -= rows.gradients[row, :, : len(own)]
    for i, s in enumerate(systems.owner):
        own = columns[species[i]]
        strained[6 * s : 6 * s + 6, own] -= rows.strain[i, :, : len(own)]
    np.testing.assert_allclose(summed, forces, atol=1e-11 * np.abs(forces).max())
    np.testing.assert_allclose(strained, virial, atol=1e-11 * np.abs(virial).max())
    for i in range(systems.n_atoms):
        own_rows = rows.atom[rows.first[i] : rows.first[i + 1]]
        assert i in own_rows
        assert np.all(np.diff(own_rows) > 0)
    twice = PlanEvaluator(plan, n_threads=2).descriptor_rows(systems, 1)
    np.testing.assert_array_equal(twice.gradients, rows.gradients)


def _columns(part, n_elements):
    from atomsmith.descriptors.base import features_of_centres

    return features_of_centres(part, n_elements)


def _own_features(part, n_elements):
    return max(int(own[-1]) + 1 for own in _columns(part, n_elements) if len(own))


def test_kernels_of_many_atoms_are_those_of_single_ones():
    """More atoms than a chunk holds, of two species in turn: what is evaluated together changes nothing."""
    elements = [8, 1]
    plan = {"elements": elements, "parts": [kernel(ace_part(elements, (2, 2)), 2)]}
    systems = random_system(SHAPES["far outside"], elements, 5)
    cells, numbers, positions = [], [], []
    for k in range(40):
        cells.append(systems.cells[0])
        numbers.append(np.roll(systems.numbers, k))
        positions.append(systems.positions)
    big = systems.replace(
        numbers=np.concatenate(numbers),
        positions=np.concatenate(positions),
        cells=np.array(cells),
        pbc=np.tile(systems.pbc, (40, 1)),
        first=np.arange(41) * systems.n_atoms,
    )
    joined = systems.replace(
        numbers=np.concatenate(numbers),
        positions=np.concatenate([p + 50.0 * k * np.eye(3)[0] for k, p in enumerate(positions)]),
        cells=np.zeros((1, 3, 3)),
        pbc=np.zeros((1, 3), bool),
        first=np.array([0, 40 * systems.n_atoms]),
    )
    apart = big.replace(cells=np.zeros_like(big.cells), pbc=np.zeros_like(big.pbc))
    evaluator = PlanEvaluator(plan)
    weights = evaluator.weights(random_coefficients(plan, 3, 3))
    one, other = evaluator.predict_sets(apart, weights), evaluator.predict_sets(joined, weights)
    for name, a, b in zip(("energies", "forces"), one, other, strict=False):
        np.testing.assert_allclose(b, a, rtol=0, atol=1e-9 * np.abs(a).max(), err_msg=name)


def test_the_flag_of_old_files_means_a_quadratic_regressor():
    plan = {"elements": [8, 1], "parts": [quadratic(bispectrum_part([8, 1], cutoff=3.2, twojmax=2), 2)]}
    old = copy.deepcopy(plan)
    del old["parts"][0]["regressor"]
    old["parts"][0]["quadratic"] = True
    systems = random_system(SHAPES["skewed"], [8, 1], 2)
    np.testing.assert_array_equal(PlanEvaluator(old).features(systems), PlanEvaluator(plan).features(systems))


def _changed(part, *keys, value):
    part = copy.deepcopy(part)
    place = part["regressor"]
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value(place[keys[-1]]) if callable(value) else value
    return part


ACE = ace_part([8, 1], (2, 2))
BAD = {
    "kind": (network, ("kind",), "forest", "unknown kind of regressor 'forest'"),
    "kernel": (kernel, ("kernel",), "cosine", "only kernel is 'polynomial'"),
    "zeta": (kernel, ("zeta",), 0, "zeta must be"),
    "points": (kernel, ("centres", 0, "points"), lambda p: p[:, :-1].copy(), "do not have the descriptor's"),
    "not finite": (kernel, ("centres", 0, "points"), lambda p: p * np.nan, "not finite"),
    "outputs": (
        kernel,
        ("centres", 1, "points"),
        lambda p: p[:-1].copy(),
        "but the centres of the part have",
    ),
    "centres": (network, ("centres",), lambda c: c[:1], "one centre per species"),
    "networks": (network, ("networks",), 0, "at least 1"),
    "shift": (network, ("centres", 1, "shift"), lambda s: s[:-1].copy(), "shift and scale"),
    "layers": (network, ("centres", 0, "layers"), [], "at least one layer"),
    "last layer": (network, ("centres", 0, "layers"), lambda layers: layers[:-1], "one neuron"),
    "weights": (
        network,
        ("centres", 0, "layers", 1, "weights"),
        lambda w: w[..., :-1].copy(),
        "layer 1: weights need the shape",
    ),
    "activation": (network, ("centres", 0, "layers", 0, "activation"), "step", "unknown activation 'step'"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_malformed_regressor_is_refused(name):
    add, keys, value, message = BAD[name]
    part = _changed(add(ACE, 2), *keys, value=value)
    with pytest.raises((ValueError, RuntimeError), match=message):
        _engine.Model.from_plan({"elements": [8, 1], "parts": [part]})


def test_descriptors_only():
    with pytest.raises((ValueError, RuntimeError), match="takes no regressor"):
        _engine.Model.from_plan(
            {"elements": [8], "parts": [{"kind": "e0", "n_features": 1, "regressor": {"kind": "quadratic"}}]}
        )
    evaluator = PlanEvaluator(
        {"elements": [8, 1], "parts": [moments_part(2, 1), {"kind": "e0", "n_features": 2}]}
    )
    systems = random_system(SHAPES["skewed"], [8, 1], 2)
    with pytest.raises(ValueError, match="part 1 of the plan is no descriptor"):
        evaluator.descriptor_rows(systems, 1)
