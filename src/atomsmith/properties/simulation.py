"""Molecular dynamics for properties: walkers with frames kept, that go on from a checkpoint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atomsmith.data.configuration import Configuration
from atomsmith.data.files import replacing_bytes
from atomsmith.prediction import ForceField
from atomsmith.properties.base import Report, silent
from atomsmith.sampling.integrators import thermalised
from atomsmith.sampling.ramps import Ramp
from atomsmith.sampling.sampler import Progress, run
from atomsmith.sampling.settings import SamplingSettings
from atomsmith.sampling.state import Walkers
from atomsmith.sampling.trace import TRACE, Trace
from atomsmith.systems import FloatArray, Systems

CHECKPOINT_STEPS = 500


@dataclass(frozen=True, eq=False)
class Simulation:
    """Walkers of equal size on their way.

    Attributes
    ----------
    walkers
        At the end.
    trace
        Rows of all walkers; see `atomsmith.sampling.TRACE`.
    frames
        Unwrapped positions of walkers whenever a row was written, shape (rows, N, 3); empty if not kept.
    cells
        Lattice vectors then, shape (rows, 3, 3).
    """

    walkers: Walkers
    trace: Trace
    frames: FloatArray
    cells: FloatArray

    def rows(self, walker: int) -> NDArray[np.int64]:
        """Indices of one walker's rows, in the order of time."""
        return np.flatnonzero(self.trace["walker"] == walker)

    def last(self, walker: int, like: Configuration) -> Configuration:
        """Return the configuration in which a walker ended."""
        systems = self.walkers.systems
        atoms = slice(systems.first[walker], systems.first[walker + 1])
        return like.without_labels().replace(
            positions=systems.positions[atoms], cell=systems.cells[walker], numbers=systems.numbers[atoms]
        )


def simulate(
    force_field: ForceField,
    starts: Sequence[Configuration] | Walkers,
    settings: Sequence[SamplingSettings],
    seed: int,
    *,
    keep_frames: bool = False,
    report: Report = silent,
    text: str = "molecular dynamics",
    checkpoint: Path | None = None,
) -> Simulation:
    """Advance walkers, all of the same number of atoms, to the end of their settings.

    Parameters
    ----------
    force_field
        The potential.
    starts
        Configurations, which get velocities of their first temperature, or walkers that go on with what they
        have (their steps count from zero again).
    settings
        One for each; they must agree in what is done at which step.
    seed
        Of velocities and noise.
    keep_frames
        Whether to keep positions.
    report
        Called with steps done.
    text
        What is shown with it.
    checkpoint
        File that a stopped simulation goes on from, if what it was given is the same; None keeps none.
    """
    walkers = starts.restarted() if isinstance(starts, Walkers) else _thermal(starts, settings, seed)
    keeper = _Keeper(walkers.systems.n_atoms // walkers.n_walkers, keep_frames)
    name = _fingerprint(walkers, settings, keep_frames)
    if checkpoint is not None:
        walkers = keeper.restored(checkpoint, name, walkers)

    def on_checkpoint(now: Walkers, _rows: Trace) -> None:
        if checkpoint is not None:
            keeper.store(checkpoint, name, now)

    def on_progress(progress: Progress) -> None:
        alive = f"{progress.n_active} of {progress.n_walkers} walkers"
        if progress.n_active:  # those that have stopped have no temperature
            alive += f", {progress.temperature_k:.0f} K"
        report(progress.step, progress.max_steps, f"{text}, {alive}")

    result = run(
        walkers,
        force_field,
        settings,
        on_record=keeper.record,
        on_checkpoint=on_checkpoint,
        checkpoint_every=CHECKPOINT_STEPS,
        on_progress=on_progress,
    )
    if checkpoint is not None:
        keeper.store(checkpoint, name, result.walkers)
    return Simulation(result.walkers, *keeper.arrays())


def plain_dynamics(
    *,
    temperature_k: float | Ramp,
    timestep_fs: float,
    steps: int,
    record_every: int,
    ensemble: str = "nvt",
    pressure_gpa: float | None = None,
    **more: Any,
) -> SamplingSettings:
    """Settings of unbiased dynamics at a temperature or along a ramp, and at a pressure if there is one."""
    values: dict[str, Any] = {
        "ensemble": ensemble,
        "temperature_k": temperature_k,
        "timestep_fs": timestep_fs,
        "max_steps": steps,
        "record_every": record_every,
        "bias": None,
        "trigger": None,
        "pressure_gpa": pressure_gpa,
        **more,
    }
    return SamplingSettings.model_validate(values)


def blocked_error(values: FloatArray, blocks: int = 5) -> float:
    """Standard error of the mean of a correlated series, from the means of a few blocks."""
    if len(values) < 2 * blocks:
        return float("nan")
    means = [float(part.mean()) for part in np.array_split(values, blocks)]
    return float(np.std(means, ddof=1) / np.sqrt(blocks))


def _thermal(starts: Sequence[Configuration], settings: Sequence[SamplingSettings], seed: int) -> Walkers:
    from ase.data import atomic_masses

    systems = Systems.from_configurations(starts)
    walkers = Walkers.create(systems, atomic_masses[systems.numbers], seed)
    return thermalised(walkers, np.array([one.temperature_k.start for one in settings]))


class _Keeper:
    """Rows and frames as they come, and the file that they are stored in."""

    def __init__(self, n_atoms: int, keep_frames: bool) -> None:
        self.n_atoms = n_atoms if keep_frames else 0
        self.rows: list[Trace] = []
        self.frames: list[FloatArray] = []
        self.cells: list[FloatArray] = []

    def record(self, rows: Trace, walkers: Walkers) -> None:
        """Take rows and the walkers that they describe."""
        self.rows.append(rows)
        self.cells.append(walkers.systems.cells.copy())
        if self.n_atoms:
            self.frames.append(walkers.systems.positions.reshape(-1, self.n_atoms, 3).copy())

    def arrays(self) -> tuple[Trace, FloatArray, FloatArray]:
        """Trace, frames and cells, in one piece each."""
        trace = np.concatenate([np.zeros(0, TRACE), *self.rows])
        frames = np.concatenate([np.zeros((0, self.n_atoms, 3)), *self.frames])
        cells = np.concatenate([np.zeros((0, 3, 3)), *self.cells])
        return trace, frames, cells

    def store(self, path: Path, name: str, walkers: Walkers) -> None:
        """Replace the checkpoint."""
        arrays, header = walkers.to_arrays()
        trace, frames, cells = self.arrays()
        path.parent.mkdir(parents=True, exist_ok=True)
        everything: dict[str, Any] = {f"walkers_{key}": value for key, value in arrays.items()}
        everything |= {"trace": trace, "frames": frames, "cells": cells}
        everything["header"] = np.array(json.dumps({"name": name, "walkers": header}))
        with replacing_bytes(path) as file:
            np.savez(file, **everything)

    def restored(self, path: Path, name: str, fresh: Walkers) -> Walkers:
        """Return the walkers of a checkpoint of the same simulation, its rows taken up; else fresh ones."""
        if not path.is_file():
            return fresh
        with np.load(path, allow_pickle=False) as stored:
            header = json.loads(str(stored["header"]))
            if header["name"] != name:
                return fresh
            self.rows, self.frames, self.cells = [stored["trace"]], [stored["frames"]], [stored["cells"]]
            arrays = {
                key.removeprefix("walkers_"): stored[key]
                for key in stored.files
                if key.startswith("walkers_")
            }
        return Walkers.from_arrays(arrays, header["walkers"])


def _fingerprint(walkers: Walkers, settings: Sequence[SamplingSettings], keep_frames: bool) -> str:
    arrays, _ = walkers.to_arrays()
    digest = hashlib.sha256(str(keep_frames).encode())
    for key in sorted(arrays):
        digest.update(np.ascontiguousarray(arrays[key]).tobytes())
    for one in settings:
        digest.update(one.model_dump_json().encode())
    return digest.hexdigest()
