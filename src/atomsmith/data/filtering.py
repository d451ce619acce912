"""Leave out configurations that would spoil a fit, and say which and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from atomsmith.data.configuration import Configuration
from atomsmith.data.dataset import Dataset
from atomsmith.data.neighbours import pair_distances
from atomsmith.settings import Settings
from atomsmith.systems import FloatArray

_TWIN_CUTOFF = 4.5
_LENGTH_TOLERANCE = 2e-4
_ENERGY_TOLERANCE = 1e-5
_FORCE_TOLERANCE = 2e-3


class FilterSettings(Settings):
    """What is left out of a data set; nothing unless asked for."""

    max_force_ev_per_angstrom: float | None = Field(
        default=None, gt=0.0, description="Leave out configurations with a larger force on an atom."
    )
    min_distance_angstrom: float | None = Field(
        default=None, gt=0.0, description="Leave out configurations with two atoms closer than this."
    )
    energy_window_ev_per_atom: float | None = Field(
        default=None,
        gt=0.0,
        description="Leave out configurations whose energy per atom is further than this above the lowest of "
        "the same composition.",
    )
    duplicates: Literal["keep", "exact", "near"] = Field(
        default="keep",
        description="exact: leave out repeated contents; near: also the same structure rotated, mirrored, "
        "renumbered or translated. The first is kept.",
    )


@dataclass(frozen=True)
class Dropped:
    """A configuration that was left out: its index in the data set, and why."""

    index: int
    reason: str


@dataclass(frozen=True, eq=False)
class FilterReport:
    """The configurations that are kept, and those that are not."""

    kept: Dataset
    dropped: tuple[Dropped, ...]


def filter_dataset(dataset: Dataset, settings: FilterSettings) -> FilterReport:
    """Apply the filters; isolated atoms are always kept."""
    reasons: dict[int, str] = {}
    lowest = _lowest_energies(dataset)
    for k, configuration in enumerate(dataset):
        if not configuration.is_isolated_atom:
            reason = _reason(configuration, settings, lowest)
            if reason:
                reasons[k] = reason
    if settings.duplicates != "keep":
        left = [k for k in range(len(dataset)) if k not in reasons]
        for group in _duplicates([dataset[k] for k in left], settings.duplicates):
            for member in group[1:]:
                reasons[left[member]] = f"the same as configuration {left[group[0]]}"
    kept = dataset[[k for k in range(len(dataset)) if k not in reasons]]
    return FilterReport(kept, tuple(Dropped(k, reasons[k]) for k in sorted(reasons)))


def _reason(
    configuration: Configuration, settings: FilterSettings, lowest: dict[tuple[float, ...], float]
) -> str:
    limit = settings.max_force_ev_per_angstrom
    if limit is not None and configuration.forces is not None:
        norms = np.linalg.norm(configuration.forces, axis=1)
        if norms.max() > limit:
            return f"force of {norms.max():.3g} eV/A on atom {int(norms.argmax())}, above {limit:g}"
    closest = settings.min_distance_angstrom
    if closest is not None:
        distance = configuration.shortest_distance()
        if distance < closest:
            return f"two atoms {distance:.3g} A apart, below {closest:g}"
    window = settings.energy_window_ev_per_atom
    if window is not None and configuration.energy is not None:
        above = configuration.energy / configuration.n_atoms - lowest[_composition(configuration)]
        if above > window:
            return f"{above:.3g} eV/atom above the lowest of its composition, beyond {window:g}"
    return ""


def _composition(configuration: Configuration) -> tuple[float, ...]:
    """Elements and their shares, the same for a cell and its supercells."""
    numbers, counts = np.unique(configuration.numbers, return_counts=True)
    return (*numbers.tolist(), *np.round(counts / configuration.n_atoms, 9).tolist())


def _lowest_energies(dataset: Dataset) -> dict[tuple[float, ...], float]:
    lowest: dict[tuple[float, ...], float] = {}
    for configuration in dataset:
        if configuration.energy is not None and not configuration.is_isolated_atom:
            key = _composition(configuration)
            lowest[key] = min(lowest.get(key, np.inf), configuration.energy / configuration.n_atoms)
    return lowest


def _duplicates(configurations: Sequence[Configuration], kind: Literal["exact", "near"]) -> list[list[int]]:
    if kind == "near":
        return near_duplicate_groups(configurations)
    groups: dict[str, list[int]] = {}
    for k, configuration in enumerate(configurations):
        groups.setdefault(configuration.fingerprint(labels=False), []).append(k)
    return list(groups.values())


def near_duplicate_groups(configurations: Sequence[Configuration]) -> list[list[int]]:
    """Group configurations that are the same but for rotation, reflection, translation or numbering.

    Two are the same when composition, volume, energy, sorted distances up to 4.5 angstrom (by elements) and
    sorted norms of the forces agree within tolerances; a necessary condition that in practice is sufficient.

    Returns
    -------
    list
        Lists of indices, each ascending, ordered by their first members.
    """
    buckets: dict[bytes, list[int]] = {}
    for k, configuration in enumerate(configurations):
        key = np.sort(configuration.numbers).tobytes() + configuration.pbc.tobytes()
        buckets.setdefault(key, []).append(k)
    groups: list[list[int]] = []
    for bucket in buckets.values():
        groups.extend(_groups_of_bucket(configurations, bucket))
    return sorted(groups)


def _groups_of_bucket(configurations: Sequence[Configuration], bucket: Sequence[int]) -> list[list[int]]:
    """Group one composition: sort by one number, so that only configurations close in it are compared."""
    coarse = {k: _coarse(configurations[k]) for k in bucket}
    fine: dict[int, FloatArray] = {}
    groups: list[list[int]] = []
    near: list[list[int]] = []
    for k in sorted(bucket, key=lambda member: (coarse[member][0], member)):
        near = [group for group in near if coarse[k][0] - coarse[group[0]][0] < 1.0]
        for group in near:
            if _same(k, group[0], configurations, coarse, fine):
                group.append(k)
                break
        else:
            near.append([k])
            groups.append(near[-1])
    return [sorted(group) for group in groups]


def _same(
    a: int,
    b: int,
    configurations: Sequence[Configuration],
    coarse: dict[int, FloatArray],
    fine: dict[int, FloatArray],
) -> bool:
    if not np.all((np.abs(coarse[a] - coarse[b]) < 1.0) | (np.isnan(coarse[a]) & np.isnan(coarse[b]))):
        return False
    for member in (a, b):
        if member not in fine:
            fine[member] = _distances(configurations[member])
    return len(fine[a]) == len(fine[b]) and bool(np.all(np.abs(fine[a] - fine[b]) < _LENGTH_TOLERANCE))


def _coarse(configuration: Configuration) -> FloatArray:
    """Numbers that are the same for equal structures, in units of their tolerances; NaN where unknown.

    The first, to sort by, is always known: the energy, or else the radius of gyration or the volume.
    """
    n = configuration.n_atoms
    length = (configuration.volume / n) ** (1.0 / 3.0)
    if not configuration.pbc.any():
        length = float(np.sqrt(np.var(configuration.positions, axis=0).sum()))
    energy = np.nan if configuration.energy is None else configuration.energy / n / _ENERGY_TOLERANCE
    if configuration.forces is None:
        norms = np.full(n, np.nan)
    else:
        norms = np.sort(np.linalg.norm(configuration.forces, axis=1)) / _FORCE_TOLERANCE
    scaled = length / _LENGTH_TOLERANCE
    return np.concatenate([[scaled if np.isnan(energy) else energy, scaled, energy], norms])


def _distances(configuration: Configuration) -> FloatArray:
    """Sorted distances by pair of elements; those near the cutoff are left out, where rounding decides."""
    i, j, distance = pair_distances(
        configuration.positions, configuration.cell, configuration.pbc, _TWIN_CUTOFF
    )
    low = np.minimum(configuration.numbers[i], configuration.numbers[j]).astype(np.float64)
    high = np.maximum(configuration.numbers[i], configuration.numbers[j])
    kind = 1000.0 * (119.0 * low + high)
    ordered: FloatArray = np.sort(kind + distance)
    gap = np.flatnonzero(np.diff(np.sort(distance)) > 10.0 * _LENGTH_TOLERANCE)
    if len(gap):
        limit = np.sort(distance)[gap[-1]] + _LENGTH_TOLERANCE
        ordered = np.sort((kind + distance)[distance <= limit])
    return ordered
