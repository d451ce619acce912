"""Where the time went."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from atomsmith.report.figures.style import PALETTE, WIDTH, grid, new_figure, style
from atomsmith.report.records import Timing


def timings_figure(timings: Sequence[Timing]) -> Figure:
    """Horizontal bars of wall time by part, longest first."""
    with style():
        ordered = sorted(timings, key=lambda timing: (-timing.seconds, timing.part))
        total = sum(timing.seconds for timing in ordered) or 1.0
        figure = new_figure(WIDTH, 0.34 * len(ordered) + 0.8)
        axes = grid(figure, 1, 1)[0][0]
        scale, unit = _scale(max((timing.seconds for timing in ordered), default=1.0))
        places = range(len(ordered))
        axes.barh(places, [t.seconds / scale for t in ordered], color=PALETTE[0], height=0.62)
        for place, timing in zip(places, ordered, strict=True):
            calls = "" if timing.calls is None else f", {timing.calls:,} calls"
            text = f" {duration(timing.seconds)}  ({100.0 * timing.seconds / total:.0f} %{calls})"
            axes.text(timing.seconds / scale, place, text, va="center", fontsize=8.5)
        axes.set_yticks(list(places), [timing.part for timing in ordered])
        axes.invert_yaxis()
        axes.margins(x=0.3)
        axes.set_xlim(left=0.0)
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(f"wall time ({unit})")
        return figure


def duration(seconds: float) -> str:
    """Wall time for people: 850 ms, 12.3 s, 4 min 05 s, 12 min, 2 h 10 min."""
    if seconds < 1.0:
        return f"{1000.0 * seconds:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if 10 <= minutes < 60:
        return f"{round(seconds / 60.0)} min"
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def _scale(longest: float) -> tuple[float, str]:
    return (3600.0, "h") if longest > 2 * 3600 else (60.0, "min") if longest > 180 else (1.0, "s")
