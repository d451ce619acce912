"""Settings models for the tests of this folder: every shape of annotation that real settings use."""

from enum import Enum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from atomsmith.settings import ChemicalSymbol, Files, Settings


class Ace(Settings):
    """Atomic cluster expansion."""

    kind: Literal["ace"] = Field("ace", description="Name of the descriptor")
    cutoff: float = Field(5.0, gt=0, description="Cutoff radius in angstrom")
    degrees: tuple[int, ...] = Field((12, 10), description="Total degree of each order")


class Soap(Settings):
    """Smooth overlap of atomic positions."""

    kind: Literal["soap"] = Field("soap", description="Name of the descriptor")
    l_max: int = Field(6, ge=0, description="Largest degree of the spherical harmonics")


Descriptor = Annotated[Ace | Soap, Field(discriminator="kind")]


class Repulsion(Settings):
    """Short-range repulsion."""

    inner: float = Field(1e-6, description="Where it starts to vanish, in angstrom")


class Start(Settings):
    """A starting structure."""

    file: Path = Field(description="Structure file")
    temperature_k: float = Field(300.0, description="Temperature in K")


class Mode(Enum):
    """How to select."""

    HAL = "hal"
    RANDOM = "random"


class Example(Settings):
    """An example of everything.

    More about it.
    """

    train: Path = Field(description="Training set")
    test: Path | None = Field(None, description="Test set")
    starts: list[Start] = Field((), description="Starting structures", validate_default=True)
    basis: Ace | Soap = Field(Ace(), discriminator="kind", description="Basis")
    parts: list[Descriptor] = Field([Ace(degrees=(3,)), Soap()], description="Parts of the model")
    more: list[Descriptor] = Field([], description="Further parts")
    by_element: dict[str, Repulsion] = Field({}, description="Repulsion of single elements")
    repulsion: Repulsion | None = Field(Repulsion(), description="Short-range repulsion")
    outer: Repulsion | None = Field(None, description="Another repulsion")
    solver: Literal["ridge", "evidence", "ard"] = Field("ridge", description="Solver")
    mode: Mode = Field(Mode.HAL, description="Selection mode")
    weight: float | Literal["auto"] = Field("auto", description="Weight of energies")
    pressure_gpa: float = Field(0.0, description="Pressure in GPa")
    steps: int = Field(1000, ge=1, lt=10**9, description="Steps")
    degree_by_order: dict[int, int] = Field({1: 20, 2: 15}, description="Degree by order")
    flag: bool = Field(True, description="A switch")
    element: str = Field("No", description="An element whose symbol YAML 1.1 takes for false")
    number_text: str = Field("1e-3", description="A string that looks like a number")
    files: Files | None = Field(None, description="Files")
    grid: tuple[int, int, int] = Field((1, 1, 1), description="Grid")
    masses: dict[ChemicalSymbol, float] = Field({}, description="Masses")

    @field_validator("element")
    @classmethod
    def _known(cls, element: str) -> str:
        if element == "Xx":
            raise ValueError("'Xx' is no element; give a symbol such as Si.")
        return element

    @model_validator(mode="after")
    def _consistent(self) -> "Example":
        if self.steps == 13:
            raise ValueError("steps and pressure_gpa contradict each other")
        return self
