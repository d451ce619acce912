"""Figures of phonons and of what follows from them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from atomsmith.report.figures.style import ALARM, FAINT, WIDTH, colour, grid, new_figure, style
from atomsmith.systems import FloatArray


def phonon_figure(
    axis: tuple[Sequence[str], Sequence[float]],
    segments: Sequence[tuple[FloatArray, FloatArray]],
    dos: tuple[FloatArray, FloatArray],
    heat_capacity: tuple[FloatArray, FloatArray] | None = None,
) -> Figure:
    """Bands (THz) along a path, density of states beside them, heat capacity (k_B/atom) over temperature.

    ``axis`` has the names and places of special points, ``segments`` distances (points,) with frequencies
    (points, bands). Imaginary frequencies lie below zero, in another colour.
    """
    with style():
        panels = 3 if heat_capacity is not None else 2
        figure = new_figure(WIDTH, 3.9)
        row = grid(figure, 1, panels, width_ratios=(3.0, 1.0, 1.6)[:panels])[0]
        lowest = min(float(f.min()) for _, f in segments)
        highest = max(float(f.max()) for _, f in segments)
        margin = 0.04 * (highest - min(lowest, 0.0))
        for axes in row[:2]:
            axes.set_ylim(min(lowest, 0.0) - (margin if lowest < -margin else 0.0), highest + margin)
        _draw_bands(row[0], axis, segments)
        frequencies, density = dos
        row[1].fill_betweenx(frequencies, density, color=colour(0), alpha=0.25, linewidth=0.0)
        row[1].plot(density, frequencies, color=colour(0), linewidth=1.1)
        row[1].set_xlim(left=0.0)
        row[1].set_xlabel("density of states\n(1/THz/atom)")
        row[1].tick_params(labelleft=False)
        if heat_capacity is not None:
            row[2].plot(*heat_capacity, color=colour(0))
            row[2].axhline(3.0, color=FAINT, linewidth=0.8, linestyle="--")
            row[2].text(0.98, 3.0, "Dulong–Petit", transform=row[2].get_yaxis_transform(), ha="right",
                        va="bottom", fontsize=8, color=FAINT)  # fmt: skip
            row[2].set_ylim(0.0, 3.3)
            row[2].set_xlim(left=0.0)
            row[2].set_xlabel("temperature (K)")
            row[2].set_ylabel("heat capacity (k_B/atom)".replace("k_B", "$k_\\mathrm{B}$"))
        return figure


def _draw_bands(
    axes: Axes,
    axis: tuple[Sequence[str], Sequence[float]],
    segments: Sequence[tuple[FloatArray, FloatArray]],
) -> None:
    labels, ticks = axis
    for distances, frequencies in segments:
        for band in frequencies.T:
            axes.plot(distances, band, color=colour(0), linewidth=1.1)
            if (band < 0.0).any():
                axes.plot(distances, np.where(band < 0.0, band, np.nan), color=ALARM, linewidth=1.4)
    axes.grid(axis="x", visible=False)
    for tick in ticks:
        axes.axvline(tick, color=FAINT, linewidth=0.7)
    axes.axhline(0.0, color=FAINT, linewidth=0.7)
    axes.set_xticks(ticks, labels)
    axes.set_xlim(ticks[0], ticks[-1])
    axes.set_ylabel("frequency (THz)")
