"""Tables of radial functions as polynomials of degree 5 between equidistant nodes, times a cosine switch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from atomsmith.systems import FloatArray, IntArray

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
    """

    evaluate: Callable[[FloatArray], FloatArray]
    cutoff: float
    width: float
    scale: float


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
        h = one.cutoff / count
        distances: FloatArray = h * np.arange(count + 1, dtype=np.float64)
        nodes.append(one.evaluate(distances) * np.array([1.0, h, h * h])[:, None])
        bins.append(count)
    index = np.asarray(table, dtype=np.int32)
    return {
        "kind": "quintic",
        "n": int(nodes[0].shape[2]),
        "cutoff": np.array([tables[k].cutoff for k in index]),
        "width": np.array([tables[k].width for k in index]),
        "table": index,
        "bins": np.array(bins, dtype=np.int32),
        "nodes": np.concatenate(nodes),
    }
