"""GPAW with plane waves.

.. code-block:: yaml

    reference:
      kind: gpaw
      xc: PBE
      ecut_ev: 300.0
      kpoints: {spacing_per_angstrom: 0.3}
      smearing_ev: 0.1

``pip install gpaw gpaw-data`` (needs libxc and BLAS). GPAW runs within a worker process, so that it must
be installed beside Atomsmith.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, Self

from ase import Atoms
from pydantic import Field

from atomsmith.data.configuration import Configuration
from atomsmith.errors import LabelError
from atomsmith.reference.ase_engine import AseEngine
from atomsmith.reference.engine import EngineSettings, Labels, require_module
from atomsmith.reference.plane_waves import GAMMA, KPoints, PlaneWaves, unpaired_electrons

_MEND = "pip install gpaw gpaw-data (Debian: apt-get install libxc-dev libopenblas-dev first)"


class GpawSettings(EngineSettings):
    """Plane-wave PAW calculations by GPAW."""

    kind: Literal["gpaw"] = Field(default="gpaw", description="GPAW.")
    xc: str = Field(default="PBE", description="Exchange-correlation functional.")
    ecut_ev: float = Field(default=400.0, gt=0.0, description="Plane-wave cutoff in eV.")
    kpoints: KPoints = Field(default_factory=KPoints, description="Sampling of the Brillouin zone.")
    smearing_ev: float = Field(default=0.1, ge=0.0, description="Width of the Fermi-Dirac smearing in eV.")
    spin_polarised: bool = Field(default=False, description="Whether the two spins have their own orbitals.")
    hund: bool = Field(default=False, description="Occupy by Hund's rule; for single atoms.")
    max_iterations: int = Field(default=200, ge=1, description="Most self-consistency cycles.")
    vacuum_angstrom: float = Field(
        default=5.0, gt=0.0, description="Vacuum on either side of a configuration that has no cell."
    )
    parameters: dict[str, Any] = Field(
        default_factory=dict,
        description="Further keyword arguments of GPAW (convergence, mixer, ...); they win.",
    )

    def for_isolated_atom(self, symbol: str) -> Self:
        """Return the settings of a free atom occupied by Hund's rule, at the Gamma point."""
        magnetic = unpaired_electrons(symbol) > 0
        return self.model_copy(update={"kpoints": GAMMA, "hund": magnetic})


class GpawEngine(PlaneWaves, AseEngine[GpawSettings]):
    """Labels by GPAW."""

    title = "gpaw"
    output = "gpaw.txt"

    def check(self, elements: Iterable[str] = ()) -> None:
        """Raise `InputError` if GPAW is missing."""
        require_module("gpaw", self.title, _MEND)

    def calculator(self, atoms: Atoms, folder: Path) -> Any:
        """Make GPAW's calculator, which writes gpaw.txt into the folder."""
        gpaw = require_module("gpaw", self.title, _MEND)
        return gpaw.GPAW(**self.arguments(atoms.info["kpoints"]), txt=str(folder / self.output))

    def compute(self, configuration: Configuration, folder: Path) -> Labels:
        """Run GPAW, whose exception for lack of convergence has no text; see `Engine.compute`."""
        gpaw = require_module("gpaw", self.title, _MEND)
        try:
            return super().compute(configuration, folder)
        except gpaw.KohnShamConvergenceError as error:
            raise LabelError(f"SCF not converged in {self.settings.max_iterations} cycles") from error

    def arguments(self, grid: tuple[int, int, int]) -> dict[str, Any]:
        """Return GPAW's keyword arguments for a grid of k-points."""
        settings = self.settings
        arguments: dict[str, Any] = {
            "mode": {"name": "pw", "ecut": settings.ecut_ev},
            "xc": settings.xc,
            "kpts": {"size": grid, "gamma": True},
            "maxiter": settings.max_iterations,
        }
        if settings.hund:
            arguments["hund"] = True
        else:
            arguments["occupations"] = {"name": "fermi-dirac", "width": settings.smearing_ev}
        return arguments | settings.parameters
