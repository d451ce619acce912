"""Errors against the number of labels paid for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from atomsmith.report.figures.style import (
    FAINT,
    PALETTE,
    WIDTH,
    grid,
    log_axis,
    new_figure,
    positive_limits,
    style,
)
from atomsmith.report.records import LearningPoint


@dataclass(frozen=True)
class _Series:
    """How the errors of one set are drawn."""

    label: str
    colour: str
    marker: str
    linewidth: float


_TEST = _Series("test", PALETTE[0], "o", 1.5)
_NEW = _Series("new, before their labels", PALETTE[1], "^", 1.0)
_TRAIN = _Series("train", FAINT, "s", 1.0)


def learning_figure(points: Sequence[LearningPoint]) -> Figure:
    """Energy and force RMSE of test and training set against labels, and labels against round."""
    with style():
        ordered = sorted(points, key=lambda point: (point.n_labels, point.round))
        energy = [
            (_TEST, "energy_rmse_mev"), (_NEW, "energy_rmse_new_mev"), (_TRAIN, "energy_rmse_train_mev")
        ]  # fmt: skip
        forces = [(_TEST, "forces_rmse"), (_NEW, "forces_rmse_new"), (_TRAIN, "forces_rmse_train")]
        panels = [
            (fields, label)
            for fields, label in ((energy, "energy RMSE (meV/atom)"), (forces, "force RMSE (eV/Å)"))
            if any(getattr(point, name) is not None for point in ordered for _, name in fields)
        ]
        figure = new_figure(WIDTH, 3.4)
        axes = grid(figure, 1, len(panels) + 1)[0]
        for panel, (fields, label) in zip(axes, panels, strict=False):
            _draw_errors(panel, ordered, fields, label)
        _draw_growth(axes[-1], sorted(points, key=lambda point: point.round))
        return figure


def _draw_errors(
    axes: Axes, points: Sequence[LearningPoint], fields: Sequence[tuple[_Series, str]], label: str
) -> None:
    labels = np.array([point.n_labels for point in points], dtype=np.float64)
    everything = []
    for series, attribute in fields:
        values = np.array(
            [np.nan if (value := getattr(point, attribute)) is None else value for point in points]
        )
        if not np.any(np.isfinite(values)):
            continue
        everything.append(values)
        known = np.isfinite(values)
        axes.plot(
            labels[known], values[known], color=series.colour, marker=series.marker, markersize=4,
            linewidth=series.linewidth, label=series.label,
        )  # fmt: skip
    limits = positive_limits(np.concatenate(everything))
    log_axis(axes.yaxis, limits)
    axes.set_ylim(limits)
    if labels.max() > 4.0 * max(labels.min(), 1.0):
        x_limits = positive_limits(labels, margin=1.1)
        log_axis(axes.xaxis, x_limits)
        axes.set_xlim(x_limits)
    axes.set_xlabel("labels in all")
    axes.set_ylabel(label)
    axes.legend(loc="best")


def _draw_growth(axes: Axes, points: Sequence[LearningPoint]) -> None:
    rounds = [point.round for point in points]
    axes.step(rounds, [point.n_labels for point in points], where="post", color=PALETTE[2], label="labels")
    if any(point.n_functions is not None for point in points):
        functions = [np.nan if point.n_functions is None else point.n_functions for point in points]
        axes.step(rounds, functions, where="post", color=PALETTE[4], label="basis functions")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    everything = np.concatenate([line.get_ydata() for line in axes.get_lines()]).astype(np.float64)
    if np.nanmax(everything) > 8.0 * max(float(np.nanmin(everything)), 1.0):
        limits = positive_limits(everything, margin=1.6)
        log_axis(axes.yaxis, limits)
        axes.set_ylim(limits)
    else:
        axes.set_ylim(bottom=0.0)
    axes.set_xlabel("round")
    axes.set_ylabel("count")
    axes.legend(loc="best")
