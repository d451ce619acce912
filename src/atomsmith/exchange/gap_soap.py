"""Descriptors soap of a gap.xml as a ``soap`` part with sparse points.

Bartok, Kondor, Csanyi, Phys. Rev. B 87, 184115 (2013). Descriptors that differ in their central atom only
become one part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from atomsmith.descriptors.base import DescriptorPart
from atomsmith.descriptors.soap import Rows, soap_part
from atomsmith.descriptors.soap_radial import central_values, equispaced_gaussians, reduced, soap_table
from atomsmith.errors import InputError
from atomsmith.exchange.gap_file import Coordinates
from atomsmith.exchange.gap_keys import INSTEAD, atomic_numbers_at, check_keys, flag_at, number_at
from atomsmith.regressors.kernel import kernel_features, kernel_plan
from atomsmith.systems import FloatArray

_NUMBERS = {
    "cutoff": None,
    "cutoff_transition_width": 0.5,
    "n_max": None,
    "l_max": None,
    "atom_sigma": None,
    "central_weight": 1.0,
    "covariance_sigma0": 0.0,
    "basis_error_exponent": 10.0,
}
_FLAGS = ("normalise", "normalize", "central_reference_all_species")
LARGEST_ZETA, LARGEST_L = 32, 12
"""Bounds of the engine."""
REACH = 1.0e-7
"""Size of the radial functions that are left out, see `reduced`; it does not show in kernels."""


@dataclass(frozen=True)
class SoapTerm:
    """What soap descriptors of different central atoms may share."""

    numbers: tuple[float, ...]
    normalised: bool
    in_all_species: bool
    species: tuple[int, ...]
    zeta: int

    @classmethod
    def of(cls, one: Coordinates) -> SoapTerm:
        """Read the settings of a descriptor, and refuse what is not supported."""
        check_keys(one, {*_NUMBERS, *_FLAGS, "Z", "species_Z"})
        if one.zeta != round(one.zeta) or not 1.0 <= one.zeta <= LARGEST_ZETA:
            raise InputError(
                f"soap with zeta={one.zeta:g} is not supported; it must be a whole number up to "
                f"{LARGEST_ZETA}; {INSTEAD}."
            )
        if number_at(one, "l_max", None) > LARGEST_L:
            raise InputError(
                f"soap with l_max={one.values['l_max']} is not supported; it must be at most {LARGEST_L}; "
                f"{INSTEAD}."
            )
        return cls(
            tuple(number_at(one, key, default) for key, default in _NUMBERS.items()),
            flag_at(one, "normalise", True) and flag_at(one, "normalize", True),
            flag_at(one, "central_reference_all_species", False),
            atomic_numbers_at(one, "species_Z"),
            round(one.zeta),
        )


def soap_term(
    s: SoapTerm, members: Sequence[Coordinates], elements: tuple[int, ...]
) -> tuple[DescriptorPart, FloatArray]:
    """One part for descriptors of the same settings, and its coefficients."""
    cutoff, width, n_max, l_max, sigma, central, sigma0, error = s.numbers
    n = len(elements)
    basis, rotation = reduced(
        equispaced_gaussians(round(n_max), cutoff, sigma, error), round(l_max), sigma, cutoff, width, REACH
    )
    count = len(rotation)
    own = np.zeros((n, n, count))
    alone = central * central_values(basis, sigma)
    if not s.species:  # one density, which every atom belongs to
        own[:, 0] = alone
        rows = Rows.all_pairs(count, np.tile(np.eye(count), (1, n)))
    else:
        missing = set(s.species) - set(elements)
        if missing:
            raise InputError(f"soap: elements of species_Z {sorted(missing)} are not among those given.")
        at = [elements.index(z) for z in s.species]
        for centre, z in enumerate(elements):
            for species in at:
                own[centre, species] = alone * (s.in_all_species or elements[species] == z)
        order = np.concatenate([position * count + np.arange(count) for position in at])
        rows = Rows(None, order[Rows.all_pairs(len(order)).products].astype(np.int32))
    part = soap_part(
        soap_table(basis, round(l_max), sigma, cutoff, width, n * n),
        round(l_max),
        own,
        rows,
        normalised=s.normalised,
        sigma0=sigma0,
    )
    size = part["n_features"] // n
    turn: FloatArray = np.kron(np.eye(max(len(s.species), 1)), rotation).astype(np.float64)
    theirs = turn.shape[1] * (turn.shape[1] + 1) // 2 * (round(l_max) + 1) + 1
    points: list[list[FloatArray]] = [[np.zeros((0, size))] for _ in elements]
    weights: list[list[FloatArray]] = [[np.zeros(0)] for _ in elements]
    for one in members:
        if one.points.shape[1] != theirs:
            raise InputError(
                f"soap: sparse points have {one.points.shape[1]} components, but its settings give "
                f"{theirs}; the file is damaged."
            )
        # The last component is sigma0, which is not a feature where it is zero.
        turned = np.concatenate([_turned(one.points[:, :-1], turn), one.points[:, -1:]], axis=1)
        for z in atomic_numbers_at(one, "Z") or elements:
            points[elements.index(z)].append(turned[:, :size])
            weights[elements.index(z)].append(one.weights)
    regressor = kernel_plan(s.zeta, [np.concatenate(own) for own in points])
    info = kernel_features(regressor, elements)
    made = part | {"n_features": len(info), "regressor": regressor}
    return DescriptorPart(made, info), np.concatenate([w for own in weights for w in own])


def _turned(spectra: FloatArray, turn: FloatArray) -> FloatArray:
    """Power spectra (M, pairs of rows x l) of the rows that ``turn`` makes of others, shape (new, old)."""
    new, old = turn.shape
    if new == old:
        return spectra
    weight = np.where(np.equal(*np.tril_indices(old)), 1.0, np.sqrt(0.5))
    values = spectra.reshape(len(spectra), len(weight), -1) * weight[:, None]
    square = np.zeros((len(spectra), old, old, values.shape[2]))
    a, b = np.tril_indices(old)
    square[:, a, b] = square[:, b, a] = values
    turned = np.einsum("ia,mabl,jb->mijl", turn, square, turn, optimize=True)
    i, j = np.tril_indices(new)
    found: FloatArray = turned[:, i, j] * np.where(i == j, 1.0, np.sqrt(2.0))[:, None]
    return found.reshape(len(spectra), -1)
