"""Fits of embeddings: functions of several densities, by Levenberg and Marquardt on streamed rows.

E_i = sum_p F(rho_ip; m_p) with rho_ip = sum_k c_pk B_ik (Drautz, Phys. Rev. B 99, 014104 (2019), sec. V). All
densities are made of the same features B of an atom, so that a step needs them and their gradients once. A
step folds the rows of its Jacobian into a triangular factor, as linear fits do with theirs: memory does not
grow with the data beyond a fixed budget. The strengths of the prior, one of linear densities and one of the
others, maximise the evidence of the linearised problem, anew in every step (Foresee and Hagan, Proc. ICNN 3,
1930 (1997)).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import lstsq

from atomsmith.descriptors.base import DescriptorPart, FeatureInfo, features_of_centres
from atomsmith.errors import InputError
from atomsmith.evaluator import DescriptorRows, PlanEvaluator, species_of
from atomsmith.fitting.rows.factor import TriangularFactor
from atomsmith.fitting.solvers.prior import Prior
from atomsmith.fitting.solvers.registry import Evidence, solve
from atomsmith.fitting.trainers.embedding.rows import Layout, rows_and_jacobian
from atomsmith.fitting.trainers.embedding.survey import Survey
from atomsmith.fitting.trainers.training import (
    Residual,
    TrainedTerm,
    TrainingState,
    TrainingTask,
    require_pressure,
    residuals_of,
)
from atomsmith.model import Model
from atomsmith.regressors import EmbeddingCentre, EmbeddingSettings, embedding_plan
from atomsmith.systems import BoolArray, FloatArray, IntArray, Systems

if TYPE_CHECKING:
    from atomsmith.data.configuration import Configuration

DAMPING, RAISED, LOWERED, STRONGEST = 1.0e-2, 10.0, 0.2, 1.0e8
"""First cost of changing densities by 1 relative to the squares; factors after refusal, success; its end."""
REACH = 0.01
"""Share of a draw from the posterior that a member goes, its coefficients then go on as far: combinations of
densities that the data hardly know leave the range where the posterior, that of a linear problem, holds."""
GAIN = 1.0e-3
"""Relative gain of a step below which the fit has converged."""
FAITHFUL, GOOD = 0.1, 0.25
"""Shares of the gain that the linearised problem promises: a step that gains less is refused, as it has left
the range where that problem says anything, and its small gain is no convergence; one that gains more
lowers the damping."""

BUDGET_BYTES = 2**30
"""Gradients of features that are kept; those of further configurations are made again in every step."""


@dataclass(frozen=True, eq=False)
class EmbeddingFit:
    """The least-squares problem of a term.

    Attributes
    ----------
    task
        What to train.
    layout
        Densities.
    """

    task: TrainingTask
    layout: Layout
    _evaluator: PlanEvaluator = field(init=False)
    _kept: dict[int, DescriptorRows] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        plan = {"elements": list(self.elements), "parts": [self.task.descriptor.part]}
        evaluator = PlanEvaluator(plan, n_threads=self.task.problem.settings.threads)
        object.__setattr__(self, "_evaluator", evaluator)

    @property
    def elements(self) -> tuple[int, ...]:
        """Atomic numbers of the species."""
        return self.task.problem.model.elements

    @property
    def held(self) -> BoolArray:
        """Offsets that are known to be 0, because the reference energies are known, shape (n_species,)."""
        return np.full(len(self.elements), self.task.problem.held)

    def rows(
        self, chosen: Sequence[int]
    ) -> Iterator[tuple[DescriptorRows, IntArray, FloatArray, FloatArray]]:
        """Rows of the descriptor, species, labels and scales of some configurations, one after the other."""
        for k in chosen:
            systems = Systems.from_configurations([self.task.configurations[k]])
            species = species_of(systems.numbers, self.elements)
            rows = self._kept.get(k) or self._evaluator.descriptor_rows(systems, 0)
            if k not in self._kept and sum(map(_n_bytes, self._kept.values())) < BUDGET_BYTES:
                self._kept[k] = rows
            yield rows, species, *_labels(self.task.residuals[k], len(species))

    def factor(self, parameters: FloatArray, chosen: Sequence[int]) -> TriangularFactor:
        """Weighted rows of the problem that is linearised at these parameters, of some configurations."""
        factor = TriangularFactor(self.layout.n_parameters)
        for rows, species, labels, scales in self.rows(chosen):
            values, jacobian = rows_and_jacobian(rows, species, self.layout, parameters)
            factor.fold(jacobian, labels - values + jacobian @ parameters, scales)
        return factor

    def part(self, members: Sequence[FloatArray]) -> dict[str, Any]:
        """Part of the plan whose outputs are the energies with these parameters."""
        exponents = np.array(self.layout.exponents)
        centres = [
            EmbeddingCentre(
                function="shifted_scaled",
                prefactor=np.ones(len(exponents)),
                exponent=exponents,
                coefficients=np.concatenate([self.layout.of_species(one, z)[None] for one in members]),
            )
            for z in range(len(self.elements))
        ]
        return self.task.descriptor.part | {
            "n_features": len(members),
            "regressor": embedding_plan(centres, members=len(members)),
        }

    def errors(
        self, parameters: FloatArray, chosen: Sequence[int]
    ) -> Iterator[tuple[int, FloatArray, FloatArray]]:
        """Configurations, errors of their rows as the engine predicts them, and the scales of these."""
        plan = {"elements": list(self.elements), "parts": [self.part([parameters])]}
        model = Model(self.elements, plan, outputs(self.elements, 1), np.zeros(1, np.int64))
        configurations = [_with_labels(self.task, k) for k in chosen]
        settings = self.task.problem.settings
        left = residuals_of(configurations, model, np.ones(1), settings.weights, settings.threads)
        offsets = self.layout.offsets(parameters)
        for k, one in zip(chosen, left, strict=True):
            numbers = self.task.configurations[k].numbers
            errors, _ = _labels(one, len(numbers))
            errors[0] -= offsets[species_of(numbers, self.elements)].sum()
            _, scales = _labels(self.task.residuals[k], len(numbers))
            yield k, errors, scales

    def squares(self, parameters: FloatArray, chosen: Sequence[int]) -> float:
        """Sum of weighted squared errors of some configurations."""
        return sum(float(np.square(e * scales).sum()) for _, e, scales in self.errors(parameters, chosen))


def train_embedding(task: TrainingTask) -> TrainedTerm:
    """Fit the densities of a term whose regressor is an embedding.

    The members of the committee are draws from the posterior of the linearised problem.

    Raises
    ------
    InputError
        If the descriptor does not describe single atoms, or pressures shall not count.
    """
    require_pressure(task)
    settings = task.settings.regressor
    assert isinstance(settings, EmbeddingSettings)
    part, info = task.descriptor.part, task.descriptor.info
    columns = features_of_centres(part, len(task.problem.model.elements))
    if not any(map(len, columns)):
        raise InputError(
            f"regressor embedding: a term of kind {part['kind']} does not describe single atoms; use it with "
            "the linear regressor, or another descriptor."
        )
    fit = EmbeddingFit(task, Layout(tuple(columns), settings.exponents))
    held_out = task.held_out(settings.held_out)
    train, judges = (np.flatnonzero(chosen).tolist() for chosen in (~held_out, held_out))
    survey = Survey.of(fit.layout.columns, len(info), fit.rows(train))
    penalty = survey.penalty(info.smoothness, task.settings.standardised)
    steps = Steps(fit, prior_of(fit.layout, penalty, fit.held), survey.damper(fit.layout), settings)
    start = survey.start(fit.layout, penalty, fit.held, task.problem.settings.seed)
    earlier = None if task.start is None else task.start.kept
    if isinstance(earlier, np.ndarray):
        start = earlier
    found, record = steps.minimise(start, train, judges)
    record = {
        "term": task.term,
        "kind": "embedding",
        "parameters": fit.layout.n_coefficients,
    } | record
    return replace(_assembled(steps, found, train, judges, record), kept=found)


def prior_of(layout: Layout, penalty: FloatArray, held: BoolArray) -> Prior:
    """Prior of all parameters: one strength for linear densities, one for the others; offsets are free.

    Parameters
    ----------
    layout
        Of the parameters.
    penalty
        Shape for the features of the descriptor.
    held
        Offsets that are known.
    """
    shape = layout.repeated(penalty)
    shape[layout.n_coefficients :] = np.where(held, np.inf, 0.0)
    groups = np.zeros(layout.n_parameters, dtype=np.int64)
    for z in range(len(layout.columns)):
        for p, exponent in enumerate(layout.exponents):
            groups[layout.place(z, p)] = int(exponent != 1.0)
    return Prior.create(shape, groups=groups)


@dataclass(frozen=True, eq=False)
class Steps:
    """Steps of Levenberg and Marquardt.

    Attributes
    ----------
    fit
        The problem.
    prior
        Of the parameters.
    damper
        See `Survey.damper`.
    settings
        When to end.
    """

    fit: EmbeddingFit
    prior: Prior
    damper: FloatArray
    settings: EmbeddingSettings

    def minimise(
        self, parameters: FloatArray, train: Sequence[int], judges: Sequence[int]
    ) -> tuple[FloatArray, dict[str, Any]]:
        """Return the best parameters, by the judges if there are any, and a record of the way."""
        fit, settings = self.fit, self.settings
        best, best_judged, best_step = parameters, np.inf, 0
        history: list[dict[str, float]] = []
        moved = _Step(parameters, fit.factor(parameters, train), np.inf, 0.0, DAMPING)
        for step in range(1, settings.steps + 1):
            moved = self._step(moved, train)
            parameters = moved.parameters
            judged = fit.squares(parameters, judges) if judges else moved.squares
            history.append({"train": moved.squares, "held_out": judged})
            _show(fit.task, step, settings.steps, history)
            if judged < best_judged:
                best, best_judged, best_step = parameters, judged, step
            if moved.gain < GAIN or (judges and step - best_step >= settings.patience):
                break
        return best, {"steps": len(history), "kept": best_step, "history": history}

    def _step(self, at: _Step, train: Sequence[int]) -> _Step:
        """Damp the solution of the linearised problem until it is an improvement; stay where none is."""
        factor, parameters, damping = at.factor, at.parameters, at.damping
        solution = solve(factor, self.prior, Evidence())
        free = np.isfinite(solution.alpha)
        penalty = np.sqrt(np.where(free, solution.alpha, 0.0) / solution.beta)
        r, target = factor.r[:, free], factor.qty - factor.r[:, ~free] @ parameters[~free]
        squares = factor.predicted_sum_of_squares(parameters)
        before = squares + float(np.square(penalty * parameters).sum())
        while damping < STRONGEST:
            slow = np.sqrt(damping * before) * self.damper[:, free]
            stacked = np.concatenate([r, np.diag(penalty[free]), slow])
            wanted = np.concatenate([target, np.zeros(int(free.sum())), slow @ parameters[free]])
            moved = parameters.copy()
            moved[free] = lstsq(stacked, wanted, lapack_driver="gelsy", check_finite=False)[0]
            there = self.fit.factor(moved, train)
            after = there.predicted_sum_of_squares(moved)
            prior = float(np.square(penalty * moved).sum())
            gain, promised = before - after - prior, before - factor.predicted_sum_of_squares(moved) - prior
            if gain > FAITHFUL * promised:
                lowered = LOWERED if gain > GOOD * promised else 1.0
                return _Step(moved, there, after, gain / before, damping * lowered)
            damping *= RAISED
        return _Step(parameters, factor, squares, 0.0, damping)

    def changes(self, parameters: FloatArray, train: Sequence[int], count: int) -> FloatArray:
        """Draws from the posterior of the problem linearised at the parameters, less its mean, shape (K, n).

        Offsets are held: members have no reference energies of their own, so what densities and offsets
        could exchange is no spread of the energies that they have together.
        """
        offsets = slice(self.fit.layout.n_coefficients, None)
        penalty, mean = self.prior.penalty.copy(), np.zeros(len(parameters))
        penalty[offsets], mean[offsets] = np.inf, parameters[offsets]
        prior = Prior.create(penalty, mean=mean, groups=self.prior.groups)
        posterior = solve(self.fit.factor(parameters, train), prior, Evidence()).posterior
        return posterior.draw(count, self.fit.task.problem.settings.seed) - posterior.mean


@dataclass(frozen=True, eq=False)
class _Step:
    """Where a step has led: parameters, the problem that is linearised there and its squared errors, the
    relative gain with the prior, and the next damping.
    """

    parameters: FloatArray
    factor: TriangularFactor
    squares: float
    gain: float
    damping: float


def _assembled(
    steps: Steps, found: FloatArray, train: Sequence[int], judges: Sequence[int], record: dict[str, Any]
) -> TrainedTerm:
    """The trained term: one output, or one and those of the members of its committee."""
    fit, task = steps.fit, steps.fit.task
    general = task.problem.settings
    elements, count = fit.elements, general.committee
    if count == 0:
        part = DescriptorPart(fit.part([found]), outputs(elements, 1))
        return TrainedTerm(term=task.term, part=part, coefficients=np.ones(1), record=record)
    changes = REACH * steps.changes(found, train, count)
    spread = 1.0 / REACH
    if general.calibrate and judges:
        spread = calibrated_spread(fit, found, changes, judges)
    own = np.eye(count + 1)
    return TrainedTerm(
        term=task.term,
        part=DescriptorPart(fit.part([found, *(found + changes)]), outputs(elements, count + 1)),
        coefficients=own[0],
        committee=own[0] + spread * (own[1:] - own[0]),
        record=record | {"spread": REACH * spread},
    )


def calibrated_spread(
    fit: EmbeddingFit, found: FloatArray, changes: FloatArray, judges: Sequence[int]
) -> float:
    """Factor on deviations of members: makes them as large as errors on configurations held out.

    Rows of one configuration are not independent, so the posterior is too sure. 1 where nothing is held out.
    """
    left = {k: errors * scales for k, errors, scales in fit.errors(found, judges)}
    error = sum(float(np.square(one).sum()) for one in left.values())
    deviation = 0.0
    for change in changes:
        for k, errors, scales in fit.errors(found + change, judges):
            deviation += float(np.square(errors * scales - left[k]).sum()) / len(changes)
    return float(np.sqrt(error / deviation)) if deviation > 0.0 else 1.0


def _n_bytes(rows: DescriptorRows) -> int:
    return rows.gradients.nbytes + rows.strain.nbytes


def outputs(elements: Sequence[int], count: int) -> FeatureInfo:
    """Facts about the energies of an embedding and of its members, which know of no degree."""
    return FeatureInfo(
        order=np.ones(count, dtype=np.int32),
        degree=np.zeros(count),
        smoothness=np.ones(count),
        elements=(tuple(int(z) for z in elements),) * count,
        labels=("embedding", *(f"embedding, member {k}" for k in range(1, count)))[:count],
    )


def _labels(residual: Residual, n_atoms: int) -> tuple[FloatArray, FloatArray]:
    """Energy, forces and virial with the scales of their rows, 0 where there is no label; (7 + 3N,) each."""
    labels, scales = np.zeros(7 + 3 * n_atoms), np.zeros(7 + 3 * n_atoms)
    places = {
        "energy": slice(0, 1),
        "forces": slice(1, 1 + 3 * n_atoms),
        "virial": slice(1 + 3 * n_atoms, None),
    }
    for kind, place in places.items():
        label = getattr(residual, kind)
        if label is not None:
            labels[place] = np.reshape(label, -1)
            scales[place] = residual.scales.rows(kind)
    return labels, scales


def _with_labels(task: TrainingTask, k: int) -> Configuration:
    """Configuration whose labels are what the other terms leave."""
    configuration, residual = task.configurations[k], task.residuals[k]
    return configuration.replace(
        energy=residual.energy,
        forces=residual.forces,
        stress=None if residual.virial is None else -residual.virial / configuration.volume,
    )


def _show(task: TrainingTask, step: int, total: int, history: Sequence[dict[str, float]]) -> None:
    if task.observer is not None:
        drop = 1.0 - history[-1]["held_out"] / history[0]["held_out"]
        task.observer(TrainingState(task.term, step, total, f"step {step}: squares {100 * drop:.1f} % less"))
