"""Settings of extrapolation grades."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from atomsmith.settings import Settings


class ExtrapolationSettings(Settings):
    """What a potential remembers of the features of its data, to tell how far others lie outside."""

    kind: Literal["maxvol", "ranges"] = Field(
        description="maxvol: rows of features that span the largest volume (D-optimality); the grade is the "
        "largest coefficient of a row in terms of them. ranges: least and largest value of every feature; a "
        "grade above 1 leaves a range.",
    )
    of: Literal["atoms", "configurations"] = Field(
        default="atoms",
        description="atoms: features of every atom against those of atoms of its element; configurations: "
        "mean features of a configuration.",
    )
