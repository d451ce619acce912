"""Forces and stresses are the derivatives of the engine's own energy, by finite differences."""

import numpy as np
import pytest

from atomsmith.evaluator import PlanEvaluator, sum_atoms
from atomsmith.prediction import stress_from_virial
from engine.plans import SHAPES, full_plan, plans, random_coefficients, random_system

STEP = 2e-4
STENCIL = ((-3, -1 / 60), (-2, 3 / 20), (-1, -3 / 4), (1, 3 / 4), (2, -3 / 20), (3, 1 / 60))
PLANS = plans()


def slope(energy):
    """Sixth-order central difference of ``energy(step)``."""
    return sum(weight * energy(k * STEP) for k, weight in STENCIL) / STEP


def energy_of(plan, coefficients):
    """Energy of one system, with neighbours found anew."""
    evaluator = PlanEvaluator(plan)
    weights = evaluator.weights(coefficients[None])

    def energy(systems):
        return sum_atoms(evaluator.predict_sets(systems, weights)[0][0], systems)[0]

    return energy


@pytest.mark.parametrize(
    "name",
    [
        "order 1",
        "order 2",
        "order 3",
        "order 4",
        "pair",
        "repulsion",
        "bispectrum",
        "quadratic bispectrum",
        "moments",
        "ace with kernel",
        "bispectrum with network",
        "moments with quadratic",
        "symmetry functions",
        "listed symmetry functions",
    ],
)
@pytest.mark.parametrize("shape", ["skewed", "tiny", "slab", "molecule"])
def test_forces(name, shape):
    plan = PLANS[name]
    systems, coefficients = random_system(SHAPES[shape], plan["elements"], 21), random_coefficients(plan, 5)
    energy, evaluator = energy_of(plan, coefficients), PlanEvaluator(plan)
    forces = evaluator.predict_sets(systems, evaluator.weights(coefficients[None]))[1][0]
    scale = max(np.abs(forces).max(), 1.0)
    for atom, axis in [(0, 0), (systems.n_atoms // 2, 1), (systems.n_atoms - 1, 2)]:
        unit = np.zeros_like(systems.positions)
        unit[atom, axis] = 1.0

        def moved(step, unit=unit):
            return energy(systems.replace(positions=systems.positions + step * unit))

        assert forces[atom, axis] == pytest.approx(-slope(moved), abs=1e-8 * scale)


@pytest.mark.parametrize("shape", ["skewed", "tiny", "thin"])
def test_stress(shape):
    plan = full_plan()
    systems, coefficients = random_system(SHAPES[shape], plan["elements"], 22), random_coefficients(plan, 6)
    energy, evaluator = energy_of(plan, coefficients), PlanEvaluator(plan)
    virial = evaluator.predict_sets(systems, evaluator.weights(coefficients[None]))[2][0]
    stress = stress_from_virial(virial, systems.volumes)[0]
    scale = np.abs(stress).max()
    for voigt, (a, b) in enumerate(((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))):

        def strained(step, a=a, b=b):
            strain = np.eye(3)
            strain[a, b] += 0.5 * step
            strain[b, a] += 0.5 * step
            return energy(systems.replace(positions=systems.positions @ strain, cells=systems.cells @ strain))

        expected = slope(strained) / systems.volumes[0]
        assert stress[voigt] == pytest.approx(expected, abs=1e-8 * scale)


def test_energy_and_forces_are_smooth_at_the_cutoff():
    """A neighbour that enters brings no jump: energy O(x^3) and forces O(x^2) at a distance x inside."""
    plan = PLANS["order 2"]
    cutoff, evaluator = 3.4, PlanEvaluator(plan)
    weights = evaluator.weights(random_coefficients(plan, 7)[None])
    values = []
    for inside in (1e-3, 1e-4, -1e-4):
        systems = random_system(SHAPES["alone"], plan["elements"], 0)
        systems = systems.replace(
            numbers=np.array([8, 1], np.int32),
            positions=np.array([[0.0, 0.0, 0.0], [0.0, 0.0, cutoff - inside]]),
            first=np.array([0, 2]),
        )
        energies, forces, _ = evaluator.predict_sets(systems, weights)
        values.append((energies[0].sum(), forces[0, 1, 2]))
    (energy, force), (closer, weaker), outside = values
    alone = outside[0]
    assert outside[1] == 0.0
    assert closer - alone == pytest.approx((energy - alone) * 1e-3, rel=0.1)
    assert weaker == pytest.approx(force * 1e-2, rel=0.1)
