"""Recursive factorisation: complex products of many factors as few products of two values.

A density is a sum of c Re(A_1 ... A_N) over thousands of products whose factors repeat. Every product is
split into a left and a right half; the products that share a left half form a group, whose left half is
multiplied once, with the sum of its right halves. Which split to take is a set-cover problem, solved
greedily: again and again the group that costs least per product it covers is taken.

Complex values are kept complex. A product of N factors with m != 0 has 2^(N-1) real monomials in its real
part, but a complex one costs only twice a real one; docs/pace.md counts both. Conjugated factors are not
values of their own: a product and its conjugate are one value with a flag.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from atomsmith.systems import FloatArray, IntArray

Key = tuple[int, ...]
"""A product: sorted codes 2 * channel + (1 if conjugated), where real channels are never conjugated."""


@dataclass(frozen=True, eq=False)
class Factorised:
    """Nodes and terms as an engine plan has them (docs/architecture.md, regressor).

    Attributes
    ----------
    nodes, terms
        Shape (n, 3): two values and +1, or -1 where the second is conjugated.
    coefficients
        Of every term, shape (n_densities, n_terms).
    """

    nodes: IntArray
    terms: IntArray
    coefficients: FloatArray


def factorise(products: Mapping[Key, FloatArray], is_real: FloatArray, n_densities: int) -> Factorised:
    """Factorise a sum of products.

    Parameters
    ----------
    products
        Coefficients (n_densities,) of Re(product), by product.
    is_real
        Of every channel, shape (n_channels,).
    n_densities
        Number of coefficients of each product, for the weighing of costs.
    """
    algebra = _Algebra(tuple(bool(real) for real in is_real))
    merged: dict[Key, FloatArray] = {}
    for key, coefficients in products.items():
        canonical, _ = algebra.canonical(key)
        merged[canonical] = merged.get(canonical, 0.0) + coefficients
    keys = [key for key, coefficients in merged.items() if np.any(coefficients != 0.0)]
    nodes = _Nodes(algebra, len(is_real))
    terms, columns = [], []
    for left, right, key in _splits(keys, algebra, n_densities):
        (u, u_flag), (v, v_flag) = nodes.value(left), nodes.value(right)
        terms.append((u, v, -1 if u_flag != v_flag else 1))
        columns.append(merged[key])
    return Factorised(
        nodes=np.array(nodes.rows, dtype=np.int32).reshape(-1, 3),
        terms=np.array(terms, dtype=np.int32).reshape(-1, 3),
        coefficients=np.ascontiguousarray(np.array(columns).reshape(-1, n_densities).T),
    )


@dataclass
class _Algebra:
    """Conjugation of products."""

    is_real: tuple[bool, ...]
    known: dict[Key, tuple[Key, bool]] = field(default_factory=dict)

    def conjugate(self, key: Key) -> Key:
        return tuple(sorted(code if self.is_real[code >> 1] else code ^ 1 for code in key))

    def canonical(self, key: Key) -> tuple[Key, bool]:
        """The product or its conjugate, whichever is less, and whether it is the conjugate."""
        found = self.known.get(key)
        if found is None:
            other = self.conjugate(key)
            found = self.known[key] = (key, False) if key <= other else (other, True)
        return found

    def real(self, key: Key) -> bool:
        return self.conjugate(key) == key


@dataclass
class _Nodes:
    """Values made so far: of channels, and of products by their canonical key."""

    algebra: _Algebra
    n_channels: int
    rows: list[tuple[int, int, int]] = field(default_factory=list)
    made: dict[Key, tuple[int, bool]] = field(default_factory=dict)

    def value(self, key: Key) -> tuple[int, bool]:
        """Index of the value of a product, made if missing, and whether the product is its conjugate."""
        if len(key) == 1:
            return key[0] >> 1, bool(key[0] & 1)
        canonical, flag = self.algebra.canonical(key)
        if canonical not in self.made:
            self.made[canonical] = self._make(canonical)
        index, conjugated = self.made[canonical]
        return index, conjugated != flag

    def _make(self, key: Key) -> tuple[int, bool]:
        first, second = min(_halves(key, 1, len(key) // 2), key=self._missing)
        (a, a_flag), (b, b_flag) = self.value(first), self.value(second)
        if a_flag and not b_flag:
            (a, a_flag), (b, b_flag) = (b, b_flag), (a, a_flag)
        self.rows.append((a, b, -1 if a_flag != b_flag else 1))
        return self.n_channels + len(self.rows) - 1, a_flag and b_flag

    def _missing(self, halves: tuple[Key, Key]) -> tuple[int, int]:
        """Nodes that a split would have to make first (about), fewer real parts last."""
        missing = sum(
            len(half) - 1
            for half in halves
            if len(half) > 1 and self.algebra.canonical(half)[0] not in self.made
        )
        return missing, -sum(self.algebra.real(half) for half in halves)


def _halves(key: Key, smallest: int, largest: int) -> list[tuple[Key, Key]]:
    """Splits of a product in two with ``smallest`` to ``largest`` factors in the second."""
    splits: dict[tuple[Key, Key], None] = {}
    for size in range(smallest, largest + 1):
        for chosen in combinations(range(len(key)), size):
            second = tuple(key[k] for k in chosen)
            first = tuple(key[k] for k in range(len(key)) if k not in chosen)
            splits[first, second] = None
            if len(first) == len(second):
                splits[second, first] = None
    return list(splits)


def _splits(keys: list[Key], algebra: _Algebra, n_densities: int) -> list[tuple[Key, Key, Key]]:
    """(left, right, product) of every product; products with the same left follow one another."""
    candidates: dict[Key, list[tuple[int, Key]]] = defaultdict(list)
    for index, key in enumerate(keys):
        for left, right in dict.fromkeys(_halves(key, len(key) // 2, len(key) // 2)):
            canonical, flag = algebra.canonical(left)
            candidates[canonical].append((index, algebra.conjugate(right) if flag else right))
    stored: set[Key] = set()
    uncovered = np.ones(len(keys), dtype=bool)

    def price(left: Key) -> tuple[float, list[tuple[int, Key]]]:
        """Multiply-adds per product of the group, and its products that are not covered yet."""
        entries = list(
            {index: (index, right) for index, right in candidates[left] if uncovered[index]}.values()
        )
        if not entries:
            return np.inf, entries
        left_real = algebra.real(left)
        cost, real_part = 0.0, True
        for _, right in entries:
            both = not left_real and not algebra.real(right)
            real_part &= not both
            cost += 3 * n_densities + 2 if both else 2 * n_densities + 1
            if len(right) > 1 and algebra.canonical(right)[0] not in stored:
                cost += 12 * (len(right) - 1)
        cost += (6 if real_part else 12) * (len(left) - 1) + (3 if real_part else 6) * n_densities
        return cost / len(entries), entries

    heap = [(price(left)[0], left) for left in candidates]
    heapq.heapify(heap)
    chosen: list[tuple[Key, Key, Key]] = []
    while heap:
        _, left = heapq.heappop(heap)
        cost, entries = price(left)
        if not entries:
            continue
        if heap and cost > heap[0][0]:
            heapq.heappush(heap, (cost, left))
            continue
        for index, right in entries:
            uncovered[index] = False
            if len(right) > 1:
                stored.add(algebra.canonical(right)[0])
            chosen.append((left, right, keys[index]))
    return chosen


def count_real_monomials(products: Mapping[Key, FloatArray], is_real: FloatArray) -> int:
    """Real monomials that the real parts of all products expand into, for the comparison in docs/pace.md."""
    monomials: set[tuple[tuple[int, int], ...]] = set()
    for key in products:
        channels = [code >> 1 for code in key]
        imaginary = [k for k, channel in enumerate(channels) if not is_real[channel]]
        for size in range(0, len(imaginary) + 1, 2):
            for chosen in combinations(imaginary, size):
                monomials.add(
                    tuple(sorted((channel, int(k in chosen)) for k, channel in enumerate(channels)))
                )
    return len(monomials)


def sizes(products: Mapping[Key, FloatArray]) -> Counter[int]:
    """Products by number of factors."""
    return Counter(len(key) for key in products)
