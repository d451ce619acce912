"""Fit the sets of Zuo et al. in three sizes and with no settings at all; errors on their test sets.

    ATOMSMITH_DATA=<folder of data/> python -m benchmarks.mlearn.run [ELEMENT ...] [--sizes SIZE ...]

Sizes: small, medium and large are 100, 300 and 1,200 functions chosen by elimination from one basis, that of
the settings file of the element (beside this file), whose rows are made once; default is `atomsmith fit`
without settings. The sizes of an element are fitted in one process, default in another. Times are processor
times of one core: of the fit with all its cross-validation (rows and the solution of the size), and of an
evaluation of energy, forces and virial per atom of the largest training configuration repeated to some 500
atoms.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from atomsmith import Dataset
from atomsmith.data import Configuration
from atomsmith.evaluator import Evaluator
from atomsmith.fitting import Elimination, FactorSet
from atomsmith.fitting.estimate import peak_bytes
from atomsmith.fitting.fit import fit_model, solve_model
from atomsmith.fitting.held_out import GROUPS
from atomsmith.fitting.metrics import Errors, errors
from atomsmith.fitting.problem import Problem
from atomsmith.fitting.rows.blas import single_threaded
from atomsmith.fitting.rows.design import RowMaker
from atomsmith.fitting.rows.streaming import accumulate
from atomsmith.fitting.settings import FitSettings, PotentialSettings
from atomsmith.potential import Potential
from atomsmith.settings_file import load_settings
from atomsmith.systems import Systems

ELEMENTS = ("Li", "Mo", "Cu", "Ni", "Si", "Ge")
FUNCTIONS = {"small": 100, "medium": 300, "large": 1200}
SIZES = (*FUNCTIONS, "default")
REPEATS = 9


def settings_of(element: str) -> PotentialSettings:
    """Settings file of an element: the large model."""
    return load_settings(Path(__file__).with_name(f"{element}.yaml"), FitSettings)


def microseconds_per_atom(potential: Potential, configuration: Configuration) -> float:
    """Processor time of energy, forces and virial; the smallest of several."""
    repeats = max(1, round((500.0 / len(configuration.numbers)) ** (1.0 / 3.0)))
    shifts = np.array(list(np.ndindex((repeats,) * 3)), dtype=float) @ configuration.cell
    larger = configuration.replace(
        numbers=np.tile(configuration.numbers, len(shifts)),
        positions=(shifts[:, None, :] + configuration.positions).reshape(-1, 3),
        cell=repeats * configuration.cell,
        energy=None,
        forces=None,
        stress=None,
    )
    systems, evaluator = Systems.from_configurations([larger]), Evaluator(potential)
    seconds = []
    for _ in range(REPEATS + 1):
        began = time.process_time()
        evaluator.predict(systems)
        seconds.append(time.process_time() - began)
    return 1e6 * min(seconds[1:]) / len(larger.numbers)


def measure_sizes(folder: Path, element: str, sizes: Sequence[str]) -> list[dict[str, Any]]:
    """Make rows once, and choose as many functions as each size has."""
    train, test = _data(folder, element)
    began = time.process_time()
    problem = Problem.of(train, settings_of(element))
    settings = problem.settings
    maker = RowMaker(problem.model.plan, settings.weights, problem.known)
    factors = FactorSet(maker.n_features, GROUPS)
    with single_threaded():
        accumulate(maker, problem.rows_of, factors, seed=settings.seed)
    rows_seconds = time.process_time() - began
    found = []
    for size in sizes:
        began = time.process_time()
        solver = Elimination(functions=FUNCTIONS[size])
        chosen = replace(problem, settings=settings.model_copy(update={"solver": solver}))
        with single_threaded():
            potential = solve_model(chosen, factors).potential
        seconds = rows_seconds + time.process_time() - began
        found.append(_numbers(element, size, potential, train, test, seconds))
    return found


def measure_default(folder: Path, element: str) -> dict[str, Any]:
    """Fit without settings."""
    train, test = _data(folder, element)
    began = time.process_time()
    potential = fit_model(train).potential
    return _numbers(element, "default", potential, train, test, time.process_time() - began)


def _data(folder: Path, element: str) -> tuple[Dataset, Dataset]:
    train, test = (Dataset.read(folder / f"{element}_{part}.xyz.gz") for part in ("train", "test"))
    return train, test


def _numbers(
    element: str, size: str, potential: Potential, train: Dataset, test: Dataset, seconds: float
) -> dict[str, Any]:
    report = errors(test, potential.predict(test))
    weights = potential.metadata["settings"]["weights"]
    return {
        "element": element,
        "size": size,
        "functions": potential.n_functions,
        "cutoff_angstrom": potential.cutoff,
        "weights": [weights["energy"], weights["forces"], weights["virial"]],
        "us_per_atom": microseconds_per_atom(potential, max(train, key=lambda c: len(c.numbers))),
        "fit_seconds": seconds,
        "peak_mib": peak_bytes() / 2**20,
        "errors": {"all": _plain(report.total)} | {k: _plain(v) for k, v in report.by_type.items()},
    }


def _plain(value: Errors) -> dict[str, float | None]:
    return {
        f"{quantity}_{statistic}": getattr(found, statistic) if found else None
        for quantity, found in (("energy", value.energy), ("forces", value.forces), ("stress", value.stress))
        for statistic in ("mae", "rmse")
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown, one row a fit."""
    head = (
        "| element | size | functions | us/atom | fit (s) | peak (MiB) | energy MAE / RMSE (meV/atom) "
        "| forces MAE / RMSE (eV/angstrom) | stress MAE (GPa) |\n|---|---|---|---|---|---|---|---|---|\n"
    )
    return head + "".join(
        f"| {r['element']} | {r['size']} | {r['functions']} | {r['us_per_atom']:.1f} "
        f"| {r['fit_seconds']:.0f} | {r['peak_mib']:.0f} | {e['energy_mae']:.3f} / {e['energy_rmse']:.3f} "
        f"| {e['forces_mae']:.4f} / {e['forces_rmse']:.4f} | {e['stress_mae']:.2f} |\n"
        for r in rows
        for e in [r["errors"]["all"]]
    )


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("elements", nargs="*", default=list(ELEMENTS))
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--json", type=Path, default=Path("mlearn.json"), help="numbers; added to if there")
    parser.add_argument("--one", action="store_true", help="fit in this process and print the numbers")
    arguments = parser.parse_args()
    if "ATOMSMITH_DATA" not in os.environ:
        print("set ATOMSMITH_DATA to the folder that holds data/", file=sys.stderr)
        return 2
    folder = Path(os.environ["ATOMSMITH_DATA"]) / "data" / "mlearn"
    if arguments.one:
        own = [size for size in arguments.sizes if size != "default"]
        found = measure_sizes(folder, arguments.elements[0], own) if own else []
        if "default" in arguments.sizes:
            found.append(measure_default(folder, arguments.elements[0]))
        print(json.dumps(found))
        return 0
    rows: list[dict[str, Any]] = json.loads(arguments.json.read_text()) if arguments.json.exists() else []
    own = [size for size in arguments.sizes if size != "default"]
    for element in arguments.elements:
        for sizes in filter(None, (own, [size for size in arguments.sizes if size == "default"])):
            command = [sys.executable, "-m", "benchmarks.mlearn.run", "--one", element, "--sizes", *sizes]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            found = json.loads(done.stdout)
            rows = [r for r in rows if (r["element"], r["size"]) not in [(element, s) for s in sizes]] + found
            arguments.json.write_text(json.dumps(rows, indent=1))
            print("\n".join(table(found).splitlines()[2:]), flush=True)
    print(table(rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
