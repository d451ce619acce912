"""Descriptors soap_turbo of a gap.xml as a ``soap`` part with sparse points.

Caro, Phys. Rev. B 100, 024112 (2019). Descriptors that differ in their central atom only become one part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from atomsmith.descriptors.base import DescriptorPart
from atomsmith.descriptors.quintic import quintic_table
from atomsmith.descriptors.soap import Rows, soap_part
from atomsmith.errors import InputError
from atomsmith.exchange.quip.gap_file import Coordinates
from atomsmith.exchange.quip.keys import INSTEAD, check_keys, number_at, zeta_of
from atomsmith.exchange.quip.soap_kernel import soap_kernel
from atomsmith.exchange.quip.turbo_compression import Spectrum, spectrum_of
from atomsmith.exchange.quip.turbo_radial import TurboDensity
from atomsmith.systems import FloatArray

_NUMBERS = {
    "rcut_hard": None,
    "l_max": None,
    "n_species": 1.0,
    "nf": 4.0,
    "radial_enhancement": 0.0,
    "central_index": 1.0,
}
_SAME = {"cutoff": "rcut_hard", "n_max": "alpha_max"}
"""Names that soap has for the same."""
_WORDS = {"basis": "poly3", "scaling_mode": "polynomial", "compress_file": "None", "compress_mode": "None"}
_LISTS = (
    "alpha_max", "atom_sigma_r", "atom_sigma_t", "atom_sigma_r_scaling", "atom_sigma_t_scaling",
    "amplitude_scaling", "central_weight", "species_Z",
)  # fmt: skip
_UNREAD_WEIGHT = range(1697391753, 1783255808)
"""Versions of the program that take 1 for a central weight that is one number for all species."""
LARGEST_L = 16
"""Bound of the engine."""
_MOST_FUNCTIONS = 11
"""Beyond, the program refuses: its functions are made of rounding errors."""
LEAST_NORM = 1.0e-5
"""The program does not normalise spectra that are smaller."""


@dataclass(frozen=True)
class TurboTerm:
    """What soap_turbo descriptors of different central atoms may share.

    Attributes
    ----------
    species, densities, central_weights
        Atomic numbers, densities of the neighbours and weights of the centre, for each species.
    l_max
        Largest angular degree.
    compress_file, compress_mode
        Which products of densities are features; None: all.
    zeta
        Of the kernel.
    """

    species: tuple[int, ...]
    densities: tuple[TurboDensity, ...]
    central_weights: tuple[float, ...]
    l_max: int
    compress_file: str | None
    compress_mode: str | None
    zeta: float

    @classmethod
    def of(cls, one: Coordinates, version: int) -> TurboTerm:
        """Read the settings of a descriptor, and refuse what is not supported.

        Parameters
        ----------
        one
            The descriptor.
        version
            Of the program that wrote the file.
        """
        one = _with_names(one)
        check_keys(one, {*_NUMBERS, *_WORDS, *_LISTS, "rcut_soft", "cutoff_transition_width"})
        whole = {key: _whole_at(one, key) for key in ("l_max", "n_species", "radial_enhancement")}
        n = whole["n_species"]
        if not 1 <= n <= len(one.atomic_numbers("species_Z")) or whole["l_max"] > LARGEST_L:
            raise InputError(
                f"soap_turbo with n_species={n} and l_max={whole['l_max']} is not supported; it needs "
                f"species_Z for each species and at most l_max={LARGEST_L}; {INSTEAD}."
            )
        weights = _list_at(one, "central_weight", n, 1.0)
        if version in _UNREAD_WEIGHT and len(one.values.get("central_weight", "").split()) < 2:
            weights = (1.0,) * n
        files = [None if one.values[key] == "None" else one.values[key] for key in _WORDS if "comp" in key]
        return cls(
            one.atomic_numbers("species_Z")[:n],
            tuple(_density(one, whole["radial_enhancement"], n, k) for k in range(n)),
            weights,
            whole["l_max"],
            files[0],
            files[1] if files[0] is None else None,
            zeta_of(one),
        )

    def after(self, before: TurboTerm | None) -> TurboTerm:
        """The same behind another descriptor in a file.

        The program makes its orthonormal functions anew only where their number is another one than before.
        """
        counts, kept = ([d.n for d in term.densities] if term else [0] for term in (self, before))
        if before is None or sum(counts) != sum(kept):
            return self
        if counts != kept:
            raise InputError(
                f"soap_turbo with alpha_max={counts} behind one with {kept} is not supported: as both have "
                f"{sum(counts)} functions, the program takes those of the first for both; {INSTEAD}."
            )
        pairs = zip(self.densities, before.densities, strict=True)
        return replace(self, densities=tuple(own.with_functions_of(other) for own, other in pairs))


def _with_names(one: Coordinates) -> Coordinates:
    """The descriptor with one name for each setting, and what it does not say."""
    values = dict(one.values)
    for other, name in _SAME.items():
        if other in values:
            values.setdefault(name, values.pop(other))
            values.pop(other, None)
    if "atom_sigma" in values:
        sigma = values.pop("atom_sigma")
        values.setdefault("atom_sigma_r", sigma)
        values.setdefault("atom_sigma_t", sigma)
    if "atom_sigma_scaling" in values:
        growth = values.pop("atom_sigma_scaling")
        values.setdefault("atom_sigma_r_scaling", growth)
        values.setdefault("atom_sigma_t_scaling", growth)
    return one.with_values(_WORDS | values)


def _whole_at(one: Coordinates, key: str) -> int:
    value = number_at(one, key, _NUMBERS[key])
    if value != round(value) or value < 0.0:
        raise InputError(f"soap_turbo: {key}={one.values[key]} is not a whole number.")
    return round(value)


def _list_at(one: Coordinates, key: str, n: int, default: float | None) -> tuple[float, ...]:
    """One number for each species, which may be given as one for all."""
    words = one.values.get(key, "" if default is None else str(default)).split()
    try:
        values = tuple(float(word) for word in words)
    except ValueError:
        values = ()
    if len(values) not in (1, n) or not np.isfinite(values).all():
        raise InputError(
            f"soap_turbo: {key}={one.values.get(key, '')} needs one number for each of {n} species."
        )
    return values if len(values) == n else values * n


def _density(one: Coordinates, enhancement: int, n: int, k: int) -> TurboDensity:
    def own(key: str, default: float | None = None) -> float:
        return _list_at(one, key, n, default)[k]

    hard = number_at(one, "rcut_hard", None)
    width = number_at(one, "cutoff_transition_width", 0.5)
    density = TurboDensity(
        round(own("alpha_max")),
        one.values["basis"] == "poly3gauss",
        hard,
        number_at(one, "rcut_soft", hard - width),
        number_at(one, "nf", _NUMBERS["nf"]),
        own("atom_sigma_r"),
        own("atom_sigma_r_scaling", 0.0),
        own("atom_sigma_t"),
        own("atom_sigma_t_scaling", 0.0),
        own("amplitude_scaling", 1.0),
        cast(Any, enhancement),
    )
    _check(one, density)
    return density


def _check(one: Coordinates, d: TurboDensity) -> None:
    wrong = {
        f"basis={one.values['basis']}, only poly3 and poly3gauss are": one.values["basis"]
        not in ("poly3", "poly3gauss"),
        f"scaling_mode={one.values['scaling_mode']}, only polynomial is": one.values["scaling_mode"]
        != "polynomial",
        f"alpha_max={d.n}, only 1 to {_MOST_FUNCTIONS - (not d.gaussian)} are": not (
            1 + d.gaussian <= d.n <= _MOST_FUNCTIONS - (not d.gaussian)
        ),
        f"radial_enhancement={d.enhancement}, only 0, 1 and 2 are": d.enhancement not in (0, 1, 2),
        f"rcut_soft={d.soft:g} and rcut_hard={d.hard:g}, only 0 < rcut_soft < rcut_hard are": not (
            0.0 < d.soft < d.hard
        ),
        f"amplitude_scaling={d.amplitude:g}, only multiples of 0.5 from 0 on are": d.amplitude < 0.0
        or 2.0 * d.amplitude != round(2.0 * d.amplitude),
        "widths, growths and nf that are not positive": min(d.radial, d.angular, d.steepness) <= 0.0
        or min(d.radial_scaling, d.angular_scaling) < 0.0,
    }
    for what, is_wrong in wrong.items():
        if is_wrong:
            raise InputError(f"soap_turbo: not supported: {what}; {INSTEAD}.")


def turbo_term(
    s: TurboTerm, members: Sequence[Coordinates], elements: tuple[int, ...], folder: Path
) -> tuple[DescriptorPart, FloatArray]:
    """One part for descriptors of the same settings, and its coefficients.

    Parameters
    ----------
    s
        The settings.
    members
        The descriptors.
    elements
        Atomic numbers of the model.
    folder
        Where compress_file lies.
    """
    missing = set(s.species) - set(elements)
    if missing:
        raise InputError(f"soap_turbo: elements of species_Z {sorted(missing)} are not among those given.")
    counts = [density.n for density in s.densities]
    spectrum = spectrum_of(counts, s.l_max, folder, s.compress_file, s.compress_mode)
    n, n_max = len(elements), max(counts)
    at = [elements.index(z) for z in s.species]
    own = np.zeros((n, n, n_max))
    for z, density, weight in zip(at, s.densities, s.central_weights, strict=True):
        own[z, z, : density.n] = density.own(weight)
    rows = _rows(spectrum, counts, at, n)
    part = soap_part(_table(s, at, n, n_max), s.l_max, own, rows, normalised=True, sigma0=0.0) | {
        "weight": spectrum.weights,
        "least_norm": LEAST_NORM,
    }
    points = [(_centre(one, s.species), spectrum.points(one.points)) for one in members]
    return soap_kernel(part, s.zeta, members, points, elements)


def _centre(one: Coordinates, species: Sequence[int]) -> tuple[int, ...]:
    index = _whole_at(one, "central_index")
    if not 1 <= index <= len(species):
        raise InputError(f"soap_turbo: central_index={index}, but there are {len(species)} species.")
    return (species[index - 1],)


def _rows(spectrum: Spectrum, counts: Sequence[int], at: Sequence[int], n: int) -> Rows:
    """What is multiplied, in rows of the engine: n_max radial functions for each element of the model."""
    n_max = max(counts)
    place = np.concatenate([z * n_max + np.arange(count) for z, count in zip(at, counts, strict=True)])
    if spectrum.mixing is None:
        return Rows(None, place[spectrum.products].astype(np.int32))
    mixing = np.zeros((len(spectrum.mixing), n * n_max))
    mixing[:, place] = spectrum.mixing
    return Rows(mixing, spectrum.products)


def _table(s: TurboTerm, at: Sequence[int], n: int, n_max: int) -> dict[str, Any]:
    """Functions of each neighbour; those of elements that are no species stand for nothing."""
    distinct = list(dict.fromkeys(s.densities))
    tables = [density.tabulated(s.l_max).padded(density.n, n_max) for density in distinct]
    of_neighbour = np.zeros(n, dtype=np.int32)
    of_neighbour[list(at)] = [distinct.index(density) for density in s.densities]
    return quintic_table(tables, np.tile(of_neighbour, n))
