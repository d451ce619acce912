"""Weighted rows of the design matrix: what they hold, and that blocks of any size give the same factor."""

import numpy as np
import pytest

import atomsmith.fitting.design as design
from atomsmith.data.configuration import Configuration
from atomsmith.evaluator import PlanEvaluator
from atomsmith.fitting.design import blocks, design_block, fold_configurations
from atomsmith.fitting.weights import Weights
from engine.plans import SHAPES, random_system
from potentials import ELEMENTS, make_potential

REFERENCE = np.array([-3.0, 2.0])


def configurations():
    """Of several kinds, each with some labels missing."""
    rng = np.random.default_rng(1)
    found = []
    for k, name in enumerate(["skewed", "tiny", "molecule", "thin", "alone"]):
        systems = random_system(SHAPES[name], ELEMENTS, 40 + k)
        stress = rng.normal(size=6) if systems.pbc.all() and k != 3 else None
        found.append(
            Configuration(
                systems.numbers,
                systems.positions,
                systems.cells[0],
                systems.pbc[0],
                energy=None if k == 1 else float(rng.normal()),
                forces=None if k == 3 else rng.normal(size=(systems.n_atoms, 3)),
                stress=stress,
                weight=1.0 + k,
                forces_weight=0.5,
            )
        )
    return found


def test_rows_times_coefficients_minus_targets_are_the_weighted_errors():
    potential, given = make_potential(), configurations()
    evaluator = PlanEvaluator(potential.plan)
    zero = evaluator.weights(np.zeros((1, evaluator.model.n_features)))
    weights = Weights(energy=7.0, forces=2.0, virial=3.0)
    rows, targets, scales = design_block(evaluator, zero, given, weights, REFERENCE)
    coefficients = potential.coefficients.copy()
    coefficients[:2] -= REFERENCE  # rows are relative to the reference
    errors = scales * (rows @ coefficients - targets)
    expected = []
    for configuration in given:
        found = potential.predict([configuration])
        root = np.sqrt(len(configuration))
        if configuration.energy is not None:
            expected.append([(found.energy[0] - configuration.energy) * 7.0 * configuration.weight / root])
        if configuration.forces is not None:
            expected.append((found.forces - configuration.forces).ravel() * 2.0 * configuration.weight * 0.5)
        if configuration.stress is not None:
            virial = found.virial[0][[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
            difference = virial + configuration.volume * configuration.stress
            expected.append(difference * 3.0 * configuration.weight / root)
    expected = np.concatenate(expected)
    np.testing.assert_allclose(errors, expected, atol=1e-10 * np.abs(expected).max())


def test_blocks_of_any_size_give_the_same_factor(monkeypatch):
    potential, given = make_potential(), configurations()
    whole = fold_configurations(potential.plan, given, Weights(), REFERENCE)
    monkeypatch.setattr(design, "BLOCK_BYTES", 1)
    assert [len(block) for block in blocks(given, 10)] == [1] * len(given)
    done = []
    single = fold_configurations(potential.plan, given, Weights(), REFERENCE, progress=done.append)
    assert done == [1, 2, 3, 4, 5]
    assert single.n_rows == whole.n_rows
    np.testing.assert_allclose(
        single.r.T @ single.r, whole.r.T @ whole.r, atol=1e-9 * np.abs(whole.r).max() ** 2
    )
    grown = fold_configurations(potential.plan, given[:2], Weights(), REFERENCE)
    grown = fold_configurations(potential.plan, given[2:], Weights(), REFERENCE, factor=grown)
    np.testing.assert_allclose(
        grown.r.T @ grown.r, whole.r.T @ whole.r, atol=1e-9 * np.abs(whole.r).max() ** 2
    )


@pytest.mark.parametrize("sizes", [[3, 3, 3], [1], [50, 1, 1, 1]])
def test_blocks_keep_every_configuration_in_order(sizes, monkeypatch):
    given = [Configuration(np.full(n, 1), np.arange(3.0 * n).reshape(n, 3)) for n in sizes]
    monkeypatch.setattr(design, "BLOCK_BYTES", 8 * 20 * 100)
    found = list(blocks(given, 20))
    assert [c for block in found for c in block] == given
