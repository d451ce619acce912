"""The structures as compact JSON for the page's 3D browser."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from ase.data import chemical_symbols, covalent_radii
from ase.data.colors import jmol_colors

from atomsmith.report.figures.gallery import BOND_FACTOR, NON_METALS
from atomsmith.report.figures.style import PALETTE
from atomsmith.report.records import Structure
from atomsmith.report.statistics import evenly

#: More structures than this make the page slow to open; the rest is left out, evenly.
MOST_EMBEDDED = 500
_MOST_ATOMS = 150_000


def embedded(structures: Sequence[Structure], most: int = MOST_EMBEDDED) -> list[Structure]:
    """The structures that go into the page: all, or ``most`` evenly chosen ones (fewer if large)."""
    atoms = sum(len(structure.numbers) for structure in structures)
    if atoms > _MOST_ATOMS:
        most = max(1, min(most, len(structures) * _MOST_ATOMS // atoms))
    return [structures[index] for index in evenly(len(structures), most)]


def payload(structures: Sequence[Structure], types: Sequence[str] = ()) -> str:
    """JSON for a ``script`` element: no ``<`` remains, so no name can close it early.

    ``types`` gives configuration types their places in the palette; others follow.
    """
    types = list(dict.fromkeys([*types, *(structure.config_type for structure in structures)]))
    numbers = sorted({int(n) for structure in structures for n in structure.numbers})
    content = {
        "palette": PALETTE,
        "types": types,
        "bond_factor": BOND_FACTOR,
        "elements": {chemical_symbols[n]: _element(n) for n in numbers},
        "properties": _properties(structures),
        "structures": [_structure(structure, types) for structure in structures],
    }
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _element(number: int) -> dict[str, Any]:
    rgb = np.round(255.0 * jmol_colors[number]).astype(int).tolist()
    return {
        "colour": "#{:02x}{:02x}{:02x}".format(*rgb),
        "radius": round(float(covalent_radii[number]), 2),
        "bonds": number in NON_METALS,
    }


def _structure(structure: Structure, types: Sequence[str]) -> dict[str, Any]:
    cell = structure.cell
    return {
        "name": structure.name,
        "type": types.index(structure.config_type),
        "split": structure.split,
        "symbols": [chemical_symbols[int(n)] for n in structure.numbers],
        "xyz": np.round(structure.positions, 3).ravel().tolist(),
        "cell": None if cell is None or not np.any(cell) else np.round(cell, 4).tolist(),
    }


def _properties(structures: Sequence[Structure]) -> list[dict[str, Any]]:
    """Columns to plot, each with at least two different values; the first two are the default axes."""
    columns: dict[str, list[float | None]] = {
        "volume (Å³/atom)": [_volume_per_atom(s) for s in structures],
        "energy (eV/atom)": [s.energy_per_atom for s in structures],
        "largest force (eV/Å)": [s.largest_force for s in structures],
        "round": [s.round for s in structures],
        "number of atoms": [len(s.numbers) for s in structures],
        "index": list(range(len(structures))),
    }
    for name in sorted({name for s in structures for name in s.properties}):
        columns[name] = [s.properties.get(name) for s in structures]
    cleaned = {name: [_finite(value) for value in values] for name, values in columns.items()}
    telling = {n: v for n, v in cleaned.items() if len({x for x in v if x is not None}) > 1 or n == "index"}
    return [{"name": name, "values": values} for name, values in telling.items()]


def _volume_per_atom(structure: Structure) -> float | None:
    if structure.cell is None or len(structure.numbers) == 0:
        return None
    volume = abs(float(np.linalg.det(structure.cell)))
    return volume / len(structure.numbers) if volume > 0.0 else None


def _finite(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(f"{value:.7g}")
