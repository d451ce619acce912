"""Elastic tensors: what symmetry leaves, how they turn with the crystal, and unstable ones."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from tests.properties.force_fields import (
    CU_MISHIN,
    Bottomless,
    PairSprings,
    lammps,
    needs_lammps,
    needs_spglib,
)

from atomsmith.builders.crystals import crystal
from atomsmith.builders.symmetry import rotations
from atomsmith.properties.elastic import ElasticSettings, elastic
from atomsmith.properties.tensors import ElasticForm, Moduli, is_stable, stress_rotation

LENGTH, STIFFNESS = 2.5, 3.0
SPRINGS = PairSprings(LENGTH, STIFFNESS)
A = LENGTH * np.sqrt(2.0)
GPA = 160.2176634


def fcc():
    return crystal("Cu", "fcc", lattice_constant=1.02 * A)


@needs_spglib
@pytest.mark.parametrize(
    ("prototype", "names"),
    [
        ("fcc", "C11 C12 C44"),
        ("hcp", "C11 C12 C13 C33 C44"),
        ("beta_sn", "C11 C12 C13 C33 C44 C66"),
        ("bc8", "C11 C12 C44"),
    ],
)
def test_symmetry_leaves_what_textbooks_say(prototype, names):
    form = ElasticForm.of(rotations(crystal("Si", prototype)))
    assert form.names == tuple(names.split())
    c = form.basis.sum(0)
    for turn in rotations(crystal("Si", prototype)):
        m = stress_rotation(turn)
        np.testing.assert_allclose(m @ c @ m.T, c, atol=1e-9)


@needs_spglib
@pytest.mark.parametrize("size", [1e-8, 1e-7, 1e-6])
@pytest.mark.parametrize(("prototype", "modes"), [("bcc", [0, 3]), ("hcp", [0, 2, 3])])
def test_a_cell_that_was_relaxed_has_the_symmetry_of_its_crystal(prototype, modes, size):
    # With C44 known by the noise of the cell alone, 100 GPa became thousands.
    exact = crystal("Si", prototype)
    strain = size * np.random.default_rng(0).normal(size=(3, 3))
    cell = exact.cell @ (np.eye(3) + 0.5 * (strain + strain.T))
    relaxed = exact.replace(cell=cell, positions=exact.positions @ np.linalg.inv(exact.cell) @ cell)
    turns = rotations(relaxed)
    assert len(turns) == len(rotations(exact))
    np.testing.assert_allclose(
        turns @ turns.transpose(0, 2, 1), np.eye(3)[None].repeat(len(turns), 0), atol=1e-13
    )
    form = ElasticForm.of(turns)
    assert form.names == ElasticForm.of(rotations(exact)).names
    assert form.modes() == modes


def test_without_symmetry_all_21_components_are_measured():
    form = ElasticForm.of(None)
    assert len(form.names) == 21
    assert form.modes() == [0, 1, 2, 3, 4, 5]


def test_springs_in_fcc_have_their_exact_constants():
    # Nearest neighbours with spring k at rest length d = a / sqrt 2: C11 = 2k/a, C12 = C44 = k/a.
    result = elastic(SPRINGS, fcc())
    k_over_a = STIFFNESS / A * GPA
    assert result.component("C11") == pytest.approx(2.0 * k_over_a, rel=1e-5)
    assert result.component("C12") == pytest.approx(k_over_a, rel=1e-5)
    assert result.component("C44") == pytest.approx(k_over_a, rel=1e-5)
    assert result.stable


def test_a_turned_crystal_has_the_turned_tensor():
    turn = Rotation.from_rotvec([0.3, -0.5, 0.2]).as_matrix()
    upright = fcc()
    turned = upright.replace(cell=upright.cell @ turn.T, positions=upright.positions @ turn.T)
    m = stress_rotation(turn)
    expected = m @ elastic(SPRINGS, upright).c_gpa @ m.T
    np.testing.assert_allclose(elastic(SPRINGS, turned).c_gpa, expected, atol=2e-4 * np.abs(expected).max())


def test_an_isotropic_tensor_has_its_moduli():
    bulk, shear = 100.0, 40.0
    c = np.diag([0.0, 0, 0, shear, shear, shear])
    c[:3, :3] = bulk - 2.0 / 3.0 * shear + 2.0 * shear * np.eye(3)
    moduli = Moduli.of(c, is_stable(c))
    assert moduli.bulk_hill_gpa == pytest.approx(bulk)
    assert moduli.shear_reuss_gpa == pytest.approx(shear)
    assert moduli.shear_voigt_gpa == pytest.approx(shear)
    assert moduli.young_hill_gpa == pytest.approx(9 * bulk * shear / (3 * bulk + shear))
    assert moduli.poisson_hill == pytest.approx((3 * bulk - 2 * shear) / (6 * bulk + 2 * shear))
    assert moduli.universal_anisotropy == pytest.approx(0.0, abs=1e-12)


@needs_lammps
def test_an_unstable_crystal_is_called_so():
    structure = crystal("Cu", "sc")
    with lammps(CU_MISHIN, structure) as force_field:
        result = elastic(force_field, structure)
    assert result.stable is False
    assert result.moduli.shear_reuss_gpa is None
    assert any("mechanically unstable" in problem for problem in result.problems)


def test_a_potential_without_a_floor_gives_no_numbers():
    result = elastic(Bottomless(), fcc(), ElasticSettings())
    assert result.c_gpa is None
    assert result.component("C11") is None
    assert any("did not relax" in problem for problem in result.problems)
    assert result.to_dict()["c_gpa"] is None
    assert result.figure() is None
