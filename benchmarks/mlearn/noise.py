"""Fits without settings to energies with noise: the weight of energies as chosen against the usual one.

    ATOMSMITH_DATA=<folder of data/> python -m benchmarks.mlearn.noise [ELEMENT ...] [--noise 0 10]

Energies of the training set get normal noise (meV/atom), as of calculations whose k-points differ; the test
set is as it is. Rows are made once for all.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from atomsmith import Dataset
from atomsmith.data import Configuration
from atomsmith.fitting.fit import solve_model
from atomsmith.fitting.held_out import GROUPS
from atomsmith.fitting.metrics import errors
from atomsmith.fitting.problem import Problem
from atomsmith.fitting.rows.blas import single_threaded
from atomsmith.fitting.rows.design import RowMaker
from atomsmith.fitting.rows.factor_set import FactorSet
from atomsmith.fitting.rows.streaming import accumulate
from atomsmith.fitting.settings import PotentialSettings
from atomsmith.fitting.weights import OPEN_ENERGY, Weights


def noisy(train: Sequence[Configuration], noise: float) -> Dataset:
    """Configurations with noise on their energies, in eV/atom."""
    generator = np.random.default_rng(0)
    return Dataset(
        c if c.energy is None else c.replace(energy=c.energy + len(c.numbers) * generator.normal(0.0, noise))
        for c in train
    )


@single_threaded()
def rows(folder: Path, element: str, noise: float) -> list[str]:
    """Lines of the table: with the weight chosen, and with the usual one if that is another."""
    train, test = (Dataset.read(folder / f"{element}_{part}.xyz.gz") for part in ("train", "test"))
    problem = Problem.of(noisy(train, 1e-3 * noise), PotentialSettings())
    maker = RowMaker(problem.model.plan, problem.settings.weights, problem.known)
    factors = FactorSet(maker.n_features, GROUPS)
    accumulate(maker, problem.rows_of, factors, seed=problem.settings.seed)
    lines = []
    for weights in (Weights(), Weights(energy=OPEN_ENERGY)):
        settings = problem.settings.model_copy(update={"weights": weights})
        result = solve_model(replace(problem, settings=settings), factors)
        energy = result.potential.metadata["settings"]["weights"]["energy"]
        total = errors(test, result.potential.predict(test)).total
        assert total.energy is not None
        assert total.forces is not None
        lines.append(
            f"| {element} | {noise:g} | {energy:g} | {total.energy.mae:.3f} / {total.energy.rmse:.3f} "
            f"| {total.forces.mae:.4f} / {total.forces.rmse:.4f} |"
        )
        if energy == OPEN_ENERGY:
            break
    return lines


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("elements", nargs="*", default=["Mo", "Si"])
    parser.add_argument("--noise", type=float, nargs="+", default=[10.0], help="meV/atom")
    arguments = parser.parse_args()
    folder = Path(os.environ["ATOMSMITH_DATA"]) / "data" / "mlearn"
    print("| element | noise (meV/atom) | energy weight | energy MAE / RMSE | forces MAE / RMSE |")
    print("|---|---|---|---|---|")
    for element in arguments.elements:
        for noise in arguments.noise:
            print("\n".join(rows(folder, element, noise)), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
