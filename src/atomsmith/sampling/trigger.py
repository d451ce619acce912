"""When to stop for a label: the relative uncertainty of the forces, and distances that no data reach."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from atomsmith.sampling.layout import Layout, norms
from atomsmith.settings import Settings
from atomsmith.systems import FloatArray, Systems

Reduction = Literal["max", "softmax"]
Spread = Literal["raw", "calibrated"]

SMALLEST_EPSILON = 0.2
"""eV/angstrom, as published."""


class TriggerSettings(Settings):
    """Stop a walker where the committee disagrees about a force, or where no data reach."""

    tolerance: float = Field(
        default=0.3, gt=0.0, description="A walker stops when its relative force uncertainty exceeds this."
    )
    epsilon_ev_per_angstrom: Annotated[float, Field(gt=0.0)] | Literal["auto"] = Field(
        default=SMALLEST_EPSILON,
        description="Added to |F_i| in the denominator, so that small forces do not trigger. auto: the error "
        "of the fit's forces on held-out data, at least 0.2, since a force below that error has no relative "
        "one; 0.2 without such an error.",
    )
    spread: Spread = Field(
        default="raw",
        description="Whose disagreement f_i measures: raw is that of draws from the posterior as the fit "
        "finds it (as published); calibrated is widened to the errors on held-out data, an honest relative "
        "error, to which what the basis cannot follow adds everywhere.",
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
    largest_grade: float | None = Field(
        default=None,
        ge=1.0,
        description="Also stop where the extrapolation grade of an atom, or of the configuration, exceeds "
        "this: 1 leaves what the data span, MaxVol active learning labels from 2 to 10. Needs "
        "potential.extrapolation; null does not look.",
    )
    unseen_distances: bool = Field(
        default=True,
        description="Also stop where two atoms come closer than the outer end of the potential's repulsion, "
        "just below the shortest distance of their elements in the training data: no data reach there, and "
        "f_i does not know it.",
    )


@dataclass(frozen=True)
class Knowledge:
    """What a fit knows that its predictions do not tell.

    Attributes
    ----------
    widening
        Factor by which the committee was widened to match errors on held-out data.
    force_error
        Root mean square error of a force component on held-out data in eV/angstrom; 0 if unknown.
    closest
        Distance in angstrom below which there are no data, by atomic numbers, ascending in each pair; pairs
        that are missing may come as close as they like.
    grade
        Largest extrapolation grade of each of some systems, shape (S,); None if unknown.
    """

    widening: float = 1.0
    force_error: float = 0.0
    closest: Mapping[tuple[int, int], float] = field(default_factory=dict)
    grade: Callable[[Systems], FloatArray] | None = None

    def epsilon(self, trigger: TriggerSettings) -> float:
        """Added to |F_i| in the denominator of f_i, in eV/angstrom."""
        given = trigger.epsilon_ev_per_angstrom
        return max(SMALLEST_EPSILON, self.force_error) if isinstance(given, str) else given

    def spread(self, trigger: TriggerSettings) -> float:
        """Factor on the deviations of the committee's members."""
        return 1.0 / self.widening if trigger.spread == "raw" else 1.0

    def table(self) -> tuple[NDArray[np.int64], FloatArray]:
        """Atomic numbers in ``closest``, shape (n,), and its distances, zero where unknown, shape (n, n)."""
        numbers = np.array(sorted({z for pair in self.closest for z in pair}), dtype=np.int64)
        distances = np.zeros((len(numbers), len(numbers)))
        for pair, distance in self.closest.items():
            i, j = np.searchsorted(numbers, pair)
            distances[i, j] = distances[j, i] = distance
        return numbers, distances


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

    ``softmax`` gives max_i exp(f_i) / sum_j exp(f_j), as in the paper. Shifting all f_i changes nothing in
    it, so it is taken about the largest one: 1 / sum_j exp(f_j - max_i f_i).
    """
    largest = layout.max(values)
    if reduction == "max":
        return largest
    weight: FloatArray = 1.0 / layout.sum(np.exp(values - largest[layout.owner]))
    return weight
