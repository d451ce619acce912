"""Figures of an assessment, after those of Zuo et al., J. Phys. Chem. A 124, 731 (2020)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import XAxis, YAxis
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from atomsmith.report.assessment.looks import Look
from atomsmith.report.figures.style import (
    BAND,
    FAINT,
    INK,
    WIDTH,
    grid,
    log_axis,
    new_figure,
    positive_limits,
    style,
)
from atomsmith.report.html import number
from atomsmith.systems import FloatArray

COLUMNS = 3
_PANEL = 2.75
LEGEND = 7
"""Entries of a legend beside each other."""

Looks = Mapping[str, Look]
"""By name, in the order of legends."""


@dataclass(frozen=True)
class Point:
    """A potential of some size: cost in us/atom, error, and whether it is one of several sizes."""

    name: str
    label: str
    cost: float
    error: float
    on_front: bool


@dataclass(frozen=True)
class Curve:
    """A named line through points; ``spread`` is the range over repeats, shape (2, n)."""

    name: str
    x: FloatArray
    y: FloatArray
    spread: FloatArray | None = None


@dataclass(frozen=True)
class Box:
    """Quantiles 5, 25, 50, 75, 95 % of the sizes of errors."""

    name: str
    quantiles: tuple[float, float, float, float, float]


def panels(
    systems: Sequence[str],
    looks: Looks,
    shown: set[str],
    draw: Callable[[Axes, str], None],
    height: float = _PANEL,
    columns: int = COLUMNS,
) -> Figure:
    """One panel a system, and one legend of the potentials that are shown."""
    with style():
        columns = min(columns, len(systems))
        rows = ceil(len(systems) / columns)
        width, beside = (WIDTH, LEGEND) if columns > 1 else (0.65 * WIDTH, LEGEND // 2 + 1)
        figure = new_figure(width, height * rows + 0.22 * ceil(len(shown) / beside) + 0.1)
        axes = [one for row in grid(figure, rows, columns) for one in row]
        for panel, system in zip(axes, systems, strict=False):
            draw(panel, system)
            panel.set_title(system)
        for panel in axes[len(systems) :]:
            panel.set_axis_off()
        handles = [series_handle(look, name) for name, look in looks.items() if name in shown]
        figure.legend(
            handles=handles, loc="outside upper left", ncols=min(beside, len(handles)), fontsize=8.5,
            handlelength=2.6,
        )  # fmt: skip
        return figure


def series_handle(look: Look, name: str) -> Line2D:
    """Entry of a legend."""
    return Line2D(
        [], [], color=look.color, marker=look.marker, markersize=5, linewidth=1.2, linestyle=look.dashes,
        label=name,
    )  # fmt: skip


def pareto_figure(
    systems: Sequence[str], looks: Looks, points: Mapping[str, Sequence[Point]], label: str
) -> Figure:
    """Error against cost; the front in grey."""

    def draw(axes: Axes, system: str) -> None:
        found = points[system]
        if not found:
            return nothing(axes)
        x_limits = logarithmic(axes.xaxis, [p.cost for p in found], 1.6)
        logarithmic(axes.yaxis, [p.error for p in found], 1.4)
        axes.set(xlabel="µs/atom/step", ylabel=label)
        front = sorted((p.cost, p.error) for p in found if p.on_front)
        if front:
            x = [*(cost for cost, _ in front), x_limits[1]]
            y = [*(error for _, error in front), front[-1][1]]
            axes.step(x, y, where="post", color=FAINT, linewidth=5.0, alpha=0.3, zorder=1)
        for name, look in looks.items():
            own = sorted((p.cost, p.error) for p in found if p.name == name)
            if own:
                axes.plot(
                    *zip(*own, strict=True), color=look.color, marker=look.marker, markersize=5,
                    linewidth=1.0, linestyle=look.dashes, zorder=3,
                )  # fmt: skip

    shown = {point.name for found in points.values() for point in found}
    return panels(systems, looks, shown, draw)


def error_map(
    systems: Sequence[str],
    names: Sequence[str],
    tables: Sequence[tuple[str, Mapping[tuple[str, str], float | None]]],
) -> Figure:
    """Numbers by potential and system, coloured by their ratio to the best of the system.

    ``tables`` holds a title and the numbers by (potential, system) for each map.
    """
    with style():
        wide = max(2.6, 1.1 + 0.62 * len(systems))
        figure = new_figure(min(WIDTH, max(5.0, len(tables) * wide + 1.0)), 0.34 * len(names) + 1.0)
        axes = grid(figure, 1, len(tables))[0]
        image = None
        for panel, (title, values) in zip(axes, tables, strict=True):
            array = np.array(
                [[_nan(values.get((name, system))) for system in systems] for name in names], dtype=float
            )
            with np.errstate(invalid="ignore"):
                best = np.array([np.nanmin(c) if np.isfinite(c).any() else np.nan for c in array.T])
                ratio = np.clip(array / np.where(best > 0.0, best, np.nan), 1.0, 30.0)
            image = panel.imshow(ratio, cmap="YlOrRd", norm=LogNorm(1.0, 30.0), aspect="auto", alpha=0.85)
            panel.set_xticks(range(len(systems)), systems)
            panel.set_yticks(range(len(names)), names if panel is axes[0] else [""] * len(names))
            panel.tick_params(length=0)
            panel.grid(False)
            panel.set_title(title)
            for row, column in np.ndindex(array.shape):
                text = number(float(array[row, column]), 2)
                dark = np.isfinite(ratio[row, column]) and ratio[row, column] > 9.0
                panel.text(
                    column, row, text, ha="center", va="center", fontsize=8,
                    color="white" if dark else INK,
                )  # fmt: skip
        assert image is not None
        bar = figure.colorbar(image, ax=axes, shrink=0.9, pad=0.015, ticks=[1, 2, 5, 10, 30])
        bar.ax.set_yticklabels(["best", "2×", "5×", "10×", "30×"])
        bar.ax.minorticks_off()
        return figure


def curves_figure(
    systems: Sequence[str],
    looks: Looks,
    curves: Mapping[str, Sequence[Curve]],
    labels: tuple[str, str],
) -> Figure:
    """Lines on logarithmic axes."""

    def draw(axes: Axes, system: str) -> None:
        found = [curve for curve in curves[system] if len(curve.x)]
        if not found:
            return nothing(axes)
        logarithmic(axes.xaxis, np.concatenate([c.x for c in found]), 1.15)
        heights = [c.y if c.spread is None else c.spread.ravel() for c in found]
        logarithmic(axes.yaxis, np.concatenate(heights), 1.15)
        axes.set(xlabel=labels[0], ylabel=labels[1])
        for curve in found:
            look = looks[curve.name]
            if curve.spread is not None:
                axes.fill_between(curve.x, *curve.spread, color=look.color, alpha=0.15, linewidth=0)
            axes.plot(
                curve.x, curve.y, color=look.color, marker=look.marker, markersize=4.5, linestyle=look.dashes
            )

    shown = {curve.name for system in systems for curve in curves[system]}
    return panels(systems, looks, shown, draw)


def eos_figure(
    systems: Sequence[str],
    looks: Looks,
    curves: Mapping[str, Sequence[Curve]],
    references: Mapping[str, Curve | None],
) -> Figure:
    """Energies over volumes, each counted from its own minimum; the reference is dashed."""

    def draw(axes: Axes, system: str) -> None:
        found, reference = curves[system], references[system]
        if not found and reference is None:
            return nothing(axes)
        for curve in found:
            look = looks[curve.name]
            axes.plot(curve.x, curve.y, color=look.color, linewidth=1.1, linestyle=look.dashes)
            axes.plot(curve.x[::4], curve.y[::4], color=look.color, marker=look.marker, markersize=3.2,
                      linestyle="")  # fmt: skip
        if reference is not None:
            axes.plot(reference.x, reference.y, color=INK, linestyle=(0, (4, 2)), linewidth=1.6, zorder=5)
        # One curve gone astray must not flatten the others.
        heights = [float(curve.y.max()) for curve in found] or [float(reference.y.max())]  # type: ignore[union-attr]
        if reference is not None:
            heights.append(float(reference.y.max()))
        axes.set_ylim(-0.04 * float(np.median(heights)), 1.6 * float(np.median(heights)))
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.set(xlabel="volume (Å³/atom)", ylabel="energy (meV/atom)")

    shown = {curve.name for system in systems for curve in curves[system]}
    figure = panels(systems, looks, shown, draw)
    with style():
        figure.axes[0].legend(
            handles=[Line2D([], [], color=INK, linestyle=(0, (4, 2)), linewidth=1.6, label="reference")],
            loc="upper right",
        )
    return figure


def dos_figure(systems: Sequence[str], looks: Looks, curves: Mapping[str, Sequence[Curve]]) -> Figure:
    """Densities of states over frequencies."""

    def draw(axes: Axes, system: str) -> None:
        for curve in curves[system]:
            look = looks[curve.name]
            axes.plot(curve.x, curve.y, color=look.color, linewidth=1.0, linestyle=look.dashes)
        seen = [curve.x[curve.y > 1e-3 * curve.y.max()] for curve in curves[system]]
        low = min(0.0, *(float(x.min()) for x in seen), 0.0)
        # Tall peaks of one crystal must not flatten those of the others, nor its modes theirs.
        tops = [float(curve.y.max()) for curve in curves[system]]
        ends = [float(x.max()) for x in seen]
        axes.set_xlim(low, 1.03 * min(max(ends), 2.0 * float(np.median(ends))))
        axes.set_ylim(0.0, 1.5 * float(np.median(tops)))
        axes.set(xlabel="frequency (THz)", ylabel="states (1/THz/atom)")

    shown = {curve.name for system in systems for curve in curves[system]}
    return panels(systems, looks, shown, draw)


def boxes_figure(
    systems: Sequence[str],
    looks: Looks,
    energies: Mapping[str, Mapping[str, FloatArray]],
    forces: Mapping[str, Mapping[str, Box]],
) -> Figure:
    """Distributions of errors: every energy as a point, sizes of force components as boxes."""
    with style():
        rows = [sum(name in forces[s] or name in energies[s] for name in looks) for s in systems]
        heights = [0.27 * max(count, 1) + 0.62 for count in rows]
        figure = new_figure(WIDTH, sum(heights) + 0.3)
        axes = grid(figure, len(systems), 2, height_ratios=heights)
        for (left, right), system in zip(axes, systems, strict=True):
            shown = [name for name in looks if name in forces[system] or name in energies[system]]
            for place, name in enumerate(shown):
                look = looks[name]
                values = energies[system].get(name, np.zeros(0))
                jitter = 0.22 * np.random.default_rng(0).uniform(-1.0, 1.0, len(values))
                left.plot(values, place + jitter, color=look.color, marker=look.marker, markersize=2.6,
                          linestyle="", alpha=0.65)  # fmt: skip
                if name in forces[system]:
                    _box(right, place, forces[system][name], look.color)
            for panel in (left, right):
                panel.set_ylim(len(shown) - 0.4, -0.6)
                panel.set_yticks(range(len(shown)), shown if panel is left else [""] * len(shown))
                panel.grid(axis="y", visible=False)
            left.axvline(0.0, color=INK, linewidth=0.8)
            left.set_title(system)
            left.set_xlabel("error of the energy (meV/atom)")
            low = [box.quantiles[0] for box in forces[system].values()]
            high = [box.quantiles[4] for box in forces[system].values()]
            logarithmic(right.xaxis, [*low, *high], 1.3)
            right.set_xlabel("size of the error of force components (eV/Å)")
        return figure


def _box(axes: Axes, place: float, box: Box, shade: str) -> None:
    low, first, middle, third, high = (max(value, 1e-12) for value in box.quantiles)
    axes.plot([low, high], [place, place], color=shade, linewidth=1.0)
    axes.barh(place, third - first, left=first, height=0.5, color=shade, alpha=0.35, linewidth=0)
    axes.plot([middle, middle], [place - 0.25, place + 0.25], color=shade, linewidth=2.0)


def polymorphs_figure(
    systems: Sequence[str],
    looks: Looks,
    energies: Mapping[str, Mapping[str, Mapping[str, tuple[float | None, bool]]]],
    right: Mapping[str, Mapping[str, float]],
) -> Figure:
    """Energies over the crystal, structures in the order of their median.

    Hollow where a structure turned into another one, a cross at the lower edge where it has no energy, an
    arrow where the energy lies beyond the axis.
    """

    def draw(axes: Axes, system: str) -> None:
        found = energies[system]
        names = [name for name in looks if name in found]
        structures = list(dict.fromkeys(s for one in found.values() for s in one))
        known = {
            s: [e for one in found.values() for e, _ in [one.get(s, (None, True))] if e is not None]
            for s in structures
        }
        structures = [s for s in structures if known[s] or s in right[system]]
        if not structures:
            return nothing(axes)
        typical = {s: right[system].get(s, float(np.median(known[s] or [0.0]))) for s in structures}
        structures.sort(key=lambda s: typical[s])
        low, high = _polymorph_limits(list(typical.values()), [e for s in structures for e in known[s]])
        axes.set_ylim(low, high)
        for place, structure in enumerate(structures):
            if place % 2:
                axes.axvspan(place - 0.5, place + 0.5, color=BAND, linewidth=0, zorder=0)
            if structure in right[system]:
                value = right[system][structure]
                axes.plot([place - 0.45, place + 0.45], [value, value], color=INK, linewidth=2.0, zorder=2)
            for index, name in enumerate(names):
                if structure in found[name]:
                    x = place + 0.86 * ((index + 0.5) / len(names) - 0.5)
                    _polymorph(axes, x, *found[name][structure], looks[name])
        axes.axhline(0.0, color=FAINT, linewidth=0.8)
        axes.grid(axis="x", visible=False)
        axes.set_xlim(-0.5, len(structures) - 0.5)
        shown = [structure.replace("_", " ").replace("hexagonal", "hex.") for structure in structures]
        axes.set_xticks(range(len(structures)), shown, rotation=60, ha="right", rotation_mode="anchor")
        axes.set_ylabel("energy (meV/atom)")

    drawn = {name for system in systems for name in energies[system]}
    return panels(systems, looks, drawn, draw, height=3.2, columns=2)


def _polymorph_limits(typical: list[float], values: list[float]) -> tuple[float, float]:
    """Axis around all values, but no farther than a multiple of the largest typical one."""
    largest = max(max(abs(value) for value in typical), 1.0)
    high = min(max([*values, *typical]), 1.7 * largest)
    low = max(min([*values, *typical, 0.0]), -0.5 * largest)
    margin = 0.09 * (high - low)
    return low - margin, high + margin


def _polymorph(axes: Axes, x: float, energy: float | None, kept: bool, look: Look) -> None:
    """Draw the energy of a structure, or where it is gone to."""
    low, high = axes.get_ylim()
    edge = 0.035 * (high - low)
    fill = look.color if kept else "white"
    if energy is None:
        axes.plot(x, low + edge, color=look.color, marker="x", markersize=4.0, zorder=3)
    elif not low <= energy <= high:
        y, arrow = (low + edge, 7) if energy < low else (high - edge, 6)
        axes.plot(x, y, color=look.color, marker=arrow, markersize=6.0, markerfacecolor=fill, zorder=3)
    else:
        axes.plot(
            x, energy, color=look.color, marker=look.marker, markersize=3.8, markerfacecolor=fill, zorder=3
        )


def logarithmic(
    axis: XAxis | YAxis, values: Sequence[float] | FloatArray, margin: float
) -> tuple[float, float]:
    """Make an axis logarithmic around values, wide enough to show two of its labels; returns its limits."""
    low, high = positive_limits(values, margin)
    labels = np.array([m * 10.0**e for e in range(-9, 10) for m in (1.0, 2.0, 5.0)])
    if np.count_nonzero((labels >= low) & (labels <= high)) < 2:
        low, high = float(labels[labels <= low].max()), float(labels[labels >= high].min())
        low, high = 0.97 * low, 1.03 * high
    log_axis(axis, (low, high))
    if isinstance(axis, XAxis):
        axis.axes.set_xlim(low, high)
    else:
        axis.axes.set_ylim(low, high)
    return low, high


def nothing(axes: Axes) -> None:
    """Say that there is nothing to draw."""
    axes.text(0.5, 0.5, "no results", transform=axes.transAxes, ha="center", va="center", color=FAINT)
    axes.set_axis_off()


def _nan(value: float | None) -> float:
    return np.nan if value is None else value
