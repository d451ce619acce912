"""Engines that cannot run here: the input that they would be given, and how their failures are read."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase.build import bulk

from atomsmith.data.configuration import Configuration
from atomsmith.reference import label
from atomsmith.reference.castep import CastepEngine
from atomsmith.reference.espresso import EspressoEngine
from atomsmith.reference.plane_waves import KPoints
from atomsmith.reference.registry import make_engine

from .structures import bent_water, configuration, reference


def program(folder: Path, script: str) -> str:
    """A program that stands in for an engine."""
    path = folder / "engine.sh"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def potcars(folder: Path, *names: str) -> dict[str, str]:
    for name in names:
        (folder / "potpaw_PBE" / name).mkdir(parents=True)
        (folder / "potpaw_PBE" / name / "POTCAR").write_text(f"  PAW_PBE {name}\n")
    return {"VASP_PP_PATH": str(folder)}


def words(path: Path) -> dict[str, str]:
    """Entries 'key = value' or 'key : value' of an input file, in lower case."""
    entries = {}
    for line in path.read_text().splitlines():
        for sign in ("=", ":"):
            if sign in line:
                key, _, value = line.partition(sign)
                entries[key.strip().lower()] = value.strip().lower()
                break
    return entries


def test_vasp_is_given_incar_kpoints_poscar_and_potcar(tmp_path: Path) -> None:
    settings = reference(
        kind="vasp",
        command=program(tmp_path, "echo 'VERY BAD NEWS! internal error in subroutine SGRCON'; exit 1"),
        environment=potcars(tmp_path / "pp", "Al", "Si_sv"),
        encut_ev=350.0,
        kpoints={"spacing_per_angstrom": 0.4},
        setups={"Si": "_sv"},
        incar={"ncore": 4, "ismear": 1},
    )
    atoms = bulk("Al", cubic=True)
    atoms.numbers[2] = 14
    result = label(configuration(atoms), settings, tmp_path / "run")
    incar = words(tmp_path / "run" / "INCAR")
    assert float(incar["encut"]) == 350.0
    assert float(incar["ediff"]) == 1e-6
    assert {key: incar[key] for key in ("nsw", "isif", "ismear", "ncore", "ispin", "lwave", "gga")} == {
        "nsw": "0",
        "isif": "2",
        "ismear": "1",
        "ncore": "4",
        "ispin": "1",
        "lwave": ".false.",
        "gga": "pe",
    }
    kpoints = (tmp_path / "run" / "KPOINTS").read_text().splitlines()
    assert kpoints[2].strip().lower().startswith("gamma")
    assert kpoints[3].split() == ["4", "4", "4"]  # 2 pi / 4.05 A = 1.55 / A
    assert "Al Si" in " ".join((tmp_path / "run" / "POSCAR").read_text().split())
    assert (tmp_path / "run" / "POTCAR").read_text().split() == ["PAW_PBE", "Al", "PAW_PBE", "Si_sv"]
    assert result.reason is not None
    assert "VERY BAD NEWS" in result.reason


def test_vasp_starts_spins_from_free_atoms(tmp_path: Path) -> None:
    settings = reference(
        kind="vasp", command="false", environment=potcars(tmp_path / "pp", "Fe"), spin_polarised=True
    )
    label(configuration(bulk("Fe")), settings, tmp_path / "run")
    incar = words(tmp_path / "run" / "INCAR")
    assert incar["ispin"] == "2"
    assert incar["magmom"].startswith("1*4.0")


def test_castep_is_given_cell_and_param(tmp_path: Path) -> None:
    settings = reference(
        kind="castep",
        command=program(tmp_path, 'echo "Error in parameters" > "$1.0001.err"'),
        cut_off_energy_ev=320.0,
        kpoints={"grid": (2, 3, 1)},
        pseudopotentials={"Si": "2|1.8|1.8|0.6|2|3|4|30:31:32"},
        param={"mixing_scheme": "Pulay"},
    )
    result = label(configuration(bulk("Si")), settings, tmp_path / "run")
    param = words(tmp_path / "run" / "castep" / "castep.param")
    expected = {
        "task": "singlepoint",
        "xc_functional": "pbe",
        "calculate_stress": "true",
        "mixing_scheme": "pulay",
    }
    assert {key: param[key] for key in expected} == expected
    assert float(param["cut_off_energy"].split()[0]) == 320.0
    cell = (tmp_path / "run" / "castep" / "castep.cell").read_text().lower()
    assert "kpoint_mp_grid: 2 3 1" in cell
    assert "kpoint_mp_offset: 0.2500000000 0.0000000000 0.0000000000" in cell
    assert "2|1.8|1.8|0.6|2|3|4|30:31:32" in cell
    assert result.reason is not None
    assert "Error in parameters" in result.reason


def test_castep_reports_missing_convergence(tmp_path: Path) -> None:
    engine = make_engine(reference(kind="castep"))
    assert isinstance(engine, CastepEngine)
    (tmp_path / "castep").mkdir()
    (tmp_path / "castep" / "castep.castep").write_text(
        "x\n*Warning* max. SCF cycles performed but system has not reached the groundstate.\ny\n"
    )
    assert engine.diagnose(tmp_path).startswith("*Warning* max. SCF cycles performed")


def test_orca_is_given_its_input(tmp_path: Path) -> None:
    script = 'echo "  The optimization/SCF did not start"; echo "SCF NOT CONVERGED AFTER 125 CYCLES"; exit 5'
    settings = reference(
        kind="orca",
        command=program(tmp_path, script),
        method="PBE def2-SVP",
        blocks="%pal nprocs 2 end",
        charge=1,
        multiplicity=2,
    )
    result = label(configuration(bent_water()), settings, tmp_path / "run")
    lines = (tmp_path / "run" / "orca.inp").read_text().splitlines()
    assert lines[0].split() == ["!", "PBE", "def2-SVP", "EnGrad"]
    assert lines[1].strip() == "%pal nprocs 2 end"
    assert lines[2].split() == ["*xyz", "1", "2"]
    atoms = np.array([line.split()[1:] for line in lines[3:6]], dtype=float)
    np.testing.assert_allclose(atoms, bent_water().positions)
    assert result.reason == (
        "orca: the program ended with exit code 5; its output says: SCF NOT CONVERGED AFTER 125 CYCLES"
    )


def test_molecular_engines_refuse_crystals(tmp_path: Path) -> None:
    result = label(configuration(bulk("Si")), reference(kind="orca", command="true"), tmp_path)
    assert result.reason == "orca: the configuration is periodic and ORCA is used for molecules only"


def test_free_atoms_get_their_ground_state() -> None:
    assert reference(kind="orca").for_isolated_atom("O").multiplicity == 3
    assert reference(kind="pyscf", charge=-1).for_isolated_atom("N").spin == 3
    assert reference(kind="cp2k").for_isolated_atom("Si").multiplicity == 3
    assert reference(kind="gpaw").for_isolated_atom("Fe").hund
    assert not reference(kind="gpaw").for_isolated_atom("Ar").hund
    vasp = reference(kind="vasp", kpoints={"grid": (3, 3, 3)}).for_isolated_atom("Al")
    assert vasp.spin_polarised
    assert vasp.kpoints.grid == (1, 1, 1)


def espresso(**values: Any) -> EspressoEngine:
    engine = make_engine(reference(kind="espresso", pseudopotentials={"Si": "Si.pz-vbc.UPF"}, **values))
    assert isinstance(engine, EspressoEngine)
    return engine


def test_espresso_is_given_its_namelists(tmp_path: Path) -> None:
    engine = espresso(
        ecutwfc_ry=20.0,
        ecutrho_ry=120.0,
        degauss_ry=0.01,
        conv_thr_ry_per_atom=1e-8,
        kpoints={"grid": (2, 1, 1)},
        input_data={"electrons": {"mixing_mode": "local-TF"}, "system": {"nbnd": 12}},
        command="false",
    )
    label(configuration(bulk("Si")), engine.settings, tmp_path / "run")
    entries = words(tmp_path / "run" / "espresso.pwi")
    expected = {
        "ecutwfc": "20.0",
        "ecutrho": "120.0",
        "smearing": "'cold'",
        "degauss": "0.01",
        "conv_thr": "2e-08",
        "mixing_mode": "'local-tf'",
        "nbnd": "12",
        "tprnfor": ".true.",
        "tstress": ".true.",
    }
    assert {key: entries[key] for key in expected} == expected
    assert "2 1 1  0 0 0" in (tmp_path / "run" / "espresso.pwi").read_text()


def test_espresso_uses_its_real_wavefunctions_at_gamma(tmp_path: Path) -> None:
    engine = espresso(kpoints={"grid": (1, 1, 1)}, command="false")
    label(configuration(bulk("Si")), engine.settings, tmp_path / "run")
    assert "K_POINTS gamma" in (tmp_path / "run" / "espresso.pwi").read_text()


@pytest.mark.parametrize(
    ("spacing", "expected"), [(0.5, (5, 5, 5)), (5.0, (1, 1, 1)), (np.pi / 2, (2, 2, 2))]
)
def test_kpoints_by_spacing(spacing: float, expected: tuple[int, int, int]) -> None:
    cube = Configuration(numbers=[14], positions=np.zeros((1, 3)), cell=np.eye(3) * 2.7, pbc=[True] * 3)
    two = Configuration(numbers=[14], positions=np.zeros((1, 3)), cell=np.eye(3) * 2.0, pbc=[True] * 3)
    chosen = two if expected == (2, 2, 2) else cube
    assert KPoints(spacing_per_angstrom=spacing).grid_for(chosen) == expected


def test_kpoints_along_open_directions_are_one() -> None:
    slab = Configuration(
        numbers=[14], positions=np.zeros((1, 3)), cell=np.diag([2.0, 4.0, 3.0]), pbc=[True, True, False]
    )
    assert KPoints(spacing_per_angstrom=1.0).grid_for(slab) == (4, 2, 1)
    assert KPoints(grid=(3, 3, 3)).grid_for(slab) == (3, 3, 1)
