"""From labelled configurations to a potential: rows, solver, repulsive core, posterior, committee."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from atomsmith.data.dataset import Dataset
from atomsmith.data.neighbours import pair_distances
from atomsmith.data.shells import pair_shells, typical_cutoff
from atomsmith.elements import SYMBOLS, number_of
from atomsmith.errors import InputError
from atomsmith.extrapolation import learn_extrapolation
from atomsmith.fitting.blas import single_threaded
from atomsmith.fitting.core import Core, holes, with_repulsive_core
from atomsmith.fitting.design import RowMaker, number_of_labels
from atomsmith.fitting.elimination import Elimination
from atomsmith.fitting.estimate import Estimate, estimate, peak_bytes
from atomsmith.fitting.factor import TriangularFactor, merge_factors
from atomsmith.fitting.factor_set import FactorSet
from atomsmith.fitting.held_out import GROUPS, held_out_scale
from atomsmith.fitting.in_turn import train_in_turn
from atomsmith.fitting.kept import KeptFactors
from atomsmith.fitting.kernel import refuse_sparse_solver, whitening, with_kernels
from atomsmith.fitting.posterior import Posterior
from atomsmith.fitting.prior import Prior, feature_scale, standardised
from atomsmith.fitting.pruning import restricted, without_dropped
from atomsmith.fitting.settings import PotentialSettings, ReferenceEnergies
from atomsmith.fitting.solvers import Solution, solve
from atomsmith.fitting.streaming import Workers, accumulate
from atomsmith.fitting.trainers import trainer_of
from atomsmith.fitting.training import Observer, TrainedTerm, train_terms, with_members
from atomsmith.fitting.virial_weight import settled_weights
from atomsmith.fitting.weights import KindWeights
from atomsmith.model import (
    Distances,
    Model,
    build_model,
    candidate_functions,
    is_open,
    sized_by_data,
    warranted_functions,
)
from atomsmith.potential import Potential, library_version
from atomsmith.systems import BoolArray, FloatArray

if TYPE_CHECKING:
    from atomsmith.data.configuration import Configuration

COINCIDENT = 0.1
"""Distance in angstrom below which two atoms are a slip in the data; nuclei do not come this close."""


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
        tried on them, and their errors told, without making the rows again.
    factor
        All of them together, with the weights of the fit.
    prior
        What was believed of the coefficients before the data.
    model, reference
        What the factors belong to: the model, and the energies taken off their targets (by element, eV).
    core
        How the repulsive core was strengthened, and which pairs keep a hole.
    seconds
        Time spent by part.
    peak_bytes
        Largest memory that this process has held, without its workers'.
    """

    potential: Potential
    solution: Solution
    factors: FactorSet
    factor: TriangularFactor
    prior: Prior
    model: Model
    reference: FloatArray
    core: Core
    seconds: dict[str, float] = field(default_factory=dict)
    peak_bytes: int = 0


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
    training
        Called now and then with the state of such a training.
    training_folder
        Where trainings keep what they go on from after they were killed; None: nowhere.
    """
    started = time.perf_counter()
    problem = Problem.of(train, settings or PotentialSettings(), elements)
    built = time.perf_counter()
    settings = problem.settings
    problem = with_kernels(problem)
    trainers = [trainer_of(term) for term in settings.model.terms]
    options: dict[str, Any] = {
        "solve": lambda part, factors: _solved(part, factors).coefficients,
        "folder": training_folder,
        "observer": training,
        "workers": workers,
    }
    if settings.training is not None:
        problem = train_in_turn(problem, trainers, settings.training, **options)
    elif any(trainers):
        problem = train_terms(problem, trainers, **options)
    trained = time.perf_counter()
    n_groups = GROUPS if settings.calibrate else 1
    maker = RowMaker(problem.model.plan, settings.weights, problem.known, settings.threads)
    if announce is not None:
        count = 0 if workers is None else workers.count
        announce(estimate(maker, problem.rows_of, settings.solver.kind, n_groups=n_groups, workers=count))
    estimated = time.perf_counter()
    if kept is None:
        factors = FactorSet(maker.n_features, n_groups)
        accumulate(maker, problem.rows_of, factors, seed=settings.seed, workers=workers, progress=progress)
        factors.compact()
    else:
        factors = kept.update(
            maker, problem.rows_of, n_groups, settings.seed, workers=workers, progress=progress
        )
    folded = time.perf_counter()
    result = solve_model(problem, factors)
    if settings.extrapolation is not None:
        seen = learn_extrapolation(
            settings.extrapolation, result.potential.plan, problem.data, settings.threads
        )
        result = replace(result, potential=replace(result.potential, extrapolation=seen))
    seconds = {"basis": built - started, "rows": folded - estimated, "solve": time.perf_counter() - folded}
    if any(trainers) or settings.training is not None:
        seconds["training"] = trained - built
    return replace(result, seconds=seconds, peak_bytes=peak_bytes())


@dataclass(frozen=True, eq=False)
class Problem:
    """Data and model of a fit, before any row is made.

    Attributes
    ----------
    data
        All configurations.
    rows_of
        Those that rows are made of: without isolated atoms where these give the reference energies.
    settings
        With the cutoffs and degrees that were left to the data.
    model, distances
        The basis, and the distances in the data that shape it.
    reference, held
        See `reference_energies`.
    trained
        Terms that are not linear in their parameters, as far as they are trained; their parts are in the
        model.
    untrained
        The model with the descriptors of all terms, before any training; None: as it is.
    turns
        Records of rounds in which the terms were fitted in turn.
    """

    data: Dataset
    rows_of: Sequence[Configuration]
    settings: PotentialSettings
    model: Model
    distances: Distances
    reference: FloatArray
    held: bool
    trained: tuple[TrainedTerm, ...] = ()
    untrained: Model | None = None
    turns: tuple[dict[str, Any], ...] = ()

    @property
    def bare_model(self) -> Model:
        """The model with the descriptors of all terms, before any training."""
        return self.untrained or self.model

    @property
    def known(self) -> FloatArray:
        """Coefficients known beforehand, zero elsewhere: reference energies, and what trainings found."""
        known = np.zeros(len(self.model.features))
        known[: len(self.reference)] = self.reference
        for one in self.trained:
            if one.coefficients is not None:
                known[self.model.term == one.term] = one.coefficients
        return known

    @property
    def held_features(self) -> BoolArray:
        """Features whose coefficients the fit does not change."""
        given = [one.term for one in self.trained if one.coefficients is not None]
        held: BoolArray = np.isin(self.model.term, given) | ((self.model.term < 0) & self.held)
        return held

    def with_trained(self, found: TrainedTerm) -> Problem:
        """Return the problem with a trained term, in place of what an earlier training found."""
        others = tuple(one for one in self.trained if one.term != found.term)
        return replace(
            self,
            model=self.model.with_part(found.term, found.part),
            trained=(*others, found),
            untrained=self.bare_model,
        )

    def without_terms(self, terms: Sequence[int]) -> Problem:
        """Return the problem without some terms."""
        return replace(
            self,
            model=self.model.without_terms(terms),
            trained=tuple(one for one in self.trained if one.term not in terms),
        )

    @classmethod
    def of(
        cls,
        train: Dataset | Sequence[Configuration],
        settings: PotentialSettings,
        elements: Sequence[int] | None = None,
    ) -> Problem:
        """Look through the data and build the model.

        Raises
        ------
        InputError
            If there is no configuration, atoms coincide, or reference energies are missing.
        """
        data = train if isinstance(train, Dataset) else Dataset(train)
        if len(data) == 0:
            raise InputError("There is no configuration to fit; give at least one labelled configuration.")
        bonded = Dataset(c for c in data if len(c.numbers) > 1 or c.pbc.any())
        if elements is None:
            # An isolated atom of an element that nothing else holds has nothing to teach, and its functions
            # would take the place of others.
            elements = bonded.elements or data.elements
            data = Dataset(c for c in data if np.isin(c.numbers, elements).all())
        chosen = tuple(elements)
        distances = distances_of(data, chosen)
        n_rows = sum(number_of_labels(c) for c in data)
        settings = _sized(settings, len(chosen), n_rows, typical_cutoff(data))
        model = build_model(settings.model, chosen, distances)
        reference, held = reference_energies(data, chosen, settings.reference_energies)
        return cls(data, bonded if held else data, settings, model, distances, reference, held)


def _sized(settings: PotentialSettings, n_elements: int, n_rows: int, cutoff: float) -> PotentialSettings:
    """Settle what the model and a sparse solver leave to the data."""
    solver = settings.solver
    wanted = candidates = warranted_functions(n_elements, n_rows)
    if isinstance(solver, Elimination):
        if solver.functions is None and is_open(settings.model):
            solver = solver.model_copy(update={"functions": wanted})
        candidates = candidate_functions(max(wanted, solver.functions or 0))
    sized = sized_by_data(settings.model, n_elements, wanted, candidates, cutoff)
    return settings.model_copy(update={"model": sized, "solver": solver})


def solve_model(problem: Problem, factors: FactorSet) -> FitResult:
    """Coefficients, repulsive core, posterior and committee from triangular factors."""
    model, settings, reference = problem.model, problem.settings, problem.reference
    refuse_sparse_solver(problem)
    white = whitening(problem)
    factors = factors.transformed(white) if white else factors
    prior = prior_of(model, settings, problem.held_features, feature_scale(factors))
    weights = settled_weights(factors, settings.weights, prior, settings.solver)
    settings = settings.model_copy(update={"weights": weights})
    problem = replace(problem, settings=settings)
    groups = list(factors.by_group(KindWeights.of(weights)).values())
    if not groups:
        raise InputError(
            "No configuration has a label with a weight above zero; give energies, forces or stresses."
        )
    factor = merge_factors(groups)
    found = solve(factor, prior, settings.solver)
    solution = replace(found, posterior=found.posterior.transformed(white))
    core = (
        with_repulsive_core(model.plan, solution.coefficients + problem.known)
        if settings.repulsive_core
        else Core(model.plan, {}, [])
    )
    scale, unseen = held_out_scale(groups, prior, found) if len(groups) > 1 else (1.0, None)
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
        | {"calibration": {"scale": scale, "held_out_weighted_rmse": unseen, "groups": len(groups)}},
    )
    return FitResult(potential, solution, factors, factor, prior, model, reference, core)


def prior_of(model: Model, settings: PotentialSettings, held: bool | BoolArray, scale: FloatArray) -> Prior:
    """Smoothness prior of the terms; reference energies free, unless they are known and thus held.

    ``held`` says that of the reference energies, or of every feature, shape (n,). Features of terms without a
    natural scale (`TermSettings.standardised`) are put on one by the data: by ``scale``, see `feature_scale`.
    """
    width = np.array([1.0] + [getattr(term.regressor, "prior_scale", 1.0) for term in settings.model.terms])
    penalty = model.features.smoothness / width[model.term + 1]
    for index, term in enumerate(settings.model.terms):
        own = model.term == index
        if term.standardised:
            penalty[own] *= standardised(scale[own])
    references = model.term < 0
    fixed = held if isinstance(held, np.ndarray) else references & held
    return Prior.create(penalty, free=references & ~fixed, held=fixed)


def _solved(problem: Problem, factors: FactorSet) -> Solution:
    """Solve for the linear coefficients alone."""
    settings = problem.settings
    white = whitening(problem)
    factors = factors.transformed(white) if white else factors
    prior = prior_of(problem.model, settings, problem.held_features, feature_scale(factors))
    weights = settled_weights(factors, settings.weights, prior, settings.solver)
    found = solve(factors.combine(KindWeights.of(weights)), prior, settings.solver)
    return replace(found, posterior=found.posterior.transformed(white))


def reference_energies(
    data: Dataset, elements: Sequence[int], settings: ReferenceEnergies
) -> tuple[FloatArray, bool]:
    """Energies taken off the targets, by element in eV, and whether they are known rather than a first guess.

    Raises
    ------
    InputError
        If isolated atoms are asked for and some element has none, or a name is not an element.
    """
    known = {} if settings.source == "fitted" else dict(data.isolated_atom_energies())
    if settings.source != "fitted":
        known |= {number_of(symbol): energy for symbol, energy in settings.values.items()}
    missing = [z for z in elements if z not in known]
    if not missing:
        return np.array([known[z] for z in elements]), True
    if settings.source == "isolated":
        raise InputError(
            "reference_energies.source is isolated, but no isolated-atom energy is known of "
            f"{', '.join(SYMBOLS[z] for z in missing)}; add them to reference_energies.values or to the "
            "data as single atoms, or use source: fitted."
        )
    labelled = [c for c in data if c.energy is not None]
    if not labelled:
        return np.zeros(len(elements)), False
    counts = np.array([[np.count_nonzero(c.numbers == z) for z in elements] for c in labelled], dtype=float)
    totals = np.array([c.energy for c in labelled])
    per_atom = counts.sum(axis=1)
    guess, *_ = np.linalg.lstsq(counts / per_atom[:, None], totals / per_atom, rcond=1e-8)
    return guess, False


def distances_of(data: Dataset, elements: Sequence[int]) -> Distances:
    """Shortest and typical nearest-neighbour distances of every pair of elements in the data."""
    known = pair_shells(data)
    if any(shell.shortest < COINCIDENT for shell in known.values()):
        _refuse_coincident(data)
    distances = Distances.unknown(len(elements))
    for i, a in enumerate(elements):
        for j, b in enumerate(elements):
            shell = known.get((min(a, b), max(a, b)))
            if shell is not None:
                distances.shortest[i, j] = shell.shortest
                distances.first_neighbour[i, j] = shell.first_neighbour
    return distances


def _refuse_coincident(data: Dataset) -> None:
    for number, configuration in enumerate(data):
        i, j, distance = pair_distances(
            configuration.positions, configuration.cell, configuration.pbc, COINCIDENT
        )
        if len(distance):
            closest = int(np.argmin(distance))
            raise InputError(
                f"Configuration {number} ({configuration.config_type}) has the atoms {i[closest]} and "
                f"{j[closest]} at a distance of {distance[closest]:.3g} angstrom; correct it, or leave it "
                "out with data.filter.min_distance_angstrom."
            )


def core_is_repulsive(potential: Potential) -> bool:
    """Whether no dimer of the potential's elements has a hole below the distances of the data."""
    return not holes(potential.plan, potential.coefficients)


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
