"""Settings of `atomsmith tune`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from atomsmith.assessment.quantities import QUANTITIES
from atomsmith.properties.elastic import ElasticSettings
from atomsmith.properties.lattice import LatticeSettings
from atomsmith.properties.sources import CrystalSettings
from atomsmith.properties.vacancy import VacancySettings
from atomsmith.settings import Settings


class KeySettings(Settings):
    """What a key may be: anything between two ends (whole numbers if both are), or one of a few values."""

    low: int | float | None = Field(default=None, description="Smallest value.")
    high: int | float | None = Field(default=None, description="Largest value.")
    log: bool = Field(default=False, description="Whether ratios count, not differences.")
    points: int = Field(default=5, ge=2, description="Values between the ends, both included, for a grid.")
    values: tuple[bool | int | float | str, ...] | None = Field(
        default=None, min_length=1, description="The values, instead of two ends."
    )
    also: list[str] = Field(default=[], description="Further keys that take the same value.")

    def complaint(self) -> str | None:
        """Say what is wrong; None if nothing is."""
        if self.values is not None:
            return None if self.low is self.high is None else "give either values, or low and high"
        if self.low is None or self.high is None:
            return "give low and high, or values"
        if not self.low < self.high:
            return f"low is {self.low} and high {self.high}; low should be below high"
        if self.log and self.low <= 0:
            return f"low is {self.low}, but with log it should be above 0"
        return None

    @property
    def ends(self) -> tuple[float, float]:
        """Smallest and largest value of a range."""
        assert self.low is not None
        assert self.high is not None
        return self.low, self.high

    @property
    def whole(self) -> bool:
        """Whether values are whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)


class KFoldSettings(Settings):
    """Errors on each part of the training data by a fit to all other parts."""

    kind: Literal["k_fold"] = Field(default="k_fold", description="Cross-validation.")
    folds: int = Field(default=4, ge=2, description="Parts, each with its share of every type.")
    seed: int = Field(default=0, ge=0, description="Seed of the parts.")


class HeldOutSettings(Settings):
    """Errors on one part of the training data that no fit of the search sees."""

    kind: Literal["held_out"] = Field(default="held_out", description="One part is held out.")
    fraction: float = Field(default=0.2, gt=0.0, lt=1.0, description="Its share of every type.")
    seed: int = Field(default=0, ge=0, description="Seed of the choice.")


Validation = Annotated[KFoldSettings | HeldOutSettings, Field(discriminator="kind")]


class ScoreSettings(Settings):
    """What is made small: the weighted mean of errors, each relative to that of the settings as given."""

    energy: float = Field(default=1.0, ge=0.0, description="Weight of the error of energies held out.")
    forces: float = Field(default=1.0, ge=0.0, description="Weight of the error of forces held out.")
    stress: float = Field(default=0.0, ge=0.0, description="Weight of the error of stresses held out.")
    properties: float = Field(
        default=1.0,
        ge=0.0,
        description="Weight of the mean relative deviation of properties, if there are any.",
    )
    statistic: Literal["mae", "rmse"] = Field(
        default="rmse", description="Mean absolute or root mean square."
    )

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.energy + self.forces + self.stress + self.properties > 0.0:
            raise ValueError("all weights are 0; give one of energy, forces, stress, properties a weight")
        return self


class TargetSettings(Settings):
    """Properties that the potential should have."""

    crystal: CrystalSettings = Field(description="The crystal.")
    values: dict[str, float] = Field(
        min_length=1,
        description="Values such as {a: 3.508, C11: 276, C44: 132}; E_v, E_m and E_a take longer than the "
        f"others. Names: {', '.join(QUANTITIES)}.",
    )
    lattice: LatticeSettings = Field(default=LatticeSettings(), description="How the crystal is relaxed.")
    elastic: ElasticSettings = Field(default=ElasticSettings(), description="Of elastic constants.")
    vacancy: VacancySettings = Field(default=VacancySettings(), description="Of vacancies.")

    @field_validator("values")
    @classmethod
    def _known(cls, values: dict[str, float]) -> dict[str, float]:
        for name, value in values.items():
            if name not in QUANTITIES:
                raise ValueError(f"{name!r} is no quantity; known are {', '.join(QUANTITIES)}")
            if value == 0.0:
                raise ValueError(f"{name} is 0, from which there is no relative deviation; leave it out")
        return values


class CostLimit(Settings):
    """Cost of a step, measured as in `atomsmith assess`."""

    limit_us_per_atom: float | None = Field(
        default=None, gt=0.0, description="Settings whose potential is slower are refused."
    )
    minimise: bool = Field(
        default=False,
        description="Make the cost small as well: the result is then a front of error and cost.",
    )
    atoms: int = Field(default=256, ge=1, description="Fewest atoms that are stepped.")
    repeats: int = Field(default=5, ge=3, description="Measurements; the median counts.")


class SamplerSettings(Settings):
    """How the next settings are chosen."""

    kind: Literal["tpe", "grid", "cma_es", "differential_evolution", "random"] = Field(
        default="tpe",
        description="tpe: Bayesian by Parzen trees (Bergstra et al. 2011), for anything; grid: all "
        "combinations; cma_es (Hansen 2001) and differential_evolution (Storn and Price 1997): for ranges "
        "and one objective.",
    )
    seed: int = Field(default=0, ge=0, description="Seed.")
    population: int = Field(
        default=10, ge=4, description="Members of a generation of differential_evolution and cma_es."
    )


class TuneSettings(Settings):
    """Settings of `atomsmith tune`."""

    fit_file: Path = Field(
        description="Settings file of `atomsmith fit` to begin with; its test data are not read."
    )
    search: dict[str, KeySettings] = Field(
        min_length=1,
        description="Keys of that file, such as model.terms[1].descriptor.cutoff or weights.energy, with "
        "what they may be.",
    )
    validation: Validation = Field(default=KFoldSettings(), description="Which errors count.")
    score: ScoreSettings = Field(default=ScoreSettings(), description="What is made small.")
    targets: TargetSettings | None = Field(
        default=None, description="Properties that count beside the errors."
    )
    cost: CostLimit = Field(default=CostLimit(), description="What a step may cost.")
    sampler: SamplerSettings = Field(
        default=SamplerSettings(), description="How the next settings are chosen."
    )
    trials: int = Field(default=50, ge=1, description="Settings to try; a grid ends when it is done.")
    workers: int = Field(default=1, ge=1, description="Processes that try settings at the same time.")

    @field_validator("search")
    @classmethod
    def _ranges(cls, keys: dict[str, KeySettings]) -> dict[str, KeySettings]:
        for key, allowed in keys.items():
            complaint = allowed.complaint()
            if complaint is not None:
                raise ValueError(f"of {key}, {complaint}")
        return keys

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        kind = self.sampler.kind
        if kind in ("cma_es", "differential_evolution"):
            if self.cost.minimise:
                raise ValueError(
                    f"sampler {kind} has one objective, so that cost.minimise should be false; take tpe, "
                    "or set cost.limit_us_per_atom"
                )
            choices = [key for key, space in self.search.items() if space.values is not None]
            if choices and kind == "cma_es":
                raise ValueError(
                    f"sampler cma_es takes ranges, but {choices[0]} has values; take tpe or "
                    "differential_evolution"
                )
        if (
            self.score.properties > 0.0
            and self.targets is None
            and not (self.score.energy + self.score.forces + self.score.stress > 0.0)
        ):
            raise ValueError("only properties have a weight, but there are no targets")
        return self
