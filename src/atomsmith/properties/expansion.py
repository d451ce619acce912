"""Thermal expansion from dynamics at constant pressure, all temperatures at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from atomsmith.builders.supercells import repeats_for, supercell
from atomsmith.data.configuration import Configuration
from atomsmith.prediction import ForceField
from atomsmith.properties.base import PropertyResult, Report, Row, name_of, silent
from atomsmith.properties.lattice import LatticeSettings, settle
from atomsmith.properties.simulation import Simulation, blocked_error, plain_dynamics, simulate
from atomsmith.sampling.moves import CellMove, CellMoveSettings
from atomsmith.sampling.state import STOP_REASONS, StopReason
from atomsmith.sampling.units import BOLTZMANN
from atomsmith.settings import Settings
from atomsmith.systems import FloatArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class ExpansionSettings(Settings):
    """Settings of `atomsmith expansion`."""

    temperatures_k: list[float] = Field(
        default=[100.0, 200.0, 300.0, 400.0, 500.0, 600.0],
        min_length=2,
        description="Temperatures in K; the nuclei are classical.",
    )
    pressure_gpa: float = Field(default=0.0, description="Pressure in GPa.")
    supercell_angstrom: float = Field(default=10.0, gt=0.0, description="Least height of the cell.")
    equilibration_ps: float = Field(default=3.0, gt=0.0, description="Time that is not counted.")
    production_ps: float = Field(default=12.0, gt=0.0, description="Time that is.")
    timestep_fs: float = Field(default=2.0, gt=0.0, le=20.0, description="Time step in fs.")
    seed: int = Field(default=0, ge=0, description="Seed of velocities and noise.")
    lattice: LatticeSettings = Field(
        default=LatticeSettings(), description="How the crystal is relaxed before."
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class ExpansionResult(PropertyResult):
    """Volumes and enthalpies over temperature; NaN (null) at temperatures where the crystal was lost.

    Attributes
    ----------
    temperatures_k, volumes_angstrom3_per_atom, volume_errors_angstrom3_per_atom
        Shape (temperatures,).
    enthalpies_ev_per_atom
        With the classical kinetic energy.
    volume_at_rest_angstrom3_per_atom
        Of the relaxed crystal.
    linear_expansion_1e6_per_k
        Mean coefficient, one third of that of the volume, from a straight line through all temperatures and
        the crystal at rest; ``linear_expansion_error_1e6_per_k`` its standard error.
    heat_capacity_kb_per_atom
        Slope of the enthalpy.
    """

    title: ClassVar[str] = "Thermal expansion"

    temperatures_k: list[float]
    volumes_angstrom3_per_atom: FloatArray
    volume_errors_angstrom3_per_atom: FloatArray
    enthalpies_ev_per_atom: FloatArray
    volume_at_rest_angstrom3_per_atom: float | None
    linear_expansion_1e6_per_k: float | None
    linear_expansion_error_1e6_per_k: float | None
    heat_capacity_kb_per_atom: float | None
    n_atoms: int

    def rows(self) -> list[Row]:
        """Numbers for the table."""
        return [
            Row("volume at rest", self.volume_at_rest_angstrom3_per_atom, "Å³/atom"),
            *(
                Row(f"volume at {temperature:g} K", None if np.isnan(volume) else float(volume), "Å³/atom")
                for temperature, volume in zip(
                    self.temperatures_k, self.volumes_angstrom3_per_atom, strict=True
                )
            ),
            Row("linear expansion", self.linear_expansion_1e6_per_k, "1e-6/K", 2),
            Row("  its error", self.linear_expansion_error_1e6_per_k, "1e-6/K", 2),
            Row("heat capacity", self.heat_capacity_kb_per_atom, "k_B/atom", 2),
            Row("atoms of each run", float(self.n_atoms), "", 0),
        ]

    def figure(self) -> Figure | None:
        """Draw volumes over temperature."""
        if self.volume_at_rest_angstrom3_per_atom is None:
            return None
        from atomsmith.properties.figures import expansion_figure

        return expansion_figure(
            np.array(self.temperatures_k),
            self.volumes_angstrom3_per_atom,
            self.volume_errors_angstrom3_per_atom,
            self.volume_at_rest_angstrom3_per_atom,
        )


def expansion(
    force_field: ForceField,
    crystal: Configuration,
    settings: ExpansionSettings | None = None,
    *,
    report: Report = silent,
    folder: Path | None = None,
) -> ExpansionResult:
    """Compute volumes over temperature; see `atomsmith.properties.base.Compute`.

    Cubic cells change their volume, others each of their three axes.
    """
    settings = settings or ExpansionSettings()
    temperatures = sorted(settings.temperatures_k)
    relaxed, problems = settle(force_field, crystal, settings.lattice, report=report)
    base = relaxed.configuration
    start = supercell(base, repeats_for(base.cell, settings.supercell_angstrom))
    nothing = np.full(len(temperatures), np.nan)
    volumes, errors, enthalpies = nothing, nothing.copy(), nothing.copy()
    rest: float | None = None
    if relaxed.problem is None:
        rest = base.volume / base.n_atoms
        made = _run(force_field, start, temperatures, settings, report, folder)
        volumes, errors, enthalpies, lost = _averages(made, start.n_atoms, temperatures, settings)
        problems += [f"dynamics at {one:g} K left physics; no volume is given there" for one in lost]
    expansion_coefficient, error, heat = _slopes(np.array(temperatures), volumes, errors, enthalpies, rest)
    return ExpansionResult(
        crystal=name_of(crystal),
        settings=settings,
        problems=tuple(problems),
        temperatures_k=temperatures,
        volumes_angstrom3_per_atom=volumes,
        volume_errors_angstrom3_per_atom=errors,
        enthalpies_ev_per_atom=enthalpies,
        volume_at_rest_angstrom3_per_atom=rest,
        linear_expansion_1e6_per_k=expansion_coefficient,
        linear_expansion_error_1e6_per_k=error,
        heat_capacity_kb_per_atom=heat,
        n_atoms=start.n_atoms,
    )


def is_cubic(cell: FloatArray) -> bool:
    """Whether three equal vectors stand at right angles to each other."""
    metric = cell @ cell.T
    return bool(np.allclose(metric, metric[0, 0] * np.eye(3), atol=1e-4 * metric[0, 0]))


def _run(
    force_field: ForceField,
    start: Configuration,
    temperatures: list[float],
    settings: ExpansionSettings,
    report: Report,
    folder: Path | None,
) -> Simulation:
    steps = round(1000.0 * (settings.equilibration_ps + settings.production_ps) / settings.timestep_fs)
    kinds: tuple[CellMove, ...] = ("volume",) if is_cubic(start.cell) else ("volume", "anisotropic")
    each = [
        plain_dynamics(
            temperature_k=temperature,
            timestep_fs=settings.timestep_fs,
            steps=steps,
            record_every=5,
            pressure_gpa=settings.pressure_gpa,
            cell_moves=CellMoveSettings(kinds=kinds, every=5),
        )
        for temperature in temperatures
    ]
    return simulate(
        force_field,
        [start] * len(each),
        each,
        settings.seed,
        report=report,
        text="dynamics at constant pressure",
        checkpoint=None if folder is None else folder / "dynamics.npz",
    )


def _averages(
    made: Simulation, n_atoms: int, temperatures: list[float], settings: ExpansionSettings
) -> tuple[FloatArray, FloatArray, FloatArray, list[float]]:
    """Volumes, errors and enthalpies per atom, and the temperatures at which a run failed."""
    volumes, errors, enthalpies = (np.full(len(temperatures), np.nan) for _ in range(3))
    lost = []
    for walker, temperature in enumerate(temperatures):
        if STOP_REASONS[made.walkers.reason[walker]] is not StopReason.MAX_STEPS:
            lost.append(temperature)
            continue
        rows = made.rows(walker)
        rows = rows[made.trace["time_fs"][rows] > 1000.0 * settings.equilibration_ps]
        volume = made.trace["volume"][rows] / n_atoms
        volumes[walker], errors[walker] = volume.mean(), blocked_error(volume)
        kinetic = 1.5 * BOLTZMANN * temperature
        enthalpies[walker] = made.trace["energy"][rows].mean() / n_atoms + kinetic
    return volumes, errors, enthalpies, lost


def _slopes(
    temperatures: FloatArray,
    volumes: FloatArray,
    errors: FloatArray,
    enthalpies: FloatArray,
    rest: float | None,
) -> tuple[float | None, float | None, float | None]:
    """Linear expansion and its error in 1e-6/K, and the heat capacity in k_B/atom."""
    known = np.isfinite(volumes)
    if rest is None or known.sum() < 2:
        return None, None, None
    # A line through the volume at rest, which has no error: V = V0 (1 + 3 alpha T).
    t, change = temperatures[known], volumes[known] / rest - 1.0
    slope = float(t @ change / (t @ t))
    spread = float(np.sqrt(np.sum((t * errors[known] / rest) ** 2)) / (t @ t))
    heat = float(np.polyfit(t, enthalpies[known], 1)[0]) / BOLTZMANN
    return 1e6 * slope / 3.0, 1e6 * spread / 3.0, heat
