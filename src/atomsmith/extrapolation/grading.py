"""Extrapolation grades of atoms and configurations by what a fit has seen; the choice of a batch by them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from atomsmith.descriptors.base import features_of_centres
from atomsmith.errors import InputError
from atomsmith.evaluator import PlanEvaluator, sum_atoms
from atomsmith.extrapolation.active_set import MOST_PASSES, TOLERANCE, ActiveSet
from atomsmith.extrapolation.ranges import FeatureRanges
from atomsmith.extrapolation.settings import ExtrapolationSettings
from atomsmith.systems import FloatArray, Systems

if TYPE_CHECKING:
    from atomsmith.data.configuration import Configuration

Known = ActiveSet | FeatureRanges
_KINDS: dict[str, type[ActiveSet] | type[FeatureRanges]] = {"maxvol": ActiveSet, "ranges": FeatureRanges}

CHUNK = 64
"""Configurations whose features are made at once."""
KEPT_BYTES = 2**28
ALL = 0
"""Key of what is known of configurations, in place of an atomic number."""


@dataclass(frozen=True, eq=False)
class Extrapolation:
    """What a potential remembers of the features of its data.

    Attributes
    ----------
    kind, of
        See `ExtrapolationSettings`.
    columns
        Features that take part, by atomic number (by 0 for ``of: configurations``): those that are not zero
        in all data. Any other one that is not zero is as new as a feature without a range.
    known
        Rows or ranges of these features.
    """

    kind: Literal["maxvol", "ranges"]
    of: Literal["atoms", "configurations"]
    columns: dict[int, NDArray[np.int64]]
    known: dict[int, Known]

    def grades(self, features: FloatArray, systems: Systems) -> FloatArray:
        """Grades of atoms, shape (N,), from their features (N, n); atoms share those of configurations.

        Grades up to 1 are interpolation; an element without data has an infinite one.
        """
        if self.of == "configurations":
            return self._graded(ALL, _means(features, systems))[systems.owner]
        grades = np.full(systems.n_atoms, np.inf)
        for z in self.known:
            atoms = systems.numbers == z
            grades[atoms] = self._graded(z, features[atoms])
        return grades

    def of_systems(self, features: FloatArray, systems: Systems) -> FloatArray:
        """Largest grade of every system, shape (S,); zero without atoms."""
        return largest_of_systems(self.grades(features, systems), systems)

    def extended(self, features: FloatArray, systems: Systems) -> Extrapolation:
        """Return what is known once these systems are among the data."""
        known = {z: one.copy() for z, one in self.known.items()}
        for z, rows in _rows(self.of, features, systems):
            if z in known:
                known[z].add(rows[:, self.columns[z]])
        return Extrapolation(self.kind, self.of, self.columns, known)

    def choose(self, features: FloatArray, systems: Systems, number: int) -> list[int]:
        """Greedy choice of at most ``number`` systems: that of the largest grade, then again with it known.

        It ends when all others interpolate.
        """
        chosen: list[int] = []
        known = self
        while len(chosen) < min(number, systems.n_systems):
            grades = known.of_systems(features, systems)
            grades[chosen] = -1.0
            best = int(np.argmax(grades))
            if grades[best] <= 1.0 + TOLERANCE:
                break
            chosen.append(best)
            atoms = slice(systems.first[best], systems.first[best + 1])
            one = Systems(
                numbers=systems.numbers[atoms],
                positions=systems.positions[atoms],
                cells=systems.cells[best : best + 1],
                pbc=systems.pbc[best : best + 1],
                first=np.array([0, systems.counts[best]]),
            )
            known = known.extended(features[atoms], one)
        return chosen

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe form."""
        return {
            "kind": self.kind,
            "of": self.of,
            "known": {
                str(z): {"columns": [int(k) for k in self.columns[z]]} | one.to_dict()
                for z, one in self.known.items()
            },
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Extrapolation:
        """Rebuild from `to_dict`."""
        if data["kind"] not in _KINDS:
            raise InputError(f"Extrapolation is of kind {data['kind']!r}; expected {' or '.join(_KINDS)}.")
        made = _KINDS[data["kind"]]
        return cls(
            kind=data["kind"],
            of=data["of"],
            columns={int(z): np.array(one["columns"], dtype=np.int64) for z, one in data["known"].items()},
            known={int(z): made.from_dict(one) for z, one in data["known"].items()},
        )

    def _graded(self, z: int, features: FloatArray) -> FloatArray:
        columns = self.columns[z]
        grades = self.known[z].grades(features[:, columns])
        unseen = np.ones(features.shape[1], dtype=bool)
        unseen[columns] = False
        new = (features[:, unseen] != 0.0).any(axis=1)
        return np.where(new, np.inf, grades)


class Grader:
    """Grades of systems by what a potential knows; keeps neighbour lists between calls."""

    def __init__(
        self, extrapolation: Extrapolation, plan: dict[str, Any], *, skin: float = 0.0, n_threads: int = 1
    ) -> None:
        self.extrapolation = extrapolation
        self._evaluator = PlanEvaluator(descriptors_of(plan), skin=skin, n_threads=n_threads)

    def features(self, systems: Systems) -> FloatArray:
        """Features of atoms, shape (N, n)."""
        return self._evaluator.features(systems)

    def atoms(self, systems: Systems) -> FloatArray:
        """Grade of every atom, shape (N,)."""
        return self.extrapolation.grades(self.features(systems), systems)

    def systems(self, systems: Systems) -> FloatArray:
        """Largest grade of every system, shape (S,)."""
        return largest_of_systems(self.atoms(systems), systems)


def learn_extrapolation(
    settings: ExtrapolationSettings,
    plan: dict[str, Any],
    configurations: Sequence[Configuration],
    n_threads: int = 1,
) -> Extrapolation:
    """Look through the features of all data.

    Active sets need several passes over them, in the order of the data. Features that do not fit into
    `KEPT_BYTES` are made anew for each, so that memory does not grow with the data.

    Raises
    ------
    InputError
        If the plan has no linear features, or there is no configuration.
    """
    passes = _Passes(plan, configurations, n_threads)
    ranges: dict[int, FeatureRanges] = {}
    for features, systems in passes:
        for z, rows in _rows(settings.of, features, systems):
            if z in ranges:
                ranges[z].add(rows)
            else:
                ranges[z] = FeatureRanges(rows.min(axis=0), rows.max(axis=0))
    if not ranges:
        raise InputError("There is no configuration whose features could be known; give at least one.")
    columns = {z: np.flatnonzero((ranges[z].low != 0.0) | (ranges[z].high != 0.0)) for z in sorted(ranges)}
    seen = {z: FeatureRanges(ranges[z].low[used], ranges[z].high[used]) for z, used in columns.items()}
    if settings.kind == "ranges":
        return Extrapolation("ranges", settings.of, columns, dict(seen))
    sets = {z: ActiveSet(np.maximum(np.abs(one.low), np.abs(one.high))) for z, one in seen.items()}
    for _ in range(MOST_PASSES):
        changed = False
        for features, systems in passes:
            for z, rows in _rows(settings.of, features, systems):
                changed |= bool(sets[z].add(rows[:, columns[z]]))
        if not changed:
            break
    return Extrapolation("maxvol", settings.of, columns, dict(sets))


class _Passes:
    """Features of all configurations, chunk by chunk, as often as they are asked for; kept if they are
    few.
    """

    def __init__(self, plan: dict[str, Any], configurations: Sequence[Configuration], n_threads: int) -> None:
        self._evaluator = PlanEvaluator(descriptors_of(plan), n_threads=n_threads)
        self._configurations = configurations
        n_features = self._evaluator.model.n_features
        if n_features == 0:
            raise InputError("Extrapolation grades need a model with linear features; this one has none.")
        atoms = sum(len(c.numbers) for c in configurations)
        self._kept: list[tuple[FloatArray, Systems]] | None = (
            [] if 8 * atoms * n_features <= KEPT_BYTES else None
        )

    def __iter__(self) -> Iterator[tuple[FloatArray, Systems]]:
        if self._kept:
            yield from self._kept
            return
        for start in range(0, len(self._configurations), CHUNK):
            systems = Systems.from_configurations(self._configurations[start : start + CHUNK])
            made = self._evaluator.features(systems), systems
            if self._kept is not None:
                self._kept.append(made)
            yield made


NOT_LINEAR = ("network", "kernel", "embedding")


def descriptors_of(plan: dict[str, Any]) -> dict[str, Any]:
    """Plan of the features that regressors take which are not linear in them, in place of their outputs."""
    parts = []
    for part in plan["parts"]:
        if part["n_features"] and part.get("regressor", {}).get("kind") in NOT_LINEAR:
            columns = features_of_centres(part, len(plan["elements"]))
            size = max(int(own[-1]) + 1 for own in columns if len(own))
            part = {key: value for key, value in part.items() if key != "regressor"} | {"n_features": size}
        parts.append(part)
    return plan | {"parts": parts}


def largest_of_systems(grades: FloatArray, systems: Systems) -> FloatArray:
    """Largest of the atoms' grades of every system, shape (S,)."""
    largest = np.zeros(systems.n_systems)
    np.maximum.at(largest, systems.owner, grades)
    return largest


def _rows(of: str, features: FloatArray, systems: Systems) -> Iterator[tuple[int, FloatArray]]:
    """Rows by element, or of the configurations."""
    if of == "configurations":
        yield ALL, _means(features, systems)
        return
    for z in np.unique(systems.numbers):
        yield int(z), features[systems.numbers == z]


def _means(features: FloatArray, systems: Systems) -> FloatArray:
    """Features of each system divided by its number of atoms, shape (S, n)."""
    sums = np.stack([sum_atoms(column, systems) for column in features.T], axis=1)
    means: FloatArray = sums / np.maximum(systems.counts, 1)[:, None]
    return means
