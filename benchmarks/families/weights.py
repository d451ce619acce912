"""Cutoffs and energy weights of the families that are linear in their features, from training data alone.

    ATOMSMITH_DATA=<folder of data/> python -m benchmarks.families.weights FAMILY [ELEMENT ...]

The aim is the published potential's mean absolute errors of energies and of forces on its training set, both
at once. So for every cutoff (multiples of the published one, which leave the number of parameters as it is)
and energy weight the training set is predicted in five groups, each from the other four and with a fifth of
every configuration type, and that pair is taken whose larger ratio to the aims is smallest.

Rows count by atoms and the errors count every configuration alike, so types of small cells get a larger
energy weight, by the root of the ratio of atoms. Virials get the weight that fits choose by themselves. MTP
is scanned with a lower level than that of the fit, radial functions being trained for each cutoff, with the
energy weight of the settings and for fewer steps than in the fit; ``--level`` and ``--steps`` say others.
"""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from atomsmith.fitting.rows.design import RowMaker, blocks
from atomsmith.fitting.rows.factor_set import FactorSet
from atomsmith.fitting.settings import FitSettings
from atomsmith.fitting.solvers.prior import Prior, feature_scale
from atomsmith.fitting.trainers.radial import train_radial
from atomsmith.fitting.trainers.training import TrainingTask
from atomsmith.fitting.virial_weight import settled_weights
from atomsmith.fitting.weights import KindWeights, TypeWeights, Weights
from atomsmith.settings_file import load_settings
from atomsmith.systems import FloatArray
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
FIRST = {"snap": 40.0, "qsnap": 40.0, "mtp": 10.0}
"""Energy weight from which the search goes up or down, by factors of two and then of its root."""
LEVEL, STEPS = 16, 6
"""Of moment tensors that are scanned: level and training steps."""


@dataclass(frozen=True)
class MeanErrors:
    """Mean absolute errors of energies in meV/atom and of forces in eV/angstrom."""

    energy: float
    forces: float

    def ratio(self, aim: MeanErrors) -> float:
        """The larger of the ratios to those aimed at."""
        return max(self.energy / aim.energy, self.forces / aim.forces)


def published(tables: Path, family: str, element: str) -> MeanErrors:
    """Errors of the published potential on its training set."""
    with (tables / "published_errors.csv").open() as file:
        for r in csv.DictReader(file):
            if [r[k] for k in ("element", "potential", "split", "config_type")] == [
                element,
                family,
                "train",
                "all",
            ]:
                return MeanErrors(float(r["E_MAE_meV_atom"]), float(r["F_MAE_eV_A"]))
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
class HeldOut:
    """The training set folded in groups, to be predicted with any energy weight.

    Attributes
    ----------
    maker, factors, prior
        Of the fit, types of small cells having their relative weights.
    problem
        Data, settings and model.
    groups
        The configurations of each group of the factors.
    """

    maker: RowMaker
    factors: FactorSet
    prior: Prior
    problem: Problem
    groups: Sequence[Sequence[Configuration]]

    @classmethod
    def of(cls, problem: Problem) -> HeldOut:
        """Make all rows."""
        settings = problem.settings
        weights = with_energy(settings.weights, 1.0, by_type(problem.data))
        maker = RowMaker(problem.model.plan, weights, problem.known)
        groups = fifths(problem.rows_of)
        factors = FactorSet(maker.n_features, GROUPS)
        for group, into in zip(groups, factors.groups, strict=True):
            maker.fold(group, into.closed)
        prior = prior_of(problem.model, settings, problem.held_features, feature_scale(factors))
        return cls(maker, factors, prior, problem, groups)

    def errors(self, energy: float) -> MeanErrors:
        """Errors of every group as predicted from the others."""
        solver = self.problem.settings.solver
        weights = self.problem.settings.weights.model_copy(update={"energy": energy, "types": {}})
        weights = settled_weights(self.factors, weights, self.prior, solver)
        fits, _ = cross_validate(self.factors, KindWeights.of(weights), self.prior, solver)
        energies, forces = [], []
        for group, fit in zip(self.groups, fits.solutions, strict=True):
            for block in blocks(group, self.maker.n_features):
                left = self.maker.residuals(block, fit.coefficients)
                energies.append(left["energy"].targets / [len(c.numbers) for c in block])
                forces.append(left["forces"].targets)
        return MeanErrors(1e3 * _mean_size(energies), _mean_size(forces))

    def best(self, aim: MeanErrors, first: float) -> tuple[float, MeanErrors]:
        """Energy weight of the smallest ratio to the errors aimed at, and the errors."""
        best = first
        found = {best: self.errors(best)}
        for factor in (2.0, 0.5, np.sqrt(2.0), np.sqrt(0.5)):
            while (other := float(f"{best * factor:.3g}")) not in found:
                found[other] = self.errors(other)
                if found[other].ratio(aim) >= found[best].ratio(aim):
                    break
                best = other
        return best, found[best]


def _mean_size(values: Sequence[FloatArray]) -> float:
    return float(np.abs(np.concatenate(values)).mean())


@single_threaded()
def scan(folder: Path, family: str, element: str, multiples: Sequence[float], level: int, steps: int) -> None:
    """Print the best energy weight of every cutoff, and the best of all."""
    settings = load_settings(HERE / family / f"{element}.yaml", FitSettings)
    train = Dataset.read(folder / "mlearn" / f"{element}_train.xyz.gz")
    aim = published(folder / "tables", family, element)
    print(f"{family} {element}: aim {aim.energy:.3f} meV/atom, {aim.forces:.4f} eV/angstrom", flush=True)
    tried = {}
    for multiple in multiples:
        cutoff = round(multiple * PUBLISHED_CUTOFFS[family][element], 2)
        energy, errors = HeldOut.of(problem_of(train, settings, cutoff, level, steps)).best(
            aim, FIRST[family]
        )
        tried[cutoff, energy] = errors
        print(
            f"  cutoff {cutoff:.2f} energy {energy:g}: held out {errors.energy:.3f} meV/atom, "
            f"{errors.forces:.4f} eV/angstrom, ratio {errors.ratio(aim):.3f}",
            flush=True,
        )
    cutoff, energy = min(tried, key=lambda pair: tried[pair].ratio(aim))
    types = {t: w.energy for t, w in with_energy(settings.weights, energy, by_type(train)).types.items()}
    print(f"{family} {element}: cutoff {cutoff:g}, energy {energy:g}, by type {types}", flush=True)


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
    arguments = parser.parse_args()
    for element in arguments.elements:
        scan(
            Path(os.environ["ATOMSMITH_DATA"]) / "data",
            arguments.family,
            element,
            arguments.multiples,
            arguments.level,
            arguments.steps,
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
