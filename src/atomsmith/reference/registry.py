"""The engine of each reference, by the name it has in a settings file."""

from __future__ import annotations

from typing import Any

from atomsmith.reference.ase_calculator import AseCalculatorEngine
from atomsmith.reference.castep import CastepEngine
from atomsmith.reference.cp2k import Cp2kEngine
from atomsmith.reference.engine import Engine
from atomsmith.reference.espresso import EspressoEngine
from atomsmith.reference.gpaw import GpawEngine
from atomsmith.reference.lammps import LammpsEngine
from atomsmith.reference.orca import OrcaEngine
from atomsmith.reference.pyscf import PyscfEngine
from atomsmith.reference.settings import ReferenceSettings
from atomsmith.reference.tblite import TBLiteEngine
from atomsmith.reference.vasp import VaspEngine

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
