"""When to stop for a label: the relative uncertainty of the forces."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from atomsmith.sampling.layout import Layout, norms
from atomsmith.settings import Settings
from atomsmith.systems import FloatArray

Reduction = Literal["max", "softmax"]


class TriggerSettings(Settings):
    """Stop a walker where the committee disagrees about a force."""

    tolerance: float = Field(
        default=0.3, gt=0.0, description="A walker stops when its relative force uncertainty exceeds this."
    )
    epsilon_ev_per_angstrom: float = Field(
        default=0.2,
        gt=0.0,
        description="Added to |F_i| in the denominator, so that small forces do not trigger.",
    )
    reduction: Reduction = Field(
        default="max",
        description="From atoms to one number: the largest f_i, or the largest softmax-normalised one "
        "(which lies between 1/atoms and 1; choose the tolerance accordingly).",
    )
    minimum_steps: int = Field(
        default=20,
        ge=0,
        description="Steps before which the trigger does not stop, so that a sample differs from its start.",
    )


def relative_force_uncertainty(
    forces: FloatArray, member_forces: FloatArray, epsilon: FloatArray | float
) -> FloatArray:
    """f_i = mean_k |F_i^k - F_i| / (|F_i| + epsilon) of every atom, shape (N,).

    van der Oord et al., npj Comput. Mater. 9:168 (2023).

    Parameters
    ----------
    forces
        Of the mean model in eV/angstrom, shape (N, 3).
    member_forces
        Shape (K, N, 3).
    epsilon
        eV/angstrom, a number or one for each atom.
    """
    deviation = norms(member_forces - forces).sum(axis=0) / len(member_forces)
    relative: FloatArray = deviation / (norms(forces) + epsilon)
    return relative


def largest_uncertainty(values: FloatArray, layout: Layout, reduction: Reduction) -> FloatArray:
    """Reduce f_i over the atoms of each system, shape (S,).

    ``softmax`` gives max_i exp(f_i) / sum_j exp(f_j), as in the paper.
    """
    largest = layout.max(values)
    if reduction == "max":
        return largest
    weight: FloatArray = 1.0 / layout.sum(np.exp(values - largest[layout.owner]))
    return weight
