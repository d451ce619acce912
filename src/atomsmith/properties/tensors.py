"""Fourth-rank elastic tensors as Voigt matrices: symmetry, moduli, stability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from atomsmith.builders.deformations import VOIGT
from atomsmith.systems import FloatArray

PLACES = tuple((i, j) for i in range(6) for j in range(i, 6))
"""The 21 components of a symmetric Voigt matrix: C11, C12, ..., C66."""


TOLERANCE = 1e-6
"""Parts of a tensor that are smaller are rounding of the rotations, not freedom that symmetry leaves."""


@dataclass(frozen=True, eq=False)
class ElasticForm:
    """What symmetry leaves of an elastic tensor: n independent components.

    Attributes
    ----------
    names
        Of the independent components, such as C11, C12, C44.
    basis
        Voigt matrices, shape (n, 6, 6): C is the sum of components times these.
    """

    names: tuple[str, ...]
    basis: FloatArray

    @classmethod
    def of(cls, rotations: FloatArray | None) -> ElasticForm:
        """Find the form that is invariant under rotations (m, 3, 3); None knows no symmetry."""
        units = np.zeros((len(PLACES), 6, 6))
        for k, (i, j) in enumerate(PLACES):
            units[k, i, j] = units[k, j, i] = 1.0
        if rotations is not None and len(rotations):
            turns = np.array([stress_rotation(rotation) for rotation in rotations])
            units = np.mean(np.einsum("mai,kij,mbj->mkab", turns, units, turns), axis=0)
        components = units[:, [i for i, _ in PLACES], [j for _, j in PLACES]]
        reduced, pivots = _reduced_rows(components)
        basis = np.zeros((len(pivots), 6, 6))
        for row, values in enumerate(reduced):
            for (i, j), value in zip(PLACES, values, strict=True):
                basis[row, i, j] = basis[row, j, i] = value
        names = tuple(f"C{PLACES[p][0] + 1}{PLACES[p][1] + 1}" for p in pivots)
        return cls(names, basis)

    def modes(self) -> list[int]:
        """Fewest of the six unit strains, in order, whose stresses determine all components."""
        chosen: list[int] = []
        rank = 0
        for mode in range(6):
            rows = np.concatenate([self.basis[:, :, m].T for m in [*chosen, mode]])
            found = int(np.linalg.matrix_rank(rows, tol=TOLERANCE))
            if found > rank:
                chosen, rank = [*chosen, mode], found
        return chosen

    def fit(self, columns: dict[int, FloatArray]) -> tuple[FloatArray, float]:
        """Least squares of the tensor to measured columns (6,); also the root mean square misfit."""
        rows = np.concatenate([self.basis[:, :, mode].T for mode in columns])
        values = np.concatenate(list(columns.values()))
        components = np.linalg.lstsq(rows, values, rcond=None)[0]
        misfit = float(np.sqrt(np.mean((rows @ components - values) ** 2)))
        return np.einsum("k,kij->ij", components, self.basis), misfit


def stress_rotation(rotation: FloatArray) -> FloatArray:
    """Matrix (6, 6) that turns a Voigt stress; an elastic matrix C becomes M C M^T (Bond 1943)."""
    turned = np.zeros((6, 6))
    for column, (a, b) in enumerate(VOIGT):
        unit = np.zeros((3, 3))
        unit[a, b] = unit[b, a] = 1.0
        moved = rotation @ unit @ rotation.T
        turned[:, column] = [moved[i, j] for i, j in VOIGT]
    return turned


def _reduced_rows(matrix: FloatArray, tolerance: float = TOLERANCE) -> tuple[FloatArray, list[int]]:
    """Reduced row echelon form without its empty rows, and the pivot columns."""
    work, pivots, row = matrix.copy(), [], 0
    for column in range(work.shape[1]):
        if row == len(work):
            break
        best = row + int(np.argmax(np.abs(work[row:, column])))
        if abs(work[best, column]) < tolerance:
            continue
        work[[row, best]] = work[[best, row]]
        work[row] /= work[row, column]
        others = np.arange(len(work)) != row
        work[others] -= np.outer(work[others, column], work[row])
        pivots.append(column)
        row += 1
    reduced = np.where(np.abs(work[:row]) < tolerance, 0.0, work[:row])
    return reduced, pivots


@dataclass(frozen=True)
class Moduli:
    """Averages over orientations by Voigt, Reuss and Hill (Proc. Phys. Soc. A 65, 349 (1952)).

    ``universal_anisotropy`` is that of Ranganathan and Ostoja-Starzewski, Phys. Rev. Lett. 101, 055504
    (2008); 0 for an isotropic solid. Reuss and what needs it is None for an unstable crystal.
    """

    bulk_voigt_gpa: float
    bulk_reuss_gpa: float | None
    bulk_hill_gpa: float | None
    shear_voigt_gpa: float
    shear_reuss_gpa: float | None
    shear_hill_gpa: float | None
    young_hill_gpa: float | None
    poisson_hill: float | None
    universal_anisotropy: float | None

    @classmethod
    def of(cls, c: FloatArray, stable: bool) -> Moduli:
        """Average an elastic matrix in GPa."""
        diagonal, off, shear = np.trace(c[:3, :3]), c[0, 1] + c[0, 2] + c[1, 2], np.trace(c[3:, 3:])
        bulk_v = float((diagonal + 2.0 * off) / 9.0)
        shear_v = float((diagonal - off + 3.0 * shear) / 15.0)
        if not stable:
            return cls(bulk_v, None, None, shear_v, None, None, None, None, None)
        s = np.linalg.inv(c)
        s_diagonal, s_off, s_shear = np.trace(s[:3, :3]), s[0, 1] + s[0, 2] + s[1, 2], np.trace(s[3:, 3:])
        bulk_r = float(1.0 / (s_diagonal + 2.0 * s_off))
        shear_r = float(15.0 / (4.0 * s_diagonal - 4.0 * s_off + 3.0 * s_shear))
        bulk, rigid = 0.5 * (bulk_v + bulk_r), 0.5 * (shear_v + shear_r)
        return cls(
            bulk_voigt_gpa=bulk_v,
            bulk_reuss_gpa=bulk_r,
            bulk_hill_gpa=bulk,
            shear_voigt_gpa=shear_v,
            shear_reuss_gpa=shear_r,
            shear_hill_gpa=rigid,
            young_hill_gpa=9.0 * bulk * rigid / (3.0 * bulk + rigid),
            poisson_hill=(3.0 * bulk - 2.0 * rigid) / (2.0 * (3.0 * bulk + rigid)),
            universal_anisotropy=5.0 * shear_v / shear_r + bulk_v / bulk_r - 6.0,
        )


def is_stable(c: FloatArray) -> bool:
    """Born's criterion: the elastic matrix is positive definite (Mouhat and Coudert, PRB 90, 224104)."""
    return bool(np.linalg.eigvalsh(0.5 * (c + c.T)).min() > 0.0)
