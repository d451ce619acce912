"""Many labels at once: crashes, hangs, early stops; every executor gives what `label` gives."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from atomsmith.data.configuration import Configuration
from atomsmith.errors import InputError, LabelError
from atomsmith.reference import (
    ExecutorSettings,
    FailureGuard,
    LabelResult,
    LabelRunner,
    isolated_atoms,
    run_labels,
)
from atomsmith.reference.executors import SerialExecutor, start
from atomsmith.reference.pool import WorkerDiedError, WorkerPool, WorkerTimeoutError

from .structures import bent_water, configuration, reference

WELL = f"{__package__}.calculators:Well"


def well(**arguments: Any) -> Any:
    return reference(kind="ase", calculator=WELL, arguments=arguments)


def atom_at(x: float) -> Configuration:
    return Configuration(numbers=[1], positions=[[x, 0.0, 0.0]])


def run(runner: LabelRunner, positions: list[float]) -> dict[int, LabelResult]:
    return dict(runner.run((k, atom_at(x)) for k, x in enumerate(positions)))


def wait_until_gone(pid: int) -> None:
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        state = Path(f"/proc/{pid}/stat")
        if state.exists() and state.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return
        time.sleep(0.05)
    pytest.fail(f"process {pid} still runs")


def test_worker_processes_give_the_same_as_one_process(tmp_path: Path) -> None:
    settings = reference(kind="tblite")
    water = configuration(bent_water())
    serial = LabelRunner(settings, scratch=tmp_path, elements=["H", "O"])
    with (
        serial,
        LabelRunner(settings, ExecutorSettings(kind="processes", workers=2), scratch=tmp_path) as parallel,
    ):
        assert isinstance(serial._started.executor, SerialExecutor)
        one = dict(serial.run([("a", water)]))["a"].configuration
        several = dict(parallel.run((k, water) for k in ("a", "b", "c")))
    assert one is not None
    assert sorted(several) == ["a", "b", "c"]
    for result in several.values():
        assert result.configuration is not None
        assert result.configuration.energy == one.energy
        np.testing.assert_array_equal(result.configuration.forces, one.forces)


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("dies", "the worker process died with signal SIGABRT; it said: stack smashed"),
        ("hangs", "the calculation was ended after its time limit of 0.5 s"),
        ("raises", "ase: RuntimeError: the well ran dry"),
    ],
)
def test_one_bad_configuration_fails_alone(behaviour: str, reason: str, tmp_path: Path) -> None:
    executor = ExecutorSettings(kind="processes", workers=2, timeout_s=0.5)
    with LabelRunner(well(behaviour=f"far:{behaviour}"), executor, scratch=tmp_path) as runner:
        results = run(runner, [0.0, 1.0, 100.0, 2.0, 3.0, 4.0])
    assert sorted(results) == list(range(6))
    assert [k for k, result in results.items() if not result.ok] == [2]
    assert results[2].reason is not None
    # A dying interpreter may add its own traceback.
    assert results[2].reason.startswith(reason.split("; it said")[0])


def test_results_come_one_by_one_and_an_early_stop_costs_little(tmp_path: Path) -> None:
    taken: list[int] = []

    def tasks() -> Iterator[tuple[int, Configuration]]:
        for k in range(100):
            taken.append(k)
            yield k, atom_at(float(k))

    with LabelRunner(well(), ExecutorSettings(kind="serial"), scratch=tmp_path) as runner:
        stream = runner.run(tasks())
        assert next(stream)[0] == 0
        assert taken == [0]
        assert next(stream)[0] == 1
        assert taken == [0, 1]
    with LabelRunner(well(), ExecutorSettings(kind="processes", workers=2), scratch=tmp_path) as runner:
        taken.clear()
        stream = runner.run(tasks())
        next(stream)
        stream.close()
        assert len(taken) <= 3


def test_any_executor_will_do(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as threads:
        tasks = [(k, atom_at(float(k))) for k in range(5)]
        results = dict(run_labels(threads, tasks, well(), tmp_path, width=3))
    energies = [results[k].configuration.energy for k in range(5)]  # type: ignore[union-attr]
    np.testing.assert_allclose(energies, [0.5 * k * k - 1.0 for k in range(5)])


def test_free_atoms_are_calculated_where_everything_else_is(tmp_path: Path) -> None:
    executor = ExecutorSettings(kind="processes", workers=1)
    with LabelRunner(well(behaviour="process"), executor, scratch=tmp_path) as runner:
        worker = run(runner, [0.0])[0].configuration
        assert worker is not None
        assert worker.energy != os.getpid()
        assert dict(isolated_atoms(["H", "O"], runner)) == {"H": worker.energy, "O": worker.energy}


def test_each_free_atom_has_its_own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reference decides for every element, as for its spin; nobody asks for forces."""
    asked = {}

    def settings_for(self: Any, symbol: str) -> Any:
        return self.model_copy(update={"multiplicity": {"H": 2, "O": 3}[symbol]})

    def record(configuration: Configuration, settings: Any, folder: Path) -> LabelResult:
        asked[folder.name] = (settings.multiplicity, settings.forces, settings.stress)
        return LabelResult(configuration.replace(energy=1.0), None, 0.0)

    water = reference(kind="tblite")
    monkeypatch.setattr(type(water), "for_isolated_atom", settings_for)
    with LabelRunner(water, ExecutorSettings(kind="serial"), scratch=tmp_path) as runner:
        runner._function = record
        assert dict(isolated_atoms(["H", "O"], runner)) == {"H": 1.0, "O": 1.0}
    assert asked == {"isolated-H": (2, False, False), "isolated-O": (3, False, False)}


@pytest.mark.parametrize("kind", ["parsl", "dask"])
def test_clusters(kind: Any, tmp_path: Path) -> None:
    executor = ExecutorSettings(kind=kind, workers=2, timeout_s=20.0)
    try:
        runner = LabelRunner(well(behaviour="far:dies"), executor, scratch=tmp_path)
    except InputError as error:
        pytest.skip(str(error))
    with runner:
        results = run(runner, [0.0, 2.0, 100.0, 3.0])
    assert [results[k].ok for k in range(4)] == [True, True, False, True]
    assert results[2].reason is not None
    assert "died with signal SIGABRT" in results[2].reason


def test_threads_of_the_engine_are_limited(tmp_path: Path) -> None:
    for kind in ("serial", "processes"):
        executor = ExecutorSettings.model_validate({"kind": kind, "threads": 3})
        with LabelRunner(well(behaviour="threads"), executor, scratch=tmp_path) as runner:
            result = run(runner, [0.0])[0]
        assert result.configuration is not None
        assert result.configuration.energy == 3.0


def test_auto_calls_quick_references_here_and_others_in_workers(tmp_path: Path) -> None:
    def executor_for(settings: Any, **values: Any) -> Any:
        started = start(ExecutorSettings(**values), settings, tmp_path)
        started.close()
        return type(started.executor)

    assert executor_for(reference(kind="tblite")) is SerialExecutor
    assert executor_for(reference(kind="tblite"), workers=2) is WorkerPool
    assert executor_for(reference(kind="tblite"), timeout_s=1.0) is WorkerPool
    assert executor_for(reference(kind="orca")) is WorkerPool


def test_a_reference_that_cannot_run_stops_before_the_first_label(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'no-such-orca'"):
        LabelRunner(reference(kind="orca", command="no-such-orca"), scratch=tmp_path)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"kind": "serial", "timeout_s": 5.0}, "take kind 'processes'"),
        ({"kind": "serial", "workers": 2}, "take kind 'processes'"),
        ({"kind": "processes", "parsl_config": "a:b"}, "parsl_config is for kind 'parsl'"),
        ({"dask_address": "tcp://x"}, "dask_address is for kind 'dask'"),
        ({"workers": 0}, "greater than or equal to 1"),
    ],
)
def test_contradictory_executors_are_refused(values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        ExecutorSettings.model_validate(values)


def test_several_failures_in_a_row_stop_with_the_last_reason() -> None:
    guard = FailureGuard(3)
    good = LabelResult(atom_at(0.0), None, 0.1)
    for result in [bad("a"), bad("b"), good, bad("c"), bad("d")]:
        guard.record(result)
    with pytest.raises(LabelError, match="3 reference calculations in a row failed, the last with: e"):
        guard.record(bad("e"))


def bad(reason: str) -> LabelResult:
    return LabelResult(None, reason, 0.1)


def test_pool_passes_results_and_exceptions_and_survives_both_ends() -> None:
    pool = WorkerPool(1, timeout_s=1.0)
    pid = pool.submit(os.getpid).result()
    assert pid != os.getpid()
    with pytest.raises(ValueError, match="invalid literal"):
        pool.submit(int, "x").result()
    assert pool.submit(os.getpid).result() == pid
    with pytest.raises(WorkerDiedError, match="exit code 3"):
        pool.submit(os._exit, 3).result()
    after = pool.submit(os.getpid).result()
    assert after != pid
    with pytest.raises(WorkerTimeoutError, match="time limit of 1 s"):
        pool.submit(time.sleep, 30.0).result()
    with pytest.raises(LabelError, match="cannot be passed between processes"):
        pool.submit(open, os.devnull).result()
    last = pool.submit(os.getpid).result()
    pool.shutdown()
    wait_until_gone(last)
    with pytest.raises(RuntimeError, match="shut down"):
        pool.submit(os.getpid)


def test_killing_the_pool_ends_running_calls_and_cancels_waiting_ones() -> None:
    pool = WorkerPool(1)
    pid = pool.submit(os.getpid).result()
    running, waiting = pool.submit(time.sleep, 60.0), pool.submit(time.sleep, 60.0)
    while not running.running():
        time.sleep(0.01)
    pool.kill()
    wait_until_gone(pid)
    with pytest.raises(WorkerDiedError, match="SIGKILL"):
        running.result()
    assert waiting.cancelled() or waiting.exception() is not None


def test_nothing_computes_on_when_the_caller_is_killed(tmp_path: Path) -> None:
    """Also programs that a worker has started end with it."""
    script = (
        "import os, sys, subprocess, time\n"
        "from atomsmith.reference.pool import WorkerPool\n"
        "pool = WorkerPool(1)\n"
        "print(pool.submit(os.getpid).result(), flush=True)\n"
        "pool.submit(subprocess.run, ['sh', '-c', 'echo $$ > pid; sleep 60'])\n"
        "time.sleep(60)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=tmp_path, env=environment
    ) as caller:
        assert caller.stdout is not None
        worker = int(caller.stdout.readline())
        for _ in range(100):
            if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip():
                break
            time.sleep(0.05)
        engine = int((tmp_path / "pid").read_text())
        caller.kill()
    wait_until_gone(worker)
    wait_until_gone(engine)
