"""References that run here: forces and stress are derivatives of the energy, failures are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

from atomsmith.errors import InputError
from atomsmith.reference import (
    ExecutorSettings,
    LabelRunner,
    ReferenceSettings,
    check,
    isolated_atoms,
    label,
)
from atomsmith.reference.engine import completed_cell

from .structures import (
    MEAM,
    bent_water,
    configuration,
    labelled,
    needed,
    reference,
    sheared_alloy,
    sheared_silicon,
    stress_by_difference,
)


def free_energies(symbols: list[str], settings: ReferenceSettings, folder: Path) -> dict[str, float]:
    """Energies of free atoms, computed in this process."""
    with LabelRunner(settings, ExecutorSettings(kind="serial"), scratch=folder) as runner:
        return dict(isolated_atoms(symbols, runner))


SI_LDA = {"kind": "espresso", "pseudopotentials": {"Si": "Si.pz-vbc.UPF"}, "kpoints": {"grid": (2, 2, 2)}}
GAMMA = {"grid": (1, 1, 1)}


def assert_derivatives(
    atoms: Atoms, settings: ReferenceSettings, folder: Path, h: float, within: float
) -> None:
    """Compare forces and stress with a central difference of the energy along one random displacement of all.

    With displacements d and a strain e, dE/dh of the path r -> (1 + h e) r + h d is V stress : e - sum F . d,
    so that three calculations test every component. ``within`` is relative to the larger of the two terms.
    """
    rng = np.random.default_rng(11)
    displacement = rng.normal(size=(len(atoms), 3))
    strain = rng.normal(size=(3, 3)) * bool(atoms.pbc.all())
    strain = 0.5 * (strain + strain.T)

    def energy(step: float) -> float:
        moved = atoms.copy()
        moved.set_cell(atoms.cell.array @ (np.eye(3) + step * strain), scale_atoms=True)
        moved.positions += step * displacement
        value = labelled(moved, settings, folder).energy
        assert value is not None
        return value

    got = labelled(atoms, settings, folder)
    assert got.forces is not None
    terms = [-float(np.sum(got.forces * displacement))]
    if atoms.pbc.all():
        assert got.stress is not None
        voigt = strain[(0, 1, 2, 1, 0, 0), (0, 1, 2, 2, 2, 1)] * [1, 1, 1, 2, 2, 2]
        terms.append(atoms.get_volume() * float(got.stress @ voigt))
    size = max(abs(term) for term in terms)
    assert sum(terms) == pytest.approx((energy(h) - energy(-h)) / (2.0 * h), abs=within * size)


class TestTBLite:
    def test_water_is_what_tblite_documents(self, tmp_path: Path) -> None:
        got = labelled(molecule("H2O"), reference(kind="tblite"), tmp_path)
        assert got.energy == pytest.approx(-137.96777594361677, abs=1e-6)
        assert got.forces is not None
        np.testing.assert_allclose(got.forces[0], [0.0, 0.0, -0.749527168], atol=1e-4)
        assert got.stress is None

    def test_derivatives(self, tmp_path: Path) -> None:
        assert_derivatives(bent_water(), reference(kind="tblite"), tmp_path, 1e-3, 1e-4)

    @pytest.mark.parametrize("method", ["GFN1-xTB", "GFN2-xTB"])
    def test_derivatives_of_a_periodic_cell(self, method: str, tmp_path: Path) -> None:
        """Stress included; in denser cells the ends of lattice sums show as small steps of the energy."""
        water = bent_water()
        water.set_cell([[5.0, 0.3, 0.0], [0.0, 5.2, 0.4], [0.1, 0.0, 5.4]])
        water.pbc = True
        assert labelled(water, reference(kind="tblite", method=method), tmp_path).stress is not None
        assert_derivatives(water, reference(kind="tblite", method=method), tmp_path, 1e-3, 2e-4)

    def test_labels_do_not_depend_on_what_came_before(self, tmp_path: Path) -> None:
        settings = reference(kind="tblite", method="GFN1-xTB")
        first = labelled(bent_water(), settings, tmp_path)
        labelled(Atoms("H2", [[0, 0, 0], [0, 0, 0.9]]), settings, tmp_path)
        again = labelled(bent_water(), settings, tmp_path)
        assert again.energy == first.energy

    def test_unconverged_is_recorded(self, tmp_path: Path) -> None:
        result = label(configuration(bent_water()), reference(kind="tblite", max_iterations=2), tmp_path)
        assert result.reason == "tblite: CalculationFailed: SCF not converged in 2 cycles"

    def test_impossible_multiplicity_is_recorded(self, tmp_path: Path) -> None:
        result = label(configuration(bent_water()), reference(kind="tblite", multiplicity=2), tmp_path)
        assert result.reason is not None
        assert "not compatible" in result.reason

    def test_isolated_atoms_bind(self, tmp_path: Path) -> None:
        settings = reference(kind="tblite")
        atoms = free_energies(["H", "O"], settings, tmp_path)
        energy = labelled(bent_water(), settings, tmp_path).energy
        assert energy is not None
        assert -20.0 < energy - 2.0 * atoms["H"] - atoms["O"] < -5.0
        with pytest.raises(InputError, match="'Q' is not a chemical symbol"):
            free_energies(["Q"], settings, tmp_path)


class TestLammps:
    @pytest.fixture
    def meam(self) -> Any:
        return needed(reference(**MEAM), ["Al", "Si"])

    def test_derivatives_in_a_triclinic_cell(self, meam: Any, tmp_path: Path) -> None:
        assert_derivatives(sheared_alloy(), meam, tmp_path, 1e-4, 1e-5)

    def test_derivatives_of_all_components(self, meam: Any, tmp_path: Path) -> None:
        atoms = sheared_alloy(1)
        got = labelled(atoms, meam, tmp_path)
        expected = [
            stress_by_difference(lambda a: labelled(a, meam, tmp_path).energy or 0.0, atoms, k, 1e-4)
            for k in range(6)
        ]
        assert got.stress is not None
        np.testing.assert_allclose(got.stress, expected, atol=1e-6)

    def test_a_compressed_crystal_has_negative_stress(self, meam: Any, tmp_path: Path) -> None:
        atoms = bulk("Al", a=3.9)
        got = labelled(atoms, meam, tmp_path)
        assert got.stress is not None
        assert np.all(got.stress[:3] < -0.01)

    @pytest.mark.parametrize("pbc", [(0, 0, 0), (1, 1, 0), (0, 1, 1), (1, 0, 1), (1, 0, 0)])
    def test_surfaces_wires_and_clusters(self, meam: Any, pbc: tuple[int, ...], tmp_path: Path) -> None:
        atoms = sheared_alloy()
        atoms.pbc = pbc
        got = labelled(atoms, meam, tmp_path)
        assert got.stress is None
        assert got.forces is not None
        np.testing.assert_allclose(got.forces.sum(axis=0), 0.0, atol=1e-9)
        # The same with vacuum instead of an open boundary.
        padded = configuration(atoms)
        cell, positions = completed_cell(padded, 8.0)
        same = labelled(
            Atoms(numbers=atoms.numbers, positions=positions, cell=cell, pbc=True), meam, tmp_path
        )
        assert got.energy == pytest.approx(same.energy, abs=1e-9)
        np.testing.assert_allclose(got.forces, same.forces, atol=1e-9)

    def test_rotation_left_handed_cells_and_image_shifts(self, meam: Any, tmp_path: Path) -> None:
        atoms = sheared_alloy()
        got = labelled(atoms, meam, tmp_path)
        assert got.forces is not None
        assert got.stress is not None
        rotation, _ = np.linalg.qr(np.random.default_rng(4).normal(size=(3, 3)))
        turned = atoms.copy()
        turned.set_cell(atoms.cell.array[[1, 0, 2]] @ rotation)
        turned.positions = (atoms.positions + 3 * atoms.cell.array[1]) @ rotation
        same = labelled(turned, meam, tmp_path)
        assert same.forces is not None
        assert same.stress is not None
        assert same.energy == pytest.approx(got.energy, abs=1e-9)
        np.testing.assert_allclose(same.forces, got.forces @ rotation, atol=1e-8)

        def full(v: Any) -> Any:
            return np.array([[v[0], v[5], v[4]], [v[5], v[1], v[3]], [v[4], v[3], v[2]]])

        np.testing.assert_allclose(full(same.stress), rotation.T @ full(got.stress) @ rotation, atol=1e-10)

    def test_a_supercell_has_twice_the_energy(self, meam: Any, tmp_path: Path) -> None:
        atoms = sheared_alloy()
        one, two = labelled(atoms, meam, tmp_path), labelled(atoms * (1, 2, 1), meam, tmp_path)
        assert one.energy is not None
        assert two.energy == pytest.approx(2.0 * one.energy, abs=1e-9)
        np.testing.assert_allclose(two.stress, one.stress, atol=1e-10)

    def test_labels_do_not_depend_on_what_came_before(self, meam: Any, tmp_path: Path) -> None:
        first = [labelled(sheared_alloy(seed), meam, tmp_path) for seed in range(3)]
        cluster = sheared_alloy()
        cluster.pbc = False
        labelled(cluster, meam, tmp_path)
        label(configuration(bulk("Cu")), meam, tmp_path)
        again = [labelled(sheared_alloy(seed), meam, tmp_path) for seed in (2, 1, 0)]
        for one, two in zip(first, reversed(again), strict=True):
            assert one.energy == two.energy
            np.testing.assert_array_equal(one.forces, two.forces)
            np.testing.assert_array_equal(one.stress, two.stress)

    def test_further_commands_are_obeyed(self, meam: Any, tmp_path: Path) -> None:
        without_unlike_pairs = reference(**MEAM, commands=["neigh_modify exclude type 1 2"])
        got = labelled(sheared_alloy(), without_unlike_pairs, tmp_path)
        assert got.energy != labelled(sheared_alloy(), meam, tmp_path).energy
        assert got.energy == labelled(sheared_alloy(), without_unlike_pairs, tmp_path).energy

    def test_isolated_atoms_of_a_pair_style(self, meam: Any, tmp_path: Path) -> None:
        assert free_energies(["Al", "Si"], meam, tmp_path) == {"Al": 0.0, "Si": 0.0}

    def test_other_pair_styles(self, tmp_path: Path) -> None:
        eam = {"kind": "lammps", "elements": ["Cu"], "pair_style": "eam", "pair_coeff": ["* * Cu_u3.eam"]}
        settings = needed(reference(**eam), ["Cu"])
        got = labelled(bulk("Cu", a=3.615), settings, tmp_path)
        assert got.energy == pytest.approx(-3.54, abs=0.01)  # cohesive energy of the u3 potential

    def test_a_missing_file_names_the_folder(self, meam: Any) -> None:
        lost = reference(**MEAM | {"pair_coeff": ["* * lost.meam Al Si"]})
        with pytest.raises(
            InputError, match=r"'lost.meam' of the lammps reference is not a file here or in .*potentials"
        ):
            check(lost)

    def test_what_lammps_refuses_is_refused_before_the_start(self, meam: Any) -> None:
        with pytest.raises(InputError, match="Unrecognized pair style 'no/such'"):
            check(reference(**MEAM | {"pair_style": "no/such"}))
        with pytest.raises(InputError, match="element Cu is not among"):
            check(meam, ["Al", "Cu"])

    def test_an_unlisted_element_is_a_reason(self, meam: Any, tmp_path: Path) -> None:
        result = label(configuration(bulk("Cu")), meam, tmp_path)
        assert result.reason == "lammps: atomic number 29 is not among the elements of the settings"


class TestEspresso:
    def test_derivatives(self, tmp_path: Path) -> None:
        settings = needed(reference(**SI_LDA, ecutwfc_ry=50.0), ["Si"])
        # The basis changes with the cell at fixed cutoff: a Pulay stress is left.
        assert_derivatives(sheared_silicon(), settings, tmp_path, 0.003, 0.03)

    @pytest.mark.parametrize(
        ("values", "words"),
        [
            ({"max_iterations": 2}, "convergence NOT achieved after 2 iterations"),
            ({"input_data": {"system": {"nbnd": 1}}}, "too few bands"),
        ],
    )
    def test_failures_carry_its_own_words(self, values: dict[str, Any], words: str, tmp_path: Path) -> None:
        settings = needed(reference(**SI_LDA | {"kpoints": GAMMA}, ecutwfc_ry=10.0, **values), ["Si"])
        result = label(configuration(sheared_silicon()), settings, tmp_path / "run")
        assert result.reason is not None
        assert words in result.reason
        assert (tmp_path / "run" / "espresso.pwo").exists()


class TestGpaw:
    def test_derivatives(self, tmp_path: Path) -> None:
        settings = needed(reference(kind="gpaw", ecut_ev=350.0, kpoints={"grid": (2, 2, 2)}), ["Si"])
        assert_derivatives(sheared_silicon(), settings, tmp_path, 0.003, 0.005)

    def test_unconverged_is_recorded(self, tmp_path: Path) -> None:
        settings = needed(reference(kind="gpaw", ecut_ev=150.0, kpoints=GAMMA, max_iterations=2), ["Si"])
        result = label(configuration(sheared_silicon()), settings, tmp_path / "run")
        assert result.reason is not None
        assert result.reason.startswith("gpaw: SCF not converged in 2 cycles; its output says:")


class TestCp2k:
    def test_derivatives(self, tmp_path: Path) -> None:
        settings = needed(
            reference(
                kind="cp2k",
                cutoff_ry=80.0,
                rel_cutoff_ry=30.0,
                basis_set="SZV-MOLOPT-SR-GTH",
                smearing_k=2000.0,
            ),
            ["Si"],
        )
        assert_derivatives(sheared_silicon(), settings, tmp_path, 0.003, 0.005)

    def test_unconverged_is_recorded(self, tmp_path: Path) -> None:
        settings = needed(
            reference(kind="cp2k", cutoff_ry=100.0, basis_set="SZV-MOLOPT-SR-GTH", max_iterations=2), ["Si"]
        )
        result = label(configuration(sheared_silicon()), settings, tmp_path)
        assert result.reason is not None
        assert "SCF run NOT converged" in result.reason

    def test_what_cp2k_aborts_at_is_said(self, tmp_path: Path) -> None:
        settings = needed(reference(kind="cp2k", cutoff_ry=100.0, basis_set="NO-SUCH-BASIS"), ["Si"])
        result = label(configuration(sheared_silicon()), settings, tmp_path)
        assert result.reason is not None
        assert "NO-SUCH-BASIS" in result.reason


class TestPyscf:
    def test_derivatives(self, tmp_path: Path) -> None:
        settings = needed(reference(kind="pyscf", basis="sto-3g"), ["H", "O"])
        assert_derivatives(bent_water(), settings, tmp_path, 1e-3, 1e-4)

    def test_open_shells_and_isolated_atoms(self, tmp_path: Path) -> None:
        settings = needed(reference(kind="pyscf", xc="HF", basis="sto-3g"), ["H"])
        # STO-3G puts the hydrogen atom at -0.46658 hartree (Szabo and Ostlund, section 3.5.1).
        assert free_energies(["H"], settings, tmp_path)["H"] == pytest.approx(-0.46658 * 27.2114, abs=1e-3)

    def test_failures(self, tmp_path: Path) -> None:
        settings = needed(reference(kind="pyscf", basis="sto-3g", max_iterations=1), ["H", "O"])
        assert (
            label(configuration(bent_water()), settings, tmp_path).reason
            == "pyscf: SCF not converged in 1 cycles"
        )
        odd = reference(kind="pyscf", basis="sto-3g", spin=1)
        assert label(configuration(bent_water()), odd, tmp_path).reason == (
            "pyscf: 10 electrons cannot have 1 unpaired ones"
        )
        reason = label(configuration(bulk("Si")), reference(kind="pyscf"), tmp_path).reason
        assert reason is not None
        assert "molecules only" in reason
