"""How much energies count in a fit: as much as lowers errors on configurations that it has not seen.

Energies are few and forces many, and no fixed ratio of their weights suits all data: where energies are
noisy (different or coarse k-points), a large weight makes the fit follow the noise. Whether it does shows on
groups of configurations left out. As in the calibration of the posterior (`atomsmith.fitting.held_out`),
functions and strength of the prior stay those of the fit, so that a trial costs one Cholesky decomposition a
group.

Few groups rarely single out one weight, and which of several good ones is best is then chance. So the choice
is smoothed over bootstrap samples of the groups (Efron, J. Am. Stat. Assoc. 109, 991 (2014)): the geometric
mean of the weights that are best in the samples. Where one is clearly best, that is it; where two are
equally good, the one between them.

A group that alone tells of a reference energy (it holds the only configurations with an element, or the only
ones of another composition) is no judge: the others do not predict its energies, whatever their weight.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from atomsmith.fitting.rows.factor import TriangularFactor, merge_factors
from atomsmith.fitting.rows.factor_set import FactorSet
from atomsmith.fitting.solvers.elimination import Elimination
from atomsmith.fitting.solvers.posterior import Posterior
from atomsmith.fitting.solvers.prior import Prior
from atomsmith.fitting.solvers.registry import Solution, Solver
from atomsmith.fitting.solvers.standard_form import open_directions
from atomsmith.fitting.weights import KindWeights, Weights
from atomsmith.systems import FloatArray

MULTIPLES = tuple(2.0**power for power in range(-4, 4))
"""Of the weight of a fit that are tried; closer ones differ by less than their uncertainty."""

NEAR = np.sqrt(2.0)
"""Factor within which the usual weight stays: half the distance of those tried."""

LIKELY = 0.1
"""Share of the samples from which on a weight is named as one that may be best."""

FEWEST = 50
"""Configurations with an energy; fewer in five groups say little about the uncertainty."""

LARGEST = 2000
"""Columns; beyond, the trials take as long as all the rest of a fit."""


@dataclass(frozen=True)
class EnergyChoice:
    """What weights of energies did to errors on configurations left out, and which was taken.

    Attributes
    ----------
    weight
        The one taken.
    usual
        The one that stays where the data ask for none that differs by more than `NEAR`.
    tried
        Weights.
    gains
        By how much each lowers the logarithm of the geometric mean of the errors (root mean squares) of
        energies and forces with respect to the usual one, mean over the groups.
    uncertainties
        Standard errors of the gains, from their spread over the groups.
    shares
        Of the bootstrap samples of the groups in which each is best.
    """

    weight: float
    usual: float
    tried: tuple[float, ...]
    gains: tuple[float, ...]
    uncertainties: tuple[float, ...]
    shares: tuple[float, ...]

    @classmethod
    def of(cls, tried: FloatArray, scores: FloatArray, usual: int) -> EnergyChoice:
        """Take the geometric mean of the weights that are best in the bootstrap samples of the groups.

        Parameters
        ----------
        tried
            Weights, shape (m,).
        scores
            Logarithms of the errors by weight and group, shape (m, groups).
        usual
            Index of the weight that stays if the mean is near it.
        """
        gains = scores[usual] - scores
        mean, error = gains.mean(axis=1), gains.std(axis=1, ddof=1) / np.sqrt(gains.shape[1])
        shares = _shares_of_the_best(scores, usual)
        smooth = float(np.exp(shares @ np.log(tried)))
        near = 1.0 / NEAR < smooth / tried[usual] < NEAR
        weight = float(tried[usual]) if near else float(f"{smooth:.2g}")
        return cls(weight, float(tried[usual]), *(tuple(x.tolist()) for x in (tried, mean, error, shares)))

    @property
    def text(self) -> str:
        """How it came about, in words."""
        likely = [weight for weight, share in zip(self.tried, self.shares, strict=True) if share >= LIKELY]
        span = f"{min(likely):g} to {max(likely):g} are" if len(likely) > 1 else f"{likely[0]:g} is"
        taken = "stays" if self.weight == self.usual else f"instead of {self.usual:g}"
        return f"energy {self.weight:g} {taken}: {span} best on configurations left out"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for metadata."""
        return {
            "tried": list(self.tried),
            "gains": list(self.gains),
            "uncertainties": list(self.uncertainties),
            "shares": list(self.shares),
        }


def _shares_of_the_best(scores: FloatArray, usual: int) -> FloatArray:
    """In what share of all samples of the groups with replacement each weight is best, shape (m,).

    Five groups have 3,125 samples, so all are looked at and no seed is needed. The usual one wins a draw.
    """
    n_groups = scores.shape[1]
    samples = np.array(list(itertools.product(range(n_groups), repeat=n_groups)))
    errors = scores[:, samples].sum(axis=2)
    best = np.where(errors[usual] <= errors.min(axis=0), usual, errors.argmin(axis=0))
    shares: FloatArray = np.bincount(best, minlength=len(scores)) / len(samples)
    return shares


def leaves_energy_weight(weights: Weights, solver: Solver) -> bool:
    """Whether the weight of energies is chosen: where settings leave it open, and functions are chosen too.

    Other fits, those of a learning loop above all, keep one weight whatever their data are.
    """
    return weights.energy_is_open and isinstance(solver, Elimination) and solver.functions is not None


def tells_energy_weight(factors: FactorSet) -> bool:
    """Whether data are enough to tell one weight from another, and the functions few enough to try."""
    energies = factors.n_rows(KindWeights(1.0, 0.0, 0.0))
    return factors.n_features <= LARGEST and energies >= FEWEST


def choose_energy_weight(
    factors: FactorSet, weights: KindWeights, prior: Prior, found: Solution
) -> EnergyChoice | None:
    """Try weights of energies on groups of configurations left out.

    Parameters
    ----------
    factors
        Rows by group and kind.
    weights, prior, found
        Of the fit so far, which gives functions, strengths of the prior and noise.

    Returns
    -------
    choice
        None where data cannot tell, or only at a price: see `tells_energy_weight`; also with fewer than two
        groups that judge, or a group without energies or forces.
    """
    if not tells_energy_weight(factors):
        return None
    energies = factors.by_group(KindWeights(1.0, 0.0, 0.0))
    others = factors.by_group(replace(weights, energy=0.0)) if weights.forces > 0.0 else {}
    if set(energies) != set(others) or len(energies) < max(2, len(factors.groups)):
        return None
    tried = weights.energy * np.array(MULTIPLES)
    judges = _judges(energies, prior)
    if len(judges) < 2:
        return None
    squares = _squares_left_out(factors, energies, others, judges, tried, weights.energy, found)
    if squares is None:
        return None
    # Half the logarithm of the product of two root mean squares, up to a constant. A kind without any error,
    # such as forces that symmetry forbids, has the same share for all weights.
    scores = 0.25 * np.log(np.maximum(squares, np.finfo(np.float64).tiny)).sum(axis=2)
    return EnergyChoice.of(tried, scores, MULTIPLES.index(1.0))


def _judges(energies: Mapping[int, TriangularFactor], prior: Prior) -> list[int]:
    """Groups whose energies leave open no combination of reference energies when they are left out."""
    free = np.flatnonzero(prior.penalty == 0.0)
    columns = {index: factor.r[:, free] for index, factor in energies.items()}

    def n_open(groups: Iterable[int]) -> int:
        triangle = np.linalg.qr(np.concatenate([columns[index] for index in groups])).R
        return len(open_directions(triangle, prior.anchor)[0])

    anyway = n_open(columns)
    return [one for one in columns if n_open(index for index in columns if index != one) == anyway]


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows as |B u - r|^2 of the coordinates u in which the posterior is standard normal, c = mean + L u.

    Attributes
    ----------
    gram, slope
        B^T B, shape (k, k), and B^T r, shape (k,).
    """

    gram: FloatArray
    slope: FloatArray

    @classmethod
    def of(cls, factor: TriangularFactor, posterior: Posterior) -> _Rows:
        r = factor.r
        columns = r[:, posterior.kept] @ posterior.factor
        return cls(columns.T @ columns, columns.T @ (factor.qty - r @ posterior.mean))


def _squares_left_out(
    factors: FactorSet,
    energies: Mapping[int, TriangularFactor],
    others: Mapping[int, TriangularFactor],
    judges: Sequence[int],
    tried: FloatArray,
    usual: float,
    found: Solution,
) -> FloatArray | None:
    """Sums of squared residuals of energies and forces of each judge left out, shape (weights, judges, 2).

    In the coordinates u the precision of the fit is the identity and its gradient zero: another weight of
    energies adds (w^2 - w_0^2) times theirs, and a group left out subtracts its own. None where rounding
    spoils a precision, as it may where one group alone determines a function.
    """
    posterior, beta = found.posterior, found.beta
    every = _Rows.of(merge_factors(energies.values()), posterior)
    squares = np.zeros((len(tried), len(judges), 2))
    for column, index in enumerate(judges):
        energy, other = _Rows.of(energies[index], posterior), _Rows.of(others[index], posterior)
        for row, weight in enumerate(tried):
            more = weight**2 - usual**2
            precision = beta * (more * every.gram - weight**2 * energy.gram - other.gram)
            precision[np.diag_indices_from(precision)] += 1.0
            slope = beta * (more * every.slope - weight**2 * energy.slope - other.slope)
            try:
                u = cho_solve(cho_factor(precision, overwrite_a=True), slope)
            except LinAlgError:
                return None
            coefficients = posterior.mean.copy()
            coefficients[posterior.kept] += posterior.factor @ u
            for part in factors.groups[index].parts:
                left = part.squares(coefficients)
                squares[row, column] += left["energy"], left["forces"]
    return squares
