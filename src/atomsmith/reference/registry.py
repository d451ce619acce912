"""The references by the name they have in a settings file."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from atomsmith.reference.ase_calculator import AseCalculatorEngine, AseSettings
from atomsmith.reference.castep import CastepEngine, CastepSettings
from atomsmith.reference.cp2k import Cp2kEngine, Cp2kSettings
from atomsmith.reference.engine import Engine
from atomsmith.reference.espresso import EspressoEngine, EspressoSettings
from atomsmith.reference.gpaw import GpawEngine, GpawSettings
from atomsmith.reference.lammps import LammpsEngine, LammpsSettings
from atomsmith.reference.orca import OrcaEngine, OrcaSettings
from atomsmith.reference.pyscf import PyscfEngine, PyscfSettings
from atomsmith.reference.tblite import TBLiteEngine, TBLiteSettings
from atomsmith.reference.vasp import VaspEngine, VaspSettings

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

ENGINES: dict[str, type[Engine[Any]]] = {
    "tblite": TBLiteEngine,
    "lammps": LammpsEngine,
    "espresso": EspressoEngine,
    "gpaw": GpawEngine,
    "pyscf": PyscfEngine,
    "vasp": VaspEngine,
    "castep": CastepEngine,
    "orca": OrcaEngine,
    "cp2k": Cp2kEngine,
    "ase": AseCalculatorEngine,
}
"""Engine of each ``kind``."""


def make_engine(settings: ReferenceSettings) -> Engine[Any]:
    """Return a new engine with these settings."""
    return ENGINES[settings.kind](settings)
