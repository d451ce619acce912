"""``kill -9`` at random moments: what was committed is there, what was not leaves no trace."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from atomsmith.data import Store
from atomsmith.errors import RunLockedError

KILLS = int(os.environ.get("ATOMSMITH_KILLS", "12"))

WRITER = """
import sys
import numpy as np
from atomsmith.data import Configuration, Store

def configuration(key):
    rng = np.random.default_rng(key)
    return Configuration(np.full(8, 14), rng.normal(size=(8, 3)), 5 * np.eye(3), True, energy=float(key),
                         forces=rng.normal(size=(8, 3)))

with Store.open(sys.argv[1]) as store:
    print("open", flush=True)
    while True:
        key = len(store.entries()) + 1
        with store.transaction():
            store.save_checkpoint("walkers", {"x": np.full(2000, key)}, {"key": key})
        number = len(store.rounds()) + 1
        with store.transaction():
            a = store.add(configuration(key), split="train", origin={"key": key})
            b = store.add(configuration(key + 1), split="train", origin={"key": key + 1})
            store.add_trace(number, 0, {"x": np.full(500, float(number))})
            store.add_round(number, {"ids": [a, b]})
            store.drop_checkpoint("walkers")
        print("round", number, flush=True)
        for id, pending in store.pending():
            store.record_label(id, configuration(store.entry(id).origin["key"]), 0.0)
            print("label", id, flush=True)
"""


def start(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    assert first == "open\n", first + (process.stderr.read() if process.stderr else "")
    return process


def kill(process: subprocess.Popen[str]) -> list[str]:
    """Kill and return the lines it had printed, each written after a commit."""
    process.send_signal(signal.SIGKILL)
    output, _ = process.communicate()
    return [line for line in output.split("\n")[:-1] if line]


def test_nothing_committed_is_lost(tmp_path: Path) -> None:
    random.seed(20230911)
    rounds: set[int] = set()
    labels: list[int] = []
    for _ in range(KILLS):
        process = start(tmp_path)
        time.sleep(random.uniform(0.0, 0.25))
        for line in kill(process):
            kind, number = line.split()
            if kind == "round":
                rounds.add(int(number))
            else:
                labels.append(int(number))
        with Store.open(tmp_path) as store:
            recorded = {record["number"]: record["ids"] for record in store.rounds()}
            entries = store.entries()
            assert rounds <= set(recorded)
            assert [id for ids in recorded.values() for id in ids] == [entry.id for entry in entries]
            assert set(labels) <= {entry.id for entry in entries if entry.state == "labelled"}
            for entry in entries:
                assert entry.state == "pending" or entry.configuration.energy == entry.origin["key"]
            trace = store.trace()
            assert len(trace["round"]) == 500 * len(recorded)
            assert (trace["round"] == trace.get("x", trace["round"])).all()
            checkpoint = store.load_checkpoint("walkers")
            assert checkpoint is None or (checkpoint[0]["x"] == checkpoint[1]["key"]).all()
        with sqlite3.connect(tmp_path / "store.sqlite") as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert len(labels) == len(set(labels)), "a label was recorded twice"
    assert rounds, "no round was ever committed: the test tests nothing"


def test_a_second_process_is_refused_and_a_killed_one_forgotten(tmp_path: Path) -> None:
    process = start(tmp_path)
    try:
        with pytest.raises(RunLockedError, match=f"in use by process {process.pid} on "):
            Store.open(tmp_path)
        with Store.open(tmp_path, read_only=True) as reader:
            assert reader.counts()["failed"] == 0
    finally:
        kill(process)
    with Store.open(tmp_path, read_only=True) as reader:
        seen = len(reader.entries())
    with Store.open(tmp_path) as store:
        assert len(store.entries()) == seen


def test_an_orphaned_child_does_not_hold_the_folder(tmp_path: Path) -> None:
    """A worker forked by the killed process lives on; the run can be started again nevertheless."""
    code = (
        "import os, sys, time\nfrom atomsmith.data import Store\nstore = Store.open(sys.argv[1])\n"
        "child = os.fork()\nif child == 0:\n    time.sleep(60)\n    os._exit(0)\n"
        "print(child, flush=True)\ntime.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    try:
        process.kill()
        process.wait()
        os.kill(child, 0)
        Store.open(tmp_path).close()
    finally:
        os.kill(child, signal.SIGKILL)
        process.stdout.close()
