"""A reference as a force field, so that walkers can move on the ground truth itself."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from atomsmith.data.configuration import Configuration
from atomsmith.elements import SYMBOLS
from atomsmith.errors import LabelError
from atomsmith.prediction import Prediction
from atomsmith.reference.labeller import LabelResult
from atomsmith.reference.runner import LabelRunner
from atomsmith.reference.settings import ExecutorSettings, ReferenceSettings
from atomsmith.systems import FloatArray, IntArray, Systems

_SERIAL = ExecutorSettings()
_MATRIX = np.array([[0, 5, 4], [5, 1, 3], [4, 3, 2]])
"""Component of a Voigt stress (xx yy zz yz xz xy) at each place of the matrix."""


class ReferenceForceField:
    """An `atomsmith.prediction.ForceField` whose every prediction is a reference calculation per system.

    For molecular dynamics with a cheap reference: independent test sets, and averages to compare with. Use it
    as a context manager, so that worker processes end.

    Parameters
    ----------
    reference
        What computes energies, forces and stress.
    numbers
        Atomic numbers that will occur.
    scratch
        Folder for files of the reference.
    executor
        Where the systems of a batch are computed.
    """

    def __init__(
        self,
        reference: ReferenceSettings,
        numbers: IntArray,
        scratch: Path,
        executor: ExecutorSettings = _SERIAL,
    ) -> None:
        symbols = [SYMBOLS[z] for z in np.unique(numbers)]
        self._runner = LabelRunner(reference, executor, scratch=scratch, elements=symbols)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.close()

    def predict(self, systems: Systems) -> Prediction:
        """Energy, forces and virial of every system; a system's energy is shared evenly by its atoms.

        Raises
        ------
        LabelError
            If a calculation fails.
        """
        configurations = [_configuration(systems, s) for s in range(systems.n_systems)]
        labelled: dict[int, Configuration] = {
            key: _succeeded(key, result) for key, result in self._runner.run(enumerate(configurations))
        }
        ordered = [labelled[s] for s in range(systems.n_systems)]
        energy = np.array([np.nan if c.energy is None else c.energy for c in ordered])
        forces = [np.full((len(c), 3), np.nan) if c.forces is None else c.forces for c in ordered]
        return Prediction(
            energy=energy,
            energies=(energy / systems.counts)[systems.owner],
            forces=np.concatenate(forces),
            virial=np.array([_virial(c) for c in ordered]),
        )


def _configuration(systems: Systems, s: int) -> Configuration:
    atoms = slice(systems.first[s], systems.first[s + 1])
    return Configuration(
        numbers=systems.numbers[atoms],
        positions=systems.positions[atoms],
        cell=systems.cells[s],
        pbc=systems.pbc[s],
    )


def _succeeded(system: int, result: LabelResult) -> Configuration:
    if result.configuration is None:
        raise LabelError(f"the reference failed for system {system} of the batch: {result.reason}")
    return result.configuration


def _virial(configuration: Configuration) -> FloatArray:
    """-dE/dstrain in eV, shape (3, 3); zeros without a stress."""
    if configuration.stress is None:
        return np.zeros((3, 3))
    virial: FloatArray = -configuration.volume * configuration.stress[_MATRIX]
    return virial
