"""Pair functions: sums of radial functions over neighbours, with both orders of a pair sharing features."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement
from typing import Literal

import numpy as np
from pydantic import Field

from atomsmith.descriptors.base import DescriptorPart, FeatureInfo
from atomsmith.descriptors.radial import RadialSettings, build_radial
from atomsmith.elements import SYMBOLS
from atomsmith.settings import Settings
from atomsmith.systems import FloatArray


class PairSettings(Settings):
    """A pair potential that is linear in its parameters."""

    kind: Literal["pair"] = Field(default="pair", description="Name of the descriptor.")
    cutoff: float | None = Field(
        default=None,
        gt=0.0,
        le=30.0,
        description="Cutoff in angstrom; by default the largest of the other descriptors.",
    )
    degree: int = Field(
        default=12, ge=0, description="Largest polynomial degree; a pair has degree + 1 functions."
    )
    smoothness_power: float = Field(
        default=2.0, ge=0.0, description="The prior's standard deviation falls as 1 / (1 + n^power)."
    )
    radial: RadialSettings = Field(default=RadialSettings(), description="Distance transform and envelopes.")


def pair_size(settings: PairSettings, n_elements: int) -> int:
    """Number of features for a number of elements."""
    return (settings.degree + 1) * n_elements * (n_elements + 1) // 2


def build_pair(
    settings: PairSettings,
    elements: Sequence[int],
    first_neighbour: FloatArray | None = None,
    default_cutoff: float = 5.0,
) -> DescriptorPart:
    """Build the plan part of a pair potential.

    Parameters
    ----------
    settings
        Degree, cutoff, envelopes.
    elements
        Atomic numbers of the model.
    first_neighbour
        Nearest-neighbour distances, see `build_radial`.
    default_cutoff
        Cutoff in angstrom if the settings give none.
    """
    n_elements, n_radial = len(elements), settings.degree + 1
    cutoff = default_cutoff if settings.cutoff is None else settings.cutoff
    first_feature = np.zeros((n_elements, n_elements), dtype=np.int32)
    pairs = list(combinations_with_replacement(range(n_elements), 2))
    for position, (i, j) in enumerate(pairs):
        first_feature[i, j] = first_feature[j, i] = position * n_radial
    n = np.tile(np.arange(n_radial, dtype=np.float64), len(pairs))
    numbers = [(elements[i], elements[j]) for i, j in pairs]
    info = FeatureInfo(
        order=np.ones(len(n), dtype=np.int32),
        degree=n,
        smoothness=1.0 + n**settings.smoothness_power * (n > 0),
        elements=tuple(pair for pair in numbers for _ in range(n_radial)),
        labels=tuple(f"{SYMBOLS[i]}-{SYMBOLS[j]} n{k}" for i, j in numbers for k in range(n_radial)),
    )
    part = {
        "kind": "pair",
        "n_features": len(info),
        "radial": build_radial(settings.radial, elements, n_radial, cutoff, first_neighbour),
        "first_feature": first_feature.reshape(-1),
    }
    return DescriptorPart(part, info)
