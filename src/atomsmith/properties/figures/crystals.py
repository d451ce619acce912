"""Figures of crystals at rest: stress over strain, energy over volume, energy along a jump."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.figure import Figure
from scipy.interpolate import CubicHermiteSpline

from atomsmith.builders.deformations import MODES
from atomsmith.report.figures.style import FAINT, INK, WIDTH, colour, grid, marker, new_figure, style
from atomsmith.systems import FloatArray

PANEL = 3.2  # inches
Curve = Callable[[FloatArray], FloatArray]


def stress_strain_figure(
    modes: Sequence[str], strains: FloatArray, stresses_gpa: FloatArray, c_gpa: FloatArray
) -> Figure:
    """One panel a mode of strain: the six stresses (modes, strains, 6) with the slopes of C (6, 6)."""
    with style():
        columns = min(3, len(modes))
        rows = -(-len(modes) // columns)
        figure = new_figure(PANEL * columns + 0.9, 0.85 * PANEL * rows)
        panels = [axes for row in grid(figure, rows, columns) for axes in row]
        line = np.array([min(0.0, strains.min()), max(0.0, strains.max())])
        largest = np.abs(c_gpa).max()
        for axes, mode, stresses in zip(panels, modes, stresses_gpa, strict=False):
            column = c_gpa[:, MODES.index(mode)]
            for k, name in enumerate(MODES):
                if np.abs(column[k]) < 1e-4 * largest:
                    continue
                axes.plot(100.0 * line, column[k] * line, color=colour(k), linewidth=1.0)
                axes.plot(
                    100.0 * strains, stresses[:, k], linestyle="", marker=marker(k), markersize=4.5,
                    color=colour(k), label=name,
                )  # fmt: skip
            axes.set_title(f"strain {mode}")
            axes.set_xlabel("strain (%)" if mode in MODES[:3] else "engineering shear (%)")
        for axes in panels[::columns]:
            axes.set_ylabel("stress (GPa)")
        for axes in panels[len(modes) :]:
            axes.set_visible(False)
        handles = {
            label: handle
            for axes in panels
            for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        figure.legend(handles.values(), handles.keys(), title="stress", loc="outside right upper")
        return figure


def eos_figure(
    volumes: FloatArray, energies: FloatArray, curve: Curve, reference: Curve | None = None
) -> Figure:
    """Energies (eV/atom) over volumes (A^3/atom) above the minimum of the curve, and a reference curve."""
    with style():
        figure = new_figure(0.6 * WIDTH, 3.8)
        axes = grid(figure, 1, 1)[0][0]
        fine = np.linspace(volumes.min(), volumes.max(), 200)
        lowest = curve(fine).min()
        axes.plot(volumes, 1000.0 * (energies - lowest), "o", color=colour(0), markersize=5, label="computed")
        axes.plot(fine, 1000.0 * (curve(fine) - lowest), color=colour(0), label="Birch–Murnaghan")
        if reference is not None:
            other = reference(fine)
            axes.plot(fine, 1000.0 * (other - other.min()), "--", color=colour(3), label="reference")
        axes.set_xlabel("volume (Å³/atom)")
        axes.set_ylabel("energy above the minimum (meV/atom)")
        axes.legend()
        return figure


def jump_figure(
    paths: Sequence[FloatArray],
    energies: Sequence[FloatArray],
    slopes: Sequence[FloatArray],
    labels: Sequence[str],
) -> Figure:
    """Energy (eV) along paths (angstrom) through images, with the cubic that has the forces as slopes."""
    with style():
        figure = new_figure(0.6 * WIDTH, 3.8)
        axes = grid(figure, 1, 1)[0][0]
        for k, (path, energy, slope, label) in enumerate(zip(paths, energies, slopes, labels, strict=True)):
            fine = np.linspace(0.0, path[-1], 200)
            axes.plot(fine, CubicHermiteSpline(path, energy, slope)(fine), color=colour(k))
            axes.plot(
                path, energy, linestyle="", marker=marker(k), markersize=5, color=colour(k), label=label
            )
            top = int(np.argmax(energy))
            axes.annotate(
                f"{energy[top]:.3f} eV", (path[top], energy[top]), xytext=(0, 7), textcoords="offset points",
                ha="center", color=INK, fontsize=8.5,
            )  # fmt: skip
        axes.axhline(0.0, color=FAINT, linewidth=0.8)
        axes.margins(y=0.12)
        axes.set_xlabel("length of the path (Å)")
        axes.set_ylabel("energy (eV)")
        axes.legend()
        return figure


def surface_figure(names: Sequence[str], relaxed: FloatArray, unrelaxed: FloatArray) -> Figure:
    """Energies of surfaces in J/m^2, the lowest at the top: relaxed as bars, unrelaxed as marks."""
    with style():
        figure = new_figure(0.6 * WIDTH, 1.0 + 0.24 * len(names))
        axes = grid(figure, 1, 1)[0][0]
        y = np.arange(len(names))[::-1]
        axes.barh(y, relaxed, height=0.62, color=colour(0), label="relaxed")
        axes.plot(unrelaxed, y, linestyle="", marker="|", markersize=9, color=INK, label="not relaxed")
        axes.set_yticks(y, names)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("surface energy (J/m²)")
        figure.legend(loc="outside upper right", ncols=2)
        return figure


def polymorph_figure(
    names: Sequence[str], volumes: FloatArray, energies: FloatArray, kept: Sequence[bool]
) -> Figure:
    """Energies (meV/atom) of structures over their volumes (A^3/atom); hollow where one transformed."""
    with style():
        figure = new_figure(0.75 * WIDTH, 4.6)
        axes = grid(figure, 1, 1)[0][0]
        for k, (name, volume, energy, same) in enumerate(zip(names, volumes, energies, kept, strict=True)):
            axes.plot(
                volume, energy, linestyle="", marker=marker(k), markersize=7, color=colour(k),
                markerfacecolor=colour(k) if same else "white",
                label=name if same else f"{name} (transformed)",
            )  # fmt: skip
        axes.axhline(0.0, color=FAINT, linewidth=0.8)
        axes.set_xlabel("volume (Å³/atom)")
        axes.set_ylabel("energy over the crystal (meV/atom)")
        figure.legend(loc="outside right upper")
        return figure
