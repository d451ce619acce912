"""Quantum ESPRESSO's pw.x.

.. code-block:: yaml

    reference:
      kind: espresso
      command: pw.x                     # or: mpirun -np 4 pw.x
      pseudo_dir: /usr/share/espresso/pseudo
      pseudopotentials: {Al: Al.pz-vbc.UPF, Si: Si.pz-vbc.UPF}
      ecutwfc_ry: 16.0
      kpoints: {grid: [1, 1, 1]}
      smearing: cold
      degauss_ry: 0.02

On Debian and Ubuntu: ``apt-get install quantum-espresso quantum-espresso-data``. The energy that pw.x marks
with ``!`` is the free energy of the smeared states, which forces and stress derive from.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, Self

from ase import Atoms
from pydantic import Field

from atomsmith.errors import InputError
from atomsmith.reference.ase_engine import CommandEngine, CommandSettings
from atomsmith.reference.engine import marked_lines, require_module, tail
from atomsmith.reference.plane_waves import GAMMA, KPoints, PlaneWaves, unpaired_electrons
from atomsmith.settings import ChemicalSymbol


class EspressoSettings(CommandSettings):
    """Plane-wave DFT by Quantum ESPRESSO."""

    kind: Literal["espresso"] = Field(default="espresso", description="Quantum ESPRESSO.")
    command: str = Field(default="pw.x", description="How pw.x is started; '-in FILE' is appended.")
    pseudo_dir: Path = Field(
        default=Path("/usr/share/espresso/pseudo"), description="Folder of the pseudopotential files."
    )
    pseudopotentials: dict[ChemicalSymbol, str] = Field(
        min_length=1, description="File name of the pseudopotential of each element."
    )
    ecutwfc_ry: float = Field(default=40.0, gt=0.0, description="Cutoff of the wavefunctions in Ry.")
    ecutrho_ry: float | None = Field(
        default=None,
        gt=0.0,
        description="Cutoff of the density in Ry; four times that of the wavefunctions if absent.",
    )
    kpoints: KPoints = Field(default_factory=KPoints, description="Sampling of the Brillouin zone.")
    smearing: Literal["none", "gaussian", "methfessel-paxton", "cold", "fermi-dirac"] = Field(
        default="cold", description="Smearing of the occupations; 'none' needs a gap."
    )
    degauss_ry: float = Field(default=0.02, gt=0.0, description="Width of the smearing in Ry.")
    spin_polarised: bool = Field(default=False, description="Whether the two spins have their own orbitals.")
    conv_thr_ry_per_atom: float = Field(
        default=1e-9,
        gt=0.0,
        description="Threshold of self-consistency in Ry per atom (pw.x's conv_thr / atoms).",
    )
    mixing_beta: float = Field(default=0.4, gt=0.0, le=1.0, description="Mixing of the density.")
    max_iterations: int = Field(default=100, ge=1, description="Most self-consistency cycles.")
    vacuum_angstrom: float = Field(
        default=6.0, gt=0.0, description="Vacuum on either side of a configuration that has no cell."
    )
    input_data: dict[str, dict[str, bool | int | float | str]] = Field(
        default_factory=dict, description="Further entries by namelist (system, electrons, ...); they win."
    )

    def for_isolated_atom(self, symbol: str) -> Self:
        """Return the settings of a free, spin-polarised atom at the Gamma point."""
        magnetic = unpaired_electrons(symbol) > 0
        smearing = "gaussian" if self.smearing == "none" else self.smearing
        return self.model_copy(update={"kpoints": GAMMA, "spin_polarised": magnetic, "smearing": smearing})


class EspressoEngine(PlaneWaves, CommandEngine[EspressoSettings]):
    """Labels by pw.x."""

    title = "espresso"
    output = "espresso.pwo"
    failure_marks = ("convergence NOT achieved",)
    mend = (
        "install Quantum ESPRESSO (apt-get install quantum-espresso quantum-espresso-data) or mend `command`"
    )

    def check(self, elements: Iterable[str] = ()) -> None:
        """Raise `InputError` if pw.x, a pseudopotential or an element is missing."""
        super().check(elements)
        settings = self.settings
        for symbol in elements:
            if symbol not in settings.pseudopotentials:
                raise InputError(
                    f"element {symbol} has no pseudopotential in the espresso reference (given: "
                    f"{', '.join(settings.pseudopotentials)}): add it to `pseudopotentials`"
                )
        for symbol, name in settings.pseudopotentials.items():
            if not (settings.pseudo_dir.expanduser() / name).is_file():
                raise InputError(
                    f"pseudopotential {name!r} of {symbol} is not in {settings.pseudo_dir}: "
                    "mend `pseudopotentials` or `pseudo_dir`"
                )

    def calculator(self, atoms: Atoms, folder: Path) -> Any:
        """Make ASE's calculator, which writes espresso.pwi into the folder."""
        settings = self.settings
        grid = atoms.info["kpoints"]
        module = require_module("ase.calculators.espresso", self.title, self.mend)
        return module.Espresso(
            profile=module.EspressoProfile(settings.command, str(settings.pseudo_dir.expanduser().resolve())),
            directory=folder,
            pseudopotentials=settings.pseudopotentials,
            input_data=self.input_data(len(atoms)),
            # No grid at all makes pw.x use its real wavefunctions at Gamma: half the time.
            kpts=None if math.prod(grid) == 1 else grid,
            koffset=(0, 0, 0),
        )

    def input_data(self, n_atoms: int) -> dict[str, dict[str, Any]]:
        """Return the namelists for so many atoms."""
        settings = self.settings
        system: dict[str, Any] = {"ecutwfc": settings.ecutwfc_ry}
        if settings.ecutrho_ry is not None:
            system["ecutrho"] = settings.ecutrho_ry
        if settings.smearing == "none":
            system["occupations"] = "fixed"
        else:
            system |= {
                "occupations": "smearing",
                "smearing": settings.smearing,
                "degauss": settings.degauss_ry,
            }
        if settings.spin_polarised:
            system["nspin"] = 2
        data: dict[str, dict[str, Any]] = {
            "control": {
                "calculation": "scf",
                "disk_io": "none",
                "outdir": ".",
                "tprnfor": settings.forces,
                "tstress": settings.stress,
            },
            "system": system,
            "electrons": {
                "conv_thr": settings.conv_thr_ry_per_atom * n_atoms,
                "mixing_beta": settings.mixing_beta,
                "electron_maxstep": settings.max_iterations,
            },
        }
        for namelist, entries in settings.input_data.items():
            data.setdefault(namelist, {}).update(entries)
        return data

    def diagnose(self, folder: Path) -> str:
        """Return pw.x's error box, its complaint about convergence, or the end of its output."""
        output = folder / self.output
        return (
            marked_lines(output, self.failure_marks)
            or marked_lines(output, ("Error in routine",), after=2)
            or tail(output)
            or tail(folder / "espresso.err")
        )
