"""Fit a family of potentials (SNAP, qSNAP, MTP, NNP, GAP) on the sets of Zuo et al. beside the published one.

    ATOMSMITH_DATA=<folder of data/> python -m benchmarks.families.run FAMILY [ELEMENT ...]

The settings of a fit are ``<FAMILY>/<ELEMENT>.yaml`` beside this file, a settings file of `atomsmith fit`
with the file names of the data folder; its numbers go to ``<FAMILY>/results.csv``. Each fit runs in a process
of its own, for its peak memory. Times are processor times of one core: of the fit with everything that
chooses its hyperparameters, and of energy, forces and virial per atom of the largest training configuration
repeated to some 500 atoms. The potentials are kept in ``--keep FOLDER`` where it is given. Test
sets are read after the fit alone.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from atomsmith import Dataset
from atomsmith.data.files import replacing
from atomsmith.fitting.fit import fit_model
from atomsmith.fitting.metrics import Errors, errors
from atomsmith.fitting.settings import FitSettings
from atomsmith.potential import Potential
from atomsmith.settings_file import load_settings
from benchmarks.families.table import markdown
from benchmarks.mlearn.run import ELEMENTS, microseconds_per_atom

HERE = Path(__file__).parent
FAMILIES = ("snap", "qsnap", "mtp", "nnp", "gap")


def parameters(potential: Potential) -> int:
    """Numbers that the fit chose: linear coefficients that are not zero, and all that is nonlinear.

    Of a network its weights and biases, of an embedding its densities, of radial functions that were trained
    (``metadata["training"]`` names the arrays of the plan's parts, as ``"2.radial.coefficients"``) their
    coefficients.
    """
    parts = potential.plan["parts"]
    networks = [part for part in parts if part.get("regressor", {}).get("kind") == "network"]
    total: int = int(np.count_nonzero(potential.coefficients)) - sum(part["n_features"] for part in networks)
    for part in networks:
        for centre in part["regressor"]["centres"]:
            total += sum(
                int(np.size(layer[key])) for layer in centre["layers"] for key in ("weights", "bias")
            )
    for part in parts:
        if part.get("regressor", {}).get("kind") == "embedding":
            total += sum(int(np.size(centre["coefficients"])) for centre in part["regressor"]["centres"])
    for name in (n for one in potential.metadata.get("training", ()) for n in one.get("arrays", ())):
        position, *keys = name.split(".")
        value: Any = parts[int(position)]
        for key in keys:
            value = value[key]
        total += int(np.size(value))
    return total


def measure(folder: Path, family: str, element: str, keep: Path | None) -> dict[str, Any]:
    """Fit once; the line of the table."""
    settings = load_settings(HERE / family / f"{element}.yaml", FitSettings)
    train, test = (Dataset.read(folder / f"{element}_{part}.xyz.gz") for part in ("train", "test"))
    began = time.process_time()
    result = fit_model(train, settings)
    seconds = time.process_time() - began
    potential = result.potential
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        potential.save(keep / f"{family}-{element}.json")
    row: dict[str, Any] = {
        "family": family,
        "element": element,
        "parameters": parameters(potential),
        "us_per_atom": round(microseconds_per_atom(potential, max(train, key=lambda c: len(c.numbers))), 2),
        "fit_seconds": round(seconds, 1),
        "peak_mib": round(result.peak_bytes / 2**20),
    }
    for split, data in (("train", train), ("test", test)):
        row |= _statistics(split, errors(data, potential.predict(data)).total)
    return row


def _statistics(split: str, found: Errors) -> dict[str, float]:
    values = (("energy", found.energy), ("forces", found.forces), ("stress", found.stress))
    return {
        f"{split}_{quantity}_{name}": round(getattr(statistics, name), 5)
        for quantity, statistics in values
        if statistics is not None
        for name in ("mae", "rmse")
    }


def add_row(path: Path, row: dict[str, Any]) -> list[dict[str, Any]]:
    """Put a row into the file in place of an older one of that family and element."""
    rows: list[dict[str, Any]] = []
    if path.exists():
        with path.open() as file:
            rows = list(csv.DictReader(file))
    mine = row["family"], row["element"]
    rows = [*(r for r in rows if (r["family"], r["element"]) != mine), row]
    rows.sort(key=lambda r: (FAMILIES.index(r["family"]), ELEMENTS.index(r["element"])))
    with replacing(path) as file:
        writer = csv.DictWriter(file, list(row), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return rows


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("family", choices=FAMILIES)
    parser.add_argument("elements", nargs="*", default=list(ELEMENTS))
    parser.add_argument("--csv", type=Path, help="numbers, added to; by default <FAMILY>/results.csv")
    parser.add_argument("--keep", type=Path, help="folder for the potentials")
    parser.add_argument("--one", action="store_true", help="fit in this process and print the numbers")
    arguments = parser.parse_args()
    if "ATOMSMITH_DATA" not in os.environ:
        print("set ATOMSMITH_DATA to the folder that holds data/", file=sys.stderr)
        return 2
    data = Path(os.environ["ATOMSMITH_DATA"]) / "data"
    if arguments.one:
        row = measure(data / "mlearn", arguments.family, arguments.elements[0], arguments.keep)
        print(json.dumps(row))
        return 0
    results = arguments.csv or HERE / arguments.family / "results.csv"
    for element in arguments.elements:
        command = [sys.executable, "-m", "benchmarks.families.run", arguments.family, element, "--one"]
        command += ["--keep", str(arguments.keep)] if arguments.keep else []
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        rows = add_row(results, json.loads(done.stdout.splitlines()[-1]))
        mine = [r for r in rows if (r["family"], r["element"]) == (arguments.family, element)]
        print(markdown(mine, data / "tables"), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
