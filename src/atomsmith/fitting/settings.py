"""Settings of a fit: `atomsmith fit fit.yaml` and `atomsmith.fit`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from atomsmith.data.filtering import FilterSettings
from atomsmith.data.labels import LabelNames
from atomsmith.data.splitting import SplitSettings
from atomsmith.extrapolation.settings import ExtrapolationSettings
from atomsmith.fitting.solvers.registry import Elimination, Solver
from atomsmith.fitting.trainers.in_turn import InTurnSettings
from atomsmith.fitting.weights import Weights
from atomsmith.model import ModelSettings
from atomsmith.reference.settings import ExecutorSettings
from atomsmith.settings import ChemicalSymbol, Files, Settings


class ReferenceEnergies(Settings):
    """Energies of isolated atoms, one per element."""

    source: Literal["auto", "isolated", "fitted"] = Field(
        default="auto",
        description="isolated: from `values` and from the single-atom configurations of the data, all "
        "elements required; fitted: least squares; auto: isolated where every element is known, else fitted.",
    )
    values: dict[ChemicalSymbol, float] = Field(
        default={}, description="Energies in eV of isolated atoms by chemical symbol."
    )


class PotentialSettings(Settings):
    """Everything that turns labelled configurations into a potential."""

    model: ModelSettings = Field(default=ModelSettings(), description="Terms of the potential.")
    weights: Weights = Field(default=Weights(), description="Weights of energies, forces and virials.")
    solver: Solver = Field(default=Elimination(), description="How the coefficients are found.")
    robust: float | None = Field(
        default=None,
        gt=0.0,
        description="Degrees of freedom of the noise of whole configurations, as in Student's "
        "t-distribution: those that the basis cannot follow count less, the less the smaller this number; "
        "null lets all count by `weights` alone. Takes two passes over the data.",
    )
    reference_energies: ReferenceEnergies = Field(
        default=ReferenceEnergies(), description="Energies of isolated atoms."
    )
    training: InTurnSettings | None = Field(
        default=None,
        description="in_turn: fit the terms one after the other on what the others leave, round by round; "
        "null trains terms that need it once, in their order.",
    )
    beyond_data: Literal["auto", "crystals", "none"] = Field(
        default="auto",
        description="What is believed where the data do not reach. crystals: that simple crystals of the "
        "elements have about the energy that their density suggests, which data overrule; it keeps fits out "
        "of holes, see docs/fitting.md. none: nothing. auto: crystals in fits that choose the functions of "
        "linear ace and pair terms.",
    )
    extrapolation: ExtrapolationSettings | None = Field(
        default=None,
        description="What the potential remembers of its data to tell how far a configuration lies outside "
        "of them (extrapolation grades); null is nothing.",
    )
    committee: int = Field(
        default=8, ge=0, le=256, description="Members of the committee, drawn from the posterior."
    )
    calibrate: bool = Field(
        default=True,
        description="Scale the posterior so that its standard deviations match the errors on configurations "
        "left out of the fit.",
    )
    repulsive_core: bool = Field(
        default=True,
        description="Strengthen the repulsion of pairs of elements whose fitted curve has a hole at "
        "distances that the data do not reach; the fit itself does not change.",
    )
    seed: int = Field(default=0, ge=0, description="Seed of the committee.")
    threads: int = Field(default=1, ge=1, description="Threads of the engine.")

    @property
    def expects_crystals(self) -> bool:
        """Whether simple crystals are expected to have certain energies, see ``beyond_data``."""
        if self.beyond_data == "auto":
            chooses = isinstance(self.solver, Elimination) and self.solver.functions is not None
            return chooses and all(term.is_linear_ace_or_pair for term in self.model.terms)
        return self.beyond_data == "crystals"


class DataSettings(Settings):
    """Files of configurations and what of them is used."""

    train: Files = Field(description="File or files to fit.")
    test: Files | None = Field(default=None, description="File or files to test with.")
    labels: LabelNames = Field(default=LabelNames(), description="Names of the labels in the files.")
    filter: FilterSettings | None = Field(
        default=None, description="Configurations to leave out of the training set."
    )
    split: SplitSettings | None = Field(
        default=None, description="Take test configurations out of the training files."
    )


class FitSettings(PotentialSettings):
    """Settings of `atomsmith fit`."""

    data: DataSettings = Field(description="Configurations.")
    executor: ExecutorSettings = Field(
        default=ExecutorSettings(),
        description="Where rows are made and folded: `workers: 4` for processes on this machine, or kind "
        "parsl or dask for others. The potential has the same bits for any number of workers.",
    )
