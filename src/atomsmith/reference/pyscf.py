"""Molecules by PySCF, with analytic gradients of its own.

.. code-block:: yaml

    reference:
      kind: pyscf
      xc: PBE
      basis: def2-svp
      charge: 0
      spin: 0

``pip install pyscf``. Configurations must not be periodic.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from ase.units import Bohr, Hartree
from pydantic import Field

from atomsmith.data.configuration import Configuration
from atomsmith.errors import LabelError
from atomsmith.reference.engine import Engine, EngineSettings, Labels, require_module
from atomsmith.reference.plane_waves import unpaired_electrons

_MEND = "pip install pyscf"


class PyscfSettings(EngineSettings):
    """Gaussian-basis DFT or Hartree-Fock by PySCF."""

    kind: Literal["pyscf"] = Field(default="pyscf", description="PySCF.")
    xc: str = Field(default="PBE", description="Functional in PySCF's notation; 'HF' is Hartree-Fock.")
    basis: str = Field(default="def2-svp", description="Name of the basis set.")
    charge: int = Field(default=0, description="Total charge in elementary charges.")
    spin: int | None = Field(
        default=None,
        ge=0,
        description="Number of unpaired electrons (2S); 0 or 1, as the parity asks, unless given.",
    )
    density_fitting: bool = Field(
        default=False, description="Fit densities in an auxiliary basis: faster, error small."
    )
    grid_level: int = Field(default=3, ge=0, le=9, description="Fineness of the integration grid.")
    conv_tol_hartree: float = Field(
        default=1e-9, gt=0.0, description="Threshold of self-consistency in hartree."
    )
    max_iterations: int = Field(default=100, ge=1, description="Most self-consistency cycles.")
    max_memory_mb: int = Field(default=4000, ge=100, description="Memory that PySCF may plan with, in MB.")

    def for_isolated_atom(self, symbol: str) -> Self:
        """Return the settings of a neutral free atom in its ground state's multiplicity."""
        spin = unpaired_electrons(symbol)
        return self.model_copy(update={"charge": 0, "spin": spin})


class PyscfEngine(Engine[PyscfSettings]):
    """Labels by PySCF."""

    title = "pyscf"
    writes_files = False

    def check(self, elements: Iterable[str] = ()) -> None:
        """Raise `InputError` if PySCF is missing."""
        require_module("pyscf", self.title, _MEND)

    def compute(self, configuration: Configuration, folder: Path) -> Labels:
        """Energy and forces of one molecule; see `Engine.compute`."""
        if configuration.pbc.any():
            raise LabelError("the configuration is periodic and PySCF is used for molecules only")
        field = self._mean_field(configuration)
        energy = float(field.kernel()) * Hartree
        if not field.converged:
            raise LabelError(f"SCF not converged in {self.settings.max_iterations} cycles")
        forces = None
        if self.settings.forces:
            gradient = field.nuc_grad_method()
            if hasattr(gradient, "grid_response"):
                # Without the response of the grid the forces do not sum to zero.
                gradient.grid_response = True
            forces = -np.asarray(gradient.kernel(), dtype=np.float64) * Hartree / Bohr
        return Labels(energy, forces)

    def _mean_field(self, configuration: Configuration) -> Any:
        """Make the mean-field object: restricted for closed shells, unrestricted for open ones."""
        settings = self.settings
        gto = require_module("pyscf.gto", self.title, _MEND)
        positions = np.array(configuration.positions)
        molecule = gto.M(
            atom=[(int(z), tuple(r)) for z, r in zip(configuration.numbers, positions.tolist(), strict=True)],
            unit="Angstrom",
            basis=settings.basis,
            charge=settings.charge,
            spin=self._spin(configuration),
            max_memory=settings.max_memory_mb,
            verbose=0,
        )
        hartree_fock = settings.xc.upper() == "HF"
        module = require_module(f"pyscf.{'scf' if hartree_fock else 'dft'}", self.title, _MEND)
        kind = ("R" if molecule.spin == 0 else "U") + ("HF" if hartree_fock else "KS")
        field = getattr(module, kind)(molecule)
        if not hartree_fock:
            field.xc = settings.xc
            field.grids.level = settings.grid_level
        if settings.density_fitting:
            field = field.density_fit()
        field.conv_tol = settings.conv_tol_hartree
        field.max_cycle = settings.max_iterations
        return field

    def _spin(self, configuration: Configuration) -> int:
        electrons = int(np.sum(configuration.numbers)) - self.settings.charge
        if self.settings.spin is None:
            return electrons % 2
        if (electrons - self.settings.spin) % 2:
            raise LabelError(f"{electrons} electrons cannot have {self.settings.spin} unpaired ones")
        return self.settings.spin
