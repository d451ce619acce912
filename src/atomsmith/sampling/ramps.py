"""Ramps of temperature and pressure: linear over steps, then constant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from atomsmith.settings import Settings
from atomsmith.systems import FloatArray


class Ramp(Settings):
    """A value that goes linearly from ``start`` to ``end`` in ``steps`` steps and stays there."""

    start: float = Field(description="Value at step 0.")
    end: float = Field(description="Value from step `steps` on.")
    steps: int | None = Field(default=None, ge=1, description="Length in steps; the run length by default.")


def _from_number(value: Any) -> Any:
    """Read a plain number as a constant."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"start": value, "end": value}
    if not isinstance(value, Ramp | Mapping):
        raise PydanticCustomError("ramp_type", "Input should be a number, or a block of start, end and steps")
    return value


RampOrConstant = Annotated[Ramp, BeforeValidator(_from_number, json_schema_input_type=float | Ramp)]
"""Settings type: a number, or a `Ramp`."""


def ramp_value(start: FloatArray, end: FloatArray, steps: FloatArray, step: NDArray[np.int64]) -> FloatArray:
    """Values of linear ramps at ``step``; all arrays have shape (S,)."""
    fraction = np.minimum(step / steps, 1.0)
    value: FloatArray = start + (end - start) * fraction
    return value
