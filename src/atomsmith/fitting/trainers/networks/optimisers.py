"""Ways to lower an objective: Levenberg-Marquardt, L-BFGS and Adam.

Each is a state that `step` carries on by one epoch, so that a training can be put down and taken up.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from atomsmith.fitting.trainers.networks.objective import Objective
from atomsmith.systems import FloatArray

Numbers = NDArray[np.int64]
LARGEST_DAMPING = 1e10


@dataclass(eq=False)
class Optimiser(ABC):
    """What all ways share.

    Attributes
    ----------
    parameters
        Where it is, shape (P,).
    decay
        Penalty on squared weights relative to the mean square of the rows.
    epoch
        Epochs done.
    finished
        Whether no step lowers the objective any more.
    """

    parameters: FloatArray
    decay: float = 0.0
    epoch: int = 0
    finished: bool = False

    @abstractmethod
    def step(self, objective: Objective, numbers: Numbers) -> None:
        """Go on by one epoch over some configurations."""

    def state(self) -> dict[str, Any]:
        """Everything that `restore` needs, as arrays."""
        return {entry.name: np.asarray(getattr(self, entry.name)) for entry in fields(self)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to a state."""
        for entry in fields(self):
            value = np.asarray(state[entry.name])
            setattr(self, entry.name, value.item() if value.ndim == 0 else value)

    def penalty(self, objective: Objective, rows: int) -> FloatArray:
        """Half the second derivatives of the penalty, shape (P,)."""
        return self.decay * rows * objective.networks.is_weight.astype(np.float64)


@dataclass(eq=False)
class LevenbergMarquardt(Optimiser):
    """Gauss-Newton steps with Marquardt's damping, which follows the gain of each step.

    Marquardt, J. Soc. Ind. Appl. Math. 11, 431 (1963); the damping after Nielsen, IMM-REP-1999-05 (1999). The
    damping of a parameter never falls below a share of the largest one, so that parameters that hardly
    matter do not run away.
    """

    damping: float = 1e-2
    growth: float = 2.0

    def step(self, objective: Objective, numbers: Numbers) -> None:
        """One Jacobian, and as many damped steps as it takes until one lowers the objective."""
        total, rows, gradient, matrix = objective.normal_equations(self.parameters, numbers)
        penalty = self.penalty(objective, rows)
        now = total + float(penalty @ np.square(self.parameters))
        gradient = gradient + penalty * self.parameters
        matrix[np.diag_indices_from(matrix)] += penalty
        diagonal = matrix.diagonal().copy()
        diagonal = np.maximum(diagonal, 1e-6 * float(diagonal.max(initial=1e-300)))
        self.epoch += 1
        while self.damping < LARGEST_DAMPING:
            change = _solved(matrix, self.damping * diagonal, -gradient)
            if change is not None:
                trial = self.parameters + change
                loss = objective.loss(trial, numbers).mean_square * rows
                then = loss + float(penalty @ np.square(trial))
                expected = float(change @ (self.damping * diagonal * change - gradient))
                gain = (now - then) / expected if expected > 0.0 else -1.0
                if np.isfinite(then) and then < now:
                    self.parameters = trial
                    self.damping *= max(1.0 / 3.0, 1.0 - (2.0 * gain - 1.0) ** 3)
                    self.damping = max(self.damping, 1e-9)
                    self.growth = 2.0
                    return
            self.damping *= self.growth
            self.growth *= 2.0
        self.finished = True


def _solved(matrix: FloatArray, damping: FloatArray, right: FloatArray) -> FloatArray | None:
    damped = matrix.copy()
    damped[np.diag_indices_from(damped)] += damping
    try:
        solution: FloatArray = cho_solve(cho_factor(damped, lower=True, overwrite_a=True), right)
    except LinAlgError:
        return None
    return solution if np.isfinite(solution).all() else None


@dataclass(eq=False)
class LimitedMemoryBFGS(Optimiser):
    """L-BFGS with a backtracking line search (Nocedal and Wright, Numerical Optimization, 2006, ch. 7).

    Many pairs are remembered: they cost little beside an evaluation, and steps are better for them.
    """

    memory: int = 200
    changes: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))
    gradients: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))
    value: float = np.nan
    slope: FloatArray = field(default_factory=lambda: np.zeros(0))

    def step(self, objective: Objective, numbers: Numbers) -> None:
        """Take one step along the direction."""
        if np.isnan(self.value):
            self.value, self.slope = self._evaluated(objective, numbers, self.parameters)
            self.changes = self.gradients = np.zeros((0, len(self.parameters)))
        self.epoch += 1
        direction = self._direction()
        down = float(direction @ self.slope)
        if down >= 0.0:
            direction, down = -self.slope, -float(self.slope @ self.slope)
            self.changes = self.gradients = np.zeros((0, len(self.parameters)))
        length = 1.0 if len(self.changes) else min(1.0, 0.1 / max(float(np.linalg.norm(direction)), 1e-300))
        for _ in range(30):
            trial = self.parameters + length * direction
            value, slope = self._evaluated(objective, numbers, trial)
            if np.isfinite(value) and value <= self.value + 1e-4 * length * down:
                self._remember(trial - self.parameters, slope - self.slope)
                self.parameters, self.value, self.slope = trial, value, slope
                return
            length *= 0.4
        self.finished = True

    def _evaluated(
        self, objective: Objective, numbers: Numbers, parameters: FloatArray
    ) -> tuple[float, FloatArray]:
        """Mean square with its penalty, and its gradient."""
        total, rows, half = objective.gradient(parameters, numbers)
        penalty = self.penalty(objective, rows)
        value = total + float(penalty @ np.square(parameters))
        return value / rows, 2.0 * (half + penalty * parameters) / rows

    def _remember(self, change: FloatArray, gradient: FloatArray) -> None:
        curvature = float(change @ gradient)
        if curvature <= 1e-12 * float(np.linalg.norm(change) * np.linalg.norm(gradient)):
            return
        self.changes = np.concatenate([self.changes, change[None]])[-self.memory :]
        self.gradients = np.concatenate([self.gradients, gradient[None]])[-self.memory :]

    def _direction(self) -> FloatArray:
        direction = -self.slope
        kept = list(zip(self.changes, self.gradients, strict=True))
        shares = []
        for change, gradient in reversed(kept):
            share = float(change @ direction) / float(change @ gradient)
            direction = direction - share * gradient
            shares.append(share)
        if kept:
            change, gradient = kept[-1]
            direction = direction * (float(change @ gradient) / float(gradient @ gradient))
        for (change, gradient), share in zip(kept, reversed(shares), strict=True):
            direction = direction + change * (share - float(gradient @ direction) / float(change @ gradient))
        return direction


@dataclass(eq=False)
class Adam(Optimiser):
    """Adam (Kingma and Ba, arXiv:1412.6980) on batches of configurations, its rate falling as a cosine."""

    rate: float = 2e-3
    batch: int = 8
    epochs: int = 300
    seed: int = 0
    steps: int = 0
    mean: FloatArray = field(default_factory=lambda: np.zeros(0))
    square: FloatArray = field(default_factory=lambda: np.zeros(0))

    def step(self, objective: Objective, numbers: Numbers) -> None:
        """All configurations once, in random order."""
        if len(self.mean) == 0:
            self.mean, self.square = np.zeros_like(self.parameters), np.zeros_like(self.parameters)
        order = np.random.default_rng((self.seed, self.epoch)).permutation(numbers)
        rate = self.rate * 0.5 * (1.0 + np.cos(np.pi * min(1.0, self.epoch / self.epochs)))
        for start in range(0, len(order), self.batch):
            _, rows, half = objective.gradient(self.parameters, order[start : start + self.batch])
            if rows == 0:
                continue
            slope = 2.0 * (half + self.penalty(objective, rows) * self.parameters) / rows
            self.steps += 1
            self.mean = 0.9 * self.mean + 0.1 * slope
            self.square = 0.999 * self.square + 0.001 * np.square(slope)
            mean = self.mean / (1.0 - 0.9**self.steps)
            square = self.square / (1.0 - 0.999**self.steps)
            self.parameters = self.parameters - rate * mean / (np.sqrt(square) + 1e-12)
        self.epoch += 1


MAKERS: dict[str, Callable[..., Optimiser]] = {
    "levenberg_marquardt": LevenbergMarquardt,
    "lbfgs": LimitedMemoryBFGS,
    "adam": Adam,
}
EPOCHS = {"lbfgs": 2000, "levenberg_marquardt": 100, "adam": 300}
"""Passes over the data where the settings name no number."""
