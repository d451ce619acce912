"""Fits of embeddings: functions of several densities, by Levenberg and Marquardt on streamed rows.

E_i = sum_p F(rho_ip; m_p) with rho_ip = sum_k c_pk B_ik (Drautz, Phys. Rev. B 99, 014104 (2019), sec. V). All
densities are made of the same features B of an atom, so that a step needs them and their gradients once. A
step folds the rows of its Jacobian into a triangular factor, as linear fits do with theirs: memory does not
grow with the data. The strength of the prior maximises the evidence of the linearised problem, anew in every
step (Foresee and Hagan, Proc. ICNN 3, 1930 (1997)).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import lstsq
from scipy.sparse import csr_array

from atomsmith.descriptors.base import DescriptorPart, FeatureInfo, features_of_centres
from atomsmith.errors import InputError
from atomsmith.evaluator import DescriptorRows, PlanEvaluator, species_of
from atomsmith.fitting.rows.factor import TriangularFactor
from atomsmith.fitting.solvers.prior import Prior
from atomsmith.fitting.solvers.registry import Evidence, solve
from atomsmith.fitting.trainers.training import (
    Residual,
    TrainedTerm,
    TrainingState,
    TrainingTask,
    residuals_of,
)
from atomsmith.model import Model
from atomsmith.regressors import EmbeddingCentre, EmbeddingSettings, embed, embed_curvature, embedding_plan
from atomsmith.systems import BoolArray, FloatArray, IntArray, Systems

if TYPE_CHECKING:
    from atomsmith.data.configuration import Configuration

DAMPING, RAISED, LOWERED, STRONGEST = 1.0e-2, 10.0, 0.2, 1.0e8
"""First cost of changing densities by 1 relative to the squares; factors after refusal, success; its end."""
START_SCALES = (0.1, 0.3, 1.0, 3.0, 10.0)
"""Sizes of densities that are tried at the start."""
GAIN = 1.0e-4
"""Relative gain of a step below which the fit has converged."""


@dataclass(frozen=True, eq=False)
class Layout:
    """Where the coefficients of densities stand in the vector of all parameters.

    Attributes
    ----------
    sizes
        Features of an atom of each species.
    exponents
        Of each density.
    """

    sizes: tuple[int, ...]
    exponents: tuple[float, ...]

    @property
    def n_parameters(self) -> int:
        """Length of the vector."""
        return sum(self.sizes) * len(self.exponents)

    def first(self, species: int) -> int:
        """Where those of a species begin: density by density."""
        return sum(self.sizes[:species]) * len(self.exponents)

    def of_species(self, parameters: FloatArray, species: int) -> FloatArray:
        """Coefficients of the densities of a species, shape (n_densities, n_features), a view."""
        start, shape = self.first(species), (len(self.exponents), self.sizes[species])
        return parameters[start : start + shape[0] * shape[1]].reshape(shape)

    def repeated(self, values: FloatArray) -> FloatArray:
        """One value for each feature, species by species, as a vector with all densities alike."""
        parameters = np.zeros(self.n_parameters)
        ends = np.cumsum(self.sizes)
        for z, size in enumerate(self.sizes):
            self.of_species(parameters, z)[:] = values[ends[z] - size : ends[z]]
        return parameters


def rows_and_jacobian(
    rows: DescriptorRows, species: IntArray, layout: Layout, parameters: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Energy, forces and virial of one system and their derivatives by the parameters.

    Parameters
    ----------
    rows
        Features of N atoms with their gradients.
    species
        Of the atoms, shape (N,).
    layout, parameters
        Densities.

    Returns
    -------
    values, jacobian
        Shapes (1 + 3N + 6,) and (1 + 3N + 6, n_parameters): energy, forces, virial (xx yy zz yz xz xy).
    """
    n_atoms = len(rows.features)
    values = np.zeros(7 + 3 * n_atoms)
    jacobian = np.zeros((len(values), layout.n_parameters))
    owner = np.repeat(np.arange(n_atoms), np.diff(rows.first))
    for z, size in enumerate(layout.sizes):
        atoms = np.flatnonzero(species == z)
        pairs = np.flatnonzero(species[owner] == z)
        if not len(atoms) or not size:
            continue
        features, strain = rows.features[atoms, :size], rows.strain[atoms, :, :size]
        gradients, centre = rows.gradients[pairs][:, :, :size], np.searchsorted(atoms, owner[pairs])
        spread = csr_array(
            (np.ones(len(pairs)), (rows.atom[pairs], np.arange(len(pairs)))), shape=(n_atoms, len(pairs))
        )
        for p, (exponent, c) in enumerate(
            zip(layout.exponents, layout.of_species(parameters, z), strict=True)
        ):
            start = layout.first(z) + p * size
            own = jacobian[:, start : start + size]
            density = features @ c
            energy, slope = embed("shifted_scaled", density, exponent)
            bent = embed_curvature(density, exponent)
            along, strained = gradients @ c, strain @ c
            values[0] += energy.sum()
            values[1 : 1 + 3 * n_atoms] -= np.asarray(spread @ (slope[centre, None] * along)).reshape(-1)
            values[1 + 3 * n_atoms :] -= slope @ strained
            own[0] = slope @ features
            change = slope[centre, None, None] * gradients
            change += (bent[centre, None] * along)[:, :, None] * features[centre][:, None, :]
            own[1 : 1 + 3 * n_atoms] = -np.asarray(spread @ change.reshape(len(pairs), -1)).reshape(-1, size)
            own[1 + 3 * n_atoms :] = -(
                np.einsum("i,isk->sk", slope, strain)
                + np.einsum("is,ik->sk", bent[:, None] * strained, features)
            )
    return values, jacobian


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

    @property
    def penalty(self) -> FloatArray:
        """Shape of the prior, shape (n_parameters,)."""
        return self.layout.repeated(self.task.descriptor.info.smoothness)

    @property
    def elements(self) -> tuple[int, ...]:
        """Atomic numbers of the species."""
        return self.task.problem.model.elements

    def part(self, parameters: FloatArray) -> dict[str, Any]:
        """Part of the plan with these densities."""
        exponents = np.array(self.layout.exponents)
        centres = [
            EmbeddingCentre(
                function="shifted_scaled",
                prefactor=np.ones(len(exponents)),
                exponent=exponents,
                coefficients=self.layout.of_species(parameters, z).copy(),
            )
            for z in range(len(self.elements))
        ]
        return self.task.descriptor.part | {"n_features": 0, "regressor": embedding_plan(centres)}

    def features(self, chosen: Sequence[int]) -> list[TriangularFactor]:
        """Features of all atoms of some configurations, folded, by species."""
        plan = {"elements": list(self.elements), "parts": [self.task.descriptor.part]}
        evaluator = PlanEvaluator(plan, n_threads=self.task.problem.settings.threads)
        columns = features_of_centres(self.task.descriptor.part, len(self.elements))
        factors = [TriangularFactor(max(size, 1)) for size in self.layout.sizes]
        for k in chosen:
            systems = Systems.from_configurations([self.task.configurations[k]])
            features = evaluator.features(systems)
            species = species_of(systems.numbers, self.elements)
            for z, own in enumerate(columns):
                if len(own):
                    rows = features[species == z][:, own]
                    factors[z].fold(rows, np.ones(len(rows)))
        return factors

    def factor(self, parameters: FloatArray, chosen: Sequence[int]) -> TriangularFactor:
        """Weighted rows of the problem that is linearised at these parameters, of some configurations."""
        plan = {"elements": list(self.elements), "parts": [self.task.descriptor.part]}
        evaluator = PlanEvaluator(plan, n_threads=self.task.problem.settings.threads)
        factor = TriangularFactor(self.layout.n_parameters)
        for k in chosen:
            systems = Systems.from_configurations([self.task.configurations[k]])
            species = species_of(systems.numbers, self.elements)
            values, jacobian = rows_and_jacobian(
                evaluator.descriptor_rows(systems, 0), species, self.layout, parameters
            )
            labels, scales = _labels(self.task.residuals[k], len(species))
            factor.fold(jacobian, labels - values + jacobian @ parameters, scales)
        return factor

    def squares(self, parameters: FloatArray, chosen: Sequence[int]) -> float:
        """Sum of weighted squared errors of some configurations, as the engine predicts them."""
        model = Model(
            self.elements,
            {"elements": list(self.elements), "parts": [self.part(parameters)]},
            FeatureInfo.concatenate([]),
            np.zeros(0, np.int64),
        )
        configurations = [_with_labels(self.task, k) for k in chosen]
        settings = self.task.problem.settings
        left = residuals_of(configurations, model, np.zeros(0), settings.weights, settings.threads)
        total = 0.0
        for k, one in zip(chosen, left, strict=True):
            errors, _ = _labels(one, len(self.task.configurations[k].numbers))
            _, scales = _labels(self.task.residuals[k], len(self.task.configurations[k].numbers))
            total += float(np.square(errors * scales).sum())
        return total


def train_embedding(task: TrainingTask) -> TrainedTerm:
    """Fit the densities of a term whose regressor is an embedding.

    Raises
    ------
    InputError
        If the descriptor is not an ace.
    """
    settings = task.settings.regressor
    assert isinstance(settings, EmbeddingSettings)
    part = task.descriptor.part
    if part["kind"] != "ace":
        raise InputError(
            f"A term of {task.settings.descriptor.kind} has the regressor embedding, whose densities are of "
            "a descriptor of kind ace; use that, or the regressor network."
        )
    sizes = tuple(int(centre["n_features"]) for centre in part["centres"])
    held_out = task.held_out(settings.held_out)
    layout = Layout(sizes, settings.exponents)
    fit = EmbeddingFit(task, layout)
    train = np.flatnonzero(~held_out).tolist()
    features = fit.features(train)
    damper = _damper(layout, features)
    start = _start(fit, features, train)
    found, record = _minimise(fit, start, damper, settings, held_out)
    info = FeatureInfo.concatenate([])
    return TrainedTerm(
        term=task.term,
        part=DescriptorPart(fit.part(found), info),
        record={"term": task.term, "kind": "embedding", "parameters": layout.n_parameters} | record,
    )


def _start(fit: EmbeddingFit, features: Sequence[TriangularFactor], train: Sequence[int]) -> FloatArray:
    """Densities like coordination numbers, cohesive, and the best linear density beside them.

    The features of degree zero are sums or products of sums over neighbours of a function that is nowhere
    negative. With -1 for each, functions with exponents below one lower the energy as bonds do. Of several
    sizes of the densities the best is taken. No two densities begin alike.
    """
    layout = fit.layout
    shares = _coordination(fit, features)
    unit = np.zeros(layout.n_parameters)
    linear = np.zeros(layout.n_parameters)
    ends = np.cumsum(layout.sizes)
    for z, count in enumerate(layout.sizes):
        for p, exponent in enumerate(layout.exponents):
            if exponent == 1.0:
                layout.of_species(linear, z)[p] = 1.0
            else:
                layout.of_species(unit, z)[p] = (p + 1.0) * shares[ends[z] - count : ends[z]]
    if not linear.any():
        return unit
    best, lowest = unit, np.inf
    for scale in START_SCALES:
        prior = Prior.create(np.where(linear > 0.0, fit.penalty, np.inf), mean=scale * unit)
        found = solve(fit.factor(scale * unit, train), prior, Evidence())
        if found.residual_sum_of_squares < lowest:
            best, lowest = found.coefficients, found.residual_sum_of_squares
    return best


def _coordination(fit: EmbeddingFit, features: Sequence[TriangularFactor]) -> FloatArray:
    """Coefficients of densities that are -1 for a mean atom, of the plainest features alone."""
    info, sizes = fit.task.descriptor.info, fit.layout.sizes
    # The mean of a feature over atoms: its product with the targets of one that these factors have.
    means = [f.r.T @ f.qty / max(f.n_rows, 1) for f in features]
    size = np.concatenate([mean[:count] for mean, count in zip(means, sizes, strict=True)])
    plain = (info.degree == 0.0) & (size > 0.0)
    plain &= info.order == np.min(info.order[plain], initial=9)
    shares = np.where(plain, -1.0 / np.where(plain, size, 1.0), 0.0)
    for end, count in zip(np.cumsum(sizes), sizes, strict=True):
        own = shares[end - count : end]
        own /= max(np.count_nonzero(own), 1)
    found: FloatArray = shares
    return found


def _minimise(
    fit: EmbeddingFit,
    parameters: FloatArray,
    damper: FloatArray,
    settings: EmbeddingSettings,
    held_out: BoolArray,
) -> tuple[FloatArray, dict[str, Any]]:
    """Steps of Levenberg and Marquardt; returns the best parameters, and a record of the way."""
    train, judges = (np.flatnonzero(chosen).tolist() for chosen in (~held_out, held_out))
    damping = DAMPING
    best, best_judged, best_step = parameters, np.inf, 0
    history: list[dict[str, float]] = []
    for step in range(1, settings.steps + 1):
        moved = _step(fit, parameters, damper, train, damping)
        parameters, damping = moved.parameters, moved.damping
        judged = fit.squares(parameters, judges) if judges else moved.squares
        history.append({"train": moved.squares, "held_out": judged})
        _show(fit.task, step, settings.steps, history)
        if judged < best_judged:
            best, best_judged, best_step = parameters, judged, step
        if moved.gain < GAIN or (judges and step - best_step >= settings.patience):
            break
    return best, {"steps": len(history), "kept": best_step, "history": history}


@dataclass(frozen=True, eq=False)
class _Step:
    """Parameters after a step, squared errors, relative gain with the prior, and the next damping."""

    parameters: FloatArray
    squares: float
    gain: float
    damping: float


def _damper(layout: Layout, features: Sequence[TriangularFactor]) -> FloatArray:
    """Rows D with |D d|^2 the mean square change of nonlinear densities by a change d of parameters.

    Densities are what a step may not change too much: coefficients of features that resemble each other may.
    """
    damper = np.zeros((layout.n_parameters, layout.n_parameters))
    atoms = max(sum(f.n_rows for f in features), 1)
    for z, size in enumerate(layout.sizes):
        for p, exponent in enumerate(layout.exponents):
            own = slice(layout.first(z) + p * size, layout.first(z) + (p + 1) * size)
            if exponent != 1.0 and size:
                damper[own, own] = features[z].r / np.sqrt(atoms)
    return damper


def _step(
    fit: EmbeddingFit, parameters: FloatArray, damper: FloatArray, train: Sequence[int], damping: float
) -> _Step:
    """Damp the solution of the linearised problem until it is an improvement; stay where none is."""
    factor = fit.factor(parameters, train)
    shape = fit.penalty
    solution = solve(factor, Prior.create(shape), Evidence())
    penalty = np.sqrt(solution.alpha / solution.beta)
    r, target = factor.r, factor.qty
    squares = factor.predicted_sum_of_squares(parameters)
    before = squares + float(np.square(penalty * parameters).sum())
    while damping < STRONGEST:
        held = np.sqrt(damping * before) * damper
        stacked = np.concatenate([r, np.diag(penalty), held])
        wanted = np.concatenate([target, np.zeros(len(shape)), held @ parameters])
        moved = lstsq(stacked, wanted, lapack_driver="gelsy", check_finite=False)[0]
        after = fit.squares(moved, train)
        value = after + float(np.square(penalty * moved).sum())
        if value < before:
            return _Step(moved, after, (before - value) / before, damping * LOWERED)
        damping *= RAISED
    return _Step(parameters, squares, 0.0, damping)


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
