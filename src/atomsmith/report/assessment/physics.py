"""Sections of the report on physics: properties, equations of state, motion, polymorphs."""

from __future__ import annotations

import numpy as np

from atomsmith.assessment.quantities import QUANTITIES
from atomsmith.data.units import GPA_PER_EV_A3
from atomsmith.properties.equation_of_state import BirchMurnaghan
from atomsmith.report.assessment import figures
from atomsmith.report.assessment.cells import Sheet
from atomsmith.report.assessment.figures import Box, Curve
from atomsmith.report.assessment.reading import Reading, Value, deviation
from atomsmith.report.assessment.unseen import truths
from atomsmith.report.html import Child, Html, element, join, table
from atomsmith.report.sections.base import Section
from atomsmith.systems import FloatArray


def properties_section(reading: Reading, sheet: Sheet) -> Section | None:
    """Table II: properties with their deviations from known values."""
    parts: list[Html] = []
    for system in reading.systems:
        body = _property_table(reading, sheet, system)
        if body is not None:
            source = reading.assessment.settings.systems[system].values_source
            parts += [element("h3", system, " ", element("small", f"known values: {source}")), body]
    if not parts:
        return None
    note = (
        "Deviations from the known values beside the numbers; green within 2 %, red beyond 10 %. A number "
        "with ! is in doubt, for the reason under “Problems”; failed leads to the reason."
    )
    return Section("properties", "Properties", join([element("p", note, class_="hint"), *parts]))


def _property_table(reading: Reading, sheet: Sheet, system: str) -> Html | None:
    names = list(reading.assessment.candidates[system])
    known = reading.assessment.settings.systems[system].values
    values = {
        quantity: [reading.quantity(system, name, quantity) for name in names] for quantity in QUANTITIES
    }
    shown = {
        quantity: found
        for quantity, found in values.items()
        if any(value.item is not None for value in found) and _wanted(quantity, known, found)
    }
    if not shown:
        return None
    head: list[Child] = [""]
    right: list[Child] = [element("th", "known")]
    rows: list[list[Child]] = [[element("th", name)] for name in names]
    for quantity, found in shown.items():
        about, value = QUANTITIES[quantity], known.get(quantity)
        letter, index = about.symbol
        head.append(
            element("th", element("i", letter), element("sub", index) if index else None,
                    element("small", f" {about.unit}"), class_="n")
        )  # fmt: skip
        right.append(element("td", "" if value is None else f"{value:.{about.digits}f}", class_="n known"))
        for row, one in zip(rows, found, strict=True):
            row.append(sheet.cell(one, about.digits, value))
        for name, one in zip(names, found, strict=True):
            sheet.note("properties", system=system, potential=name, quantity=quantity, unit=about.unit,
                       value=one.number, known=value, deviation=deviation(one.number, value),
                       problem=one.failure or "; ".join(one.doubts) or None)  # fmt: skip
    return table([head], [[right], rows], "properties")


def _wanted(quantity: str, known: dict[str, float], values: list[Value]) -> bool:
    """Whether a row says something: known, or of an axis of its own."""
    if quantity in known:
        return True
    if quantity in ("c", "C13", "C33", "C66", "E_coh"):
        # Of crystals of lower symmetry these are among the known; free atoms are in few training sets.
        return False
    return any(value.number is not None for value in values)


def eos_section(reading: Reading, sheet: Sheet) -> Section | None:
    """Equations of state, and the Delta gauge."""
    curves: dict[str, list[Curve]] = {system: [] for system in reading.systems}
    references: dict[str, Curve | None] = dict.fromkeys(reading.systems)
    for system in reading.systems:
        for name in reading.assessment.candidates[system]:
            result = reading.result("properties", system, name, "eos")
            if result is None or result["curve"] is None:
                continue
            volumes = np.array(result["volumes_angstrom3_per_atom"])
            curve = BirchMurnaghan(**result["curve"])
            fine = np.linspace(volumes[0], volumes[-1], 41)
            curves[system].append(Curve(name, fine, 1000.0 * (curve(fine) - curve.energy)))
            if references[system] is None:
                references[system] = _reference(result["settings"]["reference"], volumes)
    if not any(curves.values()):
        return None
    systems = [s for s in reading.systems if curves[s]]
    caption = (
        "Energies over volumes, each curve from its own minimum (Birch–Murnaghan); the reference is that "
        "of the settings, or by default all-electron PBE (WIEN2k) of the Delta test by Lejaeghere et "
        "al. (2016), which is not the code that made the training data."
    )
    figure = figures.eos_figure(systems, reading.looks, curves, references)
    parts = [sheet.shelf.place("eos", figure, caption), _delta_table(reading, sheet, systems)]
    note = "Δ: root mean square difference of the two curves over ±6 % of volume, minima aligned in energy."
    parts.append(element("p", note, class_="hint"))
    return Section("eos", "Equation of state", join(parts))


def _reference(settings: dict[str, float] | None, volumes: FloatArray) -> Curve | None:
    if settings is None:
        return None
    volume = settings["volume_angstrom3_per_atom"]
    curve = BirchMurnaghan(
        0.0, volume, settings["bulk_modulus_gpa"] / GPA_PER_EV_A3, settings["bulk_modulus_derivative"]
    )
    half = 0.5 * float(volumes[-1] - volumes[0])
    fine = np.linspace(volume - half, volume + half, 61)
    return Curve("reference", fine, 1000.0 * curve(fine))


def _delta_table(reading: Reading, sheet: Sheet, systems: list[str]) -> Html:
    head: list[list[Child]] = [
        ["", *(element("th", s, colspan=2, class_="group") for s in systems)],
        ["Potential", *(element("th", text, class_="n") for _ in systems for text in ("V₀ (Å³)", "Δ (meV)"))],
    ]
    rows: list[list[Child]] = []
    for name in reading.names:
        if not any(reading.item("properties", system, name, "eos") for system in systems):
            continue
        cells: list[Child] = []
        for system in systems:
            if not reading.sizes(system, name):
                cells += [element("td", ""), element("td", "")]
                continue
            volume, delta, bulk, derivative = (
                reading.of_property(system, name, "eos", key)
                for key in ("volume_angstrom3_per_atom", "delta_mev_per_atom", "bulk_modulus_gpa",
                            "bulk_modulus_derivative")
            )  # fmt: skip
            cells += [sheet.cell(volume, 2), sheet.cell(delta, 2)]
            sheet.note("eos", system=system, potential=name, volume_angstrom3_per_atom=volume.number,
                       bulk_modulus_gpa=bulk.number, bulk_modulus_derivative=derivative.number,
                       delta_mev_per_atom=delta.number, problem=volume.failure)  # fmt: skip
        rows.append([element("th", name), *cells])
    return table(head, [rows])


def motion_section(reading: Reading, sheet: Sheet) -> Section | None:
    """Errors on snapshots of dynamics."""
    asked = reading.assessment.settings.motion
    if asked is None:
        return None
    energies: dict[str, dict[str, FloatArray]] = {system: {} for system in reading.systems}
    forces: dict[str, dict[str, Box]] = {system: {} for system in reading.systems}
    rows: list[list[Child]] = []
    for system in reading.systems:
        for name in reading.assessment.candidates[system]:
            item = reading.item("motion", system, name, "errors")
            if item is None:
                continue
            rows.append(_motion_row(reading, sheet, system, name))
            if item.failure is None and item.result["all"]["forces_quantiles"]:
                found = item.result["all"]
                energies[system][name] = np.array(found["energy_mev_per_atom"])
                forces[system][name] = Box(name, tuple(found["forces_quantiles"]))
    if not rows:
        return None
    truth = asked.truth if isinstance(asked.truth, str) else asked.truth.kind
    mover = "each potential itself moved" if asked.driver is None else f"{asked.driver} moved"
    caption = (
        f"Errors on snapshots of dynamics at {', '.join(f'{f:g}' for f in asked.fractions)} of the melting "
        f"point, in which {mover} the atoms; what is right was asked of {truth}. Energies: one point a "
        "snapshot, their mean difference taken off. Forces: median, middle half, and 5 to 95 % of the "
        "components. ± is the standard error of the force MAE, from its scatter among the snapshots of each "
        "temperature."
    )
    systems = [s for s in reading.systems if forces[s]]
    parts: list[Html] = []
    for start in range(0, len(systems), 3):
        some = systems[start : start + 3]
        figure = figures.boxes_figure(some, reading.looks, energies, forces)
        parts.append(sheet.shelf.place(f"motion-{start // 3 + 1}", figure, caption if start == 0 else
                                       f"The same for {', '.join(some)}."))  # fmt: skip
    titles = ("Snapshots", "Energy MAE (meV/atom)", "Force MAE (eV/Å)", "±", "Force RMSE (eV/Å)")
    head: list[list[Child]] = [
        ["System", "Potential", *(element("th", text, class_="n") for text in titles)]
    ]  # fmt: skip
    return Section("motion", "Errors in dynamics", join([*parts, table(head, [rows])]))


def _motion_row(reading: Reading, sheet: Sheet, system: str, name: str) -> list[Child]:
    asked = reading.assessment.settings.motion
    assert asked is not None
    item = reading.item("motion", system, name, "errors")
    assert item is not None
    driven = reading.result("motion", system, name if asked.driver is None else asked.driver, "snapshots")
    taken = None if driven is None else len(driven["snapshots"])
    wanted = "" if driven is None or taken == driven["wanted"] else f" of {driven['wanted']}"
    found = item.result.get("all", {})
    values = [
        Value(found.get(key), item, item.failure)
        for key in ("energy_mae", "forces_mae", "forces_mae_error", "forces_rmse")
    ]
    sheet.note(
        "motion", system=system, potential=name, snapshots=taken, energy_mae_mev_per_atom=values[0].number,
        forces_mae_ev_per_angstrom=values[1].number, forces_mae_error_ev_per_angstrom=values[2].number,
        forces_rmse_ev_per_angstrom=values[3].number, problem=item.failure,
    )  # fmt: skip
    count = element("td", "–" if taken is None else f"{taken}{wanted}", class_="n")
    return [element("th", system), name, count, *(sheet.cell(value) for value in values)]


def polymorphs_section(reading: Reading, sheet: Sheet) -> Section | None:
    """Energies of structures that are in no training set."""
    energies: dict[str, dict[str, dict[str, tuple[float | None, bool]]]] = {s: {} for s in reading.systems}
    right: dict[str, dict[str, float]] = {}
    for system in reading.systems:
        right[system] = dict(reading.assessment.settings.systems[system].polymorphs_mev_per_atom)
        for name in reading.assessment.candidates[system]:
            result = reading.result("properties", system, name, "polymorphs")
            if result is None:
                continue
            energies[system][name] = {
                one["structure"]: (one["energy_mev_per_atom"], one["kept"] is not False)
                for one in result["polymorphs"]
            }
            for one in result["polymorphs"]:
                sheet.note("polymorphs", system=system, potential=name, **one,
                           known_mev_per_atom=right[system].get(one["structure"]))  # fmt: skip
        right[system] |= truths(reading, system)
    systems = [s for s in reading.systems if any(energies[s].values())]
    if not systems:
        return None
    caption = (
        "Energies of other structures over the crystal, each relaxed by the potential itself; hollow where "
        "it turned into another one, × where it did not relax or fell into a hole, an arrow where the energy "
        "lies beyond the axis. Black: what is right, where that is known or was asked for."
    )
    figure = figures.polymorphs_figure(systems, reading.looks, energies, right)
    return Section("polymorphs", "Polymorphs", sheet.shelf.place("polymorphs", figure, caption))
