"""Parity of predicted and reference values, with residuals and their distribution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from atomsmith.report.figures.style import BAND, FAINT, INK, WIDTH, colour, grid, new_figure, style
from atomsmith.report.records import Parity
from atomsmith.systems import FloatArray

#: Beyond this many points a scatter hides its own density: hexagons with a logarithmic count are drawn.
DENSITY_ABOVE = 20_000
_RASTER_ABOVE = 1_500


@dataclass(frozen=True)
class _Axis:
    """How one quantity is labelled; residuals are ``factor`` times the values' unit."""

    label: str
    unit: str
    residual_unit: str
    factor: float


_AXES = {
    "energy": _Axis("energy", "eV/atom", "meV/atom", 1000.0),
    "forces": _Axis("force component", "eV/Å", "eV/Å", 1.0),
    "stress": _Axis("stress component", "GPa", "GPa", 1.0),
}


def parity_figure(parities: Sequence[Parity], types: Sequence[str] = ()) -> Figure:
    """One column for each quantity of one split: parity above, residuals below.

    Points are coloured by configuration type and drawn in a fixed random order, so that no type lies on top
    of another; above `DENSITY_ABOVE` points the density is drawn instead. The inset is the distribution of
    the residuals by type. ``types`` gives configuration types their places in the palette; others follow.
    """
    with style():
        columns = len(parities)
        width = WIDTH if columns > 1 else 0.56 * WIDTH
        panel = width / columns
        figure = new_figure(width, min(panel, 4.6) + 1.7)
        rows = grid(figure, 2, columns, height_ratios=(min(panel, 4.6), 1.15))
        shown = list(dict.fromkeys(name for parity in parities for name in parity.config_types))
        names = {name: index for index, name in enumerate(dict.fromkeys([*types, *shown]))}
        if shown == ["all"]:
            names = {"all": 0}
        for column, parity in enumerate(parities):
            _draw_parity(rows[0][column], rows[1][column], parity, names)
        if len(shown) > 1:
            handles = [
                Line2D([], [], color=colour(i), marker="o", linestyle="", markersize=5, label=name)
                for name, i in names.items()
                if name in shown
            ]
            figure.legend(handles=handles, loc="outside upper left", ncols=6, fontsize=8.5)
        return figure


def _draw_parity(main: Axes, residual: Axes, parity: Parity, names: dict[str, int]) -> None:
    axis = _AXES[parity.quantity]
    finite = np.isfinite(parity.reference) & np.isfinite(parity.predicted)
    reference, predicted = parity.reference[finite], parity.predicted[finite]
    series = np.array([names[name] for name in parity.config_types])[parity.config_type[finite]]
    errors = axis.factor * (predicted - reference)
    if len(reference) > DENSITY_ABOVE:
        for axes, y, cells in ((main, predicted, (70, 40)), (residual, errors, (70, 11))):
            axes.hexbin(reference, y, gridsize=cells, bins="log", cmap="viridis", mincnt=1, linewidths=0.1)
    else:
        for axes, y in ((main, predicted), (residual, errors)):
            _scatter(axes, reference, y, series)
    low, high = _limits(reference, predicted)
    main.plot([low, high], [low, high], color=INK, linewidth=0.8, zorder=3)
    main.set(xlim=(low, high), ylim=(low, high), aspect="equal", adjustable="box")
    main.set_ylabel(f"predicted {axis.label} ({axis.unit})")
    main.set_title(f"{parity.quantity.capitalize()}, {parity.split}")
    main.text(0.03, 0.97, f"{len(reference):,} values", transform=main.transAxes, va="top", fontsize=8,
              color="#57606a")  # fmt: skip
    residual.axhline(0.0, color=INK, linewidth=0.8, zorder=3)
    largest = float(np.max(np.abs(errors), initial=1e-12))
    residual.set(xlim=(low, high), ylim=(-1.15 * largest, 1.15 * largest))
    residual.set_xlabel(f"reference {axis.label} ({axis.unit})")
    residual.set_ylabel(f"residual\n({axis.residual_unit})")
    _inset(main, errors, series, axis)


def _scatter(axes: Axes, x: FloatArray, y: FloatArray, series: FloatArray) -> None:
    order = np.random.default_rng(0).permutation(len(x))
    size, alpha = (16.0, 0.75) if len(x) < 400 else (7.0, 0.5) if len(x) < 4000 else (3.0, 0.35)
    colours = np.array([colour(int(i)) for i in series])
    axes.scatter(
        x[order], y[order], s=size, c=colours[order].tolist(), alpha=alpha, linewidths=0.0, zorder=2,
        rasterized=len(x) > _RASTER_ABOVE,
    )  # fmt: skip


def _limits(reference: FloatArray, predicted: FloatArray) -> tuple[float, float]:
    both = np.concatenate([reference, predicted])
    if len(both) == 0:
        return 0.0, 1.0
    low, high = float(both.min()), float(both.max())
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 0.05
    return low - margin, high + margin


def _inset(main: Axes, errors: FloatArray, series: FloatArray, axis: _Axis) -> None:
    """Histogram of residuals within four robust standard deviations, in the empty lower right corner."""
    if len(errors) < 10:
        return
    inset = main.inset_axes((0.60, 0.125, 0.38, 0.25))
    spread = 1.4826 * float(np.median(np.abs(errors - np.median(errors)))) or float(np.std(errors)) or 1.0
    edges = np.linspace(-4.0 * spread, 4.0 * spread, 33)
    base = np.zeros(len(edges) - 1)
    for index in np.unique(series):
        counts = np.histogram(errors[series == index], edges)[0]
        inset.bar(edges[:-1], counts, np.diff(edges), bottom=base, align="edge", color=colour(int(index)))
        base = base + counts
    inset.axvline(0.0, color=INK, linewidth=0.8)
    inset.set_yticks([])
    inset.grid(False)
    inset.spines["left"].set_visible(False)
    inset.tick_params(labelsize=7, length=2, pad=1.5)
    inset.set_xlabel(f"residual ({axis.residual_unit})", fontsize=7, labelpad=1.0)
    inset.set_facecolor(BAND)
    inset.spines["bottom"].set_color(FAINT)
