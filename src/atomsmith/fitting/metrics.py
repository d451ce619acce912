"""Errors of predicted energies, forces and stresses, in all and by configuration type."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from atomsmith.data.units import GPA_PER_EV_A3
from atomsmith.errors import InputError
from atomsmith.prediction import Prediction, stress_from_virial
from atomsmith.systems import FloatArray

if TYPE_CHECKING:
    from atomsmith.data.configuration import Configuration


@dataclass(frozen=True)
class ErrorStatistics:
    """Number of values, mean absolute, root mean square, largest absolute and mean signed error."""

    n: int
    mae: float
    rmse: float
    max: float
    mean: float

    @property
    def scatter(self) -> float:
        """Standard deviation about the mean: what a constant does not explain."""
        return math.sqrt(max(self.rmse**2 - self.mean**2, 0.0))

    @classmethod
    def from_errors(cls, errors: FloatArray) -> ErrorStatistics | None:
        """Statistics of errors of any shape; None where there is none."""
        if errors.size == 0:
            return None
        size = np.abs(errors)
        rmse = float(np.sqrt(np.mean(size**2)))
        return cls(errors.size, float(size.mean()), rmse, float(size.max()), float(errors.mean()))


@dataclass(frozen=True)
class Errors:
    """Errors of a set of configurations; None where it has no such label.

    Attributes
    ----------
    n_configurations, n_atoms
        Size of the set.
    energy
        Energy per atom in meV, one value a configuration.
    forces
        Force components in eV/angstrom.
    stress
        Six Voigt components in GPa.
    """

    n_configurations: int
    n_atoms: int
    energy: ErrorStatistics | None
    forces: ErrorStatistics | None
    stress: ErrorStatistics | None


@dataclass(frozen=True)
class ErrorReport:
    """Errors in all and by configuration type (sorted by name)."""

    total: Errors
    by_type: dict[str, Errors]

    def to_dict(self) -> dict[str, Any]:
        """Plain, JSON-safe values with the units spelt out."""
        return {
            "units": {"energy": "meV/atom", "forces": "eV/angstrom", "stress": "GPa"},
            "total": asdict(self.total),
            "by_type": {name: asdict(value) for name, value in self.by_type.items()},
        }

    def table(self, title: str | None = None) -> Table:
        """Table for a terminal: MAE and RMSE of each quantity, one row a type and one for all."""
        table = Table(title=title)
        table.add_column("configurations")
        table.add_column("number", justify="right")
        for name in ("energy\nmeV/atom", "forces\neV/Å", "stress\nGPa"):
            quantity, unit = name.split("\n")
            table.add_column(f"{quantity} MAE\n{unit}", justify="right")
            table.add_column(f"RMSE\n{unit}", justify="right")
        for name, value in self.by_type.items():
            table.add_row(name, *_cells(value))
        table.add_section()
        table.add_row("all", *_cells(self.total), style="bold")
        return table


def errors(configurations: Sequence[Configuration], prediction: Prediction) -> ErrorReport:
    """Compare a prediction with the labels.

    Parameters
    ----------
    configurations
        S configurations with N atoms in all; labels that one lacks are left out.
    prediction
        For these configurations in the same order.

    Raises
    ------
    InputError
        Where there is no configuration, the numbers of configurations or atoms differ, or a prediction
        is not finite.
    """
    counts = np.array([len(c.numbers) for c in configurations], dtype=np.int64)
    if len(counts) == 0:
        raise InputError("There is no configuration to evaluate; give at least one with labels.")
    if prediction.energy.shape != counts.shape or prediction.forces.shape != (counts.sum(), 3):
        raise InputError(
            f"The prediction is for {prediction.energy.size} configurations "
            f"of {len(prediction.forces)} atoms; "
            f"expected {len(counts)} configurations of {counts.sum()} atoms."
        )
    parts = _residuals(configurations, prediction, counts)
    types = np.array([c.config_type for c in configurations])
    everything = np.arange(len(counts))
    return ErrorReport(
        total=_collect(everything, counts, parts),
        by_type={
            str(name): _collect(np.flatnonzero(types == name), counts, parts) for name in np.unique(types)
        },
    )


@dataclass(frozen=True, eq=False)
class _Residual:
    """Prediction minus label of one configuration, in the units of the report; empty without a label."""

    energy: FloatArray
    forces: FloatArray
    stress: FloatArray


def _residuals(
    configurations: Sequence[Configuration], prediction: Prediction, counts: NDArray[np.int64]
) -> list[_Residual]:
    """Residuals of every configuration."""
    first = np.concatenate([[0], np.cumsum(counts)])
    volumes = np.array([abs(np.linalg.det(c.cell)) for c in configurations])
    stresses = stress_from_virial(prediction.virial, volumes)
    empty = np.zeros(0)
    parts = []
    for s, c in enumerate(configurations):
        forces, stress = prediction.forces[first[s] : first[s + 1]], stresses[s]
        part = _Residual(
            empty if c.energy is None else np.array([1e3 * (prediction.energy[s] - c.energy) / counts[s]]),
            empty if c.forces is None else (forces - c.forces).ravel(),
            empty if c.stress is None else GPA_PER_EV_A3 * (stress - c.stress),
        )
        if not all(np.isfinite(values).all() for values in (part.energy, part.forces, part.stress)):
            raise InputError(
                f"The prediction for configuration {s} ({c.config_type}) is not finite; "
                "its atoms may coincide, or its stress has no volume."
            )
        parts.append(part)
    return parts


def _collect(members: NDArray[np.intp], counts: NDArray[np.int64], parts: list[_Residual]) -> Errors:
    """Statistics over some configurations."""
    chosen = [parts[s] for s in members]
    return Errors(
        n_configurations=len(members),
        n_atoms=int(counts[members].sum()),
        energy=ErrorStatistics.from_errors(np.concatenate([p.energy for p in chosen])),
        forces=ErrorStatistics.from_errors(np.concatenate([p.forces for p in chosen])),
        stress=ErrorStatistics.from_errors(np.concatenate([p.stress for p in chosen])),
    )


def _cells(value: Errors) -> list[str]:
    """Cells of one row of the table."""
    cells = [str(value.n_configurations)]
    for statistics, digits in ((value.energy, 3), (value.forces, 4), (value.stress, 4)):
        numbers = (None, None) if statistics is None else (statistics.mae, statistics.rmse)
        cells += ["–" if number is None else f"{number:.{digits}f}" for number in numbers]
    return cells
