"""Rows of the design matrix of a fit on the molybdenum set, against `pair_style snap` in the same run.

    ATOMSMITH_DATA=... python -m benchmarks.speed.design [--json design.json]

FitSNAP (LAMMPS' own SNAP code) makes the rows of these 194 structures, 10,087 atoms, in 1.7 times the time of
`snap` on silicon (2J = 8) per atom for 56 columns, and in 3.4 times for 496; its speed is anchored by that
multiple, because its release does not run with the present LAMMPS. Ours are rows of energy, forces and virial
of a linear ACE with pair functions, neighbour lists included. The data are the benchmark of Zuo et al.,
J. Phys. Chem. A 124, 731 (2020): ATOMSMITH_DATA/data/mlearn/Mo_train.xyz.gz.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from pathlib import Path
from typing import Any

import numpy as np

from atomsmith import Dataset
from atomsmith.descriptors import AceSettings, PairSettings
from atomsmith.evaluator import PlanEvaluator
from atomsmith.model import ModelSettings, TermSettings, build_model
from atomsmith.systems import Systems
from benchmarks.speed.silicon import Snap, crystal
from benchmarks.timing import interleaved, machine, parser, summary, write

CUTOFF = 5.0
BLOCK = 16  # configurations whose rows are made at once, as in a fit
FITSNAP = {"56 columns": 1.7, "496 columns": 3.4}  # multiples of snap
MODELS = {"56 columns": 7.0, "496 columns": 13.0}  # degrees of ours, with at least as many functions


def rows_of(degree: float, blocks: list[Systems]) -> tuple[int, Any]:
    """Functions of a model of this degree, and an action that makes all rows."""
    terms = (
        TermSettings(descriptor=PairSettings(cutoff=CUTOFF)),
        TermSettings(descriptor=AceSettings(cutoff=CUTOFF, correlation_order=3, degree=degree)),
    )
    evaluator = PlanEvaluator(build_model(ModelSettings(terms=terms), [42]).plan)

    def action() -> None:
        for block in blocks:
            evaluator.design_rows(block)

    return evaluator.model.n_features, action


def main() -> None:
    options = parser(__doc__).parse_args()
    if "ATOMSMITH_DATA" not in os.environ:
        raise SystemExit("set ATOMSMITH_DATA to the folder that holds data/mlearn/Mo_train.xyz.gz")
    configurations = list(Dataset.read(Path(os.environ["ATOMSMITH_DATA"]) / "data/mlearn/Mo_train.xyz.gz"))
    blocks = [
        Systems.from_configurations(configurations[k : k + BLOCK])
        for k in range(0, len(configurations), BLOCK)
    ]
    atoms = sum(block.n_atoms for block in blocks)
    silicon = crystal(6, 1)
    snap = Snap(silicon)
    models = {name: rows_of(degree, blocks) for name, degree in MODELS.items()}
    actions = {name: action for name, (_, action) in models.items()}
    seconds = interleaved(actions | {"snap": lambda: snap.run(1)}, options.repeats)
    theirs = summary(seconds["snap"], 1e6 / len(silicon))
    numbers: dict[str, Any] = {"machine": machine(), "atoms": atoms, "snap_us_per_atom": theirs, "models": {}}
    print(f"{atoms} atoms of {len(configurations)} structures; snap {theirs['median']:.0f} us/atom and step")
    print(f"{'':14}{'functions':>10}{'us/atom':>9}{'FitSNAP':>9}{'ratio':>7}")
    for name, (functions, _) in models.items():
        own = summary(seconds[name], 1e6 / atoms)
        ratio = FITSNAP[name] * float(np.median(seconds["snap"])) / len(silicon) / (1e-6 * own["median"])
        numbers["models"][name] = {"functions": functions, "us_per_atom": own, "times_faster": ratio}
        print(
            f"{name:14}{functions:10}{own['median']:9.1f}{FITSNAP[name] * theirs['median']:9.0f}{ratio:7.2f}"
        )
    write(options.json, numbers)


if __name__ == "__main__":
    main()
