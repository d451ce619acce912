"""How much stresses count in a fit: as far as energies and forces bear them out.

Stresses of plane-wave codes carry the Pulay stress, which the derivative of their energies does not have:
2 to 3 GPa in the copper and nickel sets of Zuo et al. (J. Phys. Chem. A 124, 731 (2020)). No potential can
fit both, and a stress weight that suits consistent labels then spoils energies and forces. So a first fit
hardly uses the stresses; the errors of its virials and forces on configurations that it has not seen give
the weight of virials relative to forces, as the inverse ratio of their noise would.

That fit has hardly seen stresses, so where labels agree its errors are more those of the fit than noise, and
stresses count less than they could. Once more with the weight that came of them, and again, is known as
iterative reweighting: the weight rises until it agrees with the errors that come of it (molybdenum and a
linear ACE: 0.15, 0.44, 0.67, 0.73), and stays where labels contradict each other (copper: 0.01).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from atomsmith.fitting.cross_validation import leave_group_out
from atomsmith.fitting.rows.factor_set import FactorSet
from atomsmith.fitting.solvers.elimination import Elimination
from atomsmith.fitting.solvers.evidence import Evidence
from atomsmith.fitting.solvers.prior import Prior
from atomsmith.fitting.solvers.registry import Solver, solve
from atomsmith.fitting.weights import KINDS, KindWeights, Weights

RANGE = (0.01, 1.0)
"""Bounds of the weight of virials relative to that of forces (of energies where there are none), against
data sets too small to tell."""
SETTLED = 0.02
"""Relative change of the weight at which further looks tell nothing new."""


def settled_weights(
    factors: FactorSet, weights: Weights, prior: Prior, solver: Solver, *, looks: int = 1
) -> Weights:
    """Weights with that of virials chosen, where the settings leave it open and there are stresses.

    Parameters
    ----------
    factors
        Rows by group and kind.
    weights
        Of the settings.
    prior, solver
        Of the fit.
    looks
        How often, at most, errors are looked at, from the second time on with the weight that came of them.
    """
    if not weights.virial_is_open or not factors.n_rows(KindWeights(0.0, 0.0, 1.0)):
        return weights
    kinds = KindWeights.of(weights)
    if isinstance(solver, Elimination) and solver.functions is not None:
        prior, solver = _of_the_smoothest(prior, solver.functions), Evidence(noise_floor=solver.noise_floor)
    for _ in range(looks):
        before = kinds.virial
        kinds = replace(kinds, virial=_virial_weight(_unseen_errors(factors, kinds, prior, solver), kinds))
        if abs(kinds.virial - before) <= SETTLED * before:
            break
    return weights.model_copy(update={"virial": kinds.virial})


def _virial_weight(noise: dict[str, float], kinds: KindWeights) -> float:
    """Weight of virials as their noise is to that of forces, or of energies where there are none."""
    against = next((kind for kind in ("forces", "energy") if kinds[kind] > 0.0 and kind in noise), None)
    if against is None:
        return 1.0
    smallest, largest = RANGE
    # Labels that are fitted exactly say nothing of their noise.
    ratio = noise[against] / noise["virial"] if noise["virial"] > 0.0 else largest
    return kinds[against] * float(np.clip(ratio, smallest, largest))


def _of_the_smoothest(prior: Prior, count: int) -> Prior:
    """As many functions as a sparse fit will have; which ones matters little to the noise of labels."""
    penalty = prior.penalty.copy()
    functions = np.flatnonzero((penalty > 0.0) & np.isfinite(penalty))
    penalty[functions[np.argsort(penalty[functions], kind="stable")[count:]]] = np.inf
    return replace(prior, penalty=penalty)


def _unseen_errors(
    factors: FactorSet, weights: KindWeights, prior: Prior, solver: Solver
) -> dict[str, float]:
    """Root mean square residual by kind of rows (without weights) that a fit has not seen.

    Of a single group, the residuals are those of the fit itself.
    """
    groups = factors.by_group(weights)
    if len(groups) > 1:
        fits = leave_group_out(list(groups.values()), prior, solver).solutions
    else:
        fits = tuple(solve(group, prior, solver) for group in groups.values())
    squares, rows = dict.fromkeys(KINDS, 0.0), dict.fromkeys(KINDS, 0)
    for index, fit in zip(groups, fits, strict=True):
        for part in factors.groups[index].parts:
            for kind, value in part.squares(fit.coefficients).items():
                squares[kind] += value
                rows[kind] += part.factors[kind].n_rows
    return {kind: float(np.sqrt(squares[kind] / rows[kind])) for kind in KINDS if rows[kind]}
