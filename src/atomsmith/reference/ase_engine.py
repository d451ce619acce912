"""References that go through an ASE calculator: how one is run, and what is taken from it."""

from __future__ import annotations

import importlib
import warnings
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import all_changes
from pydantic import Field

from atomsmith.data.configuration import Configuration
from atomsmith.errors import InputError, LabelError
from atomsmith.reference.engine import (
    Engine,
    EngineSettings,
    Labels,
    S_co,
    bare_atoms,
    environment,
    marked_lines,
    require_command,
    tail,
)


class AseEngine(Engine[S_co]):
    """An engine behind an ASE calculator; each configuration gets a new one, so that nothing carries over."""

    output: ClassVar[str] = ""
    """Name of the engine's main output file within the scratch folder (may be a glob)."""
    failure_marks: ClassVar[tuple[str, ...]] = ()
    """Text in the output that means that the calculation did not converge."""
    has_stress: ClassVar[bool] = True
    """Whether the engine gives a stress at all."""

    @abstractmethod
    def calculator(self, atoms: Atoms, folder: Path) -> Any:
        """Make the ASE calculator for these atoms, working in this folder."""

    def prepare(self, configuration: Configuration) -> Atoms:
        """Make the ASE atoms that the engine is given."""
        return bare_atoms(configuration)

    def release(self, calculator: Any) -> None:
        """Close a calculator after its one calculation, if it knows how to."""
        close = getattr(calculator, "close", None)
        if callable(close):
            close()

    def environment(self) -> Mapping[str, str]:
        """Environment variables during a calculation."""
        return {}

    def compute(self, configuration: Configuration, folder: Path) -> Labels:
        """Run the calculator and take the labels; see `Engine.compute`."""
        atoms = self.prepare(configuration)
        properties = self.wanted(configuration)
        if not self.has_stress and "stress" in properties:
            properties.remove("stress")
        with environment(self.environment()), warnings.catch_warnings():
            # What matters of a calculation is in its result or reason.
            warnings.simplefilter("ignore")
            calculator = self.calculator(atoms, folder)
            try:
                labels = calculated(calculator, atoms, properties)
            finally:
                self.release(calculator)
        complaint = self._complaint(folder)
        if complaint:
            raise LabelError(complaint)
        return labels

    def diagnose(self, folder: Path) -> str:
        """Return what the engine complained of, or the end of its output."""
        path = self._output_file(folder)
        return "" if path is None else (self._complaint(folder) or tail(path))

    def _output_file(self, folder: Path) -> Path | None:
        if not self.output:
            return None
        return next(iter(sorted(folder.glob(self.output))), None)

    def _complaint(self, folder: Path) -> str:
        path = self._output_file(folder)
        if path is None or not self.failure_marks:
            return ""
        return marked_lines(path, self.failure_marks)


class CommandSettings(EngineSettings):
    """Settings of a reference that runs another program."""

    environment: dict[str, str] = Field(
        default_factory=dict, description="Environment variables set while the program runs."
    )


class CommandEngine(AseEngine[S_co]):
    """A reference that runs another program, named by ``settings.command``."""

    mend: ClassVar[str]
    """What to do when the program is missing."""

    def check(self, elements: Iterable[str] = ()) -> None:
        """Raise `InputError` if the program is missing."""
        command = str(getattr(self.settings, "command"))  # noqa: B009 - every subclass's settings have it
        with environment(self.environment()):
            require_command(command, self.title, self.mend)

    def environment(self) -> Mapping[str, str]:
        """Environment variables of the settings."""
        variables = getattr(self.settings, "environment", {})
        return dict(variables)


def calculated(calculator: Any, atoms: Atoms, properties: list[str]) -> Labels:
    """Labels from an ASE calculator.

    The energy is ASE's ``free_energy`` where the calculator gives one: with smeared occupations the forces
    and the stress derive from the electronic free energy, not from the energy extrapolated to zero width.
    """
    atoms.calc = calculator
    if hasattr(calculator, "calculate"):
        wanted = [name for name in properties if _implements(calculator, name)]
        # One call for all: file-based calculators would otherwise run once more for each property.
        calculator.calculate(atoms, wanted, all_changes)
        found = dict(calculator.results)
    else:
        found = {name: calculator.get_property(name, atoms) for name in properties}
    if getattr(calculator, "converged", None) is False:
        raise LabelError("the calculation did not converge")
    energy = found.get("free_energy", found.get("energy"))
    if energy is None:
        raise LabelError("no energy was returned")
    forces, stress = found.get("forces"), found.get("stress")
    return Labels(
        energy=float(energy),
        forces=None if forces is None or "forces" not in properties else np.array(forces, dtype=np.float64),
        stress=None if stress is None or "stress" not in properties else _voigt(stress),
    )


def _implements(calculator: Any, name: str) -> bool:
    known = getattr(calculator, "implemented_properties", None)
    return known is None or name in known


def _voigt(stress: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    array = np.array(stress, dtype=np.float64)
    if array.shape == (3, 3):
        array = array[(0, 1, 2, 1, 0, 0), (0, 1, 2, 2, 2, 1)]
    return array.reshape(6)


def import_path(path: str) -> str:
    """Return a well-formed import path ``package.module:Name``.

    Raises
    ------
    ValueError
        If it is not.
    """
    module, colon, name = path.partition(":")
    if not colon or not all(part.isidentifier() for part in [*module.split("."), *name.split(".")]):
        raise ValueError(f"{path!r} is not of the form 'package.module:Name'; put a colon before the name")
    return path


def object_at(path: str, what: str) -> Any:
    """Return the object that an import path ``package.module:Name`` names; nothing is evaluated.

    Raises
    ------
    InputError
        If the path is malformed, or the module or the name does not exist.
    """
    try:
        module, _, name = import_path(path).partition(":")
    except ValueError as error:
        raise InputError(f"{what} {error}") from None
    try:
        found: Any = importlib.import_module(module)
    except (ImportError, OSError) as error:
        raise InputError(f"{what} {path!r}: module {module!r} cannot be imported ({error})") from error
    for part in name.split("."):
        if not hasattr(found, part):
            raise InputError(f"{what} {path!r}: module {module!r} has no {name!r}")
        found = getattr(found, part)
    return found
