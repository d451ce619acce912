"""Which of a file's names hold energy, forces and stress: given in settings, or found."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import Field

from atomsmith.data.frames import Frame
from atomsmith.errors import InputError
from atomsmith.settings import Settings

ShearOrder = Literal["yz xz xy", "xy yz xz", "xy xz yz", "yz xy xz", "xz yz xy", "xz xy yz"]
"""Order of the last three of six stress components; ASE's is ``yz xz xy``, VASP's ``xy yz xz``."""


class LabelNames(Settings):
    """Names of the labels in a file, and the conventions of its stress. Names left out are searched for."""

    energy: str | None = Field(
        default=None,
        min_length=1,
        description="Name of the total energy (eV). Searched among the usual names when not given; of a "
        "calculation's energy and free_energy the latter is taken, as forces are its derivatives.",
    )
    forces: str | None = Field(default=None, min_length=1, description="Name of the forces (eV/angstrom).")
    stress: str | None = Field(
        default=None,
        min_length=1,
        description="Name of the stress: 6 (Voigt), 9 or 3x3 numbers per configuration.",
    )
    virial: str | None = Field(
        default=None,
        min_length=1,
        description="Name of the virial, -dE/dstrain in eV: 6, 9 or 3x3 numbers; stress = -virial / volume.",
    )
    config_type: str | None = Field(
        default=None,
        min_length=1,
        description="Name of the configuration type; 'default' is used where there is none.",
    )
    ignore: tuple[Literal["energy", "forces", "stress"], ...] = Field(
        default=(), description="Labels to leave out although the file has them."
    )
    stress_unit: Literal["eV/A^3", "GPa", "kbar"] | None = Field(
        default=None,
        description="Unit of the stress; the format's own when not given (eV/A^3, mlearn: kbar).",
    )
    stress_sign: Literal["tension", "compression"] | None = Field(
        default=None,
        description="What counts as positive: tension (ASE) or compression (VASP's output); the format's own "
        "when not given (tension, mlearn: compression).",
    )
    shear_order: ShearOrder | None = Field(
        default=None,
        description="Order of the last three of six stress components; the format's own when not given "
        "(ASE's yz xz xy; mlearn: decided from the data, see atomsmith.exchange.mlearn).",
    )


_SOURCES = r"(?:dft|ref|reference|qm|vasp|pbe|scf|target|true|label|xtb|ccsd)"
_STEMS = {
    "energy": r"(?:total_?|potential_?|free_?)?energy|e_?tot(?:al)?|e_?0",
    "forces": r"forces?",
    "stress": r"stress(?:es)?",
    "virial": r"virials?",
    "config_type": r"config(?:uration)?_?type|group",
}
_USUAL = {
    label: re.compile(rf"(?:{_SOURCES}[_-]?)?(?:{stem})(?:[_-]{_SOURCES})?$", re.IGNORECASE)
    for label, stem in _STEMS.items()
}


@dataclass(frozen=True)
class ResolvedNames:
    """The name that holds each label in one file; None for a label that it does not have."""

    energy: str | None
    forces: str | None
    stress: str | None
    virial: str | None
    config_type: str | None

    @property
    def any_label(self) -> bool:
        """Whether there is anything to learn from."""
        return any((self.energy, self.forces, self.stress, self.virial))


def resolve_names(frames: Sequence[Frame], names: LabelNames, file: str) -> ResolvedNames:
    """Find the name of every label in the frames of one file.

    Raises
    ------
    InputError
        If a given name is not there, if two names claim the same label with different values, or if a name
        looks like a misspelt label.
    """
    found = {label: _resolve(label, frames, names, file) for label in _STEMS}
    if found["stress"] and found["virial"]:
        if names.stress and names.virial:
            raise InputError("labels names both a stress and a virial: name the one that is to be used")
        if names.stress:
            found["virial"] = None
        elif names.virial:
            found["stress"] = None
        else:
            raise InputError(
                f"{file} has both a stress ({found['stress']!r}) and a virial ({found['virial']!r}): "
                "name the one that is to be used under labels"
            )
    if "stress" in names.ignore:
        found["stress"] = found["virial"] = None
    return ResolvedNames(**found)


def _resolve(label: str, frames: Sequence[Frame], names: LabelNames, file: str) -> str | None:
    given: str | None = getattr(names, label)
    if given is not None:
        if not any(given in frame.info or given in frame.arrays for frame in frames):
            raise InputError(
                f"{file} has no {label} named {given!r}{_nearest(given, frames)}; names there: "
                f"{names_found(frames)}"
            )
        return given
    if label in names.ignore:
        return None
    usable = [name for name in _all_names(frames) if any(_fits(label, frame, name) for frame in frames)]
    candidates = [name for name in usable if _USUAL[label].match(name)]
    if not candidates:
        _refuse_text(label, frames)
        _refuse_size(label, frames)
        _refuse_misspelt(label, usable, frames, file)
        return None
    return candidates[0] if len(candidates) == 1 else _choose(label, candidates, frames, file)


def _choose(label: str, candidates: list[str], frames: Sequence[Frame], file: str) -> str:
    """Take one of several names that agree, or that are a calculation's energy and free energy."""
    if label == "energy" and sorted(candidates) == ["energy", "free_energy"]:
        both = all("free_energy" in frame.info for frame in frames if "energy" in frame.info)
        return "free_energy" if both else "energy"
    complete = [c for c in candidates if all(_value(frame, c) is not None for frame in frames)]
    if len(complete) == len(candidates) and all(_agree(frame, candidates) for frame in frames):
        return candidates[0]
    raise InputError(
        f"{file} has several candidates for the {label}, {', '.join(map(repr, candidates))}, that differ: "
        f"name the right one, labels: {{{label}: ...}}"
    )


def _agree(frame: Frame, names: Iterable[str]) -> bool:
    first, *others = (_value(frame, name) for name in names)
    return all(np.array_equal(np.asarray(first), np.asarray(other)) for other in others)


def _refuse_text(label: str, frames: Sequence[Frame]) -> None:
    """Refuse a usual name that holds no number, such as energy=n/a, rather than fit without that label."""
    if label == "config_type":
        return
    ignored = "stress" if label == "virial" else label
    for frame in frames:
        for name, value in frame.info.items():
            if isinstance(value, str) and _USUAL[label].match(name):
                raise InputError(
                    f"{frame.where}: {name} is {value!r}, expected numbers: correct it, or leave it out with "
                    f"labels: {{ignore: [{ignored}]}}"
                )


def _refuse_size(label: str, frames: Sequence[Frame]) -> None:
    """Refuse forces and stresses under a usual name whose numbers are too few or too many."""
    expected = {"forces": "3 for each atom", "stress": "6 or 9", "virial": "6 or 9"}.get(label)
    if expected is None:
        return
    for frame in frames:
        for name, value in (frame.arrays if label == "forces" else frame.info).items():
            if _USUAL[label].match(name) and not isinstance(value, str | bool):
                raise InputError(
                    f"{frame.where}: {name} holds {np.size(value)} numbers, expected {expected}: correct it, "
                    f"or leave it out with labels: {{ignore: [{'stress' if label == 'virial' else label}]}}"
                )


def _refuse_misspelt(label: str, usable: list[str], frames: Sequence[Frame], file: str) -> None:
    if label == "config_type":
        return
    wanted = {"energy": ["energy", "total_energy"], "forces": ["forces"]}.get(label, [label])
    for name in usable:
        if difflib.get_close_matches(name.lower(), wanted, n=1, cutoff=0.8):
            raise InputError(
                f"{file} has a name {name!r} that looks like a misspelt {label}: rename it, or say "
                f"labels: {{{label}: {name}}} if it is one; names there: {names_found(frames)}"
            )


def names_found(frames: Sequence[Frame]) -> str:
    """The names of all values in the frames, for messages."""
    return ", ".join(_all_names(frames)) or "none"


def _all_names(frames: Sequence[Frame]) -> list[str]:
    names: dict[str, None] = {}
    for frame in frames:
        names |= dict.fromkeys(frame.info) | dict.fromkeys(frame.arrays)
    return list(names)


def _nearest(name: str, frames: Sequence[Frame]) -> str:
    lowered = {found.lower(): found for found in _all_names(frames)}
    near = difflib.get_close_matches(name.lower(), list(lowered), n=1, cutoff=0.5)
    return f", did you mean {lowered[near[0]]!r}?" if near else ""


def _value(frame: Frame, name: str) -> Any:
    return frame.arrays.get(name) if name in frame.arrays else frame.info.get(name)


def _fits(label: str, frame: Frame, name: str) -> bool:
    """Whether the value has the kind and shape of that label, so that per-atom energies are not an energy."""
    value = _value(frame, name)
    if label == "config_type":
        return name in frame.info and isinstance(value, str | int | float)
    if value is None or isinstance(value, str | bool):
        return False
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        return False
    if label == "energy":
        return name in frame.info and array.size == 1
    if label == "forces":
        return array.size == 3 * len(frame.numbers)
    return name in frame.info and array.size in (6, 9)
