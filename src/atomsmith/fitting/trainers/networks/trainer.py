"""Ensembles of networks on any descriptor: training, early stopping, and the part of the plan they make."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from atomsmith.descriptors.base import DescriptorPart, FeatureInfo, features_of_centres
from atomsmith.errors import InputError
from atomsmith.fitting.checkpoints import Checkpoint
from atomsmith.fitting.digest import digest
from atomsmith.fitting.trainers.networks.objective import Loss, Objective
from atomsmith.fitting.trainers.networks.optimisers import EPOCHS, MAKERS, Optimiser
from atomsmith.fitting.trainers.networks.perceptron import Derivatives, Perceptrons, load_jax
from atomsmith.fitting.trainers.networks.rows import Scaling, TrainingRows
from atomsmith.fitting.trainers.training import TrainedTerm, TrainingState, TrainingTask, require_pressure
from atomsmith.regressors import NetworkSettings
from atomsmith.systems import FloatArray

SAVE_EVERY_S = 20.0


@dataclass(frozen=True, eq=False)
class Member:
    """One trained network of every element."""

    parameters: FloatArray
    epochs: int
    train: Loss
    held_out: Loss | None


def train_networks(task: TrainingTask) -> TrainedTerm:
    """Train the ensemble of a term whose regressor is a network.

    Raises
    ------
    InputError
        If JAX is missing, there is nothing to train on, or pressures shall not count.
    """
    require_pressure(task)
    load_jax()
    settings = task.settings.regressor
    assert isinstance(settings, NetworkSettings)
    descriptor = task.descriptor
    elements = task.problem.model.elements
    columns = features_of_centres(descriptor.part, len(elements))
    if not any(map(len, columns)):
        raise InputError(
            f"regressor network: a term of kind {descriptor.part['kind']} does not describe single atoms; "
            "use it with the linear regressor, or another descriptor."
        )
    networks = Perceptrons(tuple(map(len, columns)), settings)
    earlier = None if task.start is None else task.start.kept
    if isinstance(earlier, TrainingRows):
        rows = earlier.of_residuals(task.residuals)
    else:
        plan = {"elements": list(elements), "parts": [descriptor.part]}
        rows = TrainingRows(
            plan, columns, task.configurations, task.residuals, n_threads=task.problem.settings.threads
        )
    derivatives = [Derivatives.of(networks, z) if n else None for z, n in enumerate(networks.n_inputs)]
    training = Training(task, settings, Objective(networks, derivatives, rows))
    members = [training.member(number) for number in range(settings.members)]
    return replace(assembled(task, networks, rows.scaling, members, training), kept=rows)


class Training:
    """The members of an ensemble, one after the other.

    Parameters
    ----------
    task, settings
        What to train.
    objective
        On all configurations.
    """

    def __init__(self, task: TrainingTask, settings: NetworkSettings, objective: Objective) -> None:
        self.settings, self.objective, self._task = settings, objective, task
        held_out = task.held_out(settings.held_out)
        self.train, self.held_out = np.flatnonzero(~held_out), np.flatnonzero(held_out)
        self.name = settings.optimiser
        self.epochs = settings.epochs or EPOCHS[self.name]
        self.patience = settings.patience or max(1, self.epochs // 5)
        self._started = time.monotonic()
        self._key = digest(
            settings.model_dump(mode="json"),
            task.problem.settings.seed,
            task.descriptor.part,
            [c.fingerprint() for c in task.configurations],
            [[r.energy, r.forces, r.virial] for r in task.residuals],
            [[r.scales.energy, r.scales.forces, r.scales.virial] for r in task.residuals],
            None if task.start is None else task.start.part.part["regressor"],
        )

    def member(self, number: int) -> Member:
        """Train one member, or go on with it where it was when the training was killed."""
        checkpoint = Checkpoint(self._task.folder, f"term-{self._task.term}-member-{number}", self._key)
        optimiser = self._optimiser(number)
        judges = self.held_out if len(self.held_out) else self.train
        best, best_value, best_epoch = optimiser.parameters, np.inf, 0
        if (state := checkpoint.load()) is not None:
            best, best_value = state.pop("best"), float(state.pop("best_value"))
            best_epoch = int(state.pop("best_epoch"))
            optimiser.restore(state)
        elif self._task.start is not None:  # what an earlier turn found may stay the best
            best_value = self.objective.loss(best, judges).typical
        saved = time.monotonic()

        def save() -> None:
            checkpoint.save(
                optimiser.state() | {"best": best, "best_value": best_value, "best_epoch": best_epoch}
            )

        while not self._ended(optimiser, best_epoch):
            optimiser.step(self.objective, self.train)
            loss = self.objective.loss(optimiser.parameters, judges)
            if loss.typical < best_value * (1.0 - 1e-4):
                best, best_value, best_epoch = optimiser.parameters, loss.typical, optimiser.epoch
            self._show(number, optimiser, loss)
            if time.monotonic() - saved > SAVE_EVERY_S:
                save()
                saved = time.monotonic()
        save()
        held_out = self.objective.loss(best, self.held_out) if len(self.held_out) else None
        return Member(best, optimiser.epoch, self.objective.loss(best, self.train), held_out)

    def _optimiser(self, number: int) -> Optimiser:
        settings, seed = self.settings, self._task.problem.settings.seed
        start = _earlier(self._task, self.objective, number)
        if start is None:
            start = self.objective.networks.start(np.random.default_rng((seed, 707, number)))
        extra: dict[str, Any] = {}
        if self.name == "adam":
            extra = {
                "rate": settings.learning_rate,
                "batch": settings.batch_size,
                "epochs": self.epochs,
                "seed": seed + number,
            }
        return MAKERS[self.name](start, decay=settings.weight_decay, **extra)

    def _ended(self, optimiser: Optimiser, best_epoch: int) -> bool:
        if optimiser.finished or optimiser.epoch >= self.epochs:
            return True
        return len(self.held_out) > 0 and optimiser.epoch - best_epoch >= self.patience

    def _show(self, number: int, optimiser: Optimiser, loss: Loss) -> None:
        if self._task.observer is None:
            return
        done = number * self.epochs + optimiser.epoch
        text = (
            f"network {number + 1} of {self.settings.members}, epoch {optimiser.epoch} of at most "
            f"{self.epochs}, {'held out' if len(self.held_out) else 'training'} "
            f"{1e3 * loss.energy_rmse:.2f} meV/atom, {loss.force_rmse:.3f} eV/A"
        )
        self._task.observer(TrainingState(self._task.term, done, self.settings.members * self.epochs, text))


def _earlier(task: TrainingTask, objective: Objective, number: int) -> FloatArray | None:
    """Parameters of a member that an earlier training found; inputs are scaled by the same data."""
    if task.start is None or task.start.part.part.get("regressor", {}).get("kind") != "network":
        return None
    regressor, networks = task.start.part.part["regressor"], objective.networks
    if number >= regressor["networks"]:
        return None
    parameters = np.zeros(networks.n_parameters)
    for z, centre in enumerate(regressor["centres"]):
        made = networks.layers(z, parameters) if networks.n_inputs[z] else []
        for k, ((weights, bias), layer) in enumerate(zip(made, centre["layers"], strict=False)):
            weights[...], bias[...] = layer["weights"][number], layer["bias"][number]
            if k == 0:
                weights[...] = np.linalg.solve(objective.rows.scaling.mix[z].T, weights.T).T
    return parameters


def assembled(
    task: TrainingTask,
    networks: Perceptrons,
    scaling: Scaling,
    members: list[Member],
    training: Training,
) -> TrainedTerm:
    """The part of the plan of trained members, and what is known of them."""
    descriptor, count = task.descriptor, len(members)
    parameters = [member.parameters for member in members]
    centres = []
    for z, n in enumerate(networks.n_inputs):
        layers = networks.plan(z, parameters, scaling.mix[z]) if n else [_nothing(count)]
        centres.append({"shift": scaling.shift[z], "scale": scaling.scale[z], "layers": layers})
    regressor = {"kind": "network", "networks": count, "centres": centres}
    spread = calibrated_spread(training, parameters) if count > 1 and task.problem.settings.calibrate else 1.0
    mean = np.full(count, 1.0 / count)
    record = {
        "term": task.term,
        "kind": "network",
        "optimiser": training.name,
        "parameters": networks.n_parameters,
        "spread": spread,
        "members": [
            {"epochs": m.epochs, "train": _figures(m.train), "held_out": _figures(m.held_out)}
            for m in members
        ],
    }
    return TrainedTerm(
        term=task.term,
        part=DescriptorPart(
            descriptor.part | {"regressor": regressor, "n_features": count},
            output_info(task.problem.model.elements, descriptor.info, count),
        ),
        coefficients=mean,
        committee=mean + spread * (np.eye(count) - mean) if count > 1 else None,
        record=record,
    )


def output_info(elements: tuple[int, ...], descriptor: FeatureInfo, count: int) -> FeatureInfo:
    """Facts about the outputs of an ensemble."""
    return FeatureInfo(
        order=np.full(count, int(descriptor.order.max(initial=1)), dtype=np.int32),
        degree=np.full(count, float(descriptor.degree.max(initial=1.0))),
        smoothness=np.ones(count),
        elements=(tuple(int(z) for z in elements),) * count,
        labels=tuple(f"network {k + 1}" for k in range(count)),
    )


def calibrated_spread(training: Training, members: list[FloatArray]) -> float:
    """Factor on deviations of members from their mean: makes them as large as errors on held-out rows."""
    objective, judges = training.objective, training.held_out
    if len(judges) == 0:
        return 1.0
    values = [objective.values(parameters, judges) for parameters in members]
    error = deviation = 0.0
    for k in judges:
        rows = [_rows(objective, k, own) for own in values]
        mean = np.mean(rows, axis=0)
        error += float(np.square(mean).sum())
        deviation += float(np.square(np.array(rows) - mean).sum()) / (len(rows) - 1)
    return float(np.sqrt(error / deviation)) if deviation > 0.0 else 1.0


def _rows(objective: Objective, number: np.signedinteger[Any], values: Any) -> FloatArray:
    errors = objective.errors(int(number), values)
    return np.concatenate([errors.energy, errors.forces, errors.virial])


def _nothing(count: int) -> dict[str, Any]:
    """A network of an element that the descriptor does not describe."""
    return {"activation": "identity", "weights": np.zeros((count, 1, 0)), "bias": np.zeros((count, 1))}


def _figures(loss: Loss | None) -> dict[str, float | None] | None:
    if loss is None:
        return None
    found = {"mean_square": loss.mean_square, "energy_rmse": loss.energy_rmse, "force_rmse": loss.force_rmse}
    return {name: value if np.isfinite(value) else None for name, value in found.items()}
