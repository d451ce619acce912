"""Biased walkers: uncertainty against tolerance, temperature, pressure, bias, and why they stopped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from atomsmith.report.figures.style import (
    BAND,
    FAINT,
    INK,
    WIDTH,
    colour,
    grid,
    log_axis,
    marker,
    new_figure,
    positive_limits,
    style,
)
from atomsmith.report.records import Trajectory
from atomsmith.systems import FloatArray

_MOST_POINTS = 200  # of one line of one panel
_MOST_POINTS_OVERVIEW = 6000  # of all lines of one panel together


@dataclass(frozen=True)
class _Panel:
    """One quantity against step; ``peaks`` keeps maxima when points are thinned."""

    field: str
    label: str
    log: bool = False
    peaks: bool = False


_PANELS = (
    _Panel("largest_f", "largest $f_i$", log=True, peaks=True),
    _Panel("temperature_k", "temperature\n(K)"),
    _Panel("pressure_gpa", "pressure\n(GPa)"),
    _Panel("tau", "bias $\\tau$"),
    _Panel("sigma_ev", "$\\sigma$ (eV)", log=True),
)


def overview_figure(trajectories: Sequence[Trajectory]) -> Figure:
    """All rounds in sequence; walkers of a round overlaid, rounds set apart by bands."""
    with style():
        panels = _present(trajectories)
        figure = new_figure(WIDTH, 1.35 * len(panels) + 1.0)
        axes = [row[0] for row in grid(figure, len(panels), 1, sharex=True, height_ratios=_heights(panels))]
        offset, most = 0.0, min(max(_MOST_POINTS_OVERVIEW // len(trajectories), 30), _MOST_POINTS)
        rounds, reasons = sorted({t.round for t in trajectories}), reasons_of(trajectories)
        ends: list[float] = []
        for position, number in enumerate(rounds):
            members = [t for t in trajectories if t.round == number]
            end = offset + max((float(t.step[-1]) for t in members if len(t.step)), default=0.0)
            for panel_axes in axes:
                if position % 2 == 0:
                    panel_axes.axvspan(offset, end, color=BAND, linewidth=0.0, zorder=0)
            _draw_round(axes, panels, members, reasons, offset, most)
            ends.append(end)
            offset = end
        _number_rounds(axes[0], rounds, ends)
        _finish(axes, panels, trajectories, "steps, rounds in sequence")
        axes[-1].set_xlim(0.0, offset or 1.0)
        figure.legend(
            handles=_reason_handles(trajectories) + _walker_handles(trajectories),
            loc="outside upper left", ncols=6, fontsize=8.5,
        )  # fmt: skip
        return figure


def round_figure(trajectories: Sequence[Trajectory], reasons: Sequence[str]) -> Figure:
    """The walkers of one round against their own step; ``reasons`` fixes the markers over all rounds."""
    with style():
        panels = _present(trajectories)
        figure = new_figure(WIDTH / 2, 1.0 * len(panels) + 0.9)
        axes = [row[0] for row in grid(figure, len(panels), 1, sharex=True, height_ratios=_heights(panels))]
        _draw_round(axes, panels, trajectories, reasons)
        _finish(axes, panels, trajectories, "step")
        axes[0].set_title(f"Round {trajectories[0].round}")
        return figure


def reasons_of(trajectories: Sequence[Trajectory]) -> list[str]:
    """Stop reasons in order of frequency, then of name."""
    names = [_reason(t) for t in trajectories]
    return sorted(set(names), key=lambda name: (-names.count(name), name))


def _number_rounds(axes: Axes, rounds: Sequence[int], ends: Sequence[float]) -> None:
    """Round numbers over their bands, as many as have room."""
    text: dict[str, Any] = {
        "va": "bottom",
        "fontsize": 7.5,
        "color": FAINT,
        "transform": axes.get_xaxis_transform(),
    }
    last = -np.inf
    for number, start, end in zip(rounds, [0.0, *ends], ends, strict=False):
        middle = 0.5 * (start + end)
        if middle - last > 0.03 * ends[-1]:
            axes.text(middle, 1.02, str(number), ha="center", **text)
            last = middle
    axes.annotate(
        "round ", (0.0, 1.02), xycoords="axes fraction", ha="right", va="bottom", fontsize=7.5, color=FAINT
    )


def _reason(trajectory: Trajectory) -> str:
    return trajectory.reason or "unknown"


def _present(trajectories: Sequence[Trajectory]) -> list[_Panel]:
    def known(panel: _Panel) -> bool:
        return any(
            getattr(t, panel.field) is not None and np.any(np.isfinite(getattr(t, panel.field)))
            for t in trajectories
        )

    return [panel for panel in _PANELS if panel.field == "largest_f" or known(panel)]


def _heights(panels: Sequence[_Panel]) -> list[float]:
    return [1.7 if panel.field == "largest_f" else 1.0 for panel in panels]


def _draw_round(
    axes: Sequence[Axes],
    panels: Sequence[_Panel],
    members: Sequence[Trajectory],
    reasons: Sequence[str],
    offset: float = 0.0,
    most: int = _MOST_POINTS,
) -> None:
    for trajectory in members:
        for panel_axes, panel in zip(axes, panels, strict=True):
            values = getattr(trajectory, panel.field)
            if values is None:
                continue
            step, thinned = _thin(trajectory.step, values, panel.peaks, most)
            panel_axes.plot(offset + step, thinned, color=colour(trajectory.walker), linewidth=0.9, alpha=0.9)
        _mark_end(axes[0], trajectory, reasons, offset, size=5.5 if most > 40 else 3.5)


def _mark_end(axes: Axes, trajectory: Trajectory, reasons: Sequence[str], offset: float, size: float) -> None:
    known = np.flatnonzero(np.isfinite(trajectory.largest_f))
    if len(known) == 0:
        return
    axes.plot(
        offset + trajectory.step[-1], trajectory.largest_f[known[-1]], linestyle="", markersize=size,
        marker=marker(reasons.index(_reason(trajectory))), color=colour(trajectory.walker),
        markeredgecolor=INK, markeredgewidth=0.7, zorder=4, clip_on=False,
    )  # fmt: skip


def _finish(
    axes: Sequence[Axes], panels: Sequence[_Panel], trajectories: Sequence[Trajectory], x_label: str
) -> None:
    for panel_axes, panel in zip(axes, panels, strict=True):
        values = [getattr(t, panel.field) for t in trajectories if getattr(t, panel.field) is not None]
        joined = np.concatenate([*values, np.zeros(0)])
        tolerances = sorted({t.tolerance for t in trajectories if t.tolerance is not None})
        if panel.field == "largest_f":
            for tolerance in tolerances:
                panel_axes.axhline(tolerance, color=INK, linewidth=1.0, linestyle=(0, (5, 3)), zorder=3)
            joined = np.concatenate([joined, np.array(tolerances)])
        if panel.log and np.any(joined > 0.0):
            limits = positive_limits(joined)
            log_axis(panel_axes.yaxis, limits)
            panel_axes.set_ylim(limits)
        panel_axes.set_ylabel(panel.label)
        panel_axes.grid(axis="x", visible=False)
        panel_axes.margins(x=0.01)
    axes[0].figure.align_ylabels(axes)
    axes[-1].set_xlabel(x_label)


def _thin(step: FloatArray, values: FloatArray, peaks: bool, most: int) -> tuple[FloatArray, FloatArray]:
    """Drop unknown values and thin to at most ``most``: by the maximum of neighbours, or every n-th value.

    Means of neighbours would make long walkers look calmer than they were.
    """
    known = np.isfinite(values)
    step, values = step[known], values[known]
    if len(step) <= most:
        return step, values
    edges = np.linspace(0, len(step), most + 1).astype(np.int64)
    last = edges[1:] - 1
    return step[last], np.maximum.reduceat(values, edges[:-1]) if peaks else values[last]


def _reason_handles(trajectories: Sequence[Trajectory]) -> list[Line2D]:
    handles = [
        Line2D([], [], linestyle="", marker=marker(index), color="white",
               markeredgecolor=INK, markeredgewidth=0.9, markersize=6, label=f"stopped by {reason}")
        for index, reason in enumerate(reasons_of(trajectories))
    ]  # fmt: skip
    if any(t.tolerance is not None for t in trajectories):
        handles.append(Line2D([], [], color=INK, linewidth=1.0, linestyle=(0, (5, 3)), label="tolerance"))
    return handles


def _walker_handles(trajectories: Sequence[Trajectory]) -> list[Line2D]:
    walkers = sorted({t.walker for t in trajectories})
    if len(walkers) < 2:
        return []
    return [Line2D([], [], color=colour(w), linewidth=1.6, label=f"walker {w}") for w in walkers[:8]]
