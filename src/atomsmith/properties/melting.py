"""The melting point by coexistence: where the boundary between crystal and liquid stands still.

Crystal and liquid share a long cell at one temperature and pressure. Above the melting point the crystal
shrinks and the potential energy rises, below it grows and the energy falls; the rate goes through zero at the
melting point (Broughton, Gilmer and Jackson, Phys. Rev. Lett. 49, 1496 (1982)). Far from it one phase is gone
soon, and the energy stands still, too: how high it then is tells which. All temperatures of a round run as
one batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from atomsmith.builders.deformations import deformed
from atomsmith.builders.supercells import repeats_for, supercell
from atomsmith.data.configuration import Configuration
from atomsmith.neighbours import find_pairs
from atomsmith.prediction import ForceField
from atomsmith.properties.base import PropertyResult, Report, Row, finite, name_of, silent
from atomsmith.properties.dynamics import failure_of
from atomsmith.properties.lattice import LatticeSettings, settle
from atomsmith.properties.relaxation import RelaxSettings, relax
from atomsmith.properties.simulation import Simulation, plain_dynamics, simulate
from atomsmith.sampling.moves import CellMoveSettings
from atomsmith.sampling.ramps import Ramp
from atomsmith.sampling.units import BOLTZMANN
from atomsmith.settings import Settings
from atomsmith.systems import FloatArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROUGH_STEPS = 40
"""Steps of relaxation that take the worst contacts of a new boundary away."""
CONTACT = 0.85
"""Atoms of the two phases begin no closer than this part of the crystal's shortest distance."""
PUSHES = 200
RECORDED = 300
SKIPPED = 0.2
"""Part of a run, at its beginning, whose energies are not used."""
ENDED = 0.25
"""A run has ended where less than this part of its atoms is in the other phase, by its energies."""


class MeltingSettings(Settings):
    """Settings of `atomsmith melting`."""

    lowest_k: float = Field(default=500.0, gt=0.0, description="Temperature below the melting point, in K.")
    highest_k: float = Field(default=2500.0, gt=0.0, description="Temperature above it, in K.")
    temperatures: int = Field(default=6, ge=3, description="Temperatures of each round, run together.")
    rounds: int = Field(
        default=3, ge=1, description="Rounds; each looks closer at where the rate changed its sign."
    )
    melt_at_k: float | None = Field(
        default=None, gt=0.0, description="Temperature that makes the liquid, in K; null is 2 highest_k."
    )
    pressure_gpa: float = Field(default=0.0, description="Pressure in GPa.")
    width: float = Field(default=12.0, gt=0.0, description="Least width of the cell in angstrom.")
    length: float = Field(
        default=20.0, gt=0.0, description="Least length of the crystal, and of the liquid, in angstrom."
    )
    melting_ps: float = Field(default=3.0, gt=0.0, description="Time that makes the liquid.")
    time_ps: float = Field(default=15.0, gt=0.0, description="Time of each run with a boundary.")
    timestep_fs: float = Field(default=2.0, gt=0.0, le=20.0, description="Time step in fs.")
    friction_per_fs: float = Field(
        default=0.01, gt=0.0, description="Friction of the thermostat, which takes up latent heat, in 1/fs."
    )
    seed: int = Field(default=0, ge=0, description="Seed of velocities and noise.")
    lattice: LatticeSettings = Field(
        default=LatticeSettings(), description="How the crystal is relaxed before."
    )


@dataclass(frozen=True)
class Phases:
    """Potential energies of crystal and liquid in eV/atom, at one temperature in K."""

    temperature_k: float
    crystal_ev: float
    liquid_ev: float

    @property
    def apart_ev(self) -> float:
        """By how much the liquid is higher."""
        return self.liquid_ev - self.crystal_ev

    def share(self, energy_ev: float, temperature_k: float) -> float:
        """Part that is liquid where both together have an energy; either has the heat of oscillators."""
        if self.apart_ev <= 0.0:  # The liquid was never one.
            return 0.5
        cold = energy_ev - 1.5 * BOLTZMANN * (temperature_k - self.temperature_k)
        return (cold - self.crystal_ev) / self.apart_ev


@dataclass(frozen=True, eq=False)
class Rate:
    """One run: the rate of the potential energy at a temperature, and its standard error.

    It is the slope over time; of a run at whose end one phase is gone, the way that the energy has come since
    half of the atoms were in either phase over all its time, which is the least that the rate was before.
    ``times_ps`` and ``energies_ev_per_atom`` are what it was taken from.
    """

    temperature_k: float
    rate_mev_per_atom_per_ps: float
    error_mev_per_atom_per_ps: float
    times_ps: FloatArray
    energies_ev_per_atom: FloatArray


@dataclass(frozen=True, eq=False, kw_only=True)
class MeltingResult(PropertyResult):
    """The melting point; None where the rate did not change its sign.

    Attributes
    ----------
    melting_point_k, error_k
        Zero of a straight line through the rates of the last round, and its standard error, no less than half
        of the interval in which the rate changed its sign over the square root of 3.
    rates
        Of all rounds, by temperature.
    """

    title: ClassVar[str] = "Melting point"

    melting_point_k: float | None
    error_k: float | None
    rates: list[Rate]
    n_atoms: int

    def rows(self) -> list[Row]:
        """Numbers for the table."""
        return [
            Row("melting point", self.melting_point_k, "K", 0),
            Row("  its error", self.error_k, "K", 0),
            *(
                Row(f"rate at {rate.temperature_k:.0f} K", rate.rate_mev_per_atom_per_ps, "meV/atom/ps", 3)
                for rate in self.rates
            ),
            Row("atoms of each run", float(self.n_atoms), "", 0),
        ]

    def figure(self) -> Figure | None:
        """Draw energies over time, and rates over temperature."""
        if not self.rates:
            return None
        from atomsmith.properties.figures import melting_figure

        return melting_figure(
            np.array([r.temperature_k for r in self.rates]),
            np.array([r.rate_mev_per_atom_per_ps for r in self.rates]),
            np.array([r.error_mev_per_atom_per_ps for r in self.rates]),
            [(r.times_ps, r.energies_ev_per_atom) for r in self.rates],
            self.melting_point_k,
        )


def melting(
    force_field: ForceField,
    crystal: Configuration,
    settings: MeltingSettings | None = None,
    *,
    report: Report = silent,
    folder: Path | None = None,
) -> MeltingResult:
    """Find the melting point; see `atomsmith.properties.base.Compute`."""
    settings = settings or MeltingSettings()
    relaxed, problems = settle(force_field, crystal, settings.lattice, report=report)
    base = relaxed.configuration
    solid = _long(base, settings)
    if relaxed.problem is not None:
        return _result(crystal, settings, problems, None, [], 2 * solid.n_atoms)
    both, phases, failure = _coexisting(force_field, solid, settings, report, folder)
    rates: list[Rate] = []
    low, high = settings.lowest_k, settings.highest_k
    bracket: tuple[float, float] | None = None
    last: list[Rate] = []
    for number in range(settings.rounds if failure is None else 0):
        last, failure = _round(force_field, (both, phases), (low, high), number, settings, report, folder)
        if failure is not None:
            break
        rates += last
        found = _sign_change(sorted(rates, key=lambda r: r.temperature_k))
        if found is None:
            break
        bracket = found
        # Half an interval to either side: near zero the sign of a rate is a matter of chance.
        margin = 0.5 * (bracket[1] - bracket[0])
        low, high = max(low, bracket[0] - margin), min(high, bracket[1] + margin)
    if failure is not None:
        problems.append(failure)
    point = None
    if bracket is None and failure is None:
        problems.append(_one_sided(last))
    elif bracket is not None:
        point = _zero(last, bracket)
    return _result(crystal, settings, problems, point, rates, both.n_atoms)


def _long(base: Configuration, settings: MeltingSettings) -> Configuration:
    """Return the crystal's half of the cell, its third vector the long one."""
    wide = repeats_for(base.cell, settings.width)
    return supercell(base, (wide[0], wide[1], repeats_for(base.cell, settings.length)[2]))


def _coexisting(
    force_field: ForceField,
    solid: Configuration,
    settings: MeltingSettings,
    report: Report,
    folder: Path | None,
) -> tuple[Configuration, Phases, str | None]:
    """Crystal and liquid one above the other, both as large as the crystal is warm; energies of either; and
    what failed.

    The liquid is made of the crystal's own half in the same cell, a little stretched along its length, so
    that both fit; the right length is found by the cell moves of the runs that follow.
    """
    middle = 0.5 * (settings.lowest_k + settings.highest_k)
    phases = Phases(middle, 0.0, 0.0)
    warm = plain_dynamics(
        temperature_k=middle,
        timestep_fs=settings.timestep_fs,
        steps=_steps(settings.melting_ps, settings),
        record_every=10,
        pressure_gpa=settings.pressure_gpa,
        friction_per_fs=settings.friction_per_fs,
    )
    store = None if folder is None else folder / "solid.npz"
    made = simulate(
        force_field, [solid], [warm], settings.seed, report=report, text="warming the crystal",
        checkpoint=store,
    )  # fmt: skip
    failure = failure_of(made)
    if failure is not None:
        return solid, phases, f"warming the crystal to {middle:.0f} K, {failure}"
    crystal = made.last(0, solid)
    crystal_ev = _last_energy(made, 0.5)
    stretch = np.zeros((3, 3))
    normal = np.cross(crystal.cell[0], crystal.cell[1])
    normal /= np.linalg.norm(normal)
    stretch += 0.06 * np.outer(normal, normal)
    hot = plain_dynamics(
        temperature_k=settings.melt_at_k or 2.0 * settings.highest_k,
        timestep_fs=settings.timestep_fs,
        steps=_steps(settings.melting_ps, settings),
        record_every=10,
        friction_per_fs=settings.friction_per_fs,
    )
    cool = hot.model_copy(update={"temperature_k": Ramp(start=hot.temperature_k.start, end=middle)})
    liquid = deformed(crystal, stretch)
    for text, one in (("melting", hot), ("cooling the liquid", cool)):
        store = None if folder is None else folder / f"{text.split()[0]}.npz"
        made = simulate(
            force_field, [liquid], [one], settings.seed + 1, report=report, text=text, checkpoint=store
        )
        failure = failure_of(made)
        if failure is not None:
            return solid, phases, f"{text}, {failure}"
        liquid = made.last(0, liquid)
    phases = Phases(middle, crystal_ev, _last_energy(made, 0.1))
    joined = _apart(_joined(crystal, liquid), CONTACT * solid.shortest_distance())
    (rough,) = relax(force_field, [joined], RelaxSettings(max_steps=ROUGH_STEPS), report=report)
    return rough.configuration, phases, None


def _last_energy(made: Simulation, part: float) -> float:
    """Mean potential energy of the last part of the run of one walker, in eV/atom."""
    energies = made.trace["energy"]
    return float(energies[-max(1, round(part * len(energies))) :].mean()) / made.walkers.systems.n_atoms


def _joined(lower: Configuration, upper: Configuration) -> Configuration:
    """Stack two configurations with the same first two lattice vectors along the third."""
    cell = lower.cell.copy()
    cell[2] = lower.cell[2] + upper.cell[2]
    below, above = _inside(lower), _inside(upper)
    return lower.without_labels().replace(
        numbers=np.concatenate([lower.numbers, upper.numbers]),
        positions=np.concatenate([below, above + lower.cell[2]]),
        cell=cell,
    )


def _apart(configuration: Configuration, least: float) -> Configuration:
    """Push atoms closer than ``least`` (angstrom) apart, by geometry alone, so that no potential is asked
    about contacts that it never learned.
    """
    positions = configuration.positions.copy()
    for _ in range(PUSHES):
        first, neighbour, shift = find_pairs(positions, configuration.cell, configuration.pbc, least)
        owner = np.repeat(np.arange(len(positions)), np.diff(first))
        if len(owner) == 0:
            break
        vectors = positions[neighbour] + shift @ configuration.cell - positions[owner]
        lengths = np.maximum(np.linalg.norm(vectors, axis=1), 1e-3)
        # Each of the two goes half of the way, and a little further so that it comes to an end.
        moves = -0.52 * ((least - lengths) / lengths)[:, None] * vectors
        np.add.at(positions, owner, np.clip(moves, -0.5 * least, 0.5 * least))
    return configuration.replace(positions=positions)


def _inside(configuration: Configuration) -> FloatArray:
    fractional = configuration.positions @ np.linalg.inv(configuration.cell)
    inside: FloatArray = (fractional - np.floor(fractional)) @ configuration.cell
    return inside


def _round(
    force_field: ForceField,
    start: tuple[Configuration, Phases],
    span: tuple[float, float],
    number: int,
    settings: MeltingSettings,
    report: Report,
    folder: Path | None,
) -> tuple[list[Rate], str | None]:
    """Rates at temperatures between two, from both phases together; and what failed."""
    both, phases = start
    temperatures = np.linspace(*span, settings.temperatures)
    steps = _steps(settings.time_ps, settings)
    each = [
        plain_dynamics(
            temperature_k=float(temperature),
            timestep_fs=settings.timestep_fs,
            steps=steps,
            record_every=max(1, steps // RECORDED),
            pressure_gpa=settings.pressure_gpa,
            friction_per_fs=settings.friction_per_fs,
            cell_moves=CellMoveSettings(kinds=("volume", "anisotropic"), every=5),
        )
        for temperature in temperatures
    ]
    made = simulate(
        force_field,
        [both] * len(each),
        each,
        settings.seed + 10 + number,
        report=report,
        text=f"round {number + 1} of {settings.rounds}, {span[0]:.0f} to {span[1]:.0f} K",
        checkpoint=None if folder is None else folder / f"round{number}.npz",
    )
    failure = failure_of(made)
    if failure is not None:
        return [], f"with crystal and liquid together, {failure}"
    return [_rate(made, k, float(t), both.n_atoms, phases) for k, t in enumerate(temperatures)], None


def _rate(made: Simulation, walker: int, temperature: float, n_atoms: int, phases: Phases) -> Rate:
    rows = made.rows(walker)
    times = made.trace["time_fs"][rows] / 1000.0
    energies = made.trace["energy"][rows] / n_atoms
    later = times > SKIPPED * times[-1]
    slope = float(np.polyfit(times[later], energies[later], 1)[0])
    # Slopes of parts of the run tell the error; energies of neighbouring rows are correlated.
    parts = [
        np.polyfit(t, e, 1)[0]
        for t, e in zip(np.array_split(times[later], 4), np.array_split(energies[later], 4), strict=True)
    ]
    # The slope of the whole is better determined than that of a part by the ratio of their lengths.
    error = float(np.std(parts, ddof=1)) / 4.0**1.5
    molten = phases.share(float(energies[-max(1, len(energies) // 4) :].mean()), temperature)
    if abs(molten - 0.5) > 0.5 - ENDED:
        slope = (molten - 0.5) * phases.apart_ev / times[-1]
    return Rate(temperature, 1000.0 * slope, 1000.0 * error, times, energies)


def _sign_change(rates: list[Rate]) -> tuple[float, float] | None:
    """Return the temperatures around the change from crystal growth to melting; None if there is none.

    Where noise makes several changes, the cut is where the fewest rates have the wrong sign.
    """
    signs = np.array([rate.rate_mev_per_atom_per_ps > 0.0 for rate in rates], dtype=np.bool_)
    wrong = [int(signs[:k].sum() + (~signs[k:]).sum()) for k in range(len(signs) + 1)]
    cut = int(np.argmin(wrong))
    if cut in (0, len(signs)):
        return None
    return rates[cut - 1].temperature_k, rates[cut].temperature_k


def _zero(rates: list[Rate], bracket: tuple[float, float]) -> tuple[float, float]:
    """Zero of the line through rates, and its error; within the bracket if the line is no good."""
    t = np.array([rate.temperature_k for rate in rates])
    y = np.array([rate.rate_mev_per_atom_per_ps for rate in rates])
    middle, half = 0.5 * (bracket[0] + bracket[1]), 0.5 * (bracket[1] - bracket[0])
    least = half / np.sqrt(3.0)
    slope, offset = np.polyfit(t - middle, y, 1)
    if slope <= 0.0 or abs(offset / slope) > 3.0 * half:
        return middle, half
    scatter = float(np.std(y - slope * (t - middle) - offset, ddof=2)) if len(t) > 2 else 0.0
    error = scatter / slope / np.sqrt(len(t))
    return float(middle - offset / slope), float(max(error, least))


def _one_sided(rates: list[Rate]) -> str:
    if not rates:
        return "no rate was measured"
    grows = rates[0].rate_mev_per_atom_per_ps <= 0.0
    low, high = rates[0].temperature_k, rates[-1].temperature_k
    if grows:
        return f"nothing melted up to {high:.0f} K: raise highest_k, or time_ps"
    return f"everything melted down to {low:.0f} K: lower lowest_k"


def _steps(time_ps: float, settings: MeltingSettings) -> int:
    return max(1, round(1000.0 * time_ps / settings.timestep_fs))


def _result(
    crystal: Configuration,
    settings: MeltingSettings,
    problems: list[str],
    point: tuple[float, float] | None,
    rates: list[Rate],
    n_atoms: int,
) -> MeltingResult:
    return MeltingResult(
        crystal=name_of(crystal),
        settings=settings,
        problems=tuple(problems),
        melting_point_k=None if point is None else finite(point[0]),
        error_k=None if point is None else finite(point[1]),
        rates=sorted(rates, key=lambda rate: rate.temperature_k),
        n_atoms=n_atoms,
    )
