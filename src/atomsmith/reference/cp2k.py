"""CP2K's Quickstep (Gaussians and plane waves), through ASE and cp2k_shell.

.. code-block:: yaml

    reference:
      kind: cp2k
      command: cp2k_shell.psmp          # or: mpirun -np 4 cp2k_shell.psmp
      xc: PBE
      basis_set: DZVP-MOLOPT-SR-GTH
      cutoff_ry: 400.0
      smearing_k: 1000.0                # metals

On Debian and Ubuntu: ``apt-get install cp2k cp2k-data``. The shell passes numbers at full precision; whether
a calculation converged is read from its output, because CP2K goes on where it did not. The short-range (SR)
basis sets are for condensed matter: with them, a free hydrogen atom comes out 1 eV too high.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from ase import Atoms
from ase.units import Rydberg
from pydantic import Field, model_validator

from atomsmith.data.configuration import Configuration
from atomsmith.errors import LabelError
from atomsmith.reference.ase_engine import CommandEngine, CommandSettings
from atomsmith.reference.engine import completed_cell, marked_lines, require_module
from atomsmith.reference.plane_waves import GAMMA, KPoints, unpaired_electrons


class Cp2kSettings(CommandSettings):
    """Gaussian and plane-wave DFT by CP2K."""

    kind: Literal["cp2k"] = Field(default="cp2k", description="CP2K.")
    command: str = Field(default="cp2k_shell.psmp", description="How the CP2K shell is started.")
    xc: str = Field(default="PBE", description="Functional in CP2K's notation.")
    basis_set: str = Field(
        default="DZVP-MOLOPT-SR-GTH", description="Name of the basis set, for all elements."
    )
    basis_set_file: str = Field(default="BASIS_MOLOPT", description="File of the basis sets.")
    pseudo_potential: str = Field(
        default="auto", description="Pseudopotential; 'auto' takes GTH of the functional."
    )
    potential_file: str = Field(default="GTH_POTENTIALS", description="File of the pseudopotentials.")
    cutoff_ry: float = Field(default=400.0, gt=0.0, description="Cutoff of the finest grid in Ry.")
    rel_cutoff_ry: float = Field(
        default=60.0, gt=0.0, description="Cutoff that places Gaussians on grids, in Ry."
    )
    kpoints: KPoints = Field(
        default=GAMMA,
        description="Sampling of the Brillouin zone; by default the Gamma point.",
    )
    smearing_k: float | None = Field(
        default=None,
        gt=0.0,
        description="Electronic temperature of a Fermi-Dirac smearing in K; none if absent.",
    )
    added_orbitals_per_atom: float = Field(
        default=2.0, gt=0.0, description="Empty orbitals per atom where occupations are smeared (ADDED_MOS)."
    )
    orbital_transformation: bool = Field(
        default=False,
        description="Minimise over orbitals (OT) in place of diagonalising: robust where there is a gap; "
        "not with smearing_k.",
    )
    eps_scf: float = Field(default=1e-6, gt=0.0, description="Threshold of self-consistency (EPS_SCF).")
    charge: int = Field(default=0, description="Total charge in elementary charges.")
    multiplicity: int | None = Field(
        default=None,
        ge=1,
        description="Spin multiplicity 2S + 1; given, the two spins have their own orbitals.",
    )
    max_iterations: int = Field(default=100, ge=1, description="Most self-consistency cycles.")
    vacuum_angstrom: float = Field(
        default=5.0,
        gt=0.0,
        description="Vacuum on either side of a molecule, besides the half of its size.",
    )
    template: str = Field(
        default="", description="CP2K input that ASE completes, in place of the one made here."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.orbital_transformation and self.smearing_k is not None:
            raise ValueError("orbital_transformation needs fixed occupations: leave out smearing_k")
        return self

    def for_isolated_atom(self, symbol: str) -> Self:
        """Return the settings of a neutral free atom in its ground state's multiplicity.

        Open p shells turn freely against the grid, so that orbitals never settle to 1e-6 while the energy has
        long settled: their threshold is 1e-5, an error of the energy below 0.01 meV.
        """
        return self.model_copy(
            update={
                "kpoints": GAMMA,
                "charge": 0,
                "multiplicity": unpaired_electrons(symbol) + 1,
                "smearing_k": None,
                "orbital_transformation": True,
                "eps_scf": max(self.eps_scf, 1e-5),
            }
        )


class Cp2kEngine(CommandEngine[Cp2kSettings]):
    """Labels by CP2K."""

    title = "cp2k"
    output = "cp2k.out"
    failure_marks = ("SCF run NOT converged",)
    mend = "install CP2K (apt-get install cp2k cp2k-data) or mend `command`"

    def environment(self) -> Mapping[str, str]:
        """Add CP2K's folder of basis sets where Debian has it and nobody named another."""
        variables = dict(super().environment())
        if "CP2K_DATA_DIR" not in os.environ and Path("/usr/share/cp2k").is_dir():
            variables.setdefault("CP2K_DATA_DIR", "/usr/share/cp2k")
        return variables

    def prepare(self, configuration: Configuration) -> Atoms:
        """Put molecules into a box; what is partly periodic is refused."""
        if configuration.pbc.any() and not configuration.pbc.all():
            raise LabelError(
                "the configuration is periodic in some directions only, which the cp2k reference does not do"
            )
        cell, positions = configuration.cell, configuration.positions
        if not configuration.pbc.any():
            # The Martyna-Tuckerman solver needs a cell of at least twice the density's extent.
            extent = float(np.max(np.ptp(configuration.positions, axis=0)))
            cell, positions = completed_cell(configuration, self.settings.vacuum_angstrom + 0.5 * extent)
        return Atoms(
            numbers=configuration.numbers,
            positions=positions,
            cell=cell,
            pbc=configuration.pbc,
            info={"kpoints": self.settings.kpoints.grid_for(configuration)},
        )

    def calculator(self, atoms: Atoms, folder: Path) -> Any:
        """Make ASE's calculator, which starts the shell within the folder."""
        settings = self.settings
        module = require_module("ase.calculators.cp2k", self.title, self.mend)
        return module.CP2K(
            label="cp2k",
            # The shell has to start in the folder: CP2K takes no long paths as project names.
            command=f"cd {shlex.quote(str(folder))} && exec {settings.command}",
            xc=settings.xc,
            basis_set=settings.basis_set,
            basis_set_file=settings.basis_set_file,
            potential_file=settings.potential_file,
            pseudo_potential=settings.pseudo_potential,
            cutoff=settings.cutoff_ry * Rydberg,
            charge=settings.charge,
            multiplicity=settings.multiplicity,
            uks=settings.multiplicity is not None,
            max_scf=settings.max_iterations,
            stress_tensor=settings.stress and bool(atoms.pbc.all()),
            inp=settings.template or self.template(atoms),
        )

    def diagnose(self, folder: Path) -> str:
        """Return what CP2K aborted at, or else its complaint."""
        return marked_lines(folder / self.output, ("[ABORT]",), after=3) or super().diagnose(folder)

    def template(self, atoms: Atoms) -> str:
        """Return the part of the input that ASE has no argument for."""
        settings = self.settings
        scf = [f"EPS_SCF {settings.eps_scf!r}", "SCF_GUESS ATOMIC"]
        if settings.smearing_k is not None:
            scf += [
                f"ADDED_MOS {max(4, round(settings.added_orbitals_per_atom * len(atoms)))}",
                "&SMEAR ON",
                "METHOD FERMI_DIRAC",
                f"ELECTRONIC_TEMPERATURE [K] {settings.smearing_k!r}",
                "&END SMEAR",
                "&MIXING",
                "METHOD BROYDEN_MIXING",
                "ALPHA 0.2",
                "&END MIXING",
            ]
        if settings.orbital_transformation:
            scf += ["&OT", "MINIMIZER CG", "PRECONDITIONER FULL_ALL", "&END OT"]
        grid = atoms.info["kpoints"]
        points = []
        if max(grid) > 1:
            points = ["&KPOINTS", "SCHEME MONKHORST-PACK {} {} {}".format(*grid), "&END KPOINTS"]
        lines = ["&FORCE_EVAL", "&DFT", *points, "&MGRID", f"REL_CUTOFF {settings.rel_cutoff_ry!r}"]
        lines += ["&END MGRID", "&SCF", *scf, "&END SCF", "&END DFT", "&END FORCE_EVAL"]
        return "\n".join(lines)
