"""The base of every settings model: pydantic, frozen after reading; unknown keys, NaN, infinities refused."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from atomsmith.elements import SYMBOLS, number_of
from atomsmith.errors import InputError


def _canonical(symbol: str) -> str:
    try:
        return SYMBOLS[number_of(symbol)]
    except InputError as error:
        raise ValueError(str(error)) from None


ChemicalSymbol = Annotated[str, AfterValidator(_canonical)]
"""A chemical symbol; case does not matter."""

Files = Path | Annotated[tuple[Path, ...], Field(min_length=1)]
"""A file or several."""


class Settings(BaseModel):
    """Base class of settings; each field carries a ``description``, which is the documentation."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
