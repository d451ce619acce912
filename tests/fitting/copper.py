"""Copper by effective medium theory, and a small basis for it, that several test files share."""

import numpy as np
from ase.build import bulk
from ase.calculators.emt import EMT

from atomsmith import Dataset
from atomsmith.descriptors import AceSettings, PairSettings
from atomsmith.model import TermSettings

TERMS = (
    TermSettings(descriptor=PairSettings(cutoff=4.5, degree=6)),
    TermSettings(descriptor=AceSettings(cutoff=4.5, correlation_order=2, degree=4)),
)


def rattled_copper(count: int, seed: int = 0) -> Dataset:
    """Strained cells of four rattled atoms, with energies, forces and stresses."""
    generator = np.random.default_rng(seed)
    frames = []
    for _ in range(count):
        atoms = bulk("Cu", cubic=True)
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + generator.normal(0, 0.02, (3, 3))), scale_atoms=True)
        atoms.positions += generator.normal(0, 0.05, atoms.positions.shape)
        atoms.calc = EMT()
        atoms.get_stress()
        frames.append(atoms)
    return Dataset.from_atoms(frames)
