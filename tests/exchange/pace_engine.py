"""What python-ace, the evaluator of the authors of PACE, predicts, where it is installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from atomsmith.elements import SYMBOLS
from atomsmith.systems import Systems


def prediction(path: Path, systems: Systems) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Energies and forces of atoms, and the virial -dE/dstrain (xx, yy, zz, xy, xz, yz) of one system.

    Its recursive evaluator is taken for .ace and .yace, that of the B-basis for .yaml.
    """
    pytest.importorskip("pyace", reason="python-ace is not installed (pip install python-ace)")
    from ase import Atoms
    from pyace.atomicenvironment import aseatoms_to_atomicenvironment
    from pyace.basis import ACEBBasisSet, ACECTildeBasisSet
    from pyace.calculator import ACECalculator
    from pyace.evaluator import ACEBEvaluator, ACERecursiveEvaluator

    if path.suffix == ".yaml":
        basis = ACEBBasisSet(str(path))
        evaluator = ACEBEvaluator(basis)
    else:
        basis = ACECTildeBasisSet(str(path))
        evaluator = ACERecursiveEvaluator(basis)
        evaluator.set_recursive(True)
    calculator = ACECalculator()
    calculator.set_evaluator(evaluator)
    atoms = Atoms(
        [SYMBOLS[z] for z in systems.numbers], systems.positions, cell=systems.cells[0], pbc=systems.pbc[0]
    )
    species = {np.bytes_(name): index for index, name in enumerate(basis.elements_name)}
    calculator.compute(
        aseatoms_to_atomicenvironment(atoms, cutoff=basis.cutoffmax, elements_mapper_dict=species)
    )
    return np.array(calculator.energies), np.array(calculator.forces), -np.array(calculator.virial)
