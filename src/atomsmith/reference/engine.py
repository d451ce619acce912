"""What every reference engine has: settings, a check before anything starts, one calculation at a time."""

from __future__ import annotations

import importlib
import os
import shlex
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar, Generic, Literal, Self, TypeVar

import numpy as np
from ase import Atoms
from pydantic import Field

from atomsmith.data.configuration import Configuration
from atomsmith.errors import InputError, LabelError
from atomsmith.settings import Settings
from atomsmith.systems import FloatArray


class EngineSettings(Settings):
    """What all references share: which labels to take, and what happens to the files of a calculation."""

    forces: bool = Field(default=True, description="Take forces.")
    stress: bool = Field(
        default=True,
        description="Take the stress of fully periodic configurations, where the engine has it.",
    )
    keep_files: Literal["none", "failed", "all"] = Field(
        default="failed",
        description="Whose scratch folders stay on disk: of no, of failed, or of all calculations.",
    )

    def for_isolated_atom(self, symbol: str) -> Self:
        """Return the settings for one free atom of this element (spin state, Gamma point)."""
        return self


S_co = TypeVar("S_co", bound=EngineSettings, covariant=True)


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels of one configuration.

    Attributes
    ----------
    energy
        Total energy in eV that the forces derive from: the electronic free energy where states are smeared.
    forces
        In eV/angstrom, shape (N, 3), or None.
    stress
        ASE's Voigt order, tension positive, eV/angstrom^3, shape (6,), or None.
    """

    energy: float
    forces: FloatArray | None = None
    stress: FloatArray | None = None


class Engine(ABC, Generic[S_co]):
    """A reference made from its settings; it belongs to one process and may keep state between calculations.

    A subclass says how one configuration is calculated. Whatever it raises for the calculation's own failure
    becomes the reason of that failure; `InputError` is kept for what is wrong with the settings or machine.
    """

    title: ClassVar[str]
    """Name used in messages."""
    writes_files: ClassVar[bool] = True
    """Whether a calculation needs a scratch folder."""
    in_process: ClassVar[bool] = False
    """Whether calculations are so short that they run in the calling process unless told otherwise."""

    def __init__(self, settings: S_co) -> None:
        self.settings = settings

    @abstractmethod
    def check(self, elements: Iterable[str] = ()) -> None:
        """Raise `InputError`, naming the mend, if the engine cannot run or lacks one of the elements."""

    @abstractmethod
    def compute(self, configuration: Configuration, folder: Path) -> Labels:
        """Calculate the wanted labels of a configuration in a scratch folder."""

    def diagnose(self, folder: Path) -> str:
        """Return the engine's own last words on a failed calculation, or an empty string."""
        return ""

    def wanted(self, configuration: Configuration) -> list[str]:
        """ASE names of the labels to take of this configuration."""
        properties = ["energy"]
        if self.settings.forces:
            properties.append("forces")
        if self.settings.stress and bool(configuration.pbc.all()):
            properties.append("stress")
        return properties


def bare_atoms(configuration: Configuration) -> Atoms:
    """Return ASE atoms without labels: what an engine is given."""
    return Atoms(
        numbers=configuration.numbers,
        positions=configuration.positions,
        cell=configuration.cell,
        pbc=configuration.pbc,
    )


def completed_cell(configuration: Configuration, vacuum: float) -> tuple[FloatArray, FloatArray]:
    """Cell and positions in which the directions that are not periodic have got lattice vectors.

    The new vectors are orthogonal to the periodic ones, and as long as the atoms extend along them plus
    ``vacuum`` (in angstrom) at either end; the atoms are shifted into the middle. Angles and distances stay.

    Returns
    -------
    cell, positions
        Shapes (3, 3) and (N, 3), in angstrom.
    """
    cell = np.array(configuration.cell)
    positions = np.array(configuration.positions)
    free = np.flatnonzero(~configuration.pbc)
    if len(free) == 0:
        return cell, positions
    # The last rows of V span the complement of the periodic vectors.
    basis = np.eye(3) if len(free) == 3 else np.linalg.svd(cell[configuration.pbc])[2][3 - len(free) :]
    for axis, direction in zip(free.tolist(), basis, strict=True):
        along = positions @ direction
        length = float(np.ptp(along)) + 2.0 * vacuum
        cell[axis] = length * direction
        positions += (vacuum - float(along.min())) * direction
    if np.linalg.det(cell) < 0.0:
        axis = int(free[0])
        cell[axis] = -cell[axis]
        positions += cell[axis]  # back into the cell that now extends the other way
    return cell, positions


def require_module(name: str, needed_by: str, mend: str) -> Any:
    """Import a module that an optional engine needs.

    Raises
    ------
    InputError
        If it cannot be imported; the message names the mend.
    """
    try:
        return importlib.import_module(name)
    except (ImportError, OSError) as error:
        raise InputError(
            f"reference {needed_by!r} needs the Python module {name!r} ({error}): {mend}"
        ) from error


def require_command(command: str, needed_by: str, mend: str) -> None:
    """Check that the programs named in a command line exist.

    The first word is looked up, and every word that names a program by an absolute path.

    Raises
    ------
    InputError
        If one does not exist; the message names the mend.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise InputError(f"command of reference {needed_by!r} cannot be split into words: {error}") from error
    if not words:
        raise InputError(f"command of reference {needed_by!r} is empty: {mend}")
    first = next((word for word in words if word != "env" and "=" not in word), words[0])
    for word in [first, *(word for word in words if word.startswith("/"))]:
        if shutil.which(word) is None:
            raise InputError(f"program {word!r} of reference {needed_by!r} was not found: {mend}")


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for a while; engines started meanwhile inherit them."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def tail(path: Path, lines: int = 4, width: int = 300) -> str:
    """Return the last lines of a text file that say something, in one line; empty if there are none."""
    try:
        with path.open("rb") as file:
            return last_words(file, lines, width)
    except OSError:
        return ""


def last_words(file: IO[bytes], lines: int = 4, width: int = 300) -> str:
    """Do the same as `tail` with an open file."""
    file.seek(max(0, file.seek(0, os.SEEK_END) - 16384))
    text = file.read().decode("utf-8", errors="replace")
    said = [" ".join(line.split()) for line in text.splitlines()]
    said = [line for line in said if any(letter.isalnum() for letter in line)]
    return " | ".join(said[-lines:])[-width:]


def marked_lines(path: Path, marks: Iterable[str], after: int = 0) -> str:
    """Return the first line that contains one of the marks, and so many after it, in one line; or nothing."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    lines = [line for line in lines if any(letter.isalnum() for letter in line)]
    for i, line in enumerate(lines):
        if any(mark.lower() in line.lower() for mark in marks):
            return " ".join(lines[i : i + 1 + after])[:300]
    return ""


def checked_labels(engine: Engine[EngineSettings], configuration: Configuration, labels: Labels) -> Labels:
    """Pass on labels that are complete and finite.

    Raises
    ------
    LabelError
        If forces that were asked for are missing, or a value is not finite.
    """
    if engine.settings.forces and labels.forces is None:
        raise LabelError("no forces were returned")
    named = {"energy": labels.energy, "forces": labels.forces, "stress": labels.stress}
    for name, value in named.items():
        if value is not None and not np.all(np.isfinite(value)):
            raise LabelError(f"the {name} returned is not finite")
    if labels.forces is not None and labels.forces.shape != (len(configuration.numbers), 3):
        raise LabelError(f"forces of shape {labels.forces.shape} were returned")
    return labels
