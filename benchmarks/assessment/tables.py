"""Tables of docs/assessment.md from the folders of its assessments.

    python -m benchmarks.assessment.tables zuo [FURTHER ...] [--into DOCUMENT] [--images FOLDER]

The first folder is that of all elements; FURTHER are of one element each, such as silicon and germanium, and
give their names to what is of them. Prints Markdown from the CSV files that `atomsmith assess` has written
into the folders, or puts each table between the comments `<!-- NAME -->` and `<!-- /NAME -->` of a document,
and copies the figures.
"""

from __future__ import annotations

import argparse
import csv
import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

Rows = list[dict[str, str]]

DIGITS = {"a": 3, "E_v": 2, "E_m": 2, "E_a": 2}
FIGURES = (
    "pareto", "errors", "eos", "polymorphs", "phonons", "learning-forces", "learning-energy", "sizes-errors",
    "motion-1", "motion-2",
)  # fmt: skip
FIGURES_OF_ONE = ("motion-1", "unseen")


def read(folder: Path, name: str) -> Rows:
    """Rows of one table; none if it was not written."""
    path = folder / "tables" / f"{name}.csv"
    if not path.is_file():
        return []
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def unique(values: Iterable[str]) -> list[str]:
    """Values in the order of their first appearance."""
    return list(dict.fromkeys(values))


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """Write a table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def grid(rows: Rows, label: str, cell: Callable[[dict[str, str]], str], names: list[str]) -> str:
    """Potentials by systems, one cell each."""
    systems = unique(row["system"] for row in rows)
    found = {(row["potential"], row["system"]): cell(row) for row in rows}
    present = {row["potential"] for row in rows}
    body = [
        [name, *(found.get((name, system), "") for system in systems)] for name in names if name in present
    ]
    return markdown([label, *systems], body)


def rounded(key: str, digits: int) -> Callable[[dict[str, str]], str]:
    """Take a number of a row; a dash where it could not be had."""
    return lambda row: f"{float(row[key]):.{digits}f}" if row[key] else "–"


def errors_and_cost(row: dict[str, str]) -> str:
    """Energy error / force error / cost; bold on the Pareto front."""
    if not row["forces_mae_ev_per_angstrom"] or not row["us_per_atom_step"]:
        return "–"
    text = (
        f"{float(row['energy_mae_mev_per_atom']):.2f} / {float(row['forces_mae_ev_per_angstrom']):.4f} / "
        f"{float(row['us_per_atom_step']):.1f}"
    )
    return f"**{text}**" if row["on_front"] == "True" else text


def properties(rows: Rows, system: str) -> str:
    """Potentials by quantities of a system, with deviations from known values in percent."""
    own = [row for row in rows if row["system"] == system and row["quantity"] != "G"]
    quantities = unique(row["quantity"] for row in own)
    units = {row["quantity"]: row["unit"] for row in own}
    found = {(row["potential"], row["quantity"]): row for row in own}
    known = {row["quantity"]: row["known"] for row in own}
    lines = [["known", *(f"{float(known[q]):.{DIGITS.get(q, 0)}f}" if known[q] else "" for q in quantities)]]
    for name in unique(row["potential"] for row in own):
        cells = []
        for quantity in quantities:
            row = found[name, quantity]
            text = f"{float(row['value']):.{DIGITS.get(quantity, 0)}f}" if row["value"] else "–"
            if row["deviation"]:
                text += f" ({100 * float(row['deviation']):+.1f})"
            cells.append(text + (" !" if row["problem"] else ""))
        lines.append([name, *cells])
    return markdown([system, *(f"{q} ({units[q]})" for q in quantities)], lines)


def mean_deviations(rows: Rows, names: list[str]) -> str:
    """Mean deviation from the known values of each system in percent; a dash where one could not be had."""
    systems = unique(row["system"] for row in rows if row["known"])
    body = []
    for name in names:
        cells = []
        for system in systems:
            own = [r for r in rows if (r["potential"], r["system"]) == (name, system) and r["known"]]
            values = [abs(float(r["deviation"])) for r in own if r["deviation"]]
            complete = own and len(values) == len(own)
            cells.append(f"{100 * sum(values) / len(values):.1f}" if complete else "–" if own else "")
        body.append([name, *cells])
    return markdown(["mean deviation (%)", *systems], body)


def learning(rows: Rows) -> str:
    """Test errors of fits to parts of the data: means over the orders in which data were added.

    Where others were added in more orders, an asterisk marks what is of the first alone.
    """
    systems = unique(row["system"] for row in rows)
    most = len({row["order"] for row in rows})
    body = []
    for name in unique(row["potential"] for row in rows):
        for fraction in sorted({float(row["fraction"]) for row in rows}):
            cells = []
            for system in systems:
                own = [
                    r for r in rows
                    if (r["potential"], r["system"]) == (name, system) and float(r["fraction"]) == fraction
                ]  # fmt: skip
                fewer = fraction < 1.0 and len(own) < most
                cells.append(_mean_errors(own) + (" *" if own and fewer else ""))
            body.append([name, f"{100 * fraction:.0f} %", *cells])
    return markdown(["", "data", *systems], body)


def least(rows: Rows) -> str:
    """Test errors of fits to the same, smallest part of the data: the first order."""
    smallest = min((row["fraction"] for row in rows), key=float, default="")
    own = [row for row in rows if row["fraction"] == smallest and row["order"] == "0"]
    names = unique(row["potential"] for row in rows)
    label = f"{100 * float(smallest):.0f} % of the data" if smallest else ""
    return grid(own, label, lambda row: _mean_errors([row]), names)


def _mean_errors(rows: Rows) -> str:
    """Means of the energy errors / of the force errors; nothing where there are none."""
    if not rows:
        return ""
    energy, forces = (
        sum(float(row[key]) for row in rows) / len(rows)
        for key in ("test_energy_mae_mev_per_atom", "test_forces_mae_ev_per_angstrom")
    )
    return f"{energy:.2f} / {forces:.4f}"


def unseen(rows: Rows) -> str:
    """Energies of structures at given positions over the crystal, the right ones first."""
    right = {row["structure"]: float(row["right_mev_per_atom"]) for row in rows}
    structures = sorted(right, key=lambda structure: right[structure])
    found = {(row["potential"], row["structure"]): row["mev_per_atom"] for row in rows}
    lines = [["Quantum ESPRESSO", *(f"{right[s]:.0f}" for s in structures), ""]]
    for name in unique(row["potential"] for row in rows):
        values = [float(found[name, s]) for s in structures]
        error = sum(abs(v - right[s]) for v, s in zip(values, structures, strict=True)) / len(values)
        lines.append([name, *(f"{value:.0f}" for value in values), f"{error:.0f}"])
    return markdown(["meV/atom", *(s.replace("_", " ") for s in structures), "MAE"], lines)


def motion(rows: Rows) -> str:
    """Errors in dynamics of one system."""
    body = [
        [
            row["potential"],
            row["snapshots"],
            rounded("energy_mae_mev_per_atom", 1)(row),
            " ± ".join(
                rounded(key, 3)(row)
                for key in ("forces_mae_ev_per_angstrom", "forces_mae_error_ev_per_angstrom")
            ),
            rounded("forces_rmse_ev_per_angstrom", 3)(row),
        ]
        for row in rows
    ]
    return markdown(["", "snapshots", "energy MAE (meV/atom)", "force MAE (eV/Å)", "force RMSE (eV/Å)"], body)


def tables_of(zuo: Path, further: Iterable[Path]) -> dict[str, str]:
    """All tables by the name of their place in the document."""
    properties_found = read(zuo, "properties")
    cutoffs, cost = read(zuo, "cutoffs"), read(zuo, "cost")
    names = unique(row["potential"] for row in cutoffs)
    with_sizes = unique(
        label
        for name in names
        for label in unique(row["potential"] for row in cost)
        if label == name or label.startswith(f"{name} [")
    )
    found = {
        "cutoffs": grid(cutoffs, "cutoff (Å)", rounded("cutoff_angstrom", 2), names),
        "errors": grid(cost, "", errors_and_cost, with_sizes),
        "properties": "\n\n".join(
            properties(properties_found, system) for system in unique(r["system"] for r in properties_found)
        ),
        "deviations": mean_deviations(properties_found, names),
        "delta": grid(read(zuo, "eos"), "Delta (meV/atom)", rounded("delta_mev_per_atom", 2), names),
        "phonons": grid(read(zuo, "phonons"), "highest (THz)", rounded("highest_thz", 2), names),
        "motion": grid(
            read(zuo, "motion"), "force MAE (eV/Å)", rounded("forces_mae_ev_per_angstrom", 4), names
        ),
        "learning": learning(read(zuo, "learning_curve")),
        "least": least(read(zuo, "learning_curve")),
    }
    for folder in further:
        for name, made in (("unseen", unseen), ("motion", motion)):
            rows = read(folder, name)
            if rows:
                found[f"{folder.name}-{name}"] = made(rows)
    return found


def copy_figures(folder: Path, names: Iterable[str], prefix: str, images: Path) -> None:
    """Copy those that there are."""
    for name in names:
        figure = folder / "figures" / f"{name}.png"
        if figure.is_file():
            shutil.copy(figure, images / f"assessment-{prefix}{name}.png")


def put_into(document: Path, tables: dict[str, str]) -> None:
    """Replace what stands between the comments of each table."""
    text = document.read_text(encoding="utf-8")
    for name, table in tables.items():
        place = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if not place.search(text):
            raise SystemExit(f"{document} has no <!-- {name} --> ... <!-- /{name} -->")
        text = place.sub(lambda match, table=table: f"{match[1]}{table}\n{match[2]}", text)
    document.write_text(text, encoding="utf-8")


def main() -> None:
    """Print all tables, or put them into a document."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("zuo", type=Path)
    parser.add_argument("further", type=Path, nargs="*", help="folders of one element each")
    parser.add_argument("--into", type=Path, help="document")
    parser.add_argument("--images", type=Path, help="folder that figures are copied to")
    given = parser.parse_args()
    tables = tables_of(given.zuo, given.further)
    if given.into is None:
        for name, table in tables.items():
            print(f"<!-- {name} -->\n{table}\n<!-- /{name} -->\n")
    else:
        put_into(given.into, tables)
    if given.images is not None:
        copy_figures(given.zuo, FIGURES, "", given.images)
        for folder in given.further:
            copy_figures(folder, FIGURES_OF_ONE, f"{folder.name}-", given.images)


if __name__ == "__main__":
    main()
