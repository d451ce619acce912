"""The linear regressor: E_i = sum_k c_k B_ik."""

from typing import Literal

from pydantic import Field

from atomsmith.settings import Settings


class LinearSettings(Settings):
    """Energies linear in the features; fitted with a posterior, so that uncertainties are exact."""

    kind: Literal["linear"] = Field(default="linear", description="Name of the regressor.")
    prior_scale: float = Field(
        default=1.0,
        gt=0.0,
        description="Width of the prior of this term's coefficients relative to that of the other terms.",
    )
