"""A basis that grows with the data."""

import itertools
from pathlib import Path

import pytest

from atomsmith import Potential
from atomsmith.data import Store
from atomsmith.fitting.settings import PotentialSettings
from atomsmith.learning.growth import degree_of, with_degree
from atomsmith.learning.loop import learn
from learning.runs import EVERY_STEP, learn_settings, triggering


def settings_with(degree: float | list[float] | None) -> PotentialSettings:
    descriptor = {"kind": "ace", "correlation_order": 3, "degree": degree}
    terms = [{"descriptor": {"kind": "pair", "degree": 5}}, {"descriptor": descriptor}]
    return PotentialSettings.model_validate({"model": {"terms": terms}})


def test_degree_of_the_ace_terms_changes_and_of_no_other() -> None:
    changed = with_degree(settings_with(6.0), 8.0)
    pair, ace = (term.descriptor for term in changed.model.terms)
    assert (pair.degree, ace.degree) == (5, 8.0)
    assert degree_of(changed) == 8.0


def test_a_list_of_degrees_is_shifted() -> None:
    changed = with_degree(settings_with([3.0, 7.0, 5.0]), 9.0)
    assert changed.model.terms[1].descriptor.degree == [5.0, 9.0, 7.0]


def test_a_degree_left_to_the_data_is_recorded(starts: Path, tmp_path: Path) -> None:
    changes = {"model": {"terms": [{"descriptor": {"kind": "ace", "cutoff": 4.5, "correlation_order": 2}}]}}
    outcome = learn(learn_settings(starts, potential=changes, stop={"labels": 3}), tmp_path / "run")
    with Store.open(tmp_path / "run") as store:
        degree = store.get("final")["degree"]
    settings = Potential.load(outcome.potential).metadata["settings"]
    assert degree == settings["model"]["terms"][0]["descriptor"]["degree"] > 0.0


@pytest.mark.parametrize("largest", [2.0, 5.0])
def test_the_basis_grows_to_its_limit_and_not_beyond(largest: float, starts: Path, tmp_path: Path) -> None:
    term = {"descriptor": {"kind": "ace", "cutoff": 4.5, "degree": 2.0, "correlation_order": 2}}
    settings = learn_settings(
        starts,
        potential={"model": {"terms": [term]}},
        growth={"largest_degree": largest, "step": 1.0},
        sampling=triggering(EVERY_STEP) | {"temperature_k": 1200.0},
        stop={"labels": 21},
    )
    learn(settings, tmp_path / "run")
    with Store.open(tmp_path / "run") as store:
        records = [*store.rounds(), store.get("final")]
    degrees = [record["degree"] for record in records]
    functions = [record["n_functions"] for record in records]
    assert degrees == sorted(degrees)
    assert all(later - earlier <= 1.0 for earlier, later in itertools.pairwise(degrees))
    assert degrees[-1] <= largest
    if largest == 2.0:
        assert set(degrees) == {2.0}
        assert len(set(functions)) == 1
    else:
        assert degrees[-1] > degrees[0]
        assert functions[-1] > functions[0]
