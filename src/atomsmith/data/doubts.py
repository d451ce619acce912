"""What is doubtful about the units and signs of labels, by the labels themselves.

Forces are judged by the energies of snapshots that share a cell (`atomsmith.data.snapshot_pairs`). Where no
strained cells judge the stress (`atomsmith.data.stress_check`), a pair potential fitted to the forces of such
snapshots does, by shear components alone: forces tell nothing of the pressure of a cell.

Nothing is said of units that all labels share, which no label can tell, nor of molecules: they turn as a
whole and their bonds are stiff, so that a straight path between two snapshots explains little.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import numpy as np

from atomsmith.data.configuration import Configuration
from atomsmith.data.shear_order import shear_of_forces
from atomsmith.data.snapshot_pairs import SnapshotPairs, find_snapshot_pairs
from atomsmith.data.units import GPA_PER_EV_A3, KBAR_PER_EV_A3
from atomsmith.errors import LabelWarning
from atomsmith.systems import FloatArray

_FEWEST_PAIRS = 3
_FEWEST_MEMBERS = 4
_EXPLAINED = 0.9
_USUAL = (0.3, 1.6)
"""Energy over work of right labels: 0.99 to 1.21 in crystals of six elements at up to twice their melting
point, 0.6 where atoms were displaced at random by 0.15 angstrom along each axis."""
_NAMED = (0.6, 1.25)
"""The same, of labels that are right but for a factor that has a name."""
_FEWEST_SNAPSHOTS = 10
_MOST_SNAPSHOTS = 40
_EXPLAINED_SHEAR = 0.75
_USUAL_SHEAR = (0.2, 5.0)
_NAMED_SHEAR = (0.5, 2.0)

_ENERGY_UNITS = {"hartree": 27.211386, "rydberg": 13.605693, "kcal/mol": 1.0 / 23.060548, "meV": 1e-3}
_FORCE_UNITS = {
    "hartree/bohr": 51.422067,
    "rydberg/bohr": 25.711034,
    "kcal/mol/angstrom": 1.0 / 23.060548,
    "kJ/mol/angstrom": 1.0 / 96.485332,
    "meV/angstrom": 1e-3,
}
_PER_BOHR = 1.8897261
_STRESS_UNITS = {"GPa": GPA_PER_EV_A3, "kbar": KBAR_PER_EV_A3}


def warn_of_doubts(configurations: Sequence[Configuration], where: str, *, stress: bool) -> None:
    """Warn (`LabelWarning`) of what `doubts` finds; ``stress``: also of stresses."""
    for sentence in doubts(configurations, stress=stress):
        warnings.warn(f"{where}: {sentence}", LabelWarning, stacklevel=3)


def doubts(configurations: Sequence[Configuration], *, stress: bool = True) -> list[str]:
    """Sentences on forces that contradict the energies, and on stresses that contradict the forces."""
    pairs = find_snapshot_pairs(configurations)
    found = doubtful_forces(pairs)
    if found is None and stress:
        found = doubtful_stress([configurations[k] for k in np.unique(pairs.members)])
    return [] if found is None else [found]


def doubtful_forces(pairs: SnapshotPairs) -> str | None:
    """What the energies of pairs of snapshots say against the forces, if they say anything."""
    if len(pairs) < _FEWEST_PAIRS or len(np.unique(pairs.members)) < _FEWEST_MEMBERS:
        return None
    root = np.sqrt(pairs.atoms)
    slope, explained = _regressed(pairs.energy / root, pairs.work / root)
    if explained < _EXPLAINED or _USUAL[0] < slope < _USUAL[1]:
        return None
    return (
        f"energies of {len(pairs)} pairs of snapshots differ by {slope:.3g} times the work of their forces, "
        f"expected 1: {_reason(slope, float(np.median(pairs.atoms)))}; energies are read as eV, forces as "
        "eV/angstrom, so convert them"
    )


def doubtful_stress(snapshots: Sequence[Configuration]) -> str | None:
    """What the forces of thermal snapshots say against their stresses, if they say anything."""
    usable = [c for c in snapshots if c.stress is not None and c.pbc.all()]
    if len(usable) < _FEWEST_SNAPSHOTS:
        return None
    usable = [usable[int(k)] for k in np.linspace(0, len(usable) - 1, min(len(usable), _MOST_SNAPSHOTS))]
    given = np.array([c.stress for c in usable])[:, 3:]
    slope, explained = _regressed(given.ravel(), shear_of_forces(usable).ravel())
    if explained < _EXPLAINED_SHEAR or _USUAL_SHEAR[0] < slope < _USUAL_SHEAR[1]:
        return None
    faults, settings = [], []
    if slope < 0.0:
        faults.append("its sign seems reversed (compression is positive)")
        settings.append("stress_sign: compression")
    for unit in _near(abs(slope), _STRESS_UNITS, _NAMED_SHEAR)[:1]:
        faults.append(f"it looks like {unit}")
        settings.append(f"stress_unit: {unit}")
    if not settings:
        faults.append("no known unit explains that")
    mend = f"read it with labels: {{{', '.join(settings)}}}" if settings else "check where it came from"
    return (
        f"the shear stresses of {len(usable)} snapshots are {slope:.3g} times what the forces say, expected "
        f"about 1: {' and '.join(faults)}; {mend}"
    )


def _regressed(given: FloatArray, predicted: FloatArray) -> tuple[float, float]:
    """Factor on a prediction that explains what is given best, and the share of squares it explains."""
    squares = float(predicted @ predicted) * float(given @ given)
    if not squares > 0.0:
        return 1.0, 0.0
    product = float(given @ predicted)
    return product / float(predicted @ predicted), product**2 / squares


def _reason(slope: float, atoms: float) -> str:
    """What makes energies differ by a factor from the work of the forces."""
    ratios = {
        **{f"energies look like {unit}": 1.0 / value for unit, value in _ENERGY_UNITS.items()},
        **{f"forces look like {unit}": value for unit, value in _FORCE_UNITS.items()},
        "forces look like derivatives by bohr": _PER_BOHR,
        "energies look like energies per atom": 1.0 / atoms,
    }
    units = " or ".join(_near(abs(slope), ratios, _NAMED)) or "no known unit explains that"
    if slope > 0.0:
        return units
    usual = _USUAL[0] < -slope < _USUAL[1]
    return "the sign of the forces seems reversed" + ("" if usual else f" and {units}")


def _near(size: float, factors: dict[str, float], within: tuple[float, float]) -> list[str]:
    """Names of the factors that are near enough to a size, the nearest first."""
    low, high = within
    found = [name for name, factor in factors.items() if low < size / factor < high]
    return sorted(found, key=lambda name: abs(math.log(size / factors[name])))
