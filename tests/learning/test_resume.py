"""What belongs to a run folder: one process at a time, and the settings that it was begun with."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from atomsmith.data import Store
from atomsmith.errors import InputError, RunLockedError
from atomsmith.learning.identity import MAY_CHANGE, fixed_settings, require_same
from atomsmith.learning.loop import learn
from atomsmith.learning.settings import LearnSettings
from learning.calculators import finished
from learning.runs import EVERY_STEP, learn_settings, plain_settings, triggering
from learning.test_kill import environment


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"seed": 1}, "seed = 0, now it is 1"),
        ({"mode": "active"}, "mode = hyperactive, now it is active"),
        ({"sampling": {"timestep_fs": 1.0}}, "sampling.timestep_fs = 2.0, now it is 1.0"),
        ({"sampling": {"temperature_k": 300.0}}, "sampling.temperature_k.end = 1200.0, now it is 300.0"),
        ({"selection": {"test_fraction": 0.5}}, "selection.test_fraction = 0.1, now it is 0.5"),
        (
            {"reference": {"arguments": {"seconds": 1.0}}},
            "reference.arguments.seconds = null, now",
        ),
        ({"potential": {"committee": 4}}, "potential.committee = 8, now it is 4"),
    ],
)
def test_other_settings_are_refused(changes: dict[str, Any], key: str, starts: Path, tmp_path: Path) -> None:
    learn(learn_settings(starts, stop={"labels": 3}), tmp_path / "run")
    with pytest.raises(InputError, match=key) as found:
        learn(learn_settings(starts, stop={"labels": 3}, **changes), tmp_path / "run")
    assert str(tmp_path / "run") in str(found.value)


def test_what_does_not_matter_may_change(starts: Path, tmp_path: Path) -> None:
    """The starts are in the store, so that their file may even be gone."""
    learn(learn_settings(starts, stop={"labels": 3}), tmp_path / "run")
    starts.unlink()
    changes = {
        "stop": {"labels": 4},
        "test": None,
        "executor": {"kind": "processes", "workers": 2},
        "threads": 2,
        "checkpoint_every": 3,
        "failures_in_a_row": 2,
    }
    assert set(changes) == set(MAY_CHANGE)
    elsewhere = {"keep_files": "all", "environment": {"LICENCE": "/opt/licence"}}
    settings = learn_settings(tmp_path / "moved.xyz", reference=elsewhere, **changes)
    assert learn(settings, tmp_path / "run").reason


def test_every_other_setting_is_compared(starts: Path) -> None:
    settings = learn_settings(starts)
    left = set(LearnSettings.model_fields) - set(fixed_settings(settings))
    assert left == set(MAY_CHANGE)
    require_same(fixed_settings(settings), fixed_settings(settings), "run")


def test_a_run_of_an_earlier_version_goes_on(starts: Path) -> None:
    """Its store also holds the keys of the reference that change no number."""
    fixed = fixed_settings(learn_settings(starts))
    reference = fixed["reference"] | {"keep_files": "none", "environment": {"A": "b"}}
    require_same(fixed | {"reference": reference}, fixed, "run")
    with pytest.raises(InputError, match=r"reference\.reuse"):
        require_same(fixed | {"reference": reference | {"reuse": True}}, fixed, "run")


def test_a_run_begun_before_fits_could_be_robust_goes_on(starts: Path) -> None:
    fixed = fixed_settings(learn_settings(starts))
    assert fixed["potential"]["robust"] == 1.0
    older = {key: value for key, value in fixed["potential"].items() if key != "robust"}
    require_same(fixed | {"potential": older}, fixed, "run")
    with pytest.raises(InputError, match=r"potential\.committee = 4, now it is 8"):
        require_same(fixed | {"potential": older | {"committee": 4}}, fixed, "run")
    with pytest.raises(InputError, match=r"potential\.robust = null, now it is 1\.0"):
        require_same(fixed | {"potential": older | {"robust": None}}, fixed, "run")


def test_a_second_process_is_refused(starts: Path, tmp_path: Path) -> None:
    """A real command, killed for good, and another one that comes too early."""
    log, path, folder = tmp_path / "log", tmp_path / "learn.yaml", tmp_path / "run"
    hold = tmp_path / "hold"
    reference = {"arguments": {"log": str(log), "seconds": 0.2, "hold": str(hold)}}
    settings = plain_settings(
        starts, reference=reference, sampling=triggering(EVERY_STEP), stop={"labels": 6}
    )
    path.write_text(yaml.safe_dump(settings))
    command = [sys.executable, "-m", "atomsmith", "learn", "--no-report", str(path), "-o", str(folder)]
    with (tmp_path / "output").open("wb") as output:
        process = subprocess.Popen(command, env=environment(), stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 600.0
        while len(finished(log)) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        hold.touch()
        second = subprocess.run(command, env=environment(), capture_output=True, text=True)
        assert process.poll() is None, (tmp_path / "output").read_text()
    finally:
        process.kill()
        process.wait()
    hold.unlink()
    assert second.returncode == 2
    assert f"error: {folder} is in use by process {process.pid} on " in second.stderr
    assert "Traceback" not in second.stderr
    assert second.stderr.rstrip().endswith(".")

    with Store.open(folder) as store, pytest.raises(RunLockedError, match="already open in this process"):
        learn(LearnSettings.model_validate(settings), folder)
    with Store.open(folder) as store:
        labelled = store.counts()["labelled"]
    assert labelled >= len(finished(log)) - 3
    learn(LearnSettings.model_validate(settings), folder)
    assert len(finished(log)) <= 9


def test_a_broken_reference_ends_the_command_with_its_reason(starts: Path, tmp_path: Path) -> None:
    path = tmp_path / "learn.yaml"
    (tmp_path / "broken").touch()
    reference = {"arguments": {"broken": str(tmp_path / "broken")}}
    path.write_text(yaml.safe_dump(plain_settings(starts, reference=reference, failures_in_a_row=2)))
    command = [
        sys.executable,
        "-m",
        "atomsmith",
        "learn",
        "--no-report",
        str(path),
        "-o",
        str(tmp_path / "run"),
    ]
    ended = subprocess.run(command, env=environment(), capture_output=True, text=True)
    assert ended.returncode == 2
    assert "error: 2 reference calculations in a row failed, the last with: ase: " in ended.stderr
    assert "the licence has expired." in ended.stderr
    assert "Traceback" not in ended.stderr
