"""What every descriptor gives: a part of an engine plan and facts about its features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atomsmith.systems import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class FeatureInfo:
    """Facts about features that priors and reports need; one entry per feature.

    Attributes
    ----------
    order
        Correlation order (number of neighbours in one product; 0 for reference energies), shape (n,).
    degree
        Total polynomial degree, sum over factors of n + weight_l * l, shape (n,).
    smoothness
        Penalty >= 1 that grows with the roughness of the feature, shape (n,). A smoothness prior gives the
        coefficient the variance 1 / smoothness^2.
    elements
        Atomic numbers of centre and neighbours; for pair functions, which belong to no centre, of both atoms.
    labels
        What a person reads, with chemical symbols.
    """

    order: IntArray
    degree: FloatArray
    smoothness: FloatArray
    elements: tuple[tuple[int, ...], ...]
    labels: tuple[str, ...]

    def __len__(self) -> int:
        """Count the features."""
        return len(self.labels)

    def take(self, kept: NDArray[np.signedinteger[Any]]) -> FeatureInfo:
        """Return some of the features, in the order given."""
        return FeatureInfo(
            order=self.order[kept],
            degree=self.degree[kept],
            smoothness=self.smoothness[kept],
            elements=tuple(self.elements[k] for k in kept),
            labels=tuple(self.labels[k] for k in kept),
        )

    @classmethod
    def concatenate(cls, infos: Sequence[FeatureInfo]) -> FeatureInfo:
        """Join the features of several parts in the order of the plan."""
        return cls(
            order=np.concatenate([np.zeros(0, np.int32), *(info.order for info in infos)]),
            degree=np.concatenate([np.zeros(0), *(info.degree for info in infos)]),
            smoothness=np.concatenate([np.zeros(0), *(info.smoothness for info in infos)]),
            elements=tuple(elements for info in infos for elements in info.elements),
            labels=tuple(label for info in infos for label in info.labels),
        )


@dataclass(frozen=True, eq=False)
class DescriptorPart:
    """A part of an engine plan (docs/architecture.md) and its features; ``part["n_features"]`` of them."""

    part: dict[str, Any]
    info: FeatureInfo


def features_of_centres(part: Mapping[str, Any], n_elements: int) -> list[IntArray]:
    """Columns of the features that describe an atom of each species, among those of a descriptor's part.

    Centres stand in the part (``ace``), or each species says where its own begin (``moments``, where species
    may share them), or they follow one another in equal numbers. Parts of other kinds have none. Global
    features come behind those of each centre, and move the next ones.
    """
    own = _described(part, n_elements)
    n_globals = sum(bool(part.get("global_features", {}).get(name)) for name in ("volume", "order"))
    return behind_each(own, n_globals) if n_globals else own


def behind_each(columns: Sequence[IntArray], more: int) -> list[IntArray]:
    """Columns when so many features more come behind those of every centre; equal columns stay shared."""
    known: dict[tuple[int, ...], IntArray] = {}
    found: list[IntArray] = []
    size = 0
    for own in columns:
        key = tuple(int(k) for k in own)
        if not key or key not in known:
            known[key] = np.arange(size, size + len(own) + more, dtype=np.int32)
            size += len(own) + more
        found.append(known[key])
    return found


def _described(part: Mapping[str, Any], n_elements: int) -> list[IntArray]:
    """Columns of the descriptor's own features."""
    if "centres" in part:
        return [
            np.arange(c["first_feature"], c["first_feature"] + c["n_features"], dtype=np.int32)
            if "first_feature" in c
            else np.zeros(0, np.int32)
            for c in part["centres"]
        ]
    if "scalars" in part:
        return [first + np.arange(len(part["scalars"]), dtype=np.int32) for first in part["first_feature"]]
    if part["kind"] == "soap":
        n = np.size(part["weight"]) + (part["sigma"] > 0.0)
        return [z * n + np.arange(n, dtype=np.int32) for z in range(n_elements)]
    if "shift" in part:
        n = np.reshape(part["shift"], (n_elements, -1)).shape[1]
        return [z * n + np.arange(n, dtype=np.int32) for z in range(n_elements)]
    return [np.zeros(0, np.int32)] * n_elements
