"""Coefficient magnitudes by correlation order and degree: how fast the expansion converges."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from atomsmith.report.figures.style import (
    INK,
    WIDTH,
    colour,
    grid,
    log_axis,
    new_figure,
    positive_limits,
    style,
)
from atomsmith.report.records import Coefficients
from atomsmith.systems import FloatArray


def coefficients_figure(coefficients: Coefficients) -> Figure:
    """One panel for each correlation order: every |c| at its degree, the median of each degree joined."""
    with style():
        orders = np.unique(coefficients.order)
        figure = new_figure(WIDTH, 3.3)
        axes = grid(figure, 1, len(orders), sharey=True)[0]
        limits = positive_limits(coefficients.magnitude, margin=2.0)
        for index, (order, panel) in enumerate(zip(orders.tolist(), axes, strict=True)):
            mine = coefficients.order == order
            _draw_order(panel, coefficients.degree[mine], coefficients.magnitude[mine], colour(index))
            panel.set_title(_order_name(order))
            panel.set_xlabel("total degree")
        axes[0].set_ylabel("|coefficient|")
        log_axis(axes[0].yaxis, limits)
        axes[0].set_ylim(limits)
        return figure


def _order_name(order: int) -> str:
    return "Pair term" if order == 0 else f"Order {order} ({order + 1}-body)"


def _draw_order(axes: Axes, degree: np.ndarray[tuple[int], np.dtype[np.int64]], size: FloatArray,
                shade: str) -> None:  # fmt: skip
    shown = np.isfinite(size) & (size > 0.0)
    # A fixed jitter keeps the many coefficients of one degree apart and the picture the same.
    jitter = np.random.default_rng(0).uniform(-0.28, 0.28, len(degree))
    axes.scatter(
        (degree + jitter)[shown], size[shown], s=7, alpha=0.45, color=shade, linewidths=0.0,
        rasterized=len(degree) > 1500,
    )  # fmt: skip
    steps = np.unique(degree[shown])
    medians = np.array([np.median(size[shown & (degree == step)]) for step in steps])
    axes.plot(steps, medians, color=INK, linewidth=1.1, marker="o", markersize=3.2, label="median")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.text(0.97, 0.97, f"{len(degree):,} coefficients", transform=axes.transAxes, ha="right", va="top",
              fontsize=8, color="#57606a")  # fmt: skip
