"""`atomsmith fit` and `atomsmith evaluate` on a small data set with known labels."""

import io
import json
import re
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from rich.console import Console
from typer.testing import CliRunner

from atomsmith import Dataset, Potential
from atomsmith.cli import output
from atomsmith.cli.application import app
from atomsmith.data import Configuration
from atomsmith.data.files import new_folder
from atomsmith.data.locking import RunLock
from atomsmith.fitting.metrics import errors

runner = CliRunner(env={"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"})

SETTINGS = """
data:
  train: data/train.xyz
  test: data/test.xyz
model:
  terms:
    - descriptor: {kind: pair, cutoff: 4.5, degree: 6}
    - descriptor: {kind: ace, cutoff: 4.5, correlation_order: 2, degree: 6}
solver: {kind: ridge}
"""


def _labelled(count: int, seed: int) -> Dataset:
    generator = np.random.default_rng(seed)
    frames = []
    for number in range(count):
        atoms = bulk("Cu", cubic=True).repeat((1, 1, 2 if number % 2 else 1))
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + generator.normal(0, 0.02, (3, 3))), scale_atoms=True)
        atoms.positions += generator.normal(0, 0.05, atoms.positions.shape)
        atoms.info["config_type"] = "large" if number % 2 else "small"
        atoms.calc = EMT()
        atoms.get_stress()
        frames.append(atoms)
    return Dataset.from_atoms(frames)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("fit")
    (folder / "data").mkdir()
    _labelled(12, 1).write(folder / "data" / "train.xyz")
    _labelled(6, 2).write(folder / "data" / "test.xyz")
    (folder / "fit.yaml").write_text(SETTINGS)
    result = runner.invoke(
        app,
        ["fit", str(folder / "fit.yaml"), "-o", str(folder / "p.json"), "--json", str(folder / "fit.json")],
    )
    assert result.exit_code == 0, result.output
    (folder / "shown.txt").write_text(result.stdout)
    return folder


def test_fit_writes_a_potential_and_its_errors(folder):
    numbers = json.loads((folder / "fit.json").read_text())
    potential = Potential.load(folder / "p.json")
    assert numbers["n_functions"] == potential.n_functions > 0
    assert numbers["cutoff_angstrom"] == pytest.approx(4.5)
    assert len(potential.committee) == 8
    assert numbers["errors"]["training"]["total"]["n_configurations"] == 12
    assert numbers["errors"]["test"]["by_type"].keys() == {"large", "small"}
    # forces of the data are about 1 eV/angstrom; a fit that learnt nothing would leave that
    assert 0.0 < numbers["errors"]["test"]["total"]["forces"]["rmse"] < 0.2
    shown = (folder / "shown.txt").read_text()
    assert "Errors on 6 test configurations" in shown
    assert "weights: energy 30, forces 1, virial " in shown


def test_numbers_are_whole_on_a_narrow_screen(folder, monkeypatch):
    def numbers(width: int) -> list[str]:
        screen = Console(width=width, file=io.StringIO())
        monkeypatch.setattr(output, "console", lambda: screen)
        data = Dataset.read(folder / "data" / "test.xyz")
        output.show_table(errors(data, Potential.load(folder / "p.json").predict(data)).table("Errors"))
        return re.findall(r"\d\.\d+", screen.file.getvalue())

    assert len(numbers(100)) == 18
    assert numbers(40) == numbers(100)


def test_fit_tells_of_holes_beyond_its_data_and_what_may_close_them(folder, tmp_path):
    numbers = tmp_path / "fit.json"
    made = ["-o", str(tmp_path / "p.json"), "--json", str(numbers)]
    order = ["--set", "model.terms[1].descriptor.correlation_order=3"]
    shown = runner.invoke(app, ["fit", str(folder / "fit.yaml"), *made, *order]).stdout
    holes = json.loads(numbers.read_text())["crystals"]["holes"]
    assert len(holes) > 1
    assert all(f"{hole['element']} {hole['structure']} at " in shown for hole in holes[:4])
    assert "add such structures to the data, or set beyond_data: crystals" in shown
    believing = ["--set", "beyond_data=crystals"]
    shown = runner.invoke(app, ["fit", str(folder / "fit.yaml"), *made, *order, *believing]).stdout
    assert "beyond the data: " in shown
    assert "beyond_data" not in shown


def test_fit_tells_beforehand_what_it_takes(folder):
    numbers = json.loads((folder / "fit.json").read_text())
    estimate = numbers["estimate"]
    assert estimate["n_atoms"] == 6 * 4 + 6 * 8
    assert estimate["n_rows"] == 12 * 7 + 3 * estimate["n_atoms"]
    assert estimate["n_features"] == numbers["n_functions"] + 1
    assert estimate["seconds"] > 0.0
    # What an interpreter with these libraries takes is in both; the fit itself is small.
    assert numbers["peak_bytes"] / 3 < estimate["peak_bytes"] < 3 * numbers["peak_bytes"]


def test_workers_give_the_same_potential(folder):
    output, numbers = folder / "workers.json", folder / "numbers.json"
    command = ["fit", str(folder / "fit.yaml"), "-o", str(output), "--json", str(numbers)]
    result = runner.invoke(app, [*command, "--set", "executor.workers=2"])
    assert result.exit_code == 0, result.output
    assert json.loads(numbers.read_text())["estimate"]["workers"] == 2
    alone, shared = Potential.load(folder / "p.json"), Potential.load(output)
    assert np.array_equal(alone.coefficients, shared.coefficients)
    assert np.array_equal(alone.committee, shared.committee)
    assert output.read_bytes() == (folder / "p.json").read_bytes()


def test_configurations_that_were_fitted_are_no_test(folder, tmp_path):
    """Some of them: they are left out, which the screen and the report say. All of them: refused."""
    train, test = (Dataset.read(folder / f"data/{name}.xyz") for name in ("train", "test"))
    (test + train[:2]).write(tmp_path / "both.xyz")
    command = ["fit", str(folder / "fit.yaml"), "-o", str(tmp_path / "p.json"), "--report", str(tmp_path)]
    result = runner.invoke(app, [*command, "--set", f"data.test={tmp_path / 'both.xyz'}"])
    assert result.exit_code == 0, result.output
    assert "Errors on 6 test configurations" in result.stdout
    said = "2 of 8 test configurations are in the training set as well and were left out of the test"
    assert said in " ".join(result.stdout.split())
    assert said in (tmp_path / "report.html").read_text()

    result = runner.invoke(app, [*command, "--set", "data.test=data/train.xyz"])
    assert result.exit_code == 2
    assert "all 12 configurations of 'data.test' are in 'data.train' as well" in " ".join(
        result.stderr.split()
    )

    result = runner.invoke(app, ["evaluate", str(folder / "p.json"), str(folder / "data/train.xyz")])
    assert "these are the data that the potential was fitted to" in " ".join(result.stdout.split())


def test_isolated_atoms_of_other_elements_do_not_stop_a_fit(folder, tmp_path):
    spare = Configuration(np.array([8]), np.zeros((1, 3)), energy=-3.0)
    (Dataset([spare]) + Dataset.read(folder / "data/train.xyz")).write(tmp_path / "train.xyz")
    command = ["fit", str(tmp_path / "train.xyz"), "-o", str(tmp_path / "p.json"), "--report", str(tmp_path)]
    result = runner.invoke(app, [*command, "--set", "committee=0"])
    assert result.exit_code == 0, result.output
    said = "solated atoms of O were left out, as no other training configuration holds these"
    assert said in " ".join(result.stdout.split())
    assert said in (tmp_path / "report.html").read_text()
    assert "Errors on 12 training configurations" in result.stdout


def test_evaluate_finds_the_errors_that_the_fit_reported(folder):
    output = folder / "errors.json"
    result = runner.invoke(
        app, ["evaluate", str(folder / "p.json"), str(folder / "data/test.xyz"), "--json", str(output)]
    )
    assert result.exit_code == 0, result.output
    found = json.loads(output.read_text())
    reported = json.loads((folder / "fit.json").read_text())["errors"]["test"]
    for quantity in ("energy", "forces", "stress"):
        for statistic in ("n", "mae", "rmse", "max"):
            expected = reported["total"][quantity][statistic]
            assert found["total"][quantity][statistic] == pytest.approx(expected, rel=1e-6)
    test = Dataset.read(folder / "data/test.xyz")
    forces = Potential.load(folder / "p.json").predict(test).forces
    truth = np.concatenate([configuration.forces for configuration in test])
    assert found["total"]["forces"]["mae"] == pytest.approx(np.abs(forces - truth).mean(), rel=1e-9)
    assert "meV/atom" in result.stdout


def test_overrides_reach_the_fit(folder):
    target = folder / "split.json"
    arguments = ["fit", str(folder / "fit.yaml"), "-o", str(folder / "q.json"), "--json", str(target)]
    changes = [
        "committee=0",
        "data.test=null",
        "data.split.test_fraction=0.25",
        "model.terms[0].descriptor.degree=4",
    ]
    result = runner.invoke(app, arguments + [part for change in changes for part in ("--set", change)])
    assert result.exit_code == 0, result.output
    errors = json.loads(target.read_text())["errors"]
    sizes = {name: errors[name]["total"]["n_configurations"] for name in ("training", "test")}
    assert sum(sizes.values()) == 12
    assert sizes["test"] > 0
    assert len(Potential.load(folder / "q.json").committee) == 0
    assert "8 committee" not in result.stdout


def test_a_missing_data_file_is_named_relative_to_the_settings(folder):
    result = runner.invoke(app, ["fit", str(folder / "fit.yaml"), "--set", "data.train=none.xyz"])
    assert result.exit_code == 2
    assert str(folder / "none.xyz") in result.stderr


def test_fit_writes_a_report(folder, tmp_path):
    arguments = ["fit", str(folder / "fit.yaml"), "-o", str(tmp_path / "potential.json")]
    result = runner.invoke(app, [*arguments, "--report", str(tmp_path / "report")])
    assert result.exit_code == 0, result.output
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "Fit: potential" in page
    assert "Test set" in page
    data = json.loads((tmp_path / "report" / "report.json").read_text())
    numbers = json.loads((folder / "fit.json").read_text())["errors"]["test"]["total"]
    row = next(r for r in data["errors"] if r["split"] == "test" and r["config_type"] == "all")
    assert row["forces_rmse"] == pytest.approx(numbers["forces"]["rmse"], rel=1e-6)
    assert row["stress_mae_gpa"] == pytest.approx(numbers["stress"]["mae"], rel=1e-6)
    assert len(data["structures"]) == 18


def test_elements_that_the_potential_does_not_know_are_refused_before_anything_is_computed(folder, tmp_path):
    silver = tmp_path / "silver.xyz"
    row = "Ag 0 0 0\nAg 0 0 2.5\n"
    silver.write_text(f"2\nProperties=species:S:1:pos:R:3 energy=-1 pbc=F\n{row}")
    result = runner.invoke(app, ["evaluate", str(folder / "p.json"), str(silver)])
    assert result.exit_code == 2
    assert "the potential knows Cu, not Ag, which the structures hold" in " ".join(result.stderr.split())
    arguments = ["fit", str(folder / "fit.yaml"), "-o", str(tmp_path / "q.json"), "--test", str(silver)]
    result = runner.invoke(app, arguments)
    assert result.exit_code == 2
    assert "hold Ag, which no training configuration does" in result.stderr
    assert not (tmp_path / "q.json").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-o", "{folder}/data"], "is a folder, expected the name of a file in it"),
        (["-o", "{folder}/fit.yaml"], "is read by the same command; give another name"),
        (["-o", "{folder}/data/train.xyz"], "is read by the same command; give another name"),
        (["-o", "{folder}/q.json", "--json", "{folder}/q.json"], "is also written by --output"),
        (["-o", "{folder}/fit.yaml/q.json"], "fit.yaml is a file, expected a folder"),
        (["--report", "{folder}/fit.yaml"], "fit.yaml is a file, expected a folder"),
        (["--report", "{folder}/fit.yaml/figures"], "fit.yaml is a file, expected a folder"),
        (["--set", "weights.types={lrge: {energy: 30}}"], "perhaps 'large' is meant"),
        (["--set", "model.terms[1].descriptor.cutoff=.inf"], "is inf, but should be"),
        (["--set", "model.terms[1].descriptor.cutoff=4000"], "at most 30"),
    ],
)
def test_slips_are_refused_before_anything_is_computed(folder, options, message):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    given = [option.replace("{folder}", str(folder)) for option in options]
    result = runner.invoke(app, ["fit", str(folder / "fit.yaml"), *given])
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert "fitting" not in result.stderr
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_coincident_atoms_are_named(folder, tmp_path):
    lines = (folder / "data" / "train.xyz").read_text().splitlines()
    lines[4] = lines[3]
    (tmp_path / "twice.xyz").write_text("\n".join(lines) + "\n")
    result = runner.invoke(
        app,
        [
            *("fit", str(folder / "fit.yaml"), "-o", str(tmp_path / "q.json")),
            *("--set", f"data.train={tmp_path / 'twice.xyz'}"),
        ],
    )
    assert result.exit_code == 2
    assert "Configuration 0 (small) has the atoms 1 and 2 at a distance of 0 angstrom" in result.stderr
    assert not (tmp_path / "q.json").exists()
    result = runner.invoke(app, ["evaluate", str(folder / "p.json"), str(tmp_path / "twice.xyz")])
    assert result.exit_code == 2
    assert "twice.xyz: Structure 0 has no finite energy and forces: it has the atoms 1 and 2" in result.stderr


def test_structures_alone_are_fitted_with_the_defaults(folder, tmp_path):
    files = [str(folder / "data/train.xyz"), str(folder / "data/more.xyz")]
    _labelled(6, 3).write(files[1])
    output = ["-o", str(tmp_path / "p.json"), "--json", str(tmp_path / "fit.json")]
    sizes = ["--set", "model.terms[1].descriptor.degree=6", "--set", "committee=2"]
    result = runner.invoke(app, ["fit", *files, *output, *sizes, "--test", str(folder / "data/test.xyz")])
    assert result.exit_code == 0, result.output
    numbers = json.loads((tmp_path / "fit.json").read_text())
    assert numbers["data"]["n_configurations"] == 18
    assert numbers["errors"]["test"]["total"]["n_configurations"] == 6
    assert numbers["errors"]["test"]["total"]["forces"]["rmse"] < 0.2
    potential = Potential.load(tmp_path / "p.json")
    assert 5.0 <= potential.cutoff <= 5.3  # copper: 48 neighbours are within 5.1 angstrom
    assert len(potential.committee) == 2


def test_a_settings_file_stands_alone(folder):
    result = runner.invoke(app, ["fit", str(folder / "fit.yaml"), str(folder / "data/train.xyz")])
    assert result.exit_code == 2
    assert "give either one settings file" in result.stderr.replace("\n", " ")


def test_test_files_of_the_command_line_replace_those_of_the_settings(folder, tmp_path):
    _labelled(4, 4).write(tmp_path / "more.xyz")
    result = runner.invoke(
        app,
        [
            *["fit", str(folder / "fit.yaml"), "-o", str(tmp_path / "p.json")],
            *["--test", str(tmp_path / "more.xyz"), "--json", str(tmp_path / "n.json")],
        ],
    )
    assert result.exit_code == 0, result.output
    errors = json.loads((tmp_path / "n.json").read_text())["errors"]
    assert errors["test"]["total"]["n_configurations"] == 4


def test_evaluate_tells_how_far_structures_lie_outside_of_the_data(folder, tmp_path):
    (tmp_path / "fit.yaml").write_text(
        SETTINGS.replace("data/", f"{folder}/data/") + "extrapolation: {kind: ranges, of: configurations}\n"
    )
    potential = str(tmp_path / "p.json")
    assert runner.invoke(app, ["fit", str(tmp_path / "fit.yaml"), "-o", potential]).exit_code == 0
    found = {}
    for name in ("train", "test"):
        arguments = [potential, str(folder / "data" / f"{name}.xyz"), "--json", str(tmp_path / "e.json")]
        result = runner.invoke(app, ["evaluate", *arguments])
        assert result.exit_code == 0, result.output
        assert "extrapolation grade (ranges of configurations)" in " ".join(result.stdout.split())
        found[name] = json.loads((tmp_path / "e.json").read_text())["extrapolation"]
    assert max(found["train"]["configurations"]) <= 1.0 + 1e-9
    assert max(found["test"]["configurations"]) > 1.0
    assert [len(atoms) for atoms in found["test"]["atoms"]] == [4, 8, 4, 8, 4, 8]


@pytest.mark.parametrize(
    "terms",
    [
        "[{descriptor: {kind: bispectrum, twojmax: 3, cutoff: 4.0}}]",
        "[{descriptor: {kind: bispectrum, twojmax: 2, cutoff: 4.0}, regressor: {kind: quadratic}}]",
        "[{descriptor: {kind: moments, level: 6, cutoff: 4.0}}]",
        "[{descriptor: {kind: moments, level: 6, cutoff: 4.0}, regressor: {kind: quadratic}}]",
        "[{descriptor: {kind: moments, level: 6, cutoff: 4.0, radial_size: 4, radial: {trainable: true}}}]",
    ],
)
def test_a_settings_file_fits_any_descriptor(folder, tmp_path, terms):
    data = f"data: {{train: {folder}/data/train.xyz, test: {folder}/data/test.xyz}}"
    (tmp_path / "fit.yaml").write_text(f"{data}\nmodel: {{terms: {terms}}}\n")
    command = ["fit", str(tmp_path / "fit.yaml"), "-o", str(tmp_path / "p.json")]
    result = runner.invoke(app, [*command, "--json", str(tmp_path / "fit.json")])
    assert result.exit_code == 0, result.output
    numbers = json.loads((tmp_path / "fit.json").read_text())
    assert 0.0 < numbers["errors"]["test"]["total"]["forces"]["rmse"] < 0.3
    committee = Potential.load(tmp_path / "p.json").committee
    assert len(committee) == 8
    assert committee.std(axis=0).max() > 0.0


def test_a_filter_that_leaves_nothing_to_fit_is_named(folder):
    limit = "data.filter.max_force_ev_per_angstrom=1e-9"
    result = runner.invoke(
        app, ["fit", str(folder / "fit.yaml"), "-o", str(folder / "none.json"), "--set", limit]
    )
    assert result.exit_code == 2
    assert "data.filter leaves out every training configuration" in result.stderr
    assert not (folder / "none.json").exists()


def test_data_that_teach_nothing_are_refused(tmp_path):
    def refusal(atoms) -> str:
        atoms.info["energy"] = -1.0
        ase.io.write(tmp_path / "few.xyz", [atoms])
        result = runner.invoke(app, ["fit", str(tmp_path / "few.xyz"), "-o", str(tmp_path / "few.json")])
        assert result.exit_code == 2
        assert not (tmp_path / "few.json").exists()
        return result.stderr

    assert "isolated atoms alone" in refusal(Atoms("Cu", positions=[[0.0, 0.0, 0.0]]))
    assert "lattice vector of 0.01 angstrom" in refusal(Atoms("Cu", cell=[0.01, 3.0, 3.0], pbc=True))
    tiny = refusal(Atoms("Cu", cell=[0.01, 0.01, 0.01], pbc=True))
    assert "the cell has 1e-06 cubic angstrom for 1 atom: check the unit" in tiny


ACE = "{kind: ace, cutoff: 4.0, correlation_order: 2, degree: 4}"
NETWORK = f"[{{descriptor: {ACE}, regressor: {{kind: network, hidden: [2]}}}}]"


def test_two_trainings_do_not_share_a_folder(folder, tmp_path):
    output = tmp_path / "new" / "p.json"
    terms = f"model={{terms: {NETWORK}}}"
    command = ["fit", str(folder / "data" / "train.xyz"), "-o", str(output), "--set", terms]
    with new_folder(output.with_name("p.json.training")):
        lock = RunLock(output.with_name("p.json.training"))
        refused = runner.invoke(app, command)
        lock.release()
    assert refused.exit_code == 2
    assert f"--output {output}: another fit to this file trains" in refused.stderr
    epochs = f"model={{terms: {NETWORK.replace('hidden: [2]', 'hidden: [2], epochs: 2, members: 1')}}}"
    done = runner.invoke(app, [*command[:-1], epochs])
    assert done.exit_code == 0, done.output
    assert [file.name for file in output.parent.iterdir()] == ["p.json"]
    count = Potential.load(output).n_functions  # that the network takes, not its one output
    assert count > 1
    assert f"{count} basis functions, cutoff 4.00 angstrom" in done.output, done.output
