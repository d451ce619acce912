"""How `fit` trains terms that are not linear: what trainers get, and what becomes of what they return."""

import numpy as np
import pytest

from atomsmith import Dataset, Potential
from atomsmith.descriptors import BispectrumSettings, PairSettings
from atomsmith.descriptors.base import DescriptorPart, FeatureInfo
from atomsmith.evaluator import PlanEvaluator
from atomsmith.fitting import Elimination
from atomsmith.fitting.fit import LOOKS, fit_model
from atomsmith.fitting.settings import PotentialSettings
from atomsmith.fitting.trainers.in_turn import InTurnSettings
from atomsmith.fitting.trainers.registry import TRAINERS
from atomsmith.fitting.trainers.training import TrainedTerm
from atomsmith.fitting.virial_weight import settled_weights
from atomsmith.fitting.weights import Weights
from atomsmith.model import ModelSettings, TermSettings
from atomsmith.regressors import NetworkSettings, QuadraticSettings, with_products
from atomsmith.systems import Systems
from fitting.test_fit import labelled, structures, truth

TERMS = (
    TermSettings(descriptor=PairSettings(degree=4, cutoff=3.5)),
    TermSettings(
        descriptor=BispectrumSettings(cutoff=3.5, twojmax=2), regressor=NetworkSettings(kind="network")
    ),
)


PLAIN = Weights(force_scale_ev_per_angstrom=None)
"""Weights that do not depend on the labels."""


SETTLED = Weights(virial=0.1)
"""Weights that are the same before and after training."""


def settings(*terms, **changes):
    return PotentialSettings(model=ModelSettings(terms=terms or TERMS, repulsion=None), **changes)


@pytest.fixture(scope="module")
def data() -> Dataset:
    found = structures(16, 5)
    return labelled(found, truth(found))


def test_a_part_without_coefficients_is_fitted_like_any_linear_one(data, monkeypatch):
    seen = []

    def trainer(task):
        seen.append(task)
        return TrainedTerm(task.term, with_products(task.descriptor, 2), record={"kind": "products"})

    quadratic = TermSettings(descriptor=TERMS[1].descriptor, regressor=QuadraticSettings(kind="quadratic"))
    expected = fit_model(data, settings(TERMS[0], quadratic, weights=SETTLED))
    monkeypatch.setitem(TRAINERS, "network", trainer)
    found = fit_model(data, settings(weights=SETTLED))
    np.testing.assert_array_equal(found.potential.coefficients, expected.potential.coefficients)
    np.testing.assert_array_equal(found.potential.committee, expected.potential.committee)
    assert found.potential.metadata["training"] == [{"kind": "products"}]
    assert "training" in found.seconds
    (task,) = seen
    assert task.settings.regressor.kind == "network"
    assert task.descriptor.part["kind"] == "bispectrum"
    assert "regressor" not in task.descriptor.part
    assert not task.coefficients[task.problem.model.term == task.term].any()


def test_residuals_are_what_the_other_terms_leave(data, monkeypatch):
    seen = []

    def trainer(task):
        seen.append(task)
        return TrainedTerm(task.term, with_products(task.descriptor, 2))

    monkeypatch.setitem(TRAINERS, "network", trainer)
    fit_model(data, settings(weights=SETTLED))
    (task,) = seen
    pair = fit_model(data, settings(TERMS[0], weights=SETTLED, calibrate=False)).potential
    predicted = pair.predict(data)
    systems = Systems.from_configurations(data)
    for k, (configuration, residual) in enumerate(zip(data, task.residuals, strict=True)):
        own = slice(systems.first[k], systems.first[k + 1])
        assert residual.energy == pytest.approx(configuration.energy - predicted.energy[k], abs=1e-6)
        np.testing.assert_allclose(residual.forces, configuration.forces - predicted.forces[own], atol=1e-6)
        strain = -configuration.volume * configuration.stress
        xx = residual.virial[0] - strain[0]
        assert xx == pytest.approx(-predicted.virial[k, 0, 0], abs=1e-5)


def test_the_weight_of_virials_is_that_of_the_linear_fit_of_all_descriptors(data, monkeypatch):
    """It is settled before the training, which takes it as the fit after it does."""
    seen = []

    def trainer(task):
        seen.append(task)
        return TrainedTerm(task.term, with_products(task.descriptor, 2))

    monkeypatch.setitem(TRAINERS, "network", trainer)
    linear = TermSettings(descriptor=TERMS[1].descriptor)
    both = fit_model(data, settings(TERMS[0], linear))
    wanted = settled_weights(both.factors, Weights(), both.prior, Elimination(), looks=LOOKS).virial
    found = fit_model(data, settings()).potential.metadata["settings"]["weights"]["virial"]
    in_turn = fit_model(data, settings(training=InTurnSettings(rounds=1))).potential
    given = fit_model(data, settings(weights=SETTLED)).potential
    unlabelled = fit_model(Dataset(c.replace(stress=None) for c in data), settings()).potential
    assert found == wanted
    assert in_turn.metadata["settings"]["weights"]["virial"] == wanted
    assert given.metadata["settings"]["weights"]["virial"] == 0.1 != pytest.approx(wanted, rel=0.1)
    assert unlabelled.metadata["settings"]["weights"]["virial"] is None
    for task, weight in zip(seen, (wanted, wanted, 0.1, 0.0), strict=True):
        root = np.sqrt(len(data[0].numbers))
        assert task.residuals[0].scales.virial == pytest.approx(weight / root, rel=1e-12)


def test_configurations_with_the_largest_forces_are_not_held_out(data, monkeypatch):
    seen = []

    def trainer(task):
        seen.append((task.held_out(0.5), task.held_out(0.5), task.held_out(0.0)))
        return TrainedTerm(task.term, with_products(task.descriptor, 2))

    monkeypatch.setitem(TRAINERS, "network", trainer)
    fit_model(data, settings())
    half, again, none = seen[0]
    largest = int(np.argmax([np.abs(c.forces).max() for c in data]))
    assert half.sum() == len(data) // 2
    assert not half[largest]
    np.testing.assert_array_equal(half, again)
    assert not none.any()


def ensemble(task, members=3):
    """Linear networks of each species, fitted to energies alone, and the committee of them."""
    part = task.descriptor.part
    n = len(task.descriptor.info) // 2
    rng = np.random.default_rng(1)
    centres = [
        {
            "shift": np.zeros(n),
            "scale": np.ones(n),
            "layers": [
                {
                    "activation": "identity",
                    "weights": 1e-3 * rng.normal(size=(members, 1, n)),
                    "bias": np.zeros((members, 1)),
                }
            ],
        }
        for _ in range(2)
    ]
    regressor = {"kind": "network", "networks": members, "centres": centres}
    info = FeatureInfo(
        order=np.full(members, 2, np.int32),
        degree=np.ones(members),
        smoothness=np.ones(members),
        elements=((14,),) * members,
        labels=tuple(f"network {k}" for k in range(members)),
    )
    return TrainedTerm(
        task.term,
        DescriptorPart(part | {"regressor": regressor, "n_features": members}, info),
        coefficients=np.full(members, 1.0 / members),
        committee=np.eye(members),
    )


def test_coefficients_of_an_ensemble_are_held_and_its_members_are_the_committee(data, monkeypatch, tmp_path):
    monkeypatch.setitem(TRAINERS, "network", ensemble)
    result = fit_model(data, settings())
    potential = result.potential
    outputs = np.flatnonzero(result.model.term == 1)
    np.testing.assert_array_equal(potential.coefficients[outputs], np.full(3, 1.0 / 3.0))
    np.testing.assert_array_equal(potential.committee[:, outputs], np.eye(3))
    # The pair term is fitted to what the mean of the ensemble leaves.
    systems = Systems.from_configurations(data)
    only = np.zeros((1, len(potential.coefficients)))
    only[0, outputs] = 1.0 / 3.0
    evaluator = PlanEvaluator(potential.plan)
    energies, forces, _ = evaluator.predict_sets(systems, evaluator.weights(only))
    rest = Dataset(
        type(c)(
            c.numbers,
            c.positions,
            c.cell,
            c.pbc,
            energy=c.energy - energies[0, systems.first[k] : systems.first[k + 1]].sum(),
            forces=c.forces - forces[0, systems.first[k] : systems.first[k + 1]],
        )
        for k, c in enumerate(data)
    )
    no_stress = Dataset(
        type(c)(c.numbers, c.positions, c.cell, c.pbc, energy=c.energy, forces=c.forces) for c in data
    )
    potential = fit_model(no_stress, settings(weights=PLAIN)).potential
    pair = fit_model(rest, settings(TERMS[0], weights=PLAIN)).potential
    others = np.setdiff1d(np.arange(len(potential.coefficients)), outputs)
    scale = np.abs(pair.coefficients).max()
    np.testing.assert_allclose(potential.coefficients[others], pair.coefficients, atol=1e-6 * scale)
    # The posterior knows of the spread of the ensemble.
    deviations = (np.eye(3) - 1.0 / 3.0) / np.sqrt(3)
    covariance = potential.posterior.covariance()[np.ix_(outputs, outputs)]
    np.testing.assert_allclose(covariance, deviations @ deviations.T, atol=1e-14)
    potential.save(tmp_path / "potential.json")
    again = Potential.load(tmp_path / "potential.json")
    np.testing.assert_array_equal(again.predict(data).forces, potential.predict(data).forces)
    biased = again.evaluator().predict_biased(systems, np.full(systems.n_systems, 0.1), "posterior")
    assert np.all(biased.sigma > 0.0)
