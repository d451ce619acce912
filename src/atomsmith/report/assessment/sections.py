"""Sections of the report on errors and cost: what to take, cutoffs, errors, the Pareto front, data, sizes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from atomsmith.report.assessment import figures
from atomsmith.report.assessment.cells import Sheet
from atomsmith.report.assessment.figures import Curve, Point
from atomsmith.report.assessment.reading import Reading, deviation, pareto
from atomsmith.report.html import Child, Html, element, join, number, table
from atomsmith.report.sections.base import Section
from atomsmith.wording import counted

UNITS = {"energy": "mev_per_atom", "forces": "ev_per_angstrom", "stress": "gpa"}
"""In names of columns."""
NEAR = 1.5
"""A potential is called near the most accurate when its error is at most this multiple."""


def summary_section(reading: Reading, sheet: Sheet) -> Section:
    """What to take, system by system, from the numbers below."""
    systems = reading.systems
    head: list[Child] = [
        "System",
        "Smallest force error",
        f"Fastest within {NEAR:g}× of it",
        "Closest properties",
    ]
    rows: list[list[Child]] = []
    for system in systems:
        rows.append(
            [
                element("th", system),
                *(find(reading, sheet, system) for find in (_most_accurate, _fast, _closest)),
            ]
        )
    failed = sum(item.failure is not None for item in reading.assessment.found.values())
    doubts = sum(1 for _ in reading.statements()) - failed
    found = (
        f"{counted(len(reading.names), 'potential')}, {counted(len(systems), 'system')}, "
        f"{counted(len(reading.assessment.found), 'result')}, of which {failed} failed, and "
        f"{counted(doubts, 'remark')} on doubtful numbers"
    )
    note = (
        "; errors are mean absolute errors on the test sets, properties are judged by their mean relative "
        "deviation from the known values. Every number in this report is a link to where it is from."
    )
    problems = element("a", found, href="#problems") if failed + doubts else found
    return Section(
        "summary", "Summary", join([table([head], [rows]), element("p", problems, note, class_="hint")])
    )


def _force_errors(reading: Reading, system: str) -> list[tuple[float, str]]:
    found = [
        (value.number, candidate.label)
        for candidate in reading.all_candidates(system)
        if (value := reading.error(system, candidate.label, "forces")).number is not None
    ]
    return sorted(found)


def _most_accurate(reading: Reading, sheet: Sheet, system: str) -> Child:
    found = _force_errors(reading, system)
    if not found:
        return "–"
    error, label = found[0]
    return join([f"{label}: ", sheet.link(reading.item("accuracy", system, label), f"{number(error)} eV/Å")])


def _fast(reading: Reading, sheet: Sheet, system: str) -> Child:
    found = _force_errors(reading, system)
    near = [
        (cost.number, error, label)
        for error, label in found
        if error <= NEAR * found[0][0] and (cost := reading.cost(system, label)).number is not None
    ]
    if not near:
        return "–"
    cost_us, error, label = min(near)
    time = sheet.link(reading.item("cost", system, ""), f"{number(cost_us)} µs/atom")
    return join([f"{label}: ", time, f", {number(error)} eV/Å"])


def _closest(reading: Reading, sheet: Sheet, system: str) -> Child:
    known = reading.assessment.settings.systems[system].values
    means = []
    for name in reading.assessment.candidates[system]:
        found = [deviation(reading.quantity(system, name, q).number, right) for q, right in known.items()]
        if found and all(value is not None for value in found):
            means.append((float(np.mean([abs(value) for value in found if value is not None])), name))
    if not means:
        return "–"
    mean, name = min(means)
    return f"{name}: {100.0 * mean:.1f} % of {len(known)} values"


def cutoffs_section(reading: Reading, sheet: Sheet) -> Section:
    """Table I: cutoffs, with the kind of potential and its degrees of freedom."""
    head: list[list[Child]] = [
        ["Potential", "Kind", *(element("th", f"{system}", class_="n") for system in reading.systems)]
    ]
    rows: list[list[Child]] = []
    for name in reading.names:
        families: list[str] = []
        cells: list[Child] = []
        for system in reading.systems:
            sizes = reading.sizes(system, name)
            if not sizes:
                cells.append(element("td", "", class_="n"))
                continue
            families.append(sizes[0].family)
            value = reading.cutoff(sizes[0])
            cells.append(sheet.cell(value, 2))
            sheet.note(
                "cutoffs", system=system, potential=name, kind=sizes[0].family, cutoff_angstrom=value.number,
                n_functions=reading.n_functions(sizes[0]) if value.failure is None else None,
            )  # fmt: skip
        rows.append([element("th", name), ", ".join(dict.fromkeys(families)), *cells])
    note = (
        "In Å. Cutoffs of potentials that another program evaluates are given where the settings state them."
    )
    return Section("cutoffs", "Cutoffs", join([table(head, [rows]), element("p", note, class_="hint")]))


def errors_section(reading: Reading, sheet: Sheet) -> Section | None:
    """Mean absolute errors: a map over potentials and systems, and tables by type of configuration."""
    systems = [
        s for s in reading.systems
        if any(item.part == "accuracy" and item.system == s for item in reading.assessment.found.values())
    ]  # fmt: skip
    if not systems:
        return None
    tables = []
    for quantity, unit in (("energy", "meV/atom"), ("forces", "eV/Å")):
        values = {
            (name, system): reading.error(system, name, quantity).number
            for name in reading.names
            for system in systems
        }
        if any(value is not None for value in values.values()):
            tables.append((f"{quantity.capitalize()} ({unit}), test", values))
    parts: list[Html] = []
    if tables:
        caption = (
            "Mean absolute errors on the test sets; the colour tells how many times the best of the system."
        )
        parts.append(sheet.shelf.place("errors", figures.error_map(systems, reading.names, tables), caption))
    parts += [_error_table(reading, sheet, system) for system in systems]
    zeros = [
        name for name in reading.names
        if any(sizes[0].entry.energy_zero == "fitted" for s in systems if (sizes := reading.sizes(s, name)))
    ]  # fmt: skip
    if zeros:
        text = (
            f"The energies of {', '.join(zeros)} were shifted by one constant per element, fitted to the "
            "training data, because they were made with other data."
        )
        parts.append(element("p", text, class_="hint"))
    return Section("errors", "Errors", join(parts))


_COLUMNS = (("energy", "mae", 1.0), ("energy", "rmse", 1.0), ("forces", "mae", 1.0), ("forces", "rmse", 1.0),
            ("stress", "mae", 1.0))  # fmt: skip


def _error_table(reading: Reading, sheet: Sheet, system: str) -> Html:
    head: list[list[Child]] = [
        [
            element("th", "Potential", rowspan=2),
            element("th", "Set", rowspan=2),
            element("th", "Energy ", element("small", "meV/atom"), colspan=2, class_="group"),
            element("th", "Forces ", element("small", "eV/Å"), colspan=2, class_="group"),
            element("th", "Stress ", element("small", "GPa"), class_="group"),
        ],
        [element("th", text, class_="n") for text in ("MAE", "RMSE", "MAE", "RMSE", "MAE")],
    ]
    groups: list[list[list[Child]]] = []
    for candidate in reading.all_candidates(system):
        rows: list[list[Child]] = []
        for chosen, title in (("test", "test"), ("train", "training")):
            values = [
                reading.error(system, candidate.label, quantity, statistic, chosen)
                for quantity, statistic, _ in _COLUMNS
            ]
            if all(value.item is None for value in values):
                continue
            first = [element("th", candidate.label)] if not rows else [element("td", "")]
            rows.append([*first, title, *(sheet.cell(value) for value in values)])
            if values[0].failure is not None:
                break
            _note_errors(reading, sheet, system, candidate.label, chosen)
        groups.append(rows)
    return join([element("h3", system), table(head, groups)])


def _note_errors(reading: Reading, sheet: Sheet, system: str, label: str, chosen: str) -> None:
    result = reading.result("accuracy", system, label)
    report = None if result is None else result["sets"].get(chosen)
    if report is None:
        return
    for kind, errors in {"all": report["total"], **report["by_type"]}.items():
        numbers = {
            f"{quantity}_{statistic}_{unit}": None
            if errors[quantity] is None
            else errors[quantity][statistic]
            for quantity, unit in UNITS.items()
            for statistic in ("mae", "rmse", "max")
        }
        sheet.note("errors", system=system, potential=label, set=chosen, type=kind,
                   configurations=errors["n_configurations"], **numbers)  # fmt: skip


def types_section(reading: Reading, sheet: Sheet) -> Section | None:
    """Test errors by type of configuration."""
    parts: list[Html] = []
    for system in reading.systems:
        labels = [name for name in reading.assessment.candidates[system]]
        kinds = list(
            dict.fromkeys(
                kind
                for label in labels
                if (found := reading.result("accuracy", system, label)) and "test" in found["sets"]
                for kind in found["sets"]["test"]["by_type"]
            )
        )
        if len(kinds) < 2:
            continue
        head: list[list[Child]] = [
            [element("th", "Potential", rowspan=2),
             *(element("th", kind, colspan=2, class_="group") for kind in kinds)],
            [element("th", text, class_="n") for _ in kinds for text in ("energy", "forces")],
        ]  # fmt: skip
        rows: list[list[Child]] = [
            [
                element("th", label),
                *(
                    sheet.cell(reading.error(system, label, quantity, kind=kind))
                    for kind in kinds
                    for quantity in ("energy", "forces")
                ),
            ]
            for label in labels
        ]
        parts += [element("h3", system), table(head, [rows])]
    if not parts:
        return None
    note = "Mean absolute errors on the test sets: energies in meV/atom, forces in eV/Å."
    return Section(
        "types", "Errors by type of configuration", join([element("p", note, class_="hint"), *parts])
    )


def cost_section(reading: Reading, sheet: Sheet) -> Section | None:
    """Error against cost, with the Pareto front."""
    points: dict[str, list[Point]] = {}
    for system in reading.systems:
        found = [
            (candidate, cost, error)
            for candidate in reading.all_candidates(system)
            if (cost := reading.cost(system, candidate.label)).number is not None
            and (error := reading.error(system, candidate.label, "forces")).number is not None
        ]
        front = pareto([(c.label, cost.number or 0.0, error.number or 0.0) for c, cost, error in found])
        points[system] = [
            Point(c.name, c.label, cost.number or 0.0, error.number or 0.0, c.label in front)
            for c, cost, error in found
        ]
    parts: list[Html] = []
    if any(points.values()):
        caption = (
            "Mean absolute error of test forces against the time of a step of dynamics (energy, forces and "
            "virial; one core; all potentials in turn in one run). Lines join sizes of one potential; the "
            "grey line is the Pareto front: what lies on it is beaten by no other in both."
        )
        figure = figures.pareto_figure(reading.systems, reading.looks, points, "force error (eV/Å)")
        parts.append(sheet.shelf.place("pareto", figure, caption))
    parts += [_cost_table(reading, sheet, system, points[system]) for system in reading.systems]
    shown = [part for part in parts if part]
    return Section("cost", "Error and cost", join(shown)) if shown else None


def _cost_table(reading: Reading, sheet: Sheet, system: str, points: Sequence[Point]) -> Html:
    item = reading.item("cost", system, "")
    if item is None:
        return Html("")
    front = {point.label for point in points if point.on_front}
    head: list[list[Child]] = [
        ["Potential", *(element("th", text, class_="n") for text in
                        ("Functions", "µs/atom/step", "Energy MAE (meV/atom)", "Force MAE (eV/Å)")), "Front"]
    ]  # fmt: skip
    rows: list[list[Child]] = []
    for candidate in reading.all_candidates(system):
        cost = reading.cost(system, candidate.label)
        energy, forces = (reading.error(system, candidate.label, q) for q in ("energy", "forces"))
        functions = _functions(reading, candidate.label, system)
        rows.append(
            [
                element("th", candidate.label),
                element("td", "–" if functions is None else f"{functions:,}", class_="n"),
                sheet.cell(cost),
                sheet.cell(energy),
                sheet.cell(forces),
                "●" if candidate.label in front else "",
            ]
        )
        sheet.note(
            "cost", system=system, potential=candidate.label, n_functions=functions,
            us_per_atom_step=cost.number, energy_mae_mev_per_atom=energy.number,
            forces_mae_ev_per_angstrom=forces.number, on_front=candidate.label in front,
        )  # fmt: skip
    atoms = item.result.get("n_atoms")
    note = "" if atoms is None else f" {element('small', f'{atoms} atoms')}"
    return join([element("h3", system, Html(note)), table(head, [rows])])


def _functions(reading: Reading, label: str, system: str) -> int | None:
    candidate = next(c for c in reading.all_candidates(system) if c.label == label)
    try:
        return reading.n_functions(candidate)
    except Exception:  # what cannot be read has been said of it above
        return None


def sizes_section(reading: Reading, sheet: Sheet) -> Section | None:
    """Error and cost against the degrees of freedom of what was fitted in several sizes."""
    errors: dict[str, list[Curve]] = {system: [] for system in reading.systems}
    costs: dict[str, list[Curve]] = {system: [] for system in reading.systems}
    for system in reading.systems:
        for name, sizes in reading.series(system).items():
            for target, values in (
                (errors, [reading.error(system, c.label, "forces") for c in sizes]),
                (costs, [reading.cost(system, c.label) for c in sizes]),
            ):
                found = sorted(
                    (functions, value.number)
                    for c, value in zip(sizes, values, strict=True)
                    if value.number is not None and (functions := _functions(reading, c.label, system))
                )
                if found:
                    x, y = np.array(found, dtype=float).T
                    target[system].append(Curve(name, x, y))
    systems = [system for system in reading.systems if errors[system] or costs[system]]
    if not systems:
        return None
    parts = []
    for key, curves, label, text in (
        ("sizes-errors", errors, "force error (eV/Å)", "Mean absolute error of test forces"),
        ("sizes-cost", costs, "µs/atom/step", "Time of a step"),
    ):
        if any(curves.values()):
            figure = figures.curves_figure(systems, reading.looks, curves, ("basis functions", label))
            parts.append(sheet.shelf.place(key, figure, f"{text} against the number of basis functions."))
    return Section("sizes", "Degrees of freedom", join(parts))


def data_section(reading: Reading, sheet: Sheet) -> Section | None:
    """Learning curves: test errors against the number of training configurations."""
    asked = reading.assessment.settings.learning_curve
    if asked is None:
        return None
    parts = []
    curves: dict[str, dict[str, list[Curve]]] = {"energy": {}, "forces": {}}
    for system in reading.systems:
        for quantity in curves:
            curves[quantity][system] = [
                curve for name in reading.names if (curve := _learning_curve(reading, system, name, quantity))
            ]
        _note_learning(reading, sheet, system)
    orders = _orders(reading)
    for quantity, unit in (("energy", "meV/atom"), ("forces", "eV/Å")):
        systems = [s for s in reading.systems if curves[quantity][s]]
        if systems:
            caption = (
                f"Mean absolute error of test {quantity} against the number of training configurations: mean "
                f"and range of {orders}. Each part of the data holds the smaller ones."
            )
            figure = figures.curves_figure(
                systems, reading.looks, curves[quantity], ("training configurations", f"{quantity} ({unit})")
            )
            parts.append(sheet.shelf.place(f"learning-{quantity}", figure, caption))
    return Section("data", "Learning curves", join(parts)) if parts else None


def _orders(reading: Reading) -> str:
    """In how many orders data were added; not all may be done yet."""
    done: dict[tuple[str, str, float], int] = {}
    for system in reading.systems:
        for name in reading.names:
            for fraction, _, _ in _points(reading, system, name):
                if fraction < 1.0:
                    done[system, name, fraction] = done.get((system, name, fraction), 0) + 1
    fewest, most = min(done.values(), default=1), max(done.values(), default=1)
    return f"{most} order{'s' * (most > 1)}" if fewest == most else f"{fewest} to {most} orders"


def _points(reading: Reading, system: str, name: str) -> list[tuple[float, int, dict[str, object]]]:
    found = []
    for (part, of, potential, _), item in reading.assessment.found.items():
        if (part, of, potential) == ("learning_curve", system, name) and item.failure is None:
            found.append((float(item.inputs["fraction"]), int(item.inputs["seed"]), item.result))
    return found


def _learning_curve(reading: Reading, system: str, name: str, quantity: str) -> Curve | None:
    by_size: dict[int, list[float]] = {}
    for _, _, result in _points(reading, system, name):
        errors = result["test"][quantity]  # type: ignore[index]
        if errors is not None:
            by_size.setdefault(int(result["configurations"]), []).append(errors["mae"])  # type: ignore[call-overload]
    if len(by_size) < 2:
        return None
    x = sorted(by_size)
    values = [by_size[size] for size in x]
    return Curve(
        name,
        np.array(x, dtype=float),
        np.array([np.mean(v) for v in values]),
        np.array([[min(v) for v in values], [max(v) for v in values]]),
    )


def _note_learning(reading: Reading, sheet: Sheet, system: str) -> None:
    for name in reading.names:
        for fraction, seed, result in _points(reading, system, name):
            numbers = {
                f"{chosen}_{quantity}_mae_{UNITS[quantity]}": None if errors is None else errors["mae"]
                for chosen in ("train", "test")
                for quantity, errors in result[chosen].items()  # type: ignore[attr-defined]
                if quantity in UNITS
            }
            sheet.note("learning_curve", system=system, potential=name, fraction=fraction, order=seed,
                       configurations=result["configurations"], **numbers)  # fmt: skip
