"""What the potential looks like inside: pair curves at close approach, coefficients."""

from __future__ import annotations

from atomsmith.report import figures
from atomsmith.report.figures.pairs import PAIRS_PER_FIGURE
from atomsmith.report.html import Child, element, join, number, table
from atomsmith.report.records import ReportData
from atomsmith.report.sections.base import FigureShelf, Section, right


def pairs_section(data: ReportData, shelf: FigureShelf) -> Section | None:
    """Pair curves at close approach, a few to each figure."""
    if not data.pair_curves:
        return None
    parts = []
    for first in range(0, len(data.pair_curves), PAIRS_PER_FIGURE):
        curves = data.pair_curves[first : first + PAIRS_PER_FIGURE]
        pairs = ", ".join("–".join(curve.elements) for curve in curves)
        caption = (
            f"Two isolated atoms: {pairs}. Axes are linear up to 1 and logarithmic beyond. "
            "Grey: closer than any such pair in the training data."
        )
        name = f"pairs-{first // PAIRS_PER_FIGURE + 1}"
        columns = min(len(data.pair_curves), PAIRS_PER_FIGURE)
        parts.append(shelf.place(name, figures.pair_figure(curves, columns), caption))
    return Section("pairs", "Close approach", join(parts))


def in_turn_section(data: ReportData, shelf: FigureShelf) -> Section | None:
    """Errors and shares of the energy, round by round."""
    if not data.in_turn:
        return None
    names = list(data.in_turn[0].shares)
    titles = ["Energy meV/atom", "Forces eV/Å", "Stress GPa", *(f"η {name}" for name in names)]
    rows: list[list[Child]] = [
        [
            str(one.round),
            *(right(number(value)) for value in (one.energy_rmse_mev, one.forces_rmse, one.stress_rmse_gpa)),
            *(right(f"{one.shares[name]:.3f}") for name in names),
        ]
        for one in data.in_turn
    ]
    note = "RMSE on the training set; η is the mean share of a term in the energy, ⟨E_term / E⟩."
    body = join(
        [
            table([["Round", *(right(title, "th") for title in titles)]], [rows]),
            element("p", note, class_="hint"),
        ]
    )
    return Section("in-turn", "Terms fitted in turn", body)


def coefficients_section(data: ReportData, shelf: FigureShelf) -> Section | None:
    """Coefficient magnitudes by correlation order."""
    if data.coefficients is None or len(data.coefficients.order) == 0:
        return None
    note = f" ({data.coefficients.note})" if data.coefficients.note else ""
    caption = (
        f"Magnitude of every coefficient{note} by correlation order and total degree; black: median of each "
        "degree. A basis that is large enough ends where magnitudes have become small."
    )
    figure = figures.coefficients_figure(data.coefficients)
    return Section("coefficients", "Coefficients", shelf.place("coefficients", figure, caption))
