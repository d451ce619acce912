"""Bispectrum components of the neighbour density on the 3-sphere: the descriptor of SNAP.

Bartok, Payne, Kondor, Csanyi, Phys. Rev. Lett. 104, 136403 (2010); Thompson, Swiler, Trott, Foiles, Tucker,
J. Comput. Phys. 285, 316 (2015). Explicit elements: Cusentino, Wood, Thompson, J. Phys. Chem. A 124, 5456
(2020).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from atomsmith.descriptors.base import DescriptorPart, FeatureInfo
from atomsmith.elements import SYMBOLS
from atomsmith.errors import InputError
from atomsmith.settings import ChemicalSymbol, Settings
from atomsmith.systems import FloatArray


class InnerSwitch(Settings):
    """Neighbours count nothing up to ``centre - half_width`` and in full from ``centre + half_width``."""

    centre: float = Field(ge=0.0, description="Middle of the switch in angstrom (LAMMPS: sinner).")
    half_width: float = Field(gt=0.0, description="Half of its width in angstrom (LAMMPS: dinner).")


class BispectrumSettings(Settings):
    """Bispectrum components up to 2J."""

    kind: Literal["bispectrum"] = Field(default="bispectrum", description="Name of the descriptor.")
    cutoff: float = Field(
        default=5.0,
        gt=0.0,
        le=30.0,
        description="Cutoff in angstrom of two atoms whose elements have the radius 0.5.",
    )
    twojmax: int = Field(default=8, ge=0, le=14, description="Largest 2J; 8 gives 55 components, 6 gives 30.")
    rfac0: float = Field(
        default=0.99363,
        gt=0.0,
        le=1.0,
        description="Share of the 3-sphere that distances up to the cutoff fill.",
    )
    rmin0: float = Field(default=0.0, ge=0.0, description="Distance in angstrom at the sphere's pole.")
    switching: bool = Field(default=True, description="Let neighbours fade out towards the cutoff.")
    shifted: bool = Field(
        default=True, description="Subtract from each component its value for an atom alone (bzeroflag)."
    )
    explicit_elements: bool = Field(
        default=False, description="A density for each element of the neighbours (chemflag)."
    )
    normalised: bool = Field(
        default=False,
        description="Divide components by 2j + 1, as is usual with explicit_elements (bnormflag).",
    )
    self_in_all: bool = Field(
        default=False,
        description="With explicit_elements: the centre counts in every element's density, not only its own "
        "(wselfallflag).",
    )
    weights: dict[ChemicalSymbol, float] = Field(
        default={}, description="Weight of an element in the density, 1 where it is not named."
    )
    radii: dict[ChemicalSymbol, Annotated[float, Field(gt=0.0)]] = Field(
        default={},
        description="Radius of an element in units of the cutoff, 0.5 where it is not named: two atoms meet "
        "within (radius + radius) * cutoff.",
    )
    inner_switch: dict[ChemicalSymbol, InnerSwitch] = Field(
        default={}, description="Inner switch of an element; two elements take the mean of theirs."
    )


def components(twojmax: int) -> list[tuple[int, int, int]]:
    """Doubled momenta (j1, j2, j), j2 <= j1 <= j, of the independent components, in SNAP's order."""
    return [
        (j1, j2, j)
        for j1 in range(twojmax + 1)
        for j2 in range(j1 + 1)
        for j in range(j1 - j2, min(twojmax, j1 + j2) + 1, 2)
        if j >= j1
    ]


def bispectrum_size(settings: BispectrumSettings, n_elements: int) -> int:
    """Number of features for a number of elements."""
    return (
        n_elements * len(components(settings.twojmax)) * (n_elements**3 if settings.explicit_elements else 1)
    )


def build_bispectrum(settings: BispectrumSettings, elements: Sequence[int]) -> DescriptorPart:
    """Build the plan part of the bispectrum.

    Parameters
    ----------
    settings
        Size, cutoffs and flags.
    elements
        Atomic numbers of the model.

    Raises
    ------
    InputError
        If rmin0 is not below every cutoff.
    """
    symbols = [SYMBOLS[z] for z in elements]
    n, n_channels = len(elements), len(elements) if settings.explicit_elements else 1
    radii = np.array([settings.radii.get(symbol, 0.5) for symbol in symbols])
    cutoff = settings.cutoff * (radii[:, None] + radii[None, :])
    if not settings.rmin0 < cutoff.min():
        raise InputError(
            f"bispectrum: rmin0 is {settings.rmin0} angstrom, but the shortest cutoff of two elements is "
            f"{cutoff.min():.4g}; give an rmin0 below it."
        )
    own = np.eye(n, n_channels) if settings.explicit_elements else np.ones((n, n_channels))
    part = {
        "kind": "bispectrum",
        "n_features": bispectrum_size(settings, n),
        "twojmax": settings.twojmax,
        "normalised": settings.normalised,
        "switching": settings.switching,
        "rfac0": settings.rfac0,
        "rmin0": settings.rmin0,
        "cutoff": cutoff.reshape(-1),
        "inner_switch": _inner_switch(settings, symbols),
        "weight": np.array([settings.weights.get(symbol, 1.0) for symbol in symbols]),
        "n_channels": n_channels,
        "channel": np.arange(n, dtype=np.int32)
        if settings.explicit_elements
        else np.zeros(n, dtype=np.int32),
        "self_weight": np.ones((n, n_channels)) if settings.self_in_all else own,
        "shift": _shift(settings, n, n_channels),
    }
    return DescriptorPart(part, _features(settings, elements, n_channels))


def _inner_switch(settings: BispectrumSettings, symbols: Sequence[str]) -> FloatArray:
    """Centre and half width for each ordered pair of elements, shape (n^2, 2); half width 0: none."""
    switch = np.zeros((len(symbols), len(symbols), 2))
    for i, first in enumerate(symbols):
        for j, second in enumerate(symbols):
            if first in settings.inner_switch and second in settings.inner_switch:
                a, b = settings.inner_switch[first], settings.inner_switch[second]
                switch[i, j] = 0.5 * (a.centre + b.centre), 0.5 * (a.half_width + b.half_width)
    return switch.reshape(-1, 2)


def _shift(settings: BispectrumSettings, n_elements: int, n_channels: int) -> FloatArray:
    """What is subtracted from each component of a centre, shape (n_elements, n_channels^3 * components)."""
    alone = np.array([1.0 if settings.normalised else j + 1.0 for _, _, j in components(settings.twojmax)])
    shift = np.zeros((n_elements, n_channels, n_channels, n_channels, len(alone)))
    if settings.shifted:
        for z in range(n_elements):
            if settings.self_in_all:
                shift[z] = alone
            else:
                channel = z if settings.explicit_elements else 0
                shift[z, channel, channel, channel] = alone
    return shift.reshape(n_elements, -1)


def _features(settings: BispectrumSettings, elements: Sequence[int], n_channels: int) -> FeatureInfo:
    """Facts about the features: products of three densities, without a natural scale of roughness."""
    momenta = components(settings.twojmax)
    neighbours = (
        [tuple(elements[c] for c in channels) for channels in product(range(n_channels), repeat=3)]
        if settings.explicit_elements
        else [()]
    )
    names = [
        ("".join(SYMBOLS[z] for z in group) + " " if group else "") + f"({j1} {j2} {j})"
        for group in neighbours
        for j1, j2, j in momenta
    ]
    of_single = [group for group in neighbours for _ in momenta]
    degree = np.tile([0.5 * (j1 + j2 + j) for j1, j2, j in momenta], len(neighbours))
    n = len(elements)
    return FeatureInfo(
        order=np.full(n * len(names), 3, dtype=np.int32),
        degree=np.tile(degree, n),
        smoothness=np.ones(n * len(names)),
        elements=tuple((int(z), *map(int, group)) for z in elements for group in of_single),
        labels=tuple(f"{SYMBOLS[z]}: {name}" for z in elements for name in names),
    )
