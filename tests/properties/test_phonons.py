"""Phonons against exact dispersion, ASE's own phonons, phonopy's thermal sums, and unstable crystals."""

import importlib.util
import warnings

import numpy as np
import pytest
from ase.calculators.emt import EMT
from ase.phonons import Phonons
from scipy import constants
from tests.properties.force_fields import CU_MISHIN, PairSprings, lammps, needs_lammps

from atomsmith.builders.crystals import crystal, ground_state
from atomsmith.builders.symmetry import primitive
from atomsmith.errors import InputError
from atomsmith.properties.phonons import Mesh, PhononSettings, harmonic, phonons, thermal_of
from atomsmith.properties.sources import opened_reference
from atomsmith.reference.ase_calculator import AseSettings
from atomsmith.reference.settings import ExecutorSettings

HAVE = importlib.util.find_spec("phonopy") is not None and importlib.util.find_spec("spglib") is not None
needs_phonopy = pytest.mark.skipif(not HAVE, reason="phonopy or spglib is not installed")

LENGTH, STIFFNESS, MASS = 2.5, 3.0, 63.546
A = LENGTH * np.sqrt(2.0)
TO_THZ = np.sqrt(constants.e / constants.atomic_mass) * 1e10 / (2.0 * np.pi) * 1e-12
SMALL = PhononSettings(supercell_angstrom=6.0, mesh=30.0)


def springs_thz(q):
    """Frequencies of fcc with springs between nearest neighbours at a wave vector in 1/angstrom."""
    signs = [(1, 1), (1, -1), (-1, 1), (-1, -1)]
    neighbours = [(0, s, t) for s, t in signs] + [(s, 0, t) for s, t in signs] + [(s, t, 0) for s, t in signs]
    matrix = np.zeros((3, 3))
    for neighbour in np.array(neighbours) * A / 2:
        unit = neighbour / LENGTH
        matrix += STIFFNESS / MASS * np.outer(unit, unit) * (1.0 - np.cos(2.0 * np.pi * q @ neighbour))
    return np.sqrt(np.abs(np.linalg.eigvalsh(matrix))) * TO_THZ


@needs_phonopy
def test_springs_have_their_exact_dispersion():
    result = phonons(PairSprings(LENGTH, STIFFNESS), crystal("Cu", "fcc", lattice_constant=A), SMALL)
    assert result.problems == ()
    assert result.bands.labels[:5] == ["Γ", "X", "W", "K", "Γ"]
    # Γ to X along (1 0 0), up to |q| = 1/a
    expected = [springs_thz(np.array([x / A, 0.0, 0.0])) for x in np.linspace(0.0, 1.0, 51)]
    np.testing.assert_allclose(result.bands.frequencies_thz[0], expected, atol=5e-4 * result.highest_thz)
    assert result.bands.segments[0][-1] == pytest.approx(1.0 / A)
    counted = np.trapezoid(result.dos_per_thz, result.dos_frequencies_thz)
    assert counted == pytest.approx(3.0, rel=0.02)


@needs_phonopy
def test_atoms_that_feel_nothing_have_no_phonons():
    with pytest.raises(InputError, match="a supercell of 1 atom feel no force; raise supercell_angstrom"):
        phonons(
            PairSprings(LENGTH, STIFFNESS),
            crystal("Cu", "fcc", lattice_constant=A),
            SMALL.model_copy(update={"supercell_angstrom": 1.0}),
        )


@needs_phonopy
def test_the_classical_and_the_cold_limit():
    result = phonons(
        PairSprings(LENGTH, STIFFNESS),
        crystal("Cu", "fcc", lattice_constant=A),
        SMALL.model_copy(update={"max_temperature_k": 3000.0}),
    )
    thermal = result.thermal
    assert thermal.heat_capacity_kb_per_atom[-1] == pytest.approx(3.0, abs=0.05)
    assert thermal.heat_capacity_kb_per_atom[0] == 0.0
    slope = -np.gradient(thermal.free_energy_ev_per_atom, thermal.temperatures_k)
    entropy = thermal.entropy_kb_per_atom * constants.k / constants.e
    np.testing.assert_allclose(slope[5:-5], entropy[5:-5], rtol=2e-3, atol=1e-6)
    assert thermal.at(1e5, thermal.entropy_kb_per_atom) is None


@needs_phonopy
def test_thermal_sums_are_those_of_phonopy():
    cell = primitive(crystal("Cu", "fcc", lattice_constant=A))
    phonon, _ = harmonic(PairSprings(LENGTH, STIFFNESS), cell, SMALL)
    phonon.run_mesh([6, 6, 6], is_gamma_center=False, shift=[0.5, 0.5, 0.5])  # without Gamma
    ours = thermal_of(Mesh(np.array(phonon.mesh.frequencies), np.array(phonon.mesh.weights, float)), 1, 500.0)
    phonon.run_thermal_properties(t_min=0, t_max=500, t_step=10)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = phonon.get_thermal_properties_dict()
    gas = constants.R
    np.testing.assert_allclose(ours.heat_capacity_kb_per_atom, theirs["heat_capacity"] / gas, rtol=1e-5)
    np.testing.assert_allclose(ours.entropy_kb_per_atom, theirs["entropy"] / gas, rtol=1e-5)
    free = theirs["free_energy"] * 1000.0 / (constants.N_A * constants.e)
    np.testing.assert_allclose(ours.free_energy_ev_per_atom, free, rtol=1e-4, atol=1e-7)


@needs_phonopy
def test_emt_agrees_with_the_phonons_of_ase(tmp_path):
    settings = AseSettings(calculator="ase.calculators.emt:EMT")
    aluminium = ground_state("Al")
    with opened_reference(settings, aluminium, ExecutorSettings(kind="serial")) as force_field:
        result = phonons(force_field, aluminium, PhononSettings(supercell_angstrom=10.0, mesh=20.0))
        from atomsmith.properties.lattice import settle

        relaxed, _ = settle(force_field, aluminium)
    cell = primitive(relaxed.configuration).to_atoms()
    theirs = Phonons(cell, EMT(), supercell=(5, 5, 5), delta=0.01, name=str(tmp_path / "phonons"))
    theirs.run()
    theirs.read(acoustic=True)
    path = cell.cell.bandpath()
    for label, name in (("X", "X"), ("L", "L"), ("W", "W")):
        (energies,) = theirs.band_structure([path.special_points[name]], verbose=False)
        expected = np.sort(energies) * constants.e / constants.h * 1e-12
        segment = result.bands.labels.index(label) - 1
        np.testing.assert_allclose(np.sort(result.bands.frequencies_thz[segment][-1]), expected, rtol=1e-3)


@needs_phonopy
@needs_lammps
def test_imaginary_modes_are_named_and_nothing_is_summed_over_them():
    structure = crystal("Cu", "sc")
    with lammps(CU_MISHIN, structure) as force_field:
        result = phonons(force_field, structure, SMALL)
    assert result.lowest_thz < -1.0
    assert result.thermal is None
    assert result.zero_point_energy_mev_per_atom is None
    assert f"imaginary, up to {-result.lowest_thz:.2f}i THz" in result.problems[-1]
    assert result.figure() is not None


@pytest.mark.skipif(HAVE, reason="phonopy is installed")
def test_a_missing_phonopy_is_named():
    with pytest.raises(InputError, match="pip install"):
        phonons(PairSprings(), crystal("Cu", "fcc"))
