"""Settings of `atomsmith learn`."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from atomsmith.data.labels import LabelNames
from atomsmith.errors import InputError
from atomsmith.fitting.settings import PotentialSettings
from atomsmith.fitting.solvers.registry import Evidence, Solver
from atomsmith.lammps.settings import LammpsSamplerSettings, require_possible
from atomsmith.reference.settings import ExecutorSettings, ReferenceSettings, default_reference
from atomsmith.sampling.settings import SamplingSettings
from atomsmith.settings import Files, Settings

Mode = Literal["hyperactive", "active", "random"]


def _from_name(value: Any) -> Any:
    """Read the plain name as LAMMPS with its defaults."""
    return {"kind": "lammps"} if value == "lammps" else value


Sampler = Annotated[
    Literal["engine"] | LammpsSamplerSettings,
    BeforeValidator(_from_name, json_schema_input_type=Literal["engine", "lammps"] | LammpsSamplerSettings),
]
"""Settings type: the name of a sampler, or settings of LAMMPS."""

LEARNED = "learned"
"""Configuration type of what walkers found."""


class StartSettings(Settings):
    """The structures that learning begins with."""

    files: Files = Field(description="File or files of structures, labelled or not.")
    labels: LabelNames = Field(default=LabelNames(), description="Names of the labels in the files.")
    keep_labels: bool = Field(
        default=False,
        description="Trust the labels in the files; otherwise the reference labels every structure.",
    )


class TestSettings(Settings):
    """Labelled structures to judge the potential by, of whatever it will be used for."""

    __test__ = False  # pytest takes it for a test

    files: Files = Field(description="File or files of labelled structures.")
    labels: LabelNames = Field(default=LabelNames(), description="Names of the labels in the files.")


class WalkerSettings(Settings):
    """Which structures the walkers start from."""

    count: int = Field(default=8, ge=1, description="Walkers that run at once in every round.")
    start_from: Literal["initial", "all"] = Field(
        default="initial",
        description="initial: walkers start from the given structures; all: also from learned ones, but for "
        "those at which a guard had stopped a walker.",
    )
    overrides: dict[str, dict[str, Any]] = Field(
        default={},
        description="Other sampling settings for walkers from starts of a configuration type, by its name; "
        "such as {liquid: {temperature_k: 2000}}. They also hold for what was learned from them; those "
        "of 'learned' hold besides for everything learned. What they leave out stays as in sampling.",
    )
    unbiased_fraction: float = Field(
        default=0.0,
        ge=0.0,
        le=1.0,
        description="Share of the walkers that move without bias and trigger for a random number of steps, "
        "and are labelled where they end: samples of what the potential will be used for, not of what it is "
        "uncertain about.",
    )


class SelectionSettings(Settings):
    """Which of the configurations that walkers stopped at are labelled."""

    rule: Literal["posterior", "extrapolation"] = Field(
        default="posterior",
        description="posterior: the most uncertain configuration, then the most uncertain one given the "
        "first, and so on; extrapolation: that of the largest extrapolation grade, then again with that one "
        "among the data, until all others interpolate. The latter needs potential.extrapolation.",
    )
    per_round: int = Field(default=4, ge=1, description="Most configurations labelled in a round.")
    novelty: float = Field(
        default=0.3,
        ge=0.0,
        lt=1.0,
        description="A configuration is passed over when the ones already chosen in this round explain all "
        "but this fraction of its uncertainty; one that a guard stopped also when an earlier one of that "
        "kind does.",
    )
    guard_stops: bool = Field(
        default=True,
        description="Also label configurations at which a guard (energy, temperature, distance) stopped a "
        "walker.",
    )
    largest_force_ev_per_angstrom: float = Field(
        default=100.0,
        gt=0.0,
        description="Labelled configurations with a larger force are recorded but not fitted.",
    )
    test_fraction: float = Field(
        default=0.1, ge=0.0, lt=1.0, description="Share of the new configurations kept for testing."
    )


class GrowthSettings(Settings):
    """A basis that grows with the data: the degree with the larger evidence is taken."""

    largest_degree: float = Field(description="Degree of the ace terms above which the basis does not grow.")
    step: float = Field(default=1.0, gt=0.0, description="How much the degree grows at a time.")


class StopSettings(Settings):
    """When learning ends; the first criterion that is met counts."""

    labels: int | None = Field(
        default=100, ge=1, description="Labelled configurations, the starts included; null is no limit."
    )
    hours: float | None = Field(default=None, gt=0.0, description="Hours of wall time, all resumes together.")
    rounds: int | None = Field(default=None, ge=1, description="Rounds of sampling.")
    quiet_rounds: int | None = Field(
        default=3, ge=1, description="Rounds in a row in which the walkers found nothing to label."
    )


class LearnedPotentialSettings(PotentialSettings):
    """Potential of a learning loop.

    Every function is kept, and with it the uncertainty that bias needs. Walkers also end where bonds break
    and atoms clash, which no basis of affordable size follows: the last fit is robust.
    """

    solver: Solver = Field(default=Evidence(), description="How the coefficients are found.")
    robust: float | None = Field(
        default=1.0,
        gt=0.0,
        description="Degrees of freedom of the noise of whole configurations, as in Student's "
        "t-distribution, in the last fit: those that the basis cannot follow count less, the less the "
        "smaller this number; null lets all count by `weights` alone, as they do in the rounds.",
    )


class LearnSettings(Settings):
    """Settings of `atomsmith learn`: from a few structures and a reference to a potential."""

    start: StartSettings = Field(description="Structures to begin with.")
    test: TestSettings | None = Field(
        default=None,
        description="Labelled structures that are never fitted: their errors after every round stand in the "
        "report, beside those of what learning itself sets apart (selection.test_fraction).",
    )
    mode: Mode = Field(
        default="hyperactive",
        description="hyperactive: walkers biased towards uncertainty; active: unbiased walkers that stop "
        "when uncertain; random: unbiased walkers that stop at random, as a comparison.",
    )
    reference: ReferenceSettings = Field(
        default_factory=default_reference, description="What labels configurations."
    )
    executor: ExecutorSettings = Field(
        default=ExecutorSettings(), description="Where and how many reference calculations run at once."
    )
    potential: LearnedPotentialSettings = Field(
        default=LearnedPotentialSettings(), description="Model and fit."
    )
    growth: GrowthSettings | None = Field(default=None, description="Let the basis grow with the data.")
    sampling: SamplingSettings = Field(default=SamplingSettings(), description="How walkers move.")
    sampler: Sampler = Field(
        default="engine",
        description="Where walkers move: engine, all together in this process; lammps, each in LAMMPS, for "
        "large cells over MPI, with its dynamics and barostat; or a block of its settings (ranks, ...).",
    )
    walkers: WalkerSettings = Field(
        default=WalkerSettings(), description="How many walkers, and their starts."
    )
    selection: SelectionSettings = Field(default=SelectionSettings(), description="What is labelled.")
    stop: StopSettings = Field(default=StopSettings(), description="When learning ends.")
    failures_in_a_row: int = Field(
        default=5,
        ge=1,
        description="Failed reference calculations in a row after which learning stops; the next command "
        "tries them again.",
    )
    isolated_atoms: bool = Field(
        default=True,
        description="Let the reference calculate isolated atoms as reference energies, where it can; "
        "otherwise they are fitted.",
    )
    seed: int = Field(default=0, ge=0, description="Seed of everything random.")
    threads: int = Field(default=2, ge=1, description="Threads of the engine while sampling and fitting.")
    checkpoint_every: int = Field(
        default=500, ge=1, description="Steps of the walkers between checkpoints of a round."
    )

    @model_validator(mode="after")
    def _memory_wanted(self) -> Self:
        if self.potential.extrapolation is not None:
            return self
        trigger = self.sampling.trigger
        wanted = {
            "selection.rule is extrapolation": self.selection.rule == "extrapolation",
            "sampling.trigger.largest_grade is given": trigger is not None
            and trigger.largest_grade is not None,
        }
        for what, is_wanted in wanted.items():
            if is_wanted:
                raise ValueError(
                    f"{what}, but potential.extrapolation is null: give it {{kind: maxvol}}, or ranges"
                )
        return self

    @model_validator(mode="after")
    def _committee_wanted(self) -> Self:
        if self.mode != "random" and self.potential.committee == 0:
            raise ValueError(
                f"potential.committee is 0, but mode {self.mode} stops walkers where a committee disagrees: "
                "give it 8 members"
            )
        return self

    @model_validator(mode="after")
    def _possible_in_lammps(self) -> Self:
        if isinstance(self.sampler, LammpsSamplerSettings):
            try:
                require_possible(self.sampling)
            except InputError as error:
                raise ValueError(str(error)) from None
            for term in self.potential.model.terms or ():
                if term.descriptor.kind == "inverse_powers" or term.global_features is not None:
                    raise ValueError(
                        "inverse_powers and global_features belong to whole crystals, of which LAMMPS shows "
                        "a pair style only surroundings of atoms: take sampler: engine"
                    )
        return self


def mode_sampling(settings: SamplingSettings, mode: Mode) -> SamplingSettings:
    """Sampling settings as the mode of learning has them."""
    if mode == "hyperactive":
        return settings
    if mode == "active":
        return settings.model_copy(update={"bias": None})
    return unbiased(settings)


def unbiased(settings: SamplingSettings) -> SamplingSettings:
    """Sampling settings of a walker that moves freely for a random number of steps."""
    return settings.model_copy(update={"bias": None, "trigger": None, "random_length": True})
