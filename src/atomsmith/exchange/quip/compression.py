"""Shorter power spectra of QUIP: which densities are summed or mixed, and which of them are multiplied.

A power spectrum multiplies rows Y = W X, where X are the expansion coefficients of the densities of the
species, radial function by radial function. Correlation orders nu_R and nu_S: Darby, Kermode, Csanyi, npj
Comput. Mater. 8, 166 (2022); random mixtures: Darby, Kovacs, Batatia, Caro, Hart, Ortner, Csanyi, Phys. Rev.
Lett. 131, 028001 (2023), whose weights QUIP draws anew from a seed whenever it reads a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from atomsmith.errors import InputError
from atomsmith.exchange.quip.gap_file import Coordinates
from atomsmith.exchange.quip.keys import flag_at, number_at
from atomsmith.systems import FloatArray, IntArray

_SEED_OF_DENSITY = 200
"""Seeds of the mixtures of both factors differ by this."""


COMPRESSION_KEYS = {
    "nu_R", "nu_S", "Z_mix", "R_mix", "sym_mix", "K", "mix_shift", "coupling", "diagonal_radial", "Z_map",
}  # fmt: skip
"""Settings of a descriptor that are read here."""


@dataclass(frozen=True, eq=False)
class Products:
    """Products of rows.

    Attributes
    ----------
    rows
        W, shape (rows, species, n_max).
    pairs
        Rows that are multiplied, shape (p, 2).
    factors
        Of the products, shape (p,).
    """

    rows: FloatArray
    pairs: IntArray
    factors: FloatArray


@dataclass(frozen=True)
class Compression:
    """What a descriptor says of it.

    Attributes
    ----------
    radial_order, species_order
        nu_R and nu_S: in so many of the two factors radial functions and species are told apart.
    mixes_species, mixes_radial, count, shift
        Z_mix, R_mix, K, mix_shift: random mixtures, their number and what is added to the seed.
    same_mixtures
        sym_mix: both factors have the same ones.
    all_pairs
        coupling: every pair of rows is multiplied, or each with its own only.
    diagonal
        diagonal_radial: only products of equal radial functions.
    groups
        Z_map: elements that count as one, for both factors or for each.
    """

    radial_order: int = 2
    species_order: int = 2
    mixes_species: bool = False
    mixes_radial: bool = False
    same_mixtures: bool = False
    count: int = 0
    shift: int = 0
    all_pairs: bool = True
    diagonal: bool = False
    groups: tuple[tuple[tuple[int, ...], ...], ...] = ()

    @classmethod
    def of(cls, one: Coordinates) -> Compression:
        """Read the settings of a descriptor, and refuse what QUIP does not combine."""
        whole = {
            key: round(number_at(one, key, default))
            for key, default in (("nu_R", 2), ("nu_S", 2), ("K", 0), ("mix_shift", 0))
        }
        found = cls(
            whole["nu_R"],
            whole["nu_S"],
            flag_at(one, "Z_mix", False),
            flag_at(one, "R_mix", False),
            flag_at(one, "sym_mix", False),
            whole["K"],
            whole["mix_shift"],
            flag_at(one, "coupling", True),
            flag_at(one, "diagonal_radial", False),
            _groups(one),
        )
        orders = (found.radial_order, found.species_order)
        kinds = [orders != (2, 2), found.mixes or found.same_mixtures, bool(found.groups), found.diagonal]
        if not set(orders) <= {0, 1, 2}:
            raise InputError(f"soap with nu_R={orders[0]} and nu_S={orders[1]}: they must be 0, 1 or 2.")
        if sum(kinds) > 1 or (not found.all_pairs and (any(kinds) and not found.mixes)):
            raise InputError(
                "soap: of nu_R and nu_S, mixtures, Z_map and diagonal_radial only one is possible, and "
                "coupling=F only beside mixtures."
            )
        if (found.mixes and found.count < 1) or (found.same_mixtures and not found.mixes):
            raise InputError("soap: mixtures need R_mix or Z_mix, and their number K.")
        return found

    @property
    def mixes(self) -> bool:
        """Whether there are random mixtures."""
        return self.mixes_species or self.mixes_radial

    def products(self, species: Sequence[int], n_max: int) -> Products:
        """Products that are the features, in QUIP's order.

        Parameters
        ----------
        species
            Atomic numbers of the densities; one 0 stands for a density of all.
        n_max
            Radial functions of each.
        """
        rows = [self._rows(density, species, n_max) for density in (0, 1)]
        equal = self._factors_are_equal()
        counts = [len(one) for one in rows]
        if self.all_pairs:
            both: Any = np.tril_indices(counts[0]) if equal else np.indices(counts).reshape(2, -1)
            pairs: IntArray = np.stack(both, axis=1).astype(np.int32)
            factors: FloatArray = np.where((pairs[:, 0] != pairs[:, 1]) & equal, np.sqrt(2.0), 1.0)
        else:
            pairs, factors = self._own_pairs(len(species), n_max, counts[0])
        if self.diagonal:
            kept = pairs[:, 0] % n_max == pairs[:, 1] % n_max
            pairs, factors = pairs[kept], factors[kept]
        pairs[:, 1] += 0 if equal else counts[0]
        return Products(rows[0] if equal else np.concatenate(rows), pairs, factors)

    def _factors_are_equal(self) -> bool:
        if self.mixes:
            return self.same_mixtures
        if self.groups:
            return len(self.groups) == 1
        return 1 not in (self.radial_order, self.species_order)

    def _rows(self, density: int, species: Sequence[int], n_max: int) -> FloatArray:
        """W of a factor, shape (rows, species, n_max)."""
        size = len(species)
        radial, of_species = np.eye(n_max), np.eye(size)
        if self.mixes:
            return self._mixtures(0 if self.same_mixtures else density, species, n_max)
        if self.groups:
            own = self.groups[min(density, len(self.groups) - 1)]
            of_species = np.array([[float(z in group) for z in species] for group in own])
        else:
            radial = radial if self.radial_order > density else np.ones((1, n_max))
            of_species = of_species if self.species_order > density else np.ones((1, size))
        rows: FloatArray = np.einsum("sz,rn->srzn", of_species, radial).reshape(-1, size, n_max)
        return rows

    def _mixtures(self, density: int, species: Sequence[int], n_max: int) -> FloatArray:
        shift = self.shift + _SEED_OF_DENSITY * (density + 1)
        size, count = len(species), self.count
        rows: FloatArray
        if self.mixes_species and self.mixes_radial:
            drawn = [normal_numbers(z + shift, n_max * count).reshape(n_max, count) for z in species]
            rows = np.stack(drawn).transpose(2, 0, 1)
        elif self.mixes_species:
            weights = np.stack([normal_numbers(z + shift, count) for z in species], axis=1)
            rows = np.einsum("kz,rn->krzn", weights, np.eye(n_max))
        else:
            weights = normal_numbers(n_max + shift, n_max * count).reshape(n_max, count)
            rows = np.einsum("sz,nk->skzn", np.eye(size), weights)
        return rows.reshape(-1, size, n_max)

    def _own_pairs(self, size: int, n_max: int, rows: int) -> tuple[IntArray, FloatArray]:
        """Each mixture with itself, but with all of what is not mixed."""
        if self.mixes_species == self.mixes_radial:
            return np.repeat(np.arange(rows, dtype=np.int32)[:, None], 2, axis=1), np.ones(rows)
        # QUIP multiplies with a root of single precision here.
        root = float(np.sqrt(np.float32(2.0))) if self.same_mixtures else 1.0
        plain = n_max if self.mixes_species else size
        pairs = [(a, b) for a in range(plain) for b in range(a + 1 if self.same_mixtures else plain)]
        if self.mixes_species:
            found = [(k * n_max + a, k * n_max + b) for k in range(self.count) for a, b in pairs]
        else:
            found = [(a * self.count + k, b * self.count + k) for a, b in pairs for k in range(self.count)]
        return np.array(found, dtype=np.int32), np.where([a == b for a, b in found], 1.0, root)


def _groups(one: Coordinates) -> tuple[tuple[tuple[int, ...], ...], ...]:
    text = one.values.get("Z_map", "").strip()
    if not text:
        return ()
    try:
        found = tuple(
            tuple(tuple(int(word) for word in group.split()) for group in density.split(","))
            for density in text.split(":")
        )
    except ValueError:
        raise InputError(f"soap: Z_map={text} is not a list of groups of atomic numbers.") from None
    if len(found) > 2:
        raise InputError(f"soap: Z_map={text} has more than two lists of groups.")
    return found


def normal_numbers(seed: int, count: int) -> FloatArray:
    """Normal random numbers as QUIP draws them.

    The generator of Park and Miller, Commun. ACM 31, 1192 (1988), after 100 numbers; from pairs of them by
    Marsaglia's polar method, of which only the first number is used.
    """
    state = seed
    for _ in range(100):
        state = 16807 * state % 2147483647
    found = np.zeros(count)
    for k in range(count):
        square = 2.0
        while square > 1.0:
            pair = []
            for _ in range(2):
                state = 16807 * state % 2147483647
                pair.append(2.0 * (state / 2147483647) - 1.0)
            square = pair[0] ** 2 + pair[1] ** 2
        found[k] = pair[0] * np.sqrt(-2.0 * np.log(square) / square)
    return found
