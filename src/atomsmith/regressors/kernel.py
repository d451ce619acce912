"""The sparse kernel: E_i = sum_s c_s k(B_i, B_s), a Gaussian process seen through sparse points.

Bartok, Csanyi, Int. J. Quantum Chem. 115, 1051 (2015), sec. 2.4. It is linear in its coefficients, whose
prior covariance is the inverse of the kernel among the points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import Field

from atomsmith.descriptors.base import FeatureInfo
from atomsmith.elements import SYMBOLS
from atomsmith.settings import Settings
from atomsmith.systems import FloatArray

SAME = 1.0e-12
"""Spread of a feature relative to its largest value below which it is constant."""


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
    spread: float = Field(
        default=0.2,
        gt=0.0,
        description="Of descriptors without a norm: root mean square of all scaled features of an atom, "
        "beside a constant 1, before both are divided by their norm. Small, the kernel is a polynomial whose "
        "low orders count most; large, it tells angles only.",
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


@dataclass(frozen=True, eq=False)
class Standard:
    """Turns features without a norm into inputs of a kernel: ((B - shift) * scale, 1) over its norm.

    Attributes
    ----------
    shift, scale
        Shape (D,).
    """

    shift: FloatArray
    scale: FloatArray

    @classmethod
    def of(cls, features: FloatArray, together: float) -> Standard:
        """Mean and spread of the data (N, D), all features alike; ``together`` is the spread of all.

        Without data (an element that only later configurations hold) all features count for nothing.
        """
        if not len(features):
            return cls(np.zeros(features.shape[1]), np.zeros(features.shape[1]))
        spread = features.std(axis=0)
        varies = spread > SAME * np.abs(features).max(axis=0, initial=0.0)
        scale = np.where(varies, 1.0 / np.where(varies, spread, 1.0), 0.0)
        return cls(features.mean(axis=0), together * scale / np.sqrt(max(int(varies.sum()), 1)))

    def inputs(self, features: FloatArray) -> FloatArray:
        """From features (N, D) to inputs (N, D + 1)."""
        raw = (features - self.shift) * self.scale
        raw = np.concatenate([raw, np.ones((len(raw), 1))], axis=1)
        inputs: FloatArray = raw / np.linalg.norm(raw, axis=1, keepdims=True)
        return inputs

    def gradients(self, inputs: FloatArray, gradients: FloatArray) -> FloatArray:
        """From gradients of features (R, k, D) to those of inputs, whose values are (R, D + 1)."""
        inverse = inputs[:, -1]  # the last input is 1 over the norm
        scaled = gradients * self.scale * inverse[:, None, None]
        scaled = np.concatenate([scaled, np.zeros((*scaled.shape[:2], 1))], axis=2)
        along = np.einsum("rkd,rd->rk", scaled, inputs)
        made: FloatArray = scaled - along[:, :, None] * inputs[:, None, :]
        return made


def kernel_plan(
    zeta: float, points: Sequence[FloatArray], standards: Sequence[Standard] | None = None
) -> dict[str, Any]:
    """The ``regressor`` of a part of an engine plan (docs/architecture.md).

    Parameters
    ----------
    zeta
        Power of the kernel.
    points
        Sparse points of each species, shapes (M_z, inputs).
    standards
        What makes inputs of the features of each species; None: features are inputs.
    """
    centres = [{"points": np.ascontiguousarray(own, dtype=np.float64)} for own in points]
    if standards is not None:
        centres = [
            {"shift": one.shift, "scale": one.scale} | centre
            for one, centre in zip(standards, centres, strict=True)
        ]
    return {"kind": "kernel", "kernel": "polynomial", "zeta": zeta, "centres": centres}


def kernel_features(regressor: dict[str, Any], elements: Sequence[int]) -> FeatureInfo:
    """Facts about the outputs of a kernel, which know of no degree."""
    counts = [len(centre["points"]) for centre in regressor["centres"]]
    n = sum(counts)
    known = tuple(int(z) for z in elements)
    return FeatureInfo(
        order=np.full(n, round(2.0 * regressor["zeta"]), dtype=np.int32),
        degree=np.zeros(n),
        smoothness=np.ones(n),
        elements=tuple((z, *known) for z, count in zip(known, counts, strict=True) for _ in range(count)),
        labels=tuple(
            f"{SYMBOLS[z]}: point {k}" for z, count in zip(known, counts, strict=True) for k in range(count)
        ),
    )
