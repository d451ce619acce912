"""Energies, forces and stresses of many configurations, a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from atomsmith.data.configuration import Configuration
from atomsmith.data.units import GPA_PER_EV_A3
from atomsmith.prediction import ForceField, stress_from_virial
from atomsmith.systems import FloatArray, Systems

BATCH_ATOMS = 20_000
"""Atoms that are evaluated at once: enough to keep all threads busy, few enough for the memory."""


@dataclass(frozen=True, eq=False)
class Evaluated:
    """A configuration with what the potential says of it.

    ``energy`` in eV, ``forces`` in eV/angstrom (N, 3), ``stress`` in eV/angstrom^3 (6; NaN without a cell).
    """

    configuration: Configuration
    energy: float
    forces: FloatArray
    stress: FloatArray

    @property
    def energy_per_atom(self) -> float:
        """eV/atom."""
        return self.energy / self.configuration.n_atoms

    @property
    def stress_gpa(self) -> FloatArray:
        """Stress in GPa, tension positive, shape (6,)."""
        return self.stress * GPA_PER_EV_A3


def evaluate(force_field: ForceField, configurations: Sequence[Configuration]) -> list[Evaluated]:
    """Evaluate configurations in batches."""
    results: list[Evaluated] = []
    start = 0
    while start < len(configurations):
        stop, atoms = start, 0
        while stop < len(configurations) and (stop == start or atoms < BATCH_ATOMS):
            atoms += configurations[stop].n_atoms
            stop += 1
        results += _evaluate_batch(force_field, configurations[start:stop])
        start = stop
    return results


def _evaluate_batch(force_field: ForceField, configurations: Sequence[Configuration]) -> list[Evaluated]:
    systems = Systems.from_configurations(configurations)
    prediction = force_field.predict(systems)
    volumes = np.where(systems.pbc.all(axis=1), systems.volumes, 0.0)
    stress = stress_from_virial(prediction.virial, volumes)
    return [
        Evaluated(
            configuration,
            float(prediction.energy[s]),
            prediction.forces[systems.first[s] : systems.first[s + 1]].copy(),
            stress[s],
        )
        for s, configuration in enumerate(configurations)
    ]
