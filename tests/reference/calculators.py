"""ASE calculators that misbehave, for the tests."""

from __future__ import annotations

import os
import time
from typing import Any, ClassVar

import numpy as np
from ase.calculators.calculator import Calculator, all_changes


class Well(Calculator):
    """Every atom bound harmonically to the origin; and whatever else is asked of it."""

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "forces", "stress"]

    def __init__(
        self,
        behaviour: str = "works",
        seconds: float = 0.0,
        folder: str = "",
        nested: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.behaviour, self.seconds, self.folder, self.nested = behaviour, seconds, folder, nested

    def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        time.sleep(self.seconds)
        # Atoms far away choose what happens, so that one configuration of many can misbehave.
        behaviour = "works" if self.behaviour == "far" else self.behaviour
        if self.behaviour.startswith("far:") and np.abs(atoms.positions).max() > 50.0:
            behaviour = self.behaviour.removeprefix("far:")
        if behaviour == "raises":
            raise RuntimeError("the well ran\n dry")
        if behaviour == "dies":
            print("stack smashed", flush=True)
            os.abort()
        if behaviour == "hangs":
            time.sleep(60.0)
        energy = 0.5 * float(np.sum(atoms.positions**2))
        self.results = {
            "energy": energy,
            "free_energy": energy - 1.0,
            "forces": -atoms.positions,
            "stress": np.arange(6.0),
        }
        if behaviour == "nan":
            self.results["forces"] = self.results["forces"] * np.nan
        if behaviour == "no forces":
            del self.results["forces"]
        if behaviour == "threads":
            self.results["energy"] = self.results["free_energy"] = float(os.environ["OMP_NUM_THREADS"])
        if behaviour == "process":
            self.results["energy"] = self.results["free_energy"] = float(os.getpid())
        if behaviour == "variable":
            self.results["energy"] = self.results["free_energy"] = float(os.environ["WELL_DEPTH"])
        if self.folder:
            with open(os.path.join(self.folder, "well.txt"), "w") as file:
                file.write("deep")


def unconverged(**_: Any) -> Well:
    """A calculator that says of itself that it did not converge, as ASE's Vasp does."""
    well = Well()
    well.converged = False
    return well


class Counted(Calculator):
    """Gives the number of calculators of this class as the energy."""

    implemented_properties: ClassVar[list[str]] = ["energy", "forces"]
    number = 0

    def __init__(self) -> None:
        super().__init__()
        Counted.number += 1

    def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        self.results = {"energy": float(Counted.number), "forces": np.zeros((len(atoms), 3))}
