"""The base of every settings model: pydantic, unknown keys refused, values frozen after reading."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Base class of settings; each field carries a ``description``, which is the documentation."""

    model_config = ConfigDict(extra="forbid", frozen=True)
