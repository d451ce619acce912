"""``kill -9`` at any moment, then the same command: the run ends as if nothing had happened.

ATOMSMITH_KILLS sets the number of kills (default 40).
"""

import itertools
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from atomsmith.data import Store
from learning.calculators import fingerprint, finished
from learning.runs import plain_settings, triggering

KILLS = int(os.environ.get("ATOMSMITH_KILLS", "40"))
TESTS = Path(__file__).parent.parent
SLOW = 0.02
"""Seconds of a reference calculation, so that some kills hit one."""


class Launcher:
    """The process that starts the commands; see `learning.launcher`."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self._process = subprocess.Popen(
            [sys.executable, "-m", "learning.launcher"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        assert self._answer() == "ready"

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def learn(self, settings: Path, folder: Path, **kill: Any) -> int:
        """Exit code of ``atomsmith learn``, killed as `kill` says."""
        assert self._process.stdin is not None
        task = {
            "arguments": ["learn", str(settings), "-o", str(folder), "--no-report"],
            "log": str(self.log),
            **kill,
        }
        print(json.dumps(task), file=self._process.stdin, flush=True)
        code = int(self._answer())
        assert code in (0, -9), self.log.read_text()[-2000:]
        return code

    def close(self) -> None:
        self._process.communicate()


def environment() -> dict[str, str]:
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    return {**os.environ, **limits, "PYTHONPATH": os.pathsep.join([str(TESTS), *filter(None, sys.path)])}


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator[Launcher]:
    launcher = Launcher(tmp_path / "output.txt")
    yield launcher
    launcher.close()


def settings_file(starts: Path, folder: Path, **changes: Any) -> tuple[Path, Path]:
    """A settings file of its own for a run, and the log of its reference."""
    log, path = folder.with_suffix(".log"), folder.with_suffix(".yaml")
    settings = plain_settings(
        starts,
        reference={"arguments": {"log": str(log), "seconds": SLOW}},
        sampling=triggering(0.004, minimum_steps=5)
        | {"check_every": 5, "pressure_gpa": 1.0, "swap_moves": {"every": 5}},
        selection={"test_fraction": 0.2},
        walkers={"start_from": "all"},
        growth={"largest_degree": 4.0},
        stop={"labels": 18},
        checkpoint_every=5,
    )
    path.write_text(yaml.safe_dump(settings | changes))
    return path, log


class Committed:
    """What the store of a run holds after a kill, to be compared with what happens later."""

    def __init__(self, folder: Path, log: Path) -> None:
        self.logged = len(finished(log))
        self.labels: dict[int, tuple[str, float | None, bytes]] = {}
        self.atoms: dict[str, float] = {}
        if not (folder / "store.sqlite").exists():
            return
        with Store.open(folder) as store:
            self.atoms = store.get("isolated_atoms", {})
            for entry in store.entries(state="labelled"):
                c = entry.configuration
                assert c.forces is not None
                key = fingerprint(c.numbers, c.positions, c.cell)
                self.labels[entry.id] = (key, c.energy, c.forces.tobytes())

    def check_nothing_lost_or_repeated(self, later: "Committed", log: Path) -> None:
        assert self.labels.items() <= later.labels.items()
        computed = set(finished(log)[self.logged : later.logged])
        assert not computed & {key for key, _, _ in self.labels.values()}
        assert self.atoms.items() <= later.atoms.items()

    def check_all_but(self, few: int, log: Path, free_atoms: Sequence[str]) -> None:
        """Whether no more than ``few`` calculations were finished without being committed."""
        kept = {key for key, _, _ in self.labels.values()} | set(free_atoms[: len(self.atoms)])
        assert len(set(finished(log)) - kept) <= few


def results(folder: Path) -> tuple[bytes, bytes]:
    return (folder / "dataset.xyz").read_bytes(), (folder / "potential.json").read_bytes()


class Reference:
    """A run that nothing interrupted."""

    def __init__(self, starts: Path, folder: Path, launcher: Launcher, **changes: Any) -> None:
        settings, log = settings_file(starts, folder, **changes)
        began = time.monotonic()
        assert launcher.learn(settings, folder) == 0
        self.seconds = time.monotonic() - began
        self.results = results(folder)
        self.calculations = finished(log)
        assert len(self.calculations) == len(set(self.calculations)) == 20


def killed_run(
    starts: Path, folder: Path, launcher: Launcher, kills: list[Any], whole: Reference, **changes: Any
) -> int:
    """Kill a run as ``kills`` say, or as long as it lasts; then let it end. Returns how often it was."""
    at_once = 1 + changes.get("executor", {}).get("workers", 0)
    settings, log = settings_file(starts, folder, **changes)
    before, killed = Committed(folder, log), 0
    for kill in [*kills, {}]:
        code = launcher.learn(settings, folder, **kill)
        after = Committed(folder, log)
        before.check_nothing_lost_or_repeated(after, log)
        after.check_all_but(at_once, log, whole.calculations[:2])
        before = after
        if code == 0:
            break
        killed += 1
    assert len(before.labels) == 18
    assert not list(folder.glob(".*"))
    # A calculation that was interrupted, or not yet committed, may have been made again; no other.
    assert set(finished(log)) == set(whole.calculations)
    assert results(folder) == whole.results
    return killed


def random_kill(rng: random.Random, seconds: float) -> dict[str, Any]:
    """At any time within ``seconds``, or on either side of a transaction."""
    if rng.random() < 0.5:
        return {"after": rng.uniform(0.0, seconds)}
    return {"commit": rng.randint(1, 15), "before": rng.random() < 0.5}


@pytest.fixture
def rng() -> random.Random:
    seed = random.randrange(2**32)
    print(f"random seed {seed}")  # pytest shows it when the test fails
    return random.Random(seed)


def test_killed_runs_end_like_one_that_was_not(
    starts: Path, tmp_path: Path, launcher: Launcher, rng: random.Random
) -> None:
    whole = Reference(starts, tmp_path / "whole", launcher)
    killed = 0
    for number in itertools.count():
        folder = tmp_path / f"killed{number}"
        kills = [random_kill(rng, 0.5 * whole.seconds) for _ in range(min(10, KILLS - killed))]
        killed += killed_run(starts, folder, launcher, kills, whole)
        if killed == KILLS:
            return


def test_killed_runs_with_worker_processes(
    starts: Path, tmp_path: Path, launcher: Launcher, rng: random.Random
) -> None:
    """Labels arrive in any order, and the workers outlive the kill by a moment."""
    changes = {"executor": {"kind": "processes", "workers": 2}}
    whole = Reference(starts, tmp_path / "whole", launcher)
    kills = [random_kill(rng, 2.0) for _ in range(max(3, KILLS // 20))]
    assert killed_run(starts, tmp_path / "killed", launcher, kills, whole, **changes) > 0
