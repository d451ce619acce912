"""Foreign formats of potentials, which load like potential.json, told by the suffix of their file."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from atomsmith.potential import Potential


@dataclass(frozen=True)
class Format:
    """A foreign format.

    Attributes
    ----------
    name
        What its users call it.
    module, function
        Where ``function(path) -> Potential`` is; imported when a file of the format is met.
    """

    name: str
    module: str
    function: str


_PACE = Format("PACE", "atomsmith.exchange.pace", "read")
FORMATS: dict[str, Format] = {
    ".ace": _PACE,
    ".yace": _PACE,
    ".mtp": Format("MLIP", "atomsmith.exchange.mlip", "read_mtp"),
    ".snapcoeff": Format("SNAP", "atomsmith.exchange.snap", "read_snap"),
}
"""Formats by the suffix of their (main) file, in lower case."""


def is_foreign(path: str | Path) -> bool:
    """Whether the suffix of a path is that of a foreign format."""
    return Path(path).suffix.lower() in FORMATS


def read_foreign(path: str | Path) -> Potential:
    """Read a potential of a foreign format.

    Raises
    ------
    InputError
        If the file is missing or cannot be what its suffix says.
    """
    known = FORMATS[Path(path).suffix.lower()]
    potential: Potential = getattr(import_module(known.module), known.function)(path)
    return potential
