"""One look for all figures: palette, fonts, log axes, and saving that gives the same bytes each time."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import XAxis, YAxis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

#: Okabe and Ito's colour-blind safe palette (jfly.uni-koeln.de/color, 2008), without the yellow, which
#: vanishes on white; blue first.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#6B6B6B")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
INK = "#24292f"
FAINT = "#8a929b"
BAND = "#f1f3f5"
ALARM = "#D55E00"
WIDTH = 9.6  # inches of a figure across the page

_RC: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9.5,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "axes.unicode_minus": True,
    "grid.color": "#e6e8eb",
    "grid.linewidth": 0.7,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "text.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.4,
    "figure.facecolor": "white",
    "figure.dpi": 100,
    "savefig.dpi": 160,
    "svg.fonttype": "path",
}


@dataclass(frozen=True)
class Rendered:
    """A figure as files: ``svg`` for the page, ``png`` to lie beside it."""

    svg: bytes
    png: bytes


@contextmanager
def style() -> Iterator[None]:
    """Apply the look, whatever matplotlibrc the user has."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_RC)
        yield


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure in inches, laid out by constraints and outside pyplot's global state."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def grid(figure: Figure, rows: int, columns: int, **options: Any) -> list[list[Axes]]:
    """Axes of a grid as rows of columns."""
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    return [list(row) for row in axes]


def render(figure: Figure, name: str) -> Rendered:
    """Draw a figure as SVG and PNG; equal data give equal bytes on one matplotlib version."""
    with style(), mpl.rc_context({"svg.hashsalt": name}):
        svg, png = io.BytesIO(), io.BytesIO()
        # Solve the layout once: two thirds of the time would go into solving it again for either format.
        figure.draw_without_rendering()
        figure.set_layout_engine(None)
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
        figure.savefig(png, format="png", metadata={"Software": None})
    return Rendered(svg.getvalue(), png.getvalue())


def colour(index: int) -> str:
    """Colour of the series with this index; the palette repeats, with other markers."""
    return PALETTE[index % len(PALETTE)]


def marker(index: int) -> str:
    """Marker of the series with this index: changes with the colour, and again on each repeat."""
    return MARKERS[(index + index // len(PALETTE)) % len(MARKERS)]


def log_axis(axis: XAxis | YAxis, limits: tuple[float, float]) -> None:
    """Logarithmic axis with plain numbers at 1, 2, 5 when it spans little, else at powers of ten."""
    decades = np.log10(limits[1] / limits[0]) if limits[0] > 0.0 else 0.0
    subs: Sequence[float] = (1.0, 2.0, 5.0) if decades < 1.6 else (1.0, 3.0) if decades < 3.0 else (1.0,)
    if isinstance(axis, XAxis):
        axis.axes.set_xscale("log")
    else:
        axis.axes.set_yscale("log")
    # Where not even two of these lie within the limits, LogLocator would crowd the axis with numbers.
    narrow = MaxNLocator(4) if decades < 0.7 else None
    axis.set_major_locator(narrow or LogLocator(base=10.0, subs=subs))
    if decades >= 3.0:
        axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(FuncFormatter(lambda value, _: plain_number(value)))


def plain_number(value: float) -> str:
    """0.003, 20 and 1000 as such, powers of ten beyond."""
    if value == 0.0:
        return "0"
    exponent = int(np.floor(np.log10(abs(value)) + 1e-9))
    if -3 <= exponent <= 3:
        return f"{value:g}"
    factor = value / 10.0**exponent
    power = f"10^{{{exponent}}}"
    return f"${power}$" if abs(factor - 1.0) < 1e-6 else f"${factor:g}\\times{power}$"


def positive_limits(values: Any, margin: float = 1.3) -> tuple[float, float]:
    """Limits of a log axis around the positive finite values; (0.1, 1) when there is none."""
    array = np.asarray(values, dtype=np.float64)
    array = array[np.isfinite(array) & (array > 0.0)]
    if len(array) == 0:
        return 0.1, 1.0
    return float(array.min()) / margin, float(array.max()) * margin
