"""Terms fitted in turn, each on what the others leave, until the errors no longer fall.

After I. A. Kruglov and co-workers, whose pair part (linear regression) and many-body part (a network) take
turns. A turn of a linear term solves for its coefficients with those of all others as they are, the first
one's with the reference energies; a turn of any other term is its training, which goes on from where it
stood. In the end the linear terms are solved for together, beside what the others have become, as in every
fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from atomsmith.data.units import GPA_PER_EV_A3
from atomsmith.evaluator import PlanEvaluator
from atomsmith.fitting.trainers.training import (
    BATCH,
    Residual,
    TrainedTerm,
    Trainer,
    TrainingMeans,
    fitted_coefficients,
    residuals_of,
    retrained,
)
from atomsmith.settings import Settings
from atomsmith.systems import FloatArray, Systems

if TYPE_CHECKING:
    from atomsmith.data.configuration import Configuration
    from atomsmith.fitting.problem import Problem


class InTurnSettings(Settings):
    """Terms fitted in turn on the residual of the others."""

    kind: Literal["in_turn"] = Field(default="in_turn", description="Name of the procedure.")
    rounds: int = Field(default=10, ge=1, description="Most rounds; in each, every term has its turn.")
    tolerance: float = Field(
        default=1e-3,
        ge=0.0,
        description="Relative fall of the weighted error in a round below which they end.",
    )


@dataclass(frozen=True)
class Turn:
    """What a round has come to, on the data of the fit.

    Attributes
    ----------
    weighted
        Root mean square of weighted errors: what the rounds minimise.
    energy, forces, stress
        Root mean square errors in meV/atom, eV/angstrom and GPa; None without labels.
    shares
        Of each term its part of the energy, the mean of E_term / E over the configurations, where E is the
        energy relative to the isolated atoms. eta_2body is that of the pair part. Empty without energies.
    """

    weighted: float
    energy: float | None
    forces: float | None
    stress: float | None
    shares: tuple[float, ...]

    def to_dict(self, names: Sequence[str]) -> dict[str, Any]:
        """Plain values; ``names`` of the terms."""
        return {
            "weighted_rmse": self.weighted,
            "energy_rmse_mev_per_atom": self.energy,
            "forces_rmse_ev_per_angstrom": self.forces,
            "stress_rmse_gpa": self.stress,
            "energy_share": dict(zip(names, self.shares, strict=False)),
        }


def train_in_turn(
    problem: Problem,
    trainers: Sequence[Trainer | None],
    settings: InTurnSettings,
    means: TrainingMeans,
) -> Problem:
    """Give every term its turn, round by round.

    Parameters
    ----------
    problem
        Of the fit; its model has the descriptors of untrained terms without regressors.
    trainers
        One for each term, None for linear ones.
    settings
        When to end.
    means
        What trainings work with.

    Returns
    -------
    problem
        With the terms trained that need it, as they were after the best round, and ``turns``.
    """
    rounds = _Rounds(problem, trainers, means)
    turns: list[Turn] = []
    best = problem
    for _ in range(settings.rounds):
        for term in range(len(trainers)):
            rounds.turn(term)
        turns.append(rounds.judged())
        if turns[-1].weighted <= min(one.weighted for one in turns):
            best = rounds.problem
        if (
            len(turns) > 1
            and turns[-2].weighted - turns[-1].weighted <= settings.tolerance * turns[-2].weighted
        ):
            break
    names = term_names(problem)
    return replace(best.without_kept(), turns=tuple(one.to_dict(names) for one in turns))


def term_names(problem: Problem) -> list[str]:
    """Names of the terms for records: number, descriptor and regressor."""
    return [
        f"{number} {term.descriptor.kind} {term.regressor.kind}"
        for number, term in enumerate(problem.settings.model.terms)
    ]


class _Rounds:
    """The problem, and the coefficients of all its features, as they stand."""

    def __init__(self, problem: Problem, trainers: Sequence[Trainer | None], means: TrainingMeans) -> None:
        self.problem, self.trainers, self.means = problem, trainers, means
        self.coefficients = problem.known
        self.trained: dict[int, TrainedTerm] = {}
        self.first = next((term for term, trainer in enumerate(trainers) if trainer is None), None)

    def turn(self, term: int) -> None:
        """Fit one term with all others as they are."""
        if self.trainers[term] is None:
            self._solve(term)
        else:
            self._train(term)

    def judged(self) -> Turn:
        """Errors and shares of the energy as they stand."""
        problem = self.problem
        settings = problem.settings
        residuals = residuals_of(
            problem.rows_of, problem.model, self.coefficients, settings.weights, settings.threads
        )
        counts = np.array([len(c.numbers) for c in problem.rows_of])
        volumes = np.array([c.volume for c in problem.rows_of])
        return Turn(
            weighted=_weighted(residuals),
            energy=_rms(
                [1e3 * r.energy / n for r, n in zip(residuals, counts, strict=True) if r.energy is not None]
            ),
            forces=_rms([r.forces for r in residuals if r.forces is not None]),
            stress=_rms(
                [
                    GPA_PER_EV_A3 * r.virial / volume
                    for r, volume in zip(residuals, volumes, strict=True)
                    if r.virial is not None
                ]
            ),
            shares=self._shares(),
        )

    def _solve(self, term: int) -> None:
        """Coefficients of a term; those of the first linear one with the reference energies."""
        model = self.problem.model
        waiting = [
            k for k, trainer in enumerate(self.trainers) if trainer is not None and k not in self.trained
        ]
        held = self.problem
        for other in range(len(self.trainers)):
            if other != term and other not in waiting:
                part, own = model.term_part(other), model.term == other
                held = held.with_trained(TrainedTerm(other, part, self.coefficients[own]))
        if term != self.first:
            reference = self.coefficients[: len(model.elements)]
            held = replace(held, reference=reference, held=True)
        found = fitted_coefficients(held.without_terms(waiting), self.means)
        self.coefficients[~np.isin(model.term, waiting)] = found

    def _train(self, term: int) -> None:
        """Train a term, from where its last training ended."""
        before = self.problem.model.term
        self.problem = retrained(
            self.problem,
            term,
            self.trainers[term],
            self.coefficients,
            self.means,
            start=self.trained.get(term),
        )
        found = next(one for one in self.problem.trained if one.term == term)
        self.trained[term] = found
        after = self.problem.model.term
        coefficients = np.zeros(len(after))
        coefficients[after != term] = self.coefficients[before != term]
        if found.coefficients is not None:
            coefficients[after == term] = found.coefficients
        self.coefficients = coefficients
        if found.coefficients is None:  # outputs whose coefficients a linear fit finds
            self._solve(term)

    def _shares(self) -> tuple[float, ...]:
        """Mean of E_term / E over the configurations with an energy."""
        problem, term = self.problem, self.problem.model.term
        evaluator = PlanEvaluator(problem.model.plan, n_threads=problem.settings.threads)
        labelled: list[Configuration] = [c for c in problem.rows_of if c.energy is not None]
        ratios: list[FloatArray] = []
        for start in range(0, len(labelled), BATCH):
            batch = labelled[start : start + BATCH]
            sums, _ = evaluator.feature_sums(Systems.from_configurations(batch))
            parts = np.stack(
                [sums[:, term == k] @ self.coefficients[term == k] for k in range(-1, len(self.trainers))],
                axis=1,
            )
            whole = np.array([c.energy for c in batch]) - parts[:, 0]
            some = np.abs(whole) > 0.0
            ratios.append(parts[some, 1:] / whole[some, None])
        if not sum(map(len, ratios)):
            return ()
        return tuple(float(share) for share in np.concatenate(ratios).mean(axis=0))


def _weighted(residuals: Sequence[Residual]) -> float:
    rows: list[Any] = []
    for one in residuals:
        for kind, value in (("energy", one.energy), ("forces", one.forces), ("virial", one.virial)):
            if value is not None:
                rows.append(one.scales.rows(kind) * np.ravel(value))
    return _rms(rows) or 0.0


def _rms(values: Sequence[Any]) -> float | None:
    """Root mean square of numbers and arrays together; None of nothing."""
    if not values:
        return None
    flat = np.concatenate([np.ravel(value) for value in values])
    return float(np.sqrt(np.mean(np.square(flat))))
