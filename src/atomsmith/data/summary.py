"""What is in a data set, by configuration type: for people as a table, for programs as a dict."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from atomsmith.data.configuration import Configuration
from atomsmith.data.dataset import Dataset
from atomsmith.data.units import GPA_PER_EV_A3
from atomsmith.elements import symbol_of

Range = tuple[float, float]


@dataclass(frozen=True)
class TypeSummary:
    """Counts and ranges of one configuration type; None where there is nothing to tell.

    Attributes
    ----------
    config_type
        Name of the type; ``all`` for the whole data set.
    configurations, atoms
        Numbers of configurations and of atoms in them.
    atoms_per_configuration
        Smallest and largest number of atoms.
    elements
        Chemical symbols.
    energies, forces, stresses
        Numbers of configurations with that label.
    energy_ev_per_atom
        Lowest and highest energy per atom.
    force_rms_ev_per_angstrom, force_max_ev_per_angstrom
        Root mean square of the force components; largest norm of the force on an atom.
    stress_gpa
        Lowest and highest component of the stress.
    volume_a3_per_atom
        Smallest and largest volume per atom of the cells.
    shortest_distance_angstrom
        Shortest distance between two atoms.
    """

    config_type: str
    configurations: int
    atoms: int
    atoms_per_configuration: tuple[int, int]
    elements: tuple[str, ...]
    energies: int
    forces: int
    stresses: int
    energy_ev_per_atom: Range | None
    force_rms_ev_per_angstrom: float | None
    force_max_ev_per_angstrom: float | None
    stress_gpa: Range | None
    volume_a3_per_atom: Range | None
    shortest_distance_angstrom: float | None


@dataclass(frozen=True)
class Summary:
    """One row for every configuration type, and a last one for all; ``str`` gives the table as text."""

    types: tuple[TypeSummary, ...]
    total: TypeSummary
    fingerprint: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "fingerprint": self.fingerprint,
            "total": dataclasses.asdict(self.total),
            "types": [dataclasses.asdict(row) for row in self.types],
        }

    def table(self, title: str | None = None) -> Table:
        """A table for the terminal."""
        table = Table(title=title, caption="E energy, F forces, S stress: configurations that have the label")
        for heading in _HEADINGS:
            table.add_column(heading, justify="left" if heading in ("type", "elements") else "right")
        for row in self.types:
            table.add_row(*_cells(row))
        if len(self.types) > 1:
            table.add_section()
            table.add_row(*_cells(self.total), style="bold")
        return table

    def __str__(self) -> str:
        stream = io.StringIO()
        Console(file=stream, width=160, color_system=None).print(self.table())
        return stream.getvalue()


_HEADINGS = (
    "type",
    "configs",
    "atoms",
    "N",
    "elements",
    "E/F/S",
    "energy\neV/atom",
    "force rms\neV/Å",
    "force max\neV/Å",
    "stress\nGPa",
    "volume\nÅ³/atom",
    "shortest\nÅ",
)


def summarise(dataset: Dataset) -> Summary:
    """Count and measure a data set by configuration type."""
    types = tuple(_row(name, list(dataset.of_type(name))) for name in dataset.config_types)
    return Summary(types, _total(list(dataset), types), dataset.fingerprint())


def _row(name: str, members: Sequence[Configuration], shortest: float | None = None) -> TypeSummary:
    energies = [c.energy / c.n_atoms for c in members if c.energy is not None]
    forces = [c.forces for c in members if c.forces is not None]
    stresses = [c.stress for c in members if c.stress is not None]
    components = np.concatenate([np.zeros((0, 3)), *forces])
    norms = np.linalg.norm(components, axis=1)
    counts = [c.n_atoms for c in members] or [0]
    if shortest is None:
        shortest = min((c.shortest_distance() for c in members), default=np.inf)
    return TypeSummary(
        config_type=name,
        configurations=len(members),
        atoms=sum(counts),
        atoms_per_configuration=(min(counts), max(counts)),
        elements=tuple(symbol_of(z) for z in sorted({z for c in members for z in c.elements})),
        energies=len(energies),
        forces=len(forces),
        stresses=len(stresses),
        energy_ev_per_atom=_range(energies),
        force_rms_ev_per_angstrom=float(np.sqrt(np.mean(components**2))) if forces else None,
        force_max_ev_per_angstrom=float(norms.max()) if forces else None,
        stress_gpa=_range((np.concatenate(stresses) * GPA_PER_EV_A3).tolist()) if stresses else None,
        volume_a3_per_atom=_range([c.volume / c.n_atoms for c in members if c.pbc.all()]),
        shortest_distance_angstrom=shortest if np.isfinite(shortest) else None,
    )


def _total(members: Sequence[Configuration], types: Sequence[TypeSummary]) -> TypeSummary:
    # The distances are the costly part and are known by type already.
    known = [t.shortest_distance_angstrom for t in types if t.shortest_distance_angstrom is not None]
    return _row("all", members, min(known, default=np.inf))


def _range(values: Sequence[float]) -> Range | None:
    return (float(min(values)), float(max(values))) if values else None


def _cells(row: TypeSummary) -> list[str]:
    low, high = row.atoms_per_configuration
    return [
        row.config_type,
        str(row.configurations),
        str(row.atoms),
        str(low) if low == high else f"{low}-{high}",
        " ".join(row.elements),
        f"{row.energies}/{row.forces}/{row.stresses}",
        _span(row.energy_ev_per_atom, 3),
        _number(row.force_rms_ev_per_angstrom, 3),
        _number(row.force_max_ev_per_angstrom, 2),
        _span(row.stress_gpa, 1),
        _span(row.volume_a3_per_atom, 1),
        _number(row.shortest_distance_angstrom, 2),
    ]


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _span(values: Range | None, digits: int) -> str:
    if values is None:
        return "-"
    low, high = (f"{value:.{digits}f}" for value in values)
    return low if low == high else f"{low} to {high}"
