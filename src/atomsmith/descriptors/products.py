"""Product DAG: evaluates all monomials of a centre with few shared pairwise products (nodes)."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atomsmith.systems import IntArray

LongArray = NDArray[np.int64]
SPLITS = (((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2)))
LEFT_OUT = ((1, 2), (0, 2), (0, 1))  # the pair that remains of a triple without factor 0, 1, 2


@dataclass(frozen=True, eq=False)
class ProductDag:
    """How to evaluate monomials of channels.

    Attributes
    ----------
    nodes
        Products of two channels (u >= v), shape (n_nodes, 2); value index = n_channels + row.
    terms
        (u, v), shape (n_terms, 2): V[u] V[v], or V[u] when v = -1; v <= u, sorted by u, then v.
    position
        For each order, the row in ``terms`` of every monomial given.
    """

    nodes: IntArray
    terms: IntArray
    position: dict[int, IntArray]


def build_products(monomials: Mapping[int, IntArray], n_channels: int) -> ProductDag:
    """Choose nodes and terms for distinct monomials.

    Order 1 is a channel, order 2 the product of two channels, order 3 of a node and a channel, order 4 of two
    nodes. Any pair within a monomial of order 3 or 4 can serve as its node; the choice keeps nodes few, as
    each node costs as much as a term.

    Parameters
    ----------
    monomials
        For each correlation order N the channels of its monomials, shape (n, N), rows sorted and distinct.
    n_channels
        Number of values that the channels occupy.
    """
    empty = np.zeros((0, 2), dtype=np.int64)
    quads = _split_quads(monomials[4].astype(np.int64), n_channels) if 4 in monomials else empty
    triples = (
        _split_triples(monomials[3].astype(np.int64), n_channels, quads.reshape(-1))
        if 3 in monomials
        else empty
    )
    keys = np.unique(np.concatenate([quads.reshape(-1), triples[:, 0]]))

    def node(key: LongArray) -> LongArray:
        return n_channels + np.searchsorted(keys, key)

    factors: dict[int, LongArray] = {}
    for order, rows in monomials.items():
        if order == 1:
            factors[order] = np.stack([rows[:, 0], np.full(len(rows), -1)], axis=1)
        elif order == 2:
            factors[order] = rows.astype(np.int64)
        elif order == 3:
            factors[order] = np.stack([node(triples[:, 0]), triples[:, 1]], axis=1)
        else:
            factors[order] = node(quads)
    stacked = np.concatenate([np.sort(f, axis=1)[:, ::-1] for f in factors.values()])
    by_value = np.lexsort((stacked[:, 1], stacked[:, 0]))
    rank = np.empty(len(stacked), dtype=np.int32)
    rank[by_value] = np.arange(len(stacked), dtype=np.int32)
    ends = np.cumsum([len(f) for f in factors.values()])
    return ProductDag(
        nodes=np.stack([keys // n_channels, keys % n_channels], axis=1).astype(np.int32),
        terms=np.ascontiguousarray(stacked[by_value], dtype=np.int32),
        position=dict(zip(factors, np.split(rank, ends[:-1]), strict=True)),
    )


def _pair_key(rows: LongArray, pair: tuple[int, int], n_channels: int) -> LongArray:
    """One integer for two columns of sorted rows, the larger channel first."""
    key: LongArray = rows[:, pair[1]] * n_channels + rows[:, pair[0]]
    return key


def _split_triples(rows: LongArray, n_channels: int, free: LongArray) -> LongArray:
    """(pair key, remaining channel) of each triple: greedy set cover of the triples by pairs.

    Pairs in ``free`` exist anyway and are taken wherever they fit.
    """
    keys = np.stack([_pair_key(rows, pair, n_channels) for pair in LEFT_OUT], axis=1)
    choice = np.full(len(rows), -1)
    for column in range(3):
        choice[(choice < 0) & np.isin(keys[:, column], free)] = column
    distinct, member = np.unique(keys, return_inverse=True)
    member = member.reshape(keys.shape)
    count = np.bincount(member[choice < 0].reshape(-1), minlength=len(distinct))
    by_pair = np.argsort(member.reshape(-1), kind="stable")
    start = np.concatenate([[0], np.cumsum(np.bincount(member.reshape(-1), minlength=len(distinct)))])
    heap = [(-int(n), pair) for pair, n in enumerate(count) if n > 0]
    heapq.heapify(heap)
    while heap:
        negative, pair = heapq.heappop(heap)
        if -negative != count[pair]:  # overtaken: others covered some of its triples
            if count[pair] > 0:
                heapq.heappush(heap, (-int(count[pair]), pair))
            continue
        entries = by_pair[start[pair] : start[pair + 1]]
        entries = entries[choice[entries // 3] < 0]
        triples, first = np.unique(entries // 3, return_index=True)  # (a, a, b) holds the pair (a, b) twice
        choice[triples] = entries[first] % 3
        np.subtract.at(count, member[triples].reshape(-1), 1)
    every = np.arange(len(rows))
    return np.stack([keys[every, choice], rows[every, choice]], axis=1)


def _split_quads(rows: LongArray, n_channels: int, sweeps: int = 20) -> LongArray:
    """The two pair keys of each quadruple: every one joins the most popular split until nothing changes."""
    keys = np.stack(
        [np.stack([_pair_key(rows, pair, n_channels) for pair in split], axis=1) for split in SPLITS], axis=1
    )
    distinct, member = np.unique(keys, return_inverse=True)
    member = member.reshape(keys.shape)
    every = np.arange(len(rows))
    popularity = np.bincount(member.reshape(-1), minlength=len(distinct))
    choice = np.full(len(rows), -1)
    for _ in range(sweeps):
        score = np.log1p(popularity[member]).sum(axis=2)
        better = np.argmax(score, axis=1)
        if np.array_equal(better, choice):
            break
        choice = better
        popularity = np.bincount(member[every, choice].reshape(-1), minlength=len(distinct))
    chosen: LongArray = keys[every, choice]
    return chosen
