"""Strength of the prior where data are few for the basis: what lowers errors on configurations left out.

Evidence takes the rows of the data for independent. Those of one configuration share what the basis lacks,
and rows that symmetry makes zero are fitted whatever the coefficients are; with few rows for each function
the evidence may then be highest where the fit follows its data to the last digit, and predicts badly. So
groups of configurations are left out, each is predicted from the others with every strength tried, and the
one with the smallest errors of forces (of energies, where there are no forces) is taken. Forces are many:
with two dozen configurations, errors of energies hang on one or two of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from atomsmith.fitting.rows.factor import leave_one_out
from atomsmith.fitting.rows.factor_set import FactorSet, Group
from atomsmith.fitting.solvers.elimination import Elimination
from atomsmith.fitting.solvers.prior import Prior
from atomsmith.fitting.solvers.registry import Solver
from atomsmith.fitting.solvers.standard_form import StandardForm
from atomsmith.fitting.weights import KINDS, KindWeights
from atomsmith.systems import FloatArray

FEW = 5.0
"""Rows for each function of the basis below which evidence is not relied on."""

LARGEST = 2500
"""Functions of the basis; beyond, the trials take minutes, and their data are hardly a few configurations."""

TRIED = tuple(10.0**power for power in range(-11, -2))
"""Strengths in units of the mean squared norm of the columns; one between those tried is interpolated."""


@dataclass(frozen=True)
class StrengthChoice:
    """Errors on configurations left out by strength of the prior, and which was taken.

    Attributes
    ----------
    strength
        The one taken, as `Elimination.strength`.
    tried, errors
        Strengths, and root mean squares of the residuals of the rows left out (forces in eV/angstrom).
    """

    strength: float
    tried: tuple[float, ...]
    errors: tuple[float, ...]

    @classmethod
    def of(cls, tried: Sequence[float], errors: Sequence[float]) -> StrengthChoice:
        """Take the minimum of the parabola through the smallest error and its neighbours, in logarithms."""
        best = int(np.argmin(errors))
        step = 0.0
        if 0 < best < len(tried) - 1 and np.isfinite(errors[best - 1 : best + 2]).all():
            left, middle, right = np.log(np.maximum(errors[best - 1 : best + 2], np.finfo(np.float64).tiny))
            bend = left - 2.0 * middle + right
            step = float(0.5 * (left - right) / bend) if bend > 0.0 else 0.0
        between = tried[best + 1] if step > 0.0 else tried[best - 1]
        strength = tried[best] * (between / tried[best]) ** abs(step) if step else tried[best]
        return cls(float(f"{strength:.3g}"), tuple(tried), tuple(errors))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for metadata; errors that rounding spoils are None."""
        errors = [error if np.isfinite(error) else None for error in self.errors]
        return {"tried": list(self.tried), "errors": errors}


def leaves_strength(solver: Solver, n_rows: int, n_functions: int) -> bool:
    """Whether the strength is chosen: by solvers that choose functions, where data are few for the basis."""
    chooses = isinstance(solver, Elimination) and solver.functions is not None and solver.strength is None
    return chooses and n_rows < FEW * n_functions <= FEW * LARGEST


def choose_strength(factors: FactorSet, weights: KindWeights, prior: Prior) -> StrengthChoice | None:
    """Try strengths of the prior on groups of configurations left out.

    Parameters
    ----------
    factors
        Rows by group and kind.
    weights, prior
        Of the fit.

    Returns
    -------
    choice
        None where a single group has rows.
    """
    groups = factors.by_group(weights)
    if len(groups) < 2:
        return None
    kind = next(kind for kind in ("forces", "energy", "virial") if factors.n_rows(_weighted(kind, weights)))
    rows = sum(part.factors[kind].n_rows for index in groups for part in factors.groups[index].parts)
    strengths = StandardForm.build(factors.combine(weights), prior).unit * np.array(TRIED)
    squares = np.zeros(len(TRIED))
    for index, rest in zip(groups, leave_one_out(list(groups.values())), strict=True):
        squares += _squares_left_out(factors.groups[index], StandardForm.build(rest, prior), kind, strengths)
    return StrengthChoice.of(TRIED, np.sqrt(squares / rows).tolist())


def _weighted(kind: str, weights: KindWeights) -> KindWeights:
    """Return the weight of one kind alone."""
    return KindWeights(**{name: weights[name] if name == kind else 0.0 for name in KINDS})


def _squares_left_out(group: Group, form: StandardForm, kind: str, strengths: FloatArray) -> FloatArray:
    """Sum of squared residuals of one kind of rows of a group by strength; infinite where rounding rules.

    ``form`` is that of all other groups.
    """
    gram, slope = form.r.T @ form.r, form.r.T @ form.z
    squares = np.full(len(strengths), np.inf)
    for index, strength in enumerate(strengths):
        precision = gram.copy()
        precision[np.diag_indices_from(precision)] += strength
        try:
            x = cho_solve(cho_factor(precision, overwrite_a=True), slope)
        except LinAlgError:
            continue
        coefficients = form.coefficients(x)
        squares[index] = sum(
            part.factors[kind].predicted_sum_of_squares(coefficients) for part in group.parts
        )
    return squares
