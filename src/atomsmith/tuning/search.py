"""The search: an Optuna study in SQLite that goes on where it was, by one process or several."""

from __future__ import annotations

import hashlib
import json
import math
import multiprocessing
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atomsmith.data.locking import RunLock, exclusive
from atomsmith.errors import AtomsmithError, InputError
from atomsmith.settings_file import settings_from_values
from atomsmith.tuning.samplers import grid, load_optuna, make_sampler, suggest
from atomsmith.tuning.settings import TuneSettings
from atomsmith.tuning.trial import Bench, Outcome, TooSlowError

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from optuna.study import Study
    from optuna.trial import Trial

BASELINE, SETTINGS, ASKED = "baseline", "settings", "asked"
"""Attributes of the study; ``settings`` is a hash of what ``asked`` holds in full."""
OUTCOME, REASON, WORKER = "outcome", "reason", "worker"
"""Attributes of trials."""
STUDY = "atomsmith tune"
STORAGE_NAME = "tuning.sqlite"
BEGINNING_NAME = "beginning.lock"
POLL_S = 0.2

Watch = Callable[["Search"], None]
"""Is called now and then while a search runs."""
Lock = Callable[[], AbstractContextManager[object, bool | None]]
"""Makes a block that one thread or process is in at a time."""


@dataclass(frozen=True)
class Try:
    """A trial that has ended.

    Attributes
    ----------
    number
        In the order in which they began.
    parameters
        Values by key.
    outcome, score
        None where it was refused.
    reason
        Why it was refused; empty otherwise.
    """

    number: int
    parameters: dict[str, Any]
    outcome: Outcome | None
    score: float | None
    reason: str = ""


@dataclass(frozen=True)
class Search:
    """What a search has found so far.

    Attributes
    ----------
    baseline
        The settings as given, whose score is 1.
    tries
        Trials that have ended, in order.
    """

    baseline: Outcome
    tries: tuple[Try, ...]

    @property
    def best(self) -> Try | None:
        """The one with the smallest score; None if there is none that was not refused."""
        scored = [one for one in self.tries if one.score is not None]
        return min(scored, key=lambda one: one.score or 0.0, default=None)

    def front(self) -> list[Try]:
        """Trials that no other beats in both score and cost, the cheapest first."""
        points = sorted(
            (one.outcome.us_per_atom, one.score, one.number, one)
            for one in self.tries
            if one.outcome is not None and one.score is not None
        )
        kept: list[Try] = []
        for _, score, _, one in points:
            if not kept or score < (kept[-1].score or 0.0):
                kept.append(one)
        return kept


def tune(
    settings: TuneSettings, folder: Path, watch: Watch = lambda search: None, bench: Bench | None = None
) -> Search:
    """Search until so many trials have ended as the settings say.

    Parameters
    ----------
    settings
        What to search.
    folder
        Keeps ``tuning.sqlite``; a search that stands there goes on.
    watch
        Is called after each trial, and now and then.
    bench
        Of the settings, where it is made already.

    Raises
    ------
    InputError
        If Optuna is missing, the settings as given cannot be fitted, the folder holds another search, or
        every trial was refused.
    RunLockedError
        If another process searches in this folder.
    """
    load_optuna()
    bench = bench or Bench(settings)
    folder.mkdir(parents=True, exist_ok=True)
    lock = RunLock(folder)
    try:
        study = _opened(settings, bench, folder, worker=0, create=True)
        baseline = _baseline(study, bench)
        _bury(study, settings)
        if settings.workers == 1:
            _work(study, settings, bench, baseline, lambda: watch(_read(study, baseline)), nullcontext)
        else:
            _distribute(study, settings, folder, lambda: watch(_read(study, baseline)))
        found = _read(study, baseline)
    finally:
        lock.release()
    if found.best is None:
        reasons = {one.reason for one in found.tries}
        raise InputError(f"all {len(found.tries)} trials were refused, the first one: {sorted(reasons)[0]}")
    return found


def stored_search(folder: Path) -> tuple[TuneSettings, Search]:
    """Settings and trials of the search that stands in a folder, whether it has ended or not.

    Raises
    ------
    InputError
        If Optuna is missing, no trial has ended yet, or the search was begun before these were kept.
    """
    study = load_optuna().load_study(study_name=STUDY, storage=_storage(folder))
    asked, baseline = study.user_attrs.get(ASKED), study.user_attrs.get(BASELINE)
    if asked is None:
        raise InputError(
            f"{folder}: was made by an earlier version, which did not keep the settings of the search; give "
            "its `atomsmith tune` command again, which writes the report."
        )
    found = None if baseline is None else _read(study, Outcome(**baseline))
    if found is None or found.best is None:
        raise InputError(f"{folder}: no trial of this search has ended yet; wait for one.")
    return settings_from_values(TuneSettings, asked, str(folder / STORAGE_NAME)), found


def _storage(folder: Path) -> Any:
    """Open or make the file of a search.

    Raises
    ------
    InputError
        If it is no database.
    """
    path = folder / STORAGE_NAME
    if path.exists():
        with path.open("rb") as file:
            begins = file.read(16)
        if begins not in (b"", b"SQLite format 3\0"):
            raise InputError(f"{path} is no file of a search: it is damaged, move it away.")
    return load_optuna().storages.RDBStorage(
        f"sqlite:///{path.absolute()}",
        engine_kwargs={"connect_args": {"timeout": 60}},
    )


def _opened(settings: TuneSettings, bench: Bench, folder: Path, worker: int, create: bool) -> Study:
    optuna = load_optuna()
    directions = ["minimize", "minimize"] if settings.cost.minimise else ["minimize"]
    study: Study = optuna.create_study(
        storage=_storage(folder),
        study_name=STUDY,
        directions=directions,
        load_if_exists=True,
    )
    stored = len(study.get_trials(deepcopy=False))
    study.sampler = make_sampler(settings.sampler, settings.search, worker, stored)
    key = _key(settings, bench)
    known = study.user_attrs.get(SETTINGS)
    if known is None and create:
        study.set_user_attr(SETTINGS, key)
    elif known != key:
        raise InputError(
            f"{folder}: holds a search with other settings or data, whose trials cannot be compared with new "
            "ones; give another folder."
        )
    if create:  # the number of trials, for one, may have changed
        study.set_user_attr(ASKED, settings.model_dump(mode="json"))
    return study


def _key(settings: TuneSettings, bench: Bench) -> str:
    """Hash of all that scores depend on; the sampler, the number of trials and of workers may change."""
    content = {
        "settings": settings.model_dump(mode="json", exclude={"sampler", "trials", "workers", "fit_file"}),
        "start": bench.fit_settings({}).model_dump(mode="json", exclude={"data", "executor", "threads"}),
        "data": bench.train.fingerprint(),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _baseline(study: Study, bench: Bench) -> Outcome:
    """Outcome of the settings as given; a limit of the cost does not hold for them."""
    if BASELINE not in study.user_attrs:
        limit = bench.settings
        free = limit.model_copy(update={"cost": limit.cost.model_copy(update={"limit_us_per_atom": None})})
        bench.settings = free
        try:
            outcome = bench.attempt({})
        finally:
            bench.settings = limit
        study.set_user_attr(BASELINE, outcome.to_dict())
    return Outcome(**study.user_attrs[BASELINE])


def _bury(study: Study, settings: TuneSettings, worker: int | None = None) -> None:
    """End trials that a killed run, or one worker, has left behind as running.

    Points of a grid are tried again.
    """
    optuna = load_optuna()
    for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        if worker is not None and trial.user_attrs.get(WORKER) != worker:
            continue
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        if settings.sampler.kind == "grid":
            # The sampler takes a point whose trial has ended for done, however it ended.
            waiting = optuna.trial.TrialState.WAITING
            study.add_trial(optuna.trial.create_trial(state=waiting, system_attrs=trial.system_attrs))


def _work(
    study: Study,
    settings: TuneSettings,
    bench: Bench,
    baseline: Outcome,
    watch: Callable[[], None],
    lock: Lock,
    worker: int = 0,
) -> None:
    """Try settings until enough trials have begun; all that share the lock begin them one at a time."""
    optuna = load_optuna()

    def objective(trial: Trial) -> float | tuple[float, float]:
        trial.set_user_attr(WORKER, worker)
        # From here on the trial is in the storage, where others count it.
        beginning.close()
        parameters = suggest(trial, settings.search)
        try:
            outcome = bench.attempt(parameters)
            score = outcome.score(baseline, settings.score)
        except (AtomsmithError, TooSlowError) as error:
            trial.set_user_attr(REASON, " ".join(str(error).split()))
            raise optuna.TrialPruned from error
        trial.set_user_attr(OUTCOME, outcome.to_dict())
        return (score, outcome.us_per_atom) if settings.cost.minimise else score

    most = settings.trials
    if settings.sampler.kind == "grid":
        most = min(most, math.prod(len(values) for values in grid(settings.search).values()))
    watch()
    while True:
        with ExitStack() as beginning:
            beginning.enter_context(lock())
            if _begun(study) >= most:
                return
            study.optimize(objective, n_trials=1)
        watch()


def _begun(study: Study) -> int:
    """Trials that have ended or are under way; not those that a kill has ended."""
    states = load_optuna().trial.TrialState
    return len(study.get_trials(deepcopy=False, states=(states.COMPLETE, states.PRUNED, states.RUNNING)))


def _distribute(study: Study, settings: TuneSettings, folder: Path, watch: Callable[[], None]) -> None:
    """Let several processes try settings; this one watches.

    The trial of a worker that was killed is free again, and another worker takes its place; so many times as
    there are workers, for what kills them may be the settings.
    """
    context = multiprocessing.get_context("spawn")
    started: list[BaseProcess] = []
    alive: dict[int, BaseProcess] = {}

    def start() -> None:
        index = len(started) + 1
        process = context.Process(target=_worker, args=(settings, folder, index), daemon=True)
        process.start()
        started.append(process)
        alive[index] = process

    for _ in range(settings.workers):
        start()
    try:
        while alive:
            time.sleep(POLL_S)
            for index in [index for index, process in alive.items() if not process.is_alive()]:
                if alive.pop(index).exitcode != 0:
                    _bury(study, settings, index)
                    if len(started) < 2 * settings.workers:
                        start()
            watch()
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.join()
    _bury(study, settings)
    if all(process.exitcode != 0 for process in started):
        raise InputError(
            f"all {len(started)} worker processes ended with an error; run with workers: 1 to see it."
        )


def _worker(settings: TuneSettings, folder: Path, index: int) -> None:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    bench = Bench(settings)
    study = _opened(settings, bench, folder, index, create=False)
    baseline = _baseline(study, bench)
    _work(study, settings, bench, baseline, lambda: None, lambda: exclusive(folder / BEGINNING_NAME), index)


def _read(study: Study, baseline: Outcome) -> Search:
    states = load_optuna().trial.TrialState
    tries: list[Try] = []
    for trial in study.get_trials(deepcopy=False, states=(states.COMPLETE, states.PRUNED)):
        one = Try(trial.number, dict(trial.params), None, None, trial.user_attrs.get(REASON, ""))
        if trial.state == states.COMPLETE:
            outcome = Outcome(**trial.user_attrs[OUTCOME])
            one = replace(one, outcome=outcome, score=trial.values[0])
        tries.append(one)
    return Search(baseline, tuple(tries))
