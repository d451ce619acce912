"""From labelled configurations to a potential: rows, solver, repulsive core, posterior, committee."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from atomsmith.data.dataset import Dataset
from atomsmith.elements import SYMBOLS
from atomsmith.errors import InputError
from atomsmith.extrapolation import learn_extrapolation
from atomsmith.fitting.core import Core, with_repulsive_core
from atomsmith.fitting.energy_weight import (
    EnergyChoice,
    choose_energy_weight,
    leaves_energy_weight,
    tells_energy_weight,
)
from atomsmith.fitting.estimate import Estimate, estimate, peak_bytes, require_memory
from atomsmith.fitting.held_out import GROUPS, held_out_scale
from atomsmith.fitting.problem import Problem, prior_of
from atomsmith.fitting.pruning import restricted, without_dropped
from atomsmith.fitting.robust import reweighted, robust_weights
from atomsmith.fitting.rows.blas import single_threaded
from atomsmith.fitting.rows.design import RowMaker, number_of_labels
from atomsmith.fitting.rows.factor import TriangularFactor, merge_factors
from atomsmith.fitting.rows.factor_set import FactorSet
from atomsmith.fitting.rows.kept import KeptFactors
from atomsmith.fitting.rows.streaming import Workers, accumulate
from atomsmith.fitting.settings import PotentialSettings
from atomsmith.fitting.simple_crystals import (
    ExpectedEnergies,
    GroundState,
    expected_energies,
    ground_states,
)
from atomsmith.fitting.solvers.posterior import Posterior
from atomsmith.fitting.solvers.prior import Prior, feature_scale
from atomsmith.fitting.solvers.registry import Solution, Solver, solve
from atomsmith.fitting.strength import StrengthChoice, choose_strength, leaves_strength
from atomsmith.fitting.trainers.in_turn import train_in_turn
from atomsmith.fitting.trainers.kernel import refuse_sparse_solver, whitening, with_kernels
from atomsmith.fitting.trainers.radial import train_radial
from atomsmith.fitting.trainers.registry import trainer_of
from atomsmith.fitting.trainers.training import Observer, Trainer, TrainingMeans, train_terms, with_members
from atomsmith.fitting.virial_weight import settled_weights
from atomsmith.fitting.weights import KindWeights, Weights
from atomsmith.model import Model
from atomsmith.potential import Potential, library_version
from atomsmith.systems import FloatArray

if TYPE_CHECKING:
    from atomsmith.data.configuration import Configuration

LOOKS = 10
"""Most looks at the weight of virials before a training, which cannot change it afterwards."""

Stage = Callable[[str, bool], None]
"""Takes the name of a part of a fit that begins, and whether it goes through the configurations."""


@dataclass(frozen=True, eq=False)
class FitResult:
    """A potential and how it came about.

    Attributes
    ----------
    potential
        The result.
    solution
        Coefficients relative to the reference energies, evidence, effective parameters.
    factors
        Triangular factors of the data by group and kind of label: other weights, priors and solvers can be
        tried on them, and their errors told, without making the rows again. Those of a robust fit have its
        weights of configurations.
    factor
        All of them together, with the weights of the fit.
    prior
        What was believed of the coefficients before the data.
    model, reference
        What the factors belong to: the model, and the energies taken off their targets (by element, eV).
    core
        How the repulsive core was strengthened, and which pairs keep a hole.
    robust
        Factors on the weights of the configurations that have rows, in their order; None unless the fit is
        robust.
    seconds
        Time spent by part.
    peak_bytes
        Largest memory that this process has held, without its workers'.
    energy_choice
        How the weight of energies was chosen; None where it was given, or the data are too few to tell.
    ground_states
        The lowest bulk configurations of elements in the data, for `crystal_check.check_crystals`.
    """

    potential: Potential
    solution: Solution
    factors: FactorSet
    factor: TriangularFactor
    prior: Prior
    model: Model
    reference: FloatArray
    core: Core
    robust: FloatArray | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    peak_bytes: int = 0
    energy_choice: EnergyChoice | None = None
    ground_states: tuple[GroundState, ...] = ()


def fit(
    train: Dataset | Sequence[Configuration],
    settings: PotentialSettings | None = None,
    *,
    progress: Callable[[int], None] | None = None,
) -> Potential:
    """Fit a potential.

    Parameters
    ----------
    train
        Labelled configurations.
    settings
        `PotentialSettings` or `FitSettings`; the defaults are a pair term and a linear ACE.
    progress
        Called with the number of configurations whose rows are done.

    Raises
    ------
    InputError
        If there are no labels, or reference energies are asked for that the data do not hold.
    """
    return fit_model(train, settings, progress=progress).potential


@single_threaded()
def fit_model(
    train: Dataset | Sequence[Configuration],
    settings: PotentialSettings | None = None,
    *,
    elements: Sequence[int] | None = None,
    workers: Workers | None = None,
    kept: KeptFactors | None = None,
    announce: Callable[[Estimate], None] | None = None,
    progress: Callable[[int], None] | None = None,
    stage: Stage | None = None,
    training: Observer | None = None,
    training_folder: Path | None = None,
) -> FitResult:
    """Fit a potential and keep how it came about; see `fit`.

    Parameters
    ----------
    train, settings, progress
        See `fit`.
    elements
        Order of the species; may name more than the data hold.
    workers
        Make and fold rows; None does it in this process. The result has the same bits.
    kept
        Factors of earlier fits: only configurations that are new to them are folded. The bits are those that
        an empty one gives. The factors of the result are then those kept, and change with the next fit.
    announce
        Called with the time and memory that the fit will take, before it begins (terms that are not linear in
        their parameters are trained before).
    stage
        Called with the name of what begins, and whether that goes through the configurations, which
        ``progress`` then counts; a robust fit goes through them for rows, for residuals, and for rows again.
    training
        Called now and then with the state of such a training.
    training_folder
        Where trainings keep what they go on from after they were killed; None: nowhere.
    """
    started = time.perf_counter()
    if isinstance(settings, dict):
        raise InputError(
            "The settings are a dict, expected PotentialSettings; make them with "
            "PotentialSettings.model_validate(settings)."
        )
    problem = Problem.of(train, settings or PotentialSettings(), elements)
    built = time.perf_counter()
    settings = problem.settings
    trainers = [trainer_of(term) for term in settings.model.terms]
    means = TrainingMeans(_coefficients, training_folder, training, workers)
    begins = stage or _ignored
    problem = with_kernels(problem)
    if settings.training is not None or any(trainer not in (None, train_radial) for trainer in trainers):
        problem = _with_virial_weight(problem, workers, progress, begins)
    problem = _trained(problem, trainers, means)
    settings = problem.settings
    trained = time.perf_counter()
    n_groups = GROUPS if settings.calibrate else 1
    maker = RowMaker(problem.model.plan, settings.weights, problem.known, settings.threads)
    if not problem.rows_of:
        raise InputError(
            "The data hold isolated atoms alone, from which no interaction can be learned; add structures "
            "with several atoms."
        )
    passes = 1 if settings.robust is None else 2
    require_memory(maker.n_features, problem.rows_of, n_groups, passes)
    if announce is not None:
        begins("estimating time and memory", False)
        count = 0 if workers is None else workers.count
        announce(
            estimate(maker, problem.rows_of, settings.solver, n_groups=n_groups, passes=passes, workers=count)
        )
    estimated = time.perf_counter()
    factors, plain, robust = _folded(problem, maker, n_groups, workers, kept, progress, begins)
    begins("solving", False)
    folded = time.perf_counter()
    result = replace(_with_extrapolation(solve_model(problem, factors, plain), problem), robust=robust)
    seconds = {"basis": built - started, "rows": folded - estimated, "solve": time.perf_counter() - folded}
    if any(trainers) or settings.training is not None:
        seconds["training"] = trained - built
    return replace(result, seconds=seconds, peak_bytes=peak_bytes())


def _folded(
    problem: Problem,
    maker: RowMaker,
    n_groups: int,
    workers: Workers | None,
    kept: KeptFactors | None,
    progress: Callable[[int], None] | None,
    begins: Stage,
) -> tuple[FactorSet, FactorSet | None, FloatArray | None]:
    """Fold all rows.

    Returns
    -------
    factors, plain, robust
        Factors of the fit; where it is robust also those without its weights of configurations, and these.
    """
    seed = problem.settings.seed

    def fold(configurations: Sequence[Configuration]) -> FactorSet:
        found = FactorSet(maker.n_features, n_groups)
        accumulate(maker, configurations, found, seed=seed, workers=workers, progress=progress)
        found.compact()
        return found

    begins("fitting", True)
    if kept is None:
        factors = fold(problem.rows_of)
    else:
        factors = kept.update(maker, problem.rows_of, n_groups, seed, workers=workers, progress=progress)
    if problem.settings.robust is None:
        return factors, None, None
    begins("solving", False)
    coefficients, weights = _solved(problem, factors)
    begins("residuals", True)
    found = robust_weights(
        maker, problem.rows_of, coefficients, KindWeights.of(weights), problem.settings.robust, progress
    )
    begins("fitting again", True)
    return fold(reweighted(problem.rows_of, found)), factors, found


def _ignored(_name: str, _counted: bool) -> None:
    """Nobody watches."""


def _with_virial_weight(
    problem: Problem, workers: Workers | None, progress: Callable[[int], None] | None, begins: Stage
) -> Problem:
    """Settle the weight of virials for trainings and the fit after them, where the settings leave it open.

    Judge is the linear fit of all descriptors, those of terms still to be trained included. Trainings of
    radial functions need none: they settle it themselves, and the fit after them does so again.
    """
    settings = problem.settings
    if not settings.weights.virial_is_open or not any(number_of_labels(c, "virial") for c in problem.rows_of):
        return problem
    maker = RowMaker(problem.model.plan, settings.weights, problem.known, settings.threads)
    require_memory(maker.n_features, problem.rows_of, GROUPS)
    begins("weighing stresses", True)
    factors = FactorSet(maker.n_features, GROUPS)
    accumulate(maker, problem.rows_of, factors, seed=settings.seed, workers=workers, progress=progress)
    factors.compact()
    weights = _settled(problem, factors, looks=LOOKS)[3]
    return replace(problem, settings=settings.model_copy(update={"weights": weights}))


def _trained(problem: Problem, trainers: Sequence[Trainer | None], means: TrainingMeans) -> Problem:
    """Train the terms that need it, in turn or one after the other."""
    if problem.settings.training is not None:
        return train_in_turn(problem, trainers, problem.settings.training, means)
    return train_terms(problem, trainers, means) if any(trainers) else problem


def _with_extrapolation(result: FitResult, problem: Problem) -> FitResult:
    """Let the potential remember what features its data have, if the settings ask for it."""
    settings = problem.settings
    if settings.extrapolation is None:
        return result
    seen = learn_extrapolation(settings.extrapolation, result.potential.plan, problem.data, settings.threads)
    return replace(result, potential=replace(result.potential, extrapolation=seen))


def solve_model(problem: Problem, factors: FactorSet, plain: FactorSet | None = None) -> FitResult:
    """Coefficients, repulsive core, posterior and committee from triangular factors.

    ``plain`` are those of a robust fit without its weights of configurations: they widen the posterior.
    """
    model, settings, reference = problem.model, problem.settings, problem.reference
    refuse_sparse_solver(problem)
    white, factors, prior, weights = _settled(problem, factors)
    states = ground_states(problem)
    expected = expected_energies(problem, states) if settings.expects_crystals else None
    if expected is not None:
        expected = expected.transformed(white)
    solved, choice = _with_energy_weight(problem, factors, weights, prior, expected)
    settings = settings.model_copy(update={"weights": solved.weights, "solver": solved.solver})
    problem = replace(problem, settings=settings)
    groups, found = solved.groups, solved.solution
    solution = replace(found, posterior=found.posterior.transformed(white))
    core = (
        with_repulsive_core(model.plan, solution.coefficients + problem.known)
        if settings.repulsive_core
        else Core(model.plan, {}, [])
    )
    judged = None
    if plain is not None:
        same = plain.transformed(white) if white else plain
        judged = list(same.by_group(KindWeights.of(solved.weights)).values())
    scale, unseen = held_out_scale(groups, solved.prior, found, judged) if len(groups) > 1 else (1.0, None)
    plan, kept = without_dropped(core.plan, solution)
    posterior = _shifted(solution.posterior.scaled(scale), problem.known)
    posterior, committee = with_members(posterior, problem, settings.committee, settings.seed)
    posterior = restricted(posterior, kept)
    potential = Potential(
        elements=model.elements,
        plan=plan,
        features=model.features.take(kept),
        coefficients=posterior.mean,
        posterior=posterior,
        committee=committee[:, kept],
        metadata=_metadata(problem, solution, core)
        | {"calibration": {"scale": scale, "held_out_weighted_rmse": unseen, "groups": len(groups)}}
        | ({"energy_weight": choice.to_dict()} if choice is not None else {})
        | ({"strength": solved.strength.to_dict()} if solved.strength is not None else {}),
    )
    return FitResult(
        potential,
        solution,
        factors,
        solved.factor,
        solved.prior,
        model,
        reference,
        core,
        energy_choice=choice,
        ground_states=tuple(states),
    )


def _with_energy_weight(
    problem: Problem,
    factors: FactorSet,
    weights: Weights,
    prior: Prior,
    expected: ExpectedEnergies | None,
) -> tuple[_Solved, EnergyChoice | None]:
    """Solve, after choosing the weight of energies where it is left open."""
    choice = solved = None
    chooses = leaves_energy_weight(weights, problem.settings.solver) and not problem.trained
    if chooses and tells_energy_weight(factors):
        solved = _Solved.of(problem, factors, weights.with_energy(), prior)
        choice = choose_energy_weight(factors, KindWeights.of(weights), prior, solved.solution)
    weights = weights.with_energy(None if choice is None else choice.weight)
    if solved is None or expected is not None or weights != solved.weights:
        solved = _Solved.of(problem, factors, weights, prior, expected)
    return solved, choice


@dataclass(frozen=True, eq=False)
class _Solved:
    """Coefficients, and the weights, solver, factors and prior that gave them."""

    weights: Weights
    solver: Solver
    groups: list[TriangularFactor]
    factor: TriangularFactor
    prior: Prior
    solution: Solution
    strength: StrengthChoice | None

    @classmethod
    def of(
        cls,
        problem: Problem,
        factors: FactorSet,
        weights: Weights,
        prior: Prior,
        expected: ExpectedEnergies | None = None,
    ) -> _Solved:
        groups = list(factors.by_group(KindWeights.of(weights)).values())
        if not groups:
            raise InputError(
                "No configuration has a label with a weight above zero; give energies, forces or stresses."
            )
        factor, solver = merge_factors(groups), problem.settings.solver
        if expected is not None:
            prior = expected.join(prior, factor, solver.noise_floor)
        strength = None
        if leaves_strength(solver, factor.n_rows, prior.n_penalised) and not problem.trained:
            strength = choose_strength(factors, KindWeights.of(weights), prior)
        if strength is not None:
            solver = solver.model_copy(update={"strength": strength.strength})
        return cls(weights, solver, groups, factor, prior, solve(factor, prior, solver), strength)


def _solved(problem: Problem, factors: FactorSet) -> tuple[FloatArray, Weights]:
    """Linear coefficients, relative to what is known beforehand, and the weights that gave them."""
    white, factors, prior, weights = _settled(problem, factors)
    found = _Solved.of(problem, factors, weights, prior).solution
    return found.posterior.transformed(white).mean, weights


def _coefficients(problem: Problem, factors: FactorSet) -> FloatArray:
    """Solve for the linear coefficients alone, relative to what is known beforehand."""
    return _solved(problem, factors)[0]


def _settled(
    problem: Problem, factors: FactorSet, looks: int = 1
) -> tuple[list[tuple[int, FloatArray]], FactorSet, Prior, Weights]:
    """Whiten the outputs of kernels; prior and weights follow from the factors of what comes of that."""
    settings = problem.settings
    white = whitening(problem)
    factors = factors.transformed(white) if white else factors
    prior = prior_of(problem.model, settings, problem.held_features, feature_scale(factors))
    weights = settled_weights(factors, settings.weights, prior, settings.solver, looks=looks)
    return white, factors, prior, weights


def _shifted(posterior: Posterior, known: FloatArray) -> Posterior:
    return Posterior(posterior.mean + known, posterior.kept, posterior.factor, posterior.noise_precision)


def _metadata(problem: Problem, solution: Solution, core: Core) -> dict[str, Any]:
    model, data, distances = problem.model, problem.data, problem.distances
    shortest = {
        f"{SYMBOLS[a]}-{SYMBOLS[b]}": float(distances.shortest[i, j])
        for i, a in enumerate(model.elements)
        for j, b in enumerate(model.elements[: i + 1])
        if np.isfinite(distances.shortest[i, j])
    }
    return (
        {
            "library": library_version(),
            "settings": problem.settings.model_dump(mode="json", exclude={"data", "executor"}),
            "data": {
                "fingerprint": data.fingerprint(),
                "n_configurations": len(data),
                "n_atoms": int(data.n_atoms),
                "shortest_distances": shortest,
            },
            "fit": solution.to_dict(),
            "core": {"strengths": core.strengths, "holes": core.holes},
        }
        | ({"training": [one.record for one in problem.trained]} if problem.trained else {})
        | ({"in_turn": list(problem.turns)} if problem.turns else {})
    )
