"""Foreign formats of potentials, which load like potential.json, told by the suffix of their file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from atomsmith.errors import InputError

if TYPE_CHECKING:
    from atomsmith.potential import Potential


@dataclass(frozen=True)
class Format:
    """A foreign format.

    Attributes
    ----------
    name
        What its users call it.
    module
        Imported when a file of the format is met.
    reader
        Name of ``function(path, ...) -> Potential``.
    writer
        Name of ``function(potential, path)``, or None if the format cannot be written.
    other_files
        Files that may follow the first as arguments of the reader.
    names_elements
        Whether the file says which elements it is for; else the reader takes ``elements``.
    units
        Whether reader and writer take ``cflength`` and ``cfenergy``, because files name no units.
    writer_module
        Where the writer is, if not with the reader.
    """

    name: str
    module: str
    reader: str
    writer: str | None = None
    other_files: int = 0
    names_elements: bool = True
    units: bool = False
    writer_module: str | None = None


FORMATS: dict[str, Format] = {
    ".ace": Format("PACE", "atomsmith.exchange.pace.reading", "read", other_files=1),
    ".yace": Format(
        "PACE",
        "atomsmith.exchange.pace.reading",
        "read",
        "write_yace",
        other_files=1,
        writer_module="atomsmith.exchange.pace.writing",
    ),
    ".yaml": Format("PACE (B-basis)", "atomsmith.exchange.pace.reading", "read", other_files=1),
    ".mtp": Format("MLIP", "atomsmith.exchange.mlip", "read_mtp", "write_mtp", names_elements=False),
    ".almtp": Format("MLIP-3", "atomsmith.exchange.mlip", "read_mtp", names_elements=False),
    ".nn": Format(
        "n2p2",
        "atomsmith.exchange.n2p2.reading",
        "read_n2p2",
        "write_n2p2",
        other_files=101,
        units=True,
        writer_module="atomsmith.exchange.n2p2.writing",
    ),
    ".xml": Format("QUIP", "atomsmith.exchange.quip.gap", "read_gap", names_elements=False),
    ".snap": Format("LAMMPS input with SNAP", "atomsmith.exchange.snap_input", "read_snap_input"),
    ".mliap": Format("LAMMPS input with SNAP", "atomsmith.exchange.snap_input", "read_snap_input"),
    ".mod": Format("LAMMPS input with SNAP", "atomsmith.exchange.snap_input", "read_snap_input"),
    ".snapcoeff": Format("SNAP", "atomsmith.exchange.snap", "read_snap", "write_snap", other_files=1),
}
"""Formats by the suffix of their (main) file, in lower case."""

_BESIDE = {
    ".snapparam": "a .snapcoeff (SNAP)",
    ".data": "an input.nn (n2p2)",
    ".soapparam": "a gap.xml (QUIP)",
    ".table": "a .yace (PACE)",
}
"""Suffixes of files that stand beside the main one."""


def is_foreign(path: str | Path) -> bool:
    """Whether the suffix of a path is that of a foreign format."""
    return Path(path).suffix.lower() in FORMATS


def _format(path: str | Path, *, written: bool = False) -> Format:
    suffix = Path(path).suffix.lower()
    if suffix in _BESIDE and not written:
        raise InputError(f"{path}: belongs to {_BESIDE[suffix]}; name that one first.")
    if suffix not in FORMATS:
        known = {known: entry for known, entry in FORMATS.items() if entry.writer or not written}
        raise InputError(
            f"{path}: the suffix '{suffix}' is that of no known format of potentials; "
            f"{'written' if written else 'known'} are "
            f"{', '.join(f'{known} ({entry.name})' for known, entry in known.items())}."
        )
    return FORMATS[suffix]


def read_foreign(
    path: str | Path,
    other_files: Sequence[str | Path] = (),
    elements: Sequence[str] | None = None,
    units: Mapping[str, float] | None = None,
) -> Potential:
    """Read a potential of a foreign format.

    Parameters
    ----------
    path
        Its main file, whose suffix tells the format.
    other_files
        Further files that belong to it, as .snapparam to .snapcoeff; by default found beside it.
    elements
        Chemical symbols of its species, for formats that do not name them.
    units
        ``cflength`` and ``cfenergy``, the units of the files per angstrom and per eV, for formats that do not
        name them.

    Raises
    ------
    InputError
        If the file is missing or cannot be what its suffix says.
    """
    known = _format(path)
    if len(other_files) > known.other_files:
        raise InputError(
            f"{other_files[known.other_files]}: a potential of {known.name} takes {1 + known.other_files} "
            f"file{'s' if known.other_files else ''}, found {1 + len(other_files)}; leave it out."
        )
    if elements is not None and known.names_elements:
        raise InputError(f"{path}: a file of {known.name} names its elements itself; leave --elements out.")
    _refuse_fixed_units(known, path, units)
    options: dict[str, Any] = dict(units or {})
    if not known.names_elements:
        options["elements"] = elements
    reader = getattr(import_module(known.module), known.reader)
    potential: Potential = reader(path, *other_files, **options)
    if (place := non_finite(potential)) is not None:
        raise InputError(
            f"{path}: its {place} hold NaN or infinity; the file is damaged, restore it from a copy."
        )
    _require_usable(potential, path)
    return potential


def _refuse_fixed_units(known: Format, path: str | Path, units: Mapping[str, float] | None) -> None:
    if units and not known.units:
        raise InputError(f"{path}: a file of {known.name} has fixed units; leave {', '.join(units)} out.")


def _require_usable(potential: Potential, path: str | Path) -> None:
    """Refuse what no reader finds and the engine does, such as distances in the wrong order."""
    from atomsmith import _engine

    try:
        _engine.Model.from_plan(potential.plan)
    except (ValueError, RuntimeError) as error:
        raise InputError(f"{path}: {error}; the file is damaged, restore it from a copy.") from None


def non_finite(potential: Potential) -> str | None:
    """Name what of a potential's numbers is not finite, None if all are."""
    if not (np.isfinite(potential.coefficients).all() and np.isfinite(potential.committee).all()):
        return "coefficients"
    return next((f"{part['kind']} parts" for part in potential.plan["parts"] if not _is_finite(part)), None)


def _is_finite(value: Any) -> bool:
    match value:
        case float():
            return math.isfinite(value)
        case np.ndarray():
            return value.dtype.kind not in "fc" or bool(np.isfinite(value).all())
        case Mapping():
            return all(map(_is_finite, value.values()))
        case list() | tuple():
            return all(map(_is_finite, value))
    return True


def require_no_global_features(potential: Potential, path: str | Path) -> None:
    """Refuse to write a potential that looks at whole crystals, which no other program does.

    Raises
    ------
    InputError
        If a part has global features.
    """
    for part in potential.plan["parts"]:
        if "global_features" in part:
            raise InputError(
                f"{path}: no other program has features of a whole crystal, but the part {part['kind']} of "
                "this potential does; fit without global_features to export it."
            )


def write_foreign(
    potential: Potential, path: str | Path, units: Mapping[str, float] | None = None
) -> str | None:
    """Write a potential in the foreign format that the suffix of the path tells.

    Parameters
    ----------
    potential
        The potential.
    path
        Its main file.
    units
        See `read_foreign`.

    Returns
    -------
    lines
        How the other program is told to use the files, where that does not go without saying.

    Raises
    ------
    InputError
        If the format is unknown, cannot be written, has fixed units, or cannot hold this potential.
    """
    known = _format(path, written=True)
    if known.writer is None:
        writable = ", ".join(suffix for suffix, entry in FORMATS.items() if entry.writer)
        raise InputError(f"{path}: potentials of {known.name} can be read, but not written; use {writable}.")
    _refuse_fixed_units(known, path, units)
    writer = getattr(import_module(known.writer_module or known.module), known.writer)
    lines: str | None = writer(potential, path, **(units or {}))
    return lines
