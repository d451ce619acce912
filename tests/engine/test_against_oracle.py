"""Every output of the engine against the NumPy oracle, on random plans and adversarial systems."""

import numpy as np
import pytest

from atomsmith.evaluator import PlanEvaluator
from engine.plans import SHAPES, full_plan, one_of_each, plans, random_coefficients, random_system
from oracle.ace_numpy import Oracle

PLANS = plans()
VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


def assert_close(found, expected, tolerance=1e-11, terms=0.0):
    """Equal up to rounding of the largest value, or of the ``terms`` that add up to it."""
    scale = max(np.abs(expected).max(initial=0.0), np.abs(terms).max(initial=0.0), 1e-3)
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=tolerance * scale)


@pytest.mark.parametrize("name", PLANS)
def test_features_energies_and_their_sums(name):
    plan = PLANS[name]
    systems = one_of_each(plan["elements"], seed=3)
    coefficients, oracle = random_coefficients(plan), Oracle(plan, systems)
    evaluator = PlanEvaluator(plan, skin=0.3)
    assert evaluator.model.n_features == len(coefficients)
    features = oracle.features()
    assert_close(evaluator.features(systems), features)
    sums, fixed = evaluator.feature_sums(systems)
    assert_close(sums, np.eye(systems.n_systems)[systems.owner].T @ features)
    assert_close(fixed, oracle.energy(np.zeros_like(coefficients)))
    energies, _, _ = evaluator.predict_sets(systems, evaluator.weights(coefficients[None]))
    assert_close(energies[0], oracle.energies(coefficients))


def systems_for(name):
    """Shapes of systems; regressors see the same descriptors, so they need fewer."""
    return ("skewed", "tiny") if " with " in name else ("skewed", "tiny", "slab", "chain", "far outside")


@pytest.mark.parametrize(("name", "shape"), [(name, shape) for name in PLANS for shape in systems_for(name)])
def test_forces_and_virials(name, shape):
    plan = PLANS[name]
    systems = random_system(SHAPES[shape], plan["elements"], seed=11)
    coefficients, oracle = random_coefficients(plan, 1), Oracle(plan, systems)
    evaluator = PlanEvaluator(plan)
    _, forces, virial = evaluator.predict_sets(systems, evaluator.weights(coefficients[None]))
    assert_close(forces[0], oracle.forces(coefficients), 1e-10, terms=virial[0])
    assert_close(virial[0], oracle.virial(coefficients), 1e-10)


@pytest.mark.parametrize("sets", [1, 2, 3, 5])
def test_sets_of_coefficients_are_independent(sets):
    """Also with features that are off in one set only, which the engine drops where they are off in all."""
    plan = full_plan()
    systems = one_of_each(plan["elements"], seed=5)
    coefficients = random_coefficients(plan, 2, sets)
    coefficients[:, 10::3] = 0.0
    coefficients[0, 11::3] = 0.0
    evaluator = PlanEvaluator(plan)
    together = evaluator.predict_sets(systems, evaluator.weights(coefficients))
    for k in range(sets):
        alone = evaluator.predict_sets(systems, evaluator.weights(coefficients[k : k + 1]))
        for many, one in zip(together, alone, strict=True):
            assert_close(many[k], one[0])
    assert_close(together[0][0], Oracle(plan, systems).energies(coefficients[0]))


@pytest.mark.parametrize(
    "name",
    [
        "order 2",
        "order 4",
        "some elements",
        "two expansions",
        "bispectrum",
        "quadratic bispectrum",
        "ace with kernel",
        "bispectrum with kernel",
        "moments with network",
        "symmetry functions",
    ],
)
def test_one_set_for_every_system(name):
    plan = PLANS[name]
    systems = one_of_each(plan["elements"], seed=7)
    coefficients = random_coefficients(plan, 3, systems.n_systems)
    evaluator = PlanEvaluator(plan)
    for kept in (False, True):
        if kept:
            evaluator.feature_sums(systems)  # keeps the basis, which the backward sweep then reuses
        energies, forces, virial = evaluator.batch(systems).backward(
            coefficients, systems.positions, systems.cells, n_threads=1
        )
        for s, (a, b) in enumerate(zip(systems.first[:-1], systems.first[1:], strict=True)):
            expected = evaluator.predict_sets(systems, evaluator.weights(coefficients[s : s + 1]))
            assert_close(energies[a:b], expected[0][0, a:b])
            assert_close(forces[a:b], expected[1][0, a:b])
            assert_close(virial[s], expected[2][0, s])


def test_a_kept_basis_is_not_used_for_other_positions():
    plan = full_plan()
    systems = one_of_each(plan["elements"], seed=7)
    coefficients = random_coefficients(plan, 3, systems.n_systems)
    shake = 0.01 * np.sin(np.arange(3 * systems.n_atoms)).reshape(-1, 3)
    moved = systems.replace(positions=systems.positions + shake)
    evaluator = PlanEvaluator(plan, skin=0.5)
    evaluator.feature_sums(systems)
    found = evaluator.batch(moved).backward(coefficients, moved.positions, moved.cells)
    fresh = PlanEvaluator(plan).batch(moved).backward(coefficients, moved.positions, moved.cells)
    assert evaluator.neighbours.builds == 1
    for one, other in zip(found, fresh, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", PLANS)
def test_design_rows_are_the_derivatives_by_the_coefficients(name):
    """Row times coefficients is the prediction without the parts that have no coefficients."""
    plan = PLANS[name]
    systems = one_of_each(plan["elements"], seed=9)
    evaluator = PlanEvaluator(plan)
    energy, forces, virial = evaluator.design_rows(systems)
    assert energy.shape == (systems.n_systems, evaluator.model.n_features)
    n = evaluator.model.n_features
    if n == 0:
        return
    sums, _ = evaluator.feature_sums(systems)
    assert_close(energy, sums)
    zero = evaluator.predict_sets(systems, evaluator.weights(np.zeros((1, n))))
    chosen = np.unique(np.linspace(0, n - 1, 12).astype(int))
    for feature in chosen:
        predicted = evaluator.predict_sets(systems, evaluator.weights(np.eye(n)[feature][None]))
        assert_close(forces[:, feature].reshape(-1, 3), predicted[1][0] - zero[1][0], 1e-9)
        full = predicted[2][0] - zero[2][0]
        voigt = np.stack([full[:, a, b] for a, b in VOIGT], axis=1)
        assert_close(virial[:, feature].reshape(-1, 6), voigt, 1e-9)
    coefficients = random_coefficients(plan, 4)
    predicted = evaluator.predict_sets(systems, evaluator.weights(coefficients[None]))
    assert_close((forces @ coefficients).reshape(-1, 3), predicted[1][0] - zero[1][0], 1e-9)
