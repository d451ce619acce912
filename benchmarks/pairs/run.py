"""Every descriptor with every regressor on the molybdenum and silicon sets of Zuo et al.: errors and cost.

    ATOMSMITH_DATA=<folder of data/> python -m benchmarks.pairs.run [ELEMENT ...] [--share 1.0]

Each pair is fitted to the training set (``--share`` of it, evenly spaced configurations of each kind) in a
process of its own and judged on the test set. Lines go to results.csv beside this file as they are made;
those that are there already are kept unless ``--again`` is given; ``table.md`` is written from all of them.
Every descriptor comes in two sizes, about 50 features and the larger one that its users take. Linear
terms and kernels get the larger, the others, whose coefficients are several times as many as features, the
smaller. Sizes and cutoffs are the same for both elements; nothing was tuned on errors of a pair.
Times are processor times of one core.
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
from atomsmith.fitting.problem import Problem
from atomsmith.fitting.settings import PotentialSettings
from atomsmith.model import ModelSettings, TermSettings
from atomsmith.regressors import (
    EmbeddingSettings,
    KernelSettings,
    LinearSettings,
    NetworkSettings,
    QuadraticSettings,
)
from benchmarks.families.run import parameters
from benchmarks.mlearn.run import microseconds_per_atom

HERE = Path(__file__).parent
ELEMENTS = ("Mo", "Si")
CUTOFF = 4.8
SWITCH = 3.6
"""Angstrom over which SOAP's neighbours fade, chosen for the family `gap` (benchmarks/families/gap)."""
POWERS = (1.0, 2.0, 4.0, 8.0, 16.0)


def _ace(order: int, degree: list[float]) -> AceSettings:
    return AceSettings(cutoff=CUTOFF, correlation_order=order, degree=degree, first_order=True)


def _functions(radial: int, angular: int) -> SymmetryFunctionsSettings:
    return SymmetryFunctionsSettings(
        kind="symmetry_functions", cutoff=CUTOFF, radial_size=radial, angular_size=angular, zetas=POWERS
    )


def _soap(n_max: int, l_max: int) -> SoapSettings:
    return SoapSettings(
        kind="soap",
        cutoff=CUTOFF,
        transition_width=SWITCH,
        n_max=n_max,
        l_max=l_max,
        radial_tolerance=1e-3,
    )


DESCRIPTORS: dict[str, tuple[Any, Any]] = {
    "ACE": (_ace(2, [9.0, 7.5]), _ace(3, [11.0, 10.0, 9.0])),
    "bispectrum": (
        BispectrumSettings(cutoff=CUTOFF, twojmax=6),
        BispectrumSettings(cutoff=CUTOFF, twojmax=10),
    ),
    "moments": (
        MomentsSettings(kind="moments", cutoff=CUTOFF, level=14),
        MomentsSettings(kind="moments", cutoff=CUTOFF, level=18),
    ),
    "symmetry functions": (_functions(10, 4), _functions(12, 6)),
    "SOAP": (_soap(5, 4), _soap(8, 6)),
}
"""The smaller and the larger basis."""
REGRESSORS: dict[str, tuple[Any, int]] = {
    "linear": (LinearSettings(), 1),
    "quadratic": (QuadraticSettings(kind="quadratic"), 0),
    "embedding": (EmbeddingSettings(kind="embedding"), 0),
    "kernel": (KernelSettings(kind="kernel", points=500), 1),
    "network": (NetworkSettings(kind="network", members=1, epochs=300, weight_decay=1e-4), 0),
}
"""Settings, and which of the two sizes."""


COLUMNS = (
    "element",
    "descriptor",
    "regressor",
    "share",
    "features",
    "parameters",
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
    chosen, size = REGRESSORS[regressor]
    term = TermSettings(descriptor=DESCRIPTORS[descriptor][size], regressor=chosen)
    settings = PotentialSettings(model=ModelSettings(terms=(term,)), committee=0, calibrate=False)
    largest = max(train, key=lambda c: len(c.numbers))
    began = time.process_time()
    data = share_of(train, share)
    potential = fit_model(data, settings).potential
    seconds = time.process_time() - began
    bare = settings.model_copy(
        update={"model": ModelSettings(terms=(TermSettings(descriptor=term.descriptor),))}
    )
    elements = len(potential.elements)
    found = errors(test, potential.predict(test)).total
    return {
        "element": element,
        "descriptor": descriptor,
        "regressor": regressor,
        "share": share,
        "features": len(Problem.of(data, bare).model.features) - elements,
        "parameters": parameters(potential),
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
            "absolute errors on the test set); microseconds per atom; seconds of the fit",
            "",
            "| features: | " + " | ".join(REGRESSORS) + " |",
            "|---" * (len(REGRESSORS) + 1) + "|",
        ]
        for descriptor in DESCRIPTORS:
            cells = [_cell(own.get((descriptor, name)), (descriptor, name) == best) for name in REGRESSORS]
            sizes = sorted({int(row["features"]) for key, row in own.items() if key[0] == descriptor})
            lines.append(f"| {descriptor}: {', '.join(map(str, sizes))} | " + " | ".join(cells) + " |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _cell(row: dict[str, Any] | None, best: bool) -> str:
    if row is None:
        return ""
    energy, force = float(row["energy_mae_mev_atom"]), float(row["force_mae_ev_angstrom"])
    stress = float(row["stress_mae_gpa"])
    text = f"{energy:.2f}, {force:.4f}, {stress:.2f}; {float(row['us_per_atom']):.1f}"
    text += f"; {float(row['fit_seconds']):.0f}"
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
