"""GFN1-xTB and GFN2-xTB by tblite: the embedded default, milliseconds for a small molecule.

.. code-block:: yaml

    reference:
      kind: tblite
      method: GFN2-xTB
      charge: 0

Periodic systems are sampled at the Gamma point only, and metals often do not converge; use it for molecules.
Grimme, Bannwarth, Shushkov, J. Chem. Theory Comput. 13, 1989 (2017) (GFN1-xTB); Bannwarth, Ehlert, Grimme,
J. Chem. Theory Comput. 15, 1652 (2019) (GFN2-xTB).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, Self

from ase import Atoms
from ase.data import atomic_numbers
from pydantic import Field

from atomsmith.errors import InputError
from atomsmith.reference.ase_engine import AseEngine
from atomsmith.reference.engine import EngineSettings, require_module

_LARGEST_ATOMIC_NUMBER = 86


class TBLiteSettings(EngineSettings):
    """Extended tight binding by tblite."""

    kind: Literal["tblite"] = Field(default="tblite", description="GFN-xTB by tblite.")
    method: Literal["GFN1-xTB", "GFN2-xTB"] = Field(default="GFN2-xTB", description="Hamiltonian.")
    charge: int = Field(default=0, description="Total charge in elementary charges.")
    multiplicity: int | None = Field(
        default=None, ge=1, description="Spin multiplicity 2S + 1; the lowest possible one unless given."
    )
    accuracy: float = Field(
        default=0.1,
        gt=0.0,
        description="Numerical accuracy: thresholds scale with it; 1 is tblite's own default.",
    )
    electronic_temperature_k: float = Field(
        default=300.0, ge=0.0, description="Temperature of the occupations in K."
    )
    max_iterations: int = Field(default=250, ge=1, description="Most self-consistency cycles.")

    def for_isolated_atom(self, symbol: str) -> Self:
        """Return the settings of a neutral free atom in the lowest multiplicity."""
        return self.model_copy(update={"charge": 0, "multiplicity": None})


class TBLiteEngine(AseEngine[TBLiteSettings]):
    """Labels by tblite."""

    title = "tblite"
    writes_files = False
    in_process = True

    def check(self, elements: Iterable[str] = ()) -> None:
        """Raise `InputError` if tblite is missing or an element is outside its parametrisation."""
        require_module("tblite.ase", self.title, "pip install tblite")
        for symbol in elements:
            if atomic_numbers[symbol] > _LARGEST_ATOMIC_NUMBER:
                raise InputError(
                    f"{self.settings.method} has no parameters for {symbol}: take another reference"
                )

    def calculator(self, atoms: Atoms, folder: Path) -> Any:
        """Make tblite's own ASE calculator."""
        settings = self.settings
        module = require_module("tblite.ase", self.title, "pip install tblite")
        return module.TBLite(
            method=settings.method,
            charge=settings.charge,
            multiplicity=settings.multiplicity,
            accuracy=settings.accuracy,
            electronic_temperature=settings.electronic_temperature_k,
            max_iterations=settings.max_iterations,
            verbosity=0,
        )
