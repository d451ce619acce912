"""Cutoffs and energy weights of the families that are linear in their features, from training data alone.

    ATOMSMITH_DATA=<folder of data/> python -m benchmarks.families.weights FAMILY [ELEMENT ...]

The aim is the published potential's errors of energies and of forces on its training set, mean absolute and
root mean square, and, of SNAP and qSNAP, the deviation of its elastic constants from DFT, all at once: Zuo et
al. chose settings of fits by elastic constants, too. So for every cutoff (multiples of the published one,
which leave the number of parameters as it is) and every choice of weights the training set is predicted in
five groups, each from the other four and with a fifth of every configuration type, elastic constants are
those of a fit to all of it, and that choice is taken whose largest ratio to the aims is smallest. SNAP and
MTP were chosen by mean absolute errors alone (``--mean-absolute``).

Rows count by atoms and the errors count every configuration alike, so types of small cells get a larger
energy weight, by the root of the ratio of atoms. Where elastic constants count, virials have one of three
weights, with their pressures or without, as strained cells say most of them by their stresses; else the
weight that fits choose by themselves. MTP is scanned with a lower level than that of the fit, radial
functions being trained for each cutoff, with the energy weight of the settings and for fewer steps than in
the fit; ``--level`` and ``--steps`` say others. A bispectrum is scanned as in its settings, or with another
2J and number of functions (``--twojmax``, ``--functions``), which is much faster.
"""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
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
from atomsmith.fitting.rows.factor_set import FactorSet
from atomsmith.fitting.settings import FitSettings
from atomsmith.fitting.solvers.elimination import Elimination
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
    energy_rms, forces_rms
        Root mean square errors; None where these do not count.
    constants
        Mean relative deviation of elastic constants, see `deviation`; None where these do not count.
    """

    energy: float
    forces: float
    energy_rms: float | None = None
    forces_rms: float | None = None
    constants: float | None = None

    def ratio(self, aim: Scores) -> float:
        """The largest of the ratios to those aimed at."""
        pairs = ((getattr(self, one.name), getattr(aim, one.name)) for one in fields(self))
        return float(max(mine / other for mine, other in pairs if mine is not None and other is not None))

    def __str__(self) -> str:
        """All of them with their units, root mean squares in brackets."""
        energy, forces = f"{self.energy:.3f}", f"{self.forces:.4f}"
        if self.energy_rms is not None and self.forces_rms is not None:
            energy, forces = f"{energy} ({self.energy_rms:.3f})", f"{forces} ({self.forces_rms:.4f})"
        told = f"{energy} meV/atom, {forces} eV/angstrom"
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


@dataclass(frozen=True)
class Scan:
    """What is scanned.

    Attributes
    ----------
    multiples
        Of the published cutoff.
    virials, pressures
        Weights of virials, and whether pressures count, where elastic constants do.
    first
        Energy weight from which the search goes up or down.
    coarse
        Whether the search ends with factors of two.
    constants, mean_square
        Whether elastic constants and root mean square errors count.
    level, steps
        Of moment tensors.
    twojmax, functions
        Of bispectra; None leaves those of the settings.
    surfaces
        What multiplies the energy weight of surfaces.
    """

    multiples: Sequence[float]
    virials: Sequence[float]
    pressures: Sequence[bool]
    first: float
    coarse: bool
    constants: bool
    mean_square: bool
    level: int
    steps: int
    twojmax: int | None
    functions: int | None
    surfaces: float

    def first_choices(self) -> list[Choice]:
        """Where the search for the energy weight begins, for each weight of virials."""
        if not self.constants:
            return [Choice(self.first)]
        return [Choice(self.first, virial, p) for p, virial in product(self.pressures, self.virials)]


def published(tables: Path, family: str, element: str, scan: Scan) -> Scores:
    """Errors of the published potential on its training set, and its elastic constants if they count."""
    with (tables / "published_errors.csv").open() as file:
        for r in csv.DictReader(file):
            if [r[k] for k in ("element", "potential", "split", "config_type")] == [
                element,
                family,
                "train",
                "all",
            ]:
                off = published_deviation(family, element) if scan.constants else None
                aim = Scores(float(r["E_MAE_meV_atom"]), float(r["F_MAE_eV_A"]), constants=off)
                if not scan.mean_square:
                    return aim
                energy_rms, forces_rms = float(r["E_RMSE_meV_atom"]), float(r["F_RMSE_eV_A"])
                return replace(aim, energy_rms=energy_rms, forces_rms=forces_rms)
    raise KeyError((family, element))


def by_type(data: Dataset, surfaces: float = 1.0) -> dict[str, float]:
    """Factors of the energy weights of types whose cells are small; that of surfaces is multiplied."""
    atoms = {t: np.mean([len(c.numbers) for c in data if c.config_type == t]) for t in data.config_types}
    largest = max(atoms.values())
    found = {t: round(float(np.sqrt(largest / n)), 1) for t, n in atoms.items() if n < 0.8 * largest}
    return found if surfaces == 1.0 else found | {"Surface": surfaces * found.get("Surface", 1.0)}


def with_energy(weights: Weights, energy: float, factors: Mapping[str, float]) -> Weights:
    """Weights with another one of energies."""
    types = {name: TypeWeights(energy=round(factor * energy, 1)) for name, factor in factors.items()}
    return weights.model_copy(update={"energy": energy, "types": types})


def with_descriptor(settings: FitSettings, **changes: Any) -> FitSettings:
    """Settings with changes of the descriptor of the only term."""
    (term,) = settings.model.terms
    term = term.model_copy(update={"descriptor": term.descriptor.model_copy(update=changes)})
    return settings.model_copy(update={"model": settings.model.model_copy(update={"terms": (term,)})})


def problem_of(train: Dataset, settings: FitSettings, cutoff: float, scan: Scan) -> Problem:
    """The fit with another cutoff and size; of moment tensors with trained radial functions."""
    settings = with_descriptor(settings, cutoff=cutoff)
    descriptor = settings.model.terms[0].descriptor
    if not isinstance(descriptor, MomentsSettings):
        if scan.twojmax is not None:
            settings = with_descriptor(settings, twojmax=scan.twojmax)
        if scan.functions is not None:
            settings = settings.model_copy(update={"solver": Elimination(functions=scan.functions)})
        return Problem.of(train, settings)
    radial = descriptor.radial.model_copy(update={"iterations": scan.steps})
    problem = Problem.of(train, with_descriptor(settings, level=scan.level, radial=radial))
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
    """The training set folded in groups, to be predicted with any weights.

    Attributes
    ----------
    problem, maker
        Data, settings and model; what makes its rows.
    factors
        Of the fit, by whether pressures count, types of small cells having their relative weights.
    prior
        Of the fit.
    """

    problem: Problem
    maker: RowMaker
    factors: Mapping[bool, FactorSet]
    prior: Prior

    @classmethod
    def of(cls, problem: Problem, factors_of_types: Mapping[str, float]) -> HeldOut:
        """Make all rows; energies of some types have factors of their own."""
        settings = problem.settings
        weights = with_energy(settings.weights, 1.0, factors_of_types)
        weights = weights.model_copy(update={"pressure": True})
        maker = RowMaker(problem.model.plan, weights, problem.known)
        evaluator = maker.evaluator()
        factors = {pressure: FactorSet(maker.n_features, GROUPS) for pressure in (True, False)}
        for k, group in enumerate(fifths(problem.rows_of)):
            full, deviatoric = (factors[pressure].groups[k].closed for pressure in (True, False))
            for block in blocks(group, maker.n_features):
                made = maker.rows(block, evaluator)
                full.fold(made, len(block), 0)
                deviatoric.fold({"virial": without_pressure(made["virial"])}, len(block), 0)
            deviatoric.factors |= {kind: full.factors[kind] for kind in ("energy", "forces")}
        scale = feature_scale(factors[True])
        prior = prior_of(problem.model, settings, problem.held_features, scale)
        return cls(problem, maker, factors, prior)

    def scores(self, choice: Choice, element: str, *, constants: bool = False) -> Scores:
        """Errors of every group as predicted from the others, and elastic constants of a fit to all."""
        solver, factors = self.problem.settings.solver, self.factors[choice.pressure]
        update: dict[str, Any] = {"energy": choice.energy, "virial": choice.virial, "types": {}}
        weights = self.problem.settings.weights.model_copy(update=update)
        kinds = KindWeights.of(settled_weights(factors, weights, self.prior, solver))
        fits, _ = cross_validate(factors, kinds, self.prior, solver)
        evaluator, energies, forces = self.maker.evaluator(), [], []
        for group, fit in zip(fifths(self.problem.rows_of), fits.solutions, strict=True):
            left = self.maker.residuals(group, fit.coefficients, evaluator)
            energies.append(1e3 * left["energy"].targets / [len(c.numbers) for c in group])
            forces.append(left["forces"].targets)
        off = None
        if constants:
            found = solve(factors.combine(kinds), self.prior, solver).coefficients + self.maker.reference
            model = self.problem.model
            potential = Potential(model.elements, model.plan, model.features, found)
            off = deviation(potential.evaluator(), element)
        means, squares = zip(_sizes(energies), _sizes(forces), strict=True)
        return Scores(*means, *squares, constants=off)

    def best(self, aim: Scores, first: Choice, element: str, coarse: bool) -> tuple[Choice, Scores]:
        """Energy weight of the smallest ratio to what is aimed at, and the scores."""
        constants = aim.constants is not None
        best = first
        found = {best: self.scores(best, element, constants=constants)}
        for factor in (2.0, 0.5) if coarse else (2.0, 0.5, np.sqrt(2.0), np.sqrt(0.5)):
            while (other := replace(best, energy=float(f"{best.energy * factor:.3g}"))) not in found:
                found[other] = self.scores(other, element, constants=constants)
                if found[other].ratio(aim) >= found[best].ratio(aim):
                    break
                best = other
        return best, found[best]


def _sizes(values: Sequence[FloatArray]) -> tuple[float, float]:
    """Mean absolute and root mean square."""
    every = np.concatenate(values)
    return float(np.abs(every).mean()), float(np.sqrt(np.square(every).mean()))


@single_threaded()
def search(folder: Path, family: str, element: str, scan: Scan) -> None:
    """Print the best weights of every cutoff, and the best of all."""
    settings = load_settings(HERE / family / f"{element}.yaml", FitSettings)
    train = Dataset.read(folder / "mlearn" / f"{element}_train.xyz.gz")
    aim = published(folder / "tables", family, element, scan)
    print(f"{family} {element}: aim {aim}", flush=True)
    tried, factors = {}, by_type(train, scan.surfaces)
    for multiple in scan.multiples:
        cutoff = round(multiple * PUBLISHED_CUTOFFS[family][element], 2)
        held_out = HeldOut.of(problem_of(train, settings, cutoff, scan), factors)
        for first in scan.first_choices():
            choice, scores = held_out.best(aim, first, element, scan.coarse)
            tried[cutoff, choice] = scores
            print(f"  {cutoff:.2f} {choice}: held out {scores}, ratio {scores.ratio(aim):.3f}", flush=True)
    cutoff, choice = min(tried, key=lambda pair: tried[pair].ratio(aim))
    types = with_energy(settings.weights, choice.energy, factors).types
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
    parser.add_argument("--virials", type=float, nargs="+", default=VIRIALS, help="weights of virials")
    parser.add_argument(
        "--pressures", choices=("yes", "no"), nargs="+", default=("yes", "no"), help="whether they count"
    )
    parser.add_argument("--first", type=float, help="energy weight to begin with")
    parser.add_argument("--coarse", action="store_true", help="end the search with factors of two")
    parser.add_argument("--level", type=int, default=LEVEL, help="of moment tensors")
    parser.add_argument("--steps", type=int, default=STEPS, help="of the training of radial functions")
    parser.add_argument("--twojmax", type=int, help="of bispectra, instead of that of the settings")
    parser.add_argument("--functions", type=int, help="of bispectra that are left")
    parser.add_argument(
        "--surfaces", type=float, default=1.0, help="what multiplies the energy weight of surfaces"
    )
    parser.add_argument("--errors-only", action="store_true", help="let no elastic constants count")
    parser.add_argument("--mean-absolute", action="store_true", help="let no root mean squares count")
    arguments = parser.parse_args()
    scan = Scan(
        multiples=arguments.multiples,
        virials=arguments.virials,
        pressures=[answer == "yes" for answer in arguments.pressures],
        first=arguments.first or FIRST[arguments.family],
        coarse=arguments.coarse,
        constants=arguments.family in SUFFIXES and not arguments.errors_only,
        mean_square=not arguments.mean_absolute,
        level=arguments.level,
        steps=arguments.steps,
        twojmax=arguments.twojmax,
        functions=arguments.functions,
        surfaces=arguments.surfaces,
    )
    for element in arguments.elements:
        search(Path(os.environ["ATOMSMITH_DATA"]) / "data", arguments.family, element, scan)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
