"""Section of the report on structures in no training set, compared at the same positions of atoms."""

from __future__ import annotations

from atomsmith.report.assessment import figures
from atomsmith.report.assessment.cells import Sheet
from atomsmith.report.assessment.reading import Reading, Value
from atomsmith.report.html import Child, Html, element, join, table
from atomsmith.report.sections.base import Section


def unseen_section(reading: Reading, sheet: Sheet) -> Section | None:
    """Energies of unseen structures beside those that are right."""
    systems = [s for s in reading.systems if truths(reading, s) and _compared(reading, s)]
    if not systems:
        return None
    energies = {
        system: {
            name: {
                structure: (found[structure][0] if structure in found else None, True)
                for structure in truths(reading, system)
            }
            for name, found in _compared(reading, system).items()
        }
        for system in systems
    }
    asked = reading.assessment.settings.unseen
    assert asked is not None
    judge = asked.truth if isinstance(asked.truth, str) else getattr(asked.truth, "kind", "")
    caption = (
        f"Energies over the crystal at the structures that {asked.geometry} relaxes; black: what {judge} "
        "says. An arrow where an energy lies beyond the axis."
    )
    figure = figures.polymorphs_figure(
        systems, reading.looks, energies, {system: truths(reading, system) for system in systems}
    )
    parts = [sheet.shelf.place("unseen", figure, caption)]
    parts += [_table(reading, sheet, system, f"In meV/atom; right is {judge}.") for system in systems]
    return Section("unseen", "Unseen structures", join(parts))


def truths(reading: Reading, system: str) -> dict[str, float]:
    """Energies in meV/atom over the crystal by what was asked for them."""
    found = {
        detail.removeprefix("truth "): item.result["energy_ev_per_atom"]
        for (part, of, _, detail), item in reading.assessment.found.items()
        if part == "unseen" and of == system and detail.startswith("truth ") and item.failure is None
    }
    base = found.pop("crystal", None)
    return {} if base is None else {name: 1000.0 * (energy - base) for name, energy in found.items()}


def _compared(reading: Reading, system: str) -> dict[str, dict[str, tuple[float, float]]]:
    """Energies that each potential and the truth give, by potential and structure."""
    items = {
        name: reading.item("unseen", system, name, "compared")
        for name in reading.assessment.candidates[system]
    }
    return {
        name: item.result.get("structures", {})
        for name, item in items.items()
        if item is not None and item.failure is None
    }


def _table(reading: Reading, sheet: Sheet, system: str, note: str) -> Html:
    truth = truths(reading, system)
    structures = sorted(truth, key=lambda name: truth[name])
    rows: list[list[Child]] = []
    for name in reading.assessment.candidates[system]:
        item = reading.item("unseen", system, name, "compared")
        if item is None:
            continue
        found = item.result.get("structures", {})
        cells: list[Child] = [
            sheet.cell(Value(found[s][0] if s in found else None, item, item.failure), 0) for s in structures
        ]
        mean = Value(item.result.get("mae_mev_per_atom"), item, item.failure)
        rows.append([element("th", name), *cells, sheet.cell(mean, 0)])
        for structure, (ours, known) in found.items():
            sheet.note("unseen", system=system, potential=name, structure=structure,
                       mev_per_atom=ours, right_mev_per_atom=known)  # fmt: skip
    titles = [*(s.replace("_", " ") for s in structures), "MAE"]
    head: list[Child] = ["", *(element("th", title, class_="n") for title in titles)]
    known_row: list[Child] = [
        element("th", "right"),
        *(element("td", f"{truth[s]:.0f}", class_="n known") for s in structures),
        "",
    ]
    return join(
        [element("h3", system), element("p", note, class_="hint"), table([head], [[known_row], rows])]
    )
