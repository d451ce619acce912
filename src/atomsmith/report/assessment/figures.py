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

from atomsmith.report.figures.style import (
    FAINT,
    INK,
    PALETTE,
    WIDTH,
    grid,
    log_axis,
    marker,
    new_figure,
    positive_limits,
    style,
)
from atomsmith.report.html import number
from atomsmith.systems import FloatArray

COLORS = (*PALETTE, "#882255", "#332288", "#117733", "#999933", "#AA4499", "#44AA99", "#A65628")
"""More than the palette of other figures: here a dozen potentials meet. The second half is Paul Tol's."""
COLUMNS = 3
_PANEL = 2.75


def colour(index: int) -> str:
    """Colour of the potential with this index."""
    return COLORS[index % len(COLORS)]


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
    names: Sequence[str],
    shown: set[str],
    draw: Callable[[Axes, str], None],
    height: float = _PANEL,
) -> Figure:
    """One panel a system, and one legend of the potentials that are shown; colours go by all names."""
    with style():
        columns = min(COLUMNS, max(2, len(systems)))
        rows = ceil(len(systems) / columns)
        legend_rows = ceil(len(shown) / 7)
        figure = new_figure(WIDTH, height * rows + 0.22 * legend_rows + 0.1)
        axes = [one for row in grid(figure, rows, columns) for one in row]
        for panel, system in zip(axes, systems, strict=False):
            draw(panel, system)
            panel.set_title(system)
        for panel in axes[len(systems) :]:
            panel.set_axis_off()
        handles = [series_handle(index, name) for index, name in enumerate(names) if name in shown]
        figure.legend(handles=handles, loc="outside upper left", ncols=7, fontsize=8.5)
        return figure


def series_handle(index: int, name: str) -> Line2D:
    """Entry of a legend."""
    return Line2D([], [], color=colour(index), marker=marker(index), markersize=5, linewidth=1.2, label=name)


def pareto_figure(
    systems: Sequence[str], names: Sequence[str], points: Mapping[str, Sequence[Point]], label: str
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
        for index, name in enumerate(names):
            own = sorted((p.cost, p.error) for p in found if p.name == name)
            if own:
                axes.plot(
                    *zip(*own, strict=True), color=colour(index), marker=marker(index), markersize=5,
                    linewidth=1.0, zorder=3,
                )  # fmt: skip

    shown = {point.name for found in points.values() for point in found}
    return panels(systems, names, shown, draw)


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
    names: Sequence[str],
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
            index = list(names).index(curve.name)
            if curve.spread is not None:
                axes.fill_between(curve.x, *curve.spread, color=colour(index), alpha=0.15, linewidth=0)
            axes.plot(curve.x, curve.y, color=colour(index), marker=marker(index), markersize=4.5)

    shown = {curve.name for system in systems for curve in curves[system]}
    return panels(systems, names, shown, draw)


def eos_figure(
    systems: Sequence[str],
    names: Sequence[str],
    curves: Mapping[str, Sequence[Curve]],
    references: Mapping[str, Curve | None],
) -> Figure:
    """Energies over volumes, each counted from its own minimum; the reference is dashed."""

    def draw(axes: Axes, system: str) -> None:
        found, reference = curves[system], references[system]
        if not found and reference is None:
            return nothing(axes)
        for curve in found:
            index = list(names).index(curve.name)
            axes.plot(curve.x, curve.y, color=colour(index), linewidth=1.1)
            axes.plot(curve.x[::4], curve.y[::4], color=colour(index), marker=marker(index), markersize=3.2,
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
    figure = panels(systems, names, shown, draw)
    with style():
        figure.axes[0].legend(
            handles=[Line2D([], [], color=INK, linestyle=(0, (4, 2)), linewidth=1.6, label="reference")],
            loc="upper right",
        )
    return figure


def boxes_figure(
    systems: Sequence[str],
    names: Sequence[str],
    energies: Mapping[str, Mapping[str, FloatArray]],
    forces: Mapping[str, Mapping[str, Box]],
) -> Figure:
    """Distributions of errors: every energy as a point, sizes of force components as boxes."""
    with style():
        rows = [sum(name in forces[s] or name in energies[s] for name in names) for s in systems]
        heights = [0.27 * max(count, 1) + 0.62 for count in rows]
        figure = new_figure(WIDTH, sum(heights) + 0.3)
        axes = grid(figure, len(systems), 2, height_ratios=heights)
        for (left, right), system in zip(axes, systems, strict=True):
            shown = [name for name in names if name in forces[system] or name in energies[system]]
            for place, name in enumerate(shown):
                index = list(names).index(name)
                values = energies[system].get(name, np.zeros(0))
                jitter = 0.22 * np.random.default_rng(0).uniform(-1.0, 1.0, len(values))
                left.plot(values, place + jitter, color=colour(index), marker=marker(index), markersize=2.6,
                          linestyle="", alpha=0.65)  # fmt: skip
                if name in forces[system]:
                    _box(right, place, forces[system][name], colour(index))
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
    names: Sequence[str],
    energies: Mapping[str, Mapping[str, Mapping[str, tuple[float, bool]]]],
    right: Mapping[str, Mapping[str, float]],
) -> Figure:
    """Energies over the crystal, structures in the order of their mean; hollow where one transformed."""

    def draw(axes: Axes, system: str) -> None:
        found = energies[system]
        structures = list(dict.fromkeys(s for one in found.values() for s in one))
        if not structures:
            return nothing(axes)

        def typical(structure: str) -> float:
            if structure in right[system]:
                return right[system][structure]
            return float(np.median([one[structure][0] for one in found.values() if structure in one]))

        structures.sort(key=typical)
        for place, structure in enumerate(structures):
            if structure in right[system]:
                value = right[system][structure]
                axes.plot([place - 0.4, place + 0.4], [value, value], color=INK, linewidth=2.0, zorder=2)
        for index, name in enumerate(names):
            own = found.get(name, {})
            places = [place for place, structure in enumerate(structures) if structure in own]
            offset = 0.5 * (index + 0.5) / len(names) - 0.25
            for place in places:
                value, kept = own[structures[place]]
                axes.plot(place + offset, value, color=colour(index), marker=marker(index), markersize=4.2,
                          markerfacecolor=colour(index) if kept else "white", zorder=3)  # fmt: skip
        limit = 2.0 * max(abs(typical(structure)) for structure in structures)
        values = [value for one in found.values() for value, _ in one.values()]
        if max(values) > limit > 0.0:
            axes.set_ylim(top=limit)
        low = min([*values, 0.0])
        if low < -limit:
            axes.set_ylim(bottom=-0.5 * limit)
        axes.axhline(0.0, color=FAINT, linewidth=0.8)
        shown = [structure.replace("_", " ").replace("hexagonal", "hex.") for structure in structures]
        axes.set_xticks(range(len(structures)), shown, rotation=60, ha="right", rotation_mode="anchor")
        axes.set_ylabel("energy (meV/atom)")

    drawn = {name for system in systems for name in energies[system]}
    return panels(systems, names, drawn, draw, height=3.3)


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
