"""An ACE without some of its functions: only the channels and products that the others need."""

# ruff: noqa: E741 (l is the field's name of the angular degree)

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from atomsmith.descriptors.ace import empty_centre
from atomsmith.descriptors.products import build_products
from atomsmith.systems import BoolArray

Indices = NDArray[np.integer[Any]]


def pruned_ace(part: dict[str, Any], kept: BoolArray) -> dict[str, Any]:
    """Return a part of an engine plan with some of its features, which keep their order.

    The remaining products are factorised again, and harmonics and radial functions beyond the highest in use
    are left out: a potential of 300 functions chosen from 2,000 then costs what one of 300 costs.

    Parameters
    ----------
    part
        Of the kind ``ace``, as `build_ace` makes it: nodes are products of two channels.
    kept
        Which features stay, shape (n_features,).
    """
    count = np.asarray(part["radial_count"])
    n_species = len(part["centres"])
    l, n = _labels(count, n_species)
    chosen = []  # by centre: features that stay, and the channels of their terms
    for centre in part["centres"]:
        first = centre["first_feature"]
        features = np.flatnonzero(kept[first : first + centre["n_features"]])
        chosen.append((features, _monomials(centre, features, len(l))))
    used = np.unique(np.concatenate([rows[rows >= 0] for _, rows in chosen])) if chosen else np.zeros(0, int)
    fewer = np.zeros(int(l[used].max(initial=0)) + 1, dtype=np.int32)
    np.maximum.at(fewer, l[used], n[used] + 1)
    channel = _renumbered(count, fewer, n_species)
    centres, first = [], 0
    for centre, (features, rows) in zip(part["centres"], chosen, strict=True):
        moved = np.where(rows >= 0, channel[rows], -1)
        centres.append(_centre(centre, features, moved, n_species * _size(fewer)) | {"first_feature": first})
        first += len(features)
    return part | {
        "n_features": first,
        "l_max": len(fewer) - 1,
        "radial": _fewer_radial(part, fewer),
        "radial_first": np.asarray(part["radial_first"])[: len(fewer)].copy(),
        "radial_count": fewer,
        "centres": centres,
    }


def _size(count: Indices) -> int:
    """Channels of one species."""
    return int(((2 * np.arange(len(count)) + 1) * count).sum())


def _labels(count: Indices, n_species: int) -> tuple[Indices, Indices]:
    """Degree l and radial index of every channel, each of shape (n_channels,)."""
    l = np.concatenate([np.full((2 * k + 1) * c, k) for k, c in enumerate(count)])
    n = np.concatenate([np.tile(np.arange(c), 2 * k + 1) for k, c in enumerate(count)])
    return np.tile(l, n_species).astype(np.int32), np.tile(n, n_species).astype(np.int32)


def _renumbered(count: Indices, fewer: Indices, n_species: int) -> Indices:
    """New number of every channel, -1 where it is left out."""
    l, n = _labels(count, 1)
    stays = (l < len(fewer)) & (n < fewer[np.minimum(l, len(fewer) - 1)])
    number = np.where(stays, np.cumsum(stays) - 1, -1)
    return np.concatenate([np.where(stays, number + z * _size(fewer), -1) for z in range(n_species)])


def _monomials(centre: dict[str, Any], features: Indices, n_channels: int) -> Indices:
    """Sorted channels of every term, -1 in front of few; all -1 where not used. Shape (n_terms, 4)."""
    start, used = np.asarray(centre["feature_start"]), np.zeros(len(centre["terms"]), dtype=np.bool_)
    for feature in features:
        used[centre["feature_term"][start[feature] : start[feature + 1]]] = True
    # Every value is a product of at most two channels; -1 stands for the factor 1.
    alone = np.stack([np.full(n_channels, -1), np.arange(n_channels)], axis=1)
    factors = np.concatenate([alone, np.asarray(centre["nodes"], dtype=np.int64).reshape(-1, 2), [[-1, -1]]])
    terms = np.asarray(centre["terms"], dtype=np.int64).reshape(-1, 2)
    rows: Indices = np.sort(factors[terms].reshape(len(terms), 4), axis=1)
    rows[~used] = -1
    return rows


def _centre(centre: dict[str, Any], features: Indices, rows: Indices, n_channels: int) -> dict[str, Any]:
    """Plan of a centre with some of its features; ``rows`` holds the new channels of its terms."""
    if len(features) == 0:
        return empty_centre()
    order = (rows >= 0).sum(axis=1)
    index = {k: np.flatnonzero(order == k) for k in range(1, 5) if (order == k).any()}
    dag = build_products({k: np.sort(rows[i, 4 - k :], axis=1) for k, i in index.items()}, n_channels)
    position = np.full(len(rows), -1, dtype=np.int32)
    for k, i in index.items():
        position[i] = dag.position[k]
    start = np.asarray(centre["feature_start"])
    entries = np.concatenate(
        [np.zeros(0, np.int64), *(np.arange(start[feature], start[feature + 1]) for feature in features)]
    ).astype(np.int64)
    return {
        "n_features": len(features),
        "nodes": dag.nodes,
        "terms": dag.terms,
        "feature_start": np.concatenate([[0], np.cumsum(np.diff(start)[features])]).astype(np.int32),
        "feature_term": position[np.asarray(centre["feature_term"])[entries]],
        "feature_coefficient": np.asarray(centre["feature_coefficient"])[entries],
    }


def _fewer_radial(part: dict[str, Any], count: Indices) -> dict[str, Any]:
    """Radial table with no more functions than the channels use."""
    radial: dict[str, Any] = part["radial"]
    n = max(int((np.asarray(part["radial_first"])[: len(count)] + count).max()), 1)
    if "recurrence" not in radial:
        return dict(radial)
    return radial | {"n": n, "recurrence": np.ascontiguousarray(radial["recurrence"][:, :n])}
