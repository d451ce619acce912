"""Sparse kernels in a linear fit: their points, and outputs whose prior is white.

The coefficients c of a sparse Gaussian process have the prior covariance K^-1, K the kernel among the points
(Bartok and Csanyi, Int. J. Quantum Chem. 115, 1051 (2015), eqs. 37 to 40). With K = L L^T, c = L^-T w, and
the w are independent with equal variance: columns times L^-T, and everything that linear fits know applies.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import cholesky, lapack

from atomsmith.descriptors import PairSettings
from atomsmith.descriptors.base import DescriptorPart, features_of_centres
from atomsmith.errors import InputError
from atomsmith.evaluator import PlanEvaluator, species_of
from atomsmith.fitting.solvers.elimination import Elimination
from atomsmith.fitting.trainers.kernel_points import select_points
from atomsmith.fitting.trainers.training import TrainedTerm
from atomsmith.regressors.kernel import KernelSettings, Standard, kernel_features, kernel_plan
from atomsmith.regressors.pair_kernel import PairFunctions, pair_kernel_part
from atomsmith.systems import FloatArray, Systems

if TYPE_CHECKING:
    from atomsmith.data.configuration import Configuration
    from atomsmith.fitting.problem import Problem

BATCH_ATOMS = 2000
"""Atoms whose descriptors are made at once."""
LARGEST_JITTER = 1.0e-4
PAIR_SWITCH = 0.2
"""Share of the cutoff over which kernels of distances are switched off."""


def with_kernels(problem: Problem) -> Problem:
    """Give every term with a kernel its sparse points, which depend on the data but on no other term."""
    for term, settings in enumerate(problem.settings.model.terms):
        if isinstance(settings.regressor, KernelSettings):
            found = (
                _pair_term(problem, term, settings.descriptor, settings.regressor)
                if isinstance(settings.descriptor, PairSettings)
                else _term(problem, term, settings.regressor)
            )
            problem = problem.with_trained(found)
    return problem


def whitener(kernel: FloatArray, jitter: float) -> FloatArray:
    """L^-T of a kernel among points, upper triangular, shape (M, M).

    The jitter, relative to the mean of the diagonal, grows tenfold until the kernel has a Cholesky factor.
    """
    diagonal = float(np.trace(kernel)) / len(kernel)
    while jitter <= LARGEST_JITTER and np.isfinite(diagonal):
        try:
            upper = cholesky(kernel + jitter * diagonal * np.eye(len(kernel)), lower=False)
        except np.linalg.LinAlgError:
            jitter *= 10.0
            continue
        inverse, _ = lapack.dtrtri(upper)
        return np.triu(inverse)
    raise InputError("The sparse points of a kernel depend on one another; ask for fewer points.")


def _term(problem: Problem, term: int, settings: KernelSettings) -> TrainedTerm:
    """Sparse points among the atoms of the data, for each species in proportion to its atoms."""
    elements = problem.model.elements
    part = problem.bare_model.term_part(term).part
    described = _descriptors(part, elements, problem.rows_of)
    total = sum(len(own) for own in described)
    points, blocks = [], []
    standards = None
    if part["kind"] != "soap" or not part["normalised"]:
        standards = [Standard.of(own, settings.spread) for own in described]
        described = [one.inputs(own) for one, own in zip(standards, described, strict=True)]
    for own in described:
        wanted = round(settings.points * len(own) / max(total, 1))
        if len(own):
            own = own[select_points(own, max(wanted, 1), settings.selection, settings.seed)]
        points.append(own)
        if len(own):
            blocks.append(whitener((points[-1] @ points[-1].T) ** settings.zeta, settings.jitter))
    regressor = kernel_plan(settings.zeta, points, standards)
    info = kernel_features(regressor, elements)
    made = DescriptorPart(part | {"n_features": len(info), "regressor": regressor}, info)
    record = {"kernel": {"points": [len(own) for own in points]}}
    return TrainedTerm(term, made, whiteners=tuple(blocks), record=record)


def _descriptors(
    part: dict[str, Any], elements: Sequence[int], configurations: Sequence[Configuration]
) -> list[FloatArray]:
    """Descriptors of all atoms of each species, shapes (N_z, D_z)."""
    columns = features_of_centres(part, len(elements))
    found: list[list[FloatArray]] = [[np.zeros((0, len(own)))] for own in columns]
    evaluator = PlanEvaluator({"elements": list(elements), "parts": [part]})
    batch: list[Configuration] = []
    atoms = 0
    for k, configuration in enumerate(configurations):
        batch.append(configuration)
        atoms += len(configuration.numbers)
        if atoms < BATCH_ATOMS and k + 1 < len(configurations):
            continue
        systems = Systems.from_configurations(batch)
        features = evaluator.features(systems)
        species = species_of(systems.numbers, elements)
        for z, own in enumerate(columns):
            found[z].append(features[np.ix_(species == z, own)])
        batch, atoms = [], 0
    return [np.concatenate(own) for own in found]


def _pair_term(problem: Problem, term: int, pair: PairSettings, settings: KernelSettings) -> TrainedTerm:
    """Sparse points at equal distances from the shortest in the data to the cutoff."""
    elements, n = problem.model.elements, len(problem.model.elements)
    cutoff = float(np.max(problem.bare_model.term_part(term).part["radial"]["cutoff"]))
    if pair.cutoff is not None:
        cutoff = pair.cutoff
    functions, blocks = [], []
    for i, j in combinations_with_replacement(range(n), 2):
        shortest = np.fmin(problem.distances.shortest[i, j], problem.distances.shortest[j, i])
        start = float(shortest) if np.isfinite(shortest) and shortest < cutoff else 0.5 * cutoff
        points = np.linspace(start, cutoff, settings.points, endpoint=False)
        difference = (points[:, None] - points) / settings.length_angstrom
        blocks.append(whitener(np.exp(-0.5 * difference**2), settings.jitter))
        functions.append(
            PairFunctions(
                points, np.eye(settings.points), settings.length_angstrom, cutoff, PAIR_SWITCH * cutoff
            )
        )
    made = pair_kernel_part(functions, elements, [f"point {k}" for k in range(settings.points)])
    return TrainedTerm(term, made, whiteners=tuple(blocks))


def whitening(problem: Problem) -> list[tuple[int, FloatArray]]:
    """First column and L^-T of every block of columns whose prior is that of a kernel."""
    blocks = []
    for one in problem.trained:
        first = int(np.flatnonzero(problem.model.term == one.term)[0]) if len(one.part.info) else 0
        for block in one.whiteners:
            blocks.append((first, block))
            first += len(block)
    return blocks


def refuse_sparse_solver(problem: Problem) -> None:
    """Raise InputError for solvers that drop columns, which white combinations of points cannot spare."""
    solver = problem.settings.solver
    drops = solver.kind == "ard" or (isinstance(solver, Elimination) and solver.functions is not None)
    if drops and whitening(problem):
        raise InputError(
            f"solver {solver.kind} drops functions, which a kernel regressor does not "
            "allow; use evidence or ridge, and fewer points."
        )


__all__ = ["refuse_sparse_solver", "whitener", "whitening", "with_kernels"]
