"""Features that all atoms of a crystal share, beside those of their surroundings.

The volume per atom, and the degree of order of Oganov and Valle, J. Chem. Phys. 130, 104504 (2009), from
their fingerprint function F_AB(R) = sum_ij d(R - R_ij) / (4 pi R_ij^2 N_A N_B / V) - 1 of every two elements:
the root of sum_AB (N_A N_B / N^2) / l int_0^cutoff F_AB^2 dR with l = (V/N)^(1/3). It is small for a gas or a
liquid, large for an ordered crystal. A system that is not periodic has zeros.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import Field, model_validator

from atomsmith.descriptors.base import DescriptorPart, FeatureInfo, behind_each, features_of_centres
from atomsmith.elements import SYMBOLS
from atomsmith.settings import Settings


class GlobalFeaturesSettings(Settings):
    """Features of a whole crystal that are added to those of each of its atoms."""

    volume: bool = Field(default=True, description="Volume per atom in cubic angstrom.")
    order: bool = Field(default=True, description="Degree of order from the fingerprint function.")
    cutoff: float = Field(
        default=10.0, gt=0.0, le=50.0, description="End of the fingerprint function in angstrom."
    )
    width: float = Field(
        default=0.1, gt=0.0, le=2.0, description="Width of the Gaussian that a distance becomes, in angstrom."
    )
    spacing: float = Field(
        default=0.05, gt=0.0, le=2.0, description="Spacing of the fingerprint's grid in angstrom."
    )

    @model_validator(mode="after")
    def _usable(self) -> GlobalFeaturesSettings:
        if not (self.volume or self.order):
            raise ValueError("neither volume nor order is asked for; leave global_features out")
        if self.order and not self.spacing <= self.width <= self.cutoff:
            raise ValueError(
                f"spacing {self.spacing}, width {self.width} and cutoff {self.cutoff} must rise in this order"
            )
        return self

    @property
    def names(self) -> list[str]:
        """What the features are, in their order."""
        return [name for name, used in (("volume per atom", self.volume), ("order", self.order)) if used]


def with_global_features(
    part: DescriptorPart, settings: GlobalFeaturesSettings, elements: Sequence[int]
) -> DescriptorPart:
    """Add global features behind those of every centre; species that share features share these, too."""
    own = features_of_centres(part.part, len(elements))
    infos: dict[int, FeatureInfo] = {}
    for z, before, after in zip(elements, own, behind_each(own, len(settings.names)), strict=True):
        infos.setdefault(
            int(after[0]), FeatureInfo.concatenate([part.info.take(before), _info(settings, int(z))])
        )
    info = FeatureInfo.concatenate([infos[first] for first in sorted(infos)])
    return DescriptorPart(
        part.part | {"global_features": settings.model_dump(), "n_features": len(info)}, info
    )


def _info(settings: GlobalFeaturesSettings, element: int) -> FeatureInfo:
    n = len(settings.names)
    return FeatureInfo(
        order=np.ones(n, dtype=np.int32),
        degree=np.ones(n),
        smoothness=np.ones(n),
        elements=((element,),) * n,
        labels=tuple(f"{SYMBOLS[element]}: {name}" for name in settings.names),
    )
