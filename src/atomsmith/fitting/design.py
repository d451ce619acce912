"""Weighted rows of the design matrix, made in blocks by the engine and folded into a triangular factor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from atomsmith.evaluator import PlanEvaluator, sum_atoms
from atomsmith.fitting.factor import TriangularFactor
from atomsmith.fitting.weights import RowWeights, Weights, row_weights
from atomsmith.systems import FloatArray, Systems

if TYPE_CHECKING:
    from atomsmith.data.configuration import Configuration

BLOCK_BYTES = 64 * 2**20
"""Aimed-at size of one block of rows; memory stays at a few blocks beside the factor."""


def blocks(configurations: Sequence[Configuration], n_features: int) -> Iterator[Sequence[Configuration]]:
    """Cut a sequence into blocks of about `BLOCK_BYTES` of rows."""
    start, rows = 0, 0
    for k, configuration in enumerate(configurations):
        rows += 7 + 3 * len(configuration.numbers)
        if rows * n_features * 8 >= BLOCK_BYTES:
            yield configurations[start : k + 1]
            start, rows = k + 1, 0
    if start < len(configurations):
        yield configurations[start:]


def fold_configurations(
    plan: dict[str, Any],
    configurations: Sequence[Configuration],
    weights: Weights,
    reference: FloatArray,
    *,
    factor: TriangularFactor | None = None,
    n_threads: int = 1,
    progress: Callable[[int], None] | None = None,
) -> TriangularFactor:
    """Fold the rows of all labels into a triangular factor.

    Parameters
    ----------
    plan
        Engine plan of n features.
    configurations
        With at least one label in all.
    weights
        Row weights.
    reference
        Energies of isolated atoms by element of the plan, eV; taken off the targets so that large totals do
        not cost digits. The fitted reference energies are then relative to these.
    factor
        Add to this factor; a new one when None.
    n_threads
        Threads of the engine.
    progress
        Called with the number of configurations done after every block.

    Raises
    ------
    InputError
        If an atom's element is not in the plan.
    """
    evaluator = PlanEvaluator(plan, n_threads=n_threads)
    fixed_weights = evaluator.weights(np.zeros((1, evaluator.model.n_features)))
    if factor is None:
        factor = TriangularFactor(evaluator.model.n_features)
    done = 0
    for block in blocks(configurations, evaluator.model.n_features):
        rows, targets, scales = design_block(evaluator, fixed_weights, block, weights, reference)
        factor.fold(rows, targets, scales)
        done += len(block)
        if progress is not None:
            progress(done)
    return factor


def design_block(
    evaluator: PlanEvaluator,
    fixed_weights: Any,
    configurations: Sequence[Configuration],
    weights: Weights,
    reference: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Rows (m, n), targets (m,) and row weights (m,) of some configurations, labelled rows only.

    The energies, forces and virials that no coefficient scales (repulsion) are taken off the targets.
    """
    systems = Systems.from_configurations(configurations)
    energy_rows, force_rows, virial_rows = evaluator.design_rows(systems)
    energies, forces, virial = evaluator.predict_sets(systems, fixed_weights)
    counts = energy_rows[:, : len(reference)]
    fixed = sum_atoms(energies[0], systems) + counts @ reference
    voigt = np.stack(
        [virial[0][:, a, b] for a, b in ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))], axis=1
    )
    scales = [row_weights(c, weights) for c in configurations]
    rows, targets, factors = [], [], []
    for s, (configuration, scale) in enumerate(zip(configurations, scales, strict=True)):
        atoms = slice(systems.first[s], systems.first[s + 1])
        for block, target, factor in _labels(configuration, scale, fixed[s], forces[0][atoms], voigt[s]):
            source = {
                "energy": energy_rows[s : s + 1],
                "forces": force_rows[3 * atoms.start : 3 * atoms.stop],
                "virial": virial_rows[6 * s : 6 * s + 6],
            }[block]
            rows.append(source)
            targets.append(target)
            factors.append(np.full(len(target), factor))
    if not rows:
        return np.zeros((0, energy_rows.shape[1])), np.zeros(0), np.zeros(0)
    return np.concatenate(rows), np.concatenate(targets), np.concatenate(factors)


def _labels(
    configuration: Configuration,
    scale: RowWeights,
    fixed_energy: float,
    fixed_forces: FloatArray,
    fixed_virial: FloatArray,
) -> Iterator[tuple[str, FloatArray, float]]:
    if scale.energy > 0.0 and configuration.energy is not None:
        yield "energy", np.array([configuration.energy - fixed_energy]), scale.energy
    if scale.forces > 0.0 and configuration.forces is not None:
        yield "forces", (configuration.forces - fixed_forces).ravel(), scale.forces
    if scale.virial > 0.0 and configuration.stress is not None:
        volume = abs(np.linalg.det(configuration.cell))
        yield "virial", -volume * configuration.stress - fixed_virial, scale.virial
