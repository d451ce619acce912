"""Which of many uncertain configurations to label: uncertain ones that differ from one another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from atomsmith.fitting.solvers.posterior import Posterior
from atomsmith.systems import FloatArray


def select_diverse(
    posterior: Posterior, features: FloatArray, counts: FloatArray, number: int, novelty: float
) -> list[int]:
    """Greedy D-optimal choice among configurations.

    Labelling a configuration teaches most about the direction L^T b of its feature sums b, and what another
    one has along that direction is then known. So the configuration with the largest remaining uncertainty
    (per square root of its number of atoms) is taken, its direction projected out of the others, and so on: a
    pivoted Cholesky decomposition of the posterior covariance of their energies.

    Parameters
    ----------
    posterior
        Of the present potential.
    features
        Feature sums, shape (C, n).
    counts
        Atoms of each configuration, shape (C,).
    number
        Most configurations to choose.
    novelty
        Stop when every remaining configuration keeps less than this fraction of its own standard deviation.

    Returns
    -------
    chosen
        Indices in the order of choice; at least one if there is any configuration.
    """
    rows = (features[:, posterior.kept] @ posterior.factor) / np.sqrt(np.maximum(counts, 1.0))[:, None]
    own = np.linalg.norm(rows, axis=1)
    chosen: list[int] = []
    while len(chosen) < min(number, len(rows)):
        left = np.linalg.norm(rows, axis=1)
        left[chosen] = -1.0
        best = int(np.argmax(left))
        if chosen and left[best] <= novelty * own[best]:
            break
        chosen.append(best)
        length = np.linalg.norm(rows[best])
        if length > 0.0:
            direction = rows[best] / length
            rows = rows - np.outer(rows @ direction, direction)
    return chosen


def repeats(
    posterior: Posterior, features: FloatArray, earlier: FloatArray, novelty: float
) -> NDArray[np.bool_]:
    """Which configurations are near enough to earlier ones to teach nothing that those have not taught.

    One repeats another when the uncertainty of the difference of their energies per atom is at most the
    fraction ``novelty`` of its own.

    Parameters
    ----------
    posterior
        Of the present potential.
    features, earlier
        Feature sums divided by the number of atoms, shapes (C, n) and (E, n).
    novelty
        Fraction, see `select_diverse`.

    Returns
    -------
    repeats
        Shape (C,).
    """
    rows, others = ((values[:, posterior.kept] @ posterior.factor) for values in (features, earlier))
    own = np.linalg.norm(rows, axis=1)
    nearest = np.full(len(rows), np.inf)
    for other in others:
        nearest = np.minimum(nearest, np.linalg.norm(rows - other, axis=1))
    found: NDArray[np.bool_] = nearest <= novelty * own
    return found
