"""Lattice parameters and cohesive energy: the crystal at rest, from which every other property starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field

from atomsmith.builders.deformations import deformed
from atomsmith.builders.symmetry import space_group
from atomsmith.data.configuration import Configuration
from atomsmith.elements import SYMBOLS
from atomsmith.errors import InputError
from atomsmith.prediction import ForceField
from atomsmith.properties.base import PropertyResult, Report, Row, finite, name_of, silent
from atomsmith.properties.evaluation import evaluate
from atomsmith.properties.relaxation import Relaxed, RelaxSettings, relax
from atomsmith.settings import Settings
from atomsmith.systems import FloatArray

SCAN_STEP = 0.02


class LatticeSettings(Settings):
    """Settings of `atomsmith lattice`."""

    scan: float = Field(
        default=0.16,
        ge=0.0,
        le=0.4,
        description="Half the range of linear scales that is searched for the minimum of energy before the "
        "crystal is relaxed (steps of 2 %); 0 relaxes from the given size.",
    )
    relax: RelaxSettings = Field(default=RelaxSettings(), description="Convergence of the relaxation.")


@dataclass(frozen=True, eq=False, kw_only=True)
class LatticeResult(PropertyResult):
    """The relaxed crystal.

    Attributes
    ----------
    lengths_angstrom, angles_degree
        Of the cell that was given, relaxed, shape (3,).
    volume_angstrom3_per_atom, energy_ev_per_atom
        At zero pressure.
    cohesive_energy_ev_per_atom
        Energy of free atoms, by the same potential, minus that of the crystal.
    space_group
        International number; None without spglib.
    relaxed
        The structure.
    """

    title: ClassVar[str] = "Lattice"

    lengths_angstrom: list[float] | None
    angles_degree: list[float] | None
    volume_angstrom3_per_atom: float | None
    energy_ev_per_atom: float | None
    cohesive_energy_ev_per_atom: float | None
    space_group: int | None
    largest_force_ev_per_angstrom: float | None
    largest_stress_gpa: float | None
    relaxed: Configuration

    def rows(self) -> list[Row]:
        """Numbers for the table."""
        lengths = self.lengths_angstrom or (None, None, None)
        angles = self.angles_degree or (None, None, None)
        return [
            *(Row(name, value, "Å", 4) for name, value in zip("abc", lengths, strict=True)),
            *(
                Row(name, value, "degree", 2)
                for name, value in zip(("alpha", "beta", "gamma"), angles, strict=True)
            ),
            Row("volume", self.volume_angstrom3_per_atom, "Å³/atom"),
            Row("energy", self.energy_ev_per_atom, "eV/atom", 5),
            Row("cohesive energy", self.cohesive_energy_ev_per_atom, "eV/atom", 4),
            Row("space group", None if self.space_group is None else float(self.space_group), "", 0),
        ]


def lattice(
    force_field: ForceField,
    crystal: Configuration,
    settings: LatticeSettings | None = None,
    *,
    report: Report = silent,
    folder: Path | None = None,
) -> LatticeResult:
    """Relax a crystal and compare it with free atoms; see `atomsmith.properties.base.Compute`.

    Raises
    ------
    InputError
        If the crystal is not periodic in three directions or has an element that the potential lacks.
    """
    settings = settings or LatticeSettings()
    relaxed, problems = settle(force_field, crystal, settings, report=report)
    at_rest = relaxed.problem is None
    cell = relaxed.configuration.cell
    free = free_atoms(force_field, crystal)
    energy = relaxed.energy_per_atom if at_rest else None
    return LatticeResult(
        crystal=name_of(crystal),
        settings=settings,
        problems=tuple(problems),
        lengths_angstrom=np.linalg.norm(cell, axis=1).tolist() if at_rest else None,
        angles_degree=_angles(cell) if at_rest else None,
        volume_angstrom3_per_atom=relaxed.configuration.volume / crystal.n_atoms if at_rest else None,
        energy_ev_per_atom=energy,
        cohesive_energy_ev_per_atom=None if energy is None else finite(free - energy),
        space_group=space_group(relaxed.configuration, 1e-3) if at_rest else None,
        largest_force_ev_per_angstrom=finite(relaxed.largest_force),
        largest_stress_gpa=finite(float(np.abs(relaxed.stress_gpa).max())),
        relaxed=relaxed.configuration,
    )


def settle(
    force_field: ForceField,
    crystal: Configuration,
    settings: LatticeSettings | None = None,
    *,
    report: Report = silent,
) -> tuple[Relaxed, list[str]]:
    """Find the minimum of energy next to the given size, then relax cell and atoms; with what went wrong.

    Raises
    ------
    InputError
        If the crystal is not periodic in three directions, or the potential has no stress.
    """
    settings = settings or LatticeSettings()
    if not crystal.pbc.all():
        raise InputError(
            f"{name_of(crystal)} is not periodic in three directions; properties are of crystals, "
            "give a cell and pbc."
        )
    problems: list[str] = []
    start = crystal.without_labels()
    if settings.scan > 0.0:
        start, problem = _scanned(force_field, start, settings.scan)
        problems += [problem] if problem else []
    (relaxed,) = relax(force_field, [start], settings.relax, cell="full", report=report)
    if relaxed.problem is not None:
        problems.append(f"the crystal did not relax: {relaxed.problem}; its properties are not given")
    else:
        before, after = space_group(start, 1e-3), space_group(relaxed.configuration, 1e-3)
        if before != after:
            problems.append(f"the crystal is unstable: relaxed, its space group is {after}, not {before}")
    return relaxed, problems


def free_atoms(force_field: ForceField, crystal: Configuration) -> float:
    """Mean energy of the crystal's atoms when they are free, by the potential, in eV/atom."""
    origin = np.zeros((1, 3))
    atoms = [Configuration(numbers=np.array([z], np.int32), positions=origin) for z in crystal.elements]
    energies = {int(e.configuration.numbers[0]): e.energy for e in evaluate(force_field, atoms)}
    return float(np.mean([energies[int(z)] for z in crystal.numbers]))


def _scanned(
    force_field: ForceField, crystal: Configuration, reach: float
) -> tuple[Configuration, str | None]:
    """Scale the crystal to the local minimum of energy nearest to its size."""
    steps = max(2, round(reach / SCAN_STEP))
    scales = 1.0 + reach * np.arange(-steps, steps + 1) / steps
    scaled = [deformed(crystal, (scale - 1.0) * np.eye(3)) for scale in scales]
    found = evaluate(force_field, scaled)
    energy = np.array([e.energy for e in found])
    if not any(e.stress.any() for e in found) and np.ptp(energy) > 0.0:
        raise InputError(
            f"{name_of(crystal)}: the potential gives energies that depend on the volume but no stress, "
            "which every property of a crystal needs; take a calculator that has stress."
        )
    inner = np.arange(1, len(scales) - 1)
    minima = inner[(energy[inner] <= energy[inner - 1]) & (energy[inner] <= energy[inner + 1])]
    if len(minima) == 0:
        symbols = ", ".join(SYMBOLS[z] for z in crystal.elements)
        return crystal, (
            f"no minimum of energy lies within {100 * reach:.0f} % of the given size of the {symbols} "
            "crystal; the relaxation began at that size"
        )
    nearest = minima[np.argmin(np.abs(scales[minima] - 1.0))]
    return scaled[nearest], None


def _angles(cell: FloatArray) -> list[float]:
    unit = cell / np.linalg.norm(cell, axis=1)[:, None]
    cosines = [unit[1] @ unit[2], unit[0] @ unit[2], unit[0] @ unit[1]]
    return [float(np.degrees(np.arccos(np.clip(c, -1.0, 1.0)))) for c in cosines]
