"""Every descriptor with every regressor on the molybdenum and silicon sets of Zuo et al.: errors and cost.

    ATOMSMITH_DATA=<folder of data/> python -m benchmarks.pairs.run [ELEMENT ...] [--share 1.0]

Each pair is fitted to the training set (``--share`` of it, evenly spaced configurations of each kind) in a
process of its own and judged on the test set. Lines go to results.csv beside this file as they are made;
those that are there already are kept unless ``--again`` is given; ``table.md`` is written from all of them.
Sizes and cutoffs are the same for both elements and were chosen once, by the number of features, so that no
fit has more than 1,500 coefficients; nothing was tuned on errors. Times are processor times of one core.
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

from atomsmith import Dataset
from atomsmith.data.files import replacing
from atomsmith.descriptors import (
    AceSettings,
    BispectrumSettings,
    MomentsSettings,
    SoapSettings,
    SymmetryFunctionsSettings,
)
from atomsmith.fitting.fit import fit_model
from atomsmith.fitting.metrics import errors
from atomsmith.fitting.settings import PotentialSettings
from atomsmith.model import ModelSettings, TermSettings
from atomsmith.regressors import KernelSettings, LinearSettings, NetworkSettings, QuadraticSettings
from benchmarks.mlearn.run import microseconds_per_atom

HERE = Path(__file__).parent
ELEMENTS = ("Mo", "Si")
CUTOFF = 4.8
DESCRIPTORS: dict[str, Any] = {
    "ACE": AceSettings(cutoff=CUTOFF, correlation_order=2, degree=[5.0, 7.5]),
    "bispectrum": BispectrumSettings(cutoff=CUTOFF, twojmax=6),
    "moments": MomentsSettings(kind="moments", cutoff=CUTOFF, level=12),
    "symmetry functions": SymmetryFunctionsSettings(
        kind="symmetry_functions", cutoff=CUTOFF, radial_size=7, angular_size=4
    ),
    "SOAP": SoapSettings(kind="soap", cutoff=CUTOFF, n_max=4, l_max=4),
}
REGRESSORS: dict[str, Any] = {
    "linear": LinearSettings(),
    "quadratic": QuadraticSettings(kind="quadratic"),
    "kernel": KernelSettings(kind="kernel", points=500),
    "network": NetworkSettings(kind="network", members=1, epochs=500),
}
COLUMNS = (
    "element",
    "descriptor",
    "regressor",
    "share",
    "coefficients",
    "energy_mae_mev_atom",
    "force_mae_ev_angstrom",
    "stress_mae_gpa",
    "us_per_atom",
    "fit_seconds",
)


def share_of(data: Dataset, share: float) -> Dataset:
    """Evenly spaced configurations of every kind."""
    kept = []
    for kind in data.config_types:
        own = [c for c in data if c.config_type == kind]
        count = max(1, round(share * len(own)))
        kept += [own[round(k * (len(own) - 1) / max(1, count - 1))] for k in range(count)]
    return Dataset(kept)


def measure(folder: Path, element: str, descriptor: str, regressor: str, share: float) -> dict[str, Any]:
    """Fit one pair and judge it."""
    train, test = (Dataset.read(folder / f"{element}_{part}.xyz.gz") for part in ("train", "test"))
    term = TermSettings(descriptor=DESCRIPTORS[descriptor], regressor=REGRESSORS[regressor])
    settings = PotentialSettings(model=ModelSettings(terms=(term,)))
    largest = max(train, key=lambda c: len(c.numbers))
    began = time.process_time()
    potential = fit_model(share_of(train, share), settings).potential
    seconds = time.process_time() - began
    found = errors(test, potential.predict(test)).total
    return {
        "element": element,
        "descriptor": descriptor,
        "regressor": regressor,
        "share": share,
        "coefficients": len(potential.coefficients),
        "energy_mae_mev_atom": _rounded(found.energy),
        "force_mae_ev_angstrom": _rounded(found.forces),
        "stress_mae_gpa": _rounded(found.stress),
        "us_per_atom": round(microseconds_per_atom(potential, largest), 2),
        "fit_seconds": round(seconds, 1),
    }


def _rounded(statistics: Any) -> float | None:
    return None if statistics is None else round(statistics.mae, 4)


def read(path: Path) -> dict[tuple[str, ...], dict[str, Any]]:
    """Lines that are there, by element, descriptor, regressor and share."""
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        return {tuple(row[name] for name in COLUMNS[:4]): row for row in csv.DictReader(file)}


def write(path: Path, rows: dict[tuple[str, ...], dict[str, Any]]) -> None:
    """All lines, ordered."""
    with replacing(path) as file:
        lines = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        lines.writeheader()
        lines.writerows(rows[key] for key in sorted(rows))


def markdown(rows: dict[tuple[str, ...], dict[str, Any]]) -> str:
    """One table for each element: descriptors down, regressors across; the best forces of all in bold."""
    parts = []
    for element, share in sorted({(key[0], key[3]) for key in rows}):
        own = {key[1:3]: row for key, row in rows.items() if (key[0], key[3]) == (element, share)}
        best = min(own, key=lambda key: float(own[key]["force_mae_ev_angstrom"]))
        lines = [
            f"**{element}**, {float(share):.0%} of the training set: meV/atom, eV/angstrom, GPa (mean "
            "absolute errors on the test set); microseconds per atom",
            "",
            "| | " + " | ".join(REGRESSORS) + " |",
            "|---" * (len(REGRESSORS) + 1) + "|",
        ]
        for descriptor in DESCRIPTORS:
            cells = [_cell(own.get((descriptor, name)), (descriptor, name) == best) for name in REGRESSORS]
            lines.append(f"| {descriptor} | " + " | ".join(cells) + " |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _cell(row: dict[str, Any] | None, best: bool) -> str:
    if row is None:
        return ""
    energy, force = float(row["energy_mae_mev_atom"]), float(row["force_mae_ev_angstrom"])
    stress = float(row["stress_mae_gpa"])
    text = f"{energy:.2f}, {force:.4f}, {stress:.2f}; {float(row['us_per_atom']):.1f}"
    return f"**{text}**" if best else text


def main() -> None:
    """Measure the pairs that are missing."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("elements", nargs="*", default=list(ELEMENTS))
    options.add_argument("--share", type=float, default=1.0, help="of the training sets")
    options.add_argument("--only", nargs="*", help="names of descriptors or regressors")
    options.add_argument("--again", action="store_true", help="measure also what is there")
    options.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    given = options.parse_args()
    folder = Path(os.environ["ATOMSMITH_DATA"]) / "data" / "mlearn"
    folder = folder if folder.is_dir() else Path(os.environ["ATOMSMITH_DATA"])
    if given.one:
        print(json.dumps(measure(folder, *given.one, given.share)))
        return
    rows = read(HERE / "results.csv")
    for element in given.elements:
        for descriptor in DESCRIPTORS:
            for regressor in REGRESSORS:
                key = (element, descriptor, regressor, str(given.share))
                if given.only and not {descriptor, regressor} & set(given.only):
                    continue
                if key in rows and not given.again:
                    continue
                command = [sys.executable, "-m", "benchmarks.pairs.run", "--share", str(given.share), "--one"]
                done = subprocess.run([*command, *key[:3]], capture_output=True, text=True, check=False)
                if done.returncode:
                    print(f"{', '.join(key[:3])}: {done.stderr.strip().splitlines()[-1]}", flush=True)
                    continue
                rows = read(HERE / "results.csv") | {key: json.loads(done.stdout.splitlines()[-1])}
                write(HERE / "results.csv", rows)
                (HERE / "table.md").write_text(markdown(rows))
                print(rows[key], flush=True)


if __name__ == "__main__":
    main()
