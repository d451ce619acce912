"""Training of networks: derivatives, optimisers, early stopping, ensembles, kill and resume, missing JAX."""

import dataclasses
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from atomsmith import Dataset, Potential, fit
from atomsmith.descriptors import AceSettings, BispectrumSettings
from atomsmith.descriptors.base import features_of_centres
from atomsmith.errors import InputError
from atomsmith.evaluator import PlanEvaluator
from atomsmith.fitting.fit import fit_model
from atomsmith.fitting.metrics import errors
from atomsmith.fitting.settings import PotentialSettings
from atomsmith.fitting.trainers.networks.objective import Objective
from atomsmith.fitting.trainers.networks.optimisers import Adam, LevenbergMarquardt, LimitedMemoryBFGS
from atomsmith.fitting.trainers.networks.perceptron import Derivatives, Perceptrons
from atomsmith.fitting.trainers.networks.rows import TrainingRows
from atomsmith.fitting.trainers.training import residuals_of
from atomsmith.fitting.weights import Weights
from atomsmith.model import ModelSettings, TermSettings, build_model
from atomsmith.prediction import stress_from_virial
from atomsmith.regressors import NetworkSettings
from atomsmith.systems import Systems
from fitting.test_fit import labelled, structures, truth

pytest.importorskip("jax", reason="training needs JAX: pip install 'atomsmith[network]'")

ELEMENTS = (8, 14)
COUNT = 10
BISPECTRUM = BispectrumSettings(cutoff=3.6, twojmax=3)
ACE = AceSettings(cutoff=3.6, correlation_order=2, degree=[3.0, 3.0], first_order=True)


def network(descriptor=BISPECTRUM, **changes):
    values = {"kind": "network", "hidden": (6, 5), "members": 1, "epochs": 12, "activation": "tanh"}
    return TermSettings(descriptor=descriptor, regressor=NetworkSettings(**(values | changes)))


def settings(*terms, **changes):
    return PotentialSettings(model=ModelSettings(terms=terms, repulsion=None), **changes)


@pytest.fixture(scope="module")
def data() -> Dataset:
    found = structures(COUNT, 3)
    return labelled(found, truth(found))


@pytest.fixture(scope="module", params=["tanh", "tanh_linear", "softplus", "silu"])
def objective(data, request) -> Objective:
    term = network(activation=request.param, gamma=0.3)
    model = build_model(ModelSettings(terms=(term,), repulsion=None), ELEMENTS)
    part = model.plan["parts"][1]
    columns = features_of_centres(part, 2)
    some = Dataset([*list(data)[:5], dataclasses.replace(data[5], energy=None, stress=None)])
    reference = np.zeros(len(model.features))
    reference[:2] = [-430.0, -160.0]
    residuals = residuals_of(some, model, reference, Weights(virial=0.3))
    rows = TrainingRows({"elements": list(ELEMENTS), "parts": [part]}, columns, some, residuals)
    networks = Perceptrons(tuple(map(len, columns)), term.regressor)
    return Objective(networks, [Derivatives.of(networks, z) for z in range(2)], rows)


def test_the_gradient_is_the_derivative_of_the_sum_of_squares(objective):
    numbers = np.arange(len(objective.rows))
    parameters = objective.networks.start(np.random.default_rng(1))
    total, rows, half = objective.gradient(parameters, numbers)
    assert total == pytest.approx(objective.loss(parameters, numbers).mean_square * rows)
    direction = np.random.default_rng(2).normal(size=len(parameters))
    step, slope = 1e-3, 0.0  # gradients of features are in single precision
    for k, weight in ((-2, 1 / 12), (-1, -2 / 3), (1, 2 / 3), (2, -1 / 12)):
        slope += weight * objective.gradient(parameters + k * step * direction, numbers)[0] / step
    assert 2.0 * half @ direction == pytest.approx(slope, rel=1e-4)


def test_normal_equations_are_those_of_the_derivatives_of_all_errors(objective):
    numbers = np.arange(len(objective.rows))
    parameters = objective.networks.start(np.random.default_rng(1))
    total, rows, half, matrix = objective.normal_equations(parameters, numbers)
    expected = objective.gradient(parameters, numbers)
    assert (total, rows) == pytest.approx(expected[:2])
    np.testing.assert_allclose(half, expected[2], atol=2e-5 * np.abs(half).max())
    direction = np.random.default_rng(3).normal(size=len(parameters))
    changes = []
    for sign in (1, -1):
        values = objective.values(parameters + sign * 1e-4 * direction, numbers)
        found = [objective.errors(k, values) for k in numbers]
        changes.append(np.concatenate([part for e in found for part in (e.energy, e.forces, e.virial)]))
    slope = (changes[0] - changes[1]) / 2e-4
    assert direction @ matrix @ direction == pytest.approx(slope @ slope, rel=1e-4)


def test_what_is_trained_is_what_the_engine_predicts(data):
    """Errors that training believes in are those of the potential, so plan and objective agree."""
    result = fit_model(data, settings(network(held_out=0.0), calibrate=False))
    record = result.potential.metadata["training"][0]["members"][0]
    potential = result.potential
    found = errors(data, potential.predict(data))
    assert record["train"]["force_rmse"] == pytest.approx(found.total.forces.rmse, rel=1e-5)


@pytest.mark.parametrize(("optimiser", "epochs"), [("levenberg_marquardt", 15), ("lbfgs", 150)])
def test_training_beats_the_linear_model_of_its_descriptor(data, optimiser, epochs):
    """The data are of a model of higher order than the descriptor, so products of features matter."""
    regressor = {"hidden": (10,), "optimiser": optimiser, "epochs": epochs, "held_out": 0.0}
    linear = fit(data, settings(TermSettings(descriptor=ACE)))
    trained = fit(data, settings(network(ACE, **regressor)))
    found, expected = (errors(data, one.predict(data)).total.forces.rmse for one in (trained, linear))
    assert found < 0.8 * expected


def test_adam_learns_batch_by_batch(objective):
    numbers = np.arange(len(objective.rows))
    optimiser = Adam(objective.networks.start(np.random.default_rng(1)), rate=0.02, batch=2, epochs=30)
    before = objective.loss(optimiser.parameters, numbers).mean_square
    for _ in range(30):
        optimiser.step(objective, numbers)
    assert optimiser.steps == 90
    assert objective.loss(optimiser.parameters, numbers).mean_square < 0.5 * before


@pytest.mark.parametrize("descriptor", [BISPECTRUM, ACE], ids=lambda d: d.kind)
def test_forces_and_stress_of_a_trained_ensemble(data, descriptor, tmp_path):
    result = fit_model(data, settings(network(descriptor, members=3, epochs=4)))
    potential = result.potential
    assert potential.committee.shape[0] == 3
    taken = sum(map(len, features_of_centres(potential.plan["parts"][-1], 2)))
    assert potential.n_functions == taken > 3
    np.testing.assert_allclose(potential.coefficients[-3:], 1.0 / 3.0)
    np.testing.assert_allclose(potential.committee[:, -3:].mean(axis=0), 1.0 / 3.0)
    potential.save(tmp_path / "potential.json")
    again = Potential.load(tmp_path / "potential.json")
    configuration = data[0].replace(energy=None, forces=None, stress=None)
    forces = again.predict([configuration]).forces
    np.testing.assert_array_equal(forces, potential.predict([configuration]).forces)
    slope = 0.0
    for k, weight in ((-3, -1 / 60), (-2, 3 / 20), (-1, -3 / 4), (1, 3 / 4), (2, -3 / 20), (3, 1 / 60)):
        moved = configuration.positions.copy()
        moved[1, 2] += k * 1e-3
        slope += weight * again.predict([configuration.replace(positions=moved)]).energy[0] / 1e-3
    assert forces[1, 2] == pytest.approx(-slope, abs=1e-7 * np.abs(forces).max())
    evaluator, systems = again.evaluator(), Systems.from_configurations([configuration])
    members = evaluator.predict_members(systems)
    assert members.energy.std() > 0.0
    biased = evaluator.predict_biased(systems, np.array([0.2]))
    assert biased.sigma[0] == pytest.approx(
        np.sqrt(np.square(members.energy[:, 0] - biased.energy[0]).mean()), rel=1e-9
    )
    assert np.isfinite(stress_from_virial(biased.virial, systems.volumes)).all()


def test_the_spread_of_an_ensemble_is_that_of_errors_on_held_out_configurations(data):
    raw = fit_model(data, settings(network(members=3, epochs=4, held_out=0.3), calibrate=False)).potential
    scaled = fit_model(data, settings(network(members=3, epochs=4, held_out=0.3))).potential
    spread = scaled.metadata["training"][0]["spread"]
    np.testing.assert_allclose(raw.committee[:, -3:], np.eye(3))
    np.testing.assert_allclose(scaled.committee[:, -3:] - 1 / 3, spread * (np.eye(3) - 1 / 3), atol=1e-12)


def test_held_out_configurations_decide_when_to_end(data):
    result = fit_model(data, settings(network(epochs=200, held_out=0.4, patience=2)))
    assert 2 < result.potential.metadata["training"][0]["members"][0]["epochs"] < 200


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(data):
    one, same, other = (
        fit(data, settings(network(epochs=2), seed=seed)).predict(data).forces for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 1e-6


def test_gradients_that_do_not_fit_are_made_again(data):
    part = build_model(ModelSettings(terms=(network(),), repulsion=None), ELEMENTS).plan["parts"][1]
    columns = features_of_centres(part, 2)
    plan = {"elements": list(ELEMENTS), "parts": [part]}
    residuals = [None] * len(data)
    kept = TrainingRows(plan, columns, data, residuals)
    made = TrainingRows(plan, columns, data, residuals, budget_bytes=0)
    for a, b in zip(kept.blocks(3), made.blocks(3), strict=True):
        np.testing.assert_array_equal(a.forces, b.forces)
        np.testing.assert_array_equal(a.virial, b.virial)
    features = PlanEvaluator(plan).features(Systems.from_configurations(data))
    assert sum(len(x) for x in kept.inputs) == len(features)


SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from fitting.test_networks import network, settings
from fitting.test_fit import labelled, structures, truth
from atomsmith.fitting.fit import fit_model
import atomsmith.fitting.trainers.networks.trainer as trainer
trainer.SAVE_EVERY_S = 0.0
found = structures(10, 3)
data = labelled(found, truth(found))

def show(state):
    print(state.done, flush=True)
    sys.stdin.readline()

chosen = settings(network(members=2, epochs=5))
fit_model(data, chosen, training=show, training_folder=Path(sys.argv[2]))
"""


def test_a_killed_training_goes_on_with_the_same_bits(data, tmp_path):
    tests = os.path.dirname(os.path.dirname(__file__))
    command = [sys.executable, "-c", SCRIPT, tests, str(tmp_path / "state")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= 7:  # in the middle of the second member
            process.send_signal(signal.SIGKILL)
            break
        print(file=process.stdin, flush=True)  # it waits for this, however busy the machine is
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    done = []
    chosen = settings(network(members=2, epochs=5))
    found = fit_model(
        data, chosen, training=lambda state: done.append(state.done), training_folder=tmp_path / "state"
    ).potential
    assert done[0] >= 7
    expected = fit(data, chosen)
    np.testing.assert_array_equal(found.coefficients, expected.coefficients)
    np.testing.assert_array_equal(found.predict(data).forces, expected.predict(data).forces)


def test_a_state_of_other_data_is_not_taken_up(data, tmp_path):
    chosen = settings(network(epochs=2))
    fit_model(data, chosen, training_folder=tmp_path)
    fewer = Dataset(list(data)[:-1])
    expected = fit_model(fewer, chosen).potential.predict(fewer).forces
    found = fit_model(fewer, chosen, training_folder=tmp_path).potential.predict(fewer).forces
    np.testing.assert_array_equal(found, expected)


def test_without_jax_the_error_says_what_to_install(data, monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(InputError, match=r"pip install 'atomsmith\[network\]'"):
        fit(data, settings(network()))


def test_optimisers_end_where_nothing_is_to_be_gained(objective):
    numbers = np.arange(len(objective.rows))
    for maker in (LevenbergMarquardt, LimitedMemoryBFGS):
        optimiser = maker(objective.networks.start(np.random.default_rng(1)), decay=1e-6)
        values = []
        for _ in range(15):
            optimiser.step(objective, numbers)
            values.append(objective.loss(optimiser.parameters, numbers).mean_square)
        assert values[-1] < values[0]
