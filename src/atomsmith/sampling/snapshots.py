"""Configurations taken from unbiased dynamics, with the energies and forces that the walkers have anyway."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from ase.data import atomic_masses

from atomsmith.data.configuration import Configuration
from atomsmith.errors import InputError
from atomsmith.prediction import ForceField, stress_from_virial
from atomsmith.sampling.integrators import thermalised
from atomsmith.sampling.sampler import Progress, SamplingResult, run
from atomsmith.sampling.settings import SamplingSettings
from atomsmith.sampling.state import RUNNING, STOP_REASONS, StopReason, Walkers
from atomsmith.sampling.trace import Trace
from atomsmith.systems import Systems


def sample(
    starts: Sequence[Configuration],
    force_field: ForceField,
    settings: SamplingSettings,
    *,
    seed: int,
    burn_in_steps: int = 0,
    on_progress: Callable[[Progress], None] | None = None,
) -> tuple[list[Configuration], SamplingResult]:
    """Run a walker from every start and keep a configuration at every record after the burn-in.

    Parameters
    ----------
    starts
        Where the walkers start, with velocities of the first temperature.
    force_field
        What they move on; its energies, forces and stresses become the labels.
    settings
        Without bias and trigger; ``record_every`` steps lie between configurations.
    seed
        Of velocities, thermostat and moves.
    burn_in_steps
        Steps before the first configuration.
    on_progress
        Called at every record.

    Returns
    -------
    configurations, result
        Ordered by walker, then time, each of its start's type with ``start`` and ``step`` in its ``info``;
        walkers that a guard stopped give none from that step on.

    Raises
    ------
    InputError
        If there is no start, or the settings have a bias or a trigger.
    """
    if settings.biased or settings.trigger is not None:
        raise InputError("sample: the settings have a bias or a trigger; set both to null.")
    if not starts:
        raise InputError("sample: there is no start; give at least one.")
    systems = Systems.from_configurations(starts)
    walkers = Walkers.create(systems, atomic_masses[systems.numbers], seed)
    temperature = np.full(len(starts), settings.temperature_k.start)
    walkers = thermalised(walkers, temperature, settings.fix_centre_of_mass)
    kept: list[Configuration] = []

    def keep(rows: Trace, now: Walkers) -> None:
        for k, row in enumerate(rows):
            sane = row["reason"] == RUNNING or STOP_REASONS[row["reason"]] is StopReason.MAX_STEPS
            if sane and row["step"] > burn_in_steps and row["step"] % settings.record_every == 0:
                kept.append(_snapshot(now, k, starts[row["walker"]], int(row["walker"])))

    result = run(walkers, force_field, settings, on_record=keep, on_progress=on_progress)
    return sorted(kept, key=lambda c: (c.info["start"], c.info["step"])), result


def _snapshot(walkers: Walkers, k: int, start: Configuration, index: int) -> Configuration:
    """Walker ``k`` as a configuration with labels."""
    systems = walkers.systems
    atoms = slice(systems.first[k], systems.first[k + 1])
    periodic = bool(systems.pbc[k].all())
    stress = stress_from_virial(walkers.virial[k], systems.volumes[k]) if periodic else None
    return Configuration(
        numbers=systems.numbers[atoms],
        positions=systems.positions[atoms],
        cell=systems.cells[k],
        pbc=systems.pbc[k],
        energy=float(walkers.energy[k]),
        forces=walkers.forces[atoms],
        stress=stress,
        config_type=start.config_type,
        info={"start": index, "step": int(walkers.step[k])},
    )
