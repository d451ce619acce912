"""`atomsmith tune` on labels of a pair potential: what is found, what is refused, searches that go on."""

import contextlib
import csv
import json
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import time
from types import SimpleNamespace

import ase.build
import numpy as np
import pytest
import yaml
from ase.calculators.emt import EMT
from typer.testing import CliRunner

from atomsmith import Dataset, Potential
from atomsmith.cli.application import app
from atomsmith.data import Configuration
from atomsmith.errors import InputError
from atomsmith.fitting.settings import FitSettings
from atomsmith.settings_file import load_settings
from atomsmith.tuning.trial import predictable

optuna = pytest.importorskip("optuna", reason="Optuna is not installed")
runner = CliRunner(env={"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"})

FIT = """
data: {train: train.xyz, test: no_such_file.xyz}
model:
  terms:
    - descriptor: {kind: pair, cutoff: 4.0, degree: 3}
committee: 4
"""
SETTINGS = """
fit_file: fit.yaml
search:
  model.terms[0].descriptor.degree: {low: 2, high: 8}
  model.terms[0].descriptor.cutoff: {low: 3.0, high: 6.0}
validation: {kind: k_fold, folds: 2}
cost: {atoms: 32, repeats: 3}
trials: 5
"""


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    frames = []
    for _ in range(8):
        atoms = ase.build.bulk("Cu", cubic=True)
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + rng.normal(scale=0.03, size=(3, 3))), scale_atoms=True)
        atoms.rattle(0.1, rng=rng)
        atoms.calc = EMT()
        atoms.get_potential_energy()
        atoms.get_stress()
        frames.append(atoms)
    Dataset.from_atoms(frames).write(tmp_path / "train.xyz")
    (tmp_path / "fit.yaml").write_text(FIT)
    (tmp_path / "tune.yaml").write_text(SETTINGS)
    return tmp_path


def run(folder, *more):
    arguments = ["tune", folder / "tune.yaml", "-o", folder / "out", *more]
    return runner.invoke(app, [str(argument) for argument in arguments])


HOLD = """
import pathlib, sys, time
from atomsmith.data.locking import RunLock
lock = RunLock(pathlib.Path(sys.argv[1]))
print("held", flush=True)
time.sleep(600)
"""


def environment():
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def rows(folder):
    with (folder / "out/trials.csv").open() as stream:
        return list(csv.DictReader(stream))


def test_better_settings_than_the_given_ones_are_found_and_written(folder):
    done = run(folder, "--json", folder / "numbers.json")
    assert done.exit_code == 0, done.output
    numbers = json.loads((folder / "numbers.json").read_text())
    assert numbers["best"]["score"] == min(float(row["score"]) for row in rows(folder)) < 1.0
    best = load_settings(folder / "out/best.yaml", FitSettings)
    parameters = numbers["best"]["parameters"]
    assert best.model.terms[0].descriptor.degree == parameters["model.terms[0].descriptor.degree"]
    cutoff = parameters["model.terms[0].descriptor.cutoff"]
    assert best.model.terms[0].descriptor.cutoff == pytest.approx(cutoff, rel=1e-4)
    assert best.committee == 4
    assert best.data.train == folder / "train.xyz"
    potential = Potential.load(folder / "out/potential.json")
    assert potential.cutoff == pytest.approx(best.model.terms[0].descriptor.cutoff)
    assert len(potential.committee) == 4
    assert (
        "<svg" in (folder / "out/report.html").read_text()
        or "data:image/svg" in (folder / "out/report.html").read_text()
    )


def test_the_report_of_a_search_can_be_written_again(folder):
    assert run(folder, "--set", "trials=2").exit_code == 0
    (folder / "out/report.html").unlink()
    again = runner.invoke(app, ["report", str(folder / "out"), "--json", str(folder / "numbers.json")])
    assert again.exit_code == 0, again.output
    assert "2 trials of 2 keys of fit.yaml" in (folder / "out/report.html").read_text()
    assert (folder / "numbers.json").read_text() == (folder / "out/tuning.json").read_text()


def test_a_damaged_file_of_a_search_is_named(folder):
    (folder / "out").mkdir()
    (folder / "out/tuning.sqlite").write_text("garbage")
    for done in (run(folder), runner.invoke(app, ["report", str(folder / "out")])):
        assert done.exit_code == 2
        assert "tuning.sqlite is no file of a search: it is damaged" in done.stderr


def test_a_search_without_trials_has_no_report_yet(folder):
    assert run(folder, "--set", "cost.limit_us_per_atom=0.0001").exit_code == 2
    done = runner.invoke(app, ["report", str(folder / "out")])
    assert done.exit_code == 2
    assert "no trial of this search has ended yet" in done.stderr


def test_the_score_is_the_error_on_data_that_the_fits_did_not_see(folder):
    from atomsmith.data.splitting import split_random
    from atomsmith.fitting.fit import fit

    assert (
        run(folder, "--set", "validation={kind: held_out, fraction: 0.25}", "--set", "trials=1").exit_code
        == 0
    )
    numbers = json.loads((folder / "out/tuning.json").read_text())
    train, held_out = split_random(Dataset.read(folder / "train.xyz"), 0.25, 0)
    settings = load_settings(folder / "fit.yaml", FitSettings).model_copy(update={"committee": 0})
    predicted = fit(train, settings).predict(held_out)
    off = np.concatenate([c.forces for c in held_out]) - predicted.forces
    assert numbers["baseline"]["errors"]["forces"] == pytest.approx(np.sqrt(np.mean(off**2)), rel=1e-9)


def test_what_only_the_held_out_tell_is_no_prediction():
    def made(formula, energy=1.0):
        atoms = ase.Atoms(formula)
        atoms.positions[:, 0] = np.arange(len(atoms))
        return Configuration(atoms.numbers, atoms.positions, energy=energy)

    fitted = Dataset([made("HHO"), made("HHOHHO"), made("HO", None)])
    held_out = Dataset([made("HHO"), made("HO"), made("HC")])
    judged = predictable(held_out, fitted, known=False)
    assert [c.energy for c in judged] == [1.0, None]  # that of carbon is left out altogether
    assert [c.energy for c in predictable(held_out, fitted, known=True)] == [1.0, 1.0]
    more = Dataset([*fitted, made("O")])
    assert [c.energy for c in predictable(held_out, more, known=False)] == [1.0, 1.0]


def test_a_composition_that_stands_alone_does_not_drown_the_others(folder):
    data = Dataset.read(folder / "train.xyz")
    numbers = data[0].numbers.copy()
    numbers[0] = 47
    alone = data[0].replace(numbers=numbers, energy=data[0].energy - 1000.0, config_type="alloy")
    Dataset([*data, alone, alone.replace(energy=None, positions=alone.positions + 0.01)]).write(
        folder / "train.xyz"
    )
    assert run(folder, "--set", "trials=1").exit_code == 0
    found = json.loads((folder / "out/tuning.json").read_text())["baseline"]["errors"]
    assert found["energy"] < 100.0


def test_a_search_goes_on_after_a_kill(folder):
    command = [sys.executable, "-m", "atomsmith", "tune", "tune.yaml", "-o", "out", "--set", "trials=400"]

    storage = folder / "out/tuning.sqlite"

    def ended():
        study = optuna.load_study(study_name="atomsmith tune", storage=f"sqlite:///{storage}")
        return [t for t in study.trials if t.state == optuna.trial.TrialState.COMPLETE]

    def n_ended():
        # Without Optuna, which would make the tables of a file that the search is about to make itself.
        try:
            with contextlib.closing(sqlite3.connect(f"file:{storage}?mode=ro", uri=True)) as connection:
                return connection.execute("select count(*) from trials where state = 'COMPLETE'").fetchone()[
                    0
                ]
        except sqlite3.OperationalError:
            return 0

    with subprocess.Popen(
        command, cwd=folder, env=environment(), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    ) as process:
        until = time.monotonic() + 600.0
        while n_ended() < 3 and time.monotonic() < until and process.poll() is None:
            time.sleep(0.1)
        process.send_signal(signal.SIGKILL)
    before = {t.number: t.values for t in ended()}
    assert len(before) >= 3
    done = run(folder, "--set", f"trials={len(before) + 2}")
    assert done.exit_code == 0, done.output
    after = {int(row["trial"]): float(row["score"]) for row in rows(folder)}
    assert len(after) == len(before) + 2
    assert all(after[number] == values[0] for number, values in before.items())
    states = {t.state for t in ended()}
    assert states == {optuna.trial.TrialState.COMPLETE}
    other = run(folder, "--set", "score.forces=2")
    assert other.exit_code == 2
    assert "holds a search with other settings or data" in other.stderr


@pytest.mark.parametrize("kind", ["tpe", "random", "cma_es", "differential_evolution"])
def test_a_search_that_goes_on_does_not_try_the_same_again(folder, kind):
    if kind == "cma_es":
        pytest.importorskip("cmaes", reason="cmaes is not installed")
    assert run(folder, "--set", f"sampler.kind={kind}", "--set", "trials=2").exit_code == 0
    assert run(folder, "--set", f"sampler.kind={kind}", "--set", "trials=4").exit_code == 0
    assert len({row["model.terms[0].descriptor.cutoff"] for row in rows(folder)}) == 4


def test_it_is_said_that_no_trial_is_better(folder):
    assert "no trial is better" not in run(folder).output
    short = SETTINGS.replace("{low: 3.0, high: 6.0}", "{values: [2.8, 2.7]}")  # below most of the bonds
    (folder / "tune.yaml").write_text(short.replace("{low: 2, high: 8}", "{values: [2]}"))
    done = run(folder, "-o", folder / "other")
    assert done.exit_code == 0, done.output
    assert "no trial is better than the settings as given" in done.output


def test_a_grid_is_done_once(folder):
    degrees, weights = (
        '"model.terms[0].descriptor.degree": {low: 2, high: 4}',
        "weights.energy: {values: [5, 50]}",
    )
    search = f"search={{{degrees}, {weights}}}"
    done = run(folder, "--set", search, "--set", "sampler.kind=grid")
    assert done.exit_code == 0, done.output
    found = rows(folder)
    assert len(found) == 5  # the limit of trials
    again = run(folder, "--set", search, "--set", "sampler.kind=grid", "--set", "trials=50")
    assert again.exit_code == 0, again.output
    tried = {(row["model.terms[0].descriptor.degree"], row["weights.energy"]) for row in rows(folder)}
    assert tried == {(degree, weight) for degree in "234" for weight in ("5", "50")}
    assert len(rows(folder)) == 6


def test_a_limit_of_the_cost_refuses_and_says_so(folder):
    done = run(folder, "--set", "cost.limit_us_per_atom=0.0001")
    assert done.exit_code == 2
    assert "all 5 trials were refused, the first one:" in done.stderr
    assert "above the limit of 0.0001" in done.stderr


def test_properties_count_and_both_objectives_have_a_front(folder):
    targets = "targets={crystal: {element: Cu}, values: {a: 3.6, C44: 90}}"
    done = run(folder, "--set", targets, "--set", "cost.minimise=true", "--set", "trials=4")
    assert done.exit_code == 0, done.output
    found = rows(folder)
    for row in found:
        if row["score"]:
            off = [abs(float(row["a"]) / 3.6 - 1)] + (
                [abs(float(row["C44"]) / 90 - 1)] if row["C44"] else [1.0]
            )
            assert float(row["mean_deviation"]) == pytest.approx(np.mean(off), rel=1e-9)
    numbers = json.loads((folder / "out/tuning.json").read_text())
    points = {int(row["trial"]): (float(row["us_per_atom"]), float(row["score"])) for row in found}
    for number in numbers["front"]:
        cost, score = points[number]
        assert not any(c < cost and s < score for c, s in points.values())
    assert len(list((folder / "out/front").glob("*.yaml"))) == len(numbers["front"])


def test_processes_share_a_search(folder):
    done = run(folder, "--set", "workers=3", "--set", "trials=4")
    assert done.exit_code == 0, done.output
    assert len(rows(folder)) == 4


def test_a_worker_that_is_killed_leaves_no_trial_behind(folder, monkeypatch):
    from atomsmith.tuning import search

    monkeypatch.setattr(search, "POLL_S", 0.05)
    settings = load_settings(folder / "tune.yaml", search.TuneSettings, ["trials=6", "workers=2"])
    killed = []

    def watch(now):
        children = multiprocessing.active_children()
        if len(now.tries) >= 1 and not killed and len(children) == 2:
            killed.append(children[0].pid)
            os.kill(killed[0], signal.SIGKILL)

    found = search.tune(settings, folder / "out", watch)
    assert len(killed) == 1
    assert len(found.tries) == 6
    study = optuna.load_study(
        study_name="atomsmith tune", storage=f"sqlite:///{folder / 'out/tuning.sqlite'}"
    )
    assert not [t for t in study.trials if t.state == optuna.trial.TrialState.RUNNING]


def test_trials_of_every_killed_worker_are_free_again(folder, monkeypatch):
    """Of those that took the place of killed ones, too; here each of the first three is."""
    from atomsmith.tuning import search

    class Process:
        def __init__(self, *, target, args, daemon):
            self.exitcode = -9 if args[2] <= 3 else 0

        def start(self): ...
        def terminate(self): ...
        def join(self): ...
        def is_alive(self):
            return False

    buried = []
    monkeypatch.setattr(search, "POLL_S", 0.0)
    monkeypatch.setattr(search, "_bury", lambda *given: buried.append(given[2:]))
    monkeypatch.setattr(search.multiprocessing, "get_context", lambda _: SimpleNamespace(Process=Process))
    settings = load_settings(folder / "tune.yaml", search.TuneSettings, ["workers=2"])
    search._distribute(None, settings, folder, lambda: None)
    assert buried == [(1,), (2,), (3,), ()]


def test_a_search_under_way_is_left_alone(folder):
    assert run(folder, "--set", "trials=1").exit_code == 0
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder / "out")], stdout=subprocess.PIPE, env=environment()
    ) as other:
        other.stdout.readline()
        done = run(folder)
        other.kill()
    assert done.exit_code == 2
    assert f"is in use by process {other.pid}" in done.stderr


def test_no_trial_begins_while_enough_are_under_way(folder):
    import threading

    from atomsmith.tuning import search

    held, together, begun = threading.Barrier(3), threading.Lock(), []

    class SlowBench:
        def attempt(self, parameters):
            begun.append(parameters)
            # All three trials are under way now, and none has ended: nobody may begin a fourth one.
            held.wait(timeout=60)
            raise InputError("refused")

    settings = load_settings(folder / "tune.yaml", search.TuneSettings, ["trials=3"])
    study = optuna.create_study(storage=optuna.storages.InMemoryStorage())

    def work():
        search._work(study, settings, SlowBench(), None, lambda: None, lambda: together)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=120)
    assert len(begun) == len(study.trials) == 3


def test_a_point_of_a_grid_that_a_kill_ended_is_tried_again(folder):
    grid = ["--set", "search={weights.energy: {values: [5, 20, 50]}}", "--set", "sampler.kind=grid"]
    assert run(folder, *grid, "--set", "trials=1").exit_code == 0
    study = optuna.load_study(
        study_name="atomsmith tune", storage=f"sqlite:///{folder / 'out/tuning.sqlite'}"
    )
    from atomsmith.tuning.samplers import make_sampler, suggest
    from atomsmith.tuning.settings import KeySettings, SamplerSettings

    space = {"weights.energy": KeySettings(values=(5, 20, 50))}
    study.sampler = make_sampler(SamplerSettings(kind="grid"), space, 0)
    suggest(study.ask(), space)
    done = run(folder, *grid, "--set", "trials=9")
    assert done.exit_code == 0, done.output
    assert sorted(float(row["weights.energy"]) for row in rows(folder)) == [5, 20, 50]


@pytest.mark.parametrize("kind", ["cma_es", "differential_evolution"])
def test_samplers_find_the_minimum_of_a_bowl(kind):
    from atomsmith.tuning.samplers import make_sampler, suggest
    from atomsmith.tuning.settings import KeySettings, SamplerSettings

    if kind == "cma_es":
        pytest.importorskip("cmaes")
    space = {"x": KeySettings(low=-5.0, high=5.0), "y": KeySettings(low=1e-3, high=1e3, log=True)}

    def bowl(trial):
        values = suggest(trial, space)
        return (values["x"] - 1.0) ** 2 + np.log10(values["y"] / 10.0) ** 2

    sampler = make_sampler(SamplerSettings(kind=kind, population=8), space, 0)
    study = optuna.create_study(sampler=sampler)
    study.optimize(bowl, n_trials=160)
    assert study.best_value < 0.05
    random = optuna.create_study(sampler=make_sampler(SamplerSettings(kind="random"), space, 0))
    random.optimize(bowl, n_trials=160)
    assert study.best_value < random.best_value


def test_differential_evolution_goes_on_from_what_is_stored():
    from atomsmith.tuning.samplers import make_sampler, suggest
    from atomsmith.tuning.settings import KeySettings, SamplerSettings

    space = {"n": KeySettings(low=1, high=9), "c": KeySettings(values=("a", "b", "c"))}
    storage = optuna.storages.InMemoryStorage()
    for _ in range(2):
        sampler = make_sampler(SamplerSettings(kind="differential_evolution", population=6), space, 0)
        study = optuna.create_study(study_name="s", storage=storage, sampler=sampler, load_if_exists=True)
        study.optimize(
            lambda trial: suggest(trial, space)["n"] + ("abc".index(trial.params["c"])), n_trials=30
        )
    assert len(study.trials) == 60
    assert study.best_params == {"n": 1, "c": "a"}
    late = [trial.value for trial in study.trials[30:36]]
    assert np.mean(late) < np.mean([trial.value for trial in study.trials[:6]])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            "search={weights.energie: {low: 1, high: 2}}",
            "search: weights.energie=1: unknown key 'weights.energie'",
        ),
        ("search={weights.energy: {low: 3, high: 2}}", "low is 3 and high 2; low should be below high"),
        ("sampler.kind=cma_es", ""),
        ("targets={crystal: {element: Cu}, values: {C45: 3}}", "'C45' is no quantity"),
        (
            "targets={crystal: {element: Ni}, values: {a: 3.5}}",
            "targets.crystal holds Ni, which the training",
        ),
    ],
)
def test_wrong_settings_are_one_sentence(folder, change, said):
    extra = ["--set", "cost.minimise=true"] if not said else []
    result = run(folder, "--set", change, *extra)
    assert result.exit_code == 2
    assert (said or "cma_es has one objective") in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_missing_optuna_is_said_with_the_mend(folder, monkeypatch):
    from atomsmith.tuning.samplers import load_optuna

    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(InputError, match=r"pip install 'atomsmith\[tune\]'"):
        load_optuna()
    assert "pip install 'atomsmith[tune]'" in " ".join(run(folder).stderr.split())


def test_written_settings_are_plain_yaml(folder):
    assert run(folder, "--set", "trials=1").exit_code == 0
    values = yaml.safe_load((folder / "out/best.yaml").read_text())
    assert set(values) == {"data", "model", "committee"}
