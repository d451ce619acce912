"""Silicon beyond its data, with and without what fits believe of simple crystals: random crystals of DFT.

    ATOMSMITH_DATA=<folder of data/> python -m benchmarks.mlearn.beyond [--sizes default large ...]

Prints, by size and ``beyond_data``, errors on the test set, mean errors (meV/atom) of random crystals up to
0.5, 0.5 to 1 and 1 to 2 eV/atom above diamond (the lowest configuration of the training set), and the share
of all that a fit puts below diamond. The random crystals are the half that no choice was made with.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from atomsmith import Dataset
from atomsmith.fitting import Elimination, FactorSet
from atomsmith.fitting.fit import solve_model
from atomsmith.fitting.held_out import GROUPS
from atomsmith.fitting.metrics import errors
from atomsmith.fitting.problem import Problem
from atomsmith.fitting.rows.blas import single_threaded
from atomsmith.fitting.rows.design import RowMaker
from atomsmith.fitting.rows.streaming import accumulate
from atomsmith.fitting.settings import PotentialSettings
from atomsmith.potential import Potential
from benchmarks.mlearn.run import FUNCTIONS, SIZES, settings_of

FILES = ("Si6", "Si16")
EDGES = (0.0, 0.5, 1.0, 2.0)
BELOW = 0.02
"""eV/atom under diamond from which on a crystal counts as below it."""


def energies_per_atom(potential: Potential, data: Dataset) -> np.ndarray:
    """Energies per atom in eV, shape (len(data),)."""
    found = potential.predict(data).energy
    return np.array([energy / len(c.numbers) for energy, c in zip(found, data, strict=True)])


@single_threaded()
def rows(folder: Path, size: str) -> list[str]:
    """Lines of the table of one size; the rows of the fit are made once."""
    train, test = (Dataset.read(folder / "mlearn" / f"Si_{part}.xyz.gz") for part in ("train", "test"))
    random = Dataset.read([folder / "random_si" / f"{name}.xyz.gz" for name in FILES])
    diamond = min(c.energy / len(c.numbers) for c in train if c.energy is not None)
    truth = np.array([c.energy / len(c.numbers) for c in random if c.energy is not None])
    problem = Problem.of(train, PotentialSettings() if size == "default" else settings_of("Si"))
    maker = RowMaker(problem.model.plan, problem.settings.weights, problem.known)
    factors = FactorSet(maker.n_features, GROUPS)
    accumulate(maker, problem.rows_of, factors, seed=problem.settings.seed)
    solver = problem.settings.solver if size == "default" else Elimination(functions=FUNCTIONS[size])
    lines = []
    for belief in ("none", "crystals"):
        settings = problem.settings.model_copy(update={"solver": solver, "beyond_data": belief})
        potential = solve_model(replace(problem, settings=settings), factors).potential
        total = errors(test, potential.predict(test)).total
        assert total.energy is not None
        assert total.forces is not None
        found = energies_per_atom(potential, random)
        means = [
            1e3 * np.abs(found - truth)[(truth - diamond >= low) & (truth - diamond < high)].mean()
            for low, high in pairwise(EDGES)
        ]
        below = 100.0 * np.mean(found < diamond - BELOW)
        lines.append(
            f"| {size} | {belief} | {total.energy.mae:.3f} / {total.forces.mae:.4f} | "
            + " | ".join(f"{mean:.0f}" for mean in means)
            + f" | {below:.2f} % |"
        )
    return lines


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=["default", "large"])
    folder = Path(os.environ["ATOMSMITH_DATA"]) / "data"
    print("| fit | `beyond_data` | energy / forces | to 0.5 eV | 0.5 to 1 | 1 to 2 | below diamond |")
    print("|---|---|---|---|---|---|---|")
    for size in parser.parse_args().sizes:
        print("\n".join(rows(folder, size)), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
