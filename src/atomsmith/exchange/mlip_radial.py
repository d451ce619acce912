"""Radial bases of MLIP beside its usual one, all as Chebyshev polynomials under an envelope.

With x from -1 at ``min_dist`` to 1 at ``max_dist``, function k is

=====================  =====================================================================================
RBChebyshev            (r - max_dist)^2 T_k(x)
RBChebyshev_repuls     the same, below ``min_dist`` as there; each neighbour that near adds `REPULSION`
BChebyshev             T_k(x)
BChebyshev_repuls      the same, below ``min_dist`` as there
RBTaylor               r^k
RBShapeev              (min_dist / r)^2 (1 - t)^2 J_k(t), t = (1 + x) / 2; the J_k are polynomials orthogonal
                       under (1 - t)^5 t on (0, 1), of norm 1 / (8 (k + 1)^2)
=====================  =====================================================================================

(Shapeev, Multiscale Model. Simul. 14, 1153 (2016); manual of MLIP.) Functions without a factor that vanishes
jump at ``max_dist``, in MLIP and here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import chebyshev
from scipy.special import eval_jacobi

from atomsmith.exchange.pair_tables import PairTable
from atomsmith.systems import FloatArray

REPULSION = (1.0e4, 10.0, 1.0)
"""(A, a, b) of A (exp(-a (r - b)) - exp(-a (min_dist - b))) in eV, which each of two near atoms has."""
_SPACING = 2.5e-4
"""Spacing of the table of this repulsion, angstrom; then its error is 1e-13 of it."""


@dataclass(frozen=True, eq=False)
class RadialBasis:
    """A basis in terms of the engine's table of the kind ``chebyshev`` (docs/architecture.md).

    Attributes
    ----------
    functions
        Chebyshev coefficients of function k in row k, (lower, upper end, size) -> (size, size).
    outer_power, inverse_square, clamped
        Its envelope.
    repels
        Whether near neighbours add the repulsion.
    """

    functions: Callable[[float, float, int], FloatArray]
    outer_power: int = 2
    inverse_square: bool = False
    clamped: bool = False
    repels: bool = False

    @property
    def is_usual(self) -> bool:
        """Whether the table needs no word on its envelope."""
        return self.outer_power == 2 and not (self.inverse_square or self.clamped)

    @property
    def envelope(self) -> dict[str, int | bool]:
        """Keys of the table."""
        if self.is_usual:
            return {}
        return {
            "outer_power": self.outer_power,
            "inverse_square": self.inverse_square,
            "clamped": self.clamped,
        }


def _polynomials(lower: float, upper: float, size: int) -> FloatArray:
    return np.eye(size)


def _powers(lower: float, upper: float, size: int) -> FloatArray:
    """r^k by T_j((2 r - lower - upper) / (upper - lower))."""
    distance = [0.5 * (upper + lower), 0.5 * (upper - lower)]
    rows = np.zeros((size, size))
    for k in range(size):
        rows[k, : k + 1] = chebyshev.chebpow(distance, k)
    return rows


def _jacobi(lower: float, upper: float, size: int) -> FloatArray:
    """Polynomials of RBShapeev, for the envelope (r - upper)^2 / r^2."""
    rows = np.zeros((size, size))
    for k in range(size):
        norm = np.sqrt((2 * k + 7) * (k + 6) / (8.0 * (k + 1) ** 3)) * (lower / (upper - lower)) ** 2
        nodes = np.cos(np.pi * (np.arange(k + 1) + 0.5) / (k + 1))
        rows[k, : k + 1] = norm * chebyshev.chebfit(nodes, eval_jacobi(k, 5.0, 1.0, nodes), k)
    return rows


RADIAL_BASES = {
    "RBChebyshev": RadialBasis(_polynomials),
    "RBChebyshev_repuls": RadialBasis(_polynomials, clamped=True, repels=True),
    "BChebyshev": RadialBasis(_polynomials, outer_power=0),
    "BChebyshev_repuls": RadialBasis(_polynomials, outer_power=0, clamped=True),
    "RBTaylor": RadialBasis(_powers, outer_power=0),
    "RBShapeev": RadialBasis(_jacobi, inverse_square=True),
}


def repulsion(lower: float) -> PairTable:
    """Energy of two atoms nearer than ``lower``."""
    strength, rate, origin = REPULSION
    r = np.linspace(0.0, lower, int(np.ceil(lower / _SPACING)) + 1)
    value = strength * np.exp(-rate * (r - origin))
    return PairTable(r, 2.0 * (value - value[-1]), -2.0 * rate * value)
