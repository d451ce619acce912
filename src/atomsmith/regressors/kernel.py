"""The sparse kernel: E_i = sum_s c_s k(B_i, B_s), a Gaussian process seen through sparse points.

Bartok, Csanyi, Int. J. Quantum Chem. 115, 1051 (2015), sec. 2.4. It is linear in its coefficients, whose
prior covariance is the inverse of the kernel among the points.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from pydantic import Field

from atomsmith.descriptors.base import FeatureInfo
from atomsmith.elements import SYMBOLS
from atomsmith.settings import Settings
from atomsmith.systems import FloatArray


class KernelSettings(Settings):
    """A Gaussian process with a sparse set of points.

    On atoms' surroundings the kernel is (B . B')^zeta of the normalised descriptors; on pairs (descriptor
    pair) it is exp(-(r - r')^2 / (2 length^2)) of the distances.
    """

    kind: Literal["kernel"] = Field(description="Name of the regressor.")
    points: int = Field(
        default=1000,
        ge=1,
        description="Sparse points of all elements together, in proportion to the atoms of each; for pairs, "
        "of each pair of elements.",
    )
    zeta: int = Field(default=4, ge=1, le=16, description="Power of the kernel.")
    selection: Literal["cur", "farthest"] = Field(
        default="cur",
        description="How points are chosen among the atoms of the data: cur draws them with the "
        "probability that their leverage gives, farthest takes each as far as possible from the others.",
    )
    length_angstrom: float = Field(
        default=1.0, gt=0.0, description="Length of the kernel of distances, for the descriptor pair."
    )
    jitter: float = Field(
        default=1.0e-10, gt=0.0, lt=1.0, description="Added to the diagonal of the kernel among the points."
    )
    seed: int = Field(default=0, ge=0, description="Seed of the choice of points.")
    prior_scale: float = Field(
        default=1.0,
        gt=0.0,
        description="Standard deviation of this term's energies relative to that of the other terms (delta).",
    )


def kernel_plan(zeta: int, points: Sequence[FloatArray]) -> dict[str, Any]:
    """The ``regressor`` of a part of an engine plan (docs/architecture.md).

    Parameters
    ----------
    zeta
        Power of the kernel.
    points
        Sparse points of each species, shapes (M_z, D_z).
    """
    centres = [{"points": np.ascontiguousarray(own, dtype=np.float64)} for own in points]
    return {"kind": "kernel", "kernel": "polynomial", "zeta": zeta, "centres": centres}


def kernel_features(regressor: dict[str, Any], elements: Sequence[int]) -> FeatureInfo:
    """Facts about the outputs of a kernel, which know of no degree."""
    counts = [len(centre["points"]) for centre in regressor["centres"]]
    n = sum(counts)
    known = tuple(int(z) for z in elements)
    return FeatureInfo(
        order=np.full(n, 2 * regressor["zeta"], dtype=np.int32),
        degree=np.zeros(n),
        smoothness=np.ones(n),
        elements=tuple((z, *known) for z, count in zip(known, counts, strict=True) for _ in range(count)),
        labels=tuple(
            f"{SYMBOLS[z]}: point {k}" for z, count in zip(known, counts, strict=True) for k in range(count)
        ),
    )
