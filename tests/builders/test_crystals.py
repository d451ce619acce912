"""Crystals, supercells and strained cells."""

import ase.build
import numpy as np
import pytest

from atomsmith.builders.crystals import PROTOTYPES, crystal, ground_state
from atomsmith.builders.deformations import deformed, strain_matrix, strained_in_modes
from atomsmith.builders.supercells import heights, repeats_for, supercell, vacancy
from atomsmith.builders.symmetry import has_spglib, primitive, rotations, space_group
from atomsmith.data.neighbours import pair_distances
from atomsmith.errors import InputError

needs_spglib = pytest.mark.skipif(not has_spglib(), reason="spglib is not installed")


@needs_spglib
@pytest.mark.parametrize("name", PROTOTYPES)
def test_prototypes_have_their_space_group(name):
    assert space_group(crystal("Si", name)) == PROTOTYPES[name].space_group


@pytest.mark.parametrize("name", ["fcc", "bcc", "hcp", "diamond", "sc"])
def test_distances_are_those_of_ase(name):
    ours = crystal("Fe", name, lattice_constant=3.0)
    options = {"c": 3.0 * np.sqrt(8 / 3)} if name == "hcp" else {}
    theirs = ase.build.bulk("Fe", name, a=3.0, **options)
    found = np.sort(pair_distances(ours.positions, ours.cell, ours.pbc, 6.0)[2])
    expected = np.sort(pair_distances(theirs.positions, theirs.cell.array, np.ones(3, bool), 6.0)[2])
    assert len(found) / ours.n_atoms == len(expected) / len(theirs)
    np.testing.assert_allclose(np.unique(found.round(8)), np.unique(expected.round(8)))


@pytest.mark.parametrize("name", PROTOTYPES)
def test_the_volume_per_atom_is_what_was_asked_for(name):
    made = crystal("Si", name, volume_per_atom=15.0)
    assert made.volume / made.n_atoms == pytest.approx(15.0)
    assert made.shortest_distance() > 1.9


@pytest.mark.parametrize(
    ("element", "name", "a"), [("Ni", "fcc", 3.52), ("Si", "diamond", 5.43), ("Mo", "bcc", 3.15)]
)
def test_ground_states_are_the_measured_ones(element, name, a):
    made = ground_state(element)
    assert made.config_type == name
    assert made.cell[0, 0] == pytest.approx(a, abs=0.01)


def test_magnesium_has_its_axial_ratio():
    cell = ground_state("Mg").cell
    assert cell[2, 2] / cell[0, 0] == pytest.approx(1.624, abs=0.002)


def test_bad_names_and_sizes_are_refused():
    with pytest.raises(InputError, match="not a known structure"):
        crystal("Si", "fluffy")
    with pytest.raises(InputError, match="not both"):
        crystal("Si", "fcc", lattice_constant=3.0, volume_per_atom=10.0)
    with pytest.raises(InputError, match="none of"):
        ground_state("S")


def test_a_supercell_repeats_energy_relevant_distances():
    small = crystal("Si", "hcp")
    large = supercell(small, (2, 3, 1))
    few = pair_distances(small.positions, small.cell, small.pbc, 5.0)[2]
    many = pair_distances(large.positions, large.cell, large.pbc, 5.0)[2]
    np.testing.assert_allclose(np.sort(many), np.sort(np.tile(few, 6)))
    np.testing.assert_array_equal(large.positions[:2], small.positions)


def test_repeats_reach_the_height():
    cell = crystal("Si", "hcp").cell
    repeats = repeats_for(cell, 10.0)
    high = heights(np.array(repeats)[:, None] * cell)
    assert (high >= 10.0 - 1e-5).all()
    assert (high - heights(cell) < 10.0).all()


def test_a_vacancy_is_one_atom_less():
    whole = crystal("Cu", "fcc")
    left = vacancy(whole, 2)
    np.testing.assert_array_equal(left.positions, whole.positions[[0, 1, 3]])
    with pytest.raises(InputError, match="no atom 4"):
        vacancy(whole, 4)


def test_six_modes_from_minus_ten_to_ten_percent():
    base = crystal("Cu", "fcc")
    made = list(strained_in_modes(base))
    assert len(made) == 121
    by_mode = {(c.info["strain_mode"], c.info["strain"]): c for c in made}
    np.testing.assert_allclose(by_mode["xx", -0.1].cell, base.cell @ np.diag([0.9, 1, 1]))
    sheared = by_mode["yz", 0.04].cell @ np.linalg.inv(base.cell)
    np.testing.assert_allclose(sheared - np.eye(3), strain_matrix([0, 0, 0, 0.04, 0, 0]).T, atol=1e-12)
    assert sheared[1, 2] == pytest.approx(0.02)


def test_a_strain_that_turns_the_cell_over_is_refused():
    with pytest.raises(InputError, match="no volume"):
        deformed(crystal("Cu", "fcc"), -1.5 * np.eye(3))


@needs_spglib
def test_primitive_cells_and_point_groups():
    made = crystal("Si", "diamond")
    assert primitive(made).n_atoms == 2
    turns = rotations(made)
    assert len({tuple(t.round(6).ravel()) for t in turns}) == 48
    np.testing.assert_allclose(
        np.einsum("nij,nkj->nik", turns, turns), np.broadcast_to(np.eye(3), turns.shape), atol=1e-10
    )
    neighbours = np.array(
        [[0.25, 0.25, 0.25], [0.25, -0.25, -0.25], [-0.25, 0.25, -0.25], [-0.25, -0.25, 0.25]]
    )
    both = np.concatenate([neighbours, -neighbours])
    for turn in turns:
        moved = neighbours @ turn.T
        assert np.abs(moved[:, None] - both).sum(2).min(1).max() < 1e-9
