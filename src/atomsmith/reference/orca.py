"""Molecules by ORCA, through ASE.

.. code-block:: yaml

    reference:
      kind: orca
      command: /opt/orca/orca           # parallel runs need the full path
      method: wB97X-D3 def2-TZVP
      charge: 0
      multiplicity: 1
      blocks: "%pal nprocs 8 end"

Configurations must not be periodic.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from ase import Atoms
from pydantic import Field

from atomsmith.data.configuration import Configuration
from atomsmith.errors import LabelError
from atomsmith.reference.ase_engine import CommandEngine, CommandSettings
from atomsmith.reference.engine import require_module
from atomsmith.reference.plane_waves import unpaired_electrons


class OrcaSettings(CommandSettings):
    """Molecular quantum chemistry by ORCA."""

    kind: Literal["orca"] = Field(default="orca", description="ORCA.")
    command: str = Field(default="orca", description="How ORCA is started; the input file is appended.")
    method: str = Field(
        default="wB97X-D3 def2-SVP TightSCF",
        description="Simple-input keywords; EnGrad is added where forces are taken.",
    )
    blocks: str = Field(default="%pal nprocs 1 end", description="Input blocks.")
    charge: int = Field(default=0, description="Total charge in elementary charges.")
    multiplicity: int = Field(default=1, ge=1, description="Spin multiplicity 2S + 1.")

    def for_isolated_atom(self, symbol: str) -> Self:
        """Return the settings of a neutral free atom in its ground state's multiplicity."""
        unpaired = unpaired_electrons(symbol)
        return self.model_copy(update={"charge": 0, "multiplicity": unpaired + 1})


class OrcaEngine(CommandEngine[OrcaSettings]):
    """Labels by ORCA."""

    title = "orca"
    output = "orca.out"
    failure_marks = ("SCF NOT CONVERGED", "not fully converged", "ORCA finished by error termination")
    has_stress = False
    mend = "install ORCA (its `orca` is not the screen reader) or mend `command`"

    def prepare(self, configuration: Configuration) -> Atoms:
        """Refuse what is periodic."""
        if configuration.pbc.any():
            raise LabelError("the configuration is periodic and ORCA is used for molecules only")
        return super().prepare(configuration)

    def calculator(self, atoms: Atoms, folder: Path) -> Any:
        """Make ASE's calculator, which writes orca.inp into the folder."""
        settings = self.settings
        method = settings.method
        if settings.forces and "engrad" not in method.lower().split():
            method += " EnGrad"
        module = require_module("ase.calculators.orca", self.title, self.mend)
        return module.ORCA(
            profile=module.OrcaProfile(command=settings.command),
            directory=folder,
            charge=settings.charge,
            mult=settings.multiplicity,
            orcasimpleinput=method,
            orcablocks=settings.blocks,
        )
