"""Crystals strained and rattled, labelled by classical potentials, and a small basis for copper."""

import numpy as np
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.tersoff import Tersoff, TersoffParameters

from atomsmith import Dataset
from atomsmith.descriptors import AceSettings, PairSettings
from atomsmith.model import TermSettings

TERMS = (
    TermSettings(descriptor=PairSettings(cutoff=4.5, degree=6)),
    TermSettings(descriptor=AceSettings(cutoff=4.5, correlation_order=2, degree=4)),
)

SILICON = TersoffParameters(
    A=1830.8, B=471.18, lambda1=2.4799, lambda2=1.7322, lambda3=0.0, beta=1.1e-6, gamma=1.0, m=3.0,
    n=0.78734, c=1.0039e5, d=16.217, h=-0.59825, R=2.85, D=0.15,
)  # fmt: skip


def rattled_copper(count: int, seed: int = 0) -> Dataset:
    """Cells of four atoms in fcc."""
    return rattled("Cu", count, seed, 0.05, EMT)


def rattled_silicon(count: int, seed: int = 0) -> Dataset:
    """Cells of eight atoms in diamond."""
    return rattled("Si", count, seed, 0.08, lambda: Tersoff({("Si", "Si", "Si"): SILICON}))


def rattled(element, count, seed, displacement, make_calculator) -> Dataset:
    """Ground states with strains of some 2 % and displacements in angstrom; energies, forces and stresses."""
    generator = np.random.default_rng(seed)
    frames = []
    for _ in range(count):
        atoms = bulk(element, cubic=True)
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + generator.normal(0, 0.02, (3, 3))), scale_atoms=True)
        atoms.positions += generator.normal(0, displacement, atoms.positions.shape)
        atoms.calc = make_calculator()
        atoms.get_stress()
        frames.append(atoms)
    return Dataset.from_atoms(frames)
