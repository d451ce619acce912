"""What pair sums over a crystal cost, by the number of atoms in the cell.

    python -m benchmarks.kruglov.cost

Energy, forces and virial of fcc cells with all 15 powers, processor time of one core, median of several runs;
and the degree of order beside it, as features of all atoms.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
from ase.build import bulk

from atomsmith.data.configuration import Configuration
from atomsmith.descriptors import (
    GlobalFeaturesSettings,
    InversePowersSettings,
    SymmetryFunctionsSettings,
    build_inverse_powers,
)
from atomsmith.evaluator import PlanEvaluator
from atomsmith.model import ModelSettings, TermSettings, build_model
from atomsmith.systems import Systems

ATOMS = {1: 1, 8: 2, 27: 3, 64: 4, 216: 6}
RUNS = 9


def seconds(call: Callable[[], object]) -> float:
    """Median processor time of a call."""
    found = []
    for _ in range(RUNS):
        start = time.process_time()
        call()
        found.append(time.process_time() - start)
    return statistics.median(found)


def main() -> None:
    """Print a line for every size."""
    part = build_inverse_powers(InversePowersSettings(), (18,)).part
    powers = PlanEvaluator({"elements": [18], "parts": [part]}, skin=0.5)
    weights = powers.weights(np.ones((1, part["n_features"])))
    descriptor = SymmetryFunctionsSettings(kind="symmetry_functions", cutoff=4.0, radial_size=1, angular=())
    bare = {}
    for name, chosen in (("with", GlobalFeaturesSettings()), ("without", None)):
        term = TermSettings(descriptor=descriptor, global_features=chosen)
        bare[name] = PlanEvaluator(
            build_model(ModelSettings(terms=(term,), repulsion=None), (18,)).plan, skin=0.5
        )
    print("atoms   inverse powers   volume and order   us/atom")
    for atoms, repeat in ATOMS.items():
        crystal = bulk("Ar", "fcc", a=5.3).repeat(repeat)
        crystal.rattle(0.05, seed=1)
        systems = Systems.from_configurations([Configuration.from_atoms(crystal)])
        sums = seconds(lambda systems=systems: powers.predict_sets(systems, weights))
        times = {
            name: seconds(
                lambda systems=systems, one=one: one.predict_sets(
                    systems, one.weights(np.ones((1, one.model.n_features)))
                )
            )
            for name, one in bare.items()
        }
        order = times["with"] - times["without"]
        print(f"{atoms:5d}   {1e6 * sums / atoms:14.0f}   {1e6 * order / atoms:16.0f}")


if __name__ == "__main__":
    main()
