"""Figures of molecular dynamics: structure, motion, drift, expansion, melting."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from atomsmith.report.figures.style import FAINT, INK, WIDTH, colour, grid, new_figure, style
from atomsmith.systems import FloatArray


def dynamics_figure(
    distribution: tuple[FloatArray, FloatArray], displacement: tuple[FloatArray, FloatArray]
) -> Figure:
    """g(r) over r (angstrom), and the mean-square displacement (angstrom^2) over time (fs)."""
    with style():
        figure = new_figure(WIDTH, 3.6)
        left, right = grid(figure, 1, 2)[0]
        left.plot(*distribution, color=colour(0))
        left.axhline(1.0, color=FAINT, linewidth=0.8)
        left.set_xlabel("distance (Å)")
        left.set_ylabel("radial distribution g(r)")
        left.set_ylim(bottom=0.0)
        times, squares = displacement
        shown = times <= 0.6 * times[-1]  # beyond there are few origins to average over
        right.plot(times[shown] / 1000.0, squares[shown], color=colour(0))
        right.set_xlabel("time (ps)")
        right.set_ylabel("mean-square displacement (Å²)")
        right.set_ylim(bottom=0.0)
        return figure


def stability_figure(times_ps: FloatArray, energies: FloatArray) -> Figure:
    """Change of the total energy (meV/atom) of each run (runs, rows) over time; a cross where one failed."""
    with style():
        figure = new_figure(0.65 * WIDTH, 3.6)
        axes = grid(figure, 1, 1)[0][0]
        for k, energy in enumerate(energies):
            axes.plot(times_ps, energy, color=colour(k), linewidth=0.9)
            ended = np.flatnonzero(np.isfinite(energy))
            if len(ended) and ended[-1] < len(times_ps) - 1:
                axes.plot(times_ps[ended[-1]], energy[ended[-1]], "x", color=INK, markersize=8)
        axes.set_xlabel("time (ps)")
        axes.set_ylabel("change of the total energy (meV/atom)")
        return figure


def expansion_figure(
    temperatures: FloatArray, volumes: FloatArray, errors: FloatArray, at_rest: float
) -> Figure:
    """Volumes (A^3/atom) with errors over temperature (K), the crystal at rest as a hollow mark."""
    with style():
        figure = new_figure(0.6 * WIDTH, 3.6)
        axes = grid(figure, 1, 1)[0][0]
        axes.errorbar(
            temperatures, volumes, yerr=np.nan_to_num(errors), color=colour(0), marker="o", markersize=5,
            capsize=3, label="dynamics",
        )  # fmt: skip
        axes.plot(0.0, at_rest, "o", color=colour(0), markerfacecolor="white", label="at rest")
        axes.set_xlabel("temperature (K)")
        axes.set_ylabel("volume (Å³/atom)")
        axes.legend()
        return figure


def melting_figure(
    temperatures: FloatArray,
    rates: FloatArray,
    errors: FloatArray,
    runs: Sequence[tuple[FloatArray, FloatArray]],
    melting_point: float | None,
) -> Figure:
    """Energies (eV/atom) over time of runs coloured by temperature, and rates over temperature (K)."""
    with style():
        figure = new_figure(WIDTH, 3.8)
        left, right = grid(figure, 1, 2)[0]
        span = np.ptp(temperatures) or 1.0
        # The yellow end of the map is hard to see on white.
        scale = Normalize(temperatures.min(), temperatures.max() + 0.1 * span)
        for temperature, (times, energies) in zip(temperatures, runs, strict=True):
            left.plot(times, energies, color=colormaps["viridis"](scale(temperature)), linewidth=0.9)
        left.set_xlabel("time (ps)")
        left.set_ylabel("potential energy (eV/atom)")
        figure.colorbar(ScalarMappable(scale, "viridis"), ax=left, label="temperature (K)")
        right.errorbar(temperatures, rates, yerr=errors, linestyle="", marker="o", markersize=5,
                       color=colour(0), capsize=3)  # fmt: skip
        right.axhline(0.0, color=FAINT, linewidth=0.8)
        if melting_point is not None:
            right.axvline(melting_point, color=colour(3), linewidth=1.2)
            right.annotate(f"{melting_point:.0f} K", (melting_point, 1.0), xytext=(4, -4),
                           xycoords=("data", "axes fraction"), textcoords="offset points", va="top",
                           color=colour(3), fontsize=9)  # fmt: skip
        right.set_xlabel("temperature (K)")
        right.set_ylabel("rate of the energy (meV/atom/ps)")
        return figure
