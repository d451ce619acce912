"""Training of radial functions by variable projection: the linear coefficients always at their best.

Energies are linear in the coefficients c of the features and polynomial in the coefficients t of the radial
functions. A step solves the least-squares problem that is linearised in t, min |A(t) c + J(t, c) dt - y|^2,
with the prior of c and the damping of Marquardt on dt (More, Lect. Notes Math. 630, 105 (1978)), keeps dt and
finds c again: Kaufman's form of variable projection (Kaufman, BIT 15, 49 (1975); Golub and Pereyra, SIAM J.
Numer. Anal. 10, 413 (1973)). Features depend so nearly on each other that the c of the linearised problem
would be useless; found again, a dozen steps are enough. Rows of [A J] are streamed into one triangular
factor, so memory is quadratic in the number of parameters however many configurations there are. Training
ends when configurations held out do not gain any more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from atomsmith.fitting.rows.design import RowMaker, number_of_labels
from atomsmith.fitting.rows.factor import TriangularFactor
from atomsmith.fitting.rows.factor_set import FactorSet, KindErrors
from atomsmith.fitting.rows.streaming import Workers, accumulate, deal
from atomsmith.fitting.solvers.evidence import Evidence
from atomsmith.fitting.solvers.prior import Prior, feature_scale
from atomsmith.fitting.solvers.registry import Solver, solve
from atomsmith.fitting.solvers.ridge import Ridge
from atomsmith.fitting.solvers.standard_form import StandardForm
from atomsmith.fitting.trainers.radial_rows import RadialRowMaker, changed, independent_changes
from atomsmith.fitting.weights import KINDS, KindWeights
from atomsmith.systems import FloatArray

if TYPE_CHECKING:
    from atomsmith.data.configuration import Configuration
    from atomsmith.descriptors.moments import RadialTraining

SMALLEST_GAIN = 1.0e-3
"""Relative gain of the objective below which a step is the last."""
ATTEMPTS = 8
DAMPING, LEAST_DAMPING = 1.0e-3, 1.0e-6
"""Of the first step and of later ones, in units of the squared columns of changes that features leave."""
BATCH = 16
"""Configurations that are predicted at once."""


@dataclass(frozen=True, eq=False)
class RadialTask:
    """What training works on.

    Attributes
    ----------
    maker
        Rows of the features, with the plan to start from and weights that are settled.
    part
        Number of the part of the plan whose radial functions are trained.
    seen, held_out
        Configurations that steps see, and those that decide when to end.
    prior, solver
        Of the linear coefficients, relative to the maker's reference energies; the prior follows from
        `feature_scale`.
    settings
        Limits.
    """

    maker: RowMaker
    part: int
    seen: Sequence[Configuration]
    held_out: Sequence[Configuration]
    prior: Callable[[FloatArray], Prior]
    solver: Solver
    settings: RadialTraining

    @property
    def table(self) -> FloatArray:
        """Chebyshev coefficients to start from, shape (pairs, functions, size)."""
        return np.array(self.maker.plan["parts"][self.part]["radial"]["coefficients"])

    def plan(self, table: FloatArray) -> dict[str, Any]:
        """Plan with other radial functions."""
        parts = list(self.maker.plan["parts"])
        parts[self.part] = with_table(parts[self.part], table)
        return self.maker.plan | {"parts": parts}


def with_table(part: dict[str, Any], table: FloatArray) -> dict[str, Any]:
    """Part of a plan with other radial functions."""
    return part | {"radial": part["radial"] | {"coefficients": table}}


@dataclass(frozen=True, eq=False)
class RadialState:
    """Where training stands; all that a later step depends on.

    Attributes
    ----------
    table, coefficients
        Radial functions, and linear coefficients that suit them.
    best, best_error, best_iteration
        Radial functions with the smallest weighted error on configurations held out; those of the last step
        where none are.
    damping
        Of the next step.
    iteration
        Steps taken.
    finished
        No step is left to take.
    """

    table: FloatArray
    coefficients: FloatArray
    best: FloatArray
    best_error: float = np.inf
    best_iteration: int = 0
    damping: float = DAMPING
    iteration: int = 0
    finished: bool = False

    def to_arrays(self) -> dict[str, Any]:
        """Plain arrays, for a checkpoint."""
        return {
            "table": self.table,
            "coefficients": self.coefficients,
            "best": self.best,
            "numbers": np.array([self.best_error, self.damping]),
            "counts": np.array([self.best_iteration, self.iteration, self.finished]),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> RadialState:
        """Rebuild from `to_arrays`, bit for bit."""
        best_error, damping = map(float, arrays["numbers"])
        best_iteration, iteration, finished = map(int, arrays["counts"])
        table, coefficients, best = (np.array(arrays[name]) for name in ("table", "coefficients", "best"))
        return cls(table, coefficients, best, best_error, best_iteration, damping, iteration, bool(finished))


@dataclass(frozen=True)
class RadialProgress:
    """A step that was taken: its number, how many there are at most, errors, and seconds that it took."""

    iteration: int
    iterations: int
    seen: KindErrors
    held_out: KindErrors | None
    seconds: float


def split(
    configurations: Sequence[Configuration], settings: RadialTraining, n_parameters: int
) -> tuple[list[Configuration], list[Configuration]]:
    """Configurations that steps see, and those held out, dealt by the seed.

    Fewer than ten configurations, or a share of zero, leave none held out.
    """
    count = len(configurations)
    decks = round(1.0 / settings.held_out) if settings.held_out > 0.0 else count + 1
    dealt = np.fromiter(deal(decks, settings.seed), dtype=np.int64, count=count)
    groups = dealt if decks <= count else np.ones(count, dtype=np.int64)
    held_out = [c for c, group in zip(configurations, groups, strict=True) if group == 0]
    others = [c for c, group in zip(configurations, groups, strict=True) if group != 0]
    wanted = settings.rows_per_parameter * n_parameters
    rows = np.array([number_of_labels(c) for c in others])
    order = np.random.default_rng((settings.seed, 77)).permutation(len(others))
    needed = int(np.searchsorted(np.cumsum(rows[order]), wanted)) + 1
    return [others[k] for k in np.sort(order[:needed])], held_out


def start(task: RadialTask, workers: Workers | None = None) -> RadialState:
    """Linear coefficients of the radial functions to start from."""
    factor, factors = _features_factor(task, task.table, workers)
    solution = solve(factor, task.prior(feature_scale(factors)), quick(task.solver))
    return RadialState(task.table, solution.coefficients, best=task.table)


def step(
    task: RadialTask, state: RadialState, workers: Workers | None = None
) -> tuple[RadialState, RadialProgress]:
    """One damped Gauss-Newton step; ``finished`` if it was the last, or none is left to take."""
    began = time.perf_counter()
    changes = independent_changes(state.table)
    problem = _Linearised.of(_joint_factors(task, state, changes, workers), task, len(state.coefficients))
    damping = state.damping
    for _ in range(ATTEMPTS):
        table = changed(state.table, changes, problem.amounts(damping))
        factor, factors = _features_factor(task, table, workers)
        coefficients, after = problem.projected(factor)
        if after < problem.before:
            break
        damping *= 5.0
    gained = 1.0 - after / problem.before
    following = replace(
        state,
        table=table if gained > 0.0 else state.table,
        coefficients=coefficients if gained > 0.0 else problem.coefficients,
        damping=max(damping / 5.0, LEAST_DAMPING),
        iteration=state.iteration + 1,
    )
    following, unseen = _judged(task, following, gained)
    return following, RadialProgress(
        iteration=following.iteration,
        iterations=task.settings.iterations,
        seen=factors.errors(coefficients),
        held_out=unseen,
        seconds=time.perf_counter() - began,
    )


def _judged(task: RadialTask, state: RadialState, gained: float) -> tuple[RadialState, KindErrors | None]:
    """The state after a step with the best so far, and whether it was the last."""
    unseen, better, waited, error = None, gained > 0.0, gained < SMALLEST_GAIN, state.best_error
    if task.held_out:
        maker = replace(task.maker, plan=task.plan(state.table))
        weights = KindWeights.of(maker.weights)
        error, unseen = predicted(maker, task.held_out, state.coefficients, weights)
        better = error < state.best_error
        waited = waited or (not better and state.iteration - state.best_iteration >= task.settings.patience)
    if better:
        state = replace(state, best=state.table, best_error=error, best_iteration=state.iteration)
    last = gained <= 0.0 or waited or state.iteration >= task.settings.iterations
    return replace(state, finished=last), unseen


def predicted(
    maker: RowMaker, configurations: Sequence[Configuration], coefficients: FloatArray, weights: KindWeights
) -> tuple[float, KindErrors]:
    """Weighted sum of squared residuals, and errors of the kinds."""
    evaluator = maker.evaluator()
    squares, units = dict.fromkeys(KINDS, 0.0), dict.fromkeys(KINDS, 0.0)
    for k in range(0, len(configurations), BATCH):
        for kind, rows in maker.residuals(configurations[k : k + BATCH], coefficients, evaluator).items():
            squares[kind] += float(np.square(rows.targets * rows.scales).sum())
            units[kind] += float(rows.unit_squares.sum())
    total = sum(weights[kind] ** 2 * squares[kind] for kind in KINDS)
    return total, KindErrors.from_sums(squares, units)


def quick(solver: Solver) -> Solver:
    """The solver of steps: which functions are relevant is decided once, when they are known."""
    return solver if isinstance(solver, Ridge | Evidence) else Evidence()


def _features_factor(
    task: RadialTask, table: FloatArray, workers: Workers | None
) -> tuple[TriangularFactor, FactorSet]:
    """Factor of the features that radial functions give, on what steps see, and the same by kind."""
    maker = replace(task.maker, plan=task.plan(table))
    factors = FactorSet(maker.n_features, 1)
    accumulate(maker, task.seen, factors, workers=workers)
    return factors.combine(KindWeights.of(maker.weights)), factors


def _joint_factors(
    task: RadialTask, state: RadialState, changes: FloatArray, workers: Workers | None
) -> FactorSet:
    """Factors of the features and of the changes of radial functions."""
    base = task.maker
    maker = RadialRowMaker(
        plan=task.plan(state.table),
        weights=base.weights,
        reference=base.reference,
        n_threads=base.n_threads,
        coefficients=state.coefficients,
        part=task.part,
        changes=changes,
    )
    factors = FactorSet(maker.n_features, 1)
    accumulate(maker, task.seen, factors, workers=workers)
    return factors


@dataclass(frozen=True, eq=False)
class _Linearised:
    """The least-squares problem of one step, linear coefficients in front of the amounts of the changes.

    Attributes
    ----------
    form
        Standard form of all columns.
    alpha, beta
        Precisions of the prior of the penalised coefficients and of the noise, as the solver finds them.
    prior, coefficients, before
        Of the linear coefficients; their best without a change, and the objective that they reach.
    """

    form: StandardForm
    alpha: FloatArray
    beta: float
    prior: Prior
    coefficients: FloatArray
    before: float

    @classmethod
    def of(cls, factors: FactorSet, task: RadialTask, n: int) -> _Linearised:
        factor = factors.combine(KindWeights.of(task.maker.weights))
        own = factor.restrict(np.arange(n))
        prior = task.prior(feature_scale(factors)[:n])
        solution = solve(own, prior, quick(task.solver))
        # What the features leave of a change's column: the triangle's last block.
        norms = np.linalg.norm(factor.r[n:, n:], axis=0)
        norms = np.maximum(norms, 1.0e-6 * max(float(norms.max(initial=0.0)), 1.0e-30))
        joint = Prior(
            penalty=np.concatenate([prior.penalty, norms]),
            mean=np.concatenate([prior.mean, np.zeros(len(norms))]),
            anchor=prior.anchor,
        )
        form = StandardForm.build(factor, joint)
        of_features = form.penalised[form.penalised < n]
        alpha = solution.alpha[of_features] / prior.penalty[of_features] ** 2
        found = cls(form, alpha, solution.beta, prior, solution.coefficients, 0.0)
        return replace(found, before=found.projected(own)[1])

    def amounts(self, damping: float) -> FloatArray:
        """Amounts of the changes."""
        damped = np.full(self.form.size - len(self.alpha), damping * self.beta)
        joint = self.form.posterior(np.concatenate([self.alpha, damped]), self.beta)
        return joint.mean[self.prior.n_features :]

    def projected(self, factor: TriangularFactor) -> tuple[FloatArray, float]:
        """Best linear coefficients of other features, and twice their negative log posterior."""
        form = StandardForm.build(factor, self.prior)
        c = form.posterior(self.alpha, self.beta).mean
        x = self.prior.penalty[form.penalised] * (c - self.prior.mean)[form.penalised]
        return c, self.beta * factor.predicted_sum_of_squares(c) + float(self.alpha @ x**2)
