"""Invariant couplings of the B-basis of PACE: products of A_lm whose sum no rotation changes.

Angular momenta are coupled in pairs, (l_1 l_2) L_1, (l_3 l_4) L_2, ..., then the pairs in pairs, and so on to
L = 0; an odd one out at the leaves comes last (Drautz, Phys. Rev. B 99, 014104 (2019), eqs. 14-17;
Bochkarev et al., Phys. Rev. Mater. 6, 013804 (2022)).
"""

# ruff: noqa: E741 (l is the field's name of the angular degree)

from __future__ import annotations

from functools import cache

import numpy as np

from atomsmith.descriptors.harmonics import clebsch_gordan
from atomsmith.systems import FloatArray, IntArray

_Share = dict[tuple[int, ...], float]
"""Weight of each combination of the m of some factors."""
_clebsch_gordan = cache(clebsch_gordan)


def intermediate_count(rank: int) -> int:
    """How many intermediate L name a coupling of so many factors."""
    return max(rank - 2, 0)


@cache
def coupling_tree(rank: int) -> tuple[tuple[int, int, int], ...]:
    """Nodes (a, b, c): a and b are coupled to c.

    The factors are 0 .. rank - 1, the intermediate momenta follow in their order, and 2 rank - 2 is the last
    one, L = 0.
    """
    after = rank
    nodes: list[tuple[int, int, int]] = []
    waiting: list[int] = []
    for first in range(0, rank - 1, 2):
        nodes.append((first, first + 1, after))
        waiting.append(after)
        after += 1
    while len(waiting) > 1:
        nodes.append((waiting[0], waiting[1], after))
        waiting = [*waiting[2:], after]
        after += 1
    if rank % 2 == 1 and rank > 1:
        nodes.append((waiting[0], rank - 1, after))
    return tuple(nodes)


@cache
def coupled_products(l: tuple[int, ...], intermediate: tuple[int, ...]) -> tuple[IntArray, FloatArray]:
    """The m of all products of a coupling, and their weights in the sum of real parts.

    Parameters
    ----------
    l
        Degree of every factor; their sum must be even.
    intermediate
        The L of the nodes of `coupling_tree` but the last.

    Returns
    -------
    m, weight
        Shapes (n_products, rank) and (n_products,), none if the momenta cannot couple. Of products with m and
        with -m, whose real parts are equal, the one whose first m that is not 0 is positive has both weights.
    """
    rank = len(l)
    momenta = (*l, *intermediate, 0)
    shares: dict[int, tuple[tuple[int, ...], _Share]] = {
        k: ((k,), {(m,): 1.0 for m in range(-l[k], l[k] + 1)}) for k in range(rank)
    }
    for a, b, c in coupling_tree(rank):
        (leaves_a, share_a), (leaves_b, share_b) = shares.pop(a), shares.pop(b)
        shares[c] = (
            leaves_a + leaves_b,
            _coupled(share_a, share_b, (momenta[a], momenta[b], momenta[c])),
        )
    ((leaves, share),) = shares.values()
    order = np.argsort(leaves)
    rows, weights = [], []
    for m, weight in share.items():
        signs = [k for k in np.array(m)[order] if k != 0]
        if sum(m) == 0 and weight != 0.0 and (not signs or signs[0] > 0):
            rows.append(np.array(m)[order])
            weights.append(2.0 * weight if signs else weight)
    return np.array(rows, dtype=np.int32).reshape(-1, rank), np.array(weights)


def _coupled(a: _Share, b: _Share, l: tuple[int, int, int]) -> _Share:
    """Products of two sets of combinations, coupled to l[2]."""
    found: _Share = {}
    for m_a, weight_a in a.items():
        for m_b, weight_b in b.items():
            sum_a, sum_b = sum(m_a), sum(m_b)
            if abs(sum_a + sum_b) <= l[2]:
                share = _clebsch_gordan(l[0], sum_a, l[1], sum_b, l[2], sum_a + sum_b)
                if share != 0.0:
                    found[m_a + m_b] = weight_a * weight_b * share
    return found
