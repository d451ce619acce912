"""PACE models of any size with random coefficients, for measurements of speed."""

# ruff: noqa: E741 (l is the field's name of the angular degree)

from __future__ import annotations

from itertools import combinations_with_replacement, product

import numpy as np

from atomsmith.exchange.pace.model import Bond, Embedding, Function, PaceModel

N_MAX, L_MAX, K_MAX = 6, 5, 14
CUTOFF = 5.2


def molybdenum(functions_by_rank: dict[int, int], seed: int = 0) -> PaceModel:
    """Mo with so many functions of each rank: those of the lowest sum of n - 1 and l, as a fit would choose.

    A function of rank 2 and more has an even sum of l that obeys the polygon inequality, and all products
    whose m add up to 0 (one of m and -m); only its coefficients are not those of an invariant.
    """
    rng = np.random.default_rng(seed)
    functions: list[Function] = []
    for rank, count in functions_by_rank.items():
        for factors in _lowest(rank, count):
            n, l = np.array(factors, dtype=np.int32).T
            m = _combinations_of_m(l) if rank > 1 else np.zeros((1, 1), np.int32)
            functions.append(
                Function(np.zeros(rank, np.int32), n, l, m, rng.normal(scale=1e-3 / len(m), size=(len(m), 2)))
            )
    embedding = Embedding("FinnisSinclairShiftedScaled", np.ones(2), np.array([1.0, 0.5]), 1e5, 250.0)
    radial = rng.normal(scale=1e-3, size=(N_MAX, L_MAX + 1, K_MAX))
    radial[np.arange(N_MAX), :, np.arange(N_MAX)] += 1.0
    bond = Bond("SBessel", 5.25, CUTOFF, 0.01, 0.0, 0.0, 0.0, 0.0, radial)
    return PaceModel(("Mo",), np.zeros(1), 0.001, "distance", (embedding,), ((bond,),), (tuple(functions),))


def _lowest(rank: int, count: int) -> list[tuple[tuple[int, int], ...]]:
    """The ``count`` sets of (n, l) of lowest degree."""
    if rank == 1:
        return [((n, 0),) for n in range(1, count + 1)]
    degree = 0
    found: list[tuple[tuple[int, int], ...]] = []
    while len(found) < count:
        found += _of_degree(rank, degree)
        degree += 1
    return found[:count]


def _of_degree(rank: int, degree: int) -> list[tuple[tuple[int, int], ...]]:
    one = [(n, l) for n in range(1, N_MAX + 1) for l in range(L_MAX + 1) if n - 1 + l <= degree]
    return [
        factors
        for factors in combinations_with_replacement(one, rank)
        if sum(n - 1 + l for n, l in factors) == degree
        and sum(l for _, l in factors) % 2 == 0
        and 2 * max(l for _, l in factors) <= sum(l for _, l in factors)
    ]


def _combinations_of_m(l: np.ndarray) -> np.ndarray:
    rows = [m for m in product(*(range(-k, k + 1) for k in l)) if sum(m) == 0]
    return np.array([m for m in rows if m >= tuple(-k for k in m)], dtype=np.int32)
