"""Settings of `atomsmith assess`: systems with their potentials, and the parts of the protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from atomsmith.assessment.quantities import QUANTITIES
from atomsmith.builders.crystals import PROTOTYPES
from atomsmith.data.labels import LabelNames
from atomsmith.fitting.settings import PotentialSettings
from atomsmith.properties.equation_of_state import ReferenceCurve
from atomsmith.properties.lattice import LatticeSettings
from atomsmith.properties.sources import CrystalSettings
from atomsmith.properties.suite import ChosenProperties
from atomsmith.reference.settings import ExecutorSettings, ReferenceSettings
from atomsmith.settings import ChemicalSymbol, Files, Settings


class SizesSettings(Settings):
    """One key of a fit with several values: the same potential in several sizes."""

    key: str = Field(
        min_length=1, description="Key of the fit's settings, such as model.terms[1].descriptor.degree."
    )
    values: tuple[int | float | str, ...] = Field(min_length=1, description="Values that it takes.")


class PotentialEntry(Settings):
    """A potential of the set: a file, a fit to the training data, or a reference such as LAMMPS."""

    file: Path | None = Field(
        default=None,
        description="A potential.json, or a file that `atomsmith import` reads; if it is not there, one of "
        "this name among those that come with LAMMPS.",
    )
    elements: list[ChemicalSymbol] | None = Field(
        default=None,
        description="With file: chemical symbols of species 0, 1, ..., where it has none (.mtp).",
    )
    fit: PotentialSettings | None = Field(
        default=None, description="Fit one to the training data of the system with these settings."
    )
    fit_file: Path | None = Field(
        default=None, description="The same with a settings file of `atomsmith fit`; its data are not used."
    )
    overrides: list[str] = Field(
        default=[], description="With fit or fit_file: settings that differ, as texts KEY=VALUE."
    )
    sizes: SizesSettings | None = Field(
        default=None,
        description="With fit or fit_file: further sizes of it, for error and cost against its degrees of "
        "freedom.",
    )
    reference: ReferenceSettings | None = Field(
        default=None, description="Any ASE calculator or LAMMPS pair style instead."
    )
    family: str | None = Field(
        default=None, description="Kind of potential, as the report calls it; by default what is known."
    )
    cutoff_angstrom: float | None = Field(
        default=None, gt=0.0, description="With reference: its cutoff for the report, where it is known."
    )
    energy_zero: Literal["as_given", "fitted"] = Field(
        default="as_given",
        description="fitted: one constant per element is added to its energies, by least squares on the "
        "training data; for potentials made with other data, whose free atoms have another energy.",
    )

    def complaint(self) -> str | None:
        """Say what keeps the entry from being one potential; None if nothing does."""
        given = [name for name in ("file", "fit", "fit_file", "reference") if getattr(self, name) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none of them"
            return f"give one of file, fit, fit_file and reference, found {found}"
        if (self.sizes is not None or self.overrides) and given[0] not in ("fit", "fit_file"):
            return f"overrides and sizes belong to fit or fit_file, not to {given[0]}"
        if self.elements is not None and given[0] != "file":
            return f"elements belongs to file, not to {given[0]}"
        return None


class SystemSettings(Settings):
    """Data, crystal, known values and potentials of one system."""

    crystal: CrystalSettings | None = Field(
        default=None, description="The crystal whose properties are computed; null computes none."
    )
    train: Files | None = Field(default=None, description="File or files that fits are made with.")
    test: Files | None = Field(default=None, description="File or files to test with.")
    labels: LabelNames = Field(default=LabelNames(), description="Names of the labels in these files.")
    melting_point_k: float | None = Field(
        default=None, gt=0.0, description="Temperatures of dynamics are parts of it."
    )
    values: dict[str, float] = Field(
        default={},
        description="What the properties should be, such as {a: 3.508, C11: 276} from DFT; deviations are "
        f"given from them. Names: {', '.join(QUANTITIES)}.",
    )
    values_source: str = Field(default="DFT", description="Where they are from.")
    curve: ReferenceCurve | None = Field(
        default=None,
        description="Equation of state to compare with; by default that of the element by all-electron DFT "
        "(PBE, WIEN2k) of the Delta test, if it has one.",
    )
    polymorphs_mev_per_atom: dict[str, float] = Field(
        default={}, description="What the energies of other structures over the crystal should be."
    )
    potentials: dict[str, PotentialEntry] = Field(
        min_length=1, description="Potentials by name; one name is one series in all systems."
    )

    @field_validator("potentials")
    @classmethod
    def _complete(cls, entries: dict[str, PotentialEntry]) -> dict[str, PotentialEntry]:
        for name, entry in entries.items():
            complaint = entry.complaint()
            if complaint is not None:
                raise ValueError(f"of {name!r}, {complaint}")
        return entries

    @field_validator("values")
    @classmethod
    def _known(cls, values: dict[str, float]) -> dict[str, float]:
        for name in values:
            if name not in QUANTITIES:
                raise ValueError(f"{name!r} is no quantity; known are {', '.join(QUANTITIES)}")
        return values

    @field_validator("polymorphs_mev_per_atom")
    @classmethod
    def _structures(cls, values: dict[str, float]) -> dict[str, float]:
        return {_structure(name): value for name, value in values.items()}


def _structure(name: str) -> str:
    if name not in PROTOTYPES:
        raise ValueError(f"{name!r} is no structure; known are {', '.join(PROTOTYPES)}")
    return name


class AccuracySettings(Settings):
    """Errors on training and test data by type of configuration."""

    train: bool = Field(default=True, description="Whether training errors are wanted, too.")


class LearningCurveSettings(Settings):
    """Errors of fits to nested parts of the training data."""

    fractions: tuple[float, ...] = Field(
        default=(0.1, 0.2, 0.4, 0.7, 1.0),
        min_length=1,
        description="Parts of each type of configuration; each part holds the smaller ones.",
    )
    seeds: int = Field(default=3, ge=1, description="Orders in which configurations are added.")
    potentials: list[str] = Field(
        default=[],
        description="Names of potentials to draw curves of: fits, and files that `atomsmith fit` has fitted "
        "to train, which tell their settings; if there are none, all fits that are made here.",
    )

    @field_validator("fractions")
    @classmethod
    def _parts(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        for value in values:
            if not 0.0 < value <= 1.0:
                raise ValueError(f"a fraction is {value}, but should be above 0 and at most 1")
        return tuple(sorted(set(values)))


class CostSettings(Settings):
    """Time of one step of dynamics, all potentials of a system in turn, in one process."""

    atoms: int = Field(default=500, ge=1, description="Fewest atoms of the crystal that is stepped.")
    steps: int = Field(default=3, ge=1, description="Steps of one measurement.")
    repeats: int = Field(default=7, ge=3, description="Measurements of each potential; the median counts.")
    limit_s: float = Field(
        default=20.0,
        gt=0.0,
        description="A potential whose first step takes longer is measured by this one step, and said to be.",
    )


class MotionSettings(Settings):
    """Errors on snapshots of dynamics, which a reference labels."""

    driver: str | None = Field(
        default=None,
        description="Potential that the atoms move on, the same snapshots for all; null lets each potential "
        "move them itself.",
    )
    truth: str | ReferenceSettings = Field(
        description="What labels the snapshots: the name of a potential of the set, or a reference."
    )
    fractions: tuple[float, ...] = Field(
        default=(0.5, 0.9, 1.5), min_length=1, description="Temperatures as parts of the melting point."
    )
    count: int = Field(default=8, ge=1, description="Snapshots of each temperature.")
    atoms: int = Field(default=54, ge=1, description="Fewest atoms of the supercell.")
    every_ps: float = Field(default=0.25, gt=0.0, description="Time between two snapshots.")
    equilibration_ps: float = Field(default=2.0, ge=0.0, description="Time before the first one.")
    timestep_fs: float = Field(default=2.0, gt=0.0, description="Time step.")
    seed: int = Field(default=0, ge=0, description="Seed of velocities and noise.")


class UnseenSettings(Settings):
    """Energies of structures that are in no training set, compared at the same positions of atoms."""

    truth: str | ReferenceSettings = Field(
        description="What is right: the name of a potential of the set, or a reference."
    )
    geometry: str = Field(description="Potential at whose relaxed structures all are compared.")
    structures: list[str] = Field(default=list(PROTOTYPES), min_length=1, description="Structures.")
    lattice: LatticeSettings = Field(
        default=LatticeSettings(scan=0.3), description="How that potential relaxes each of them."
    )

    @field_validator("structures")
    @classmethod
    def _names(cls, values: list[str]) -> list[str]:
        return [_structure(name) for name in values]


class AssessSettings(Settings):
    """Settings of `atomsmith assess`."""

    title: str = Field(default="Assessment of potentials", description="Title of the report.")
    systems: dict[str, SystemSettings] = Field(
        min_length=1, description="Systems by name, such as an element each."
    )
    accuracy: AccuracySettings | None = Field(
        default=AccuracySettings(), description="Errors on training and test data."
    )
    cost: CostSettings | None = Field(
        default=CostSettings(), description="Time of a step; with errors it gives the Pareto front."
    )
    learning_curve: LearningCurveSettings | None = Field(
        default=None, description="Errors against the number of training configurations."
    )
    properties: ChosenProperties | None = Field(
        default=ChosenProperties(),
        description="Properties of the crystal, and their deviations. The equation of state is compared with "
        "the curve of the system.",
    )
    motion: MotionSettings | None = Field(
        default=None, description="Errors on snapshots of dynamics, which a reference labels."
    )
    unseen: UnseenSettings | None = Field(
        default=None, description="Energies of structures that are in no training set, by all potentials."
    )
    executor: ExecutorSettings = Field(
        default=ExecutorSettings(), description="Where references run, if there are any."
    )
    threads: int = Field(default=1, ge=1, description="Threads of the engine.")

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        everywhere = {name for system in self.systems.values() for name in system.potentials}
        asked: dict[str, list[object]] = {}
        if self.learning_curve is not None:
            asked["learning_curve.potentials"] = list(self.learning_curve.potentials)
        if self.motion is not None:
            asked["motion.driver"] = [self.motion.driver]
            asked["motion.truth"] = [self.motion.truth]
        if self.unseen is not None:
            asked["unseen.truth"] = [self.unseen.truth]
            asked["unseen.geometry"] = [self.unseen.geometry]
        for place, names in asked.items():
            for name in names:
                if isinstance(name, str) and name not in everywhere:
                    raise ValueError(
                        f"{place} names {name!r}, which is no potential; there are "
                        f"{', '.join(sorted(everywhere))}"
                    )
        return self
