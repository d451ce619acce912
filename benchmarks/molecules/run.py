"""Fit molecules with the default settings; errors on configurations that are not in the fit.

    ATOMSMITH_DATA=<folder of data/> python -m benchmarks.molecules.run [--functions N] [NAME ...]

3BPA, acetylacetone and ethanol of Batatia and others (arXiv 2205.06643). Of 3BPA only training files are at
hand: what is trained at 300 K is tested on the file of mixed temperatures, without the configurations that
both hold, and of that file itself a random fifth (seed 0) is held out. ``--functions`` gives the basis at
most so many functions instead of as many as the data ask for; nothing else is changed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from atomsmith import Dataset
from atomsmith.descriptors import AceSettings, degree_for
from atomsmith.fitting.fit import fit_model
from atomsmith.fitting.metrics import errors
from atomsmith.fitting.settings import PotentialSettings


@dataclass(frozen=True)
class Benchmark:
    """Files without their endings; ``split`` holds a fifth of the training file out."""

    train: str
    atoms: str
    tests: tuple[str, ...] = ()
    split: bool = False


SETS = {
    "3BPA 300 K": Benchmark("3BPA_train_300K", "3BPA_iso_atoms", ("3BPA_train_mixedT",)),
    "3BPA mixed T": Benchmark("3BPA_train_mixedT", "3BPA_iso_atoms", split=True),
    "acetylacetone 300 K": Benchmark(
        "acac_train_300K",
        "acac_isolated_atoms",
        ("acac_test_MD_300K", "acac_test_MD_600K", "acac_test_dihedral", "acac_test_H_transfer"),
    ),
    "ethanol": Benchmark("ethanol_train", "ethanol_isolated_atoms", ("ethanol_test_MD",)),
}


def data_of(folder: Path, benchmark: Benchmark) -> tuple[Dataset, dict[str, Dataset]]:
    """Training set with isolated atoms, and test sets without configurations of the former."""

    def read(name: str) -> Dataset:
        return Dataset.read(folder / f"{name}.xyz.gz")

    train, tests = read(benchmark.train), {name: read(name) for name in benchmark.tests}
    if benchmark.split:
        order = np.random.default_rng(0).permutation(len(train)).tolist()
        held = len(train) // 5
        tests["held out"] = train[order[:held]]
        train = train[order[held:]]
    fitted = {c.fingerprint(labels=False) for c in train}
    unseen = {
        name: Dataset(c for c in test if c.fingerprint(labels=False) not in fitted)
        for name, test in tests.items()
    }
    return train + read(benchmark.atoms), unseen


def settings_of(n_elements: int, functions: int | None) -> PotentialSettings:
    """Defaults, with a given number of functions."""
    settings = PotentialSettings()
    if functions is None:
        return settings
    terms = tuple(
        term.model_copy(
            update={
                "descriptor": term.descriptor.with_degree(degree_for(term.descriptor, n_elements, functions))
            }
        )
        if isinstance(term.descriptor, AceSettings)
        else term
        for term in settings.model.terms
    )
    return settings.model_copy(update={"model": settings.model.model_copy(update={"terms": terms})})


def measure(folder: Path, name: str, functions: int | None) -> list[dict[str, Any]]:
    """Fit once; one row a test set."""
    train, tests = data_of(folder, SETS[name])
    began = time.process_time()
    result = fit_model(train, settings_of(len(train.elements), functions))
    seconds = time.process_time() - began
    rows = []
    for test_name, test in tests.items():
        total = errors(test, result.potential.predict(test)).total
        assert total.energy is not None
        n_atoms = test.n_atoms / len(test)
        rows.append(
            {
                "set": name,
                "test": test_name,
                "configurations": len(test),
                "functions": result.potential.n_functions,
                "fit_seconds": seconds,
                "energy_mae_mev_atom": total.energy.mae,
                "energy_rmse_mev_atom": total.energy.rmse,
                "energy_rmse_mev_molecule": total.energy.rmse * n_atoms,
                "forces_mae_mev_angstrom": 1e3 * total.forces.mae if total.forces else None,
                "forces_rmse_mev_angstrom": 1e3 * total.forces.rmse if total.forces else None,
            }
        )
    return rows


def _pair(mae: float | None, rmse: float | None) -> str:
    return "no labels" if mae is None or rmse is None else f"{mae:.1f} / {rmse:.1f}"


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", default=list(SETS))
    parser.add_argument("--functions", type=int)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if "ATOMSMITH_DATA" not in os.environ:
        print("set ATOMSMITH_DATA to the folder that holds data/", file=sys.stderr)
        return 2
    folder = Path(os.environ["ATOMSMITH_DATA"]) / "data" / "molecules"
    print("| trained on | tested on | configurations | functions | fit (s) ", end="")
    print("| energy MAE / RMSE (meV/atom) | energy RMSE (meV) | forces MAE / RMSE (meV/angstrom) |")
    print("|---|---|---|---|---|---|---|---|")
    rows = []
    for name in arguments.names:
        for r in measure(folder, name, arguments.functions):
            rows.append(r)
            print(
                f"| {r['set']} | {r['test']} | {r['configurations']} | {r['functions']} "
                f"| {r['fit_seconds']:.0f} "
                f"| {r['energy_mae_mev_atom']:.2f} / {r['energy_rmse_mev_atom']:.2f} "
                f"| {r['energy_rmse_mev_molecule']:.1f} "
                f"| {_pair(r['forces_mae_mev_angstrom'], r['forces_rmse_mev_angstrom'])} |",
                flush=True,
            )
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
