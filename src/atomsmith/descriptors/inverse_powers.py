"""Inverse powers of distance summed over the whole crystal: the pair part of crystal structure prediction.

E_2body = sum_k sum_pairs A^k / r^k without a cutoff (after I. A. Kruglov and co-workers; Dolgirev, Kruglov,
Oganov, AIP Adv. 6, 085318 (2016) fit such powers by linear regression). Each unordered pair of elements and
each k has one feature, the sum over all pairs of atoms of (r_0 / r)^k; docs/inverse_powers.md says how it is
summed and what the sums mean for k up to 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement, pairwise
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, field_validator

from atomsmith.descriptors.base import DescriptorPart, FeatureInfo
from atomsmith.elements import SYMBOLS, covalent_radii
from atomsmith.settings import Settings
from atomsmith.systems import FloatArray

LARGEST_POWER = 15
Power = Annotated[int, Field(ge=1, le=LARGEST_POWER)]


class InversePowersSettings(Settings):
    """A pair potential of inverse powers of distance, summed over all pairs of atoms of a crystal."""

    kind: Literal["inverse_powers"] = Field(default="inverse_powers", description="Name of the descriptor.")
    powers: tuple[Power, ...] = Field(
        default=tuple(range(1, LARGEST_POWER + 1)),
        min_length=1,
        description="Powers k of 1 / r^k, from 1 to 15. Sums of powers up to 3 exclude a uniform background.",
    )

    @field_validator("powers")
    @classmethod
    def _rising(cls, powers: tuple[int, ...]) -> tuple[int, ...]:
        if any(a >= b for a, b in pairwise(powers)):
            raise ValueError("powers must rise, each named once")
        return powers


def inverse_powers_size(settings: InversePowersSettings, n_elements: int) -> int:
    """Number of features for a number of elements."""
    return len(settings.powers) * n_elements * (n_elements + 1) // 2


def build_inverse_powers(
    settings: InversePowersSettings,
    elements: Sequence[int],
    first_neighbour: FloatArray | None = None,
) -> DescriptorPart:
    """Build the plan part of a sum of inverse powers.

    Parameters
    ----------
    settings
        Powers.
    elements
        Atomic numbers of the model.
    first_neighbour
        Typical nearest-neighbour distance of every pair of elements in angstrom, shape (n, n): the length r_0
        in (r_0 / r)^k, which makes features of all powers about as large. None: sums of covalent radii.
    """
    n_elements, n_powers = len(elements), len(settings.powers)
    if first_neighbour is None:
        radii = covalent_radii(elements)
        first_neighbour = radii[:, None] + radii[None, :]
    first_feature = np.zeros((n_elements, n_elements), dtype=np.int32)
    pairs = list(combinations_with_replacement(range(n_elements), 2))
    for position, (i, j) in enumerate(pairs):
        first_feature[i, j] = first_feature[j, i] = position * n_powers
    numbers = [(elements[i], elements[j]) for i, j in pairs]
    info = FeatureInfo(
        order=np.ones(len(pairs) * n_powers, dtype=np.int32),
        degree=np.tile(np.array(settings.powers, dtype=np.float64), len(pairs)),
        smoothness=np.ones(len(pairs) * n_powers),
        elements=tuple(pair for pair in numbers for _ in settings.powers),
        labels=tuple(f"{SYMBOLS[i]}-{SYMBOLS[j]} r^-{k}" for i, j in numbers for k in settings.powers),
    )
    part = {
        "kind": "inverse_powers",
        "n_features": len(info),
        "powers": np.array(settings.powers, dtype=np.int32),
        "scale": np.ascontiguousarray(np.fmin(first_neighbour, first_neighbour.T), dtype=np.float64).reshape(
            -1
        ),
        "first_feature": first_feature.reshape(-1),
    }
    return DescriptorPart(part, info)
