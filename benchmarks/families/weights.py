"""Energy weights of the families that are linear in their features, from training data alone.

    ATOMSMITH_DATA=<folder of data/> python -m benchmarks.families.weights FAMILY [ELEMENT ...]

Rows are made once; for each energy weight five groups of the training set are predicted, each from the
others. Two ratios are formed: held-out root mean square errors of energies and of forces over those of the
published potential on its training set. The weight taken has the smallest larger one of them.
"""

from __future__ import annotations

import argparse
import csv
import os
from pathlib import Path

from atomsmith import Dataset
from atomsmith.fitting.blas import single_threaded
from atomsmith.fitting.cross_validation import cross_validate
from atomsmith.fitting.design import RowMaker
from atomsmith.fitting.factor_set import FactorSet
from atomsmith.fitting.fit import Problem, prior_of
from atomsmith.fitting.held_out import GROUPS
from atomsmith.fitting.prior import feature_scale
from atomsmith.fitting.settings import FitSettings
from atomsmith.fitting.streaming import accumulate
from atomsmith.fitting.virial_weight import settled_weights
from atomsmith.fitting.weights import KindWeights
from atomsmith.settings_file import load_settings
from benchmarks.mlearn.run import ELEMENTS

HERE = Path(__file__).parent
FAMILIES = ("snap", "qsnap")
ENERGY_WEIGHTS = (15.0, 30.0, 60.0, 120.0, 240.0)


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


@single_threaded()
def scan(folder: Path, family: str, element: str) -> None:
    """Print the held-out errors of all weights."""
    settings = load_settings(HERE / family / f"{element}.yaml", FitSettings)
    problem = Problem.of(Dataset.read(folder / "mlearn" / f"{element}_train.xyz.gz"), settings)
    settings = problem.settings
    maker = RowMaker(problem.model.plan, settings.weights, problem.known)
    factors = FactorSet(maker.n_features, GROUPS)
    accumulate(maker, problem.rows_of, factors, seed=settings.seed)
    prior = prior_of(problem.model, settings, problem.held_features, feature_scale(factors))
    energy, forces = published(folder / "tables", family, element)
    found = {}
    for weight in ENERGY_WEIGHTS:
        weights = settings.weights.model_copy(update={"energy": weight})
        weights = settled_weights(factors, weights, prior, settings.solver)
        _, errors = cross_validate(factors, KindWeights.of(weights), prior, settings.solver)
        assert errors.energy is not None
        assert errors.forces is not None
        found[weight] = max(errors.energy / energy, errors.forces / forces)
        print(
            f"{family} {element} energy {weight:g}: {errors.energy:.3f} ({energy:.3f}) meV/atom, "
            f"{errors.forces:.4f} ({forces:.4f}) eV/angstrom"
        )
    print(f"{family} {element}: energy {min(found, key=lambda weight: found[weight]):g}", flush=True)


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
