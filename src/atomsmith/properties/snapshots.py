"""Snapshots of dynamics at parts of the melting point: training and test sets that a reference labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from atomsmith.data.configuration import Configuration
from atomsmith.errors import InputError
from atomsmith.prediction import ForceField
from atomsmith.properties.base import Report, silent
from atomsmith.properties.simulation import Simulation, plain_dynamics, simulate
from atomsmith.sampling.state import STOP_REASONS, StopReason

ZUO_FRACTIONS = (0.5, 0.9, 1.5, 2.0)
"""Parts of the melting point in Zuo et al., J. Phys. Chem. A 124, 731 (2020), who add 300 K."""


def snapshots(
    force_field: ForceField,
    start: Configuration,
    temperatures_k: Sequence[float],
    *,
    count: int = 20,
    every_ps: float = 0.1,
    equilibration_ps: float = 1.0,
    timestep_fs: float = 2.0,
    seed: int = 0,
    report: Report = silent,
    checkpoint: Path | None = None,
) -> list[Configuration]:
    """Take configurations from Langevin dynamics at constant volume, all temperatures as one batch.

    Parameters
    ----------
    force_field
        What the atoms move on.
    start
        A supercell.
    temperatures_k
        One walker for each, such as `ZUO_FRACTIONS` times the melting point.
    count
        Snapshots of each temperature.
    every_ps, equilibration_ps
        Time between two snapshots, and before the first.
    timestep_fs
        Time step.
    seed
        Of velocities and noise.
    report, checkpoint
        As in `atomsmith.properties.simulation.simulate`.

    Returns
    -------
    list of Configuration
        ``count`` for each temperature, in order, of type ``md`` and with ``temperature_k`` and ``time_fs`` in
        ``info``; fewer where a walker left physics.

    Raises
    ------
    InputError
        If a time is shorter than a step, or there is nothing to take.
    """
    every = round(1000.0 * every_ps / timestep_fs)
    before = round(1000.0 * equilibration_ps / timestep_fs)
    if every < 1 or count < 1 or len(temperatures_k) == 0:
        raise InputError(
            f"snapshots: {count} every {every_ps} ps at {len(temperatures_k)} temperatures; expected at "
            f"least one of each, and no less time than a step of {timestep_fs} fs between them."
        )
    # Rows are written at multiples of `every`; the first snapshot is the first of them that is late enough.
    steps = (max(1, -(-before // every)) + count - 1) * every
    each = [
        plain_dynamics(temperature_k=temperature, timestep_fs=timestep_fs, steps=steps, record_every=every)
        for temperature in temperatures_k
    ]
    made = simulate(
        force_field, [start] * len(each), each, seed, keep_frames=True, report=report, checkpoint=checkpoint
    )
    taken: list[Configuration] = []
    for walker, temperature in enumerate(temperatures_k):
        rows = made.rows(walker)
        if STOP_REASONS[made.walkers.reason[walker]] is not StopReason.MAX_STEPS:
            rows = rows[:-1]  # where it left physics
        steps_done = made.trace["step"][rows]
        chosen = rows[(steps_done >= before) & (steps_done > 0) & (steps_done % every == 0)][:count]
        taken += [_snapshot(start, made, row, temperature) for row in chosen]
    return taken


def _snapshot(start: Configuration, made: Simulation, row: int, temperature_k: float) -> Configuration:
    """One row of the simulation, its atoms inside the cell."""
    fractional = made.frames[row] @ np.linalg.inv(start.cell)
    inside = (fractional - np.floor(fractional) * start.pbc) @ start.cell
    info = {"temperature_k": float(temperature_k), "time_fs": float(made.trace["time_fs"][row])}
    return start.without_labels().replace(positions=inside, config_type="md", info={**start.info, **info})
