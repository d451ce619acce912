"""Fits that train radial functions: what they leave behind, resuming, company of other terms, refusals."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from atomsmith import Dataset, Potential
from atomsmith.data.configuration import Configuration
from atomsmith.errors import InputError
from atomsmith.evaluator import PlanEvaluator
from atomsmith.fitting.fit import fit_model
from atomsmith.fitting.metrics import errors
from atomsmith.fitting.rows.streaming import Workers
from atomsmith.fitting.settings import PotentialSettings
from atomsmith.fitting.trainers.radial_steps import with_table
from atomsmith.model import ModelSettings, build_model
from atomsmith.systems import Systems
from engine.plans import Shape, random_system

MOMENTS = {
    "kind": "moments",
    "level": 8,
    "cutoff": 3.6,
    "radial_size": 5,
    "min_distance": 1.4,
    "radial": {"trainable": True, "held_out": 0.0},
}
PAIR = {"kind": "pair", "cutoff": 3.6, "degree": 4}
CRYSTALS = (
    Shape(6, (4.4, 4.4, 4.4), (True, True, True), skew=0.1, closest=1.6),
    Shape(4, (4.0, 4.4, 4.2), (True, True, True), skew=0.1, closest=1.7),
)


def settings_of(*descriptors, **changes):
    terms = [{"descriptor": d} for d in descriptors]
    given = {
        "model": {"terms": terms, "repulsion": None},
        "repulsive_core": False,
        "weights": {"virial": 0.1},
    }
    return PotentialSettings.model_validate(given | changes)


def data_of(elements, count=16):
    """Labels of a potential of moments whose radial functions are random."""
    rng = np.random.default_rng(4)
    model = build_model(ModelSettings.model_validate({"terms": [{"descriptor": MOMENTS}]}), elements)
    part = model.plan["parts"][1]
    table = part["radial"]["coefficients"]
    table = table + 0.4 * np.abs(table).max() * rng.uniform(-1.0, 1.0, table.shape)
    evaluator = PlanEvaluator(
        {"elements": list(elements), "parts": [model.plan["parts"][0], with_table(part, table)]}
    )
    coefficients = np.r_[np.full(len(elements), -3.0), 1e-3 * rng.normal(size=part["n_features"])]
    found = []
    for seed in range(count):
        systems = random_system(CRYSTALS[seed % 2], elements, seed)
        bare = Configuration(systems.numbers, systems.positions, systems.cells[0], systems.pbc[0])
        energy, forces, virial = (
            rows @ coefficients for rows in evaluator.design_rows(Systems.from_configurations([bare]))
        )
        found.append(
            dataclasses.replace(
                bare, energy=float(energy[0]), forces=forces.reshape(-1, 3), stress=-virial / bare.volume
            )
        )
    return Dataset(found)


@pytest.fixture(scope="module")
def silicon():
    return data_of([14])


@pytest.fixture(scope="module")
def fitted(silicon):
    seen = []
    return fit_model(silicon, settings_of(MOMENTS), training=seen.append), seen


def test_a_fit_finds_radial_functions_and_is_a_potential_like_all_others(silicon, fitted, tmp_path):
    result, seen = fitted
    fixed = fit_model(silicon, settings_of(MOMENTS | {"radial": {"trainable": False}}))
    found, usual = (errors(silicon, r.potential.predict(silicon)).total for r in (result, fixed))
    assert found.forces.rmse < 1e-6 * usual.forces.rmse
    assert [state.done for state in seen] == list(range(1, len(seen) + 1))
    assert "eV/angstrom" in seen[-1].text
    record = result.potential.metadata["training"][0]
    assert record["kind"] == "radial"
    assert record["arrays"] == ["1.radial.coefficients"]
    assert record["iterations"] == len(seen)
    assert len(result.potential.committee) == 8
    assert result.potential.posterior is not None
    result.potential.save(tmp_path / "p.json")
    again = Potential.load(tmp_path / "p.json")
    np.testing.assert_array_equal(again.predict(silicon).energy, result.potential.predict(silicon).energy)


def test_a_killed_training_goes_on_to_the_same_bits(silicon, fitted, tmp_path):
    class KilledError(Exception):
        pass

    def kill(state):
        if state.done == 3:
            raise KilledError

    with pytest.raises(KilledError):
        fit_model(silicon, settings_of(MOMENTS), training=kill, training_folder=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["radial-0.npz"]
    seen = []
    result = fit_model(silicon, settings_of(MOMENTS), training=seen.append, training_folder=tmp_path)
    assert seen[0].done == 4
    np.testing.assert_array_equal(result.potential.coefficients, fitted[0].potential.coefficients)
    other = []
    changed = settings_of(MOMENTS, weights={"virial": 0.1, "energy": 20.0})
    fit_model(silicon, changed, training=other.append, training_folder=tmp_path)
    assert other[0].done == 1
    (tmp_path / "radial-0.npz").write_bytes(b"something else")
    broken = []
    fit_model(silicon, settings_of(MOMENTS), training=broken.append, training_folder=tmp_path)
    assert broken[0].done == 1


def test_workers_give_the_same_bits(silicon, fitted):
    with ThreadPoolExecutor(2) as executor:
        result = fit_model(silicon, settings_of(MOMENTS), workers=Workers(executor, 2))
    np.testing.assert_array_equal(result.potential.coefficients, fitted[0].potential.coefficients)


def test_two_elements_and_another_term_beside(tmp_path):
    data = data_of([14, 6], 24)
    fixed, trained = (
        fit_model(data, settings_of(PAIR, MOMENTS | {"radial": {"trainable": on, "iterations": 8}}))
        for on in (False, True)
    )
    found, usual = (errors(data, r.potential.predict(data)).total for r in (trained, fixed))
    assert found.forces.rmse < 0.2 * usual.forces.rmse
    assert trained.potential.metadata["training"][0]["arrays"] == ["2.radial.coefficients"]


def test_the_quadratic_regressor_is_refused_beside_training(silicon):
    term = {"descriptor": MOMENTS, "regressor": {"kind": "quadratic"}}
    settings = PotentialSettings.model_validate({"model": {"terms": [term]}})
    with pytest.raises(InputError, match="takes the regressor linear"):
        fit_model(silicon, settings)


def test_training_without_labels_is_refused(silicon):
    bare = Dataset(dataclasses.replace(c, energy=None, forces=None, stress=None) for c in silicon)
    with pytest.raises(InputError, match="label"):
        fit_model(bare, settings_of(MOMENTS))
