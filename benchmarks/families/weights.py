"""Energy weights of the families that are linear in their features, from training data alone.

    ATOMSMITH_DATA=<folder of data/> python -m benchmarks.families.weights FAMILY [ELEMENT ...]

The tables count every configuration alike, and rows count by atoms: types of small cells get a larger energy
weight, by the root of the ratio of atoms. The general weight taken is the largest with which the forces of
the training set are fitted no worse than by the published potential, which was fitted to the same set with as
many parameters; the default one where there is none.
"""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from atomsmith import Dataset
from atomsmith.fitting.blas import single_threaded
from atomsmith.fitting.design import RowMaker
from atomsmith.fitting.factor_set import FactorSet
from atomsmith.fitting.held_out import GROUPS
from atomsmith.fitting.prior import feature_scale
from atomsmith.fitting.problem import Problem, prior_of
from atomsmith.fitting.settings import FitSettings
from atomsmith.fitting.solvers import solve
from atomsmith.fitting.streaming import accumulate
from atomsmith.fitting.virial_weight import settled_weights
from atomsmith.fitting.weights import KindWeights, TypeWeights, Weights
from atomsmith.settings_file import load_settings
from benchmarks.mlearn.run import ELEMENTS

HERE = Path(__file__).parent
FAMILIES = ("snap", "qsnap")
DEFAULT = 30.0
ENERGY_WEIGHTS = (DEFAULT, 45.0, 60.0)


def published(tables: Path, family: str, element: str) -> tuple[float, float]:
    """Root mean square errors of the published potential on its training set: meV/atom and eV/angstrom."""
    with (tables / "published_errors.csv").open() as file:
        for r in csv.DictReader(file):
            if (r["element"], r["potential"], r["split"], r["config_type"]) == (
                element,
                family,
                "train",
                "all",
            ):
                return float(r["E_RMSE_meV_atom"]), float(r["F_RMSE_eV_A"])
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


@single_threaded()
def scan(folder: Path, family: str, element: str) -> None:
    """Print the errors of all weights."""
    settings = load_settings(HERE / family / f"{element}.yaml", FitSettings)
    train = Dataset.read(folder / "mlearn" / f"{element}_train.xyz.gz")
    problem = Problem.of(train, settings)
    settings, small = problem.settings, by_type(train)
    maker = RowMaker(problem.model.plan, with_energy(settings.weights, 1.0, small), problem.known)
    factors = FactorSet(maker.n_features, GROUPS)
    accumulate(maker, problem.rows_of, factors, seed=settings.seed)
    prior = prior_of(problem.model, settings, problem.held_features, feature_scale(factors))
    virial = settled_weights(
        factors, with_energy(settings.weights, 30.0, small), prior, settings.solver
    ).virial
    energy, forces = published(folder / "tables", family, element)
    best = DEFAULT
    for weight in ENERGY_WEIGHTS:
        weights = with_energy(settings.weights, weight, small).model_copy(update={"virial": virial})
        fit = solve(factors.combine(KindWeights.of(weights)), prior, settings.solver)
        errors = factors.errors(fit.coefficients)
        assert errors.energy is not None
        assert errors.forces is not None
        best = weight if errors.forces <= forces else best
        print(
            f"{family} {element} energy {weight:g}: {errors.energy:.3f} ({energy:.3f}) meV/atom, "
            f"{errors.forces:.4f} ({forces:.4f}) eV/angstrom"
        )
    types = {t: w.energy for t, w in with_energy(settings.weights, best, small).types.items()}
    print(f"{family} {element}: energy {best:g}, by type {types}", flush=True)


def main() -> int:
    """Run the scan."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("family", choices=FAMILIES)
    parser.add_argument("elements", nargs="*", default=list(ELEMENTS))
    arguments = parser.parse_args()
    for element in arguments.elements:
        scan(Path(os.environ["ATOMSMITH_DATA"]) / "data", arguments.family, element)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
