"""Extrapolation grades of labelled structures, for people and files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from atomsmith.extrapolation.active_set import TOLERANCE
from atomsmith.systems import FloatArray, Systems

if TYPE_CHECKING:
    from atomsmith.data.configuration import Configuration
    from atomsmith.potential import Potential

CHUNK = 64


@dataclass(frozen=True, eq=False)
class GradeReport:
    """Grades of S configurations, shape (S,), and of their atoms, an array for each."""

    kind: str
    of: str
    configurations: FloatArray
    atoms: tuple[FloatArray, ...]

    @property
    def text(self) -> str:
        """One line for a terminal."""
        grades = self.configurations
        outside = int(np.count_nonzero(grades > 1.0 + TOLERANCE))
        return (
            f"extrapolation grade ({self.kind} of {self.of}): median {np.median(grades):.3g}, largest "
            f"{grades.max():.3g}; {outside} of {len(grades)} configurations extrapolate"
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe values; null is an infinite grade (a feature or element that the data lack)."""

        def plain(values: FloatArray) -> list[float | None]:
            return [float(value) if np.isfinite(value) else None for value in values]

        return {
            "kind": self.kind,
            "of": self.of,
            "configurations": plain(self.configurations),
            "atoms": [plain(values) for values in self.atoms],
        }


def grade_report(
    potential: Potential, configurations: Sequence[Configuration], n_threads: int = 1
) -> GradeReport:
    """Grade configurations, a chunk at a time, by what a potential remembers of its data."""
    grader = potential.grader(n_threads=n_threads)
    atoms: list[FloatArray] = []
    for start in range(0, len(configurations), CHUNK):
        systems = Systems.from_configurations(configurations[start : start + CHUNK])
        atoms += np.split(grader.atoms(systems), systems.first[1:-1])
    return GradeReport(
        kind=grader.extrapolation.kind,
        of=grader.extrapolation.of,
        configurations=np.array([values.max(initial=0.0) for values in atoms]),
        atoms=tuple(atoms),
    )
