"""Squared-exponential kernels of a gap.xml: pairs as a ``pair`` part, triplets as a ``three_body`` part.

Descriptors distance_2b, angle_3b, and distance_Nb of order 2 and 3. Bartok, Csanyi, Int. J. Quantum Chem.
115, 1051 (2015), sec. 2.3.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement, permutations

import numpy as np

from atomsmith.descriptors.base import DescriptorPart
from atomsmith.errors import InputError
from atomsmith.exchange.quip.gap_file import Coordinates
from atomsmith.exchange.quip.keys import INSTEAD, atomic_numbers_at, check_keys, flag_at, number_at
from atomsmith.regressors.pair_kernel import PairFunctions, pair_kernel_part
from atomsmith.regressors.triplet_kernel import TripletKernel, triplet_kernel_part
from atomsmith.systems import FloatArray

CLUSTERS = "distance_Nb"
_BOTH_ORDERS = 2.0
"""QUIP's sums over an angle_3b are over ordered pairs of neighbours, ours over unordered ones."""
_FLAT = 1.0e8
"""Length, far beyond all distances in angstrom, of a kernel that is constant to rounding."""
_COMPACT = 1596837814
"""Version from which clusters are, by default, those about an atom."""


@dataclass(frozen=True, eq=False)
class _Term:
    """A descriptor of pairs or triplets: what it is for, and the weights of its sparse points.

    Attributes
    ----------
    source
        The descriptor.
    cutoff, width
        Of its switch.
    order
        Atoms in a term: 2 or 3.
    weights
        Of the sparse points.
    times
        How often QUIP's sum has a term of ours, the one over unordered neighbours of every atom.
    permutations
        Orders of the distances of a triplet that are one; None: q are sums and differences.
    """

    source: Coordinates
    cutoff: float
    width: float
    order: int
    weights: FloatArray
    times: float
    permutations: tuple[tuple[int, int, int], ...] | None = None

    def is_for(self, centre: int, *near: int) -> bool:
        """Whether it is for an atom and neighbours of these elements."""
        if self.source.kind == CLUSTERS:
            numbers = atomic_numbers_at(self.source, "Z")
            return not numbers or sorted(numbers) == sorted((centre, *near))
        if self.order == 3:
            # gap_fit adds Z where it repeats a descriptor for every element.
            key = "Z" if "Z" in self.source.values else "Z_center"
            if centre not in (atomic_numbers_at(self.source, key) or (centre,)):
                return False
        i, j = near if self.order == 3 else (centre, *near)
        first, second = (atomic_numbers_at(self.source, key) or (i, j) for key in ("Z1", "Z2"))
        return (i in first and j in second) or (j in first and i in second)


def kernel_terms(
    members: Sequence[Coordinates], elements: tuple[int, ...], version: int
) -> list[tuple[DescriptorPart, FloatArray]]:
    """Parts and coefficients of descriptors of pairs and triplets.

    Parameters
    ----------
    members
        The descriptors.
    elements
        Atomic numbers of the model.
    version
        Of the program that wrote the file.
    """
    terms = [_term(one, version) for one in members]
    terms += [_constant(term) for term in terms if term.source.constant != 0.0]
    return _pairs([t for t in terms if t.order == 2], elements) + _triplets(
        [t for t in terms if t.order == 3], elements
    )


def _pairs(terms: Sequence[_Term], elements: tuple[int, ...]) -> list[tuple[DescriptorPart, FloatArray]]:
    """For each cutoff, one function of the distance for every pair of elements with the coefficient 1."""
    groups: defaultdict[tuple[float, float, float], list[_Term]] = defaultdict(list)
    for term in terms:
        groups[term.cutoff, term.width, term.source.theta[0]].append(term)
    made = []
    for (cutoff, width, length), group in groups.items():
        functions = []
        for i, j in combinations_with_replacement(elements, 2):
            chosen = [term for term in group if term.is_for(i, j)]
            points = np.concatenate([np.zeros(0), *(term.source.points[:, 0] for term in chosen)])
            weights = np.concatenate([np.zeros(0), *(term.times * term.weights for term in chosen)])
            functions.append(PairFunctions(points, weights[:, None], length, cutoff, width))
        part = pair_kernel_part(functions, elements, [group[0].source.kind])
        made.append((part, np.ones(len(part.info))))
    return made


def _triplets(terms: Sequence[_Term], elements: tuple[int, ...]) -> list[tuple[DescriptorPart, FloatArray]]:
    """One part for all descriptors of triplets; its coefficients are the weights of the sparse points."""
    if not terms:
        return []
    # QUIP puts the neighbours of an atom in the order of their atomic numbers.
    rising = sorted(range(len(elements)), key=lambda position: elements[position])
    kernels = []
    for term in terms:
        triplets = tuple(
            (centre, i, j)
            for centre in range(len(elements))
            for i, j in combinations_with_replacement(rising, 2)
            if term.is_for(elements[centre], elements[i], elements[j])
        )
        if term.permutations and (1, 0, 2) not in term.permutations and any(i == j for _, i, j in triplets):
            raise InputError(
                f"{CLUSTERS} of order 3 with Z={term.source.values['Z'].strip()} is not supported: its "
                f"energy depends on the order of atoms of one element; {INSTEAD}."
            )
        lengths = np.array(term.source.theta)
        kernels.append(
            TripletKernel(term.source.points, lengths, term.cutoff, term.width, triplets, term.permutations)
        )
    return [(triplet_kernel_part(kernels, elements), np.concatenate([t.times * t.weights for t in terms]))]


def _term(one: Coordinates, version: int) -> _Term:
    """Read a descriptor, and refuse what is not supported."""
    known = {"distance_2b": {"Z1", "Z2"}, "angle_3b": {"Z", "Z_center", "Z1", "Z2"}}
    check_keys(
        one,
        {"cutoff", "cutoff_transition_width", *known.get(one.kind, {"Z", "order", "compact_clusters"})},
    )
    order = {"distance_2b": 2, "angle_3b": 3}.get(one.kind) or round(number_at(one, "order", None))
    if order not in (2, 3):
        raise InputError(f"{one.kind} of order {order} is not supported, only 2 and 3 are; {INSTEAD}.")
    dimensions = order if order == 3 else 1
    if one.points.shape[1] != dimensions:
        raise InputError(
            f"{one.kind}: sparse points have {one.points.shape[1]} components, expected {dimensions}; "
            "the file is damaged."
        )
    reach = number_at(one, "cutoff", None), number_at(one, "cutoff_transition_width", 0.5)
    if one.kind == CLUSTERS:
        return _clusters(one, *reach, order, version)
    if one.permutations != 1:
        raise InputError(f"{one.kind} with {one.permutations} permutations is not supported; {INSTEAD}.")
    return _Term(one, *reach, order, one.weights, _BOTH_ORDERS if order == 3 else 1.0)


def _constant(term: _Term) -> _Term:
    """What f0 adds, as a kernel that is the same everywhere."""
    one, dimensions = term.source, term.source.points.shape[1]
    flat = replace(one, points=np.zeros((1, dimensions)), theta=(_FLAT,) * dimensions)
    return replace(term, source=flat, weights=np.array([one.constant]), permutations=None)


def _clusters(one: Coordinates, cutoff: float, width: float, order: int, version: int) -> _Term:
    """A distance_Nb: about every atom, or (not compact) every cluster once."""
    compact = flag_at(one, "compact_clusters", version >= _COMPACT)
    numbers = sorted(atomic_numbers_at(one, "Z") or [0] * order)
    if len(numbers) != order:
        raise InputError(f"{one.kind} of order {order}: Z={one.values['Z']} needs {order} atomic numbers.")
    orders = [p for p in permutations(range(order)) if all(numbers[p[k]] == numbers[k] for k in range(order))]
    if len(orders) != one.permutations:
        raise InputError(
            f"{one.kind}: there are {one.permutations} permutations, but its elements have {len(orders)}; "
            "the file is damaged."
        )
    if order == 2:
        return _Term(one, cutoff, width, order, one.weights, 1.0 if compact else 0.5)
    if not compact:
        raise InputError(f"{one.kind} of order 3 with compact_clusters=F is not supported; {INSTEAD}.")
    # Distances between atoms 0 and 1, 0 and 2, 1 and 2, whose numbers add up to one more than their places.
    of_distances = [(p[0] + p[1] - 1, p[0] + p[2] - 1, p[1] + p[2] - 1) for p in orders]
    weights, lengths = one.weights, np.array(one.theta)
    if any((lengths[list(p)] != lengths).any() for p in of_distances):
        raise InputError(
            f"{one.kind} of order 3 with the lengths theta {' '.join(map(str, lengths))} is not supported: "
            f"its energy depends on the order of atoms, which equal lengths (theta_uniform) mend; {INSTEAD}."
        )
    if len(orders) > 1:
        apart = [(one.points[:, list(p)] - one.points) / lengths for p in of_distances]
        weights = weights / np.sqrt(sum(np.exp(-0.5 * np.sum(x * x, axis=1)) for x in apart))
    return _Term(one, cutoff, width, order, weights, 1.0, tuple(of_distances))
