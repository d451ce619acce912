"""Structure and motion at a temperature: radial distribution, mean-square displacement, diffusion."""

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
from atomsmith.properties.lattice import LatticeSettings, settle
from atomsmith.properties.simulation import Simulation, plain_dynamics, simulate
from atomsmith.sampling.ramps import Ramp
from atomsmith.sampling.state import STOP_REASONS, StopReason
from atomsmith.settings import Settings
from atomsmith.systems import BoolArray, FloatArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RECORDED_FS = 50.0
FIT = (0.2, 0.6)
"""Part of the longest time over which the slope of the mean-square displacement is taken."""
CM2_PER_S = 0.1
"""1 angstrom^2/fs in cm^2/s."""


class DynamicsSettings(Settings):
    """Settings of `atomsmith dynamics`."""

    temperature_k: float = Field(default=300.0, gt=0.0, description="Temperature in K.")
    melt_at_k: float | None = Field(
        default=None,
        gt=0.0,
        description="Heat to this temperature first, for a third of the equilibration, to study the liquid; "
        "null stays in the crystal.",
    )
    pressure_gpa: float | None = Field(
        default=0.0,
        description="Pressure during equilibration, whose mean volume is then kept; null keeps the volume of "
        "the crystal at rest.",
    )
    supercell_angstrom: float = Field(default=12.0, gt=0.0, description="Least height of the cell.")
    walkers: int = Field(default=4, ge=2, description="Independent runs; errors come from their spread.")
    equilibration_ps: float = Field(default=3.0, gt=0.0, description="Time that is not counted.")
    production_ps: float = Field(default=10.0, gt=0.0, description="Time that is, without thermostat.")
    timestep_fs: float = Field(default=1.0, gt=0.0, le=20.0, description="Time step in fs.")
    cutoff: float = Field(
        default=8.0, gt=0.0, description="Largest distance of the radial distribution, in angstrom."
    )
    bins: int = Field(default=200, ge=10, description="Bins of the radial distribution.")
    seed: int = Field(default=0, ge=0, description="Seed of velocities and noise.")
    lattice: LatticeSettings = Field(
        default=LatticeSettings(), description="How the crystal is relaxed before."
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class DynamicsResult(PropertyResult):
    """Averages over time and walkers; None where walkers failed.

    Attributes
    ----------
    distances_angstrom, radial_distribution
        g(r) of all pairs of atoms, shape (bins,).
    times_fs, displacement_angstrom2
        Mean-square displacement over the time between two frames, averaged over their origins.
    diffusion_cm2_per_s, diffusion_error_cm2_per_s
        From the slope between 20 and 60 % of the longest time, and its standard error over walkers; None
        where the slope is no larger than twice its error.
    mean_temperature_k, volume_angstrom3_per_atom
        Of the production.
    """

    title: ClassVar[str] = "Structure and motion"

    mean_temperature_k: float | None
    volume_angstrom3_per_atom: float | None
    distances_angstrom: FloatArray | None
    radial_distribution: FloatArray | None
    times_fs: FloatArray | None
    displacement_angstrom2: FloatArray | None
    diffusion_cm2_per_s: float | None
    diffusion_error_cm2_per_s: float | None
    n_atoms: int

    def rows(self) -> list[Row]:
        """Numbers for the table."""
        first = None
        if self.radial_distribution is not None and self.distances_angstrom is not None:
            first = float(self.distances_angstrom[int(np.argmax(self.radial_distribution))])
        diffusion, error = self.diffusion_cm2_per_s, self.diffusion_error_cm2_per_s
        return [
            Row("mean temperature", self.mean_temperature_k, "K", 1),
            Row("volume", self.volume_angstrom3_per_atom, "Å³/atom"),
            Row("highest peak of g(r)", first, "Å"),
            Row("diffusion", None if diffusion is None else 1e5 * diffusion, "1e-5 cm²/s"),
            Row("  its error", None if error is None else 1e5 * error, "1e-5 cm²/s"),
            Row("atoms of each walker", float(self.n_atoms), "", 0),
        ]

    def figure(self) -> Figure | None:
        """Draw the radial distribution and the mean-square displacement."""
        if self.radial_distribution is None or self.distances_angstrom is None:
            return None
        if self.times_fs is None or self.displacement_angstrom2 is None:
            return None
        from atomsmith.properties.figures import dynamics_figure

        return dynamics_figure(
            (self.distances_angstrom, self.radial_distribution),
            (self.times_fs, self.displacement_angstrom2),
        )


def dynamics(
    force_field: ForceField,
    crystal: Configuration,
    settings: DynamicsSettings | None = None,
    *,
    report: Report = silent,
    folder: Path | None = None,
) -> DynamicsResult:
    """Compute averages of molecular dynamics; see `atomsmith.properties.base.Compute`."""
    settings = settings or DynamicsSettings()
    relaxed, problems = settle(force_field, crystal, settings.lattice, report=report)
    base = relaxed.configuration
    start = supercell(base, repeats_for(base.cell, settings.supercell_angstrom))
    if relaxed.problem is not None:
        return _without(crystal, settings, problems, start.n_atoms)
    ready, failure = _equilibrated(force_field, start, settings, report, folder)
    if failure is None:
        every = max(1, round(RECORDED_FS / settings.timestep_fs))
        steps = max(every, round(1000.0 * settings.production_ps / settings.timestep_fs))
        # Without thermostat: its friction would slow diffusion down.
        one = plain_dynamics(
            ensemble="nve",
            temperature_k=settings.temperature_k,
            timestep_fs=settings.timestep_fs,
            steps=steps,
            record_every=every,
        )
        made = simulate(
            force_field,
            ready,
            [one] * settings.walkers,
            settings.seed + 1,
            keep_frames=True,
            report=report,
            text="production",
            checkpoint=None if folder is None else folder / "production.npz",
        )
        failure = failure_of(made)
    if failure is not None:
        problems.append(f"{failure}; no averages are given")
        return _without(crystal, settings, problems, start.n_atoms)
    return _averaged(crystal, settings, problems, made)


def failure_of(made: Simulation) -> str | None:
    """Say how walkers ended that did not reach their last step; None if all did."""
    whole = STOP_REASONS.index(StopReason.MAX_STEPS)
    broken = np.flatnonzero(made.walkers.reason != whole)
    if len(broken) == 0:
        return None
    walker = int(broken[0])
    reason = STOP_REASONS[made.walkers.reason[walker]].value.replace("_", " ")
    return (
        f"{len(broken)} of {made.walkers.n_walkers} walkers left physics, the first after "
        f"{made.walkers.time_fs[walker] / 1000.0:.2f} ps ({reason})"
    )


def _equilibrated(
    force_field: ForceField,
    start: Configuration,
    settings: DynamicsSettings,
    report: Report,
    folder: Path | None,
) -> tuple[list[Configuration], str | None]:
    """Configurations to begin with, their volumes the mean of the second half; and what failed."""
    steps = round(1000.0 * settings.equilibration_ps / settings.timestep_fs)
    starts = [start] * settings.walkers
    target = settings.temperature_k
    stages = [("equilibration", Ramp(start=target, end=target), steps)]
    if settings.melt_at_k is not None:
        hot = settings.melt_at_k
        cooling = Ramp(start=hot, end=target, steps=max(1, steps // 3))
        stages = [
            ("melting", Ramp(start=hot, end=hot), max(1, steps // 3)),
            ("equilibration", cooling, steps),
        ]
    for number, (text, temperature, length) in enumerate(stages):
        one = plain_dynamics(
            temperature_k=temperature,
            timestep_fs=settings.timestep_fs,
            steps=length,
            record_every=10,
            pressure_gpa=settings.pressure_gpa,
        )
        made = simulate(
            force_field,
            starts,
            [one] * settings.walkers,
            settings.seed + 100 * number,
            report=report,
            text=text,
            checkpoint=None if folder is None else folder / f"{text}.npz",
        )
        failure = failure_of(made)
        if failure is not None:
            return [], f"during {text} at {temperature.end:.0f} K {failure}"
        starts = [made.last(walker, start) for walker in range(settings.walkers)]
    later = made.trace["step"] > made.trace["step"].max() // 2
    volume = float(made.trace["volume"][later].mean())
    return [deformed(s, (np.cbrt(volume / s.volume) - 1.0) * np.eye(3)) for s in starts], None


def _averaged(
    crystal: Configuration, settings: DynamicsSettings, problems: list[str], made: Simulation
) -> DynamicsResult:
    n_atoms = made.frames.shape[1]
    displacements = []
    for walker in range(settings.walkers):
        rows = made.rows(walker)
        displacements.append(mean_square_displacement(made.frames[rows]))
    times = made.trace["time_fs"][made.rows(0)]
    times = times - times[0]
    fitted = (times >= FIT[0] * times[-1]) & (times <= FIT[1] * times[-1])
    diffusion, error = 0.0, 0.0
    if fitted.sum() < 2:
        problems = [*problems, "the production is too short for diffusion; raise production_ps"]
    else:
        slopes = np.array([np.polyfit(times[fitted], d[fitted], 1)[0] for d in displacements])
        slopes *= CM2_PER_S / 6.0
        diffusion, error = float(slopes.mean()), float(slopes.std(ddof=1) / np.sqrt(len(slopes)))
    measured = diffusion > 2.0 * error
    distances, g = radial_distribution(made.frames, made.cells, crystal.pbc, settings.cutoff, settings.bins)
    return DynamicsResult(
        crystal=name_of(crystal),
        settings=settings,
        problems=tuple(problems),
        mean_temperature_k=finite(float(made.trace["temperature_k"].mean())),
        volume_angstrom3_per_atom=float(made.trace["volume"].mean()) / n_atoms,
        distances_angstrom=distances,
        radial_distribution=g,
        times_fs=times,
        displacement_angstrom2=np.mean(displacements, axis=0),
        diffusion_cm2_per_s=diffusion if measured else None,
        diffusion_error_cm2_per_s=error if measured else None,
        n_atoms=n_atoms,
    )


def mean_square_displacement(frames: FloatArray) -> FloatArray:
    """Mean over atoms and origins of the squared displacement for each number of frames between, (F,)."""
    count = len(frames)
    result = np.zeros(count)
    for lag in range(1, count):
        moved = frames[lag:] - frames[:-lag]
        result[lag] = np.einsum("fai,fai->", moved, moved) / (moved.shape[0] * moved.shape[1])
    return result


def radial_distribution(
    frames: FloatArray, cells: FloatArray, pbc: BoolArray, cutoff: float, bins: int, most: int = 100
) -> tuple[FloatArray, FloatArray]:
    """Return r (bins,) and g(r) (bins,) over at most so many frames (F, N, 3) in their cells (F, 3, 3)."""
    edges = np.linspace(0.0, cutoff, bins + 1)
    counts = np.zeros(bins)
    chosen = np.unique(np.linspace(0, len(frames) - 1, most).astype(int))
    density = 0.0
    for k in chosen:
        positions, cell = frames[k], cells[k]
        first, neighbour, shift = find_pairs(positions, cell, pbc, cutoff)
        owner = np.repeat(np.arange(len(positions)), np.diff(first))
        vectors = positions[neighbour] + shift @ cell - positions[owner]
        counts += np.histogram(np.linalg.norm(vectors, axis=1), edges)[0]
        density += len(positions) / abs(float(np.linalg.det(cell)))
    shells = 4.0 / 3.0 * np.pi * (edges[1:] ** 3 - edges[:-1] ** 3)
    ideal = shells * (density / len(chosen)) * frames.shape[1] * len(chosen)
    return 0.5 * (edges[1:] + edges[:-1]), counts / ideal


def _without(
    crystal: Configuration, settings: DynamicsSettings, problems: list[str], n_atoms: int
) -> DynamicsResult:
    return DynamicsResult(
        crystal=name_of(crystal),
        settings=settings,
        problems=tuple(problems),
        mean_temperature_k=None,
        volume_angstrom3_per_atom=None,
        distances_angstrom=None,
        radial_distribution=None,
        times_fs=None,
        displacement_angstrom2=None,
        diffusion_cm2_per_s=None,
        diffusion_error_cm2_per_s=None,
        n_atoms=n_atoms,
    )
