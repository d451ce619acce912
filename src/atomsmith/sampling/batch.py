"""The walkers that still move, with what is computed once for them; freezing and preparing walkers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atomsmith.errors import InputError
from atomsmith.sampling.guards import DistanceCheck, Limits, hottest_ratio, temperature_limit
from atomsmith.sampling.integrators import Normals, Propagator, check_freedom
from atomsmith.sampling.layout import Layout
from atomsmith.sampling.settings import Parameters, SamplingSettings
from atomsmith.sampling.state import RUNNING, Walkers, atom_index
from atomsmith.sampling.streams import pack_streams, unpack_streams
from atomsmith.sampling.trigger import Knowledge
from atomsmith.sampling.units import BOLTZMANN
from atomsmith.systems import BoolArray, FloatArray

NO_LIMIT = float(np.finfo(np.float64).max)
"""Limit of a guard that is off: every number is below it, infinity and NaN are not."""


@dataclass(frozen=True, eq=False)
class Heat:
    """What the target temperature of a step asks of a batch.

    Attributes
    ----------
    target
        K, shape (S,).
    noise_width
        Of the thermostat's noise, see `Propagator.noise_width`.
    kinetic_limit
        Kinetic energy in eV beyond which a walker is too hot, shape (S,).
    """

    target: FloatArray
    noise_width: FloatArray | None
    kinetic_limit: FloatArray


@dataclass(frozen=True, eq=False)
class Batch:
    """What is fixed as long as the same walkers move.

    Attributes
    ----------
    index
        Their places in the whole batch, shape (S,).
    layout, parameters, propagator, distances
        Of these walkers.
    unseen
        Check of distances that no data reach.
    generators, normals
        Their random streams, unpacked, and the noise drawn from them: what changes here.
    breathing, any_breathing
        Which of them have a pressure, hence cell moves, shape (S,); and whether one has.
    energy_change, hottest
        Limits of the guards: change of the total energy in eV and `hottest_ratio`, shape (S,).
    first_limit
        Step at which the first of them reaches the length of its run.
    steady
        Their `Heat` if no temperature changes with the step.
    """

    index: NDArray[np.int64]
    layout: Layout
    parameters: Parameters
    propagator: Propagator
    distances: DistanceCheck
    unseen: DistanceCheck
    generators: list[np.random.Generator]
    normals: Normals
    breathing: BoolArray
    any_breathing: bool
    energy_change: FloatArray
    hottest: FloatArray
    first_limit: int
    steady: Heat | None

    @classmethod
    def of(
        cls,
        walkers: Walkers,
        index: NDArray[np.int64],
        settings: SamplingSettings,
        parameters: Parameters,
        knowledge: Knowledge | None = None,
    ) -> Batch:
        """Batch of walkers ``index`` of the whole."""
        chosen = parameters.take(index)
        atoms = atom_index(walkers.systems, index)
        counts = walkers.systems.counts[index]
        layout = Layout(
            owner=np.repeat(np.arange(len(index)), counts),
            starts=np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)[: len(index)],
            counts=counts,
        )
        propagator = Propagator.of(
            layout,
            walkers.masses[atoms],
            chosen.timestep_fs,
            chosen.friction_per_fs if settings.ensemble == "nvt" else None,
            settings.fix_centre_of_mass,
        )
        generators = unpack_streams(walkers.streams[index])
        breathing = ~np.isnan(chosen.pressure_start)
        hottest = hottest_ratio(chosen.temperature_factor, propagator.freedom)
        steady = np.array_equal(chosen.temperature_start, chosen.temperature_end)
        return cls(
            index=index,
            layout=layout,
            parameters=chosen,
            propagator=propagator,
            distances=DistanceCheck.of(layout, Limits.same(layout, chosen.shortest_distance)),
            unseen=DistanceCheck.of(
                layout,
                Limits.by_elements(
                    walkers.systems.numbers[atoms], chosen.unseen, *(knowledge or Knowledge()).table()
                ),
            ),
            generators=generators,
            normals=Normals(layout, generators),
            breathing=breathing,
            any_breathing=bool(breathing.any()),
            energy_change=_or_no_limit(chosen.energy_change * counts),
            hottest=hottest,
            first_limit=int(walkers.step_limit[index].min(initial=np.iinfo(np.int64).max)),
            steady=_heat(propagator, chosen.temperature_start, chosen, hottest) if steady else None,
        )

    def heat(self, step: NDArray[np.int64]) -> Heat:
        """What the temperature of a step asks for."""
        if self.steady is not None:
            return self.steady
        return _heat(self.propagator, self.parameters.temperature(step), self.parameters, self.hottest)

    def noise(self, heat: Heat) -> FloatArray | None:
        """Draw the noise of one step of the thermostat, shape (N, 3); None without one."""
        return None if heat.noise_width is None else heat.noise_width * self.normals.draw()


def _heat(propagator: Propagator, target: FloatArray, parameters: Parameters, hottest: FloatArray) -> Heat:
    # Atoms cool more slowly than a falling ramp; its start is what they may still remember.
    limit = temperature_limit(np.maximum(parameters.temperature_start, target), hottest)
    return Heat(
        target=target,
        noise_width=propagator.noise_width(target),
        kinetic_limit=_or_no_limit(0.5 * BOLTZMANN * propagator.freedom * limit),
    )


def _or_no_limit(limit: FloatArray) -> FloatArray:
    return np.where(np.isfinite(limit), limit, NO_LIMIT)


def prepared(walkers: Walkers, parameters: Parameters, settings: SamplingSettings) -> Walkers:
    """Check walkers against their settings and fix what a run draws or sets once: run lengths and widths.

    Raises
    ------
    InputError
        If a walker with a pressure has no periodic cell, or one atom is to move with its centre fixed.
    """
    systems = walkers.systems
    layout = Layout.of(systems)
    check_freedom(systems, settings.fix_centre_of_mass)
    breathing = ~np.isnan(parameters.pressure_start)
    loose = breathing & ~(systems.pbc.all(axis=1) & (systems.volumes > 0.0))
    if loose.any():
        raise InputError(
            f"walker {int(np.argmax(loose))} has a pressure but no cell periodic in three directions; "
            "give it one or set pressure_gpa to null."
        )
    generators = unpack_streams(walkers.streams)
    limit = np.where(parameters.random_length, walkers.step_limit, parameters.max_steps)
    for w in np.flatnonzero(parameters.random_length & (walkers.step_limit == 0) & walkers.active).tolist():
        limit[w] = generators[w].integers(1, parameters.max_steps[w], endpoint=True)
    velocities = walkers.velocities
    if settings.fix_centre_of_mass:
        # Only at the very start: a resumed run must go on with the bits it had.
        drift = layout.sum(walkers.masses[:, None] * velocities) / layout.sum(walkers.masses[:, None])
        drift[(walkers.step > 0) | ~walkers.active] = 0.0
        velocities = velocities - drift[layout.owner]
    unset = np.isnan(walkers.strain_step)
    return walkers.replace(
        velocities=velocities,
        streams=pack_streams(generators),
        step_limit=limit,
        strain_step=np.where(unset, parameters.strain_step[:, None], walkers.strain_step),
    )


def frozen(
    walkers: Walkers, before: Walkers, codes: NDArray[np.int8], broken: BoolArray, layout: Layout
) -> Walkers:
    """Walkers with the stopped ones marked; ``broken`` ones go back to where their numbers were finite."""
    atoms = broken[layout.owner, None]
    systems = walkers.systems.replace(
        positions=np.where(atoms, before.systems.positions, walkers.systems.positions)
    )
    return walkers.replace(
        systems=systems,
        velocities=np.where(atoms, before.velocities, walkers.velocities),
        forces=np.where(atoms, before.forces, walkers.forces),
        energy=np.where(broken, before.energy, walkers.energy),
        sigma=np.where(broken, before.sigma, walkers.sigma),
        virial=np.where(broken[:, None, None], before.virial, walkers.virial),
        active=walkers.active & (codes == RUNNING),
        reason=codes,
    )
