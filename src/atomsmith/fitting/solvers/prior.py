"""What is believed of the coefficients before the data: smoothness, free reference energies, groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from atomsmith.errors import InputError
from atomsmith.systems import FloatArray

if TYPE_CHECKING:
    from atomsmith.fitting.rows.factor_set import FactorSet


@dataclass(frozen=True, eq=False)
class Beliefs:
    """What is believed of m linear functions of the coefficients: that ``rows @ c`` is about ``targets``.

    Both are divided by how sure that is, in units of the noise of the (weighted) rows of data, so that
    solvers take them like those: shapes (m, n) and (m,).
    """

    rows: FloatArray
    targets: FloatArray


@dataclass(frozen=True, eq=False)
class Prior:
    """Gaussian prior of n coefficients: independent ones, and beliefs about sums of them.

    Coefficient j has the mean ``mean[j]`` and the precision ``alpha * penalty[j]**2``, where the solver finds
    alpha: one for all, one for each group, or one for each feature.

    Attributes
    ----------
    penalty
        Shape of the prior, shape (n,). 0 leaves a coefficient free (a flat prior: reference energies);
        infinity holds it at its mean (known reference energies, switched-off features).
    mean
        Prior means, shape (n,).
    groups
        Group of each feature, shape (n,), integers; features of one group share alpha in the evidence solver.
        None: one group.
    anchor
        Combinations of free coefficients that the data leave open (reference energies where all
        configurations have one composition) are drawn to their means with this many times the norm of their
        design columns; combinations that the data know better are not touched.
    beliefs
        What is believed of the energies of some structures, for instance; None: nothing.
    """

    penalty: FloatArray
    mean: FloatArray
    groups: NDArray[np.int64] | None = None
    anchor: float = 1.0e-4
    beliefs: Beliefs | None = None

    def __post_init__(self) -> None:
        n = len(self.penalty)
        if np.isnan(self.penalty).any() or (self.penalty < 0.0).any():
            raise InputError("Prior penalties must be zero (free), positive, or infinite (held).")
        if self.mean.shape != (n,) or not np.isfinite(self.mean).all():
            raise InputError(f"Prior means must be {n} finite numbers, one for each penalty.")
        if self.groups is not None and self.groups.shape != (n,):
            raise InputError(f"Prior groups have the shape {self.groups.shape}; expected ({n},).")
        if not self.anchor > 0.0:
            raise InputError(f"The anchor of free coefficients must be positive, found {self.anchor}.")
        if self.beliefs is not None and self.beliefs.rows.shape != (len(self.beliefs.targets), n):
            raise InputError(
                f"Beliefs have rows of the shape {self.beliefs.rows.shape}; expected "
                f"({len(self.beliefs.targets)}, {n})."
            )

    @classmethod
    def create(
        cls,
        penalty: ArrayLike,
        *,
        free: ArrayLike | None = None,
        held: ArrayLike | None = None,
        mean: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        anchor: float = 1.0e-4,
    ) -> Prior:
        """Build a prior from a penalty and, optionally, masks or indices of free and held features.

        Parameters
        ----------
        penalty
            Shape (n,), see the attribute.
        free, held
            Boolean masks of shape (n,) or index lists: their penalty becomes 0 and infinity.
        mean, groups, anchor
            See the attributes; the mean is zero by default.
        """
        shape = np.array(penalty, dtype=np.float64)
        if shape.ndim != 1:
            raise InputError(f"Prior penalties have the shape {shape.shape}; expected one for each feature.")
        for selection, value in ((free, 0.0), (held, np.inf)):
            if selection is not None:
                index = np.asarray(selection)
                shape[index if index.dtype == np.bool_ else index.astype(np.int64)] = value
        return cls(
            penalty=shape,
            mean=np.zeros_like(shape) if mean is None else np.array(mean, dtype=np.float64),
            groups=None if groups is None else np.array(groups, dtype=np.int64),
            anchor=anchor,
        )

    @classmethod
    def flat(cls, n_features: int) -> Prior:
        """Return the prior of plain ridge: zero mean, equal penalties, one group."""
        return cls.create(np.ones(n_features))

    @property
    def n_features(self) -> int:
        """Number of coefficients n."""
        return len(self.penalty)

    @property
    def n_penalised(self) -> int:
        """Number of coefficients that are neither free nor held."""
        return int(((self.penalty > 0.0) & np.isfinite(self.penalty)).sum())


def feature_scale(factors: FactorSet) -> FloatArray:
    """Norm of each feature's force rows, of energy rows where there are no forces, shape (n,)."""
    forces = factors.column_norms("forces")
    return forces if forces.any() else factors.column_norms("energy")


SMALLEST_SCALE = 1.0e-8
"""Least scale of a feature relative to the largest of its term; below it, it does not tell atoms apart."""


def standardised(scale: FloatArray) -> FloatArray:
    """Scales of the features of a term relative to their root mean square; 1 for features that are zero.

    As penalties they give every feature the same share in the forces before the data are seen, whatever the
    units in which it is written.

    Parameters
    ----------
    scale
        Norm of each feature's rows in the data, shape (n,).
    """
    largest = float(scale.max(initial=0.0))
    if largest == 0.0:
        return np.ones_like(scale)
    relative = np.where(scale > 0.0, np.maximum(scale / largest, SMALLEST_SCALE), 0.0)
    mean = np.sqrt(np.square(relative[relative > 0.0]).mean())
    found: FloatArray = np.where(relative > 0.0, relative / mean, 1.0)
    return found


def smoothness_penalty(degree: ArrayLike, power: float) -> FloatArray:
    """Algebraic smoothness prior: penalty ``max(degree, 1)**power``, shape (n,).

    Expansion coefficients of a function with about ``power`` derivatives fall off like that in the total
    degree of their basis functions (Witt et al., J. Chem. Phys. 159, 164101 (2023)).

    Parameters
    ----------
    degree
        Total degree of each feature, shape (n,).
    power
        Fall-off exponent; 0 gives plain ridge.
    """
    degrees = np.asarray(degree, dtype=np.float64)
    if not np.isfinite(degrees).all() or (degrees < 0.0).any():
        raise InputError("Degrees of features must be finite and not negative.")
    penalty: FloatArray = np.maximum(degrees, 1.0) ** power
    return penalty
