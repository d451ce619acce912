"""What happened during learning: learning curve, walkers, selection, time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from atomsmith.report import figures
from atomsmith.report.figures.trajectories import reasons_of
from atomsmith.report.html import Child, Html, element, join, number, table
from atomsmith.report.records import ReportData, SelectedConfiguration, SelectionStatus, Trajectory
from atomsmith.report.sections.base import FigureShelf, Section, fold, right
from atomsmith.report.statistics import evenly

_MOST_ROUND_FIGURES = 8
_MOST_FAILURES = 100
_STATUSES: tuple[SelectionStatus, ...] = ("labelled", "waiting", "failed", "not selected")


def learning_section(data: ReportData, shelf: FigureShelf) -> Section | None:
    """Learning curve."""
    if len(data.learning_curve) < 2:
        return None
    caption = (
        "Errors of every fit against the labels that it had, and how labels and basis grew. The test set is "
        "drawn where it is not tiny (it grows with the rounds, but for structures that were given for it); "
        "new configurations were predicted by the fit and labelled afterwards: where walkers stop, errors "
        "are largest."
    )
    figure = figures.learning_figure(data.learning_curve)
    return Section("learning", "Learning curve", shelf.place("learning", figure, caption))


def trajectories_section(data: ReportData, shelf: FigureShelf) -> Section | None:
    """All rounds in sequence, then some rounds in detail, then the list of walkers."""
    shown = [t for t in data.trajectories if len(t.step)]
    if not shown:
        return None
    caption = (
        "Every walker of every round. fᵢ is the relative force uncertainty of the least certain atom; a "
        "symbol marks where and why a walker stopped. Long walkers are thinned: drawn are the largest fᵢ of "
        "neighbouring steps and every n-th value of the other quantities."
    )
    parts = [shelf.place("trajectories", figures.overview_figure(shown), caption)]
    if len({t.round for t in shown}) > 1:
        parts.append(_round_details(shown, shelf))
    parts.append(fold(f"All {len(shown):,} walkers", _walker_table(shown), class_="no-print"))
    return Section("trajectories", "Walkers", join(parts))


def _round_details(shown: Sequence[Trajectory], shelf: FigureShelf) -> Html:
    rounds = sorted({t.round for t in shown})
    chosen = [rounds[index] for index in evenly(len(rounds), _MOST_ROUND_FIGURES)]
    reasons = reasons_of(shown)
    details = [
        shelf.place(
            f"round-{number:03d}",
            figures.round_figure([t for t in shown if t.round == number], reasons),
            f"Round {number}.",
            class_="half",
        )
        for number in chosen
    ]
    title = f"Rounds in detail ({len(chosen)} of {len(rounds)})"
    return fold(title, element("div", *details, class_="pairs"), class_="no-print")


def _walker_table(shown: Sequence[Trajectory]) -> Html:
    names = ("Steps", "Largest fᵢ", "Last T (K)")
    head = [["Round", "Walker", "Start", *(right(name, "th") for name in names), "Stopped by"]]
    rows: list[list[Child]] = []
    for t in shown:
        temperature = None if t.temperature_k is None else float(t.temperature_k[-1])
        values = (f"{t.step[-1]:,.0f}", number(float(np.fmax.reduce(t.largest_f))), number(temperature))
        rows.append([t.round, t.walker, t.start or "–", *map(right, values), t.reason or "–"])
    return table(head, [rows])


def selection_section(data: ReportData, shelf: FigureShelf) -> Section | None:
    """What the walkers offered, by reason and fate, and every failed calculation."""
    if not data.selection:
        return None
    statuses = [status for status in _STATUSES if status != "waiting" or _count(data.selection, status)]
    titles = ("Configurations", *(s.capitalize() for s in statuses), "Median step", "Largest fᵢ")
    names = sorted({s.reason for s in data.selection})
    rows = [_selection_row(name, [s for s in data.selection if s.reason == name], statuses) for name in names]
    if len(rows) > 1:
        rows.append(_selection_row("all", data.selection, statuses))
    parts = [table([["Stopped by", *(right(title, "th") for title in titles)]], [rows])]
    failed = [s for s in data.selection if s.status == "failed"]
    if failed:
        parts.append(element("h3", f"Failed reference calculations ({len(failed):,})"))
        parts.append(_failure_table(failed[:_MOST_FAILURES]))
    if len(failed) > _MOST_FAILURES:
        left = len(failed) - _MOST_FAILURES
        parts.append(element("p", f"{left:,} more are in the store of the run.", class_="hint"))
    return Section("selection", "Selected configurations", join(parts))


def _count(chosen: Sequence[SelectedConfiguration], status: SelectionStatus) -> int:
    return sum(s.status == status for s in chosen)


def _selection_row(
    name: str, chosen: Sequence[SelectedConfiguration], statuses: Sequence[SelectionStatus]
) -> list[Child]:
    steps = [s.step for s in chosen if s.step is not None]
    largest = [s.largest_f for s in chosen if s.largest_f is not None]
    values = [
        f"{len(chosen):,}",
        *(f"{_count(chosen, status):,}" for status in statuses),
        f"{np.median(steps):,.0f}" if steps else "–",
        number(max(largest)) if largest else "–",
    ]
    return [element("td", name, class_="all" if name == "all" else None), *map(right, values)]


def _failure_table(failed: Sequence[SelectedConfiguration]) -> Html:
    rows: list[list[Child]] = [[s.round, s.walker, s.reason, s.detail or "no reason given"] for s in failed]
    return table([["Round", "Walker", "Stopped by", "Why it failed"]], [rows])


def timings_section(data: ReportData, shelf: FigureShelf) -> Section | None:
    """Wall time by part."""
    if not data.timings:
        return None
    figure = figures.timings_figure(data.timings)
    return Section("timings", "Time", shelf.place("timings", figure, "Wall time spent by part."))
