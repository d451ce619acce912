"""The compiled engine: energies, forces and virials of a plan (docs/architecture.md).

N atoms, S systems, M sets of coefficients, C centres (the first of the N atoms: those whose neighbours are
listed). Arrays that are given must be C-contiguous and of the type stated; none is kept.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from atomsmith.systems import BoolArray, FloatArray, IntArray

def isa() -> str:
    """Instruction set of the chosen kernels."""

def lanes() -> int:
    """Doubles in one vector of the chosen kernels."""

def kernel_rows(
    points: FloatArray,
    zeta: float,
    centres: NDArray[np.int64],
    system: IntArray,
    n_systems: int,
    features: FloatArray,
    first: NDArray[np.int64],
    atom: IntArray,
    gradients: FloatArray,
    strain: FloatArray,
    n_threads: int = 1,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Rows of energy (S, m), force (3N, m) and virial (6S, m) of the kernel (B . B_s)^zeta at points (M, D).

    ``centres`` are the atoms that have this kernel, rising; ``system`` is that of every atom; the rest is
    what `Batch.descriptor_rows` returns. m is M rounded up to whole vectors; the last m - M columns are zero.
    """

class Model:
    """A checked plan."""

    @staticmethod
    def from_plan(plan: dict[str, Any]) -> Model:
        """Read a plan; a ValueError names what is missing or contradicts itself."""
    @property
    def n_features(self) -> int:
        """Features of all parts together."""
    @property
    def cutoff(self) -> float:
        """Largest distance in angstrom at which atoms interact."""
    @property
    def single_precision(self) -> bool:
        """Whether a batch of single precision can evaluate the model."""
    @property
    def local(self) -> bool:
        """Whether all features are sums over neighbours within the cutoff."""
    @property
    def first_features(self) -> list[int]:
        """Number of each part's first feature."""

class Weights:
    """Sets of linear coefficients, spread over the products they need."""

    @staticmethod
    def from_coefficients(model: Model, coefficients: FloatArray) -> Weights:
        """Make them from coefficients of shape (M, n_features)."""
    @property
    def n_sets(self) -> int:
        """Sets M."""
    @property
    def n_products(self) -> int:
        """Weighted products over all centres, after unused ones were dropped."""

class PairOrder:
    """Pairs of a search in the order of a neighbour list: rows of atoms, rising by neighbour and shift."""

    def __init__(
        self,
        pairs: NDArray[np.uint64],
        shifts: IntArray,
        atom: NDArray[np.int64],
        cell: NDArray[np.int64],
        own: BoolArray,
    ) -> None:
        """Order pairs (P, 2) of local atoms, each listed once; rows are those of ``own`` local atoms (L,).

        A local atom is the image in ``cell`` (L, 3) of ``atom`` (L,), which rises; ``shifts`` (P, 3) lead
        from the first atom of a pair to the second.

        Raises
        ------
        OverflowError
            If a neighbour is more than 32,767 cells away.
        """
    def counts(self) -> NDArray[np.int64]:
        """Neighbours in every row (R,)."""
    def write(self, start: NDArray[np.int64], neighbour: IntArray, shift: NDArray[np.int16]) -> None:
        """Write rows to where they ``start`` (R,) in neighbour (Q,) and shift (Q, 3)."""

class Batch:
    """A neighbour list of a batch of systems, ready for evaluations."""

    def __init__(
        self,
        model: Model,
        species: IntArray,
        system: IntArray,
        n_systems: int,
        first: NDArray[np.int64],
        neighbour: IntArray,
        shift: NDArray[np.int16],
        n_threads: int = 1,
        single: bool = False,
        periodic: BoolArray | None = None,
    ) -> None:
        """Take species (N,), system (N,), and the pairs: first (C + 1,), neighbour (P,), shift (P, 3).

        Parts that are not local need ``periodic`` (S,): whether a system is so along all axes, or along none.
        A batch of single precision only predicts.
        """
    def predict(
        self, weights: Weights, positions: FloatArray, cells: FloatArray, n_threads: int = 1
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Energies (M, C), forces (M, N, 3) and virials (M, S, 3, 3)."""
    def forward(
        self, positions: FloatArray, cells: FloatArray, n_threads: int = 1
    ) -> tuple[FloatArray, FloatArray]:
        """Feature sums of the systems (S, n_features), and energies free of parameters (C,)."""
    def backward(
        self, coefficients: FloatArray, positions: FloatArray, cells: FloatArray, n_threads: int = 1
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Energies (C,), forces (N, 3), virials (S, 3, 3) with coefficients (S, n_features) by system."""
    def features(self, positions: FloatArray, cells: FloatArray, n_threads: int = 1) -> FloatArray:
        """Features of every centre (C, n_features)."""
    def design_rows(
        self, positions: FloatArray, cells: FloatArray, n_threads: int = 1
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Rows of energy (S, n), forces (3N, n), virial (6S, n; xx yy zz yz xz xy), columns contiguous."""
    def radial_rows(
        self,
        part: int,
        coefficients: FloatArray,
        changes: FloatArray,
        positions: FloatArray,
        cells: FloatArray,
        n_threads: int = 1,
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """The same for changes (pairs, functions, size, size) of a part's radial functions."""
    def descriptor_rows(
        self, part: int, positions: FloatArray, cells: FloatArray, n_threads: int = 1
    ) -> tuple[FloatArray, NDArray[np.int64], IntArray, FloatArray, FloatArray]:
        """Features of the descriptor of one part, before its regressor, and their gradients.

        Features (C, D); rows of centre i are first[i]:first[i + 1] (C + 1,), each of an atom (R,), rising,
        among them i itself; gradients by the positions of the atoms (R, 3, D), and by strain (C, 6, D; xx yy
        zz yz xz xy). D is that of the centre with most features; the others' last entries are 0.
        """
