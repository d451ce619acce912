"""Supercells and vacancies."""

from __future__ import annotations

import math

import numpy as np

from atomsmith.data.configuration import Configuration
from atomsmith.errors import InputError
from atomsmith.systems import FloatArray


def supercell(configuration: Configuration, repeats: tuple[int, int, int]) -> Configuration:
    """Repeat a cell along its lattice vectors; the original atoms come first, labels are dropped.

    Raises
    ------
    InputError
        If a number of repeats is not positive, or more than one along a direction without periodicity.
    """
    if min(repeats) < 1 or any(n > 1 and not p for n, p in zip(repeats, configuration.pbc, strict=True)):
        raise InputError(
            f"supercell: repeats {repeats} with periodicity {configuration.pbc.tolist()}; expected at least "
            "1 along each vector, and 1 where it is not periodic."
        )
    corners = np.stack(np.meshgrid(*(np.arange(n) for n in repeats), indexing="ij"), axis=-1).reshape(-1, 3)
    positions = (corners @ configuration.cell)[:, None] + configuration.positions
    return configuration.without_labels().replace(
        numbers=np.tile(configuration.numbers, len(corners)),
        positions=positions.reshape(-1, 3),
        cell=np.array(repeats)[:, None] * configuration.cell,
    )


def heights(cell: FloatArray) -> FloatArray:
    """Distances between opposite faces of a cell in angstrom, shape (3,)."""
    distances: FloatArray = 1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    return distances


def repeats_for(cell: FloatArray, smallest_height: float) -> tuple[int, int, int]:
    """Fewest repeats along each vector that make the cell at least so high (angstrom) in each direction."""
    n = [max(1, math.ceil(smallest_height / height - 1e-6)) for height in heights(cell)]
    return n[0], n[1], n[2]


def vacancy(configuration: Configuration, site: int = 0) -> Configuration:
    """Take one atom out; labels are dropped.

    Raises
    ------
    InputError
        If there is no such atom, or no other.
    """
    if not 0 <= site < configuration.n_atoms or configuration.n_atoms < 2:
        raise InputError(f"vacancy: there is no atom {site} to take out of {configuration.n_atoms}.")
    kept = np.arange(configuration.n_atoms) != site
    return configuration.without_labels().replace(
        numbers=configuration.numbers[kept],
        positions=configuration.positions[kept],
        config_type="vacancy",
    )
