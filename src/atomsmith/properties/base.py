"""What every property has: settings in, a result out that knows its units, its doubts and how to be shown."""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np

from atomsmith.data.configuration import Configuration
from atomsmith.errors import InputError
from atomsmith.prediction import ForceField
from atomsmith.settings import Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table

Report = Callable[[int, int | None, str], None]
"""Takes units of work done, units in all (None: nobody knows), and what is being done."""


def silent(done: int, total: int | None, text: str) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class Row:
    """One number of a result for the table; ``value`` None is shown as a dash."""

    quantity: str
    value: float | None
    unit: str = ""
    digits: int = 3


@dataclass(frozen=True, eq=False, kw_only=True)
class PropertyResult(ABC):
    """Base of all results; a number that could not be had is None, and ``problems`` says why.

    Attributes
    ----------
    crystal
        Formula and structure that it was computed for.
    settings
        That it was computed with, convergence settings included.
    problems
        Sentences on what makes numbers unreliable or missing; empty if all is well.
    """

    title: ClassVar[str]

    crystal: str
    settings: Settings
    problems: tuple[str, ...] = ()

    @abstractmethod
    def rows(self) -> list[Row]:
        """Numbers for the table."""

    def figure(self) -> Figure | None:
        """Draw the result; None where there is nothing to draw."""
        return None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values: every field by its name, which tells its unit, and the settings."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "settings"}
        return {**{name: plain(value) for name, value in values.items()}, "settings": plain(self.settings)}

    def table(self) -> Table:
        """Table for a terminal, with the problems below it."""
        from rich.table import Table

        table = Table(title=f"{self.title} of {self.crystal}")
        table.add_column("quantity")
        table.add_column("value", justify="right")
        table.add_column("unit")
        for row in self.rows():
            table.add_row(row.quantity, shown(row.value, row.digits), row.unit)
        if self.problems:
            table.caption = "\n".join(f"! {problem}" for problem in self.problems)
            table.caption_justify = "left"
        return table


S_contra = TypeVar("S_contra", bound=Settings, contravariant=True)
R_co = TypeVar("R_co", bound=PropertyResult, covariant=True)


class Compute(Protocol[S_contra, R_co]):
    """How every property is computed."""

    def __call__(
        self,
        force_field: ForceField,
        crystal: Configuration,
        settings: S_contra = ...,
        *,
        report: Report = silent,
        folder: Path | None = None,
    ) -> R_co:
        """Compute a property of a crystal.

        Parameters
        ----------
        force_field
            The potential.
        crystal
            A periodic cell; it is relaxed first.
        settings
            Of this property.
        report
            Called with progress.
        folder
            Where long calculations keep what they need to go on after being stopped; None keeps nothing.
        """
        ...


@dataclass(frozen=True)
class Property(Generic[S_contra, R_co]):
    """An entry of the registry."""

    settings: type[Settings]
    compute: Compute[S_contra, R_co]
    summary: str
    has_figure: bool = True


def shown(value: float | None, digits: int) -> str:
    """A number with so many decimals; a dash for None."""
    return "-" if value is None else f"{round(value, digits) + 0.0:.{digits}f}"


def finite(value: float) -> float | None:
    """The value as a plain float, or None if it is NaN or infinite."""
    return float(value) if math.isfinite(value) else None


def plain(value: Any) -> Any:
    """Reduce arrays, settings and nested records to JSON values; NaN and infinities become None."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, float):
        return finite(value)
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Settings):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Sequence):
        return [plain(item) for item in value]
    raise TypeError(f"a result holds a {type(value).__name__}, which is no JSON value")


def name_of(crystal: Configuration) -> str:
    """Formula and type of a crystal for tables."""
    kind = "" if crystal.config_type == "default" else f" {crystal.config_type}"
    return f"{crystal.formula}{kind}"


def require_one_element(name: str, crystal: Configuration, what: str) -> None:
    """Refuse a compound, where ``what`` a property computes depends on chemical potentials.

    Raises
    ------
    InputError
        If the crystal has more than one element.
    """
    if len(crystal.elements) != 1:
        raise InputError(
            f"{name}: {crystal.formula} has several elements, so that {what} depend on chemical potentials; "
            "give a crystal of one element."
        )
