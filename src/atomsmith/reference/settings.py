"""Settings of what labels configurations, and of where that runs."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from atomsmith.reference.ase_calculator import AseSettings
from atomsmith.reference.castep import CastepSettings
from atomsmith.reference.cp2k import Cp2kSettings
from atomsmith.reference.espresso import EspressoSettings
from atomsmith.reference.gpaw import GpawSettings
from atomsmith.reference.lammps import LammpsSettings
from atomsmith.reference.orca import OrcaSettings
from atomsmith.reference.pyscf import PyscfSettings
from atomsmith.reference.tblite import TBLiteSettings
from atomsmith.reference.vasp import VaspSettings
from atomsmith.settings import Settings

ReferenceSettings = Annotated[
    TBLiteSettings
    | LammpsSettings
    | EspressoSettings
    | GpawSettings
    | PyscfSettings
    | VaspSettings
    | CastepSettings
    | OrcaSettings
    | Cp2kSettings
    | AseSettings,
    Field(discriminator="kind"),
]
"""Settings of any reference, told apart by ``kind``."""


def default_reference() -> ReferenceSettings:
    """Return the embedded reference: GFN2-xTB by tblite."""
    return TBLiteSettings()


class ExecutorSettings(Settings):
    """Where reference calculations run, and how many at once.

    ``auto`` calls references of milliseconds (tblite, lammps) in this process and gives all others worker
    processes; ``serial`` is this process; ``processes`` are workers on this machine that may crash or hang
    without harm; ``parsl`` and ``dask`` reach other machines.
    """

    kind: Literal["auto", "serial", "processes", "parsl", "dask"] = Field(
        default="auto", description="What runs them."
    )
    workers: int = Field(default=1, ge=1, description="Calculations at the same time.")
    threads: int = Field(default=1, ge=1, description="Threads of the reference engine in each calculation.")
    timeout_s: float | None = Field(
        default=None, gt=0.0, description="Time limit of one calculation in seconds; over it is a failure."
    )
    parsl_config: str | None = Field(
        default=None,
        description="With parsl: import path 'package.module:name' of a parsl Config or of a function that "
        "returns one, such as for Slurm; by default workers on this machine.",
    )
    dask_address: str | None = Field(
        default=None,
        description="With dask: address of a running scheduler, such as tcp://node1:8786; by default one is "
        "started on this machine.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.kind == "serial" and (self.workers > 1 or self.timeout_s is not None):
            raise ValueError("kind 'serial' has one worker and no timeout_s: take kind 'processes'")
        if self.parsl_config is not None and self.kind != "parsl":
            raise ValueError(f"parsl_config is for kind 'parsl', not {self.kind!r}")
        if self.dask_address is not None and self.kind != "dask":
            raise ValueError(f"dask_address is for kind 'dask', not {self.kind!r}")
        return self
