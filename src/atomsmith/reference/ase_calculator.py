"""Any ASE calculator, named by its import path.

.. code-block:: yaml

    reference:
      kind: ase
      calculator: mace.calculators:mace_mp
      arguments: {model: medium, device: cpu}
      reuse: true
      environment: {OMP_NUM_THREADS: "1"}

.. code-block:: yaml

    reference:
      kind: ase
      calculator: ase.calculators.dftb:Dftb
      arguments: {command: "dftb+ > PREFIX.out", kpts: [2, 2, 2]}

File-based calculators work in the scratch folder of the configuration; ``{folder}`` in an argument stands for
that folder.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from ase import Atoms
from ase.calculators.calculator import FileIOCalculator
from ase.calculators.genericfileio import GenericFileIOCalculator
from pydantic import AfterValidator, Field

from atomsmith.errors import InputError
from atomsmith.reference.ase_engine import AseEngine, CommandSettings, import_path, object_at
from atomsmith.reference.engine import environment


class AseSettings(CommandSettings):
    """An ASE calculator by import path and keyword arguments."""

    kind: Literal["ase"] = Field(default="ase", description="Any ASE calculator.")
    calculator: Annotated[str, AfterValidator(import_path)] = Field(
        description="Import path 'package.module:Name' of a calculator class, or of a function returning one."
    )
    arguments: dict[str, Any] = Field(default_factory=dict, description="Keyword arguments.")
    reuse: bool = Field(
        default=False,
        description="Keep one calculator for all configurations, because it loads slowly; not for one that "
        "starts from its last result, or labels depend on their order.",
    )
    directory_argument: bool | None = Field(
        default=None,
        description="Whether the scratch folder is passed as `directory`; by default to file-based ones.",
    )


class AseCalculatorEngine(AseEngine[AseSettings]):
    """Labels by an ASE calculator of the user's choice."""

    title = "ase"

    def __init__(self, settings: AseSettings) -> None:
        super().__init__(settings)
        self._kept: Any = None

    def check(self, elements: Iterable[str] = ()) -> None:
        """Raise `InputError` if the calculator cannot be imported or refuses its arguments."""
        factory = self._factory()
        with environment(self.environment()):
            try:
                inspect.signature(factory).bind_partial(**self._arguments(factory, Path()))
            except TypeError as error:
                raise InputError(
                    f"{self.settings.calculator!r} does not take its `arguments`: {error}"
                ) from error
            except ValueError:
                pass  # a built-in without a signature

    def environment(self) -> Mapping[str, str]:
        """Environment variables of the settings."""
        return dict(self.settings.environment)

    def calculator(self, atoms: Atoms, folder: Path) -> Any:
        """Call the class or function with its arguments."""
        if self._kept is not None:
            return self._kept
        factory = self._factory()
        calculator = factory(**self._arguments(factory, folder))
        if self.settings.reuse:
            self._kept = calculator
        return calculator

    def release(self, calculator: Any) -> None:
        """Close the calculator unless it is kept; a kept one forgets its results."""
        if calculator is not self._kept:
            super().release(calculator)
        elif hasattr(calculator, "reset"):
            calculator.reset()

    def _factory(self) -> Any:
        with environment(self.environment()):
            factory = object_at(self.settings.calculator, "ASE calculator")
        if not callable(factory):
            raise InputError(f"ASE calculator {self.settings.calculator!r} is not a class or function")
        return factory

    def _arguments(self, factory: Any, folder: Path) -> dict[str, Any]:
        arguments = {name: _filled(value, folder) for name, value in self.settings.arguments.items()}
        wanted = self.settings.directory_argument
        if wanted is None:
            wanted = inspect.isclass(factory) and issubclass(
                factory, FileIOCalculator | GenericFileIOCalculator
            )
        if wanted:
            arguments.setdefault("directory", str(folder))
        return arguments


def _filled(value: Any, folder: Path) -> Any:
    """Put the scratch folder in place of ``{folder}``, also within lists and mappings."""
    if isinstance(value, str):
        return value.replace("{folder}", str(folder))
    if isinstance(value, list):
        return [_filled(item, folder) for item in value]
    if isinstance(value, dict):
        return {key: _filled(item, folder) for key, item in value.items()}
    return value
