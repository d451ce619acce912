"""Timing of several things against each other in one run."""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np


def interleaved(
    actions: Mapping[str, Callable[[], object]], repeats: int, clock: Callable[[], float] = time.process_time
) -> dict[str, list[float]]:
    """Seconds of every action, ``repeats`` times in turn, after one round that is not counted.

    Taking turns lets slow drifts of the machine (clock rate, neighbours) fall on all alike. The default clock
    counts the processor time of this process, which other load disturbs less than the time on the wall.
    """
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    for repeat in range(repeats + 1):
        for name, action in actions.items():
            began = clock()
            action()
            if repeat:
                seconds[name].append(clock() - began)
    return seconds


def summary(seconds: list[float], scale: float) -> dict[str, float]:
    """Minimum and median, times ``scale``."""
    return {"min": scale * float(np.min(seconds)), "median": scale * float(np.median(seconds))}


def memory_mb() -> float:
    """Resident memory of this process."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 2**20
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    from atomsmith import _engine

    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = lines[0].split(":")[1].strip() if lines else model
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "instruction_set": _engine.isa(),
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def parser(description: str) -> argparse.ArgumentParser:
    """Arguments that all benchmarks have."""
    arguments = argparse.ArgumentParser(description=description)
    arguments.add_argument("--repeats", type=int, default=7, help="repeats of every measurement")
    arguments.add_argument("--json", type=Path, help="write the numbers to this file")
    return arguments


def write(path: Path | None, numbers: Mapping[str, Any]) -> None:
    """Write the numbers where they were asked for."""
    if path is not None:
        path.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
