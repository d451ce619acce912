"""Squared-exponential kernels of a gap.xml: distance_2b as a ``pair`` part, angle_3b as a ``three_body``.

Bartok, Csanyi, Int. J. Quantum Chem. 115, 1051 (2015), sec. 2.3.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations_with_replacement

import numpy as np

from atomsmith.descriptors.base import DescriptorPart
from atomsmith.errors import InputError
from atomsmith.exchange.gap_file import Coordinates
from atomsmith.exchange.gap_keys import INSTEAD, atomic_numbers_at, check_keys, number_at
from atomsmith.regressors.pair_kernel import PairFunctions, pair_kernel_part
from atomsmith.regressors.triplet_kernel import TripletKernel, triplet_kernel_part
from atomsmith.systems import FloatArray

_BOTH_ORDERS = 2.0
"""QUIP's sums are over ordered pairs of neighbours, ours over unordered ones."""


def pair_terms(
    members: Sequence[Coordinates], elements: tuple[int, ...]
) -> list[tuple[DescriptorPart, FloatArray]]:
    """For each cutoff, one function of the distance for every pair of elements with the coefficient 1."""
    groups: defaultdict[tuple[float, float, float], list[Coordinates]] = defaultdict(list)
    for one in members:
        cutoff, width = _reach(one, {"Z1", "Z2"}, 1)
        groups[cutoff, width, one.theta[0]].append(one)
    made = []
    for (cutoff, width, length), group in groups.items():
        functions = []
        for i, j in combinations_with_replacement(elements, 2):
            chosen = [one for one in group if _meets(one, i, j)]
            points = np.concatenate([np.zeros(0), *(one.points[:, 0] for one in chosen)])
            weights = np.concatenate([np.zeros(0), *(one.weights for one in chosen)])
            functions.append(PairFunctions(points, weights[:, None], length, cutoff, width))
        part = pair_kernel_part(functions, elements, ["distance_2b"])
        made.append((part, np.ones(len(part.info))))
    return made


def triplet_terms(
    members: Sequence[Coordinates], elements: tuple[int, ...]
) -> list[tuple[DescriptorPart, FloatArray]]:
    """One part for all descriptors of triplets; its coefficients are the weights of the sparse points."""
    kernels, weights = [], []
    for one in members:
        cutoff, width = _reach(one, {"Z", "Z_center", "Z1", "Z2"}, 3)
        # gap_fit adds Z where it repeats a descriptor for every element.
        key = "Z" if "Z" in one.values else "Z_center"
        triplets = tuple(
            (elements.index(z), i, j)
            for z in atomic_numbers_at(one, key) or elements
            for i, j in combinations_with_replacement(range(len(elements)), 2)
            if _meets(one, elements[i], elements[j])
        )
        kernels.append(TripletKernel(one.points, np.array(one.theta), cutoff, width, triplets))
        weights.append(_BOTH_ORDERS * one.weights)
    if not kernels:
        return []
    return [(triplet_kernel_part(kernels, elements), np.concatenate(weights))]


def _reach(one: Coordinates, elements: set[str], dimensions: int) -> tuple[float, float]:
    """Cutoff and width of the switch of a descriptor that has nothing else than these and its elements."""
    check_keys(one, {"cutoff", "cutoff_transition_width", *elements})
    if one.mean != 0.0:
        raise InputError(
            f"{one.kind} with f0={one.mean:g} is not supported, a constant beside the kernel; {INSTEAD}."
        )
    if one.permutations != 1:
        raise InputError(f"{one.kind} with {one.permutations} permutations is not supported; {INSTEAD}.")
    if one.points.shape[1] != dimensions:
        raise InputError(
            f"{one.kind}: sparse points have {one.points.shape[1]} components, expected {dimensions}; "
            "the file is damaged."
        )
    return number_at(one, "cutoff", None), number_at(one, "cutoff_transition_width", 0.5)


def _meets(one: Coordinates, i: int, j: int) -> bool:
    """Whether a descriptor is for a pair of elements (of neighbours)."""
    first, second = (atomic_numbers_at(one, key) or (i, j) for key in ("Z1", "Z2"))
    return (i in first and j in second) or (j in first and i in second)
