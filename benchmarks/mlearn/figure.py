"""Draw error against cost: the fits of run.py beside the published potentials.

    ATOMSMITH_DATA=<folder of data/> python -m benchmarks.mlearn.figure mlearn.json -o figure.png

Published errors were computed with the engines of their authors on the same test files
(data/tables/published_errors.csv). Their costs are us/atom/step measured on one core (golden/README.md),
where LAMMPS' snap took 187 us on the Si SNAP; ``--snap-us`` is its time on the machine at hand.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter

ELEMENTS = ("Li", "Mo", "Cu", "Ni", "Si", "Ge")
SNAP_US = 187.0
PUBLISHED_US = {
    "snap": {"Li": 179, "Mo": 71, "Cu": 156, "Ni": 156, "Si": 187, "Ge": 181},
    "qsnap": {"Li": 68, "Mo": 84, "Cu": 57, "Ni": 57, "Si": 190, "Ge": 71},
    "nnp": {"Li": 124, "Mo": 67, "Cu": 21, "Ni": 26, "Si": 65, "Ge": 54},
    "mtp": {"Li": 27, "Mo": 91, "Cu": 64, "Ni": 63, "Si": 204, "Ge": 201},
}
"""us/atom/step with the engines of the authors, where `snap` takes `SNAP_US` on the Si SNAP."""
STYLE = {"snap": ("s", "SNAP"), "qsnap": ("D", "qSNAP"), "nnp": ("^", "NNP"), "mtp": ("o", "MTP")}
COLOURS = {"snap": "#9aa5b1", "qsnap": "#6b7a8a", "nnp": "#c98b3c", "mtp": "#7a5ea8"}
OURS, DEFAULT = "#0b6e8f", "#d1495b"


def published(path: Path) -> dict[tuple[str, str], tuple[float, float]]:
    """Energy and force MAE on the test set by element and family."""
    with path.open() as file:
        return {
            (r["element"], r["potential"]): (float(r["E_MAE_meV_atom"]), float(r["F_MAE_eV_A"]))
            for r in csv.DictReader(file)
            if r["split"] == "test" and r["config_type"] == "all"
        }


def draw(rows: list[dict[str, Any]], tables: Path, snap_us: float, output: Path) -> None:
    """Two rows of panels: energies and forces of each element against the time of a step."""
    known = published(tables / "published_errors.csv")
    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    figure, axes = plt.subplots(2, len(ELEMENTS), figsize=(14.0, 5.6), sharex=True)
    for column, element in enumerate(ELEMENTS):
        for line, quantity in enumerate(("energy", "forces")):
            axis = axes[line, column]
            for family, (marker, label) in STYLE.items():
                cost = PUBLISHED_US[family][element] * snap_us / SNAP_US
                axis.plot(
                    cost,
                    known[element, family][line],
                    marker,
                    color=COLOURS[family],
                    ms=7,
                    label=label,
                    ls="",
                )
            own = sorted(
                (r["us_per_atom"], r["errors"]["all"][f"{quantity}_mae"])
                for r in rows
                if r["element"] == element and r["size"] != "default"
            )
            axis.plot(*zip(*own, strict=True), "-o", color=OURS, ms=5, label="Atomsmith, 3 sizes")
            for r in rows:
                if r["element"] == element and r["size"] == "default":
                    error = r["errors"]["all"][f"{quantity}_mae"]
                    axis.plot(r["us_per_atom"], error, "*", color=DEFAULT, ms=10, label="no settings", ls="")
            axis.set(xscale="log", yscale="log")
            axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axis.yaxis.set_major_formatter(FormatStrFormatter("%g"))
            axis.yaxis.set_minor_formatter(NullFormatter())
            axis.grid(which="both", alpha=0.15)
            if line == 0:
                axis.set_title(element, fontweight="bold")
            else:
                axis.set_xlabel("µs/atom, one core")
    axes[0, 0].set_ylabel("energy MAE (meV/atom)")
    axes[1, 0].set_ylabel("force MAE (eV/Å)")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncol=len(labels), frameon=False)
    figure.tight_layout(rect=(0.0, 0.06, 1.0, 1.0))
    figure.savefig(output, dpi=110)


def main() -> int:
    """Draw the figure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("numbers", type=Path, help="what run.py wrote")
    parser.add_argument("-o", "--output", type=Path, default=Path("mlearn.png"))
    parser.add_argument("--snap-us", type=float, default=SNAP_US)
    arguments = parser.parse_args()
    tables = Path(os.environ["ATOMSMITH_DATA"]) / "data" / "tables"
    draw(json.loads(arguments.numbers.read_text()), tables, arguments.snap_us, arguments.output)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
