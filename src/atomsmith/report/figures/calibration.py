"""Predicted uncertainty against true error, and observed against promised coverage."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from atomsmith.report.figures.style import (
    ALARM,
    INK,
    PALETTE,
    WIDTH,
    grid,
    log_axis,
    new_figure,
    positive_limits,
    style,
)
from atomsmith.report.records import Calibration
from atomsmith.report.statistics import binned_errors, coverage, miscalibration_area, valid_pairs

_UNITS = {"energy": "eV/atom", "forces": "eV/Å", "stress": "GPa"}


def calibration_figure(calibration: Calibration) -> Figure:
    """Left: absolute error against predicted standard deviation. Right: coverage of Gaussian intervals."""
    with style():
        figure = new_figure(WIDTH, 4.3)
        left, right = grid(figure, 1, 2)[0]
        _draw_errors(left, calibration)
        _draw_coverage(right, calibration)
        return figure


def _draw_errors(axes: Axes, calibration: Calibration) -> None:
    std, error = valid_pairs(calibration)
    shown = error > 0.0
    x_limits = positive_limits(std)
    # Errors far below the smallest deviation say nothing on a log axis: show four decades at most.
    top = positive_limits(np.concatenate([error, std]))[1]
    y_limits = (max(positive_limits(error)[0], 1e-4 * top), top)
    if np.count_nonzero(shown) > 3000:
        extent = (*np.log10(x_limits), *np.log10(y_limits))
        axes.hexbin(
            std[shown], error[shown], xscale="log", yscale="log", gridsize=55, bins="log", cmap="Blues",
            mincnt=1, extent=extent, linewidths=0.1,
        )  # fmt: skip
    else:
        axes.scatter(std[shown], error[shown], s=9, alpha=0.35, linewidths=0.0, color=PALETTE[5])
    log_axis(axes.xaxis, x_limits)
    log_axis(axes.yaxis, y_limits)
    line = np.array([min(x_limits[0], y_limits[0]), max(x_limits[1], y_limits[1])])
    axes.plot(line, line, color=INK, linewidth=0.9, label="error = predicted")
    axes.plot(line, 2.0 * line, color=INK, linewidth=0.7, linestyle=(0, (2, 2)), label="2 × predicted")
    x, y = binned_errors(calibration)
    axes.plot(x, y, color=ALARM, marker="o", markersize=4.5, label="RMS error in bins")
    axes.set(xlim=x_limits, ylim=y_limits)
    unit = _UNITS[calibration.quantity]
    axes.set_xlabel(f"predicted standard deviation ({unit})")
    axes.set_ylabel(f"|true error| ({unit})")
    axes.set_title(f"{calibration.quantity.capitalize()}, {calibration.split} ({len(std):,} values)")
    axes.legend(loc="upper left")


def _draw_coverage(axes: Axes, calibration: Calibration) -> None:
    nominal, observed = coverage(calibration)
    axes.plot([0, 1], [0, 1], color=INK, linewidth=0.9, label="calibrated")
    axes.fill_between(nominal, nominal, observed, color=ALARM, alpha=0.15, linewidth=0.0)
    area = miscalibration_area(calibration)
    axes.plot(nominal, observed, color=ALARM, label=f"observed (area {area:.3f})")
    axes.text(0.97, 0.06, "overconfident", ha="right", color="#57606a", fontsize=8.5)
    axes.text(0.03, 0.66, "underconfident", color="#57606a", fontsize=8.5)
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes.set_xlabel("promised fraction within interval")
    axes.set_ylabel("observed fraction within interval")
    axes.set_title("Coverage")
    axes.legend(loc="upper left")
