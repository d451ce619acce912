"""Configurations as the structures to browse."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from atomsmith.data.configuration import Configuration
from atomsmith.report.gather.accuracy import Assessed
from atomsmith.report.records import Split, Structure
from atomsmith.systems import FloatArray


def structure(
    configuration: Configuration,
    name: str,
    *,
    split: Split | None = None,
    round: int | None = None,
    properties: Mapping[str, float | None] | None = None,
) -> Structure:
    """One structure with energy per atom and largest force as labelled."""
    c = configuration
    return Structure(
        name=name,
        numbers=c.numbers.astype(np.int64),
        positions=wrapped(c),
        cell=c.cell if c.pbc.any() else None,
        config_type=c.config_type,
        split=split,
        round=round,
        energy_per_atom=None if c.energy is None else c.energy / c.n_atoms,
        largest_force=None if c.forces is None else largest_norm(c.forces),
        properties=dict(properties or {}),
    )


def wrapped(configuration: Configuration, margin: float = 0.1) -> FloatArray:
    """Positions with atoms that have left a fully periodic cell brought back, shape (N, 3).

    Walkers diffuse without being wrapped. An atom may lie outside by ``margin`` of a lattice vector, so that
    one that vibrates about a face stays where it is.
    """
    if not configuration.pbc.all():
        return configuration.positions
    fractional = np.linalg.solve(configuration.cell.T, configuration.positions.T).T
    inside: FloatArray = ((fractional + margin) % 1.0 - margin) @ configuration.cell
    return inside


def error_properties(assessed: Assessed, index: int) -> dict[str, float | None]:
    """Errors of one configuration, as properties to plot."""
    c = assessed.configurations[index]
    properties: dict[str, float | None] = {}
    if c.energy is not None:
        error = (assessed.prediction.energy[index] - c.energy) / c.n_atoms
        properties["energy error (meV/atom)"] = 1e3 * float(error)
    if c.forces is not None:
        properties["largest force error (eV/Å)"] = largest_norm(assessed.forces_of(index) - c.forces)
    return properties


def largest_norm(vectors: FloatArray) -> float:
    """Largest length of vectors, shape (n, 3)."""
    return float(np.linalg.norm(vectors, axis=1).max(initial=0.0))
