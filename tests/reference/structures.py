"""Small structures, settings and finite differences for the tests of references."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from pydantic import TypeAdapter

from atomsmith.data.configuration import Configuration
from atomsmith.errors import InputError
from atomsmith.reference import ReferenceSettings, check, label

MEAM = {
    "kind": "lammps",
    "elements": ["Al", "Si"],
    "pair_style": "meam",
    "pair_coeff": ["* * library.meam AlS SiS MgS CuS FeS AlSiMgCuFe.meam AlS SiS"],
}


def reference(**values: Any) -> ReferenceSettings:
    """Settings as a file would give them."""
    return TypeAdapter(ReferenceSettings).validate_python(values)


def needed(settings: ReferenceSettings, elements: list[str]) -> ReferenceSettings:
    """Skip the test where the engine of these settings is not installed."""
    try:
        check(settings, elements)
    except InputError as error:
        pytest.skip(str(error))
    return settings


def configuration(atoms: Atoms, **changes: Any) -> Configuration:
    return Configuration(
        numbers=atoms.numbers, positions=atoms.positions, cell=atoms.cell.array, pbc=atoms.pbc, **changes
    )


def sheared_silicon() -> Atoms:
    """Two atoms in a cell of no symmetry."""
    atoms = bulk("Si")
    atoms.rattle(0.05, seed=1)
    atoms.cell[0, 0] += 0.1
    atoms.cell[1, 2] -= 0.07
    return atoms


def sheared_alloy(seed: int = 0) -> Atoms:
    """Eight atoms of Al and Si in a triclinic cell."""
    rng = np.random.default_rng(seed)
    atoms = bulk("Al", cubic=True) * (2, 1, 1)
    atoms.numbers[[1, 4]] = 14
    atoms.positions += 0.1 * rng.normal(size=(8, 3))
    atoms.set_cell(atoms.cell.array @ (np.eye(3) + 0.05 * rng.normal(size=(3, 3))), scale_atoms=True)
    return atoms


def bent_water() -> Atoms:
    """One water molecule without symmetry, so that no force vanishes."""
    atoms = molecule("H2O")
    atoms.rattle(0.1, seed=5)
    return atoms


def labelled(atoms: Atoms, settings: ReferenceSettings, folder: Path) -> Configuration:
    result = label(configuration(atoms), settings, folder)
    assert result.reason is None
    assert result.configuration is not None
    return result.configuration


def stress_by_difference(energy: Callable[[Atoms], float], atoms: Atoms, voigt: int, h: float) -> float:
    """dE/dstrain / volume by central difference, in ASE's Voigt order."""
    a, b = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))[voigt]
    values = []
    for step in (h, -h):
        strain = np.zeros((3, 3))
        strain[a, b] += 0.5 * step
        strain[b, a] += 0.5 * step
        moved = atoms.copy()
        moved.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
        values.append(energy(moved))
    return (values[0] - values[1]) / (2.0 * h) / atoms.get_volume()
