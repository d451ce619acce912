"""References that fail: now and then, for good, or from the start."""

from pathlib import Path

import pytest

from atomsmith import Potential
from atomsmith.data import Store
from atomsmith.errors import InputError, LabelError
from atomsmith.learning.loop import learn
from atomsmith.learning.settings import LearnSettings
from learning.calculators import finished
from learning.runs import EVERY_STEP, Listener, learn_settings, triggering


def test_failures_are_recorded_and_the_loop_goes_on(starts: Path, tmp_path: Path) -> None:
    settings = learn_settings(
        starts,
        reference={"arguments": {"fail_every": 4}},
        sampling=triggering(EVERY_STEP),
        stop={"labels": 15, "rounds": 20},
        failures_in_a_row=50,
    )
    listener = Listener()
    outcome = learn(settings, tmp_path / "run", listener)
    assert outcome.counts["labelled"] == 15
    assert outcome.counts["failed"] > 2
    assert outcome.counts["pending"] == 0
    with Store.open(tmp_path / "run") as store:
        failures = store.failures()
        assert len(store.dataset()) == 15
    assert {f.reason for f in failures} == {"ase: RuntimeError: the oracle is silent"}
    for failure in failures:
        assert f"configuration {failure.id} has no label: {failure.reason}" in listener.lines


def test_several_in_a_row_stop_the_run_and_are_tried_again(starts: Path, tmp_path: Path) -> None:
    """More in a row than a round has, so that the count must go on from round to round."""
    broken, log = tmp_path / "broken", tmp_path / "log"

    def settings(labels: int) -> LearnSettings:
        return learn_settings(
            starts,
            reference={"arguments": {"broken": str(broken), "log": str(log)}},
            sampling=triggering(EVERY_STEP),
            selection={"per_round": 2},
            stop={"labels": labels},
            failures_in_a_row=3,
        )

    learn(settings(5), tmp_path / "run")
    broken.touch()
    expected = "3 reference calculations in a row failed, the last with: .*the licence has expired"
    with pytest.raises(LabelError, match=expected):
        learn(settings(9), tmp_path / "run")
    with Store.open(tmp_path / "run") as store:
        assert store.counts()["failed"] == 3
        assert store.counts()["labelled"] == 5
    broken.unlink()
    listener = Listener()
    outcome = learn(settings(9), tmp_path / "run", listener)
    assert listener.lines[0] == "3 failed reference calculations are tried again"
    assert outcome.counts["failed"] == 0
    assert outcome.counts["labelled"] == 9
    assert len(finished(log)) == len(set(finished(log))) == 11


def test_no_start_that_can_be_labelled(starts: Path, tmp_path: Path) -> None:
    settings = learn_settings(starts, reference={"arguments": {"fail_every": 1}})
    with pytest.raises(LabelError, match=r"none of the starting structures .*the oracle is silent"):
        learn(settings, tmp_path / "run")
    with Store.open(tmp_path / "run") as store:
        assert store.counts()["failed"] == 3


def test_starts_torn_apart_are_no_training_set(starts: Path, tmp_path: Path) -> None:
    settings = learn_settings(starts, selection={"largest_force_ev_per_angstrom": 1e-6})
    with pytest.raises(InputError, match="every training configuration has forces above 1e-06 eV/angstrom"):
        learn(settings, tmp_path / "run")


def test_a_reference_that_cannot_run_leaves_no_run_behind(starts: Path, tmp_path: Path) -> None:
    for wrong, message in (
        ({"calculator": "learning.calculators:Missing"}, "has no 'Missing'"),
        ({"arguments": {"speed": 11}}, "does not take its `arguments`"),
    ):
        with pytest.raises(InputError, match=message):
            learn(learn_settings(starts, reference=wrong), tmp_path / "run")
    assert learn(learn_settings(starts, stop={"labels": 3}), tmp_path / "run").rounds == 0


def test_free_atoms_that_cannot_be_computed_are_fitted(starts: Path, tmp_path: Path) -> None:
    listener = Listener()
    settings = learn_settings(
        starts, reference={"calculator": "learning.calculators:NoFreeAtoms"}, stop={"labels": 3}
    )
    outcome = learn(settings, tmp_path / "run", listener)
    assert any("isolated Al atom" in line and "fitted instead" in line for line in listener.lines)
    with Store.open(tmp_path / "run") as store:
        assert store.get("isolated_atoms") == {}
        assert store.get("no_isolated_atoms")
    potential = Potential.load(outcome.potential)
    assert potential.metadata["settings"]["reference_energies"]["values"] == {}
    again = Listener()
    learn(settings, tmp_path / "run", again)
    assert not any("isolated" in line for line in again.lines)
