"""The evaluator: committee, bias and their derivatives, reproducibility of what walkers see."""

import dataclasses

import numpy as np
import pytest

from atomsmith.errors import InputError
from atomsmith.evaluator import species_of, sum_atoms
from atomsmith.prediction import UncertainForceField
from atomsmith.systems import Systems
from engine.plans import SHAPES, joined, one_of_each, random_system
from potentials import ELEMENTS, make_potential

POTENTIAL = make_potential()
TAU = 0.7
STEP = 2e-4
STENCIL = ((-2, 1 / 12), (-1, -2 / 3), (1, 2 / 3), (2, -1 / 12))


def slope(function):
    return sum(weight * function(k * STEP) for k, weight in STENCIL) / STEP


def batch():
    return joined(*(random_system(SHAPES[name], ELEMENTS, 3) for name in ("skewed", "thin", "molecule")))


def test_the_evaluator_is_what_the_sampler_expects():
    evaluator: UncertainForceField = POTENTIAL.evaluator()
    prediction = evaluator.predict(batch())
    np.testing.assert_allclose(prediction.energy, sum_atoms(prediction.energies, batch()), rtol=1e-14)


def test_the_committee_holds_the_mean_model_and_each_member():
    systems = batch()
    both = POTENTIAL.evaluator().predict_committee(systems)
    plain = POTENTIAL.evaluator().predict(systems)
    np.testing.assert_allclose(both.mean.energy, plain.energy, rtol=1e-12)
    np.testing.assert_allclose(both.mean.forces, plain.forces, atol=1e-11)
    members = POTENTIAL.evaluator().predict_members(systems)
    for k, coefficients in enumerate(POTENTIAL.committee):
        alone = dataclasses.replace(POTENTIAL, coefficients=coefficients).evaluator().predict(systems)
        np.testing.assert_allclose(members.energy[k], alone.energy, rtol=1e-12)
        np.testing.assert_allclose(members.forces[k], alone.forces, atol=1e-11)
        np.testing.assert_allclose(members.virial[k], alone.virial, atol=1e-10)
        np.testing.assert_array_equal(both.members.forces[k], members.forces[k])


@pytest.mark.parametrize("uncertainty", ["committee", "posterior"])
def test_energy_and_sigma_of_the_bias(uncertainty):
    systems, evaluator = batch(), POTENTIAL.evaluator()
    biased = evaluator.predict_biased(systems, np.full(3, TAU), uncertainty)
    both = evaluator.predict_committee(systems)
    np.testing.assert_allclose(biased.energy, both.mean.energy, rtol=1e-11)
    if uncertainty == "committee":
        deviation = both.members.energy - both.mean.energy
        expected = np.sqrt((deviation**2).mean(axis=0))
    else:
        rows, _, _ = evaluator.design_rows(systems)
        expected = np.sqrt(np.einsum("si,ij,sj->s", rows, POTENTIAL.posterior.covariance(), rows))
    np.testing.assert_allclose(biased.sigma, expected, rtol=1e-10)
    assert (biased.sigma > 0.0).all()


@pytest.mark.parametrize("uncertainty", ["committee", "posterior"])
def test_forces_of_the_bias_are_derivatives(uncertainty):
    """Of E - tau sigma, with another tau for every system, by finite differences."""
    systems, tau = batch(), np.array([TAU, 0.0, -0.3])
    evaluator = POTENTIAL.evaluator(skin=0.0)

    def surface(changed):
        found = evaluator.predict_biased(changed, tau, uncertainty)
        return found.energy - tau * found.sigma

    forces = evaluator.predict_biased(systems, tau, uncertainty).forces
    scale = np.abs(forces).max()
    for atom, axis in [(0, 0), (3, 1), (5, 2), (6, 0), (8, 1), (16, 2)]:
        unit = np.zeros_like(systems.positions)
        unit[atom, axis] = 1.0

        def energy(step, unit=unit):
            return surface(systems.replace(positions=systems.positions + step * unit)).sum()

        assert forces[atom, axis] == pytest.approx(-slope(energy), abs=1e-8 * scale)


@pytest.mark.parametrize("uncertainty", ["committee", "posterior"])
def test_virials_of_the_bias_are_derivatives(uncertainty):
    systems, tau = batch(), np.array([TAU, 0.0, -0.3])
    evaluator = POTENTIAL.evaluator(skin=0.0)
    virial = evaluator.predict_biased(systems, tau, uncertainty).virial
    for a, b in [(0, 0), (1, 2), (2, 0), (2, 2)]:

        def energy(step, a=a, b=b):
            strain = np.eye(3)
            strain[b, a] += step
            strained = systems.replace(positions=systems.positions @ strain, cells=systems.cells @ strain)
            found = evaluator.predict_biased(strained, tau, uncertainty)
            return found.energy - tau * found.sigma

        np.testing.assert_allclose(virial[:, a, b], -slope(energy), atol=1e-8 * np.abs(virial).max())


@pytest.mark.parametrize("uncertainty", ["committee", "posterior"])
def test_where_nothing_is_uncertain_the_bias_is_zero(uncertainty):
    certain = dataclasses.replace(
        POTENTIAL,
        posterior=dataclasses.replace(POTENTIAL.posterior, factor=0.0 * POTENTIAL.posterior.factor),
        committee=np.tile(POTENTIAL.coefficients, (4, 1)),
    )
    systems = batch()
    biased = certain.evaluator().predict_biased(systems, np.full(3, TAU), uncertainty)
    plain = certain.evaluator().predict(systems)
    np.testing.assert_array_equal(biased.sigma, 0.0)
    np.testing.assert_allclose(biased.forces, plain.forces, atol=1e-11)
    np.testing.assert_allclose(biased.virial, plain.virial, atol=1e-10)


@pytest.mark.parametrize("uncertainty", ["committee", "posterior"])
def test_a_walker_sees_the_same_bits_in_any_company(uncertainty):
    systems, tau = one_of_each(ELEMENTS, 5), np.linspace(0.1, 1.0, 10)
    together = POTENTIAL.evaluator().predict_biased(systems, tau, uncertainty)
    for s, (a, b) in enumerate(zip(systems.first[:-1], systems.first[1:], strict=True)):
        one = Systems(
            numbers=systems.numbers[a:b],
            positions=systems.positions[a:b],
            cells=systems.cells[s : s + 1],
            pbc=systems.pbc[s : s + 1],
            first=np.array([0, b - a]),
        )
        alone = POTENTIAL.evaluator().predict_biased(one, tau[s : s + 1], uncertainty)
        assert alone.sigma[0] == together.sigma[s]
        assert alone.energy[0] == together.energy[s]
        np.testing.assert_array_equal(alone.forces, together.forces[a:b])
        np.testing.assert_array_equal(alone.virial[0], together.virial[s])


def test_results_belong_to_the_caller():
    systems, evaluator = batch(), POTENTIAL.evaluator()
    first = evaluator.predict(systems)
    kept = first.forces.copy()
    evaluator.predict(systems.replace(positions=systems.positions + 0.01))
    np.testing.assert_array_equal(first.forces, kept)


def test_missing_uncertainties_and_elements_are_named():
    systems, tau = batch(), np.full(3, TAU)
    bare = dataclasses.replace(
        POTENTIAL, posterior=None, committee=np.zeros((0, len(POTENTIAL.coefficients)))
    )
    with pytest.raises(InputError, match="no committee"):
        bare.evaluator().predict_biased(systems, tau)
    with pytest.raises(InputError, match="no committee"):
        bare.evaluator().predict_members(systems)
    with pytest.raises(InputError, match="no posterior"):
        bare.evaluator().predict_biased(systems, tau, "posterior")
    numbers = systems.numbers.copy()
    numbers[4] = 14
    with pytest.raises(InputError, match=r"Atom 4 is Si, .* made for O, H"):
        POTENTIAL.evaluator().predict(systems.replace(numbers=numbers))


def test_species_of_atoms_and_sums_over_systems():
    np.testing.assert_array_equal(species_of(np.array([1, 8, 1], np.int32), (8, 1)), [1, 0, 1])
    systems = one_of_each(ELEMENTS, 6)  # one without atoms
    values = np.arange(systems.n_atoms, dtype=float)
    expected = [values[a:b].sum() for a, b in zip(systems.first[:-1], systems.first[1:], strict=True)]
    np.testing.assert_array_equal(sum_atoms(values, systems), expected)
