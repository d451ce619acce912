"""Dot-product kernels of power spectra, from all descriptors that share a spectrum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from atomsmith.descriptors.base import DescriptorPart
from atomsmith.exchange.quip.gap_file import Coordinates
from atomsmith.regressors.kernel import kernel_features, kernel_plan
from atomsmith.systems import FloatArray


def soap_kernel(
    part: dict[str, Any],
    zeta: float,
    members: Sequence[Coordinates],
    points: Sequence[tuple[Sequence[int], FloatArray]],
    elements: tuple[int, ...],
) -> tuple[DescriptorPart, FloatArray]:
    """The part with a kernel, and its coefficients.

    Parameters
    ----------
    part
        The power spectrum, the same features for every element.
    zeta
        Power of the kernel.
    members
        The descriptors.
    points
        Of each, the atomic numbers that it is for (empty: all) and sparse points (M, features).
    elements
        Atomic numbers of the model.
    """
    size = part["n_features"] // len(elements)
    own: list[list[FloatArray]] = [[np.zeros((0, size))] for _ in elements]
    weights: list[list[FloatArray]] = [[np.zeros(0)] for _ in elements]
    for one, (centres, values) in zip(members, points, strict=True):
        for z in centres or elements:
            own[elements.index(z)].append(values)
            weights[elements.index(z)].append(one.weights)
    regressor = kernel_plan(zeta, [np.concatenate(values) for values in own])
    info = kernel_features(regressor, elements)
    made = part | {"n_features": len(info), "regressor": regressor}
    return DescriptorPart(made, info), np.concatenate([w for values in weights for w in values])
