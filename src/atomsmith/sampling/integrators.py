"""Molecular dynamics of a batch: velocity Verlet and Langevin dynamics by BAOAB.

BAOAB (Leimkuhler & Matthews, Appl. Math. Res. Express 2013, 34; J. Chem. Phys. 138, 174102 (2013)) splits
Langevin dynamics dv = F/m dt - gamma v dt + sqrt(2 gamma kT/m) dW into B (kick), A (drift) and O
(Ornstein-Uhlenbeck), each solved exactly:

    B  v <- v + (dt/2) F/m
    A  x <- x + (dt/2) v
    O  v <- c v + sqrt((1 - c^2) kT/m) xi,   c = exp(-gamma dt),  xi standard normal
    A  x <- x + (dt/2) v
    B  v <- v + (dt/2) F/m

Without O the two A join and it is velocity Verlet. Forces are needed once a step, before the last B, which is
why a step comes in two halves here: `Propagator.advance` and `Propagator.finish`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from atomsmith.errors import InputError
from atomsmith.sampling.layout import Layout
from atomsmith.sampling.state import Walkers
from atomsmith.sampling.streams import pack_streams, unpack_streams
from atomsmith.sampling.units import ACCELERATION, BOLTZMANN
from atomsmith.systems import FloatArray, Systems


@dataclass(frozen=True, eq=False)
class Propagator:
    """Moves the atoms of a batch; its arrays are fixed for the batch.

    Attributes
    ----------
    layout
        Of the batch.
    share
        Mass of each atom over that of its system, shape (N, 3).
    kinetic
        Kinetic energy per squared velocity, m/2 in eV per (angstrom/fs)^2, shape (N, 3).
    kick
        Velocity gained per force in half a step, (dt/2)/m in angstrom/fs per eV/angstrom, shape (N, 3).
    half_step, whole_step
        dt/2 and dt in fs, shape (N, 3).
    decay
        c = exp(-gamma dt), shape (N, 3); None is velocity Verlet.
    spread
        sqrt((1 - c^2) k_B/m) in angstrom/fs per square root of K, shape (N, 3); None likewise.
    fixed_centre
        Whether the centre of mass of each system stays where it is.
    freedom
        Degrees of freedom of each system, shape (S,).
    """

    layout: Layout
    share: FloatArray
    kinetic: FloatArray
    kick: FloatArray
    half_step: FloatArray
    whole_step: FloatArray
    decay: FloatArray | None
    spread: FloatArray | None
    fixed_centre: bool
    freedom: FloatArray

    @classmethod
    def of(
        cls,
        layout: Layout,
        masses: FloatArray,
        timestep_fs: FloatArray,
        friction_per_fs: FloatArray | None,
        fixed_centre: bool,
    ) -> Propagator:
        """Prepare for a batch; ``timestep_fs`` and ``friction_per_fs`` have shape (S,), None is NVE."""
        column = masses[:, None]
        dt = timestep_fs[layout.owner, None]
        decay = spread = None
        if friction_per_fs is not None:
            decay = _columns(np.exp(-friction_per_fs * timestep_fs)[layout.owner, None])
            # -expm1 keeps 1 - c^2 accurate for weak friction.
            noise = -np.expm1(-2.0 * friction_per_fs * timestep_fs)[layout.owner, None]
            spread = _columns(np.sqrt(noise * BOLTZMANN * ACCELERATION / column))
        return cls(
            layout=layout,
            share=_columns(column / layout.spread(layout.sum(column))),
            kinetic=_columns(0.5 / ACCELERATION * column),
            kick=_columns(0.5 * dt * ACCELERATION / column),
            half_step=_columns(0.5 * dt),
            whole_step=_columns(dt),
            decay=decay,
            spread=spread,
            fixed_centre=fixed_centre,
            freedom=3.0 * layout.counts.astype(np.float64) - (3.0 if fixed_centre else 0.0),
        )

    def advance(
        self,
        positions: FloatArray,
        velocities: FloatArray,
        forces: FloatArray,
        noise: FloatArray | None,
    ) -> tuple[FloatArray, FloatArray]:
        """First half, B A O A: new positions and half-way velocities.

        ``noise`` is what O adds to the velocities, `noise_width` times standard normal numbers, shape (N, 3).
        """
        before = self.finish(velocities, forces)
        if self.decay is None or noise is None:
            return positions + self.whole_step * before, before
        after = self.decay * before + noise
        if self.fixed_centre:
            after = self.without_drift(after)
        return positions + self.half_step * (before + after), after

    def noise_width(self, temperature_k: FloatArray) -> FloatArray | None:
        """Standard deviation of what O adds at temperatures (S,), in angstrom/fs, shape (N, 3)."""
        if self.spread is None:
            return None
        return self.spread * self.layout.spread(np.sqrt(temperature_k))[:, None]

    def finish(self, velocities: FloatArray, forces: FloatArray) -> FloatArray:
        """Second half, the last B: velocities at the new positions, from the forces there."""
        kicked: FloatArray = velocities + self.kick * forces
        return kicked

    def without_drift(self, velocities: FloatArray) -> FloatArray:
        """Take the velocity of each system's centre of mass away."""
        centred: FloatArray = velocities - self.layout.spread(self.layout.sum(self.share * velocities))
        return centred

    def kinetic_energy(self, velocities: FloatArray) -> FloatArray:
        """Kinetic energy of each system in eV, shape (S,)."""
        energies = self.kinetic * velocities * velocities
        total: FloatArray = np.add.reduceat(energies.ravel(), 3 * self.layout.starts)
        return total

    def temperature(self, kinetic_energy: FloatArray) -> FloatArray:
        """Temperature in K of systems with the given kinetic energy, shape (S,)."""
        kelvin: FloatArray = 2.0 * kinetic_energy / (self.freedom * BOLTZMANN)
        return kelvin


def _columns(values: FloatArray) -> FloatArray:
    """Repeat values (N, 1) to (N, 3): for some hundred atoms arithmetic of equal shapes is much faster."""
    return np.repeat(values, 3, axis=1)


class Normals:
    """Standard normal numbers, each system's from its own generator, in an array made once for a batch."""

    def __init__(self, layout: Layout, generators: Sequence[np.random.Generator]) -> None:
        self._values = np.empty((len(layout.owner), 3))
        parts = np.split(self._values, layout.starts[1:])
        self._draws = [
            partial(generator.standard_normal, out=part)
            for generator, part in zip(generators, parts, strict=False)
        ]

    def draw(self) -> FloatArray:
        """Draw new numbers, shape (N, 3); they are valid until the next call."""
        for draw in self._draws:
            draw()
        return self._values


def thermalised(walkers: Walkers, temperature_k: FloatArray, fixed_centre: bool = True) -> Walkers:
    """Give every walker velocities from the Maxwell-Boltzmann distribution, by its own random stream.

    Parameters
    ----------
    walkers
        The batch.
    temperature_k
        Shape (S,).
    fixed_centre
        Whether the centre of mass is at rest (the temperature then counts 3n - 3 degrees of freedom).
    """
    layout = Layout.of(walkers.systems)
    check_freedom(walkers.systems, fixed_centre)
    generators = unpack_streams(walkers.streams)
    column = walkers.masses[:, None]
    width = np.sqrt(BOLTZMANN * ACCELERATION * temperature_k[layout.owner, None] / column)
    velocities = width * Normals(layout, generators).draw()
    if fixed_centre:
        drift = layout.sum(column * velocities) / layout.sum(column)
        velocities = velocities - drift[layout.owner]
    return walkers.replace(velocities=velocities, streams=pack_streams(generators))


def check_freedom(systems: Systems, fixed_centre: bool) -> None:
    """Refuse systems of one atom when the centre of mass is fixed.

    Raises
    ------
    InputError
        Naming the first such system.
    """
    if fixed_centre and np.any(systems.counts < 2):
        raise InputError(
            f"walker {int(np.argmin(systems.counts))} has one atom, which cannot move while its centre of "
            "mass is fixed; set fix_centre_of_mass to false."
        )
