"""A still picture of a few structures: for paper, and for browsers without WebGL."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from ase.data import chemical_symbols, covalent_radii
from ase.data.colors import jmol_colors
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection, LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from atomsmith.report.figures.style import FAINT, INK, WIDTH, grid, new_figure, style
from atomsmith.report.records import Structure
from atomsmith.report.statistics import evenly, first_of_each
from atomsmith.systems import FloatArray

MOST_SHOWN = 8
_PER_ROW = 4
_ASPECT = 1.15  # width of a panel over its height
#: Elements between which bonds are drawn, and the fraction of the radii's sum within which.
NON_METALS = (1, 5, 6, 7, 8, 9, 14, 15, 16, 17, 33, 34, 35, 53)
BOND_FACTOR = 1.2


def gallery_figure(structures: Sequence[Structure]) -> Figure:
    """Up to `MOST_SHOWN` structures in parallel projection: first of each type, then evenly chosen."""
    with style():
        chosen = representatives(structures)
        rows = -(-len(chosen) // _PER_ROW)
        figure = new_figure(WIDTH, 2.3 * rows + 0.3)
        panels = [axes for row in grid(figure, rows, _PER_ROW) for axes in row]
        for axes in panels:
            axes.set_axis_off()
        for axes, index in zip(panels, chosen, strict=False):
            draw_structure(axes, structures[index])
        figure.legend(
            handles=_element_handles([structures[index] for index in chosen]),
            loc="outside upper left", ncols=12,
        )  # fmt: skip
        return figure


def representatives(structures: Sequence[Structure]) -> list[int]:
    """Indices of the structures to show, in order."""
    kinds = first_of_each(structure.config_type for structure in structures)
    chosen = kinds[:MOST_SHOWN]
    for index in evenly(len(structures), MOST_SHOWN):
        if len(chosen) < MOST_SHOWN and index not in chosen:
            chosen.append(index)
    return sorted(chosen)


def draw_structure(axes: Axes, structure: Structure) -> None:
    """Atoms as circles of their covalent radius, far ones first and paler, with the cell's edges."""
    centre = structure.positions.mean(axis=0) if len(structure.numbers) else np.zeros(3)
    turned = (structure.positions - centre) @ _view(structure)
    depth = turned[:, 2]
    order = np.argsort(depth, kind="stable")
    near = (depth - depth.min(initial=0.0)) / (np.ptp(depth) or 1.0) if len(depth) else depth
    colours = jmol_colors[structure.numbers] * (0.55 + 0.45 * near)[:, None] + 0.45 * (1.0 - near)[:, None]
    if structure.cell is not None and np.any(structure.cell):
        axes.add_collection(LineCollection(_edges(structure, centre), colors=FAINT, linewidths=0.7, zorder=1))
    axes.add_collection(LineCollection(_bonds(structure, turned), colors=FAINT, linewidths=2.0, zorder=1))
    diameters = 1.25 * covalent_radii[structure.numbers][order]
    axes.add_collection(
        EllipseCollection(
            diameters, diameters, np.zeros(len(order)), units="x", offsets=turned[order, :2],
            transOffset=axes.transData, facecolors=np.clip(colours[order], 0.0, 1.0), edgecolors=INK,
            linewidths=0.35, zorder=2,
        )
    )  # fmt: skip
    corners = turned[:, :2]
    if structure.cell is not None and np.any(structure.cell):
        corners = np.concatenate([corners, np.concatenate(_edges(structure, centre))])
    low, high = corners.min(axis=0) - 1.0, corners.max(axis=0) + 1.0
    half = 0.5 * np.maximum(high - low, (high - low)[::-1] * np.array([_ASPECT, 1.0 / _ASPECT]))
    middle = 0.5 * (low + high)
    axes.set(xlim=(middle[0] - half[0], middle[0] + half[0]), ylim=(middle[1] - half[1], middle[1] + half[1]))
    axes.set_aspect("equal")
    axes.set_title(_short(structure.name), fontsize=8.5, loc="center")


def _view(structure: Structure) -> FloatArray:
    """Rotation as columns (right, up, towards the eye): oblique for cells, broadside for molecules."""
    if structure.cell is not None and np.any(structure.cell):
        a, b = np.deg2rad(-25.0), np.deg2rad(-72.0)
        about_z = np.array([[np.cos(a), -np.sin(a), 0.0], [np.sin(a), np.cos(a), 0.0], [0.0, 0.0, 1.0]])
        about_x = np.array([[1.0, 0.0, 0.0], [0.0, np.cos(b), -np.sin(b)], [0.0, np.sin(b), np.cos(b)]])
        view: FloatArray = (about_x @ about_z).T
        return view
    centred = structure.positions - structure.positions.mean(axis=0)
    axes = np.linalg.svd(centred, full_matrices=True)[2]
    # Singular vectors have no sign: fix it, so that the picture is the same on every machine.
    signs = np.where(axes[np.arange(3), np.abs(axes).argmax(axis=1)] < 0.0, -1.0, 1.0)
    broadside: FloatArray = (axes * signs[:, None]).T
    return broadside


def _edges(structure: Structure, centre: FloatArray) -> list[FloatArray]:
    """The twelve edges of the cell as projected segments, shape (2, 2) each."""
    assert structure.cell is not None
    view = _view(structure)
    corners = np.array(list(product((0.0, 1.0), repeat=3)))
    edges = []
    for first, second in product(range(8), repeat=2):
        if first < second and np.abs(corners[first] - corners[second]).sum() == 1.0:
            ends = corners[[first, second]] @ structure.cell - centre
            edges.append((ends @ view)[:, :2])
    return edges


def _bonds(structure: Structure, turned: FloatArray) -> list[FloatArray]:
    """Bonds between non-metals as projected segments; in metals they would only be clutter."""
    covalent = np.isin(structure.numbers, NON_METALS)
    if not np.all(covalent) or len(covalent) > 300:
        return []
    radii = covalent_radii[structure.numbers]
    distance = np.linalg.norm(structure.positions[:, None] - structure.positions[None], axis=-1)
    first, second = np.nonzero(np.triu(distance < BOND_FACTOR * (radii[:, None] + radii[None]), k=1))
    return [turned[[i, j], :2] for i, j in zip(first, second, strict=True)]


def _element_handles(structures: Sequence[Structure]) -> list[Line2D]:
    numbers = sorted({int(number) for structure in structures for number in structure.numbers})
    return [
        Line2D([], [], linestyle="", marker="o", markersize=7, color=tuple(jmol_colors[number]),
               markeredgecolor=INK, markeredgewidth=0.5, label=chemical_symbols[number])
        for number in numbers[:12]
    ]  # fmt: skip


def _short(name: str, most: int = 30) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"
