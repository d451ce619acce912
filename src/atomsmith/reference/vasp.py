"""VASP, through ASE.

.. code-block:: yaml

    reference:
      kind: vasp
      command: mpirun -np 16 vasp_std
      environment: {VASP_PP_PATH: /opt/vasp/potentials}
      xc: PBE
      encut_ev: 400.0
      kpoints: {spacing_per_angstrom: 0.25}
      setups: {Li: _sv}

ASE finds the POTCAR files below ``VASP_PP_PATH`` (``potpaw_PBE/Si/POTCAR``).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, Self

from ase import Atoms
from pydantic import Field

from atomsmith.errors import InputError
from atomsmith.reference.ase_engine import CommandEngine, CommandSettings
from atomsmith.reference.engine import environment, require_module
from atomsmith.reference.plane_waves import GAMMA, KPoints, PlaneWaves, unpaired_electrons
from atomsmith.settings import ChemicalSymbol


class VaspSettings(CommandSettings):
    """Plane-wave PAW calculations by VASP."""

    kind: Literal["vasp"] = Field(default="vasp", description="VASP.")
    command: str = Field(default="vasp_std", description="How VASP is started.")
    xc: str = Field(
        default="PBE", description="Functional, one of ASE's names for VASP (PBE, PBEsol, SCAN, ...)."
    )
    encut_ev: float = Field(default=400.0, gt=0.0, description="Plane-wave cutoff in eV (ENCUT).")
    kpoints: KPoints = Field(default_factory=KPoints, description="Sampling of the Brillouin zone.")
    setups: dict[ChemicalSymbol, str] = Field(
        default_factory=dict, description="Suffix of the POTCAR folder by element, such as {Li: _sv}."
    )
    ismear: int = Field(
        default=0, ge=-5, description="Kind of smearing (ISMEAR): 0 Gaussian, 1 Methfessel-Paxton."
    )
    sigma_ev: float = Field(default=0.1, gt=0.0, description="Width of the smearing in eV (SIGMA).")
    ediff_ev: float = Field(default=1e-6, gt=0.0, description="Threshold of self-consistency in eV (EDIFF).")
    spin_polarised: bool = Field(
        default=False, description="Whether the two spins have their own orbitals (ISPIN)."
    )
    max_iterations: int = Field(default=100, ge=1, description="Most self-consistency cycles (NELM).")
    vacuum_angstrom: float = Field(
        default=6.0, gt=0.0, description="Vacuum on either side of a configuration that has no cell."
    )
    incar: dict[str, bool | int | float | str | list[int] | list[float]] = Field(
        default_factory=dict, description="Further INCAR tags in lower case (ncore, lreal, ...); they win."
    )

    def for_isolated_atom(self, symbol: str) -> Self:
        """Return the settings of a free, spin-polarised atom at the Gamma point."""
        magnetic = unpaired_electrons(symbol) > 0
        return self.model_copy(update={"kpoints": GAMMA, "spin_polarised": magnetic, "ismear": 0})


class VaspEngine(PlaneWaves, CommandEngine[VaspSettings]):
    """Labels by VASP."""

    title = "vasp"
    output = "vasp.out"
    mend = "install VASP or mend `command`"

    def check(self, elements: Iterable[str] = ()) -> None:
        """Raise `InputError` if VASP or its folder of potentials is missing."""
        super().check(elements)
        with environment(self.environment()):
            folder = os.environ.get("VASP_PP_PATH", "")
        if not Path(folder).is_dir() or not folder:
            raise InputError(
                f"VASP_PP_PATH is {folder!r}, not a folder: set it to the folder of potpaw_PBE under "
                "`environment` of the vasp reference"
            )

    def calculator(self, atoms: Atoms, folder: Path) -> Any:
        """Make ASE's calculator, which writes INCAR, KPOINTS, POSCAR and POTCAR into the folder."""
        settings = self.settings
        arguments: dict[str, Any] = {
            "xc": settings.xc,
            "encut": settings.encut_ev,
            "kpts": atoms.info["kpoints"],
            "gamma": True,
            "ismear": settings.ismear,
            "sigma": settings.sigma_ev,
            "ediff": settings.ediff_ev,
            "nelm": settings.max_iterations,
            "ispin": 2 if settings.spin_polarised else 1,
            "nsw": 0,
            "isif": 2,
            "isym": 0,
            "lwave": False,
            "lcharg": False,
        }
        if settings.setups:
            arguments["setups"] = settings.setups
        module = require_module("ase.calculators.vasp", self.title, self.mend)
        return module.Vasp(directory=str(folder), command=settings.command, **(arguments | settings.incar))
