"""The trainer of radial functions of moment tensors: what a fit calls for terms with ``radial.trainable``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from atomsmith.descriptors import MomentsSettings
from atomsmith.errors import InputError
from atomsmith.fitting.checkpoints import Checkpoint
from atomsmith.fitting.digest import digest
from atomsmith.fitting.held_out import GROUPS
from atomsmith.fitting.problem import prior_of
from atomsmith.fitting.rows.design import RowMaker, number_of_labels
from atomsmith.fitting.rows.factor_set import FactorSet, KindErrors
from atomsmith.fitting.rows.streaming import accumulate
from atomsmith.fitting.solvers.prior import feature_scale
from atomsmith.fitting.trainers.radial_rows import orthogonal
from atomsmith.fitting.trainers.radial_steps import (
    RadialProgress,
    RadialState,
    RadialTask,
    quick,
    split,
    start,
    step,
    with_table,
)
from atomsmith.fitting.trainers.training import TrainedTerm, TrainingState, TrainingTask
from atomsmith.fitting.virial_weight import settled_weights

if TYPE_CHECKING:
    from atomsmith.descriptors.base import DescriptorPart
    from atomsmith.fitting.problem import Problem


def train_radial(task: TrainingTask) -> TrainedTerm:
    """Train the radial functions of a term of moment tensors, together with all linear coefficients.

    Unlike other trainers it does not take the residuals of the other terms: their coefficients are linear as
    well and change with the radial functions. Terms that are still to be trained are left out.

    Raises
    ------
    InputError
        If no configuration has a label.
    """
    radial_task = _task(task)
    checkpoint = Checkpoint(task.folder, f"radial-{task.term}", _key(task))
    earlier = checkpoint.load()
    state = start(radial_task, task.workers) if earlier is None else RadialState.from_arrays(earlier)
    record: dict[str, Any] = {"n_seen": len(radial_task.seen), "n_held_out": len(radial_task.held_out)}
    while not state.finished:
        state, progress = step(radial_task, state, task.workers)
        checkpoint.save(state.to_arrays())
        if task.observer is not None:
            text = _text(progress)
            task.observer(TrainingState(task.term, progress.iteration, progress.iterations, text))
    record |= {"iterations": state.iteration, "best_iteration": state.best_iteration}
    part = replace(task.descriptor, part=with_table(task.descriptor.part, orthogonal(state.best)))
    arrays = [f"{task.part}.radial.coefficients"]
    return TrainedTerm(
        task.term, part, record={"term": task.term, "kind": "radial", "arrays": arrays} | record
    )


def _task(task: TrainingTask) -> RadialTask:
    """The least-squares problem: data as they are dealt, the plan to start from, weights that are settled."""
    descriptor = task.settings.descriptor
    assert isinstance(descriptor, MomentsSettings)
    others = _waiting(task)
    problem, number = task.problem, task.part
    if others:
        problem = problem.without_terms(others)
        number -= sum(other < task.term for other in others)
    problem = _started_from(problem, number, task.descriptor if task.start is None else task.start.part)
    settings = problem.settings
    maker = RowMaker(problem.model.plan, settings.weights, problem.known, settings.threads)
    n_parameters = maker.n_features + maker.plan["parts"][number]["radial"]["coefficients"].size
    seen, held_out = split(task.configurations, descriptor.radial, n_parameters)
    if not any(number_of_labels(c) for c in seen):
        raise InputError("Radial functions cannot be trained: no configuration has a label.")
    made = RadialTask(
        maker=maker,
        part=number,
        seen=seen,
        held_out=held_out,
        prior=lambda scale: prior_of(problem.model, settings, problem.held_features, scale),
        solver=settings.solver,
        settings=descriptor.radial,
    )
    if not settings.weights.virial_is_open:
        return made
    factors = FactorSet(maker.n_features, GROUPS)
    accumulate(maker, seen, factors, seed=settings.seed, workers=task.workers)
    prior = made.prior(feature_scale(factors))
    weights = settled_weights(factors, settings.weights, prior, quick(settings.solver))
    return replace(made, maker=replace(maker, weights=weights))


def _waiting(task: TrainingTask) -> Sequence[int]:
    """Other terms that are still to be trained."""
    from atomsmith.fitting.trainers.registry import trainer_of

    trained = {one.term for one in task.problem.trained}
    return [
        number
        for number, term in enumerate(task.problem.settings.model.terms)
        if number != task.term and number not in trained and trainer_of(term) is not None
    ]


def _started_from(problem: Problem, number: int, part: DescriptorPart) -> Problem:
    """Problem whose part has the radial functions of another one."""
    parts = list(problem.model.plan["parts"])
    parts[number] = with_table(parts[number], part.part["radial"]["coefficients"])
    return replace(problem, model=replace(problem.model, plan=problem.model.plan | {"parts": parts}))


def _text(progress: RadialProgress) -> str:
    """Errors of a step in words."""

    def words(errors: KindErrors) -> str:
        values = (
            (errors.energy, "{:.3g} meV/atom"),
            (errors.forces, "{:.3g} eV/angstrom"),
            (errors.stress, "{:.3g} GPa"),
        )
        return ", ".join(form.format(value) for value, form in values if value is not None)

    unseen = "" if progress.held_out is None else f"; held out {words(progress.held_out)}"
    return f"RMSE {words(progress.seen)}{unseen}"


def _key(task: TrainingTask) -> str:
    """Digest of what the training depends on."""
    problem = task.problem
    began = task.descriptor if task.start is None else task.start.part
    return digest(
        problem.settings.model_dump(mode="json", exclude={"data", "executor", "threads"}),
        problem.data.fingerprint(),
        problem.model.elements,
        problem.known,
        task.term,
        began.part["radial"]["coefficients"],
    )
