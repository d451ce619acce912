"""Atomic cluster expansion: coupled invariants of the one-particle basis, selected by total degree.

Drautz, Phys. Rev. B 99, 014104 (2019); Dusson et al., J. Comput. Phys. 454, 110946 (2022).
"""

# ruff: noqa: E741 (l is the field's name of the angular degree)

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from pydantic import Field

from atomsmith.descriptors.base import DescriptorPart, FeatureInfo
from atomsmith.descriptors.invariants import Coupling, couple
from atomsmith.descriptors.products import build_products
from atomsmith.descriptors.radial import RadialSettings, build_radial
from atomsmith.descriptors.selection import Selection, select
from atomsmith.elements import SYMBOLS, number_of
from atomsmith.errors import InputError
from atomsmith.settings import Settings
from atomsmith.systems import FloatArray, IntArray

DEFAULT_DEGREE, DEFAULT_CUTOFF = 9.5, 5.0
"""Of a basis that is built without data and does not say."""


class AceSettings(Settings):
    """Linear-ACE features of correlation order 1 to 4 (body order 2 to 5)."""

    kind: Literal["ace"] = Field(default="ace", description="Name of the descriptor.")
    cutoff: float | None = Field(
        default=None,
        gt=0.0,
        le=30.0,
        description="Cutoff in angstrom. By default a fit takes the radius that holds about 48 neighbours in "
        "the periodic configurations of the data, at least 4.5 angstrom, and 5 for molecules.",
    )
    correlation_order: int = Field(
        default=3,
        ge=1,
        le=4,
        description="Largest number of neighbours in one product; the body order less one.",
    )
    degree: float | list[float] | None = Field(
        default=None,
        description="Largest total degree, sum over neighbours of n + weight_l * l with n, l >= 0: a value "
        "per correlation order, or that of order 2, from which the others differ by degree_step. By default "
        "a fit takes the degree that the amount of data warrants.",
    )
    degree_step: float = Field(
        default=3.0,
        ge=0.0,
        description="Given one degree, each further correlation order has this much less.",
    )
    weight_l: float | None = Field(
        default=None,
        gt=0.0,
        description="Weight of the angular degree l in the total degree: by default 1, and 0.5 where the "
        "degree is left to the data. One half resolves angles better than distances, which describes all "
        "elements of docs/accuracy.md better at the same number of functions.",
    )
    first_order: bool = Field(
        default=False,
        description="Include correlation order 1; off because the pair potential spans the same functions, "
        "and because those of A around B and of B around A then differ in nothing but their name.",
    )
    l_max: int = Field(default=12, ge=0, le=12, description="Largest angular degree.")
    n_max: int = Field(default=30, ge=0, le=60, description="Largest radial degree.")
    max_functions: int = Field(
        default=20_000, ge=1, description="Refuse a basis of more functions than this; a guard against slips."
    )
    elements: list[str] | None = Field(
        default=None, description="Elements that take part as centres and as neighbours; all when not given."
    )
    smoothness_power: float = Field(
        default=2.0,
        ge=0.0,
        description="The prior's standard deviation falls as 1 / (1 + sum over neighbours of "
        "(n + weight_l * l)^power).",
    )
    radial: RadialSettings = Field(default=RadialSettings(), description="Distance transform and envelopes.")

    @property
    def angular_weight(self) -> float:
        """``weight_l`` in force."""
        if self.weight_l is not None:
            return self.weight_l
        return 0.5 if self.degree is None else 1.0

    def with_degree(self, degree: float | list[float]) -> AceSettings:
        """Return a copy with another degree and the same balance of n and l."""
        return self.model_copy(update={"degree": degree, "weight_l": self.angular_weight})

    def degrees(self) -> dict[int, float]:
        """Largest total degree of each correlation order that is present.

        Raises
        ------
        InputError
            If a list of degrees does not have one value per order.
        """
        orders = range(1, self.correlation_order + 1)
        if isinstance(self.degree, list):
            if len(self.degree) != self.correlation_order:
                raise InputError(
                    f"ace: degree has {len(self.degree)} values, but correlation_order is "
                    f"{self.correlation_order}; give one value per order."
                )
            chosen = dict(zip(orders, self.degree, strict=True))
        else:
            degree = DEFAULT_DEGREE if self.degree is None else self.degree
            chosen = {order: degree - (order - 2) * self.degree_step for order in orders}
        return {order: d for order, d in chosen.items() if d >= 0.0 and (order > 1 or self.first_order)}


def ace_size(settings: AceSettings, n_elements: int) -> int:
    """Number of features for a number of elements, without building them."""
    if settings.elements is not None:
        n_elements = min(n_elements, len(settings.elements))
    return n_elements * _select(settings, list(range(n_elements))).n_functions


def degree_for(settings: AceSettings, n_elements: int, n_functions: int) -> float:
    """Find the largest degree with which the basis has at most ``n_functions`` functions.

    Degrees go up in steps of 1, or of ``weight_l`` if that is less. The other settings stay: a single
    degree is replaced, so that `degree_step` sets the other orders.

    Parameters
    ----------
    settings
        Settings with any degree.
    n_elements
        Number of elements of the model.
    n_functions
        Most functions wanted, those of all elements together.
    """
    step = min(1.0, settings.angular_weight)

    def size(steps: int) -> int:
        return ace_size(settings.with_degree(steps * step), n_elements)

    # With l_max and n_max any basis is finite: stop where a higher degree adds nothing.
    limit = settings.correlation_order * (settings.n_max + settings.angular_weight * settings.l_max)
    highest = limit + settings.degree_step * settings.correlation_order
    steps = 0
    while steps * step < highest and size(steps + 1) <= n_functions:
        steps += 1
    return steps * step


def build_ace(
    settings: AceSettings, elements: Sequence[int], first_neighbour: FloatArray | None = None
) -> DescriptorPart:
    """Build the plan part of an atomic cluster expansion.

    Every species that takes part has the same functions with features of its own; feature numbers count from
    zero within this part.

    Parameters
    ----------
    settings
        Cutoff, orders, degrees, envelopes.
    elements
        Atomic numbers of the model.
    first_neighbour
        Nearest-neighbour distances, see `build_radial`.

    Raises
    ------
    InputError
        If settings contradict each other or name an element that the model does not have.
    """
    cutoff = DEFAULT_CUTOFF if settings.cutoff is None else settings.cutoff
    species = _species(settings, elements)
    selection = _select(settings, species)
    _check_size(settings, len(species), selection.n_functions)
    centre, owner = _build_centre(selection, len(elements))
    n_functions = selection.n_functions
    centres = []
    for z in range(len(elements)):
        rank = species.index(z) if z in species else -1
        centres.append(empty_centre() if rank < 0 else centre | {"first_feature": rank * n_functions})
    part = {
        "kind": "ace",
        "n_features": len(species) * n_functions,
        "l_max": len(selection.radial_count) - 1,
        "radial": build_radial(
            settings.radial, elements, int(selection.radial_count.max()), cutoff, first_neighbour
        ),
        "radial_first": np.zeros_like(selection.radial_count),
        "radial_count": selection.radial_count,
        "centres": centres,
    }
    return DescriptorPart(part, _describe(settings, elements, species, selection, owner))


def _check_size(settings: AceSettings, n_species: int, n_functions: int) -> None:
    if n_functions == 0:
        raise InputError(
            "ace: no function has the orders and degrees asked for; raise degree, or set first_order: true."
        )
    if n_species * n_functions > settings.max_functions:
        mend = degree_for(settings, n_species, settings.max_functions)
        largest = max(settings.degrees().values())
        raise InputError(
            f"ace: degree {largest:g} with {n_species} elements makes {n_species * n_functions} "
            f"functions, more than max_functions, {settings.max_functions}; degree {mend:g} keeps below it."
        )


def _species(settings: AceSettings, elements: Sequence[int]) -> list[int]:
    """Indices of the species that take part."""
    if settings.elements is None:
        return list(range(len(elements)))
    numbers = [number_of(symbol) for symbol in settings.elements]
    for number in numbers:
        if number not in elements:
            known = ", ".join(SYMBOLS[z] for z in elements)
            raise InputError(f"ace: elements names {SYMBOLS[number]}, but the elements here are {known}.")
    return [index for index, number in enumerate(elements) if number in numbers]


def _select(settings: AceSettings, species: Sequence[int]) -> Selection:
    return select(
        settings.degrees(),
        species,
        weight_l=settings.angular_weight,
        l_max=settings.l_max,
        n_max=settings.n_max,
    )


def empty_centre() -> dict[str, Any]:
    """Plan of a centre without features."""
    return {
        "first_feature": 0,
        "n_features": 0,
        "nodes": np.zeros((0, 2), np.int32),
        "terms": np.zeros((0, 2), np.int32),
        "feature_start": np.zeros(1, np.int32),
        "feature_term": np.zeros(0, np.int32),
        "feature_coefficient": np.zeros(0),
    }


def _build_centre(selection: Selection, n_elements: int) -> tuple[dict[str, Any], list[tuple[int, int]]]:
    """Plan of one centre without its first feature, and (order, row in the selection) of each feature."""
    offsets = np.concatenate(
        [[0], np.cumsum((2 * np.arange(len(selection.radial_count)) + 1) * selection.radial_count)]
    )
    n_channels = n_elements * int(offsets[-1])
    monomials: dict[int, IntArray] = {}
    entries: list[tuple[int, IntArray, FloatArray]] = []  # order, monomials before merging, coefficients
    owner: list[tuple[int, int]] = []
    for order, rows in selection.rows.items():
        blocks = []
        first = 0
        for index, row in enumerate(rows):
            coupling = couple(*selection.labels.pattern(row))
            blocks.append(_channels(selection, row, coupling, offsets))
            ids = np.arange(first, first + len(blocks[-1]), dtype=np.int32)
            first += len(ids)
            for coefficients in coupling.coefficients:
                used = coefficients != 0.0
                entries.append((order, ids[used], coefficients[used]))
                owner.append((order, index))
        monomials[order] = np.concatenate(blocks)
    # Distinct multisets of labels have distinct monomials, so nothing needs merging across them.
    dag = build_products(monomials, n_channels)
    counts = [len(coefficients) for _, _, coefficients in entries]
    centre = {
        "n_features": len(entries),
        "nodes": dag.nodes,
        "terms": dag.terms,
        "feature_start": np.concatenate([[0], np.cumsum(counts)]).astype(np.int32),
        "feature_term": np.concatenate([dag.position[order][ids] for order, ids, _ in entries]),
        "feature_coefficient": np.concatenate([coefficients for _, _, coefficients in entries]),
    }
    return centre, owner


def _channels(selection: Selection, row: IntArray, coupling: Coupling, offsets: IntArray) -> IntArray:
    """Channels of the monomials of a multiset of labels, rows sorted, shape (n_monomials, N)."""
    labels, count = selection.labels, selection.radial_count
    l = labels.l[row]
    base = labels.z[row] * offsets[-1] + offsets[l] + l * count[l] + labels.n[row]
    channels: IntArray = np.sort(base[coupling.factor] + coupling.m * count[l][coupling.factor], axis=1)
    return channels


def _describe(
    settings: AceSettings,
    elements: Sequence[int],
    species: Sequence[int],
    selection: Selection,
    owner: Sequence[tuple[int, int]],
) -> FeatureInfo:
    labels = selection.labels
    names = [
        f"({SYMBOLS[elements[z]]} n{n} l{l})" for z, n, l in zip(labels.z, labels.n, labels.l, strict=True)
    ]
    rows = [selection.rows[order][index] for order, index in owner]
    degree = np.array([labels.degree[row].sum() for row in rows])
    rough = labels.degree**settings.smoothness_power * (labels.degree > 0)
    smoothness = np.array([1.0 + rough[row].sum() for row in rows])
    texts = [" ".join(names[index] for index in row) for row in rows]
    neighbours = [tuple(elements[z] for z in labels.z[row]) for row in rows]
    centres = [elements[z] for z in species]
    return FeatureInfo(
        order=np.tile(np.array([order for order, _ in owner], dtype=np.int32), len(centres)),
        degree=np.tile(degree, len(centres)),
        smoothness=np.tile(smoothness, len(centres)),
        elements=tuple((centre, *around) for centre in centres for around in neighbours),
        labels=tuple(f"{SYMBOLS[centre]}: {text}" for centre in centres for text in texts),
    )
