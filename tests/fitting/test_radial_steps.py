"""Training of radial functions: exact retrieval, what features take up, states that go on."""

import dataclasses

import numpy as np
import pytest

from atomsmith.data.configuration import Configuration
from atomsmith.descriptors import MomentsSettings
from atomsmith.descriptors.moments import RadialTraining
from atomsmith.fitting.rows.design import RowMaker
from atomsmith.fitting.rows.factor_set import FactorSet
from atomsmith.fitting.rows.streaming import accumulate
from atomsmith.fitting.solvers.evidence import Evidence
from atomsmith.fitting.solvers.prior import Prior, standardised
from atomsmith.fitting.solvers.registry import solve
from atomsmith.fitting.trainers.radial_rows import changed, independent_changes, orthogonal
from atomsmith.fitting.trainers.radial_steps import RadialState, RadialTask, predicted, split, start, step
from atomsmith.fitting.weights import KindWeights, Weights
from atomsmith.model import ModelSettings, TermSettings, build_model
from atomsmith.systems import Systems
from engine.plans import Shape, random_system

DESCRIPTOR = MomentsSettings(kind="moments", level=8, cutoff=3.6, radial_size=5, min_distance=1.4)
CRYSTAL = Shape(6, (4.4, 4.4, 4.4), (True, True, True), skew=0.1, closest=1.6)


def _task(count, held_out=0.0, seed=5):
    """Configurations of a potential whose radial functions are not those that training starts from."""
    model = build_model(ModelSettings(terms=(TermSettings(descriptor=DESCRIPTOR),), repulsion=None), [14])
    rng = np.random.default_rng(seed)
    table = model.plan["parts"][1]["radial"]["coefficients"]
    maker = RowMaker(model.plan, Weights(virial=0.1), np.zeros(1))
    settings = RadialTraining(held_out=held_out, iterations=25)
    penalty = model.features.smoothness.copy()

    def prior(scale):
        return Prior.create(np.r_[1.0, penalty[1:] * standardised(scale[1:])], free=np.arange(1))

    task = RadialTask(maker, 1, [], [], prior, Evidence(), settings)
    hidden = table + 0.5 * np.abs(table).max() * rng.uniform(-1.0, 1.0, table.shape)
    truth = dataclasses.replace(maker, plan=task.plan(hidden))
    coefficients = np.r_[-3.0, 1e-3 * rng.normal(size=maker.n_features - 1)]
    data = [_labelled(truth, coefficients, seed) for seed in range(count)]
    seen, unseen = split(data, settings, 100)
    return dataclasses.replace(task, seen=seen, held_out=unseen), hidden


def _labelled(maker, coefficients, seed):
    systems = random_system(CRYSTAL, [14], seed)
    bare = Configuration(systems.numbers, systems.positions, systems.cells[0], systems.pbc[0])
    evaluator = maker.evaluator()
    one = Systems.from_configurations([bare])
    energy, forces, virial = (rows @ coefficients for rows in evaluator.design_rows(one))
    return dataclasses.replace(
        bare, energy=float(energy[0]), forces=forces.reshape(-1, 3), stress=-virial / bare.volume
    )


def _trained(task, state=None):
    state = state or start(task)
    errors = []
    while not state.finished:
        state, progress = step(task, state)
        errors.append(progress)
    return state, errors


@pytest.fixture(scope="module")
def task():
    return _task(14)


def test_hidden_radial_functions_are_retrieved(task):
    task, _ = task
    first = start(task)
    maker = task.maker
    _, before = predicted(maker, task.seen, first.coefficients, KindWeights.of(maker.weights))
    state, progress = _trained(task, first)
    after = progress[-1].seen
    assert before.forces > 0.1
    assert after.forces < 1e-7 * before.forces
    assert after.energy < 1e-7 * before.energy
    assert state.finished


def test_configurations_held_out_end_the_training_and_choose_its_result():
    task, _ = _task(20, held_out=0.2)
    task = dataclasses.replace(task, settings=task.settings.model_copy(update={"patience": 1}))
    assert len(task.held_out) == 4
    state, progress = _trained(task)
    best = min(progress, key=lambda p: p.held_out.forces)
    assert state.finished
    assert best.held_out.forces < 0.1 * progress[0].held_out.forces
    assert 1 <= state.best_iteration <= state.iteration


def test_a_state_written_and_read_goes_on_to_the_same_bits(task):
    task, _ = task
    task = dataclasses.replace(task, settings=task.settings.model_copy(update={"iterations": 3}))
    whole, _ = _trained(task)
    state, _ = step(task, start(task))
    again, _ = _trained(task, RadialState.from_arrays(state.to_arrays()))
    for name, value in whole.to_arrays().items():
        np.testing.assert_array_equal(again.to_arrays()[name], value)


def test_features_take_up_functions_of_lower_index(task):
    task, hidden = task
    rng = np.random.default_rng(1)
    mixing = np.tril(rng.normal(size=(hidden.shape[1], hidden.shape[1])), -1) + np.diag([2.0, 0.5])
    energies = []
    for table in (hidden, np.einsum("mn,pnk->pmk", mixing, hidden), orthogonal(hidden)):
        maker = dataclasses.replace(task.maker, plan=task.plan(table))
        factors = FactorSet(maker.n_features, 1)
        accumulate(maker, task.seen, factors)
        factor = factors.combine(KindWeights.of(maker.weights))
        energies.append(solve(factor, Prior.create(np.full(maker.n_features, 1e-9))).coefficients)
        assert factor.residual_sum_of_squares < 1e-16 * factor.y_squared
    assert np.abs(energies[1] - energies[0]).max() > 1e-3


def test_changes_of_one_element_are_orthogonal_to_what_features_take_up(task):
    _, hidden = task
    changes = independent_changes(hidden)
    for mu in range(hidden.shape[1]):
        own = changes[0, mu]
        free = own[own.any(axis=1)]
        assert len(free) == hidden.shape[2] - mu - 1
        np.testing.assert_allclose(free @ hidden[0, : mu + 1].T, 0.0, atol=1e-12 * np.abs(hidden).max())
        np.testing.assert_allclose(free @ free.T, np.eye(len(free)), atol=1e-12)
    amounts = np.arange(1.0, 1.0 + int(changes.any(axis=-1).sum()))
    moved = changed(hidden, changes, amounts)
    np.testing.assert_allclose(np.square(moved - hidden).sum(), np.square(amounts).sum(), rtol=1e-12)


def test_orthogonal_functions_have_no_overlap():
    table = np.random.default_rng(2).normal(size=(4, 3, 6))
    flat = np.moveaxis(orthogonal(table), 1, 0).reshape(3, -1)
    gram = flat @ flat.T
    np.testing.assert_allclose(gram, gram[0, 0] * np.eye(3), atol=1e-12 * gram[0, 0])


def test_the_split_follows_the_seed_and_leaves_small_sets_whole():
    task, _ = _task(12)
    data = task.seen
    one, two = (split(data, RadialTraining(held_out=0.25, seed=seed), 10**6) for seed in (0, 1))
    assert len(one[1]) == len(two[1]) == 3
    assert {id(c) for c in one[1]} != {id(c) for c in two[1]}
    assert {id(c) for c in one[0] + one[1]} == {id(c) for c in data}
    assert split(data[:3], RadialTraining(held_out=0.25), 10**6)[1] == []
    few, _ = split(data, RadialTraining(held_out=0.0, rows_per_parameter=10.0), 5)
    assert len(few) == 2  # 25 rows each
