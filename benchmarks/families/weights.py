"""Cutoffs and energy weights of the families that are linear in their features, from training data alone.

    ATOMSMITH_DATA=<folder of data/> python -m benchmarks.families.weights FAMILY [ELEMENT ...]

The aim is the published potential's mean absolute errors of energies and of forces on its training set and,
of SNAP and qSNAP, the deviation of its elastic constants from DFT, all at once: Zuo et al. chose settings of
fits by elastic constants, too. So for every cutoff (multiples of the published one, which leave the number
of parameters as it is) and every choice of weights the training set is predicted in five groups, each from
the other four and with a fifth of every configuration type, elastic constants are those of a fit to all of
it, and that choice is taken whose largest ratio to the aims is smallest.

Rows count by atoms and the errors count every configuration alike, so types of small cells get a larger
energy weight, by the root of the ratio of atoms. Where elastic constants count, virials have one of three
weights, with their pressures or without, as strained cells say most of them by their stresses; else the
weight that fits choose by themselves. MTP is scanned with a lower level than that of the fit, radial
functions being trained for each cutoff, with the energy weight of the settings and for fewer steps than in
the fit; ``--level`` and ``--steps`` say others.
"""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from atomsmith import Dataset
from atomsmith.data.configuration import Configuration
from atomsmith.descriptors import MomentsSettings
from atomsmith.fitting.cross_validation import cross_validate
from atomsmith.fitting.held_out import GROUPS
from atomsmith.fitting.problem import Problem, prior_of
from atomsmith.fitting.rows.blas import single_threaded
from atomsmith.fitting.rows.design import RowMaker, blocks, without_pressure
from atomsmith.fitting.rows.factor_set import FactorSet, LabelledRows
from atomsmith.fitting.settings import FitSettings
from atomsmith.fitting.solvers.prior import Prior, feature_scale
from atomsmith.fitting.solvers.registry import solve
from atomsmith.fitting.trainers.radial import train_radial
from atomsmith.fitting.trainers.training import TrainingTask
from atomsmith.fitting.virial_weight import settled_weights
from atomsmith.fitting.weights import KindWeights, TypeWeights, Weights
from atomsmith.potential import Potential
from atomsmith.settings_file import load_settings
from atomsmith.systems import FloatArray
from benchmarks.families.constants import SUFFIXES, deviation, published_deviation
from benchmarks.mlearn.run import ELEMENTS

HERE = Path(__file__).parent
PUBLISHED_CUTOFFS = {
    "snap": {"Li": 5.1, "Mo": 4.6, "Cu": 4.1, "Ni": 4.1, "Si": 4.9, "Ge": 5.5},
    "qsnap": {"Li": 5.1, "Mo": 5.2, "Cu": 3.9, "Ni": 3.8, "Si": 4.8, "Ge": 4.9},
    "mtp": {"Li": 5.1, "Mo": 5.2, "Cu": 3.9, "Ni": 4.0, "Si": 4.7, "Ge": 5.1},
}
"""Of the potentials of Zuo et al., in angstrom."""
MULTIPLES = (0.88, 0.92, 0.96, 1.0, 1.04, 1.08, 1.12)
"""Of the published cutoff."""
VIRIALS = (0.3, 1.0, 3.0)
"""Weights of virials where elastic constants count."""
FIRST = {"snap": 40.0, "qsnap": 40.0, "mtp": 10.0}
"""Energy weight from which the search goes up or down, by factors of two and then of its root."""
LEVEL, STEPS = 16, 6
"""Of moment tensors that are scanned: level and training steps."""


@dataclass(frozen=True)
class Scores:
    """What a fit is judged by.

    Attributes
    ----------
    energy, forces
        Mean absolute errors in meV/atom and eV/angstrom.
    constants
        Mean relative deviation of elastic constants, see `deviation`; None where these do not count.
    """

    energy: float
    forces: float
    constants: float | None = None

    def ratio(self, aim: Scores) -> float:
        """The largest of the ratios to those aimed at."""
        ratios = [self.energy / aim.energy, self.forces / aim.forces]
        if self.constants is not None and aim.constants is not None:
            ratios.append(self.constants / aim.constants)
        return max(ratios)

    def __str__(self) -> str:
        """All of them with their units."""
        told = f"{self.energy:.3f} meV/atom, {self.forces:.4f} eV/angstrom"
        return told if self.constants is None else f"{told}, constants {100 * self.constants:.1f} %"


@dataclass(frozen=True)
class Choice:
    """What is chosen at a cutoff: weights of energies and virials, and whether pressures count.

    ``virial`` is None where fits choose it by themselves.
    """

    energy: float
    virial: float | None = None
    pressure: bool = True

    def __str__(self) -> str:
        """As in a settings file."""
        virial = "" if self.virial is None else f", virial: {self.virial:g}"
        return f"energy: {self.energy:g}{virial}" + ("" if self.pressure else ", pressure: false")


def published(tables: Path, family: str, element: str, constants: bool) -> Scores:
    """Errors of the published potential on its training set, and its elastic constants if they count."""
    with (tables / "published_errors.csv").open() as file:
        for r in csv.DictReader(file):
            if [r[k] for k in ("element", "potential", "split", "config_type")] == [
                element,
                family,
                "train",
                "all",
            ]:
                off = published_deviation(family, element) if constants else None
                return Scores(float(r["E_MAE_meV_atom"]), float(r["F_MAE_eV_A"]), off)
    raise KeyError((family, element))


def by_type(data: Dataset) -> dict[str, float]:
    """Factors of the energy weights of types whose cells are small."""
    atoms = {t: np.mean([len(c.numbers) for c in data if c.config_type == t]) for t in data.config_types}
    largest = max(atoms.values())
    return {t: round(float(np.sqrt(largest / n)), 1) for t, n in atoms.items() if n < 0.8 * largest}


def with_energy(weights: Weights, energy: float, factors: Mapping[str, float]) -> Weights:
    """Weights with another one of energies."""
    types = {name: TypeWeights(energy=round(factor * energy, 1)) for name, factor in factors.items()}
    return weights.model_copy(update={"energy": energy, "types": types})


def with_descriptor(settings: FitSettings, **changes: Any) -> FitSettings:
    """Settings with changes of the descriptor of the only term."""
    (term,) = settings.model.terms
    term = term.model_copy(update={"descriptor": term.descriptor.model_copy(update=changes)})
    return settings.model_copy(update={"model": settings.model.model_copy(update={"terms": (term,)})})


def problem_of(
    train: Dataset, settings: FitSettings, cutoff: float, level: int = LEVEL, steps: int = STEPS
) -> Problem:
    """The fit with another cutoff; of moment tensors with another level and trained radial functions."""
    settings = with_descriptor(settings, cutoff=cutoff)
    descriptor = settings.model.terms[0].descriptor
    if not isinstance(descriptor, MomentsSettings):
        return Problem.of(train, settings)
    radial = descriptor.radial.model_copy(update={"iterations": steps})
    problem = Problem.of(train, with_descriptor(settings, level=level, radial=radial))
    return problem.with_trained(train_radial(TrainingTask(problem, 0, problem.rows_of, [], np.zeros(0))))


def fifths(configurations: Sequence[Configuration]) -> list[list[Configuration]]:
    """Groups of configurations, each with a fifth of every configuration type."""
    groups: list[list[Configuration]] = [[] for _ in range(GROUPS)]
    for name in sorted({c.config_type for c in configurations}):
        own = [c for c in configurations if c.config_type == name]
        for k, configuration in enumerate(own):
            groups[k % GROUPS].append(configuration)
    return groups


@dataclass(frozen=True, eq=False)
class Labelled:
    """Rows of energies per atom and of forces with their targets, by which a group is judged."""

    energy: FloatArray
    forces: FloatArray

    @classmethod
    def of(cls, made: Mapping[str, LabelledRows], block: Sequence[Configuration]) -> Labelled:
        """Of one block; the target is the last column."""
        energy, forces = (np.column_stack([made[k].rows, made[k].targets]) for k in ("energy", "forces"))
        return cls(energy / np.array([[len(c.numbers)] for c in block]), forces)


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The training set folded in groups, to be predicted with any weights.

    Attributes
    ----------
    problem, known
        Data, settings and model; coefficients that targets are relative to.
    factors
        Of the fit, by whether pressures count, types of small cells having their relative weights.
    prior
        Of the fit.
    judged
        Blocks of rows of each group of the factors.
    """

    problem: Problem
    known: FloatArray
    factors: Mapping[bool, FactorSet]
    prior: Prior
    judged: Sequence[Sequence[Labelled]]

    @classmethod
    def of(cls, problem: Problem) -> HeldOut:
        """Make all rows."""
        settings = problem.settings
        weights = with_energy(settings.weights, 1.0, by_type(problem.data))
        weights = weights.model_copy(update={"pressure": True})
        maker = RowMaker(problem.model.plan, weights, problem.known)
        evaluator = maker.evaluator()
        factors = {pressure: FactorSet(maker.n_features, GROUPS) for pressure in (True, False)}
        judged: list[list[Labelled]] = [[] for _ in range(GROUPS)]
        for k, group in enumerate(fifths(problem.rows_of)):
            for block in blocks(group, maker.n_features):
                made = maker.rows(block, evaluator)
                judged[k].append(Labelled.of(made, block))
                factors[True].groups[k].closed.fold(made, len(block), 0)
                deviatoric = made | {"virial": without_pressure(made["virial"])}
                factors[False].groups[k].closed.fold(deviatoric, len(block), 0)
        scale = feature_scale(factors[True])
        prior = prior_of(problem.model, settings, problem.held_features, scale)
        return cls(problem, problem.known, factors, prior, judged)

    def scores(self, choice: Choice, element: str, *, constants: bool = False) -> Scores:
        """Errors of every group as predicted from the others, and elastic constants of a fit to all."""
        solver, factors = self.problem.settings.solver, self.factors[choice.pressure]
        update: dict[str, Any] = {"energy": choice.energy, "virial": choice.virial, "types": {}}
        weights = self.problem.settings.weights.model_copy(update=update)
        kinds = KindWeights.of(settled_weights(factors, weights, self.prior, solver))
        fits, _ = cross_validate(factors, kinds, self.prior, solver)
        energies, forces = [], []
        for group, fit in zip(self.judged, fits.solutions, strict=True):
            left = np.append(fit.coefficients, -1.0)
            energies += [rows.energy @ left for rows in group]
            forces += [rows.forces @ left for rows in group]
        off = None
        if constants:
            found = solve(factors.combine(kinds), self.prior, solver).coefficients + self.known
            model = self.problem.model
            potential = Potential(model.elements, model.plan, model.features, found)
            off = deviation(potential.evaluator(), element)
        return Scores(1e3 * _mean_size(energies), _mean_size(forces), off)

    def best(self, aim: Scores, first: Choice, element: str) -> tuple[Choice, Scores]:
        """Energy weight of the smallest ratio to what is aimed at, and the scores."""
        constants = aim.constants is not None
        best = first
        found = {best: self.scores(best, element, constants=constants)}
        for factor in (2.0, 0.5, np.sqrt(2.0), np.sqrt(0.5)):
            while (other := replace(best, energy=float(f"{best.energy * factor:.3g}"))) not in found:
                found[other] = self.scores(other, element, constants=constants)
                if found[other].ratio(aim) >= found[best].ratio(aim):
                    break
                best = other
        return best, found[best]


def _mean_size(values: Sequence[FloatArray]) -> float:
    return float(np.abs(np.concatenate(values)).mean())


@single_threaded()
def scan(
    folder: Path,
    family: str,
    element: str,
    multiples: Sequence[float],
    level: int,
    steps: int,
    constants: bool,
) -> None:
    """Print the best weights of every cutoff, and the best of all."""
    settings = load_settings(HERE / family / f"{element}.yaml", FitSettings)
    train = Dataset.read(folder / "mlearn" / f"{element}_train.xyz.gz")
    aim = published(folder / "tables", family, element, constants)
    print(f"{family} {element}: aim {aim}", flush=True)
    tried = {}
    for multiple in multiples:
        cutoff = round(multiple * PUBLISHED_CUTOFFS[family][element], 2)
        held_out = HeldOut.of(problem_of(train, settings, cutoff, level, steps))
        for pressure, virial in product((True, False), VIRIALS) if constants else [(True, None)]:
            choice, scores = held_out.best(aim, Choice(FIRST[family], virial, pressure), element)
            tried[cutoff, choice] = scores
            print(f"  {cutoff:.2f} {choice}: held out {scores}, ratio {scores.ratio(aim):.3f}", flush=True)
    cutoff, choice = min(tried, key=lambda pair: tried[pair].ratio(aim))
    types = with_energy(settings.weights, choice.energy, by_type(train)).types
    by_name = {name: weights.energy for name, weights in types.items()}
    print(f"{family} {element}: cutoff {cutoff:g}, {choice}, energy by type {by_name}", flush=True)


def main() -> int:
    """Run the scan."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("family", choices=sorted(PUBLISHED_CUTOFFS))
    parser.add_argument("elements", nargs="*", default=list(ELEMENTS))
    parser.add_argument(
        "--multiples", type=float, nargs="+", default=MULTIPLES, help="of the published cutoff"
    )
    parser.add_argument("--level", type=int, default=LEVEL, help="of moment tensors")
    parser.add_argument("--steps", type=int, default=STEPS, help="of the training of radial functions")
    parser.add_argument("--errors-only", action="store_true", help="let no elastic constants count")
    arguments = parser.parse_args()
    for element in arguments.elements:
        scan(
            Path(os.environ["ATOMSMITH_DATA"]) / "data",
            arguments.family,
            element,
            arguments.multiples,
            arguments.level,
            arguments.steps,
            arguments.family in SUFFIXES and not arguments.errors_only,
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
