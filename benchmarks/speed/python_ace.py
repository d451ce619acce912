"""The recursive evaluator of python-ace, which its authors also run in LAMMPS as `pair_style pace`."""

from __future__ import annotations

import importlib.util
import tempfile
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from atomsmith.exchange.pace.model import PaceModel
from atomsmith.exchange.pace.writing import write_model
from atomsmith.systems import Systems


def is_installed() -> bool:
    """Whether python-ace can be imported."""
    return importlib.util.find_spec("pyace") is not None


class PythonAce:
    """Energies, forces and virial of one structure with a neighbour list made once, within the cutoff.

    Only the evaluator in C++ is called: neither the list nor Python's calculator is in its time.
    """

    def __init__(self, model: PaceModel, systems: Systems) -> None:
        from pyace.atomicenvironment import aseatoms_to_atomicenvironment
        from pyace.basis import ACECTildeBasisSet
        from pyace.calculator import ACECalculator
        from pyace.evaluator import ACERecursiveEvaluator

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.yace"
            write_model(model, path)
            self.basis = ACECTildeBasisSet(str(path))
        self.evaluator = ACERecursiveEvaluator(self.basis)
        self.evaluator.set_recursive(True)
        self.calculator = ACECalculator()
        self.calculator.set_evaluator(self.evaluator)
        atoms = Atoms(
            [chemical_symbols[z] for z in systems.numbers],
            systems.positions,
            cell=systems.cells[0],
            pbc=systems.pbc[0],
        )
        species = {np.bytes_(name): index for index, name in enumerate(self.basis.elements_name)}
        self.environment = aseatoms_to_atomicenvironment(
            atoms, cutoff=self.basis.cutoffmax, elements_mapper_dict=species
        )

    def run(self) -> None:
        """Evaluate all atoms."""
        self.calculator.compute(self.environment, compute_projections=False)

    def check(self, energy: float) -> None:
        """Raise if it finds another energy: then it is not the same potential that is timed."""
        self.run()
        if not np.isclose(self.calculator.energy, energy, rtol=1e-10):
            raise AssertionError(f"python-ace finds {self.calculator.energy} eV, not {energy} eV")
