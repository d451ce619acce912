"""Relaxation: gradients, minima that are known, and starts that lead nowhere."""

import numpy as np
import pytest
from tests.properties.force_fields import Bottomless, NotANumber, PairSprings

from atomsmith.builders.crystals import crystal
from atomsmith.builders.disorder import rattled, strained
from atomsmith.builders.supercells import supercell
from atomsmith.errors import InputError
from atomsmith.prediction import Prediction
from atomsmith.properties.evaluation import evaluate
from atomsmith.properties.lattice import LatticeSettings, settle
from atomsmith.properties.relaxation import RelaxSettings, _Descent, relax

LENGTH = 2.5
SPRINGS = PairSprings(LENGTH)
A = LENGTH * np.sqrt(2.0)
TIGHT = RelaxSettings(force_ev_per_angstrom=1e-7, stress_gpa=1e-5)


def disturbed(seed, amount=0.04):
    rng = np.random.default_rng(seed)
    return strained(
        rattled(supercell(crystal("Cu", "fcc", lattice_constant=A), (2, 1, 1)), amount, rng), amount, rng
    )


@pytest.mark.parametrize("freedom", ["full", "isotropic"])
def test_the_gradient_is_that_of_the_enthalpy(freedom):
    pressure = 0.03
    descent = _Descent(disturbed(1), TIGHT, freedom, pressure)
    rng = np.random.default_rng(2)

    def enthalpy(coordinates):
        descent._trial = coordinates
        there = descent.start.replace(positions=descent.positions, cell=descent.cell)
        (found,) = evaluate(SPRINGS, [there])
        return found, found.energy + pressure * there.volume

    base = descent._trial.copy()
    base[: descent._n] += 0.01 * rng.normal(size=descent._n)
    shear = 0.02 * rng.normal(size=(3, 3))
    base[descent._n :] = np.eye(3).ravel() * 0.03 if freedom == "isotropic" else (shear + shear.T).ravel()
    found, _ = enthalpy(base)
    from atomsmith.systems import Systems

    virial = SPRINGS.predict(Systems.from_configurations([found.configuration])).virial[0]
    gradient = descent._gradient(found.forces, virial)
    for _ in range(4):
        direction = rng.normal(size=len(base))
        strain = direction[descent._n :].reshape(3, 3)
        strain = np.eye(3) if freedom == "isotropic" else strain + strain.T
        direction[descent._n :] = strain.ravel()
        h = 1e-5
        slope = (enthalpy(base + h * direction)[1] - enthalpy(base - h * direction)[1]) / (2 * h)
        assert slope == pytest.approx(float(gradient @ direction), rel=1e-7, abs=1e-8)


def test_disturbed_crystals_find_their_minimum_together():
    ends = relax(SPRINGS, [disturbed(seed) for seed in range(4)], TIGHT, cell="full")
    for end in ends:
        assert end.problem is None
        assert end.energy == pytest.approx(0.0, abs=1e-10)
        assert end.configuration.volume / end.configuration.n_atoms == pytest.approx(A**3 / 4, rel=1e-6)
        assert np.abs(end.stress_gpa).max() < 1e-5


def test_company_does_not_change_a_relaxation():
    one, other = disturbed(5), disturbed(6)
    (alone,) = relax(SPRINGS, [one], TIGHT, cell="full")
    together = relax(SPRINGS, [other, one], TIGHT, cell="full")[1]
    np.testing.assert_array_equal(alone.configuration.positions, together.configuration.positions)
    assert alone.steps == together.steps


def test_pressure_compresses_as_the_bulk_modulus_says():
    start = crystal("Cu", "fcc", lattice_constant=A)
    (end,) = relax(SPRINGS, [start], TIGHT, cell="isotropic", pressure_gpa=1.0)
    assert end.stress_gpa[:3] == pytest.approx([-1.0] * 3, abs=1e-4)
    bulk = 4.0 / 3.0 * SPRINGS.stiffness / A * 160.2176634  # (C11 + 2 C12) / 3 with C11 = 2k/a, C12 = k/a
    change = end.configuration.volume / start.volume - 1.0
    assert change == pytest.approx(-1.0 / bulk, rel=0.02)


def test_a_fixed_cell_stays():
    start = disturbed(7)
    (end,) = relax(SPRINGS, [start], TIGHT)
    np.testing.assert_array_equal(end.configuration.cell, start.cell)
    assert end.largest_force < 1e-7


@pytest.mark.parametrize(
    ("force_field", "words"), [(Bottomless(), "into a hole"), (NotANumber(), "not finite")]
)
def test_a_broken_potential_is_named(force_field, words):
    (end,) = relax(force_field, [disturbed(8)])
    assert words in end.problem


class WithoutStress(PairSprings):
    """What a calculator without stress looks like."""

    def predict(self, systems):
        found = super().predict(systems)
        return Prediction(found.energy, found.energies, found.forces, np.zeros_like(found.virial))


def test_a_calculator_without_stress_is_refused():
    with pytest.raises(InputError, match="no stress"):
        settle(WithoutStress(LENGTH), crystal("Cu", "fcc", lattice_constant=A))


def test_a_molecule_is_refused():
    with pytest.raises(InputError, match="not periodic"):
        settle(SPRINGS, crystal("Cu", "fcc").replace(pbc=np.zeros(3, bool)))


def test_a_size_far_from_any_minimum_is_told():
    relaxed, problems = settle(
        SPRINGS, crystal("Cu", "fcc", lattice_constant=0.9 * A), LatticeSettings(scan=0.04)
    )
    assert any("no minimum of energy lies within" in problem for problem in problems)
    assert relaxed.configuration.n_atoms == 4  # and the relaxation began there all the same


def test_too_few_steps_are_no_convergence():
    (end,) = relax(SPRINGS, [disturbed(9)], RelaxSettings(max_steps=2, force_ev_per_angstrom=1e-9))
    assert end.problem == "not converged in 2 steps"
