"""Tables of docs/assessment.md from the folder of an assessment.

    python -m benchmarks.assessment.tables FOLDER

Prints cutoffs, mean absolute errors with costs, properties with their deviations, and equations of state as
Markdown, from the CSV files that `atomsmith assess` has written there.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

Rows = list[dict[str, str]]


def read(folder: Path, name: str) -> Rows:
    """Rows of one table; none if it was not written."""
    path = folder / "tables" / f"{name}.csv"
    if not path.is_file():
        return []
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def grid(rows: Rows, value: str, digits: int, label: str) -> str:
    """Potentials by systems, one number each."""
    systems = list(dict.fromkeys(row["system"] for row in rows))
    names = list(dict.fromkeys(row["potential"] for row in rows))
    found = {(row["potential"], row["system"]): row[value] for row in rows}
    lines = [f"| {label} | {' | '.join(systems)} |", "|---" * (1 + len(systems)) + "|"]
    for name in names:
        cells = [found.get((name, system), "") for system in systems]
        lines.append(f"| {name} | {' | '.join(f'{float(c):.{digits}f}' if c else '' for c in cells)} |")
    return "\n".join(lines)


def errors_and_cost(rows: Rows) -> str:
    """Energy error / force error / cost, one cell a potential and system; bold on the Pareto front."""
    systems = list(dict.fromkeys(row["system"] for row in rows))
    names = list(dict.fromkeys(row["potential"] for row in rows))
    found = {(row["potential"], row["system"]): row for row in rows}
    lines = [f"| | {' | '.join(systems)} |", "|---" * (1 + len(systems)) + "|"]
    for name in names:
        cells = []
        for system in systems:
            row = found.get((name, system))
            if row is None or not row["forces_mae_ev_per_angstrom"] or not row["us_per_atom_step"]:
                cells.append("")
                continue
            energy = float(row["energy_mae_mev_per_atom"])
            forces = float(row["forces_mae_ev_per_angstrom"])
            text = f"{energy:.2f} / {forces:.4f} / {float(row['us_per_atom_step']):.1f}"
            cells.append(f"**{text}**" if row["on_front"] == "True" else text)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


DIGITS = {"a": 3, "E_v": 2, "E_m": 2, "E_a": 2}


def properties(rows: Rows, system: str) -> str:
    """Quantities of a system by potentials, with deviations from known values in percent."""
    own = [row for row in rows if row["system"] == system and row["quantity"] != "G"]
    names = list(dict.fromkeys(row["potential"] for row in own))
    lines = [f"| {system} | known | {' | '.join(names)} |", "|---" * (2 + len(names)) + "|"]
    for quantity in dict.fromkeys(row["quantity"] for row in own):
        found = {row["potential"]: row for row in own if row["quantity"] == quantity}
        digits = DIGITS.get(quantity, 0)
        known = next(iter(found.values()))["known"]
        cells = [f"{float(known):.{digits}f}" if known else ""]
        for name in names:
            row = found.get(name)
            text = "–" if row is None or not row["value"] else f"{float(row['value']):.{digits}f}"
            if row is not None and row["deviation"]:
                text += f" ({100 * float(row['deviation']):+.1f})"
            cells.append(text + (" !" if row is not None and row["problem"] else ""))
        lines.append(f"| {quantity} ({next(iter(found.values()))['unit']}) | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(folder: Path) -> None:
    """Print all tables."""
    print(grid(read(folder, "cutoffs"), "cutoff_angstrom", 2, "cutoff (Å)"), end="\n\n")
    print(errors_and_cost(read(folder, "cost")), end="\n\n")
    rows = read(folder, "properties")
    for system in dict.fromkeys(row["system"] for row in rows):
        print(properties(rows, system), end="\n\n")
    print(grid(read(folder, "eos"), "delta_mev_per_atom", 2, "Delta (meV/atom)"), end="\n\n")
    print(grid(read(folder, "motion"), "forces_mae_ev_per_angstrom", 4, "force MAE in dynamics (eV/Å)"))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
