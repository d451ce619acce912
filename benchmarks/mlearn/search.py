"""Choose the settings of the mlearn benchmark by cross-validation of the training sets alone.

    ATOMSMITH_DATA=<folder of data/> python -m benchmarks.mlearn.search [--functions 500] [ELEMENT ...]

One choice after the other (correlation order, distance transform, energy weight, balance of angles and
distances, prior, size of the basis that functions are chosen from) is varied, and what gives the smallest
score is kept: the geometric mean of the mean absolute errors of energies and forces on configurations held
out. The cutoff is that of the defaults, for reasons that docs/accuracy.md gives; the log also has the trials
that went before them, with other cutoffs. Test sets are never read. The potential has about as many functions
in every trial. Five folds; within each configuration type, consecutive configurations stay together in
blocks, because snapshots of one trajectory resemble each other. Functions are chosen anew without each fold.
Every trial is a line of search.csv beside this file.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from atomsmith import Dataset
from atomsmith.data import Configuration
from atomsmith.data.shells import typical_cutoff
from atomsmith.descriptors import AceSettings, PairSettings, degree_for
from atomsmith.descriptors.radial import RadialSettings
from atomsmith.elements import SYMBOLS
from atomsmith.fitting.cross_validation import leave_group_out
from atomsmith.fitting.problem import distances_of, prior_of, reference_energies
from atomsmith.fitting.rows.blas import single_threaded
from atomsmith.fitting.rows.design import RowMaker, number_of_labels
from atomsmith.fitting.rows.factor_set import FactorSet
from atomsmith.fitting.settings import PotentialSettings
from atomsmith.fitting.solvers.elimination import Elimination
from atomsmith.fitting.solvers.evidence import Evidence
from atomsmith.fitting.solvers.prior import Prior, feature_scale
from atomsmith.fitting.solvers.registry import Solution
from atomsmith.fitting.virial_weight import settled_weights
from atomsmith.fitting.weights import KindWeights, Weights
from atomsmith.model import ModelSettings, TermSettings, build_model
from atomsmith.systems import FloatArray

ELEMENTS = ("Li", "Mo", "Cu", "Ni", "Si", "Ge")
FOLDS, BLOCKS = 5, 10


@dataclass(frozen=True)
class Choice:
    """A trial; lengths in units of the sphere of 32 neighbours and of the first-neighbour distance.

    ``cutoff`` is 0 for that of the defaults, the sphere of 48 neighbours rounded to 0.1 angstrom.
    ``candidates`` is the size of the basis that the functions are chosen from by elimination; 0 for a basis
    that has no more than wanted.
    """

    cutoff: float = 0.0
    order: int = 3
    r0: float = 1.0
    energy: float = 30.0
    weight_l: float = 0.5
    smoothness_power: float = 2.0
    candidates: int = 0

    @property
    def basis(self) -> Choice:
        """Choice with the same rows."""
        return dataclasses.replace(self, energy=0.0, smoothness_power=0.0)


ALTERNATIVES: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("order", (3, 4)),
    ("r0", (1.0, 1.4)),
    ("energy", (10.0, 30.0, 60.0, 120.0)),
    ("weight_l", (0.5, 1.0)),
    ("candidates", (0, 2000)),
    ("smoothness_power", (2.0, 4.0)),
)


@dataclass(frozen=True)
class Score:
    """Held-out errors: meV/atom and eV/angstrom; seconds of the trial."""

    functions: int
    energy_mae: float
    energy_rmse: float
    forces_mae: float
    forces_rmse: float
    virial_weight: float
    seconds: float

    @property
    def value(self) -> float:
        """Geometric mean of both mean absolute errors."""
        return float(np.sqrt(self.energy_mae * self.forces_mae))


def settings_of(choice: Choice, train: Dataset, functions: int) -> PotentialSettings:
    """Settings of a choice for data of one element, with the largest degree of at most so many functions."""
    (element,) = train.elements
    first = float(distances_of(train, train.elements).first_neighbour[0, 0])
    r0 = {f"{SYMBOLS[element]}-{SYMBOLS[element]}": round(choice.r0 * first, 2)}
    radial = RadialSettings(r0=r0)
    cutoff = choice.cutoff * typical_cutoff(train, 32.0)
    ace = AceSettings(
        cutoff=round(cutoff, 2) if choice.cutoff else typical_cutoff(train),
        correlation_order=choice.order,
        degree_step=1.5,
        weight_l=choice.weight_l,
        smoothness_power=choice.smoothness_power,
        radial=radial,
    )
    ace = ace.with_degree(degree_for(ace, 1, choice.candidates or functions))
    terms = (TermSettings(descriptor=PairSettings(radial=radial)), TermSettings(descriptor=ace))
    return PotentialSettings(
        model=ModelSettings(terms=terms),
        weights=Weights(energy=choice.energy),
        solver=Elimination(functions=functions) if choice.candidates else Evidence(),
    )


def folds_of(configurations: Dataset) -> list[int]:
    """Fold of each configuration: blocks of consecutive ones of a type, dealt to the folds in turn."""
    fold = np.zeros(len(configurations), dtype=int)
    types = np.array([c.config_type for c in configurations])
    for name in configurations.config_types:
        index = np.flatnonzero(types == name)
        fold[index] = np.arange(len(index)) * min(BLOCKS, len(index)) // len(index) % FOLDS
    return fold.tolist()


@dataclass(frozen=True, eq=False)
class HeldRow:
    """Energy or force rows of a configuration, for mean absolute errors."""

    fold: int
    kind: str
    rows: FloatArray
    targets: FloatArray
    atoms: int


class Trials:
    """Rows of one basis on one training set, on which weights can be tried."""

    def __init__(self, train: Dataset, settings: PotentialSettings) -> None:
        elements = train.elements
        self.distances = distances_of(train, elements)
        self.model = build_model(settings.model, elements, self.distances)
        reference, self.held = reference_energies(train, elements, settings.reference_energies)
        maker = RowMaker(self.model.plan, settings.weights, reference)
        self.factors = FactorSet(len(self.model.features), FOLDS)
        self.rows: list[HeldRow] = []
        for configuration, fold in zip(train, folds_of(train), strict=True):
            self._add(maker, configuration, fold)

    def _add(self, maker: RowMaker, configuration: Configuration, fold: int) -> None:
        made = maker.rows([configuration])
        self.factors.groups[fold].closed.fold(made, 1, number_of_labels(configuration))
        for kind in ("energy", "forces"):
            rows, targets = np.array(made[kind].rows), made[kind].targets
            self.rows.append(HeldRow(fold, kind, rows, targets, len(configuration.numbers)))

    def prior(self, settings: PotentialSettings) -> Prior:
        """Prior of some settings that have the same basis."""
        model = build_model(settings.model, self.model.elements, self.distances)
        return prior_of(model, settings, self.held, feature_scale(self.factors))

    def unseen_errors(self, fits: Sequence[Solution]) -> dict[str, list[tuple[int, FloatArray]]]:
        """Fold and errors (meV/atom, eV/angstrom) of each configuration with the fit without its fold."""
        found: dict[str, list[tuple[int, FloatArray]]] = {"energy": [], "forces": []}
        for row in self.rows:
            error = row.rows @ fits[row.fold].coefficients - row.targets
            found[row.kind].append((row.fold, 1e3 * error / row.atoms if row.kind == "energy" else error))
        return found

    @single_threaded()
    def score(self, settings: PotentialSettings, started: float) -> Score:
        """Held-out errors with the weights, prior and solver of some settings that have the same basis."""
        prior = self.prior(settings)
        weights = settled_weights(self.factors, settings.weights, prior, settings.solver)
        groups = self.factors.by_group(KindWeights.of(weights))
        fits = leave_group_out(list(groups.values()), prior, settings.solver).solutions
        found = self.unseen_errors(fits)
        energy, forces = (
            np.abs(np.concatenate([error for _, error in found[kind]])) for kind in ("energy", "forces")
        )
        return Score(
            functions=min(int(np.count_nonzero(fit.coefficients)) for fit in fits) - len(self.model.elements),
            energy_mae=float(energy.mean()),
            energy_rmse=float(np.sqrt(np.mean(energy**2))),
            forces_mae=float(forces.mean()),
            forces_rmse=float(np.sqrt(np.mean(forces**2))),
            virial_weight=weights.virial or 0.0,
            seconds=time.perf_counter() - started,
        )


def logged(path: Path, element: str) -> dict[Choice, Score]:
    """Trials of an element that are in the log already."""
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["element"] == element]

    def values(kind: type, row: dict[str, str]) -> dict[str, Any]:
        return {f.name: (int if f.type == "int" else float)(row[f.name]) for f in dataclasses.fields(kind)}

    return {Choice(**values(Choice, row)): Score(**values(Score, row)) for row in rows}


def search(element: str, train: Dataset, functions: int, known: dict[Choice, Score], log: TextIO) -> Choice:
    """Vary one choice after the other; returns the best found. Known trials are not repeated."""
    best, score = Choice(), None
    trials: Trials | None = None
    basis: Choice | None = None
    for name, values in ALTERNATIVES:
        for value in values:
            choice = dataclasses.replace(best, **{name: value})
            if choice in known:
                continue
            started = time.perf_counter()
            settings = settings_of(choice, train, functions)
            if trials is None or basis != choice.basis:
                trials = None  # gives back its memory before the next one is made
                trials, basis = Trials(train, settings), choice.basis
            known[choice] = trials.score(settings, started)
            row = {"element": element} | dataclasses.asdict(choice) | dataclasses.asdict(known[choice])
            csv.DictWriter(log, list(row)).writerow(row)
            log.flush()
            print(element, choice, known[choice], f"score {known[choice].value:.5f}", flush=True)
        tried = [dataclasses.replace(best, **{name: value}) for value in values]
        best = min(tried, key=lambda choice: known[choice].value)
        score = known[best]
    print(element, "best:", best, score, flush=True)
    return best


def main() -> int:
    """Search for all elements."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("elements", nargs="*", default=list(ELEMENTS))
    parser.add_argument("--functions", type=int, default=500, help="size of the basis")
    parser.add_argument("--log", type=Path, default=Path(__file__).with_name("search.csv"))
    arguments = parser.parse_args()
    if "ATOMSMITH_DATA" not in os.environ:
        print("set ATOMSMITH_DATA to the folder that holds data/", file=sys.stderr)
        return 2
    folder = Path(os.environ["ATOMSMITH_DATA"]) / "data" / "mlearn"
    fields = ["element", *(f.name for f in (*dataclasses.fields(Choice), *dataclasses.fields(Score)))]
    new = not arguments.log.exists()
    with arguments.log.open("a", newline="") as log:
        if new:
            csv.DictWriter(log, fields).writeheader()
            log.flush()
        for element in arguments.elements:
            train = Dataset.read(folder / f"{element}_train.xyz.gz")
            search(element, train, arguments.functions, logged(arguments.log, element), log)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
