"""CASTEP, through ASE.

.. code-block:: yaml

    reference:
      kind: castep
      command: mpirun -np 16 castep.mpi
      xc: PBE
      cut_off_energy_ev: 400.0
      kpoints: {spacing_per_angstrom: 0.25}

Pseudopotentials are generated on the fly unless named.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from ase import Atoms
from pydantic import Field

from atomsmith.reference.ase_engine import CommandEngine, CommandSettings
from atomsmith.reference.engine import require_module
from atomsmith.reference.plane_waves import GAMMA, KPoints, PlaneWaves, unpaired_electrons
from atomsmith.settings import ChemicalSymbol

_KEYWORDS_NOT_CHECKED = 3
"""ASE would otherwise run CASTEP for its list of keywords."""


class CastepSettings(CommandSettings):
    """Plane-wave DFT by CASTEP."""

    kind: Literal["castep"] = Field(default="castep", description="CASTEP.")
    command: str = Field(default="castep.serial", description="How CASTEP is started; the seed is appended.")
    xc: str = Field(default="PBE", description="Functional in CASTEP's notation (xc_functional).")
    cut_off_energy_ev: float = Field(default=400.0, gt=0.0, description="Plane-wave cutoff in eV.")
    kpoints: KPoints = Field(default_factory=KPoints, description="Sampling of the Brillouin zone.")
    smearing_ev: float = Field(default=0.1, gt=0.0, description="Width of the Gaussian smearing in eV.")
    elec_energy_tol_ev: float = Field(
        default=1e-7, gt=0.0, description="Threshold of self-consistency in eV per atom (elec_energy_tol)."
    )
    spin_polarised: bool = Field(default=False, description="Whether the two spins have their own orbitals.")
    max_iterations: int = Field(default=100, ge=1, description="Most self-consistency cycles.")
    pseudopotentials: dict[ChemicalSymbol, str] = Field(
        default_factory=dict, description="Pseudopotential by element: a file name or an on-the-fly string."
    )
    pseudo_dir: Path | None = Field(
        default=None, description="Folder of the pseudopotential files named above."
    )
    vacuum_angstrom: float = Field(
        default=5.0, gt=0.0, description="Vacuum on either side of a configuration that has no cell."
    )
    param: dict[str, bool | int | float | str] = Field(
        default_factory=dict, description="Further entries of the .param file; they win."
    )

    def for_isolated_atom(self, symbol: str) -> Self:
        """Return the settings of a free, spin-polarised atom at the Gamma point."""
        magnetic = unpaired_electrons(symbol) > 0
        return self.model_copy(update={"kpoints": GAMMA, "spin_polarised": magnetic})


class CastepEngine(PlaneWaves, CommandEngine[CastepSettings]):
    """Labels by CASTEP."""

    title = "castep"
    output = "castep/castep.castep"
    failure_marks = ("electronic minimisation did not converge", "SCF cycles performed but system has not")
    mend = "install CASTEP or mend `command`"

    def environment(self) -> Mapping[str, str]:
        """Environment variables of the settings."""
        return dict(self.settings.environment)

    def calculator(self, atoms: Atoms, folder: Path) -> Any:
        """Make ASE's calculator, which writes castep.cell and castep.param below the folder."""
        settings = self.settings
        module = require_module("ase.calculators.castep", self.title, self.mend)
        calculator = module.Castep(
            directory=str(folder / "castep"),
            label="castep",
            castep_command=settings.command,
            castep_pp_path=None if settings.pseudo_dir is None else str(settings.pseudo_dir),
            keyword_tolerance=_KEYWORDS_NOT_CHECKED,
        )
        for name, value in self.parameters().items():
            setattr(calculator.param, name, value)
        grid = atoms.info["kpoints"]
        calculator.cell.kpoint_mp_grid = "{} {} {}".format(*grid)
        # CASTEP centres odd grids at Gamma and shifts even ones away from it.
        offsets = [0.0 if n % 2 else 0.5 / n for n in grid]
        calculator.cell.kpoint_mp_offset = "{:.10f} {:.10f} {:.10f}".format(*offsets)
        if settings.pseudopotentials:
            calculator.cell.species_pot = list(settings.pseudopotentials.items())
        return calculator

    def parameters(self) -> dict[str, Any]:
        """Return the entries of the .param file."""
        settings = self.settings
        parameters: dict[str, Any] = {
            "task": "SinglePoint",
            "xc_functional": settings.xc,
            "cut_off_energy": settings.cut_off_energy_ev,
            "smearing_width": settings.smearing_ev,
            "elec_energy_tol": settings.elec_energy_tol_ev,
            "max_scf_cycles": settings.max_iterations,
            "spin_polarized": settings.spin_polarised,
            "calculate_stress": settings.stress,
            "write_checkpoint": "none",
            "num_dump_cycles": 0,
        }
        return parameters | settings.param
