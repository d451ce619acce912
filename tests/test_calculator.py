"""The ASE calculator: every property against finite differences, committee, refusals."""

import copy
import dataclasses
import pickle

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress

from atomsmith.data.dataset import Dataset
from atomsmith.errors import InputError
from engine.plans import SHAPES, random_system
from potentials import ELEMENTS, make_potential

POTENTIAL = make_potential()


def atoms_of(shape="skewed", seed=1, **options) -> Atoms:
    systems = random_system(SHAPES[shape], ELEMENTS, seed)
    atoms = Atoms(
        numbers=systems.numbers, positions=systems.positions, cell=systems.cells[0], pbc=systems.pbc[0]
    )
    atoms.calc = POTENTIAL.calculator(**options)
    return atoms


def test_energies_and_free_energy_agree_with_the_evaluator():
    atoms = atoms_of()
    expected = POTENTIAL.evaluator().predict(random_system(SHAPES["skewed"], ELEMENTS, 1))
    assert atoms.get_potential_energy() == pytest.approx(expected.energy[0], rel=1e-13)
    assert atoms.get_potential_energy(force_consistent=True) == atoms.get_potential_energy()
    np.testing.assert_allclose(atoms.get_potential_energies(), expected.energies, rtol=1e-12)


def test_forces_and_stress_are_derivatives():
    atoms = atoms_of()
    forces, stress = atoms.get_forces(), atoms.get_stress()
    np.testing.assert_allclose(
        forces, calculate_numerical_forces(atoms, eps=1e-4), atol=1e-6 * np.abs(forces).max()
    )
    np.testing.assert_allclose(
        stress, calculate_numerical_stress(atoms, eps=1e-5), atol=1e-6 * np.abs(stress).max()
    )


def test_results_follow_moves_strains_and_swaps():
    """ASE asks again only when it sees a change; the neighbour list is kept behind its back."""
    atoms = atoms_of()
    atoms.get_forces()
    atoms.positions[0] += 0.05
    atoms.set_cell(atoms.cell.array @ (np.eye(3) + 0.01), scale_atoms=True)
    atoms.numbers[1] = 9 - atoms.numbers[1]
    fresh = atoms.copy()
    fresh.calc = POTENTIAL.calculator(skin=0.0)
    np.testing.assert_array_equal(atoms.get_forces(), fresh.get_forces())
    np.testing.assert_array_equal(atoms.get_stress(), fresh.get_stress())


def test_committee_and_posterior_on_request():
    atoms = atoms_of(committee=True)
    atoms.get_potential_energy()
    results = atoms.calc.results
    members = len(POTENTIAL.committee)
    assert results["committee_forces"].shape == (members, len(atoms), 3)
    assert results["energy_std"] > 0.0
    for k, coefficients in enumerate(POTENTIAL.committee):
        member = atoms.copy()
        member.calc = make_potential_with(coefficients).calculator()
        assert results["committee_energy"][k] == pytest.approx(member.get_potential_energy(), rel=1e-12)
        np.testing.assert_allclose(results["committee_forces"][k], member.get_forces(), atol=1e-11)
        np.testing.assert_allclose(results["committee_stress"][k], member.get_stress(), atol=1e-12)
    assert "committee_energy" not in atoms_of().calc.results


def make_potential_with(coefficients):
    return dataclasses.replace(POTENTIAL, coefficients=coefficients)


@pytest.mark.parametrize("shape", ["molecule", "slab"])
def test_without_three_periodic_directions_there_is_no_stress(shape):
    atoms = atoms_of(shape, committee=True)
    assert np.isfinite(atoms.get_forces()).all()
    with pytest.raises(PropertyNotImplementedError):
        atoms.get_stress()
    assert "committee_stress" not in atoms.calc.results


def test_an_isolated_atom_has_its_reference_energy():
    for index, number in enumerate(ELEMENTS):
        atom = Atoms(numbers=[number], positions=[[3.0, 2.0, 1.0]])
        atom.calc = POTENTIAL.calculator()
        assert atom.get_potential_energy() == pytest.approx(POTENTIAL.coefficients[index], rel=1e-14)
        np.testing.assert_array_equal(atom.get_forces(), 0.0)


def test_bad_input_is_named():
    atoms = atoms_of()
    atoms.numbers[2] = 79
    with pytest.raises(InputError, match="Atom 2 is Au"):
        atoms.get_potential_energy()
    broken = atoms_of()
    broken.positions[0, 0] = np.nan
    with pytest.raises(InputError, match="NaN"):
        broken.get_forces()
    with pytest.raises(InputError, match="no committee"):
        make_potential(members=0).calculator(committee=True)


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda calculator: pickle.loads(pickle.dumps(calculator))]
)
def test_copies_and_pickles_work_on_their_own(duplicate):
    atoms = atoms_of(committee=True)
    forces = atoms.get_forces()
    other = atoms.copy()
    other.calc = duplicate(atoms.calc)
    np.testing.assert_array_equal(other.get_forces(), forces)
    other.rattle(0.1, seed=1)
    assert np.abs(other.get_forces() - forces).max() > 1e-3
    assert other.calc.results["committee_forces"].shape == (len(POTENTIAL.committee), len(other), 3)
    np.testing.assert_array_equal(atoms.get_forces(), forces)


def test_copies_of_atoms_share_the_potential():
    atoms = atoms_of()
    atoms.get_forces()
    other = copy.deepcopy(atoms)
    np.testing.assert_array_equal(other.get_forces(), atoms.get_forces())
    assert other.calc.potential is POTENTIAL
    assert other.calc.evaluator is not atoms.calc.evaluator


def test_atoms_at_the_same_place_have_no_energy():
    atoms = Atoms(numbers=[ELEMENTS[0]] * 3, positions=[[0, 0, 0], [0, 0, 2.5], [0, 0, 2.5]])
    atoms.calc = POTENTIAL.calculator()
    with pytest.raises(
        InputError, match=r"The structure has .*: it has the atoms 1 and 2 at a distance of 0 angstrom"
    ):
        atoms.get_potential_energy()
    apart = Atoms(numbers=[ELEMENTS[0]], positions=[[0, 0, 0]])
    given = Dataset.from_atoms([apart, atoms], labelled=False)
    with pytest.raises(InputError, match=r"Structure 1 has no finite energy and forces"):
        POTENTIAL.predict(given)
