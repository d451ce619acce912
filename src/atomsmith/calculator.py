"""The ASE calculator of a potential."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from ase.calculators.calculator import Calculator, all_changes

from atomsmith.errors import InputError
from atomsmith.evaluator import NO_COMMITTEE
from atomsmith.prediction import require_finite, stress_from_virial
from atomsmith.systems import Systems

if TYPE_CHECKING:
    from ase import Atoms

    from atomsmith.evaluator import Precision
    from atomsmith.potential import Potential


class AtomsmithCalculator(Calculator):  # type: ignore[misc]
    """Energy, free_energy, energies, forces, stress; with ``committee`` also the members' and energy_std.

    Made by `atomsmith.Potential.calculator`.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "energies", "forces", "stress"]

    def __init__(
        self,
        potential: Potential,
        *,
        committee: bool = False,
        skin: float = 0.5,
        n_threads: int = 1,
        precision: Precision = "float64",
    ) -> None:
        super().__init__()
        if committee and not len(potential.committee):
            raise InputError(NO_COMMITTEE)
        self.potential = potential
        self.committee = committee
        self._options: dict[str, Any] = {"skin": skin, "n_threads": n_threads, "precision": precision}
        self.evaluator = potential.evaluator(**self._options)

    def __getstate__(self) -> dict[str, Any]:
        """All but the evaluator, which holds the engine's memory and is made again."""
        return {name: value for name, value in self.__dict__.items() if name != "evaluator"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.evaluator = self.potential.evaluator(**self._options)

    def __deepcopy__(self, memo: dict[int, Any]) -> AtomsmithCalculator:
        """A calculator of its own for the same potential, which does not change."""
        memo[id(self.potential)] = self.potential
        memo[id(self)] = other = self.__class__.__new__(self.__class__)
        other.__setstate__(copy.deepcopy(self.__getstate__(), memo))
        return other

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Fill ``results``; all properties come from one evaluation."""
        super().calculate(atoms, properties, system_changes)
        systems = Systems(
            numbers=self.atoms.numbers.astype(np.int32),
            positions=self.atoms.positions,
            cells=np.array([self.atoms.cell.array]),
            pbc=np.array([self.atoms.pbc]),
            first=np.array([0, len(self.atoms)]),
        )
        volume = systems.volumes if systems.pbc.all() else np.zeros(1)
        results: dict[str, Any] = {}
        if self.committee:
            both = self.evaluator.predict_committee(systems)
            prediction = both.mean
            results["committee_energy"] = both.members.energy[:, 0]
            results["committee_forces"] = both.members.forces
            if volume[0] > 0.0:
                results["committee_stress"] = stress_from_virial(both.members.virial, volume)[:, 0]
            if self.potential.posterior is not None:
                sums, _ = self.evaluator.feature_sums(systems)
                results["energy_std"] = float(self.potential.posterior.std(sums)[0])
        else:
            prediction = self.evaluator.predict(systems)
        require_finite(prediction, systems)
        results["energy"] = results["free_energy"] = float(prediction.energy[0])
        results["energies"] = prediction.energies
        results["forces"] = prediction.forces
        if volume[0] > 0.0:
            results["stress"] = stress_from_virial(prediction.virial, volume)[0]
        self.results = results
