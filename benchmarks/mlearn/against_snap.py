"""Medium silicon of run.py against `pair_style snap` with the published SNAP: speed in one run, and errors.

    ATOMSMITH_DATA=<folder of data/> python -m benchmarks.mlearn.against_snap [--repeats 5] [--json FILE]

Both run molecular dynamics of the same atoms on one core, interleaved, see `benchmarks.speed.snap`. Errors
are those of the test set of Zuo et al.; the SNAP's are published (data/tables/published_errors.csv).
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from atomsmith import Dataset
from atomsmith.fitting import Elimination
from atomsmith.fitting.fit import fit_model
from atomsmith.fitting.metrics import errors
from benchmarks.mlearn.figure import published
from benchmarks.mlearn.run import FUNCTIONS, settings_of
from benchmarks.speed.snap import dynamics
from benchmarks.timing import machine, parser, write


def main() -> None:
    """Fit, and measure."""
    arguments = parser(__doc__)
    arguments.add_argument("--size", type=int, default=5, help="unit cells along each axis; 8 size^3 atoms")
    options = arguments.parse_args()
    data = Path(os.environ["ATOMSMITH_DATA"]) / "data"
    train, test = (Dataset.read(data / "mlearn" / f"Si_{part}.xyz.gz") for part in ("train", "test"))
    solver = Elimination(functions=FUNCTIONS["medium"])
    potential = fit_model(train, settings_of("Si").model_copy(update={"solver": solver})).potential
    own = errors(test, potential.predict(test)).total
    assert own.energy is not None
    assert own.forces is not None
    times, _ = dynamics(replace(potential, committee=potential.committee[:0]), options.repeats, options.size)
    energy, forces = published(data / "tables" / "published_errors.csv")["Si", "snap"]
    print("| | us per atom and step | energy MAE (meV/atom) | forces MAE (eV/angstrom) |\n|---|---|---|---|")
    snap, ace = (times[f"{name}_us_per_atom_step"]["median"] for name in ("snap", "ace"))
    print(f"| SNAP, published | {snap:.1f} | {energy:.3f} | {forces:.4f} |")
    print(f"| {potential.n_functions} functions | {ace:.1f} | {own.energy.mae:.3f} | {own.forces.mae:.4f} |")
    ratios = (snap / ace, energy / own.energy.mae, forces / own.forces.mae)
    print("| ratio | " + " | ".join(f"{ratio:.2f}" for ratio in ratios) + " |")
    write(options.json, {"machine": machine(), "dynamics": times, "ratios": ratios})


if __name__ == "__main__":
    main()
