"""Terms fitted in turn: rounds of linear terms, turns of a trained one, what is recorded."""

from dataclasses import replace

import numpy as np
import pytest
from benchmarks.kruglov import lennard_jones

from atomsmith import Dataset, Potential
from atomsmith.descriptors import (
    BispectrumSettings,
    GlobalFeaturesSettings,
    InversePowersSettings,
    PairSettings,
)
from atomsmith.descriptors.base import DescriptorPart
from atomsmith.evaluator import PlanEvaluator, sum_atoms
from atomsmith.fitting import Ridge
from atomsmith.fitting.fit import fit, fit_model
from atomsmith.fitting.settings import PotentialSettings, ReferenceEnergies
from atomsmith.fitting.trainers.in_turn import InTurnSettings
from atomsmith.fitting.trainers.networks import train_networks
from atomsmith.fitting.trainers.networks.optimisers import LimitedMemoryBFGS
from atomsmith.fitting.trainers.networks.rows import TrainingRows
from atomsmith.fitting.trainers.registry import TRAINERS
from atomsmith.fitting.trainers.training import TrainedTerm
from atomsmith.fitting.weights import Weights
from atomsmith.model import ModelSettings, TermSettings
from atomsmith.regressors import NetworkSettings
from atomsmith.report.gather.model import in_turn
from atomsmith.report.records import ReportData
from atomsmith.report.sections.base import FigureShelf
from atomsmith.report.sections.model import in_turn_section
from atomsmith.systems import Systems
from fitting.test_fit import labelled, structures, truth

PAIR = TermSettings(descriptor=PairSettings(degree=4, cutoff=3.5))
BISPECTRUM = TermSettings(descriptor=BispectrumSettings(cutoff=3.5, twojmax=2))
NETWORK = TermSettings(descriptor=BISPECTRUM.descriptor, regressor=NetworkSettings(kind="network"))


def settings(*terms, rounds=30, tolerance=1e-4):
    return PotentialSettings(
        model=ModelSettings(terms=terms, repulsion=None),
        weights=Weights(energy=5.0, virial=0.1, force_scale_ev_per_angstrom=None),
        solver=Ridge(strength=1e-14),
        reference_energies=ReferenceEnergies(source="fitted"),
        committee=2,
        calibrate=False,
        training=InTurnSettings(rounds=rounds, tolerance=tolerance),
    )


@pytest.fixture(scope="module")
def data() -> Dataset:
    found = structures(16, 5)
    return labelled(found, truth(found))


def rounds_of(potential):
    return [turn["weighted_rmse"] for turn in potential.metadata["in_turn"]]


def test_linear_terms_come_to_the_fit_of_both_together(data):
    in_turn = settings(PAIR, BISPECTRUM, rounds=40, tolerance=1e-3)
    potential = fit(data, in_turn)
    together = fit(data, in_turn.model_copy(update={"training": None}))
    np.testing.assert_array_equal(potential.coefficients, together.coefficients)
    errors = rounds_of(potential)
    assert (np.diff(errors) <= 1e-9 * errors[0]).all()
    assert len(errors) > 3
    assert errors[-1] < errors[1] < errors[0]
    assert errors[-2] - errors[-1] <= 1e-3 * errors[-2]
    last = potential.metadata["in_turn"][-1]
    predicted = together.predict(data)
    joint = np.sqrt(np.mean(np.square(predicted.forces - np.concatenate([c.forces for c in data]))))
    assert joint <= last["forces_rmse_ev_per_angstrom"] * (1.0 + 1e-9)
    assert last["forces_rmse_ev_per_angstrom"] < 1.05 * joint


def test_each_turn_is_the_best_of_its_term_with_the_other_as_it_is(data):
    """The first round: a fit of the pair term, then of the other to what that leaves of the labels."""
    potential = fit(data, settings(PAIR, BISPECTRUM, rounds=1))
    (turn,) = potential.metadata["in_turn"]
    first = fit(data, settings(PAIR).model_copy(update={"training": None}))
    left = first.predict(data)
    systems = Systems.from_configurations(data)
    residual = Dataset(
        c.replace(
            energy=c.energy - left.energy[k],
            forces=c.forces - left.forces[systems.first[k] : systems.first[k + 1]],
            stress=c.stress + left.virial[k][[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]] / c.volume,
        )
        for k, c in enumerate(data)
    )
    zero = ReferenceEnergies(values={"O": 0.0, "Si": 0.0})
    other = settings(BISPECTRUM).model_copy(update={"training": None, "reference_energies": zero})
    second = fit(residual, other).predict(residual)
    forces = np.concatenate([c.forces for c in residual])
    assert turn["forces_rmse_ev_per_angstrom"] == pytest.approx(
        np.sqrt(np.mean(np.square(second.forces - forces))), rel=1e-4
    )
    energy = 1e3 * (second.energy - [c.energy for c in residual]) / systems.counts
    assert turn["energy_rmse_mev_per_atom"] == pytest.approx(np.sqrt(np.mean(energy**2)), rel=1e-4)


def test_shares_of_the_energy(data):
    """eta = <E_term / E>, the energy being that relative to isolated atoms."""
    result = fit_model(data, settings(PAIR, rounds=1))
    potential = result.potential
    (turn,) = potential.metadata["in_turn"]
    sums, _ = PlanEvaluator(potential.plan).feature_sums(Systems.from_configurations(data))
    reference = sums[:, :2] @ potential.coefficients[:2]
    pair = sums[:, 2:] @ potential.coefficients[2:]
    expected = np.mean(pair / (np.array([c.energy for c in data]) - reference))
    assert turn["energy_share"] == {"0 pair linear": pytest.approx(expected, rel=1e-5)}


def test_data_without_energies(data, tmp_path):
    forces_only = Dataset(c.replace(energy=None, stress=None) for c in data)
    zero = ReferenceEnergies(values={"O": 0.0, "Si": 0.0})
    chosen = settings(PAIR, BISPECTRUM, rounds=2).model_copy(update={"reference_energies": zero})
    potential = fit(forces_only, chosen)
    potential.save(tmp_path / "potential.json")
    (turn, *_) = potential.metadata["in_turn"]
    assert turn["energy_share"] == {}
    assert turn["energy_rmse_mev_per_atom"] is None
    assert turn["forces_rmse_ev_per_angstrom"] > 0.0


def trainer(calls):
    """Train by least squares to energies and forces, as a network without a hidden layer; keeps its calls."""

    def train(task):
        calls.append(task)
        evaluator = PlanEvaluator({"elements": [8, 14], "parts": [task.descriptor.part]})
        systems = Systems.from_configurations(task.configurations)
        _, rows, _ = evaluator.design_rows(systems)
        forces = np.concatenate([one.forces for one in task.residuals]).reshape(-1)
        found, *_ = np.linalg.lstsq(rows, forces, rcond=1e-9)
        n = len(found) // 2
        centres = [
            {
                "shift": np.zeros(n),
                "scale": np.ones(n),
                "layers": [
                    {
                        "activation": "identity",
                        "weights": found[z * n : (z + 1) * n].reshape(1, 1, n),
                        "bias": np.zeros((1, 1)),
                    }
                ],
            }
            for z in range(2)
        ]
        regressor = {"kind": "network", "networks": 1, "centres": centres}
        info = task.descriptor.info.take(np.zeros(1, dtype=np.int64))
        part = DescriptorPart(task.descriptor.part | {"regressor": regressor, "n_features": 1}, info)
        return TrainedTerm(
            task.term, part, coefficients=np.ones(1), committee=np.ones((1, 1)), record={"calls": len(calls)}
        )

    return train


def test_a_trained_term_goes_on_from_its_last_turn(data, monkeypatch, tmp_path):
    calls = []
    monkeypatch.setitem(TRAINERS, "network", trainer(calls))
    potential = fit(data, settings(PAIR, NETWORK, rounds=12, tolerance=1e-3))
    errors = rounds_of(potential)
    assert len(errors) >= 3
    assert errors[-1] < errors[0]
    assert calls[0].start is None
    assert all(task.start.record == {"calls": k} for k, task in enumerate(calls[1:], 1))
    # Residuals of a later turn are what the pair term then leaves.
    task = calls[-1]
    pair_only = task.coefficients.copy()
    plan = task.problem.model.plan
    evaluator = PlanEvaluator(plan)
    systems = Systems.from_configurations(task.configurations)
    energies, _, _ = evaluator.predict_sets(systems, evaluator.weights(pair_only[None]))
    left = np.array([c.energy for c in task.configurations]) - sum_atoms(energies[0], systems)
    np.testing.assert_allclose([one.energy for one in task.residuals], left, atol=1e-9)
    assert pair_only[task.problem.model.term == 0].any()
    assert not pair_only[task.problem.model.term == 1].any()
    potential.save(tmp_path / "potential.json")
    loaded = Potential.load(tmp_path / "potential.json")
    names = {"0 pair linear", "1 bispectrum network"}
    assert all(set(turn["energy_share"]) == names for turn in loaded.metadata["in_turn"])
    np.testing.assert_array_equal(loaded.predict(data).forces, potential.predict(data).forces)


def test_pair_sums_and_a_network_that_sees_the_crystal(data, tmp_path):
    """All that Kruglov's potential is made of, trained shortly; errors fall, and the file keeps it."""
    pytest.importorskip("jax")
    network = NetworkSettings(
        kind="network", hidden=(6,), members=1, optimiser="lbfgs", epochs=25, held_out=0.0
    )
    terms = (
        TermSettings(descriptor=InversePowersSettings(powers=(2, 4, 6, 9, 12))),
        TermSettings(
            descriptor=BISPECTRUM.descriptor,
            regressor=network,
            global_features=GlobalFeaturesSettings(cutoff=5.0, width=0.3, spacing=0.15),
        ),
    )
    in_turn = settings(*terms, rounds=3, tolerance=0.0)
    potential = fit(data, in_turn)
    errors = rounds_of(potential)
    alone = fit(data, settings(terms[0]).model_copy(update={"training": None})).predict(data)
    forces = np.concatenate([c.forces for c in data])
    pair_alone = np.sqrt(np.mean(np.square(alone.forces - forces)))
    assert min(errors[1:]) < errors[0]
    assert np.sqrt(np.mean(np.square(potential.predict(data).forces - forces))) < 0.8 * pair_alone
    potential.save(tmp_path / "potential.json")
    loaded = Potential.load(tmp_path / "potential.json").predict(data)
    np.testing.assert_array_equal(loaded.virial, potential.predict(data).virial)


def test_turns_make_the_features_of_the_data_once(data, monkeypatch):
    """The same bits as with features made in every turn."""
    pytest.importorskip("jax")
    network = NetworkSettings(kind="network", hidden=(4,), members=1, epochs=6)
    term = TermSettings(descriptor=BISPECTRUM.descriptor, regressor=network)
    in_turn = settings(PAIR, term, rounds=3, tolerance=0.0)
    made = []
    original = TrainingRows._make
    monkeypatch.setattr(TrainingRows, "_make", lambda rows, k: made.append(k) or original(rows, k))
    potential = fit(data, in_turn)
    assert sorted(made) == list(range(len(data)))

    def forgetful(task):
        start = task.start and replace(task.start, kept=None)
        return train_networks(replace(task, start=start))

    monkeypatch.setitem(TRAINERS, "network", forgetful)
    other = fit(data, in_turn)
    assert len(made) == 4 * len(data)
    np.testing.assert_array_equal(potential.predict(data).forces, other.predict(data).forces)


def test_a_turn_that_gains_nothing_leaves_the_network_as_it_was(data, monkeypatch):
    pytest.importorskip("jax")
    network = NetworkSettings(
        kind="network", hidden=(4,), members=1, optimiser="lbfgs", epochs=5, held_out=0.3
    )
    in_turn = settings(
        TermSettings(descriptor=BISPECTRUM.descriptor, regressor=network), rounds=3, tolerance=0.0
    )
    step, steps = LimitedMemoryBFGS.step, []

    def astray(optimiser, objective, numbers):
        steps.append(optimiser.epoch)
        step(optimiser, objective, numbers)
        if len(steps) > 5:
            optimiser.parameters = optimiser.parameters + 100.0

    monkeypatch.setattr(LimitedMemoryBFGS, "step", astray)
    errors = rounds_of(fit(data, in_turn))
    assert len(steps) > 5
    assert len(errors) == 2
    assert errors[1] == pytest.approx(errors[0], rel=1e-12)


def test_the_report_shows_the_rounds(data):
    potential = fit(data, settings(PAIR, BISPECTRUM, rounds=2))
    found = in_turn_section(ReportData(title="", in_turn=tuple(in_turn(potential))), FigureShelf())
    text = str(found.body)
    assert "η 1 bispectrum linear" in text
    assert f"{potential.metadata['in_turn'][1]['energy_share']['0 pair linear']:.3f}" in text
    assert in_turn_section(ReportData(title=""), FigureShelf()) is None


def test_pair_part_of_lennard_jones_crystals():
    """Kruglov's test, small: energies of crystals to 1e-7 epsilon."""
    data = list(lennard_jones.cells(80, seed=3))
    potential = fit(Dataset(data[15:]), lennard_jones.pair_part())
    energies = [c.energy for c in data]
    assert min(energies) >= -30.0
    assert max(energies) <= -2.0
    assert lennard_jones.rmse(potential, Dataset(data[:15])) < 1e-7
