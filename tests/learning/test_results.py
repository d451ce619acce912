"""Reports of runs: every section of a run that ended, honest words, and runs that have not ended."""

import dataclasses
import json
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from atomsmith import Potential
from atomsmith.cli.application import app
from atomsmith.data import Store
from atomsmith.data.configuration import Configuration
from atomsmith.data.store import StoredConfiguration
from atomsmith.errors import InputError, LabelError
from atomsmith.learning.history import (
    GIVEN,
    History,
    calibrations_ahead,
    errors_ahead,
    learning_curve,
    reason_name,
    timings,
    tolerance_of,
    trajectories,
)
from atomsmith.learning.loop import learn
from atomsmith.learning.results import report_of_run, write_run_report
from atomsmith.learning.settings import LearnSettings
from atomsmith.report import ReportData
from learning.runs import EVERY_STEP, learn_settings, plain_settings, triggering, write_starts

LABELS = 15


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> LearnSettings:
    """Runs with a test set, in which every walker stops for its uncertainty."""
    starts = write_starts(tmp_path_factory.mktemp("starts"))
    return learn_settings(
        starts,
        sampling=triggering(EVERY_STEP, minimum_steps=10),
        selection={"test_fraction": 0.4},
        stop={"labels": LABELS},
    )


@pytest.fixture(scope="module")
def run(settings: LearnSettings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a run that ended for want of labels."""
    folder = tmp_path_factory.mktemp("runs") / "copper"
    learn(settings, folder)
    return folder


@pytest.fixture(scope="module")
def report(run: Path) -> ReportData:
    return report_of_run(run, created="today")


def verdict(data: ReportData, part: str) -> str:
    """Tone of the one sentence that contains a part."""
    (found,) = [v.tone for v in data.verdicts if part in v.text]
    return found


def test_every_section_is_there(report: ReportData) -> None:
    empty = [f.name for f in dataclasses.fields(report) if not getattr(report, f.name)]
    assert set(empty) <= {"headline", "in_turn"}
    assert report.title == "Hyperactive learning: copper"
    assert report.created == "today"
    assert "3 starts" in report.summary


def test_sets_are_those_of_the_store(run: Path, report: ReportData) -> None:
    with Store.open(run, read_only=True) as store:
        counts = store.counts()
    rows = {row.split: row for row in report.errors if row.config_type == "all"}
    assert rows["train"].n_configurations == counts["labelled:train"]
    assert rows["test"].n_configurations == counts["labelled:test"] > 0
    assert len(report.structures) == LABELS
    assert sum(s.split == "test" for s in report.structures) == counts["labelled:test"]


def test_learned_configurations_are_grouped_by_where_they_came_from(run: Path, report: ReportData) -> None:
    history = History.read(run)
    found = {"learned from copper", "learned from alloy"}
    assert set(history.types.values()) == {"copper", "alloy"} | found
    for entry in history.entries:
        if "start" in entry.origin:
            start = next(e for e in history.entries if e.id == entry.origin["start"])
            assert history.types[entry.id] == f"learned from {start.configuration.config_type}"
    rows = {row.config_type: row.n_configurations for row in report.errors if row.split == "train"}
    assert sum(rows[name] for name in rows if name != "all") == rows["all"]
    assert found <= set(rows)


def test_errors_are_those_the_loop_recorded(run: Path, report: ReportData) -> None:
    """The report predicts again; the last fit was judged in the loop by the same data."""
    with Store.open(run, read_only=True) as store:
        final = store.get("final")
    for split in ("train", "test"):
        (row,) = [r for r in report.errors if r.split == split and r.config_type == "all"]
        assert row.forces_rmse == pytest.approx(final[split]["total"]["forces"]["rmse"], rel=1e-9)
        assert row.energy_mae_mev == pytest.approx(final[split]["total"]["energy"]["mae"], rel=1e-9)
        (parity,) = [p for p in report.parity if p.split == split and p.quantity == "forces"]
        rmse = np.sqrt(np.mean((parity.predicted - parity.reference) ** 2))
        assert rmse == pytest.approx(row.forces_rmse, rel=1e-9)


def test_stress_parity_is_in_gpa_and_agrees(run: Path, report: ReportData) -> None:
    (row,) = [r for r in report.errors if r.split == "train" and r.config_type == "all"]
    (parity,) = [p for p in report.parity if p.split == "train" and p.quantity == "stress"]
    rmse = np.sqrt(np.mean((parity.predicted - parity.reference) ** 2))
    assert rmse == pytest.approx(row.stress_rmse_gpa, rel=1e-9)


def test_predictions_ahead_are_those_of_the_potential_of_the_round(run: Path) -> None:
    """What is called out of sample was written down before the label came, by a potential without it."""
    history = History.read(run)
    learned = [entry for entry in history.entries if entry.origin["kind"] == "walker"]
    energy, forces = errors_ahead(history.entries)
    assert len(energy.error) == len(learned) == LABELS - 3
    assert len(forces.error) == sum(3 * e.configuration.n_atoms for e in learned)
    first = learned[0].configuration
    expected = (learned[0].origin["predicted"]["energy"] - first.energy) / first.n_atoms
    assert energy.error[0] == pytest.approx(expected, rel=1e-12)
    # The last potential knows the labels of most: its errors must not be what is shown.
    potential = Potential.load(run / "potential.json")
    now = potential.predict([e.configuration for e in learned])
    after = now.forces - np.concatenate([e.configuration.forces for e in learned])
    assert np.sqrt(np.mean(forces.error**2)) > np.sqrt(np.mean(after**2))
    assert {(c.quantity, c.split) for c in calibrations_ahead(history)} == {
        ("energy", "new"),
        ("forces", "new"),
    }


def test_calibration_is_never_of_the_training_set(report: ReportData) -> None:
    assert {c.split for c in report.calibration} <= {"test", "new"}
    assert ("forces", "test") in {(c.quantity, c.split) for c in report.calibration}


def test_learning_curve_counts_what_each_fit_had(run: Path) -> None:
    history = History.read(run)
    points = learning_curve(history)
    assert [p.round for p in points] == list(range(1, len(history.rounds) + 2))
    assert points[0].n_labels == 3
    assert points[-1].n_labels == LABELS
    assert points[0].forces_rmse is None, "there was no test set yet"
    assert points[-1].forces_rmse is not None
    assert all(p.forces_rmse_new is not None for p in points[:-1])
    assert points[-1].forces_rmse_new is None, "nothing was sampled after the last fit"


def test_time_adds_up(run: Path) -> None:
    history = History.read(run)
    parts = timings(history)
    assert sum(part.seconds for part in parts) == pytest.approx(history.seconds, rel=1e-6)
    calls = {part.part: part.calls for part in parts}
    assert calls["reference calculations"] == LABELS
    assert calls["sampling"] == len(history.rounds)


def test_walkers_carry_reasons_tolerance_and_starts(run: Path) -> None:
    history = History.read(run)
    walkers = trajectories(history)
    assert len(walkers) == sum(len(record["walkers"]) for record in history.rounds)
    for walker in walkers:
        record = history.rounds[walker.round - 1]["walkers"][walker.walker]
        assert walker.reason == "uncertainty"
        assert walker.tolerance == EVERY_STEP
        assert walker.start in {"start 1", "start 2", "start 3"}
        assert walker.step[-1] == record["step"]
        assert walker.largest_f[-1] == pytest.approx(record["uncertainty"])


def test_selection_tells_starts_from_what_was_found(report: ReportData) -> None:
    assert sum(s.reason == GIVEN for s in report.selection) == 3
    assert sum(s.status == "labelled" for s in report.selection) == LABELS


def test_coefficients_and_pairs(run: Path, report: ReportData) -> None:
    potential = Potential.load(run / "potential.json")
    assert report.coefficients is not None
    assert len(report.coefficients.order) == len(potential.coefficients) - 2
    assert set(report.coefficients.order.tolist()) == {0, 2}
    assert {curve.elements for curve in report.pair_curves} == {("Al", "Al"), ("Al", "Cu"), ("Cu", "Cu")}
    for curve in report.pair_curves:
        assert curve.force is not None
        assert curve.zbl_energy is not None
        # At the smallest distances only the repulsion is left, and forces are minus the slope.
        assert curve.energy[0] == pytest.approx(curve.zbl_energy[0], rel=1e-6)
        inner = slice(1, -1)
        slope = np.gradient(curve.energy, curve.r)[inner]
        weak = np.abs(slope) < 5.0
        np.testing.assert_allclose(curve.force[inner][weak], -slope[weak], atol=0.3)
    (copper,) = [c for c in report.pair_curves if c.elements == ("Cu", "Cu")]
    assert copper.shortest == potential.metadata["data"]["shortest_distances"]["Cu-Cu"]
    assert copper.energy[-1] == pytest.approx(0.0, abs=1e-9), "beyond the cutoff there is nothing"


def test_words_are_honest(report: ReportData) -> None:
    assert verdict(report, "stop.labels") == "warning"
    assert verdict(report, "harder than what unbiased dynamics visits") == "note"
    (sentence,) = [v.text for v in report.verdicts if "of the forces" in v.text]
    (parity,) = [p for p in report.parity if p.split == "test" and p.quantity == "forces"]
    rms = np.sqrt(np.mean(parity.reference**2))
    ratio = np.sqrt(np.mean((parity.predicted - parity.reference) ** 2)) / rms
    assert f"{100 * ratio:.1f} %" in sentence


def test_random_selection_is_not_called_uncertain(starts: Path, tmp_path: Path) -> None:
    settings = learn_settings(starts, mode="random", selection={"test_fraction": 0.5}, stop={"labels": 9})
    learn(settings, tmp_path / "run")
    data = report_of_run(tmp_path / "run")
    assert data.title == f"Random selection: {tmp_path.name}/run"
    assert verdict(data, "stop.labels") == "note"
    assert not any("bias" in v.text or "harder" in v.text or "left to learn" in v.text for v in data.verdicts)
    assert {s.reason for s in data.selection} == {GIVEN, "random length"}
    assert all(t.tolerance is None for t in data.trajectories)


def test_settings_and_versions(settings: LearnSettings, run: Path, report: ReportData) -> None:
    assert yaml.safe_load(report.settings) == settings.model_dump(mode="json")
    assert {"atomsmith", "engine", "Python", "numpy", "ase", "processor"} <= set(report.versions)


def test_looking_at_a_run_changes_nothing(run: Path) -> None:
    before = {path: path.read_bytes() for path in sorted(run.iterdir()) if path.is_file()}
    with Store.open(run):  # held, as by a run that goes on
        report_of_run(run)
    assert {path: path.read_bytes() for path in sorted(run.iterdir()) if path.is_file()} == before


def test_a_run_that_goes_on(run: Path, tmp_path: Path) -> None:
    """Labels that came after the last fit are no training data of its potential, and are said to wait."""
    copy = shutil.copytree(run, tmp_path / "copy")
    with sqlite3.connect(copy / "store.sqlite") as connection:
        connection.execute("DELETE FROM setting WHERE key = 'final'")
    connection.close()
    with Store.open(copy) as store:
        last = store.entries(state="labelled", split="train")[-1]
        store.add_labelled(last.configuration, split="train", origin=last.origin)
        store.add(last.configuration, split="train", origin=last.origin | {"round": 99})
    data = report_of_run(copy)
    assert verdict(data, "has not ended") == "note"
    assert "1 configuration waits for its label" in next(
        v.text for v in data.verdicts if "not ended" in v.text
    )
    assert verdict(data, "1 label came after the last fit") == "note"
    (row,) = [r for r in data.errors if r.split == "train" and r.config_type == "all"]
    (unseen,) = [s for s in data.structures if s.split is None]
    assert row.n_configurations == sum(s.split == "train" for s in data.structures)
    assert "largest force error (eV/Å)" not in unseen.properties


def test_a_foreign_potential_is_noticed(run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(run, tmp_path / "copy")
    potential = Potential.load(copy / "potential.json")
    data = potential.metadata["data"] | {"fingerprint": "0" * 64}
    dataclasses.replace(potential, metadata=potential.metadata | {"data": data}).save(copy / "potential.json")
    assert verdict(report_of_run(copy), "was not fitted to the configurations of this run") == "warning"


def test_a_run_stopped_by_failures(tmp_path: Path) -> None:
    """No start has a label, so there is no potential: the report says so, and lists why."""
    settings = learn_settings(
        write_starts(tmp_path), reference={"arguments": {"fail_every": 1}}, failures_in_a_row=3
    )
    with pytest.raises((LabelError, InputError)):
        learn(settings, tmp_path / "run")
    written = write_run_report(tmp_path / "run")
    page = written.page.read_text(encoding="utf-8")
    assert "the oracle is silent" in page
    assert "There is no potential yet" in page
    data = report_of_run(tmp_path / "run")
    assert [s.status for s in data.selection] == ["failed"] * 3
    assert data.errors == ()
    assert data.pair_curves == ()


def test_learn_says_where_everything_is_and_report_makes_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = plain_settings(write_starts(tmp_path, 2), stop={"labels": 2})
    (tmp_path / "learn.yaml").write_text(yaml.safe_dump(settings))
    runner, folder = CliRunner(), tmp_path / "run"
    done = runner.invoke(app, ["learn", str(tmp_path / "learn.yaml"), "-o", str(folder)])
    assert done.exit_code == 0, done.output
    for name, file in (("potential", "potential.json"), ("data", "dataset.xyz"), ("report", "report.html")):
        assert any(line.split() == [name, str(folder / file)] for line in done.output.splitlines())
        assert (folder / file).is_file()
    kept = json.loads((folder / "report.json").read_text())
    assert yaml.safe_load(kept["settings"])["stop"]["labels"] == 2
    (folder / "report.json").unlink()
    # Figures take most of the time, and nothing new is to be learned from drawing them again.
    (tmp_path / "again").mkdir()
    monkeypatch.setattr("atomsmith.report.write_report", lambda data, folder: folder / "report.html")
    done = runner.invoke(app, ["report", str(folder), "--output", str(tmp_path / "again")])
    assert done.exit_code == 0, done.output
    again = json.loads((tmp_path / "again" / "report.json").read_text())
    assert again["errors"] == kept["errors"]
    assert again["settings"] == kept["settings"]
    assert not (folder / "report.json").exists()


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no run"):
        report_of_run(tmp_path)


@pytest.mark.parametrize(
    ("config_type", "mode", "expected"),
    [
        ("solid", "active", 0.3),
        ("liquid", "active", 0.5),
        ("film", "active", 0.3),
        ("gas", "active", None),
        ("solid", "random", None),
    ],
)
def test_tolerance_follows_overrides(config_type: str, mode: str, expected: float | None) -> None:
    settings = {
        "mode": mode,
        "sampling": {"trigger": {"tolerance": 0.3, "minimum_steps": 20}},
        "walkers": {
            "overrides": {
                "liquid": {"trigger": {"tolerance": 0.5}},
                "gas": {"trigger": None},
                "film": {"trigger": {"minimum_steps": 5}},
            }
        },
    }
    assert tolerance_of(settings, config_type) == expected


def test_reasons_for_people() -> None:
    assert reason_name("max_steps") == "step limit"
    assert reason_name("max_steps", "random") == "random length"
    assert reason_name("shortest_distance") == "shortest distance"
    assert reason_name("running") == "still running"


def test_errors_ahead_are_per_atom_and_predicted_minus_reference() -> None:
    predicted = {
        "energy": 1.0,
        "energy_std": 0.1,
        "forces": [[0.5, 0.0, 0.0]] * 2,
        "forces_std": [[0.1] * 3] * 2,
    }
    labelled = Configuration(np.array([1, 1]), np.eye(3)[:2], energy=1.1, forces=np.zeros((2, 3)))
    entry = StoredConfiguration(1, labelled, "labelled", "train", {"predicted": predicted}, 0.1, None)
    waiting = dataclasses.replace(entry, state="pending")
    energy, forces = errors_ahead([entry, waiting])
    np.testing.assert_allclose(energy.error, [-0.05])
    np.testing.assert_allclose(energy.std, [0.05])
    np.testing.assert_allclose(forces.error, [0.5, 0.0, 0.0] * 2)
