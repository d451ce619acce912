"""When a run ends."""

from pathlib import Path
from typing import Any

import pytest

from atomsmith.learning.loop import Outcome, learn
from learning.runs import EVERY_STEP, NEVER, learn_settings, triggering

NO_LIMIT = {"labels": None, "rounds": None, "quiet_rounds": None, "hours": None}


def run(starts: Path, folder: Path, tolerance: float, **stop: Any) -> Outcome:
    settings = learn_settings(starts, sampling=triggering(tolerance), stop=NO_LIMIT | stop)
    return learn(settings, folder)


def test_labels(starts: Path, tmp_path: Path) -> None:
    """The last round labels no more than is left, though three walkers wait."""
    outcome = run(starts, tmp_path / "run", EVERY_STEP, labels=7)
    assert outcome.reason == "7 configurations labelled (stop.labels)"
    assert (outcome.counts["labelled"], outcome.rounds) == (7, 2)


def test_fewer_labels_than_starts_is_a_fit_of_the_starts(starts: Path, tmp_path: Path) -> None:
    outcome = run(starts, tmp_path / "run", EVERY_STEP, labels=1)
    assert (outcome.counts["labelled"], outcome.rounds) == (3, 0)
    assert outcome.potential.exists()


def test_rounds(starts: Path, tmp_path: Path) -> None:
    outcome = run(starts, tmp_path / "run", EVERY_STEP, rounds=2)
    assert outcome.reason == "2 rounds done (stop.rounds)"
    assert (outcome.counts["labelled"], outcome.rounds) == (9, 2)


def test_quiet_rounds(starts: Path, tmp_path: Path) -> None:
    outcome = run(starts, tmp_path / "run", NEVER, quiet_rounds=2)
    assert outcome.reason == "nothing to label was found in the last 2 rounds (stop.quiet_rounds)"
    assert (outcome.counts["labelled"], outcome.rounds) == (3, 2)


def test_hours_count_over_resumes(starts: Path, tmp_path: Path) -> None:
    outcome = run(starts, tmp_path / "run", EVERY_STEP, hours=0.2 / 3600.0)
    assert outcome.reason.endswith("hours have passed (stop.hours)")
    assert run(starts, tmp_path / "run", EVERY_STEP, hours=0.2 / 3600.0).rounds == outcome.rounds


def test_the_first_criterion_counts(starts: Path, tmp_path: Path) -> None:
    outcome = run(starts, tmp_path / "run", EVERY_STEP, labels=100, rounds=1, quiet_rounds=5, hours=1.0)
    assert outcome.reason == "1 round done (stop.rounds)"


@pytest.mark.parametrize("name", ["labels", "rounds", "quiet_rounds", "hours"])
def test_nonsense_is_refused(name: str, starts: Path) -> None:
    with pytest.raises(ValueError, match=name):
        learn_settings(starts, stop={name: 0})
