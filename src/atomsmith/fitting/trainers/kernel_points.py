"""Sparse points of kernels: which of the atoms in the data stand for all."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from atomsmith.systems import FloatArray

Selection = Literal["cur", "farthest"]
SAME = 1.0e-8
"""Distance between descriptors, relative to the largest norm, below which they are one."""
RANK = 1.0e-10
"""Singular values below this, relative to the largest, are rounding."""


def select_points(features: FloatArray, count: int, selection: Selection, seed: int) -> NDArray[np.int64]:
    """Choose sparse points.

    Parameters
    ----------
    features
        Descriptors of atoms, shape (N, D).
    count
        Points wanted; fewer are returned if there are fewer distinct descriptors.
    selection
        ``cur``: drawn without replacement with probabilities that are leverages, the squared norms of rows
        of U in features = U S V^T (Mahoney and Drineas, PNAS 106, 697 (2009)). ``farthest``: each as far as
        possible from those before (Eldar et al., IEEE Trans. Image Process. 6, 1305 (1997)).
    seed
        Of the draws, and of the first point.

    Returns
    -------
    indices
        Rising, shape (M,), M <= count.
    """
    distinct = _distinct(features)
    if len(distinct) <= count:
        return distinct
    rng = np.random.default_rng((seed, 411))
    own = features[distinct]
    chosen = _leverage(own, count, rng) if selection == "cur" else _farthest(own, count, rng)
    return np.sort(distinct[chosen])


def _distinct(features: FloatArray) -> NDArray[np.int64]:
    """First of every group of atoms with the same descriptor, up to rounding."""
    unit = SAME * float(np.abs(features).max(initial=0.0))
    rounded = np.round(features / (unit or 1.0))
    return np.sort(np.unique(rounded, axis=0, return_index=True)[1])


def _leverage(features: FloatArray, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    left, size, _ = np.linalg.svd(features, full_matrices=False)
    leverage = np.square(left[:, size > RANK * size[0]]).sum(axis=1)
    found: NDArray[np.int64] = rng.choice(len(features), count, replace=False, p=leverage / leverage.sum())
    return found


def _farthest(features: FloatArray, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    squares = np.square(features).sum(axis=1)
    chosen = np.empty(count, dtype=np.int64)
    nearest = np.full(len(features), np.inf)
    following = int(rng.integers(len(features)))
    for k in range(count):
        chosen[k] = following
        distance = squares + squares[following] - 2.0 * (features @ features[following])
        np.minimum(nearest, distance, out=nearest)
        nearest[following] = -np.inf
        following = int(np.argmax(nearest))
    return chosen
