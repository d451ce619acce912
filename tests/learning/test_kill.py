"""``kill -9`` at any moment, then the same command: the run ends as if nothing had happened.

ATOMSMITH_KILLS sets the number of kills (default 30).
"""

import itertools
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from atomsmith.data import Store
from learning.calculators import finished, fingerprint
from learning.runs import plain_settings, triggering

KILLS = int(os.environ.get("ATOMSMITH_KILLS", "30"))
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
        task = {"arguments": ["learn", str(settings), "-o", str(folder)], "log": str(self.log), **kill}
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
        sampling=triggering(0.004, minimum_steps=5) | {"check_every": 5},
        selection={"test_fraction": 0.2},
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
        self.atoms = None
        if not (folder / "store.sqlite").exists():
            return
        with Store.open(folder) as store:
            self.atoms = store.get("isolated_atoms")
            for entry in store.entries(state="labelled"):
                c = entry.configuration
                assert c.forces is not None
                key = fingerprint(c.numbers, c.positions, c.cell)
                self.labels[entry.id] = (key, c.energy, c.forces.tobytes())

    def check_nothing_lost_or_repeated(self, later: "Committed", log: Path) -> None:
        assert self.labels.items() <= later.labels.items()
        computed = set(finished(log)[self.logged : later.logged])
        assert not computed & {key for key, _, _ in self.labels.values()}
        if self.atoms is not None:
            assert later.atoms == self.atoms


def results(folder: Path) -> tuple[bytes, bytes]:
    return (folder / "dataset.xyz").read_bytes(), (folder / "potential.json").read_bytes()


def test_killed_runs_end_like_one_that_was_not(starts: Path, tmp_path: Path, launcher: Launcher) -> None:
    settings, log = settings_file(starts, tmp_path / "whole")
    began = time.monotonic()
    assert launcher.learn(settings, tmp_path / "whole") == 0
    duration = time.monotonic() - began
    expected = results(tmp_path / "whole")
    calculations = finished(log)
    assert len(calculations) == len(set(calculations)) == 20

    seed = random.randrange(2**32)
    print(f"random seed {seed}")
    rng = random.Random(seed)
    kills = 0
    for number in itertools.count():
        folder = tmp_path / f"killed{number}"
        settings, log = settings_file(starts, folder)
        before = Committed(folder, log)
        for _ in range(10):
            if kills == KILLS:
                kill: dict[str, Any] = {}
            elif rng.random() < 0.5:
                kill = {"after": rng.uniform(0.0, 0.5 * duration)}
            else:
                kill = {"commit": rng.randint(1, 15), "before": rng.random() < 0.5}
            code = launcher.learn(settings, folder, **kill)
            after = Committed(folder, log)
            before.check_nothing_lost_or_repeated(after, log)
            before = after
            if code == 0:
                break
            kills += 1
        else:
            assert launcher.learn(settings, folder) == 0
        after = Committed(folder, log)
        before.check_nothing_lost_or_repeated(after, log)
        assert len(after.labels) == 18
        # A calculation that was interrupted, or not yet committed, may have been made again; no other.
        assert set(finished(log)) == set(calculations)
        assert results(folder) == expected
        assert not list(folder.glob(".*"))
        if kills == KILLS:
            return
