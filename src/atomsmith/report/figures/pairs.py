"""Two atoms approaching: energy and force of every pair of elements, with the repulsive core drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, SymmetricalLogLocator

from atomsmith.report.figures.style import (
    BAND,
    INK,
    PALETTE,
    WIDTH,
    grid,
    new_figure,
    plain_number,
    style,
)
from atomsmith.report.records import PairCurve
from atomsmith.systems import FloatArray

PAIRS_PER_FIGURE = 3


def pair_figure(curves: Sequence[PairCurve], columns: int | None = None) -> Figure:
    """Energy above force for up to `PAIRS_PER_FIGURE` pairs, linear within 1 and logarithmic beyond.

    The band marks distances shorter than any in the training data, where only the prior and the
    short-range repulsion speak. ``columns`` leaves room for more pairs than there are, so that the last
    figure of several has the scale of the others.
    """
    with style():
        columns = max(len(curves), columns or 0)
        figure = new_figure(WIDTH if columns > 1 else 0.6 * WIDTH, 4.8)
        rows = grid(figure, 2, columns, sharex="col")
        for column, curve in enumerate(curves):
            _draw_pair(rows[0][column], rows[1][column], curve)
        for column in range(len(curves), columns):
            rows[0][column].set_visible(False)
            rows[1][column].set_visible(False)
        rows[0][0].set_ylabel("energy (eV)")
        rows[1][0].set_ylabel("force −dE/dr (eV/Å)")
        figure.legend(handles=_handles(curves), loc="outside upper left", ncols=3, fontsize=8.5)
        return figure


def _draw_pair(above: Axes, below: Axes, curve: PairCurve) -> None:
    assert curve.force is not None  # supplied by the record itself
    zbl_force = None if curve.zbl_energy is None else -np.gradient(curve.zbl_energy, curve.r)
    for axes, values, zbl in ((above, curve.energy, curve.zbl_energy), (below, curve.force, zbl_force)):
        axes.axhline(0.0, color=INK, linewidth=0.7)
        if curve.shortest is not None:
            axes.axvspan(float(curve.r[0]), curve.shortest, color=BAND, linewidth=0.0, zorder=0)
            axes.axvline(curve.shortest, color=INK, linewidth=1.0, linestyle=(0, (4, 2)))
        axes.plot(curve.r, values, color=PALETTE[0])
        if zbl is not None:
            axes.plot(curve.r, zbl, color=PALETTE[1], linewidth=1.2, linestyle=(0, (5, 2)))
        _symmetric_log(axes, values)
    below.set_xlim(float(curve.r[0]), float(curve.r[-1]))
    below.set_xlabel("distance (Å)")
    shortest = "never in the data" if curve.shortest is None else f"shortest {curve.shortest:.2f} Å"
    above.set_title(f"{'–'.join(curve.elements)}  ({shortest})")


def _symmetric_log(axes: Axes, values: FloatArray) -> None:
    """Symlog axis that shows the whole curve, with room for the well below zero."""
    finite = values[np.isfinite(values)]
    high = max(float(finite.max(initial=0.0)), 1.0)
    low = min(float(finite.min(initial=0.0)), 0.0)
    axes.set_yscale("symlog", linthresh=1.0, linscale=0.8)
    axes.yaxis.set_major_locator(SymmetricalLogLocator(base=10.0, linthresh=1.0))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: plain_number(value)))
    axes.set_ylim(1.6 * low - 0.4, 2.0 * high)


def _handles(curves: Sequence[PairCurve]) -> list[Line2D]:
    handles = [Line2D([], [], color=PALETTE[0], label="potential")]
    if any(curve.zbl_energy is not None for curve in curves):
        handles.append(
            Line2D([], [], color=PALETTE[1], linestyle=(0, (5, 2)), label="short-range repulsion (ZBL)")
        )
    if any(curve.shortest is not None for curve in curves):
        handles.append(
            Line2D([], [], color=INK, linestyle=(0, (4, 2)), label="shortest distance in the training data")
        )
    return handles
