"""Tables of radial functions as polynomials of degree 5 between equidistant nodes, times a cosine switch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev as cheb

from atomsmith.systems import FloatArray, IntArray

DEGREE = 23
"""Of the interpolation that gives derivatives."""
BINS_PER_WIDTH = 60
"""Bins in the width of a Gaussian: values are then good to 1e-14 of the largest, slopes to 2e-12."""


@dataclass(frozen=True, eq=False)
class Tabulated:
    """Smooth functions of the distance.

    Attributes
    ----------
    evaluate
        From distances, shape (R,), to values and first and second derivatives, shape (R, 3, n).
    cutoff, width
        The switch falls from 1 to 0 between cutoff - width and the cutoff, in angstrom.
    scale
        Distance in which the functions change, as the width of a Gaussian, in angstrom.
    beyond
        From each of these distances on, rising and between 0 and the cutoff, the functions are others. Each
        is smooth a bin further on both sides.
    extra
        What is added to the derivatives, in as many pieces as there are functions; None: nothing.
    """

    evaluate: Callable[[FloatArray], FloatArray]
    cutoff: float
    width: float
    scale: float
    beyond: tuple[tuple[float, Callable[[FloatArray], FloatArray]], ...] = ()
    extra: tuple[Callable[[FloatArray], FloatArray], ...] | None = None

    def padded(self, n: int, size: int) -> Tabulated:
        """The same with zeros behind each ``n`` functions, so that there are ``size`` of them."""
        if n == size:
            return self

        def behind(evaluate: Callable[[FloatArray], FloatArray]) -> Callable[[FloatArray], FloatArray]:
            def more(r: FloatArray) -> FloatArray:
                values = evaluate(r)
                groups = values.reshape(len(r), 3, -1, n)
                return np.pad(groups, ((0, 0),) * 3 + ((0, size - n),)).reshape(len(r), 3, -1)

            return more

        beyond = tuple((place, behind(evaluate)) for place, evaluate in self.beyond)
        extra = None if self.extra is None else tuple(behind(evaluate) for evaluate in self.extra)
        return replace(self, evaluate=behind(self.evaluate), beyond=beyond, extra=extra)

    def nodes(self, bins: int) -> FloatArray:
        """Values, slopes and curvatures times powers of a bin's length, shape (nodes, 3, n)."""
        return self._nodes_of([self.evaluate, *(evaluate for _, evaluate in self.beyond)], bins)

    def extra_nodes(self, bins: int) -> FloatArray:
        """The same of what is added to the derivatives."""
        if self.extra is None:
            return np.zeros_like(self.nodes(bins))
        return self._nodes_of(self.extra, bins)

    def _nodes_of(self, pieces: Sequence[Callable[[FloatArray], FloatArray]], bins: int) -> FloatArray:
        h = self.cutoff / bins
        # As the engine finds the bins.
        starts = [0, *(int(place * (bins / self.cutoff)) for place, _ in self.beyond), bins - 1]
        nodes = [
            evaluate(h * np.arange(first, last + 2, dtype=np.float64))
            for evaluate, first, last in zip(pieces, starts[:-1], starts[1:], strict=True)
        ]
        found: FloatArray = np.concatenate(nodes) * np.array([1.0, h, h * h])[:, None]
        return found


def smooth(values: Callable[[FloatArray], FloatArray], scale: float) -> Callable[[FloatArray], FloatArray]:
    """Add derivatives to functions that are given by their values.

    Chebyshev interpolation on panels not longer than ``scale`` is exact to rounding for what changes like a
    Gaussian of this width; the derivatives are those of the polynomials.

    Parameters
    ----------
    values
        From distances, shape (R,), to values, shape (R, n).
    scale
        As of `Tabulated`.

    Returns
    -------
    evaluate
        From rising distances to values and two derivatives, shape (R, 3, n).
    """

    def evaluate(r: FloatArray) -> FloatArray:
        low, length = float(r[0]), float(r[-1] - r[0])
        count = max(int(np.ceil(length / scale)), 1)
        half = 0.5 * length / count
        x = cheb.chebpts1(DEGREE + 1)
        interpolate = np.linalg.inv(cheb.chebvander(x, DEGREE))
        panel = np.clip(((r - low) / (2.0 * half)).astype(np.int64), 0, count - 1)
        found = []
        for k in range(count):
            middle, own = low + (2 * k + 1) * half, r[panel == k]
            c = interpolate @ values(middle + half * x)
            t = (own - middle) / half
            orders = [c, cheb.chebder(c, 1, scl=1.0 / half), cheb.chebder(c, 2, scl=1.0 / half)]
            found.append(np.stack([cheb.chebval(t, order).T for order in orders], axis=1))
        return np.concatenate(found)

    return evaluate


def quintic_table(tables: Sequence[Tabulated], table: IntArray) -> dict[str, Any]:
    """Radial table of a plan (docs/architecture.md).

    Parameters
    ----------
    tables
        All with the same number of functions.
    table
        Which of them each ordered pair of species has, shape (n_pairs,).
    """
    nodes, bins = [], []
    for one in tables:
        count = int(np.ceil(BINS_PER_WIDTH * one.cutoff / one.scale))
        nodes.append(one.nodes(count))
        bins.append(count)
    index = np.asarray(table, dtype=np.int32)
    most = max(len(one.beyond) for one in tables)
    # Those that a table lacks stand at its cutoff, where they do not count.
    breaks = [[place for place, _ in one.beyond] + [one.cutoff] * (most - len(one.beyond)) for one in tables]
    made = {
        "kind": "quintic",
        "n": int(nodes[0].shape[2]),
        "cutoff": np.array([tables[k].cutoff for k in index]),
        "width": np.array([tables[k].width for k in index]),
        "table": index,
        "bins": np.array(bins, dtype=np.int32),
        "nodes": np.concatenate(nodes),
    }
    if most:
        made["breaks"] = np.array(breaks)
    if any(one.extra is not None for one in tables):
        extra = [one.extra_nodes(count) for one, count in zip(tables, bins, strict=True)]
        made["extra_slopes"] = np.concatenate(extra)
    return made
