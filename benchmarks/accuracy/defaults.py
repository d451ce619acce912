"""Errors of default fits on DFT data sets: `atomsmith fit` with no settings but the data.

    ATOMSMITH_DATA=<folder of data/> python benchmarks/accuracy/defaults.py [--json FILE] [NAME ...]

Names: Li Mo Cu Ni Si Ge (Zuo et al., J. Phys. Chem. A 124, 731, 2020) and acac (acetylacetone).
Nothing is chosen on the test sets: the settings are the defaults.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from atomsmith import Dataset
from atomsmith.fitting.fit import fit_model
from atomsmith.fitting.metrics import errors
from atomsmith.fitting.settings import PotentialSettings
from atomsmith.fitting.weights import Weights

SETS = {
    **{
        e: ([f"mlearn/{e}_train.xyz.gz"], f"mlearn/{e}_test.xyz.gz")
        for e in ("Li", "Mo", "Cu", "Ni", "Si", "Ge")
    },
    "acac": (
        ["molecules/acac_train_300K.xyz.gz", "molecules/acac_isolated_atoms.xyz.gz"],
        "molecules/acac_test_MD_300K.xyz.gz",
    ),
}


def measure(folder: Path, name: str, energy_weight: float) -> dict[str, float | int | str | None]:
    """Fit one set with the defaults; errors on its test set."""
    train_files, test_file = SETS[name]
    train = Dataset.read([folder / file for file in train_files])
    test = Dataset.read(folder / test_file)
    started = time.perf_counter()
    settings = PotentialSettings(weights=Weights(energy=energy_weight))
    result = fit_model(train, settings)
    seconds = time.perf_counter() - started
    total = errors(test, result.potential.predict(test)).total
    return {
        "set": name,
        "functions": result.potential.n_functions,
        "energy_mae_mev_atom": total.energy.mae if total.energy else None,
        "energy_rmse_mev_atom": total.energy.rmse if total.energy else None,
        "forces_mae_ev_angstrom": total.forces.mae if total.forces else None,
        "forces_rmse_ev_angstrom": total.forces.rmse if total.forces else None,
        "fit_seconds": seconds,
        "sigma_scale": result.potential.metadata["calibration"]["scale"],
    }


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", default=list(SETS), help="data sets, all by default")
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    weight = Weights().energy
    parser.add_argument("--energy-weight", type=float, default=weight, help="weight of energy rows")
    arguments = parser.parse_args()
    if "ATOMSMITH_DATA" not in os.environ:
        print("set ATOMSMITH_DATA to the folder that holds data/", file=sys.stderr)
        return 2
    folder = Path(os.environ["ATOMSMITH_DATA"]) / "data"
    table = Table("set", "functions", "E MAE meV/atom", "E RMSE", "F MAE eV/Å", "F RMSE", "fit s", "sigma x")
    rows = []
    for name in arguments.names:
        row = measure(folder, name, arguments.energy_weight)
        rows.append(row)
        numbers = [f"{value:.4g}" if isinstance(value, float) else str(value) for value in row.values()]
        table.add_row(*numbers)
        print(*numbers, flush=True)
    Console().print(table)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
