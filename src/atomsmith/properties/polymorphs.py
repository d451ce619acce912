"""Energies of an element's other structures over that of the given one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from atomsmith.builders.crystals import PROTOTYPES
from atomsmith.builders.crystals import crystal as build_crystal
from atomsmith.builders.symmetry import space_group
from atomsmith.data.configuration import Configuration
from atomsmith.errors import InputError
from atomsmith.prediction import ForceField
from atomsmith.properties.base import PropertyResult, Report, Row, name_of, silent
from atomsmith.properties.lattice import LatticeSettings, settle
from atomsmith.settings import Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure


REPACKED = 0.12
"""Change of `packing` that no relaxation of free lengths explains: hexagonal diamond has the space group of
hcp, but 0.34 and not 0.74."""


class PolymorphSettings(Settings):
    """Settings of `atomsmith polymorphs`."""

    structures: list[str] = Field(
        default=list(PROTOTYPES), min_length=1, description="Structures to compare with the crystal."
    )
    lattice: LatticeSettings = Field(
        default=LatticeSettings(scan=0.3),
        description="How each is relaxed: its cell is scaled first, from the volume per atom of the crystal.",
    )


@dataclass(frozen=True)
class Polymorph:
    """A structure relaxed in cell and atoms; None where it did not relax.

    ``energy_mev_per_atom`` is over the crystal; ``kept`` tells whether it is still the structure that it
    began as, None without spglib.
    """

    structure: str
    energy_mev_per_atom: float | None
    volume_angstrom3_per_atom: float | None
    kept: bool | None


@dataclass(frozen=True, eq=False, kw_only=True)
class PolymorphResult(PropertyResult):
    """Structures in the order of their energy; those that became another one are marked."""

    title: ClassVar[str] = "Polymorphs over the crystal"

    polymorphs: list[Polymorph]

    def rows(self) -> list[Row]:
        """Numbers for the table."""
        return [
            Row(p.structure + ("" if p.kept is not False else " (transformed)"), p.energy_mev_per_atom,
                "meV/atom", 1)
            for p in self.polymorphs
        ]  # fmt: skip

    def energy_of(self, structure: str) -> float | None:
        """Energy of a structure over the crystal in meV/atom; None if it was not had."""
        return next((p.energy_mev_per_atom for p in self.polymorphs if p.structure == structure), None)

    def figure(self) -> Figure | None:
        """Draw energies over volumes."""
        known = [p for p in self.polymorphs if p.energy_mev_per_atom is not None]
        if not known:
            return None
        from atomsmith.properties.figures import polymorph_figure

        return polymorph_figure(
            [p.structure for p in known],
            np.array([p.volume_angstrom3_per_atom for p in known]),
            np.array([p.energy_mev_per_atom for p in known]),
            [p.kept is not False for p in known],
        )


def polymorphs(
    force_field: ForceField,
    crystal: Configuration,
    settings: PolymorphSettings | None = None,
    *,
    report: Report = silent,
    folder: Path | None = None,
) -> PolymorphResult:
    """Compare structures of an element; see `atomsmith.properties.base.Compute`.

    Raises
    ------
    InputError
        If the crystal has more than one element, or a structure is unknown.
    """
    settings = settings or PolymorphSettings()
    unknown = [name for name in settings.structures if name not in PROTOTYPES]
    if unknown or len(crystal.elements) != 1:
        raise InputError(
            f"polymorphs: {unknown[0]!r} is not among the structures {', '.join(PROTOTYPES)}."
            if unknown
            else f"polymorphs: {crystal.formula} has several elements; give a crystal of one."
        )
    base, problems = settle(force_field, crystal, report=report)
    found: list[Polymorph] = []
    if base.problem is None:
        volume = base.configuration.volume / crystal.n_atoms
        for done, name in enumerate(settings.structures):
            report(done, len(settings.structures), name)
            start = build_crystal(crystal.symbols[0], name, volume_per_atom=volume)
            one, problem = _relaxed(force_field, start, base.energy_per_atom, settings.lattice)
            found.append(one)
            problems += [problem] if problem is not None else []
    found.sort(key=lambda p: np.inf if p.energy_mev_per_atom is None else p.energy_mev_per_atom)
    lower = [p for p in found if p.energy_mev_per_atom is not None and p.energy_mev_per_atom < -0.1]
    if lower:
        problems.append(
            f"{lower[0].structure} is lower in energy than {name_of(crystal)}, which is no ground state of "
            "this potential"
        )
    return PolymorphResult(
        crystal=name_of(crystal), settings=settings, problems=tuple(problems), polymorphs=found
    )


def packing(crystal: Configuration) -> float:
    """Share of space that equal spheres fill when the nearest ones touch: 0.74 of fcc, 0.34 of diamond."""
    radius = 0.5 * crystal.shortest_distance()
    return crystal.n_atoms * 4.0 / 3.0 * np.pi * radius**3 / crystal.volume


def _relaxed(
    force_field: ForceField, start: Configuration, base_energy: float, settings: LatticeSettings
) -> tuple[Polymorph, str | None]:
    name = start.config_type
    end, problems = settle(force_field, start, settings)
    if end.problem is not None:
        return Polymorph(name, None, None, None), f"{name} did not relax: {end.problem}"
    group = space_group(end.configuration, 1e-2)
    change = packing(end.configuration) - packing(start)
    kept = None if group is None else group == PROTOTYPES[name].space_group and abs(change) < REPACKED
    problem = None
    if kept is False:
        problem = f"{name} is unstable: it became a crystal of space group {group}"
        if group == PROTOTYPES[name].space_group:
            problem += f" whose touching spheres fill {packing(end.configuration):.2f} of space"
    if problem is None and problems:
        problem = f"{name}: {problems[0]}"
    energy = 1000.0 * (end.energy_per_atom - base_energy)
    return Polymorph(name, energy, end.configuration.volume / start.n_atoms, kept), problem
