"""The page of a search for settings: score and cost of all trials, the front, and what was searched."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from matplotlib.figure import Figure

from atomsmith.potential import library_version
from atomsmith.report.figures.style import (
    ALARM,
    FAINT,
    INK,
    PALETTE,
    WIDTH,
    grid,
    log_axis,
    new_figure,
    positive_limits,
    style,
)
from atomsmith.report.html import Child, element, join, number, table
from atomsmith.report.page import Heading, assembled, write_figures
from atomsmith.report.sections.base import FigureShelf, Section, fold
from atomsmith.report.storage import write_text
from atomsmith.tuning.search import Search, Try
from atomsmith.tuning.settings import TuneSettings
from atomsmith.wording import counted

SHOWN = 20


def write_tuning(settings: TuneSettings, found: Search, folder: Path) -> Path:
    """Write ``report.html`` and its figures."""
    shelf = FigureShelf()
    sections = [
        _summary(settings, found),
        Section("search", "Search", shelf.place("search", search_figure(found), _CAPTION)),
        Section("keys", "Keys", shelf.place("keys", keys_figure(found), _KEYS)),
        _front(settings, found),
        _settings(settings),
    ]
    created = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")
    refused = sum(one.score is None for one in found.tries)
    summary = (
        f"{counted(len(found.tries), 'trial')} of {counted(len(settings.search), 'key')} of "
        f"{settings.fit_file.name}"
        f"{f', {refused} refused' if refused else ''}."
    )
    heading = Heading(f"Search: {settings.fit_file.stem}", created, summary)
    page = folder / "report.html"
    write_figures(shelf, folder / "figures")
    write_text(page, assembled(heading, sections, library_version()))
    return page


_CAPTION = (
    "Left: score of each trial (weighted mean of errors on data held out and of deviations of properties, "
    "relative to the settings as given, which have 1), and the best so far. Right: score against the cost of "
    "a step; the line joins the trials that no other beats in both."
)
_KEYS = "Score against the values of each key."


def search_figure(found: Search) -> Figure:
    """Scores over trials, and over cost with the front."""
    with style():
        scored = [one for one in found.tries if one.score is not None and one.outcome is not None]
        numbers = np.array([one.number for one in scored])
        scores = np.array([one.score for one in scored], dtype=float)
        costs = np.array([one.outcome.us_per_atom for one in scored if one.outcome is not None])
        figure = new_figure(WIDTH, 3.4)
        left, right = grid(figure, 1, 2)[0]
        limits = positive_limits([*scores, 1.0], 1.05)
        limits = limits[0], min(limits[1], 6.0 * limits[0])
        left.plot(numbers, scores, "o", color=PALETTE[0], markersize=4, alpha=0.7)
        left.step(numbers, np.minimum.accumulate(scores), where="post", color=INK, label="best so far")
        left.set(xlabel="trial", ylabel="score", ylim=limits)
        right.plot(costs, scores, "o", color=PALETTE[0], markersize=4, alpha=0.7)
        front = found.front()
        right.step(
            [one.outcome.us_per_atom for one in front if one.outcome is not None],
            [one.score for one in front if one.score is not None],
            where="post", color=FAINT, linewidth=5.0, alpha=0.4, label="front", zorder=1,
        )  # fmt: skip
        right.plot(found.baseline.us_per_atom, 1.0, "X", color=ALARM, markersize=8, label="as given")
        x_limits = positive_limits([*costs, found.baseline.us_per_atom], 1.2)
        log_axis(right.xaxis, x_limits)
        right.set(xlabel="µs/atom/step", ylim=limits, xlim=x_limits)
        for axes in (left, right):
            axes.axhline(1.0, color=ALARM, linewidth=0.8, linestyle=(0, (4, 2)))
            axes.legend(loc="upper right")
        return figure


def keys_figure(found: Search) -> Figure:
    """Scores over the values of each key."""
    with style():
        scored = [one for one in found.tries if one.score is not None]
        keys = list(dict.fromkeys(key for one in scored for key in one.parameters))
        columns = min(3, len(keys))
        rows = -(-len(keys) // columns)
        figure = new_figure(WIDTH, 2.4 * rows + 0.2)
        axes = [one for row in grid(figure, rows, columns, sharey=True) for one in row]
        scores = np.array([one.score for one in scored], dtype=float)
        for panel, key in zip(axes, keys, strict=False):
            values = [one.parameters[key] for one in scored]
            if any(isinstance(value, str | bool) for value in values):
                values = [str(value) for value in values]
            panel.plot(values, scores, "o", color=PALETTE[0], markersize=4, alpha=0.7)
            panel.set_xlabel(_short(key))
        for panel in axes[len(keys) :]:
            panel.set_axis_off()
        for panel in axes[::columns]:
            panel.set_ylabel("score")
        low = float(scores.min())
        axes[0].set_ylim(0.97 * low, min(1.03 * float(scores.max()), 4.0 * low))
        return figure


def _short(key: str) -> str:
    return ".".join(key.split(".")[-2:])


def _shown(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def _summary(settings: TuneSettings, found: Search) -> Section:
    best = found.best
    assert best is not None
    assert best.outcome is not None
    rows: list[list[Child]] = []
    base = found.baseline

    def row(name: str, unit: str, before: float | None, after: float | None) -> None:
        if before is not None or after is not None:
            label = element("th", name, element("small", f" {unit}") if unit else None)
            rows.append([label, *(element("td", number(value), class_="n") for value in (before, after))])

    row("Score", "", 1.0, best.score)
    for name, unit in (("energy", "meV/atom"), ("forces", "eV/Å"), ("stress", "GPa")):
        row(f"Error of {name} held out", unit, base.errors[name], best.outcome.errors[name])
    targets = {} if settings.targets is None else settings.targets.values
    for name, right in targets.items():
        row(f"{name} (should be {right:g})", "", base.properties[name], best.outcome.properties[name])
    row("Cost", "µs/atom", base.us_per_atom, best.outcome.us_per_atom)
    row("Basis functions", "", float(base.n_functions), float(best.outcome.n_functions))
    titles: list[Child] = ["", *(element("th", text, class_="n") for text in ("as given", "best"))]
    chosen = [
        [element("code", key), element("td", str(value), class_="n")]
        for key, value in best.parameters.items()
    ]
    body = join(
        [
            table([titles], [rows], "narrow"),
            element("h3", f"Best settings: trial {best.number}"),
            table([["Key", element("th", "Value", class_="n")]], [chosen], "narrow"),
            element("p", "These are in best.yaml; potential.json is the fit with them to all training data.",
                    class_="hint"),
        ]
    )  # fmt: skip
    return Section("summary", "Summary", body)


def _front(settings: TuneSettings, found: Search) -> Section:
    front = found.front()
    scored = sorted((one for one in found.tries if one.score is not None), key=lambda one: one.score or 0.0)
    parts = [
        element("h3", "Front of score and cost (front/NN.yaml)"),
        _trials(settings, front),
        element("h3", f"Best {min(SHOWN, len(scored))} of {counted(len(scored), 'trial')}"),
        _trials(settings, scored[:SHOWN]),
    ]
    refused: list[list[Child]] = [[f"{one.number}", one.reason] for one in found.tries if one.score is None]
    if refused:
        parts.append(fold(f"{counted(len(refused), 'trial')} refused", table([["Trial", "Why"]], [refused])))
    return Section("trials", "Trials", join(parts))


def _trials(settings: TuneSettings, tries: Sequence[Try]) -> Any:
    keys = list(settings.search)
    titles = [
        "Trial",
        "Score",
        "µs/atom",
        "Energy (meV/atom)",
        "Forces (eV/Å)",
        *(_short(key) for key in keys),
    ]
    head: list[Child] = [element("th", title, class_="n") for title in titles]
    body: list[list[Child]] = []
    for one in tries:
        assert one.outcome is not None
        texts = [
            str(one.number), number(one.score), number(one.outcome.us_per_atom),
            number(one.outcome.errors["energy"]), number(one.outcome.errors["forces"]),
            *(_shown(one.parameters.get(key)) for key in keys),
        ]  # fmt: skip
        body.append([element("td", text, class_="n") for text in texts])
    return table([head], [body])


def _settings(settings: TuneSettings) -> Section:
    values = settings.model_dump(mode="json")
    start = settings.fit_file.read_text(encoding="utf-8-sig").rstrip()
    shown = yaml.safe_dump(values, sort_keys=False, allow_unicode=True).rstrip()
    parts = [
        fold("Settings of the search (YAML)", element("pre", element("code", shown))),
        fold(f"{settings.fit_file.name}, as given", element("pre", element("code", start))),
    ]
    return Section("settings", "Settings", join(parts))
