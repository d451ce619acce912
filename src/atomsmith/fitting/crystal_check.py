"""Whether a finished potential has holes among simple crystals: phases below all that its data hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from atomsmith.evaluator import PlanEvaluator
from atomsmith.fitting.simple_crystals import GroundState, energy_rows
from atomsmith.systems import FloatArray, Systems

if TYPE_CHECKING:
    from atomsmith.data.configuration import Configuration
    from atomsmith.potential import Potential

DISTANCES = 24
NAMED = 4
"""Structures with a hole that are named in a sentence."""
TOLERANCE = 0.1
"""Depth in eV/atom from which on a crystal is told: data of hot crystals alone may lie so high."""
ADVICE = "add such structures to the data"


@dataclass(frozen=True)
class Hole:
    """A crystal below the lowest energy of the data.

    Attributes
    ----------
    element, structure
        Chemical symbol, and a name of `atomsmith.builders.crystals.PROTOTYPES`.
    nearest_angstrom
        Longest distance of nearest neighbours, of those looked at, at which it lies below: where one that is
        compressed gets to first.
    depth_ev_per_atom, std_ev_per_atom
        How far below at that distance, and the standard deviation by the posterior, None without one.
    deepest_ev_per_atom
        How far below at the worst of all distances.
    grade
        Extrapolation grade, None of a potential that does not remember its data.
    """

    element: str
    structure: str
    nearest_angstrom: float
    depth_ev_per_atom: float
    std_ev_per_atom: float | None
    deepest_ev_per_atom: float
    grade: float | None

    @property
    def text(self) -> str:
        """In words."""
        std = "" if self.std_ev_per_atom is None else f" +- {self.std_ev_per_atom:.2g}"
        more = [] if self.grade is None else [f"extrapolation grade {self.grade:.3g}"]
        if self.deepest_ev_per_atom > 2.0 * self.depth_ev_per_atom:
            more.append(f"elsewhere by {self.deepest_ev_per_atom:.2g}")
        return (
            f"{self.element} {self.structure} at {self.nearest_angstrom:.2f} angstrom by "
            f"{self.depth_ev_per_atom:.2g}{std} eV/atom" + (f" ({', '.join(more)})" if more else "")
        )


@dataclass(frozen=True)
class CrystalCheck:
    """What was looked at, and the holes that were found, one for each structure at most.

    Attributes
    ----------
    elements
        Of which the data hold bulk configurations, without which nothing can be told.
    crystals
        How many were looked at.
    holes
        The least compressed first.
    advice
        What to do about them.
    """

    elements: tuple[str, ...]
    crystals: int
    holes: tuple[Hole, ...]
    advice: str = ADVICE

    @property
    def text(self) -> str:
        """One sentence; empty if nothing was looked at."""
        if not self.crystals:
            return ""
        if not self.holes:
            return (
                f"beyond the data: none of {self.crystals} simple crystals of {', '.join(self.elements)} "
                f"lies more than {TOLERANCE:g} eV/atom below the lowest training energy"
            )
        named = "; ".join(hole.text for hole in self.holes[:NAMED])
        rest = len(self.holes) - NAMED
        more = (
            f"; and {rest} other structures" if rest > 1 else "; and another structure" if rest == 1 else ""
        )
        return (
            f"beyond the data: below the lowest training energy are {named}{more}. Simulations may fall into "
            f"such holes: {self.advice}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"elements": list(self.elements), "crystals": self.crystals} | {
            "holes": [asdict(hole) for hole in self.holes]
        }


def check_crystals(
    potential: Potential, states: Sequence[GroundState], *, advice: str = ADVICE
) -> CrystalCheck:
    """Look at simple crystals of the elements over a range of distances.

    Parameters
    ----------
    potential
        The potential.
    states
        The lowest configurations of the elements in its data, `FitResult.ground_states`.
    advice
        What to do about holes.
    """
    evaluator = PlanEvaluator(potential.plan)
    holes: list[Hole] = []
    count = 0
    for state in states:
        distances, crystals = zip(*state.crystals(DISTANCES), strict=True)
        count += len(crystals)
        rows, fixed = energy_rows(evaluator, crystals)
        depths = state.energy - rows @ potential.coefficients - fixed
        for first in range(0, len(crystals), DISTANCES):  # of one structure; distances rise
            own = depths[first : first + DISTANCES]
            below = np.flatnonzero(own > TOLERANCE)
            if len(below):
                k = first + int(below[-1])
                holes.append(
                    Hole(
                        element=state.symbol,
                        structure=crystals[k].config_type,
                        nearest_angstrom=distances[k],
                        depth_ev_per_atom=float(depths[k]),
                        std_ev_per_atom=_std(potential, rows[k]),
                        deepest_ev_per_atom=float(own.max()),
                        grade=_grade(potential, crystals[k]),
                    )
                )
    holes.sort(key=lambda hole: -hole.nearest_angstrom)
    return CrystalCheck(tuple(state.symbol for state in states), count, tuple(holes), advice)


def _std(potential: Potential, row: FloatArray) -> float | None:
    return None if potential.posterior is None else float(potential.posterior.std(row))


def _grade(potential: Potential, crystal: Configuration) -> float | None:
    if potential.extrapolation is None:
        return None
    return float(potential.grader().systems(Systems.from_configurations([crystal]))[0])
