"""`atomsmith assess` on labels by EMT: numbers that must come out, failures stated, runs that resume."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import ase.build
import numpy as np
import pytest
from ase.calculators.emt import EMT
from tests.potentials import make_potential
from typer.testing import CliRunner

from atomsmith import Dataset
from atomsmith.cli.application import app

runner = CliRunner(env={"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"})

SETTINGS = """
title: Copper by EMT
systems:
  Cu:
    crystal: {element: Cu}
    train: train.xyz
    test: test.xyz
    melting_point_k: 1358
    values: {a: 3.6, C11: 170, C44: 80}
    potentials:
      ACE:
        fit: &ace
          model:
            terms:
              - descriptor: {kind: pair, cutoff: 5.0, degree: 8}
              - descriptor: {kind: ace, cutoff: 5.0, correlation_order: 2, degree: 4}
          committee: 0
        sizes: {key: "model.terms[1].descriptor.degree", values: [2]}
      EMT: {reference: {kind: ase, calculator: "ase.calculators.emt:EMT", reuse: true}, cutoff_angstrom: 6.5}
      shifted:
        reference: {kind: ase, calculator: "tests.assessment.shifted:ShiftedEMT", reuse: true}
        energy_zero: fitted
      water: {file: water.json}
      absent: {reference: {kind: ase, calculator: "no.such.module:Calculator"}}
cost: {atoms: 32, steps: 1, repeats: 3}
properties: {lattice: {}, elastic: {}, eos: {points: 5, ions: clamped}, polymorphs: {structures: [bcc, hcp]},
             phonons: {supercell_angstrom: 7, mesh: 20}}
learning_curve: {fractions: [0.3, 1.0], seeds: 2}
motion: {truth: EMT, fractions: [0.5], count: 2, atoms: 8, every_ps: 0.02, equilibration_ps: 0.02}
unseen: {structures: [bcc, hcp], truth: EMT, geometry: EMT}
executor: {kind: serial}
"""


def labelled(count, seed):
    rng = np.random.default_rng(seed)
    frames = []
    for _ in range(count):
        atoms = ase.build.bulk("Cu", cubic=True).repeat((2, 2, 1))
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + rng.normal(scale=0.02, size=(3, 3))), scale_atoms=True)
        atoms.rattle(0.1, rng=rng)
        atoms.calc = EMT()
        atoms.get_potential_energy()
        atoms.get_stress()
        frames.append(atoms)
    return Dataset.from_atoms(frames)


def prepare(folder):
    labelled(12, 0).write(folder / "train.xyz")
    labelled(4, 1).write(folder / "test.xyz")
    make_potential().save(folder / "water.json")
    (folder / "assess.yaml").write_text(SETTINGS)


def run(folder, *more):
    return runner.invoke(
        app, ["assess", str(folder / "assess.yaml"), "-o", str(folder / "out"), *map(str, more)]
    )


def rows(folder, table):
    with (folder / "out" / "tables" / f"{table}.csv").open() as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("assess")
    prepare(folder)
    result = run(folder)
    assert result.exit_code == 0, result.output
    return folder, result


@pytest.fixture
def copied(done, tmp_path):
    """The run in a folder of its own, for tests that change it."""
    shutil.copytree(done[0], tmp_path, dirs_exist_ok=True)
    return tmp_path


def only(found, **wanted):
    (row,) = [row for row in found if all(row[key] == value for key, value in wanted.items())]
    return row


def test_the_report_can_be_written_again_elsewhere(copied):
    kept = (copied / "out/report.html").read_bytes()
    done = runner.invoke(app, ["report", str(copied / "out"), "-o", str(copied / "again")])
    assert done.exit_code == 0, done.output
    tables = sorted(file.name for file in (copied / "out/tables").iterdir())
    assert sorted(file.name for file in (copied / "again/tables").iterdir()) == tables
    for name in tables:
        assert (copied / "again/tables" / name).read_text() == (copied / "out/tables" / name).read_text()
    assert "Copper by EMT" in (copied / "again/report.html").read_text()
    assert (copied / "out/report.html").read_bytes() == kept


def test_a_report_before_the_first_one_names_the_command(copied):
    (copied / "out/assessment.json").unlink()
    done = runner.invoke(app, ["report", str(copied / "out")])
    assert done.exit_code == 2
    assert "--no-compute" in done.stderr


def test_labels_have_no_error_by_the_calculator_that_made_them(done):
    errors = rows(done[0], "errors")
    exact = only(errors, potential="EMT", set="test", type="all")
    assert float(exact["energy_mae_mev_per_atom"]) < 1e-9
    assert float(exact["forces_max_ev_per_angstrom"]) < 1e-9
    assert float(exact["stress_mae_gpa"]) < 1e-9
    fitted = only(errors, potential="ACE", set="test", type="all")
    assert 0.0 < float(fitted["forces_mae_ev_per_angstrom"]) < 0.1


def test_a_constant_in_the_energies_is_taken_off_where_asked(done):
    item = json.loads((done[0] / "out/items/accuracy/Cu/shifted.json").read_text())
    assert item["result"]["zero_ev"]["Cu"] == pytest.approx(-1.5, abs=1e-9)
    shifted = only(rows(done[0], "errors"), potential="shifted", set="test", type="all")
    assert float(shifted["energy_mae_mev_per_atom"]) < 1e-6


def test_properties_are_those_of_the_property_code_with_deviations(done):
    from atomsmith.builders import ground_state
    from atomsmith.properties.elastic import elastic
    from atomsmith.properties.sources import opened_reference
    from atomsmith.reference.ase_calculator import AseSettings
    from atomsmith.reference.settings import ExecutorSettings

    emt = AseSettings(calculator="ase.calculators.emt:EMT", reuse=True)
    with opened_reference(emt, ground_state("Cu"), ExecutorSettings(kind="serial")) as force_field:
        right = elastic(force_field, ground_state("Cu")).component("C11")
    row = only(rows(done[0], "properties"), potential="EMT", quantity="C11")
    assert float(row["value"]) == pytest.approx(right, rel=1e-6)
    assert float(row["deviation"]) == pytest.approx(right / 170 - 1, rel=1e-6)


def test_phonons_of_a_stable_crystal_are_real_and_in_the_report(done):
    found = rows(done[0], "phonons")
    copper = only(found, potential="EMT")
    assert 5.0 < float(copper["highest_thz"]) < 10.0
    assert abs(float(copper["lowest_thz"])) < 0.05
    assert 0.8 * 3 < float(copper["heat_capacity_300k_kb_per_atom"]) < 3.0
    assert only(found, potential="shifted")["highest_thz"] == copper["highest_thz"]
    assert only(found, potential="water")["problem"] == "the potential knows O, H, not Cu"
    assert (done[0] / "out/figures/phonons.png").is_file()


def test_what_fails_is_a_statement_and_nothing_else_suffers(done):
    folder, result = done
    problems = rows(folder, "problems")
    assert {row["potential"] for row in problems if row["failed"] == "True"} >= {"water", "absent"}
    assert "the potential knows O, H, not Cu" in only(problems, potential="water", part="accuracy")["problem"]
    assert "no.such.module" in only(problems, potential="absent", part="accuracy")["problem"]
    assert "Cu: accuracy of water: the potential knows O, H, not Cu" in result.output
    cost = {row["potential"]: row["us_per_atom_step"] for row in rows(folder, "cost")}
    assert cost["water"] == cost["absent"] == ""
    assert all(float(cost[name]) > 0.0 for name in ("ACE", "ACE [2]", "EMT", "shifted"))
    page = (folder / "out/report.html").read_text()
    assert page.count(">failed</a>") > 10


def test_every_number_leads_to_its_item_and_settings(done):
    page = (done[0] / "out/report.html").read_text()
    targets = set(re.findall(r'href="#([^"]+)"', page))
    anchors = re.findall(r'id="([^"]+)"', page)
    assert len(anchors) == len(set(anchors))
    assert targets <= set(anchors)
    files = re.findall(r'href="(items/[^"]+)"', page)
    assert files
    assert all((done[0] / "out" / file).is_file() for file in files)
    cells = re.findall(r'<td class="n[^"]*">(.*?)</td>', page)
    numbers = [cell for cell in cells if re.match(r"[\d−]", re.sub("<[^>]*>", "", cell))]
    unlinked = [cell for cell in numbers if "<a " not in cell]
    # Known values, seconds of the items and counts are no results.
    assert len(unlinked) < 0.5 * len(numbers)
    assert len(numbers) > 50
    assert "http" not in re.sub(r"<script.*?</script>", "", page, flags=re.S).replace("http-equiv", "")


def test_the_truth_agrees_with_itself(done):
    found = rows(done[0], "motion")
    assert {row["potential"] for row in found} == {"ACE", "shifted", "water", "absent"}
    same = only(found, potential="shifted")
    assert float(same["forces_mae_ev_per_angstrom"]) < 1e-9
    assert float(same["forces_mae_error_ev_per_angstrom"]) < 1e-9
    assert float(same["energy_mae_mev_per_atom"]) < 1e-6
    compared = rows(done[0], "unseen")
    same = only(compared, potential="shifted", structure="bcc")
    assert float(same["mev_per_atom"]) == pytest.approx(float(same["right_mev_per_atom"]), abs=1e-6)


def test_the_error_of_a_mean_is_its_scatter_over_draws():
    from atomsmith.assessment.motion import standard_error

    rng = np.random.default_rng(0)
    groups = np.repeat([800.0, 1500.0], [4, 8])

    def draw():
        return np.where(groups == 800.0, 1.0, 3.0) + np.where(groups == 800.0, 0.1, 0.4) * rng.normal(size=12)

    draws = [draw() for _ in range(4000)]
    scatter = np.std([one.mean() for one in draws])
    squares = np.mean([standard_error(one, groups) ** 2 for one in draws])
    assert np.sqrt(squares) == pytest.approx(scatter, rel=0.05)
    assert standard_error(np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0, 2.0])) is None


def test_learning_curves_are_fitted_to_nested_parts():
    from atomsmith.assessment.fits import part_of

    data = labelled(10, 3)
    prints = [{c.fingerprint() for c in part_of(data, f, 1)} for f in (0.1, 0.4, 1.0)]
    assert [len(found) for found in prints] == [1, 4, 10]
    assert prints[0] < prints[1] < prints[2]
    assert {c.fingerprint() for c in part_of(data, 0.4, 2)} != prints[1]


def learning_system(folder, potentials):
    from atomsmith.assessment.candidates import System, candidates_of
    from atomsmith.assessment.settings import SystemSettings
    from atomsmith.reference.settings import ExecutorSettings

    settings = SystemSettings(
        train=folder / "train.xyz", test=folder / "test.xyz", potentials=dict(potentials)
    )
    system = System.read("Cu", settings)
    return candidates_of(system, folder / "out", ExecutorSettings(kind="serial"), 1)


def test_a_learning_curve_tells_the_orders_that_are_done(copied):
    captions = [(copied / "out/report.html").read_text()]
    (second,) = (copied / "out/items/learning_curve/Cu").glob("*order_1*")
    second.unlink()
    assert run(copied, "--no-compute").exit_code == 0
    captions.append((copied / "out/report.html").read_text())
    assert ["mean and range of 2 orders" in text for text in captions] == [True, False]
    assert "mean and range of 1 order." in captions[1]


# Weights are given, for a file tells those that all its data have settled.
PAIR = {
    "model": {"terms": [{"descriptor": {"kind": "pair", "cutoff": 5.0, "degree": 6}}]},
    "weights": {
        "energy": 30,
        "virial": 0.1,
    },
}


def test_a_file_has_the_learning_curve_of_the_fit_that_made_it(tmp_path):
    from atomsmith.assessment.fits import fit_candidate, learning_point

    labelled(8, 0).write(tmp_path / "train.xyz")
    labelled(3, 1).write(tmp_path / "test.xyz")
    (fitted,) = learning_system(tmp_path, {"pair": {"fit": PAIR}})["pair"]
    fit_candidate(fitted, lambda *_: None)
    (file,) = learning_system(tmp_path, {"pair": {"file": fitted.store}})["pair"]
    for fraction in (0.5, 1.0):
        expected, found = (learning_point(c, fraction, 0, lambda *_: None) for c in (fitted, file))
        assert found == expected
        assert found["configurations"] == 8 * fraction


def test_a_file_without_its_settings_or_data_has_no_learning_curve(tmp_path):
    from dataclasses import replace

    from atomsmith import Potential
    from atomsmith.assessment.fits import fit_candidate, learning_point
    from atomsmith.errors import InputError

    labelled(4, 0).write(tmp_path / "train.xyz")
    labelled(3, 1).write(tmp_path / "test.xyz")
    (fitted,) = learning_system(tmp_path, {"pair": {"fit": PAIR}})["pair"]
    fit_candidate(fitted, lambda *_: None)
    replace(Potential.load(fitted.store), metadata={}).save(tmp_path / "silent.json")
    labelled(5, 2).write(tmp_path / "train.xyz")
    for path, message in (
        (tmp_path / "silent.json", "does not say with which settings it was fitted"),
        (fitted.store, "was fitted to other data than train"),
    ):
        (file,) = learning_system(tmp_path, {"pair": {"file": path}})["pair"]
        with pytest.raises(InputError, match=message):
            learning_point(file, 0.5, 0, lambda *_: None)


def test_sizes_that_differ_in_the_solver_share_their_rows(tmp_path, monkeypatch):
    from atomsmith import Potential
    from atomsmith.assessment.candidates import System, candidates_of
    from atomsmith.assessment.fits import fit_candidate
    from atomsmith.assessment.settings import SystemSettings
    from atomsmith.fitting.fit import fit_model
    from atomsmith.fitting.rows.design import RowMaker
    from atomsmith.fitting.rows.kept import KeptFactors
    from atomsmith.reference.settings import ExecutorSettings

    made = []
    rows = RowMaker.rows
    monkeypatch.setattr(RowMaker, "rows", lambda *args: made.append(len(args[1])) or rows(*args))
    labelled(8, 0).write(tmp_path / "train.xyz")
    terms = [{"descriptor": {"kind": "ace", "cutoff": 5.0, "correlation_order": 2, "degree": 6}}]
    fit = {"model": {"terms": terms}, "solver": {"kind": "elimination", "functions": 12}}
    sizes = {"key": "solver.functions", "values": [5]}
    settings = SystemSettings(train=tmp_path / "train.xyz", potentials={"ACE": {"fit": fit, "sizes": sizes}})
    system = System.read("Cu", settings)
    candidates = candidates_of(system, tmp_path, ExecutorSettings(kind="serial"), 1)["ACE"]
    found = [fit_candidate(candidate, lambda *_: None)["n_functions"] for candidate in candidates]
    assert found[0] > found[1] >= 5
    assert sum(made) == 8
    alone = fit_model(system.train, candidates[1].fit, kept=KeptFactors()).potential
    assert np.array_equal(Potential.load(candidates[1].store).coefficients, alone.coefficients)


def test_a_second_run_computes_failures_only(copied):
    before = {path: path.stat().st_mtime_ns for path in (copied / "out/items").rglob("*.json")}
    again = run(copied)
    assert again.exit_code == 0, again.output
    changed = {path.stem for path, stamp in before.items() if path.stat().st_mtime_ns != stamp}
    assert {name.split(".")[0] for name in changed} == {"water", "absent"}


def test_a_changed_setting_computes_what_depends_on_it(copied):
    items = copied / "out/items/properties/Cu"
    before = {path.name: path.stat().st_mtime_ns for path in items.iterdir()}
    again = run(copied, "--set", "properties.elastic.strain=0.003")
    assert again.exit_code == 0, again.output
    changed = {name for name, stamp in before.items() if (items / name).stat().st_mtime_ns != stamp}
    assert {name for name in changed if name.startswith(("ACE", "EMT"))} == {
        "ACE.elastic.json",
        "EMT.elastic.json",
    }


def test_a_run_that_was_killed_goes_on(tmp_path):
    prepare(tmp_path)
    fewer = [f"--set={part}=null" for part in ("unseen", "motion", "learning_curve", "properties.polymorphs")]
    fewer.append("--set=properties.phonons=null")
    command = [sys.executable, "-m", "atomsmith", "assess", "assess.yaml", "-o", "out", *fewer]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    ) as process:
        until = time.monotonic() + 600.0
        while len(list((tmp_path / "out").rglob("*.json"))) < 6 and time.monotonic() < until:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    left = {p: p.read_text() for p in (tmp_path / "out/items").rglob("*.json")}
    good = {p: text for p, text in left.items() if json.loads(text)["failure"] is None}
    assert good
    result = run(tmp_path, *fewer)
    assert result.exit_code == 0, result.output
    assert all(path.read_text() == text for path, text in good.items())
    assert (tmp_path / "out/report.html").is_file()


def test_a_report_of_what_is_there_is_written_without_computing(copied):
    (copied / "out/items/properties/Cu/EMT.elastic.json").unlink()
    again = run(copied, "--no-compute")
    assert again.exit_code == 0, again.output
    assert not (copied / "out/items/properties/Cu/EMT.elastic.json").exists()
    found = {
        row["potential"] for row in rows(copied, "properties") if row["quantity"] == "C11" and row["value"]
    }
    assert "ACE" in found
    assert "EMT" not in found


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("systems.Cu.values.C99=3", "'C99' is no quantity; known are a, c,"),
        (
            "systems.Cu.potentials.EMT.file=x.json",
            "give one of file, fit, fit_file and reference, found file and",
        ),
        ("motion.truth=EMU", "motion.truth names 'EMU', which is no potential; there are ACE, EMT"),
        ("unseen.geometry=EMU", "unseen.geometry names 'EMU', which is no potential"),
        ("learning_curve.fractions=[0, 1]", "a fraction is 0.0, but should be above 0"),
        ("systems.Cu.test=train.xyz", "are in 'train' as well"),
    ],
)
def test_wrong_settings_are_one_sentence(done, change, said):
    result = run(done[0], "--set", change)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_an_unknown_system_is_named(done):
    result = run(done[0], "--only", "Ni")
    assert result.exit_code == 2
    assert "system 'Ni' is not in the settings, which have Cu." in result.stderr


def test_fits_of_one_family_are_one_series(tmp_path):
    from atomsmith.assessment.candidates import System, candidates_of
    from atomsmith.assessment.run import Assessment
    from atomsmith.assessment.settings import AssessSettings
    from atomsmith.reference.settings import ExecutorSettings
    from atomsmith.report.assessment.reading import Reading

    sizes = {"key": "model.terms[0].descriptor.degree", "values": [3]}
    terms = [{"descriptor": {"kind": "pair", "cutoff": 4.0, "degree": 5}}]
    fit = {"model": {"terms": terms}}
    potentials = {
        "large": {"fit": fit, "family": "pair, large"},
        "small": {"fit": fit, "family": "pair, small", "sizes": sizes},
        "other": {"fit": fit, "sizes": sizes},
        "alone": {"fit": fit},
        "imported": {"file": "x.json", "family": "pair, published"},
    }
    settings = AssessSettings.model_validate({"systems": {"Cu": {"potentials": potentials}}})
    system = System.read("Cu", settings.systems["Cu"])
    candidates = candidates_of(system, tmp_path, ExecutorSettings(kind="serial"), 1)
    found = Reading(Assessment(settings, {"Cu": system}, {"Cu": candidates})).series("Cu")
    assert {name: [c.label for c in one] for name, one in found.items()} == {
        "large": ["large", "small", "small [3]"],
        "other": ["other", "other [3]"],
    }


def test_unseen_structures_are_reported_without_any_property(done):
    folder, _ = done
    assert run(folder, "--set", "properties=null").exit_code == 0
    compared = only(rows(folder, "unseen"), potential="shifted", structure="hcp")
    assert float(compared["mev_per_atom"]) == pytest.approx(float(compared["right_mev_per_atom"]), abs=1e-6)
    assert 'id="unseen"' in (folder / "out/report.html").read_text()
    assert (folder / "out/figures/unseen.png").is_file()


def test_a_reference_labels_snapshots_one_by_one(tmp_path):
    prepare(tmp_path)
    parts = ("unseen", "learning_curve", "properties", "cost", "accuracy")
    settings = SETTINGS.replace("motion: {truth: EMT,", "motion: {driver: EMT, truth: *emt,").replace(
        "EMT: {reference: {kind: ase", "EMT: {reference: &emt {kind: ase"
    )
    (tmp_path / "assess.yaml").write_text(settings)
    less = [f"--set={part}=null" for part in parts]
    assert run(tmp_path, *less).exit_code == 0
    items = tmp_path / "out/items/motion/Cu"
    labels = sorted(items.glob("EMT.label*.json"))
    assert len(labels) == 2
    assert float(only(rows(tmp_path, "motion"), potential="shifted")["forces_mae_ev_per_angstrom"]) < 1e-9
    labels[0].unlink()
    kept = labels[1].stat().st_mtime_ns
    assert run(tmp_path, *less).exit_code == 0
    assert labels[0].is_file()
    assert labels[1].stat().st_mtime_ns == kept
