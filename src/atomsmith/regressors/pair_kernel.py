"""The squared-exponential kernel of distances: E = sum_pairs f(r) sum_s c_s exp(-(r - r_s)^2 / 2 L^2).

Bartok, Csanyi, Int. J. Quantum Chem. 115, 1051 (2015), sec. 2.3; f is a cosine switch. Every sparse point is
a radial function of a ``pair`` part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any

import numpy as np

from atomsmith.descriptors.base import DescriptorPart, FeatureInfo
from atomsmith.descriptors.quintic import Tabulated, quintic_table
from atomsmith.elements import SYMBOLS
from atomsmith.systems import FloatArray


@dataclass(frozen=True, eq=False)
class PairFunctions:
    """Functions of the distance of two elements: f(r) sum_s weights_sk exp(-(r - points_s)^2 / 2 L^2).

    Attributes
    ----------
    points
        Sparse distances in angstrom, shape (M,).
    weights
        Shape (M, n).
    length, cutoff, width
        Of kernel and switch, in angstrom.
    """

    points: FloatArray
    weights: FloatArray
    length: float
    cutoff: float
    width: float

    def table(self) -> Tabulated:
        """How to tabulate them."""

        def evaluate(r: FloatArray) -> FloatArray:
            # Large weights of both signs cancel: in double precision the digits lost would show in slopes.
            x = (r[:, None] - self.points.astype(np.longdouble)) / self.length
            kernel = np.exp(-0.5 * x * x)
            slope, bend = -x / self.length * kernel, (x * x - 1.0) / self.length**2 * kernel
            sums = np.stack([kernel, slope, bend], axis=1) @ self.weights.astype(np.longdouble)
            return sums.astype(np.float64)

        return Tabulated(evaluate, self.cutoff, self.width, self.length)


def pair_kernel_part(
    functions: Sequence[PairFunctions], elements: Sequence[int], labels: Sequence[str]
) -> DescriptorPart:
    """Part of a plan with n functions for every unordered pair of elements.

    Parameters
    ----------
    functions
        Of the pairs (0, 0), (0, 1), ... (1, 1), ..., all with the same number n.
    elements
        Atomic numbers.
    labels
        Of the n functions.
    """
    size, n = len(elements), len(labels)
    pairs = list(combinations_with_replacement(range(size), 2))
    table = np.zeros((size, size), dtype=np.int32)
    for position, (i, j) in enumerate(pairs):
        table[i, j] = table[j, i] = position
    count = n * len(pairs)
    info = FeatureInfo(
        order=np.ones(count, dtype=np.int32),
        degree=np.zeros(count),
        smoothness=np.ones(count),
        elements=tuple((int(elements[i]), int(elements[j])) for i, j in pairs for _ in labels),
        labels=tuple(
            f"{SYMBOLS[elements[i]]}-{SYMBOLS[elements[j]]} {label}" for i, j in pairs for label in labels
        ),
    )
    part: dict[str, Any] = {
        "kind": "pair",
        "n_features": count,
        "radial": quintic_table([f.table() for f in functions], table.reshape(-1)),
        "first_feature": n * table.reshape(-1),
    }
    return DescriptorPart(part, info)
