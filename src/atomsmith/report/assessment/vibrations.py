"""Section of the report on phonons: frequencies and thermal quantities, densities of states."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from atomsmith.report.assessment import figures
from atomsmith.report.assessment.cells import Sheet
from atomsmith.report.assessment.figures import Curve
from atomsmith.report.assessment.reading import Reading
from atomsmith.report.html import Child, Html, element, join, table
from atomsmith.report.sections.base import Section

ROOM_K = 300.0

Find = Callable[[dict[str, Any]], float | None]


def _at_room(key: str) -> Find:
    def find(numbers: dict[str, Any]) -> float | None:
        thermal = numbers["thermal"]
        if thermal is None or thermal["temperatures_k"][-1] < ROOM_K:
            return None
        return float(np.interp(ROOM_K, thermal["temperatures_k"], thermal[key]))

    return find


COLUMNS: tuple[tuple[str, str, str, Find, int], ...] = (
    ("highest_thz", "Highest", "THz", lambda r: r["highest_thz"], 2),
    ("lowest_thz", "Lowest", "THz", lambda r: r["lowest_thz"], 2),
    ("zero_point_energy_mev_per_atom", "Zero point", "meV/atom",
     lambda r: r["zero_point_energy_mev_per_atom"], 1),
    ("heat_capacity_300k_kb_per_atom", "Heat capacity", "k/atom", _at_room("heat_capacity_kb_per_atom"), 3),
    ("entropy_300k_kb_per_atom", "Entropy", "k/atom", _at_room("entropy_kb_per_atom"), 3),
)  # fmt: skip
"""Key in the tables, title, unit, what takes the number from a result, digits."""


def phonons_section(reading: Reading, sheet: Sheet) -> Section | None:
    """Phonons of the crystal."""
    curves: dict[str, list[Curve]] = {system: [] for system in reading.systems}
    for system in reading.systems:
        for name in reading.assessment.candidates[system]:
            result = reading.result("properties", system, name, "phonons")
            if result is not None and result["dos_per_thz"] is not None:
                x, y = np.array(result["dos_frequencies_thz"]), np.array(result["dos_per_thz"])
                curves[system].append(Curve(name, x, y))
    tables = [body for system in reading.systems if (body := _table(reading, sheet, system)) is not None]
    if not tables:
        return None
    parts: list[Html] = []
    systems = [system for system in reading.systems if curves[system]]
    if systems:
        caption = "Densities of states of phonons; imaginary frequencies stand below zero."
        parts.append(
            sheet.shelf.place("phonons", figures.dos_figure(systems, reading.looks, curves), caption)
        )
    note = f"Heat capacity and entropy are harmonic, at {ROOM_K:.0f} K and constant volume."
    return Section("phonons", "Phonons", join([*parts, element("p", note, class_="hint"), *tables]))


def _table(reading: Reading, sheet: Sheet, system: str) -> Html | None:
    rows: list[list[Child]] = []
    for name in reading.assessment.candidates[system]:
        if reading.item("properties", system, name, "phonons") is None:
            continue
        values = [reading.found(system, name, "phonons", find) for _, _, _, find, _ in COLUMNS]
        cells = [sheet.cell(value, column[-1]) for value, column in zip(values, COLUMNS, strict=True)]
        rows.append([element("th", name), *cells])
        numbers = {column[0]: value.number for column, value in zip(COLUMNS, values, strict=True)}
        problem = values[0].failure or "; ".join(values[0].doubts) or None
        sheet.note("phonons", system=system, potential=name, **numbers, problem=problem)
    if not rows:
        return None
    head: list[Child] = [
        "Potential",
        *(element("th", title, " ", element("small", unit), class_="n") for _, title, unit, _, _ in COLUMNS),
    ]
    return join([element("h3", system), table([head], [rows])])
