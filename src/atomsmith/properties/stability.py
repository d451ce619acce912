"""How long molecular dynamics lasts: energy drift without thermostat, and time to failure over seeds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from atomsmith.builders.supercells import repeats_for, supercell
from atomsmith.data.configuration import Configuration
from atomsmith.prediction import ForceField
from atomsmith.properties.base import PropertyResult, Report, Row, finite, name_of, silent
from atomsmith.properties.lattice import LatticeSettings, settle
from atomsmith.properties.simulation import plain_dynamics, simulate
from atomsmith.sampling.state import STOP_REASONS, StopReason
from atomsmith.sampling.units import BOLTZMANN
from atomsmith.settings import Settings
from atomsmith.systems import FloatArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RECORDED = 200


class StabilitySettings(Settings):
    """Settings of `atomsmith stability`."""

    temperature_k: float = Field(
        default=600.0,
        gt=0.0,
        description="Temperature in K; velocities begin at twice that, which the crystal shares out.",
    )
    seeds: int = Field(default=8, ge=1, description="Runs with different velocities, all at once.")
    time_ps: float = Field(default=20.0, gt=0.0, description="Length of each run without thermostat.")
    timestep_fs: float = Field(default=1.0, gt=0.0, le=20.0, description="Time step in fs.")
    supercell_angstrom: float = Field(default=10.0, gt=0.0, description="Least height of the cell.")
    seed: int = Field(default=0, ge=0, description="Seed of velocities.")
    lattice: LatticeSettings = Field(
        default=LatticeSettings(), description="How the crystal is relaxed before."
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class StabilityResult(PropertyResult):
    """Runs in the microcanonical ensemble.

    Attributes
    ----------
    lifetimes_ps
        How long each run lasted, the whole time for those that did not fail.
    failures
        Why each failed; None for those that did not.
    drift_mev_per_atom_per_ns
        Largest absolute slope of the total energy over time of runs that did not fail.
    fluctuation_mev_per_atom
        Root mean square deviation of the total energy from that slope, the largest of runs.
    times_ps, total_energies_mev_per_atom
        Of each run over its beginning, NaN after its end; shapes (rows,) and (seeds, rows).
    """

    title: ClassVar[str] = "Stability of dynamics"

    lifetimes_ps: list[float]
    failures: list[str | None]
    drift_mev_per_atom_per_ns: float | None
    fluctuation_mev_per_atom: float | None
    times_ps: FloatArray
    total_energies_mev_per_atom: FloatArray
    n_atoms: int

    def rows(self) -> list[Row]:
        """Numbers for the table."""
        failed = sum(failure is not None for failure in self.failures)
        return [
            Row("runs", float(len(self.failures)), "", 0),
            Row("runs that failed", float(failed), "", 0),
            Row("shortest run", min(self.lifetimes_ps, default=None), "ps", 2),
            Row("drift of the total energy", self.drift_mev_per_atom_per_ns, "meV/atom/ns", 4),
            Row("its fluctuation", self.fluctuation_mev_per_atom, "meV/atom", 5),
            Row("atoms of each run", float(self.n_atoms), "", 0),
        ]

    def figure(self) -> Figure | None:
        """Draw the total energies."""
        if len(self.times_ps) == 0:
            return None
        from atomsmith.properties.figures import stability_figure

        return stability_figure(self.times_ps, self.total_energies_mev_per_atom)


def stability(
    force_field: ForceField,
    crystal: Configuration,
    settings: StabilitySettings | None = None,
    *,
    report: Report = silent,
    folder: Path | None = None,
) -> StabilityResult:
    """Run dynamics without thermostat; see `atomsmith.properties.base.Compute`."""
    settings = settings or StabilitySettings()
    relaxed, problems = settle(force_field, crystal, settings.lattice, report=report)
    base = relaxed.configuration
    start = supercell(base, repeats_for(base.cell, settings.supercell_angstrom))
    if relaxed.problem is not None:
        return StabilityResult(
            crystal=name_of(crystal), settings=settings, problems=tuple(problems), lifetimes_ps=[],
            failures=[], drift_mev_per_atom_per_ns=None, fluctuation_mev_per_atom=None,
            times_ps=np.zeros(0), total_energies_mev_per_atom=np.zeros((0, 0)), n_atoms=start.n_atoms,
        )  # fmt: skip
    steps = round(1000.0 * settings.time_ps / settings.timestep_fs)
    one = plain_dynamics(
        ensemble="nve",
        temperature_k=2.0 * settings.temperature_k,
        timestep_fs=settings.timestep_fs,
        steps=steps,
        record_every=max(1, steps // RECORDED),
    )
    made = simulate(
        force_field,
        [start] * settings.seeds,
        [one] * settings.seeds,
        settings.seed,
        report=report,
        text="dynamics without thermostat",
        checkpoint=None if folder is None else folder / "dynamics.npz",
    )
    freedom = 3.0 * start.n_atoms - 3.0
    total = made.trace["energy"] + 0.5 * freedom * BOLTZMANN * made.trace["temperature_k"]
    series = [made.rows(walker) for walker in range(settings.seeds)]
    longest = max(series, key=len)
    energies = np.full((settings.seeds, len(longest)), np.nan)
    for walker, rows in enumerate(series):
        energies[walker, : len(rows)] = 1000.0 * (total[rows] - total[rows[0]]) / start.n_atoms
    failures = [_failure(int(code)) for code in made.walkers.reason]
    times = made.trace["time_fs"][longest] / 1000.0
    drifts = [_drift(times, energies[k]) for k, failure in enumerate(failures) if failure is None]
    failed = sum(failure is not None for failure in failures)
    if failed:
        problems.append(
            f"{failed} of {settings.seeds} runs failed, the first after "
            f"{made.walkers.time_fs.min() / 1000.0:.2f} ps: the potential is not stable at "
            f"{settings.temperature_k:.0f} K with a time step of {settings.timestep_fs:g} fs"
        )
    return StabilityResult(
        crystal=name_of(crystal),
        settings=settings,
        problems=tuple(problems),
        lifetimes_ps=(made.walkers.time_fs / 1000.0).tolist(),
        failures=failures,
        drift_mev_per_atom_per_ns=finite(1000.0 * max(abs(d) for d, _ in drifts)) if drifts else None,
        fluctuation_mev_per_atom=finite(max(f for _, f in drifts)) if drifts else None,
        times_ps=times,
        total_energies_mev_per_atom=energies,
        n_atoms=start.n_atoms,
    )


def _failure(code: int) -> str | None:
    reason = STOP_REASONS[code]
    return None if reason is StopReason.MAX_STEPS else reason.value.replace("_", " ")


def _drift(times: FloatArray, energies: FloatArray) -> tuple[float, float]:
    """Slope and root mean square deviation from it; the first tenth, where it warms up, is left out."""
    later = times >= 0.1 * times[-1]
    slope, offset = np.polyfit(times[later], energies[later], 1)
    rest = energies[later] - slope * times[later] - offset
    return float(slope), float(np.sqrt(np.mean(rest**2)))
