"""Terms that are not linear in their parameters: trained first, then part of the linear fit like all others.

A fit with such a term first solves for the linear terms alone. What they leave of the labels goes, with the
descriptor of the term, to the trainer that `trainer_of` finds for it, which returns the part of the plan that
it has found. Then the term is linear in the *outputs* of that part (docs/architecture.md, Regressors),
and the fit makes rows and solves as it does without training. Outputs may come with coefficients: they are
held, and the other coefficients are found once more beside them. With K members of an ensemble as outputs the
mean has the coefficients 1/K and each member of the committee a unit vector.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import rq

from atomsmith.descriptors.base import DescriptorPart
from atomsmith.errors import InputError
from atomsmith.evaluator import PlanEvaluator, sum_atoms
from atomsmith.fitting.rows.design import RowMaker
from atomsmith.fitting.rows.factor_set import FactorSet
from atomsmith.fitting.rows.streaming import Workers, accumulate
from atomsmith.fitting.solvers.posterior import Posterior
from atomsmith.fitting.weights import RowWeights, Weights, row_weights
from atomsmith.model import Model, TermSettings
from atomsmith.prediction import stress_from_virial
from atomsmith.systems import BoolArray, FloatArray, Systems

if TYPE_CHECKING:
    from atomsmith.data.configuration import Configuration
    from atomsmith.fitting.problem import Problem

EXTREME = 0.02
"""Share of the configurations, those with the largest forces, that are never held out."""
BATCH = 32
"""Configurations that are predicted at once."""


@dataclass(frozen=True, eq=False)
class Residual:
    """What the other terms leave of the labels of one configuration of N atoms; None where there is no label.

    Attributes
    ----------
    energy
        Total energy in eV.
    forces
        Shape (N, 3), eV/angstrom.
    virial
        -V * stress, shape (6; xx yy zz yz xz xy), eV.
    scales
        Weights of these rows: the fit minimises the sum of (scale * error)^2.
    """

    energy: float | None
    forces: FloatArray | None
    virial: FloatArray | None
    scales: RowWeights


@dataclass(frozen=True)
class TrainingState:
    """How far a training is, for a progress bar.

    Attributes
    ----------
    term
        Number of the term among those of the model.
    done, total
        Units of work: epochs of all members.
    text
        Errors so far, in words.
    """

    term: int
    done: int
    total: int
    text: str


Observer = Callable[[TrainingState], None]


@dataclass(frozen=True, eq=False)
class TrainingTask:
    """All that a trainer needs to know.

    Attributes
    ----------
    problem
        The whole fit: data, settings, model. Terms that were trained before are part of it.
    term
        Which term of ``problem.settings.model`` to train; its part has the number ``part`` in the plan.
    configurations, residuals
        What to train on: configurations, and what the other terms leave of their labels.
    coefficients
        Of the whole plan, those of the term zero: what the residuals are relative to, shape (n,).
    start
        What an earlier training of the same term found, to go on from; None at first.
    folder
        Where to keep what a killed training goes on from; None: nowhere.
    observer
        Called now and then.
    workers
        Make rows elsewhere, for trainers that can; None: here.
    """

    problem: Problem
    term: int
    configurations: Sequence[Configuration]
    residuals: Sequence[Residual]
    coefficients: FloatArray
    start: TrainedTerm | None = None
    folder: Path | None = None
    observer: Observer | None = None
    workers: Workers | None = None

    @property
    def settings(self) -> TermSettings:
        """Settings of the term."""
        return self.problem.settings.model.terms[self.term]

    @property
    def part(self) -> int:
        """Number of the term's part in the plan."""
        return self.problem.model.part_of(self.term)

    @property
    def descriptor(self) -> DescriptorPart:
        """The term without a regressor: its part of the plan and facts about its features."""
        return self.problem.bare_model.term_part(self.term)

    def held_out(self, share: float) -> BoolArray:
        """Configurations that decide when to stop; every training of a seed has the same ones.

        Those with the largest forces are not among them: they lie at the end of what the data reach, so
        without them a training would be judged by how it extrapolates.
        """
        count = len(self.configurations)
        order = np.random.default_rng((self.problem.settings.seed, 909)).permutation(count)
        largest = [0.0 if c.forces is None else float(np.abs(c.forces).max()) for c in self.configurations]
        extreme = np.argsort(largest, kind="stable")[count - max(1, round(EXTREME * count)) :]
        order = order[~np.isin(order, extreme)]
        chosen: BoolArray = np.zeros(count, dtype=np.bool_)
        chosen[order[: round(share * count)]] = True
        return chosen


@dataclass(frozen=True, eq=False)
class TrainedTerm:
    """What a trainer has found.

    Attributes
    ----------
    term
        Number of the term.
    part
        Its part of the plan, with a trained regressor or descriptor, and facts about its outputs.
    coefficients
        Of the outputs, shape (n_outputs,), held in the fit; None: the fit finds them.
    committee
        Of the outputs, for every member, shape (K, n_outputs); None: no members of its own.
    whiteners
        Upper triangular blocks that make coefficients of equal prior variance into those of consecutive
        outputs, shapes (M, M); none: outputs have independent priors.
    record
        Plain JSON values about the training, for the metadata of the potential.
    kept
        What the next training of the same term in the same fit can use again, as features of the data; only
        its trainer knows what it is.
    """

    term: int
    part: DescriptorPart
    coefficients: FloatArray | None = None
    committee: FloatArray | None = None
    whiteners: tuple[FloatArray, ...] = ()
    record: dict[str, Any] = field(default_factory=dict)
    kept: object = None


Trainer = Callable[[TrainingTask], TrainedTerm]


@dataclass(frozen=True)
class TrainingMeans:
    """What trainings work with, whichever term they are of.

    Attributes
    ----------
    solve
        Linear coefficients of a problem from its factors, relative to what is known beforehand.
    folder, observer, workers
        See `TrainingTask`.
    """

    solve: Callable[[Problem, FactorSet], FloatArray]
    folder: Path | None = None
    observer: Observer | None = None
    workers: Workers | None = None


def train_terms(problem: Problem, trainers: Sequence[Trainer | None], means: TrainingMeans) -> Problem:
    """Train all terms that need it, one after the other, each on what the terms before it leave.

    Parameters
    ----------
    problem
        Of the fit; its model has the descriptors of these terms without regressors.
    trainers
        One for each term, None for linear ones.
    means
        What trainings work with.
    """
    waiting = [term for term, trainer in enumerate(trainers) if trainer is not None]
    for position, term in enumerate(waiting):
        rest = waiting[position:]
        found = fitted_coefficients(problem.without_terms(rest), means)
        coefficients = np.zeros(len(problem.model.features))
        coefficients[~np.isin(problem.model.term, rest)] = found
        problem = retrained(problem, term, trainers[term], coefficients, means).without_kept()
    return problem


def retrained(
    problem: Problem,
    term: int,
    trainer: Trainer | None,
    coefficients: FloatArray,
    means: TrainingMeans,
    *,
    start: TrainedTerm | None = None,
) -> Problem:
    """Return the problem with one term trained on what all others leave with the given coefficients (n,)."""
    assert trainer is not None
    others = coefficients.copy()
    others[problem.model.term == term] = 0.0
    settings = problem.settings
    residuals = residuals_of(problem.rows_of, problem.model, others, settings.weights, settings.threads)
    task = TrainingTask(
        problem,
        term,
        problem.rows_of,
        residuals,
        others,
        start=start,
        folder=means.folder,
        observer=means.observer,
        workers=means.workers,
    )
    return problem.with_trained(trainer(task))


def require_pressure(task: TrainingTask) -> None:
    """Refuse weights without pressure where a training compares whole stresses.

    Raises
    ------
    InputError
        If ``weights.pressure`` is false.
    """
    if not task.problem.settings.weights.pressure:
        raise InputError(
            f"weights.pressure is false, but the training of the regressor {task.settings.regressor.kind} "
            "takes stresses with their pressure; leave it true, or give weights.virial a small number."
        )


def fitted_coefficients(problem: Problem, means: TrainingMeans) -> FloatArray:
    """Best coefficients of a problem's linear features, those known beforehand included, shape (n,)."""
    maker = RowMaker(problem.model.plan, problem.settings.weights, problem.known, problem.settings.threads)
    factors = FactorSet(maker.n_features, 1)
    accumulate(maker, problem.rows_of, factors, seed=problem.settings.seed, workers=means.workers)
    return means.solve(problem, factors) + problem.known


def residuals_of(
    configurations: Sequence[Configuration],
    model: Model,
    coefficients: FloatArray,
    weights: Weights,
    n_threads: int = 1,
) -> list[Residual]:
    """Labels less what a plan predicts with these coefficients, and weights of their rows."""
    evaluator = PlanEvaluator(model.plan, n_threads=n_threads)
    made = evaluator.weights(coefficients[None])
    residuals = []
    for start in range(0, len(configurations), BATCH):
        batch = configurations[start : start + BATCH]
        systems = Systems.from_configurations(batch)
        energies, forces, virials = evaluator.predict_sets(systems, made)
        totals = sum_atoms(energies[0], systems)
        voigt = -stress_from_virial(virials[0], np.ones(len(batch)))
        for k, configuration in enumerate(batch):
            own = slice(systems.first[k], systems.first[k + 1])
            residuals.append(
                Residual(
                    energy=None if configuration.energy is None else configuration.energy - totals[k],
                    forces=None if configuration.forces is None else configuration.forces - forces[0, own],
                    virial=None
                    if configuration.stress is None
                    else -configuration.volume * np.asarray(configuration.stress) - voigt[k],
                    scales=row_weights(configuration, weights),
                )
            )
    return residuals


def with_members(
    posterior: Posterior, problem: Problem, members: int, seed: int
) -> tuple[Posterior, FloatArray]:
    """Add the spread of ensembles to the posterior of linear coefficients, and draw members.

    Parameters
    ----------
    posterior
        Of the linear fit, in which trained coefficients are held.
    problem
        With its trained terms.
    members
        Members wanted; an ensemble has its own number.
    seed
        Of the draws.

    Returns
    -------
    posterior
        With the covariance of the ensembles' members on the outputs.
    committee
        Shape (K, n): draws of the linear coefficients, and the members of the ensembles, in turn.
    """
    spread = [one for one in problem.trained if one.committee is not None]
    if not spread:
        return posterior, posterior.draw(members, seed) if members else np.zeros((0, posterior.n_features))
    if members:
        members = max(len(one.committee) for one in spread if one.committee is not None)
    committee = posterior.draw(members, seed) if members else np.zeros((0, posterior.n_features))
    for one in spread:
        assert one.committee is not None
        assert one.coefficients is not None
        outputs = np.flatnonzero(problem.model.term == one.term)
        turn = np.arange(len(committee)) % len(one.committee)
        committee[:, outputs] = one.committee[turn]
        deviations = (one.committee - one.coefficients).T / np.sqrt(len(one.committee))
        posterior = _with_block(posterior, outputs, _upper_triangle(deviations))
    return posterior, committee


def _upper_triangle(rows: FloatArray) -> FloatArray:
    """Upper triangle R with R R^T = X X^T, for X of shape (n, k)."""
    n = len(rows)
    wide = np.concatenate([rows, np.zeros((n, max(0, n - rows.shape[1])))], axis=1)
    triangle: FloatArray = rq(wide, mode="economic")[0]
    return triangle


def _with_block(posterior: Posterior, features: NDArray[np.int64], factor: FloatArray) -> Posterior:
    k, n = len(posterior.kept), len(features)
    joined = np.zeros((k + n, k + n))
    joined[:k, :k], joined[k:, k:] = posterior.factor, factor
    kept = np.concatenate([posterior.kept, features])
    return Posterior(posterior.mean, kept, joined, posterior.noise_precision)
