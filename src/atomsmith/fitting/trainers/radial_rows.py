"""Rows of the design matrix for radial functions of moment tensors, and which changes of them matter."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.linalg import qr

from atomsmith.evaluator import PlanEvaluator
from atomsmith.fitting.rows.design import RowMaker
from atomsmith.systems import BoolArray, FloatArray, Systems


@dataclass(frozen=True, eq=False)
class RadialRowMaker(RowMaker):
    """Rows of the features and, behind them, of changes of the radial functions of one part.

    Attributes
    ----------
    coefficients
        Linear coefficients of the features at which the changes are felt, shape (n_features,).
    part
        Number of the part in the plan.
    changes
        Shape (pairs, functions, size, size), see `independent_changes`; a change that is zero has no column.
    """

    coefficients: FloatArray = field(default_factory=lambda: np.zeros(0))
    part: int = 0
    changes: FloatArray = field(default_factory=lambda: np.zeros((0, 0, 0, 0)))

    @property
    def n_features(self) -> int:
        """Number of columns: features and changes."""
        return len(self.coefficients) + int(active(self.changes).sum())

    def made(self, systems: Systems, evaluator: PlanEvaluator) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Rows of energy, forces and virial."""
        features = evaluator.design_rows(systems)
        rows = evaluator.radial_rows(systems, self.part, self.coefficients, self.changes)
        used = active(self.changes)
        energy, forces, virial = (
            np.concatenate([own, more[:, used]], axis=1) for own, more in zip(features, rows, strict=True)
        )
        return energy, forces, virial


def active(changes: FloatArray) -> BoolArray:
    """Which changes are not zero, flat over (pairs, functions, size)."""
    found: BoolArray = changes.any(axis=-1).reshape(-1)
    return found


def changed(table: FloatArray, changes: FloatArray, amounts: FloatArray) -> FloatArray:
    """Table (pairs, functions, size) with all active changes made by the amounts given."""
    all_amounts = np.zeros(table.size)
    all_amounts[active(changes)] = amounts
    moved: FloatArray = table + np.einsum("pfi,pfik->pfk", all_amounts.reshape(table.shape), changes)
    return moved


def independent_changes(table: FloatArray) -> FloatArray:
    """Changes of radial functions that features do not take up, shape (pairs, functions, size, size).

    To a function mu another one of a lower mu can be added (the same multiple for all pairs of elements)
    without leaving the span of the contractions up to a level, because these contain every contraction with
    the lower mu in its place. So of one element the changes of a function are those orthogonal to it and to
    all functions before it. Of several elements, pairs change on their own, each in all directions; the few
    combinations that features take up are left to the damping of the steps.

    Parameters
    ----------
    table
        Chebyshev coefficients, shape (pairs, functions, size).
    """
    n_pairs, n_functions, size = table.shape
    changes = np.zeros((n_pairs, n_functions, size, size))
    if n_pairs > 1:
        changes[:] = np.eye(size)
        return changes
    q, _ = qr(table[0].T)
    for mu in range(n_functions):
        free = q[:, mu + 1 :].T
        changes[0, mu, : len(free)] = free
    return changes


def orthogonal(table: FloatArray) -> FloatArray:
    """Table that spans the same contractions, functions being orthogonal and of their first norms' mean.

    Each function has its part along those of lower mu taken off, in the sum over all pairs of elements; see
    `independent_changes`.
    """
    flat = np.moveaxis(table, 1, 0).reshape(table.shape[1], -1)
    q, r = qr(flat.T, mode="economic")
    signed = q.T * np.sign(np.diag(r))[:, None] * np.linalg.norm(flat, axis=1).mean()
    back = signed.reshape(table.shape[1], table.shape[0], table.shape[2])
    return np.ascontiguousarray(np.moveaxis(back, 0, 1))
