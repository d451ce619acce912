"""Check the sign and the unit of stresses against the energies of strained cells in the same data.

The energy differences of strained copies of one structure are regressed on the work that the stress
predicts (`atomsmith.data.strain_pairs`). The slope is 1 for a right stress, -1 for a reversed sign, 1/160.2
for GPa and 1/1602 for kbar. A constant offset of the stress (Pulay stress of an incomplete basis) is fitted
along where the slope alone does not explain the energies.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from atomsmith.data.configuration import Configuration
from atomsmith.data.strain_pairs import StrainPairs, find_strain_pairs
from atomsmith.data.units import GPA_PER_EV_A3, KBAR_PER_EV_A3
from atomsmith.errors import InputError
from atomsmith.systems import BoolArray, FloatArray

_UNITS: tuple[tuple[Literal["eV/A^3", "GPa", "kbar"], float], ...] = (
    ("eV/A^3", 1.0),
    ("GPa", GPA_PER_EV_A3),
    ("kbar", KBAR_PER_EV_A3),
)
_FEWEST_PAIRS = 3
_FEWEST_CONFIGURATIONS = 4
_LEAST_ENERGY = 1e-5
_EXPLAINED = 0.95
_EXPLAINED_WITH_OFFSET = 0.9
_TOLERANCE = math.log(1.8)
_LARGEST_OFFSET_GPA = 4.0


@dataclass(frozen=True)
class StressCheck:
    """What the energies of strained cells say of the stresses.

    Attributes
    ----------
    verdict
        ``consistent``, ``contradiction``, or ``undecided`` where the data have no trend to check against.
    pairs
        Number of pairs of strained configurations that were compared.
    slope
        Factor on the given stress that explains the energies best; NaN when undecided.
    explained
        Share of the variance of the energy differences that the stress explains, 0 to 1.
    offset_gpa
        Constant stress that had to be added, in GPa (0 where none was fitted).
    unit, sign
        What the given stress seems to be, when a contradiction is explained by that.
    """

    verdict: Literal["consistent", "contradiction", "undecided"]
    pairs: int
    slope: float = math.nan
    explained: float = 0.0
    offset_gpa: float = 0.0
    unit: Literal["eV/A^3", "GPa", "kbar"] | None = None
    sign: Literal["tension", "compression"] | None = None

    @property
    def mend(self) -> str:
        """One sentence on what is wrong and how to put it right; empty unless there is a contradiction."""
        if self.verdict != "contradiction":
            return ""
        if self.unit is None:
            return (
                f"the energies ask for {self.slope:.3g} times the given stress, which no known unit "
                "explains: check where it came from, or read with labels: {ignore: [stress]}"
            )
        faults, settings = [], []
        if self.sign == "compression":
            faults.append("its sign is reversed (compression is positive)")
            settings.append("stress_sign: compression")
        if self.unit != "eV/A^3":
            faults.append(f"it looks like {self.unit}")
            settings.append(f"stress_unit: {self.unit}")
        return f"{' and '.join(faults)}: read it with labels: {{{', '.join(settings)}}}"


def check_stress(configurations: Iterable[Configuration]) -> StressCheck:
    """Compare stresses with the energy-strain trend of the data, where there is one."""
    pairs = find_strain_pairs(configurations)
    if len(pairs) == 0:
        return StressCheck("undecided", 0)
    normal, shear = np.abs(pairs.strain[:, :3]).max(axis=1), np.abs(pairs.strain[:, 3:]).max(axis=1)
    # The work of shear is small and its energies are often noise; volume and uniaxial strains go first.
    for chosen in (shear < 0.2 * normal, np.ones(len(pairs), np.bool_)):
        check = _regress(pairs, chosen & _moving(pairs))
        if check.verdict != "undecided":
            return check
    return StressCheck("undecided", len(pairs))


def require_consistent_stress(configurations: Iterable[Configuration], where: str) -> StressCheck:
    """Run `check_stress` and refuse a contradiction.

    Raises
    ------
    InputError
        With the likely mend: a reversed sign, GPa, kbar.
    """
    check = check_stress(configurations)
    if check.verdict == "contradiction":
        raise InputError(
            f"{where}: the stress contradicts the energies of {check.pairs} pairs of strained cells: "
            f"{check.mend}"
        )
    return check


def _moving(pairs: StrainPairs) -> BoolArray:
    """Pairs whose work does not cancel by symmetry (equal strains along different axes)."""
    terms = np.abs(pairs.virial * pairs.strain).sum(axis=1)
    moving: BoolArray = np.abs(pairs.work) > 0.02 * terms
    return moving


def _regress(pairs: StrainPairs, chosen: BoolArray) -> StressCheck:
    undecided = StressCheck("undecided", int(chosen.sum()))
    members = len(np.unique(pairs.members[chosen]))
    if chosen.sum() < _FEWEST_PAIRS or members < _FEWEST_CONFIGURATIONS:
        return undecided
    energy, work = pairs.energy[chosen], pairs.work[chosen]
    dilation = pairs.volume[chosen] * pairs.strain[chosen, :3].sum(axis=1)
    if np.sqrt(np.mean((energy / pairs.atoms[chosen]) ** 2)) < _LEAST_ENERGY:
        return undecided
    slope = float(energy @ work / (work @ work))
    explained = 1.0 - float(np.sum((energy - slope * work) ** 2) / (energy @ energy))
    if explained >= _EXPLAINED:
        check = _judge(slope, explained, 0.0, len(energy))
        # A one-sided scan close to equilibrium cannot tell a wrong sign from a Pulay stress.
        if check.verdict == "consistent" or _offset_needed(energy, work, dilation) > _LARGEST_OFFSET_GPA:
            return check
    if members > _FEWEST_CONFIGURATIONS and dilation @ dilation > 0.0:
        return _regress_with_offset(energy, work, dilation)
    return undecided


def _regress_with_offset(energy: FloatArray, work: FloatArray, dilation: FloatArray) -> StressCheck:
    projector = dilation / (dilation @ dilation)
    energy_rest = energy - dilation * (projector @ energy)
    work_rest = work - dilation * (projector @ work)
    scale = float(np.sqrt((energy_rest @ energy_rest) * (work_rest @ work_rest)))
    if scale <= 1e-9 * float(np.sqrt((energy @ energy) * (work @ work))):
        return StressCheck("undecided", len(energy))
    explained = (float(energy_rest @ work_rest) / scale) ** 2
    slope = float(energy_rest @ work_rest / (work_rest @ work_rest))
    offset = float(projector @ (energy - slope * work)) * GPA_PER_EV_A3
    if explained < _EXPLAINED_WITH_OFFSET:
        return StressCheck("undecided", len(energy), explained=explained)
    return _judge(slope, explained, offset, len(energy))


def _offset_needed(energy: FloatArray, work: FloatArray, dilation: FloatArray) -> float:
    """Constant stress in GPa that would make the given stress right as it stands; infinity if none does."""
    if dilation @ dilation == 0.0:
        return math.inf
    offset = float((energy - work) @ dilation / (dilation @ dilation))
    rest = energy - work - offset * dilation
    return abs(offset) * GPA_PER_EV_A3 if rest @ rest < 0.2 * (energy @ energy) else math.inf


def _judge(slope: float, explained: float, offset_gpa: float, pairs: int) -> StressCheck:
    """Name the unit and sign whose slope is nearest, if it is near enough."""
    sign: Literal["tension", "compression"] = "tension" if slope > 0.0 else "compression"
    for unit, factor in _UNITS:
        if slope != 0.0 and abs(math.log(abs(slope) * factor)) < _TOLERANCE:
            right = unit == "eV/A^3" and sign == "tension"
            verdict: Literal["consistent", "contradiction"] = "consistent" if right else "contradiction"
            return StressCheck(verdict, pairs, slope, explained, offset_gpa, unit, sign)
    return StressCheck("contradiction", pairs, slope, explained, offset_gpa)
