"""Descriptors soap of a gap.xml as a ``soap`` part with sparse points.

Bartok, Kondor, Csanyi, Phys. Rev. B 87, 184115 (2013). Descriptors that differ in their central atom only
become one part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from atomsmith.descriptors.base import DescriptorPart
from atomsmith.descriptors.soap import Rows, soap_part
from atomsmith.descriptors.soap_radial import (
    Decay,
    RadialBasis,
    central_values,
    equispaced_gaussians,
    fitted_orbitals,
    fitted_polynomials,
    reduced,
    soap_table,
)
from atomsmith.errors import InputError
from atomsmith.exchange.quip.compression import COMPRESSION_KEYS, Compression
from atomsmith.exchange.quip.gap_file import Coordinates
from atomsmith.exchange.quip.keys import INSTEAD, atomic_numbers_at, check_keys, flag_at, number_at, zeta_of
from atomsmith.exchange.quip.soap_kernel import soap_kernel
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
_DECAY = {"cutoff_rate": 1.0, "cutoff_scale": 1.0, "cutoff_dexp": 0.0}
_FLAGS = ("normalise", "normalize", "central_reference_all_species")
_NORM_OF_L, _OWN_SPECIES = 1423143769, 1426512068
"""Versions from which a product of l is divided by sqrt(2 l + 1), and from which an atom is, by default, only
in the density of its own species."""
LARGEST_L = 16
"""Bound of the engine."""
REACH = 1.0e-7
"""Size of the radial functions that are left out, see `reduced`; it does not show in kernels."""
LEFT_OUT = 1.0e-5
"""Most that a sparse point may have of what is left out, relative to its norm."""


@dataclass(frozen=True)
class SoapTerm:
    """What soap descriptors of different central atoms may share."""

    numbers: tuple[float, ...]
    normalised: bool
    in_all_species: bool
    norm_of_l: bool
    species: tuple[int, ...]
    compression: Compression
    decay: Decay | None
    zeta: float
    radial_basis: str

    @classmethod
    def of(cls, one: Coordinates, version: int) -> SoapTerm:
        """Read the settings of a descriptor, and refuse what is not supported.

        Parameters
        ----------
        one
            The descriptor.
        version
            Of the program that wrote the file: the formulas of old ones differ.
        """
        if "atom_gaussian_width" in one.values:
            one = replace(one, values=one.values | {"atom_sigma": one.values["atom_gaussian_width"]})
        check_keys(
            one,
            {
                *_NUMBERS,
                *_DECAY,
                *_FLAGS,
                *COMPRESSION_KEYS,
                "Z",
                "species_Z",
                "atom_gaussian_width",
                "radial_basis",
            },
        )
        if number_at(one, "l_max", None) > LARGEST_L:
            raise InputError(
                f"soap with l_max={one.values['l_max']} is not supported; it must be at most {LARGEST_L}; "
                f"{INSTEAD}."
            )
        species = atomic_numbers_at(one, "species_Z")
        return cls(
            tuple(number_at(one, key, default) for key, default in _NUMBERS.items()),
            flag_at(one, "normalise", True) and flag_at(one, "normalize", True),
            version < _OWN_SPECIES or flag_at(one, "central_reference_all_species", len(species) < 2),
            version >= _NORM_OF_L,
            species,
            Compression.of(one),
            _decay_of(one),
            zeta_of(one),
            _radial_basis_of(one),
        )

    def functions(self) -> tuple[RadialBasis, RadialBasis, FloatArray]:
        """Radial functions, the same without what no atom reaches, and the rotation to these."""
        cutoff, width, n_max, l_max, sigma, _, _, error = self.numbers
        n, degrees = round(n_max), round(l_max)
        if self.radial_basis == "EQUISPACED_GAUSS":
            basis = equispaced_gaussians(n, cutoff, sigma, error)
            return basis, *reduced(basis, degrees, sigma, cutoff, width, REACH)
        basis = (
            fitted_polynomials(n, cutoff, sigma, error)
            if self.radial_basis == "POLY"
            else fitted_orbitals(n, degrees, cutoff, sigma, error)
        )
        return basis, basis, np.eye(n)


def _radial_basis_of(one: Coordinates) -> str:
    name = one.values.get("radial_basis", "").strip() or "EQUISPACED_GAUSS"
    if name not in ("EQUISPACED_GAUSS", "POLY", "GTO"):
        raise InputError(f"soap with radial_basis={name} is not supported; {INSTEAD}.")
    return name


def _decay_of(one: Coordinates) -> Decay | None:
    rate, scale, exponent = (number_at(one, key, default) for key, default in _DECAY.items())
    if exponent == 0.0:
        return None
    if rate <= 0.0 or scale <= 0.0 or exponent != round(exponent) or exponent < 1.0:
        raise InputError(
            f"soap with cutoff_rate={rate:g}, cutoff_scale={scale:g} and cutoff_dexp={exponent:g} is not "
            f"supported; they must be positive and the last one whole; {INSTEAD}."
        )
    return Decay(rate, scale, round(exponent))


@dataclass(frozen=True, eq=False)
class _Spectrum:
    """Products of our radial functions that are the features.

    Attributes
    ----------
    rows
        What is multiplied.
    factors
        Of the products, shape (p,).
    size
        Components of QUIP's power spectrum for each l.
    turn
        Our rows from QUIP's, where features are not QUIP's own, shape (new, old).
    """

    rows: Rows
    factors: FloatArray
    size: int
    turn: FloatArray | None

    def turned(self, points: FloatArray) -> FloatArray:
        """Return QUIP's power spectra, shape (M, size), as our features."""
        return points if self.turn is None else _turned(points, self.turn)


def _spectrum(s: SoapTerm, elements: tuple[int, ...], rotation: FloatArray) -> _Spectrum:
    """Products for our radial functions, ``rotation`` times QUIP's."""
    missing = set(s.species) - set(elements)
    if missing:
        raise InputError(f"soap: elements of species_Z {sorted(missing)} are not among those given.")
    n, (count, n_max) = len(elements), rotation.shape
    size = max(len(s.species), 1)
    if s.compression == Compression():
        products = Rows.all_pairs(size * count).products
        factors = np.where(products[:, 0] == products[:, 1], 1.0, np.sqrt(2.0))
        turn: FloatArray = np.kron(np.eye(size), rotation).astype(np.float64)
        old = size * n_max * (size * n_max + 1) // 2
        if not s.species:  # one density, which every atom belongs to
            return _Spectrum(Rows(np.tile(np.eye(count), (1, n)), products), factors, old, turn)
        order = np.concatenate([elements.index(z) * count + np.arange(count) for z in s.species])
        return _Spectrum(Rows(None, order[products].astype(np.int32)), factors, old, turn)
    made = s.compression.products(s.species or (0,), n_max)
    mixing = np.zeros((len(made.rows), n, count))
    at = [elements.index(z) for z in s.species] or slice(None)
    mixing[:, at] = made.rows @ rotation.T
    rows = Rows(mixing.reshape(len(mixing), -1), made.pairs)
    return _Spectrum(rows, made.factors, len(made.pairs), None)


def _own_density(s: SoapTerm, elements: tuple[int, ...], alone: FloatArray) -> FloatArray:
    """What an atom adds to its own density, shape (centre, species, n_max)."""
    own = np.zeros((len(elements), len(elements), len(alone)))
    if not s.species:
        own[:, 0] = alone
    for centre, z in enumerate(elements):
        for species in s.species:
            own[centre, elements.index(species)] = alone * (s.in_all_species or species == z)
    return own


def soap_term(
    s: SoapTerm, members: Sequence[Coordinates], elements: tuple[int, ...]
) -> tuple[DescriptorPart, FloatArray]:
    """One part for descriptors of the same settings, and its coefficients."""
    cutoff, width, n_max, l_max, sigma, central, sigma0, _ = s.numbers
    degrees = np.arange(round(l_max) + 1)
    basis, smaller, rotation = s.functions()
    spectrum = _spectrum(s, elements, rotation)
    _check_components(members, spectrum.size * len(degrees) + 1)
    if s.compression == Compression() and _describe(members, spectrum):
        basis = smaller
    else:
        spectrum = _spectrum(s, elements, np.eye(round(n_max)))
    part = soap_part(
        soap_table(basis, round(l_max), sigma, cutoff, width, len(elements) ** 2, s.decay),
        round(l_max),
        _own_density(s, elements, central * central_values(basis, sigma)),
        spectrum.rows,
        normalised=s.normalised,
        sigma0=sigma0,
    )
    part["weight"] = spectrum.factors[:, None] / np.sqrt(2.0 * degrees * s.norm_of_l + 1.0)
    size = part["n_features"] // len(elements)
    points = []
    for one in members:
        # The last component is sigma0, which is not a feature where it is zero.
        own = np.concatenate([spectrum.turned(one.points[:, :-1]), one.points[:, -1:]], axis=1)
        points.append((atomic_numbers_at(one, "Z"), own[:, :size]))
    return soap_kernel(part, s.zeta, members, points, elements)


def _check_components(members: Sequence[Coordinates], size: int) -> None:
    for one in members:
        if one.points.shape[1] != size:
            raise InputError(
                f"soap: sparse points have {one.points.shape[1]} components, but its settings give "
                f"{size}; the file is damaged."
            )


def _describe(members: Sequence[Coordinates], spectrum: _Spectrum) -> bool:
    """Whether sparse points have next to nothing in what the spectrum leaves out, as those of atoms do.

    A kernel changes by the product of what is left out of the point and of the atom, and the latter is at
    most of the order of `REACH`.
    """
    for one in members:
        before, after = one.points[:, :-1], spectrum.turned(one.points[:, :-1])
        whole = np.sum(before * before, axis=1)
        if np.any(whole - np.sum(after * after, axis=1) > LEFT_OUT**2 * whole):
            return False
    return True


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
