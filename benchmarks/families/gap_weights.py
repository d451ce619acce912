"""Weights of energies and virials and ridges for the fits of the family `gap`, from training data alone.

    ATOMSMITH_DATA=<folder of data/> python -m benchmarks.families.gap_weights [ELEMENT ...] [--points 300]

The settings of `gap/<ELEMENT>.yaml` with fewer sparse points: rows are made once, and for each pair of
weights and each strength of the ridge five groups of the training set are predicted, each from the others.
Root mean square errors are printed. With ``--settings`` other cutoffs, switches and widths of atoms are
compared.
"""

from __future__ import annotations

import argparse
import os
from itertools import product
from pathlib import Path

from atomsmith import Dataset
from atomsmith.fitting.cross_validation import cross_validate
from atomsmith.fitting.held_out import GROUPS
from atomsmith.fitting.problem import Problem, prior_of
from atomsmith.fitting.rows.blas import single_threaded
from atomsmith.fitting.rows.design import RowMaker
from atomsmith.fitting.rows.factor_set import FactorSet
from atomsmith.fitting.rows.streaming import accumulate
from atomsmith.fitting.settings import FitSettings
from atomsmith.fitting.solvers.prior import feature_scale
from atomsmith.fitting.solvers.ridge import Ridge
from atomsmith.fitting.trainers.kernel import whitening, with_kernels
from atomsmith.fitting.weights import KindWeights
from atomsmith.settings_file import load_settings
from benchmarks.mlearn.run import ELEMENTS

HERE = Path(__file__).parent
WEIGHTS = ((30.0, 0.3), (100.0, 0.3), (300.0, 0.3), (100.0, 1.0), (100.0, 0.03))
"""Of energies and virials; that of forces is 1."""
STRENGTHS = (1.0e-15, 1.0e-14, 1.0e-13, 1.0e-12)


def with_points(settings: FitSettings, points: int) -> FitSettings:
    """The settings with so many sparse points in the term of atoms' surroundings, the last."""
    *others, term = settings.model.terms
    term = term.model_copy(update={"regressor": term.regressor.model_copy(update={"points": points})})
    return settings.model_copy(update={"model": settings.model.model_copy(update={"terms": (*others, term)})})


@single_threaded()
def scan(folder: Path, element: str, points: int, file: Path) -> None:
    """Print the held-out errors of all weights."""
    chosen = with_points(load_settings(file, FitSettings), points)
    problem = with_kernels(Problem.of(Dataset.read(folder / f"{element}_train.xyz.gz"), chosen))
    settings = problem.settings
    maker = RowMaker(problem.model.plan, settings.weights, problem.known)
    factors = FactorSet(maker.n_features, GROUPS)
    accumulate(maker, problem.rows_of, factors, seed=settings.seed)
    factors = factors.transformed(whitening(problem))
    prior = prior_of(problem.model, settings, problem.held_features, feature_scale(factors))
    for (energy, virial), strength in product(WEIGHTS, STRENGTHS):
        weights, ridge = KindWeights(energy, 1.0, virial), Ridge(strength=strength)
        _, errors = cross_validate(factors, weights, prior, ridge)
        print(
            f"{element} energy {energy:g} virial {virial:g} ridge {strength:g}: "
            f"{errors.energy:.3f} meV/atom, {errors.forces:.4f} eV/angstrom, {errors.stress:.3f} GPa",
            flush=True,
        )


def main() -> int:
    """Run the scan."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("elements", nargs="*", default=list(ELEMENTS))
    parser.add_argument("--points", type=int, default=300, help="sparse points")
    parser.add_argument("--settings", type=Path, help="another file than gap/<ELEMENT>.yaml, to compare")
    arguments = parser.parse_args()
    for element in arguments.elements:
        file = arguments.settings or HERE / "gap" / f"{element}.yaml"
        scan(Path(os.environ["ATOMSMITH_DATA"]) / "data" / "mlearn", element, arguments.points, file)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
