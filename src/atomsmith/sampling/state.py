"""Walkers: a batch of independent systems on their way through configuration space, as plain arrays."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from atomsmith.errors import InputError
from atomsmith.sampling.streams import StreamId, spawn_streams
from atomsmith.systems import BoolArray, FloatArray, Systems

FORMAT = 1
"""Version of what `Walkers.to_arrays` writes."""

MOVES = ("volume", "shape", "anisotropic", "swap")
"""Monte Carlo moves, in the order of the counters in `Walkers`."""

_SYSTEMS = tuple(f.name for f in dataclasses.fields(Systems))
_PER_ATOM = ("masses", "velocities", "forces")


class StopReason(Enum):
    """Why a walker stopped."""

    UNCERTAINTY = "uncertainty"
    MAX_STEPS = "max_steps"
    TEMPERATURE = "temperature"
    ENERGY = "energy"
    SHORTEST_DISTANCE = "shortest_distance"
    NOT_FINITE = "not_finite"
    UNSEEN_DISTANCE = "unseen_distance"
    EXTRAPOLATION = "extrapolation"


STOP_REASONS = tuple(StopReason)
RUNNING = -1
"""Code of a walker that has not stopped; others index `STOP_REASONS`."""


@dataclass(frozen=True, eq=False)
class Walkers:
    """S independent walkers with N atoms in all. State in, state out: nothing here is changed in place.

    The energy surface a walker moves on is E - tau sigma (tau = 0: E itself); ``forces`` and ``virial``
    belong to that surface, ``energy`` is E. They are kept so that a resumed run starts from the very bits
    it was stopped with.

    Attributes
    ----------
    systems
        Species, positions (unwrapped) and cells.
    masses, velocities, forces
        amu (N,), angstrom/fs (N, 3), eV/angstrom (N, 3).
    energy, sigma, virial
        eV (S,), eV (S,; NaN where nobody asked for it), eV (S, 3, 3).
    evaluated
        Whether forces, energy and virial belong to the positions, shape (S,).
    streams
        Packed random streams, shape (S, 6); see `atomsmith.sampling.streams`.
    step, time_fs
        Steps done and time passed, shape (S,).
    active, reason
        Whether a walker still runs, and the code of why it stopped (`StopReason`), shape (S,).
    step_limit
        Step at which the run ends, shape (S,); zero until a run has fixed it.
    tau, mean_force, mean_gradient
        Bias strength and running averages of mean |F| and mean |grad sigma| (eV/angstrom; NaN before the
        first), shape (S,).
    uncertainty
        Latest largest relative force uncertainty, shape (S,); NaN before the first.
    grade
        Latest extrapolation grade, shape (S,); NaN before the first.
    start_energy
        Energy at the start in eV, shape (S,); NaN before the first evaluation.
    attempted, accepted
        Counts of Monte Carlo moves in the order of `MOVES`, shape (S, 4).
    strain_step
        Present step widths of volume, shape and anisotropic moves, shape (S, 3); NaN until a run sets it.
    """

    systems: Systems
    masses: FloatArray
    velocities: FloatArray
    forces: FloatArray
    energy: FloatArray
    sigma: FloatArray
    virial: FloatArray
    evaluated: BoolArray
    streams: NDArray[np.uint64]
    step: NDArray[np.int64]
    time_fs: FloatArray
    active: BoolArray
    reason: NDArray[np.int8]
    step_limit: NDArray[np.int64]
    tau: FloatArray
    mean_force: FloatArray
    mean_gradient: FloatArray
    uncertainty: FloatArray
    grade: FloatArray
    start_energy: FloatArray
    attempted: NDArray[np.int64]
    accepted: NDArray[np.int64]
    strain_step: FloatArray

    @classmethod
    def create(
        cls,
        systems: Systems,
        masses: ArrayLike,
        seed: int,
        ids: Sequence[StreamId] | None = None,
        velocities: ArrayLike | None = None,
    ) -> Walkers:
        """Walkers at rest (or with given velocities), not yet evaluated.

        Parameters
        ----------
        systems
            Their starts.
        masses
            amu, shape (N,).
        seed, ids
            A walker's random stream depends on ``seed`` and its own id alone; ids default to 0, 1, ...
        velocities
            angstrom/fs, shape (N, 3).

        Raises
        ------
        InputError
            If shapes disagree, a mass is not positive, a number is not finite or ids repeat.
        """
        n, s = systems.n_atoms, systems.n_systems
        mass = np.array(masses, dtype=np.float64)
        velocity = np.zeros((n, 3)) if velocities is None else np.array(velocities, dtype=np.float64)
        _check_start(systems, mass, velocity)
        names = list(range(s)) if ids is None else list(ids)
        if len(names) != s:
            raise InputError(f"{len(names)} walker ids for {s} walkers; give one for each.")
        unset, zero, count = np.full(s, np.nan), np.zeros(s), np.zeros(s, dtype=np.int64)
        return cls(
            systems=systems,
            masses=mass,
            velocities=velocity,
            forces=np.zeros((n, 3)),
            energy=unset,
            sigma=unset,
            virial=np.full((s, 3, 3), np.nan),
            evaluated=np.zeros(s, dtype=np.bool_),
            streams=spawn_streams(seed, names),
            step=count,
            time_fs=zero,
            active=np.ones(s, dtype=np.bool_),
            reason=np.full(s, RUNNING, dtype=np.int8),
            step_limit=count,
            tau=zero,
            mean_force=unset,
            mean_gradient=unset,
            uncertainty=unset,
            grade=unset,
            start_energy=unset,
            attempted=np.zeros((s, len(MOVES)), dtype=np.int64),
            accepted=np.zeros((s, len(MOVES)), dtype=np.int64),
            strain_step=np.full((s, len(MOVES) - 1), np.nan),
        )

    @property
    def n_walkers(self) -> int:
        """Number of walkers S."""
        return self.systems.n_systems

    @property
    def reasons(self) -> list[StopReason | None]:
        """Why each walker stopped; None where it still runs."""
        return [None if code == RUNNING else STOP_REASONS[code] for code in self.reason]

    def replace(self, **changes: object) -> Walkers:
        """Return a copy with some fields replaced."""
        # dataclasses.replace goes through the constructor field by field, 15 us where a step has 200.
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__, **changes)
        return copy

    def restarted(self) -> Walkers:
        """Walkers that run again from where they are, for a new run or a new force field.

        Positions, velocities, streams and the counters of moves stay; steps, reasons, averages of the bias
        and the forces are forgotten.
        """
        s = self.n_walkers
        unset, count = np.full(s, np.nan), np.zeros(s, dtype=np.int64)
        return self.replace(
            evaluated=np.zeros(s, dtype=np.bool_),
            step=count,
            time_fs=np.zeros(s),
            active=np.ones(s, dtype=np.bool_),
            reason=np.full(s, RUNNING, dtype=np.int8),
            step_limit=count,
            tau=np.zeros(s),
            mean_force=unset,
            mean_gradient=unset,
            uncertainty=unset,
            grade=unset,
            start_energy=unset,
        )

    def take(self, index: ArrayLike) -> Walkers:
        """Walkers of the given indices, in that order, as a batch of their own."""
        chosen = np.asarray(index, dtype=np.int64)
        atoms = atom_index(self.systems, chosen)
        values = {
            name: getattr(self, name)[atoms if name in _PER_ATOM else chosen] for name in _array_names()
        }
        return Walkers(systems=_take_systems(self.systems, chosen, atoms), **values)

    def put(self, index: ArrayLike, other: Walkers) -> Walkers:
        """Return a copy in which walkers ``index`` are those of ``other`` (which have the same atoms)."""
        chosen = np.asarray(index, dtype=np.int64)
        atoms = atom_index(self.systems, chosen)
        changes: dict[str, object] = {}
        for name in _array_names():
            values = getattr(self, name).copy()
            values[atoms if name in _PER_ATOM else chosen] = getattr(other, name)
            changes[name] = values
        positions, cells = self.systems.positions.copy(), self.systems.cells.copy()
        positions[atoms] = other.systems.positions
        cells[chosen] = other.systems.cells
        return self.replace(systems=self.systems.replace(positions=positions, cells=cells), **changes)

    def to_arrays(self) -> tuple[dict[str, NDArray[Any]], dict[str, object]]:
        """Everything as named arrays and a JSON-able header: what a checkpoint stores."""
        arrays = {name: getattr(self.systems, name) for name in _SYSTEMS}
        arrays |= {name: getattr(self, name) for name in _array_names()}
        return arrays, {"format": FORMAT, "reasons": [reason.value for reason in STOP_REASONS]}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]], header: dict[str, object]) -> Walkers:
        """Inverse of `to_arrays`, bit for bit.

        Raises
        ------
        InputError
            If the format is unknown or an array is missing.
        """
        if header.get("format") != FORMAT:
            raise InputError(
                f"walkers are stored in format {header.get('format')}, this version reads {FORMAT}; "
                "start the run anew."
            )
        # Walkers of earlier versions know no grade.
        arrays = {"grade": np.full(len(arrays.get("step", ())), np.nan)} | arrays
        missing = sorted({*_SYSTEMS, *_array_names()} - set(arrays))
        if missing:
            raise InputError(f"stored walkers lack the arrays {', '.join(missing)}; start the run anew.")
        systems = Systems(**{name: arrays[name] for name in _SYSTEMS})
        return cls(systems=systems, **{name: arrays[name] for name in _array_names()})


def _array_names() -> list[str]:
    return [f.name for f in dataclasses.fields(Walkers) if f.name != "systems"]


def atom_index(systems: Systems, index: NDArray[np.int64]) -> NDArray[np.int64]:
    """Indices of all atoms of the given systems, in order."""
    if len(index) == 0:
        return np.zeros(0, dtype=np.int64)
    return np.concatenate([np.arange(systems.first[s], systems.first[s + 1]) for s in index])


def _take_systems(systems: Systems, index: NDArray[np.int64], atoms: NDArray[np.int64]) -> Systems:
    return Systems(
        numbers=systems.numbers[atoms],
        positions=systems.positions[atoms],
        cells=systems.cells[index],
        pbc=systems.pbc[index],
        first=np.concatenate([[0], np.cumsum(systems.counts[index])]).astype(np.int64),
    )


def _check_start(systems: Systems, masses: FloatArray, velocities: FloatArray) -> None:
    n = systems.n_atoms
    if masses.shape != (n,) or velocities.shape != (n, 3):
        raise InputError(
            f"walkers of {n} atoms need masses of shape ({n},) and velocities of shape ({n}, 3), "
            f"found {masses.shape} and {velocities.shape}."
        )
    if not np.all(np.isfinite(masses) & (masses > 0.0)):
        atom = int(np.argmin(np.where(np.isfinite(masses), masses, -np.inf)))
        raise InputError(f"atom {atom} has mass {masses[atom]} amu; masses must be positive.")
    if not (np.all(np.isfinite(systems.positions)) and np.all(np.isfinite(velocities))):
        raise InputError("a start has positions or velocities that are not finite numbers.")
