"""How good the potential is: error tables, parity, calibration of its uncertainty."""

from __future__ import annotations

from collections.abc import Sequence

from atomsmith.report import figures
from atomsmith.report.findings import type_order
from atomsmith.report.html import Child, Html, element, join, number, table
from atomsmith.report.records import Calibration, ErrorRow, ReportData, Split
from atomsmith.report.sections.base import FigureShelf, Section
from atomsmith.report.statistics import SET_NAMES, miscalibration_area, spread_ratio

_SPLITS: tuple[tuple[Split, str], ...] = (("test", "Test set"), ("train", "Training set"))


def errors_section(data: ReportData, shelf: FigureShelf) -> Section | None:
    """Error tables by configuration type."""
    if not data.errors:
        return None
    stress = any(r.stress_rmse_gpa is not None or r.stress_mae_gpa is not None for r in data.errors)
    quantities = [("Energy", "meV/atom"), ("Forces", "eV/Å"), *([("Stress", "GPa")] if stress else [])]
    titles = [
        element("th", name, element("small", f" {unit}"), colspan=2, class_="group")
        for name, unit in quantities
    ]
    kinds = [element("th", kind, class_="n") for _ in quantities for kind in ("MAE", "RMSE")]
    first = [element("th", "Configuration type", rowspan=2), element("th", "Number", rowspan=2, class_="n")]
    groups: list[list[list[Child]]] = []
    for split, title in _SPLITS:
        rows = [row for row in data.errors if row.split == split]
        if rows:
            heading = element("th", title, colspan=2 + 2 * len(quantities), class_="split")
            groups.append([[heading], *(_error_cells(row, rows, stress) for row in rows)])
    note = "Energies per atom; forces and stresses over all components."
    if len({row.config_type for row in data.errors}) > 1:
        note += " Bars compare the RMSE of a type with the largest of its column."
    body = join([table([[*first, *titles], kinds], groups, "errors"), element("p", note, class_="hint")])
    return Section("errors", "Errors", body)


def _error_cells(row: ErrorRow, rows: Sequence[ErrorRow], stress: bool) -> list[Child]:
    names = ["energy_mae_mev", "energy_rmse_mev", "forces_mae", "forces_rmse"]
    names += ["stress_mae_gpa", "stress_rmse_gpa"] if stress else []
    cells: list[Child] = [
        element("td", row.config_type, class_="all" if row.config_type == "all" else None),
        element("td", f"{row.n_configurations:,}", class_="n"),
    ]
    for name in names:
        value = getattr(row, name)
        largest = max((getattr(other, name) or 0.0 for other in rows), default=0.0)
        bar = None
        if "rmse" in name and value is not None and largest > 0.0 and len(rows) > 1:
            bar = f"--bar: {100.0 * value / largest:.0f}%"
        cells.append(element("td", number(value), class_="n bar" if bar else "n", style=bar))
    return cells


def parity_section(data: ReportData, shelf: FigureShelf) -> Section | None:
    """Parity figures, one for each split."""
    parts = []
    for split, title in _SPLITS:
        chosen = [p for p in data.parity if p.split == split and len(p.reference)]
        if chosen:
            caption = (
                f"{title}: predicted against reference values, and residuals (predicted minus reference). "
                "Insets: distribution of the residuals within four robust standard deviations."
            )
            figure = figures.parity_figure(chosen, type_order(data))
            parts.append(shelf.place(f"parity-{split}", figure, caption))
    return Section("parity", "Parity", join(parts)) if parts else None


def calibration_section(data: ReportData, shelf: FigureShelf) -> Section | None:
    """Calibration figures and scores."""
    parts = [_calibration(calibration, shelf) for calibration in data.calibration]
    return Section("calibration", "Calibration of the uncertainty", join(parts)) if parts else None


def _calibration(calibration: Calibration, shelf: FigureShelf) -> Html:
    scores: dict[str, float | None] = {
        "RMS error / RMS predicted deviation": spread_ratio(calibration),
        "miscalibration area": miscalibration_area(calibration),
        **calibration.scores,
    }
    caption = (
        f"Uncertainty of {calibration.quantity}, {SET_NAMES[calibration.split]}. Left: true errors against "
        "predicted standard deviations; where the RMS errors lie on the line, the model is calibrated. "
        "Right: how often the error lies within the interval that should hold this fraction of errors."
    )
    name = f"calibration-{calibration.quantity}-{calibration.split}"
    figure = shelf.place(name, figures.calibration_figure(calibration), caption)
    items = (element("div", element("dt", key), element("dd", number(v))) for key, v in scores.items())
    return join([figure, element("dl", *items, class_="scores")])
