"""The structures: a 3D browser on the screen, a still picture on paper."""

from __future__ import annotations

from atomsmith.report import figures
from atomsmith.report.browser import embedded, payload
from atomsmith.report.findings import type_order
from atomsmith.report.html import element, join, raw
from atomsmith.report.records import ReportData
from atomsmith.report.sections.base import FigureShelf, Section


def structures_section(data: ReportData, shelf: FigureShelf) -> Section | None:
    """Place the data of the browser, which the page's script turns into a view and a map."""
    if not data.structures:
        return None
    shown = embedded(data.structures)
    total = len(data.structures)
    count = f"All {total:,} structures."
    if len(shown) < total:
        count = f"{len(shown):,} of {total:,} structures, evenly chosen; the others are in the data set."
    hint = (
        f"{count} Click a point, drag the slider or play; in the picture drag to turn, scroll to zoom, "
        "click an atom for its position."
    )
    still = shelf.place(
        "structures",
        figures.gallery_figure(shown),
        "Some of the structures, in parallel projection.",
        "still",
    )
    body = join(
        [
            element("p", hint, class_="hint no-print"),
            element("div", id="browser", class_="browser"),
            still,
            raw("script", payload(shown, type_order(data)), type="application/json", id="browser-data"),
        ]
    )
    return Section("structures", "Structures", body)
