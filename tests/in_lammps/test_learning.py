"""`atomsmith learn` with walkers in LAMMPS: it learns, it may be killed at any moment, and it reports."""

import itertools

import pytest
import yaml
from pydantic import ValidationError

from atomsmith.data import Store
from atomsmith.errors import InputError
from atomsmith.learning.identity import fixed_settings, require_same
from atomsmith.learning.results import write_run_report
from atomsmith.learning.settings import LearnSettings
from learning.runs import plain_settings, triggering
from learning.test_kill import Launcher, results

CHANGES = {
    "sampler": "lammps",
    "sampling": triggering(0.01, minimum_steps=8) | {"pressure_gpa": 1.0, "check_every": 2, "max_steps": 24},
    "walkers": {"count": 2, "unbiased_fraction": 0.25},
    "selection": {"per_round": 2},
    "stop": {"labels": 7, "rounds": 3},
    "checkpoint_every": 10,
}


@pytest.fixture
def launcher(plugin, tmp_path, tmp_path_factory, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp().parent / "cache"))
    monkeypatch.setenv("CXX", "c++ -Wall -Wextra -Werror")
    launcher = Launcher(tmp_path / "output.txt")
    yield launcher
    launcher.close()


@pytest.fixture
def starts(tmp_path):
    from learning.runs import write_starts

    return write_starts(tmp_path)


def settings_file(folder, starts, **changes):
    path = folder / "learn.yaml"
    path.write_text(yaml.safe_dump(plain_settings(starts, **CHANGES, **changes)))
    return path


def test_a_potential_is_learned_though_the_run_is_killed_again_and_again(launcher, tmp_path, starts):
    settings = settings_file(tmp_path, starts)
    assert launcher.learn(settings, tmp_path / "whole") == 0
    with Store.open(tmp_path / "whole", read_only=True) as store:
        rounds, found = store.rounds(), [e for e in store.entries() if e.origin.get("kind") == "walker"]
        reasons = {walker["reason"] for record in rounds for walker in record["walkers"]}
        trace = store.trace()
    assert len(found) >= 3
    assert {"uncertainty", "max_steps"} <= reasons
    assert trace["tau"].max() > 0.0
    assert (trace["volume"] != trace["volume"][0]).any()
    assert not (tmp_path / "whole" / "lammps").exists()
    kills = [{"commit": 6, "before": True}, {"commit": 3, "before": False}, {"after": 1.5}]
    codes = []
    for kill in itertools.chain(kills, itertools.repeat({})):
        codes.append(launcher.learn(settings, tmp_path / "killed", **kill))
        if codes[-1] == 0:
            break
    assert codes.count(-9) >= 2
    assert results(tmp_path / "killed") == results(tmp_path / "whole")
    report = write_run_report(tmp_path / "killed")
    page = report.page.read_text()
    assert "uncertainty" in page


def test_where_lammps_is_may_change_when_a_run_goes_on_but_not_how_many_ranks(tmp_path):
    def fixed(**sampler):
        values = plain_settings(tmp_path / "starts.xyz", **sampler)
        return fixed_settings(LearnSettings.model_validate(values))

    before = fixed(sampler={"ranks": 2})
    moved = {"ranks": 2, "at_once": 3, "executable": "/opt/lmp", "launcher": "srun -n 2"}
    require_same(before, fixed(sampler=moved), "run")
    with pytest.raises(InputError, match=r"begun with sampler\.ranks = 2, now it is 3"):
        require_same(before, fixed(sampler={"ranks": 3}), "run")
    with pytest.raises(InputError, match="begun with sampler = engine"):
        require_same(fixed(), fixed(sampler="lammps"), "run")
    older = {key: value for key, value in fixed().items() if key != "sampler"}
    require_same(older, fixed(), "run")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sampling": {"swap_moves": {}}}, "walkers in LAMMPS exchange no elements"),
        (
            {"potential": {"model": {"terms": [{"descriptor": {"kind": "inverse_powers"}}]}}},
            "inverse_powers and global_features belong to whole crystals",
        ),
    ],
)
def test_settings_that_lammps_cannot_follow_are_refused_before_anything_is_computed(
    tmp_path, changes, message
):
    values = plain_settings(tmp_path / "starts.xyz", sampler={"ranks": 2}, **changes)
    with pytest.raises(ValidationError, match=message):
        LearnSettings.model_validate(values)
    LearnSettings.model_validate(values | {"sampler": "engine"})
