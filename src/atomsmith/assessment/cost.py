"""Time of a step of dynamics: all potentials of a system in turn, so that the machine's moods fall on all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from atomsmith.assessment.candidates import Candidate
from atomsmith.assessment.settings import CostSettings
from atomsmith.builders.supercells import supercell
from atomsmith.data.configuration import Configuration
from atomsmith.errors import AtomsmithError
from atomsmith.prediction import ForceField
from atomsmith.properties.base import Report
from atomsmith.reference.lammps import LammpsEngine, LammpsSettings
from atomsmith.systems import FloatArray, Systems

SHAKE = 0.05
"""Standard deviation in angstrom of the displacements of the timed crystal."""
STEP = 0.005
"""Length in angstrom of its atoms' steps: neighbour lists stay valid as long as in dynamics."""

Stepper = Callable[[int], None]
"""Takes so many steps."""
Clock = Callable[[], float]


def repeated(start: Configuration, atoms: int) -> Configuration:
    """Repeat a crystal until it has at least so many atoms, as cubic as may be."""
    repeats = [1, 1, 1]
    while start.n_atoms * int(np.prod(repeats)) < atoms:
        lengths = np.linalg.norm(start.cell, axis=1) * repeats
        repeats[int(np.argmin(np.where(start.pbc, lengths, np.inf)))] += 1
    return supercell(start, (repeats[0], repeats[1], repeats[2]))


def timed_crystal(start: Configuration, atoms: int, seed: int = 0) -> Configuration:
    """Repeat a crystal and move its atoms off their sites."""
    large = repeated(start, atoms)
    shake = SHAKE * np.random.default_rng(seed).normal(size=large.positions.shape)
    return large.replace(positions=large.positions + shake)


def cost(
    candidates: Sequence[Candidate], start: Configuration, settings: CostSettings, report: Report
) -> dict[str, Any]:
    """Measure energy, forces and virial of a step in microseconds an atom: the median of some measurements.

    Potentials of this library step in Python on its engine, with neighbour lists that last while atoms stay
    within the skin, and pair styles of LAMMPS within LAMMPS: both by processor time of one core. All other
    references are called for each step, in time on the wall with all that this takes.

    Returns
    -------
    dict
        ``potentials``: by label either the median, the smallest and the number of measurements, or
        ``failure``; ``n_atoms``.
    """
    crystal = timed_crystal(start, settings.atoms)
    result: dict[str, Any] = {"n_atoms": crystal.n_atoms, "potentials": {}}
    with ExitStack() as stack:
        steppers: dict[str, tuple[Stepper, Clock]] = {}
        for done, candidate in enumerate(candidates):
            report(done, len(candidates), f"first step of {candidate.label}")
            try:
                stepper, clock = stack.enter_context(_stepper(candidate, crystal)), _clock(candidate)
                first = _seconds(stepper, 1, clock)
            except Exception as error:  # of any calculator: the others are measured all the same
                result["potentials"][candidate.label] = {"failure": " ".join(str(error).split())}
                continue
            if first > settings.limit_s:
                result["potentials"][candidate.label] = _numbers([first], 1, crystal.n_atoms)
            else:
                steppers[candidate.label] = stepper, clock
        seconds: dict[str, list[float]] = {label: [] for label in steppers}
        for repeat in range(settings.repeats + 1):
            report(repeat, settings.repeats + 1, "time of steps")
            for label, (stepper, clock) in steppers.items():
                taken = _seconds(stepper, settings.steps, clock)
                if repeat:  # the first round warms caches up
                    seconds[label].append(taken)
        for label, values in seconds.items():
            result["potentials"][label] = _numbers(values, settings.steps, crystal.n_atoms)
    return result


def _numbers(seconds: Sequence[float], steps: int, n_atoms: int) -> dict[str, Any]:
    each = 1e6 * np.array(seconds) / (steps * n_atoms)
    return {
        "us_per_atom": float(np.median(each)),
        "smallest_us_per_atom": float(each.min()),
        "measurements": len(each),
    }


def _clock(candidate: Candidate) -> Clock:
    """Processor time of this process, or time on the wall for what computes in others."""
    reference = candidate.entry.reference
    here = reference is None or isinstance(reference, LammpsSettings)
    return time.process_time if here else time.perf_counter


def _seconds(stepper: Stepper, steps: int, clock: Clock = time.process_time) -> float:
    began = clock()
    stepper(steps)
    return clock() - began


def stepping(force_field: ForceField, crystal: Configuration, repeats: int) -> float:
    """Microseconds of a step for one atom by one force field: the median of some measurements."""
    stepper = _moving(force_field, crystal)
    stepper(1)
    return float(np.median([_seconds(stepper, 1) for _ in range(repeats)])) * 1e6 / crystal.n_atoms


@contextmanager
def _stepper(candidate: Candidate, crystal: Configuration) -> Iterator[Stepper]:
    reference = candidate.entry.reference
    if isinstance(reference, LammpsSettings):
        engine = LammpsEngine(reference)
        engine.check(sorted(set(crystal.symbols)))
        with engine.dynamics(crystal) as run:
            yield run
        return
    with candidate.opened(crystal.elements) as force_field:
        yield _moving(force_field, crystal)


def _moving(force_field: ForceField, crystal: Configuration) -> Stepper:
    systems = Systems.from_configurations([crystal])
    rng = np.random.default_rng(1)
    directions: list[FloatArray] = [STEP * rng.normal(size=crystal.positions.shape) for _ in range(4)]

    def run(steps: int) -> None:
        for step in range(steps):
            moved = Systems(
                numbers=systems.numbers,
                positions=systems.positions + directions[step % 4],
                cells=systems.cells,
                pbc=systems.pbc,
                first=systems.first,
            )
            prediction = force_field.predict(moved)
            if not np.isfinite(prediction.forces).all():
                raise AtomsmithError("its forces are not finite")

    return run
