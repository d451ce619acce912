"""What a PACE potential says, whichever file it came from.

The atomic cluster expansion in the form of Lysogorskiy et al., npj Comput. Mater. 7, 97 (2021): densities
rho_p = sum c_p Re prod_t A(mu_t, n_t, l_t, m_t) of an atom, its energy a function of the densities (Drautz,
Phys. Rev. B 99, 014104 (2019); Bochkarev et al., Phys. Rev. Mater. 6, 013804 (2022)).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from atomsmith.errors import InputError
from atomsmith.exchange.pace.nodal import NodalFunctions
from atomsmith.exchange.pace.polynomials import PREFIX, PairPotential, Polynomials
from atomsmith.systems import FloatArray, IntArray

EmbeddingName = Literal["FinnisSinclair", "FinnisSinclairShiftedScaled"]
EMBEDDINGS: tuple[EmbeddingName, ...] = ("FinnisSinclair", "FinnisSinclairShiftedScaled")
RADIAL_BASES = ("ChebExpCos", "ChebPow", "ChebLinear", "SBessel", "TEST_SBessel")
CoreName = Literal["density", "distance", "zbl"]
CORES: tuple[CoreName, ...] = ("density", "distance", "zbl")
MAX_RANK = 8
MAX_L = 12


@dataclass(frozen=True, eq=False)
class Embedding:
    """Energy of an atom of one species as a function of its densities.

    Attributes
    ----------
    name
        How a density enters.
    prefactor, exponent
        One for each density, shapes (n_densities,); eV and none.
    core_cutoff, core_width
        The embedding energy is switched off while the core energy rises from ``core_cutoff - core_width`` to
        ``core_cutoff``, eV.
    """

    name: EmbeddingName
    prefactor: FloatArray
    exponent: FloatArray
    core_cutoff: float
    core_width: float


@dataclass(frozen=True, eq=False)
class Bond:
    """Radial functions of one ordered pair of species (centre, neighbour).

    Attributes
    ----------
    basis
        Name of the functions g_k.
    parameter
        Their lambda.
    cutoff, width
        ``rcut`` and ``dcut`` in angstrom.
    core_prefactor, core_exponent
        ``prehc`` (eV angstrom, or a factor of the ZBL repulsion) and ``lambdahc`` (1/angstrom^2).
    inner_cutoff, inner_width
        ``rcut_in`` and ``dcut_in`` in angstrom.
    coefficients
        R_nl = sum_k coefficients[n, l, k] g_k, shape (n_max, l_max + 1, k_max).
    polynomials, pair
        The g_k and the core energy of a bond of ACE.jl; of the fields above only ``basis``, ``cutoff`` and
        ``coefficients`` mean something then.
    nodal
        The g_k of a bond as tables; the same holds.
    """

    basis: str
    parameter: float
    cutoff: float
    width: float
    core_prefactor: float
    core_exponent: float
    inner_cutoff: float
    inner_width: float
    coefficients: FloatArray
    polynomials: Polynomials | None = None
    pair: PairPotential | None = None
    nodal: NodalFunctions | None = None

    @property
    def is_foreign(self) -> bool:
        """Whether the g_k are those of ACE.jl, not of PACE."""
        return self.polynomials is not None or self.nodal is not None


def polynomial_bond(
    basis: str, polynomials: Polynomials, pair: PairPotential | None, cutoff: float, l_max: int
) -> Bond:
    """A bond of ACE.jl, whose R_nl are the polynomials for every l."""
    bond = _bond_of_functions(basis, cutoff, len(polynomials.recursion), l_max)
    return replace(bond, polynomials=polynomials, pair=pair)


def nodal_bond(basis: str, functions: NodalFunctions, l_max: int) -> Bond:
    """A bond whose R_nl are tabulated functions for every l."""
    return replace(
        _bond_of_functions(basis, functions.cutoff, functions.values.shape[1], l_max), nodal=functions
    )


def _bond_of_functions(basis: str, cutoff: float, n: int, l_max: int) -> Bond:
    coefficients = np.zeros((n, l_max + 1, n))
    coefficients[np.arange(n), :, np.arange(n)] = 1.0
    return Bond(basis, 0.0, cutoff, 0.0, 0.0, 1.0, 0.0, 0.0, coefficients)


@dataclass(frozen=True, eq=False)
class Function:
    """Products of one centre with equal species, n and l; n counts from 1 as in the files.

    A product of one factor takes g_n itself instead of R_n0.

    Attributes
    ----------
    species, n, l
        Of every factor, shape (rank,).
    m
        One row for each product, shape (n_products, rank).
    coefficients
        Shape (n_products, n_densities).
    """

    species: IntArray
    n: IntArray
    l: IntArray  # noqa: E741
    m: IntArray
    coefficients: FloatArray

    @property
    def rank(self) -> int:
        """Factors of each product."""
        return len(self.species)


@dataclass(frozen=True, eq=False)
class PaceModel:
    """A potential as its file describes it.

    Attributes
    ----------
    symbols
        Elements; every other list follows their order.
    e0
        Energy of the lone atom in eV, shape (n,).
    bin_width
        ``deltaSplineBins`` in angstrom: the potential is that of cubic splines with this spacing.
    core
        How the core repulsion and the expansion share short distances.
    embeddings
        One for each species.
    bonds
        ``bonds[centre][neighbour]``.
    functions
        ``functions[centre]``.
    needs_pair_table
        Whether pair energies in a table of LAMMPS belong to the potential (`reading.read`).
    """

    symbols: tuple[str, ...]
    e0: FloatArray
    bin_width: float
    core: CoreName
    embeddings: tuple[Embedding, ...]
    bonds: tuple[tuple[Bond, ...], ...]
    functions: tuple[tuple[Function, ...], ...]
    needs_pair_table: bool = False

    @property
    def n_max(self) -> int:
        """Most radial functions R_n of any bond."""
        return max(len(bond.coefficients) for row in self.bonds for bond in row)

    @property
    def l_max(self) -> int:
        """Largest l of any bond."""
        return max(int(bond.coefficients.shape[1]) for row in self.bonds for bond in row) - 1

    @property
    def k_max(self) -> int:
        """Most functions g_k of any bond."""
        return max(int(bond.coefficients.shape[2]) for row in self.bonds for bond in row)

    @property
    def n_densities(self) -> int:
        """Most densities of any species."""
        return max(len(embedding.prefactor) for embedding in self.embeddings)


def check(model: PaceModel, path: object) -> None:
    """Refuse what cannot be meant, with one sentence.

    Raises
    ------
    InputError
        Naming the file, the place, what was found and what was expected.
    """
    if not model.bin_width > 0.0:
        raise InputError(f"{path}: deltaSplineBins is {model.bin_width:g}; expected a positive spacing.")
    for first, row in zip(model.symbols, model.bonds, strict=True):
        for second, bond in zip(model.symbols, row, strict=True):
            _check_bond(bond, f"{path}: bond {first}-{second}", model.bin_width)
    for centre, functions in enumerate(model.functions):
        for index, function in enumerate(functions):
            where = f"{path}: function {index} of {model.symbols[centre]}"
            _check_function(model, centre, function, where)


def _check_bond(bond: Bond, where: str, bin_width: float) -> None:
    if bond.basis not in RADIAL_BASES and not bond.is_foreign:
        raise InputError(
            f"{where} has the radial basis {bond.basis!r}, which is not known; known are "
            f"{', '.join(RADIAL_BASES)} and those of {PREFIX}."
        )
    if not bond.cutoff > 2.0 * bin_width:
        raise InputError(f"{where} has the cutoff {bond.cutoff:g}; expected more than two spline bins.")
    if bond.coefficients.shape[1] > MAX_L + 1:
        raise InputError(f"{where} has lmax {bond.coefficients.shape[1] - 1}; at most {MAX_L} is possible.")


def _check_function(model: PaceModel, centre: int, function: Function, where: str) -> None:
    if not 1 <= function.rank <= MAX_RANK:
        raise InputError(f"{where} has rank {function.rank}; expected 1 to {MAX_RANK}.")
    expected = len(model.embeddings[centre].prefactor)
    if function.coefficients.shape[1] != expected:
        raise InputError(
            f"{where} has {function.coefficients.shape[1]} densities; expected {expected}, as its embedding."
        )
    if function.rank == 1 and (function.l.any() or len(function.m) != 1):
        raise InputError(
            f"{where} has rank 1 with l > 0, which no rotation leaves unchanged; expected l = 0."
        )
    n_largest = model.k_max if function.rank == 1 else model.n_max
    for name, values, smallest, largest in (
        ("species", function.species, 0, len(model.symbols) - 1),
        ("n", function.n, 1, n_largest),
        ("l", function.l, 0, model.l_max),
    ):
        if values.min() < smallest or values.max() > largest:
            raise InputError(f"{where} has {name} = {values.tolist()}; expected {smallest} to {largest}.")
    if (abs(function.m) > function.l).any():
        raise InputError(f"{where} has |m| > l; expected -l to l for every factor.")
