"""What `label` and `check` make of working, failing and absent references."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from pydantic import ValidationError

from atomsmith.data.configuration import Configuration
from atomsmith.errors import InputError
from atomsmith.reference import check, label
from atomsmith.reference.engine import completed_cell, require_command, tail

from .structures import bent_water, configuration, labelled, reference

WELL = f"{__package__}.calculators:Well"


def well(**arguments: object) -> object:
    return reference(kind="ase", calculator=WELL, arguments=arguments)


def test_labels_replace_those_of_the_configuration(tmp_path: Path) -> None:
    atoms = bulk("Cu")
    given = configuration(atoms, energy=7.0, config_type="bulk", weight=2.0, info={"from": "here"})
    result = label(given, well(), tmp_path / "1")
    assert result.ok
    assert result.seconds > 0.0
    assert result.configuration is not None
    assert result.configuration.config_type == "bulk"
    assert result.configuration.weight == 2.0
    assert result.configuration.info == {"from": "here"}
    np.testing.assert_allclose(result.configuration.forces, -atoms.positions)
    np.testing.assert_allclose(result.configuration.stress, np.arange(6.0))


def test_energy_is_the_free_energy_that_forces_derive_from(tmp_path: Path) -> None:
    atoms = bent_water()
    got = labelled(atoms, well(), tmp_path / "1")
    assert got.energy == pytest.approx(0.5 * np.sum(atoms.positions**2) - 1.0)


def test_stress_only_where_periodic_in_all_directions_and_asked_for(tmp_path: Path) -> None:
    slab = bulk("Cu", cubic=True)
    slab.pbc = [True, True, False]
    assert labelled(slab, well(), tmp_path).stress is None
    unwanted = reference(kind="ase", calculator=WELL, stress=False, forces=False)
    got = labelled(bulk("Cu"), unwanted, tmp_path)
    assert got.stress is None
    assert got.forces is None


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("raises", "ase: RuntimeError: the well ran dry"),
        ("nan", "ase: the forces returned is not finite"),
        ("no forces", "ase: no forces were returned"),
    ],
)
def test_a_failed_calculation_is_a_reason(behaviour: str, reason: str, tmp_path: Path) -> None:
    result = label(configuration(bent_water()), well(behaviour=behaviour), tmp_path)
    assert result.configuration is None
    assert result.reason == reason


def test_a_calculator_that_did_not_converge_fails(tmp_path: Path) -> None:
    settings = reference(kind="ase", calculator=WELL.replace("Well", "unconverged"))
    assert (
        label(configuration(bent_water()), settings, tmp_path).reason
        == "ase: the calculation did not converge"
    )


def test_scratch_folders_stay_as_asked_for(tmp_path: Path) -> None:
    for keep, behaviour, stays in [
        ("none", "raises", False),
        ("failed", "raises", True),
        ("failed", "works", False),
        ("all", "works", True),
    ]:
        settings = reference(
            kind="ase",
            calculator=WELL,
            keep_files=keep,
            arguments={"behaviour": behaviour, "folder": "{folder}"},
        )
        label(configuration(bent_water()), settings, tmp_path / "scratch")
        assert (tmp_path / "scratch").exists() == stays
        assert (tmp_path / "scratch" / "well.txt").exists() == (stays and behaviour == "works")


def test_environment_is_set_only_during_the_calculation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WELL_DEPTH", "1.0")
    settings = reference(
        kind="ase", calculator=WELL, arguments={"behaviour": "variable"}, environment={"WELL_DEPTH": "2.5"}
    )
    assert labelled(bent_water(), settings, tmp_path).energy == 2.5
    assert os.environ["WELL_DEPTH"] == "1.0"


@pytest.mark.parametrize("path", ["os.system", "os:system('true')"])
def test_what_is_no_import_path_is_refused_when_settings_are_read(path: str) -> None:
    with pytest.raises(ValidationError, match=r"is not of the form 'package\.module:Name'"):
        reference(kind="ase", calculator=path)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"calculator": "no.such.module:Calculator"}, "module 'no.such.module' cannot be imported"),
        ({"calculator": "ase.calculators.emt:NoSuch"}, "module 'ase.calculators.emt' has no 'NoSuch'"),
        ({"calculator": "ase.units:Bohr"}, "is not a class or function"),
        ({"calculator": WELL, "arguments": {"depth": 1}}, "does not take its `arguments`.*'depth'"),
    ],
)
def test_check_names_what_is_wrong_with_an_import_path(values: dict[str, object], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        check(reference(kind="ase", **values))


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        (
            {"kind": "espresso", "pseudopotentials": {"Si": "x.UPF"}, "command": "no-such-pw.x"},
            "'no-such-pw.x'.*apt-get",
        ),
        ({"kind": "orca", "command": "mpirun-none -np 2 orca"}, "'mpirun-none'.*install ORCA"),
        ({"kind": "cp2k", "command": "env X=1 no-such-shell"}, "'no-such-shell'.*cp2k-data"),
        ({"kind": "castep", "command": ""}, "is empty.*install CASTEP"),
        ({"kind": "vasp", "command": "true"}, "VASP_PP_PATH is ''"),
        (
            {"kind": "espresso", "pseudopotentials": {"Si": "none.UPF"}, "command": "true"},
            "'none.UPF' of Si is not in",
        ),
    ],
)
def test_check_names_the_missing_program_and_its_mend(
    values: dict[str, object], complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VASP_PP_PATH", raising=False)
    with pytest.raises(InputError, match=complaint):
        check(reference(**values))


def test_check_names_elements_a_reference_lacks() -> None:
    with pytest.raises(InputError, match="element Al has no pseudopotential"):
        check(reference(kind="espresso", command="true", pseudopotentials={"Si": "Si.UPF"}), ["Si", "Al"])
    with pytest.raises(InputError, match="no parameters for U"):
        check(reference(kind="tblite"), ["H", "U"])


def test_a_command_may_start_with_variables() -> None:
    require_command("env OMP_NUM_THREADS=1 true", "espresso", "mend it")
    with pytest.raises(InputError, match=r"/no/such/pw\.x"):
        require_command("true -np 2 /no/such/pw.x", "espresso", "mend it")


def test_unknown_references_and_keys_are_refused() -> None:
    with pytest.raises(ValidationError, match="does not match any of the expected tags"):
        reference(kind="gaussian")
    with pytest.raises(ValidationError, match="Extra inputs"):
        reference(kind="tblite", methods="GFN1-xTB")


@pytest.mark.parametrize("pbc", [(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0), (0, 1, 1), (1, 0, 1)])
def test_completed_cells_keep_distances_and_hold_the_atoms(pbc: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(3)
    periodic = np.array(pbc, dtype=bool)
    cell = rng.normal(size=(3, 3)) * periodic[:, None] * 4.0
    given = Configuration(numbers=[14] * 5, positions=10.0 * rng.normal(size=(5, 3)), cell=cell, pbc=periodic)
    completed, positions = completed_cell(given, 2.0)
    np.testing.assert_allclose(completed[periodic], cell[periodic])
    np.testing.assert_allclose(np.diff(positions, axis=0), np.diff(given.positions, axis=0), atol=1e-12)
    free = completed[~periodic]
    np.testing.assert_allclose(free @ cell[periodic].T, 0.0, atol=1e-12)
    assert np.linalg.det(completed) > 0.0
    fractional = positions @ np.linalg.inv(completed)
    clearance = fractional[:, ~periodic] * np.linalg.norm(free, axis=1)
    np.testing.assert_allclose(clearance.min(axis=0), 2.0)
    np.testing.assert_allclose((np.linalg.norm(free, axis=1) - clearance).min(axis=0), 2.0)


def test_tail_gives_the_last_lines_that_say_something(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("one\n" + "x" * 20000 + "\nSCF   failed\n******\n\nstopping\n")
    assert tail(path, lines=2) == "SCF failed | stopping"
    assert tail(tmp_path / "absent") == ""


def test_atoms_on_top_of_each_other_fail_with_the_engines_words(tmp_path: Path) -> None:
    twice = Configuration(numbers=[1, 1], positions=np.zeros((2, 3)))
    result = label(twice, reference(kind="tblite"), tmp_path)
    assert result.reason is not None
    assert "Too close interatomic distances" in result.reason


def test_engines_without_files_leave_no_folder(tmp_path: Path) -> None:
    assert (
        labelled(Atoms("H2", [[0, 0, 0], [0, 0, 0.75]]), reference(kind="tblite"), tmp_path / "1").forces
        is not None
    )
    assert not (tmp_path / "1").exists()


def test_a_calculator_is_made_once_if_it_may_be_reused(tmp_path: Path) -> None:
    counting = {"kind": "ase", "calculator": WELL.replace("Well", "Counted")}
    for reuse, expected in ((False, [1.0, 2.0]), (True, [3.0, 3.0])):
        settings = reference(**counting, reuse=reuse)
        assert [labelled(bent_water(), settings, tmp_path).energy for _ in range(2)] == expected
