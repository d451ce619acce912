"""The table of docs/families.md: our fits beside the published potential of the same family.

ATOMSMITH_DATA=<folder of data/> python -m benchmarks.families.table [FAMILY ...]
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PARAMETERS = {
    "snap": {"Li": 56, "Mo": 31, "Cu": 56, "Ni": 56, "Si": 56, "Ge": 56},
    "qsnap": {"Li": 496, "Mo": 496, "Cu": 496, "Ni": 496, "Si": 1596, "Ge": 496},
    "mtp": {"Li": 125, "Mo": 329, "Cu": 329, "Ni": 329, "Si": 913, "Ge": 913},
    "nnp": {"Mo": 930, "Cu": 306, "Si": 1298},
}
"""Fitted numbers of published potentials, counted in their files, reference energies included."""


def published(tables: Path) -> dict[tuple[str, str], dict[str, str]]:
    """Published test errors by family and element, as text; what is not known is missing.

    Of published_errors.csv, computed with the authors' engines on these very files; of GAP the mean absolute
    errors that Zuo et al. printed.
    """
    found: dict[tuple[str, str], dict[str, str]] = {}
    with (tables / "published_errors.csv").open() as file:
        for r in csv.DictReader(file):
            if (r["split"], r["config_type"]) == ("test", "all"):
                found[r["potential"], r["element"]] = {
                    "energy_mae": r["E_MAE_meV_atom"],
                    "energy_rmse": r["E_RMSE_meV_atom"],
                    "forces_mae": r["F_MAE_eV_A"],
                    "forces_rmse": r["F_RMSE_eV_A"],
                }
    with (tables / "zuo2020_mae_gap_mtp.csv").open() as file:
        for r in csv.DictReader(file):
            found.setdefault(
                ("gap", r["element"]),
                {"energy_mae": r["E_MAE_meV_per_atom_GAP"], "forces_mae": r["F_MAE_eV_per_A_GAP"]},
            )
    return found


def markdown(rows: Sequence[Mapping[str, Any]], tables: Path) -> str:
    """One row a fit: what is fitted, what it costs, test errors of ours / of the published potential."""
    known = published(tables)
    lines = [
        "| family | element | parameters (published) | us/atom | fit (s) | peak (MiB) "
        "| energy MAE (meV/atom) | published | energy RMSE | published "
        "| forces MAE (eV/angstrom) | published | forces RMSE | published |",
        "|---" * 14 + "|",
    ]
    for r in rows:
        other = known.get((r["family"], r["element"]), {})
        size = PARAMETERS.get(r["family"], {}).get(r["element"], "?")
        cells = [r["family"], r["element"], f"{r['parameters']} ({size})"]
        cells += [f"{float(r['us_per_atom']):.1f}", f"{float(r['fit_seconds']):.0f}", str(r["peak_mib"])]
        for name, digits in (
            ("energy_mae", 3),
            ("energy_rmse", 3),
            ("forces_mae", 4),
            ("forces_rmse", 4),
        ):
            cells += [f"{float(r[f'test_{name}']):.{digits}f}", other.get(name, "?")]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("families", nargs="*", help="by default all that have results")
    arguments = parser.parse_args()
    if "ATOMSMITH_DATA" not in os.environ:
        print("set ATOMSMITH_DATA to the folder that holds data/", file=sys.stderr)
        return 2
    here = Path(__file__).parent
    rows: list[dict[str, str]] = []
    for results in sorted(here.glob("*/results.csv")):
        if arguments.families and results.parent.name not in arguments.families:
            continue
        with results.open() as file:
            rows += csv.DictReader(file)
    print(markdown(rows, Path(os.environ["ATOMSMITH_DATA"]) / "data" / "tables"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
