"""The base of every settings model: pydantic, frozen after reading; unknown keys, NaN, infinities refused."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Base class of settings; each field carries a ``description``, which is the documentation."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
