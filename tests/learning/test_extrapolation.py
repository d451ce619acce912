"""Runs that stop walkers and choose labels by extrapolation grades."""

from pathlib import Path

import numpy as np
import pytest

from atomsmith import Potential
from atomsmith.data import Store
from atomsmith.extrapolation.active_set import TOLERANCE
from atomsmith.extrapolation.report import grade_report
from atomsmith.learning.loop import learn
from learning.runs import EVERY_STEP, NEVER, learn_settings, triggering


@pytest.mark.parametrize("kind", ["maxvol", "ranges"])
def test_a_run_that_labels_what_lies_outside_of_the_data(kind, starts: Path, tmp_path: Path) -> None:
    settings = learn_settings(
        starts,
        potential={"extrapolation": {"kind": kind}},
        sampling=triggering(NEVER, minimum_steps=5, largest_grade=1.5)
        | {"temperature_k": 900.0, "record_every": 1},
        selection={"rule": "extrapolation", "test_fraction": 0.0},
        stop={"labels": 9},
    )
    outcome = learn(settings, tmp_path / "run")
    assert outcome.counts["labelled"] == 9
    with Store.open(tmp_path / "run") as store:
        trace, rounds = store.trace(), store.rounds()
        origins = [entry.origin for entry in store.entries() if entry.origin["kind"] == "walker"]
        data = list(store.dataset("train"))
    assert {origin["reason"] for origin in origins} == {"extrapolation"}
    assert all(origin["grade"] is None or origin["grade"] > 1.5 for origin in origins)
    assert np.nanmax(trace["grade"]) > 1.5
    ends = [walker for record in rounds for walker in record["walkers"]]
    assert any(walker["grade"] is not None for walker in ends)
    # What was labelled is known in the end.
    report = grade_report(Potential.load(outcome.potential), data)
    assert report.configurations.max() <= 1.0 + TOLERANCE + 1e-6


@pytest.mark.parametrize(
    "changes",
    [{"selection": {"rule": "extrapolation"}}, {"sampling": {"trigger": {"largest_grade": 2.0}}}],
)
def test_grades_need_a_potential_that_remembers(changes, starts: Path) -> None:
    with pytest.raises(ValueError, match=r"potential\.extrapolation is null: give it \{kind: maxvol\}"):
        learn_settings(starts, **changes)


def test_walkers_move_on_sums_over_the_whole_crystal(starts: Path, tmp_path: Path) -> None:
    terms = [{"descriptor": {"kind": "inverse_powers", "powers": [4, 6, 8, 12]}}]
    settings = learn_settings(
        starts,
        potential={"model": {"terms": terms, "repulsion": None}},
        sampling=triggering(EVERY_STEP, minimum_steps=5) | {"pressure_gpa": {"start": 0.0, "end": 0.0}},
        stop={"labels": 6},
    )
    outcome = learn(settings, tmp_path / "run")
    assert outcome.counts["labelled"] == 6
    kinds = [part["kind"] for part in Potential.load(outcome.potential).plan["parts"]]
    assert kinds == ["e0", "inverse_powers"]
