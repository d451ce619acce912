"""Stresses count as far as energies and forces bear them out."""

import numpy as np
import pytest

from atomsmith import Dataset
from atomsmith.data.units import GPA_PER_EV_A3
from atomsmith.descriptors import AceSettings
from atomsmith.errors import InputError
from atomsmith.fitting.cross_validation import cross_validate
from atomsmith.fitting.fit import fit_model
from atomsmith.fitting.metrics import errors
from atomsmith.fitting.settings import PotentialSettings
from atomsmith.fitting.virial_weight import RANGE, settled_weights
from atomsmith.fitting.weights import OPEN_ENERGY, OPEN_VIRIAL, KindWeights, TypeWeights, Weights, row_weights
from atomsmith.model import ModelSettings, TermSettings
from atomsmith.regressors import NetworkSettings

from .rattled import TERMS, rattled_copper

OFFSET = 3.0 / GPA_PER_EV_A3
"""A Pulay stress of 3 GPa."""


def labelled(offset: float, count: int = 24, *, labels: str = "energy forces stress") -> Dataset:
    shift = offset * np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    dropped = {name: None for name in ("energy", "forces", "stress") if name not in labels}
    return Dataset(c.replace(**({"stress": c.stress + shift} | dropped)) for c in rattled_copper(count))


def fitted(data: Dataset, weights: Weights | None = None):
    settings = PotentialSettings(model=ModelSettings(terms=TERMS), weights=weights or Weights())
    result = fit_model(data, settings)
    chosen = result.potential.metadata["settings"]["weights"]["virial"]
    return errors(data, result.potential.predict(data)).total, chosen


def test_consistent_stresses_count_and_contradicting_ones_hardly():
    good, weight = fitted(labelled(0.0))
    bad, small = fitted(labelled(OFFSET))
    assert weight > 5.0 * small
    assert RANGE[0] <= small
    # energies are about as good as without the offset; a fixed weight would spoil them
    spoilt, _ = fitted(labelled(OFFSET), Weights(virial=1.0))
    assert bad.energy.rmse < 2.0 * good.energy.rmse
    assert spoilt.energy.rmse > 3.0 * good.energy.rmse


def test_a_given_weight_is_kept_and_no_stress_leaves_it_open():
    assert fitted(labelled(0.0), Weights(virial=0.2))[1] == 0.2
    assert fitted(labelled(0.0), Weights(virial=0.0))[1] == 0.0
    assert fitted(labelled(0.0, labels="energy forces"))[1] is None


@pytest.mark.parametrize("labels", ["energy stress", "stress", "forces stress"])
@pytest.mark.parametrize("count", [1, 2, 12])
def test_any_labels_and_few_configurations_give_a_finite_fit(labels, count):
    data = labelled(0.0, count, labels=labels)
    total, weight = fitted(data)
    assert weight > 0.0
    for quantity in (total.energy, total.forces, total.stress):
        assert quantity is None or np.isfinite(quantity.rmse)


def test_several_looks_find_the_weight_that_agrees_with_the_errors_that_come_of_it():
    def settled(data, looks):
        settings = PotentialSettings(model=ModelSettings(terms=TERMS))
        result = fit_model(data, settings)
        return settled_weights(
            result.factors, settings.weights, result.prior, settings.solver, looks=looks
        ).virial, result

    once, result = settled(labelled(0.0), 1)
    often, _ = settled(labelled(0.0), 20)
    assert once == result.potential.metadata["settings"]["weights"]["virial"]
    assert often > 1.05 * once
    kinds = KindWeights(energy=OPEN_ENERGY, forces=1.0, virial=often)
    _, unseen = cross_validate(result.factors, kinds, result.prior)
    volume = np.mean([c.volume for c in labelled(0.0)])
    # rows of virials are volume * stress / sqrt(4 atoms)
    noise = unseen.stress / GPA_PER_EV_A3 * volume / 2.0
    assert often == pytest.approx(unseen.forces / noise, rel=0.05)
    contradicting, _ = settled(labelled(OFFSET), 20)
    assert contradicting < 0.2 * often


def test_without_pressure_no_hydrostatic_stress_counts():
    weights = Weights(energy=30.0, virial=1.0, pressure=False)
    settings = PotentialSettings(model=ModelSettings(terms=TERMS), weights=weights, committee=0)
    good, bad = (fit_model(labelled(offset), settings).potential for offset in (0.0, OFFSET))
    np.testing.assert_allclose(bad.coefficients, good.coefficients, rtol=1e-6)
    # and yet stresses count: shear and differences of normal stresses are better known than without them
    data = labelled(0.0)
    without = fit_model(
        data, settings.model_copy(update={"weights": Weights(energy=30.0, virial=0.0)})
    ).potential
    held_out = Dataset(rattled_copper(12, seed=1))

    def sheared(potential):
        left = potential.predict(held_out).virial - np.array([-c.volume * full(c.stress) for c in held_out])
        left -= np.trace(left, axis1=1, axis2=2)[:, None, None] / 3.0 * np.eye(3)
        return np.sqrt(np.square(left).mean())

    assert sheared(good) < 0.9 * sheared(without)


def full(stress):
    return stress[[[0, 5, 4], [5, 1, 3], [4, 3, 2]]]


def test_networks_need_pressures():
    term = TermSettings(
        descriptor=AceSettings(cutoff=4.5, correlation_order=2, degree=4),
        regressor=NetworkSettings(kind="network"),
    )
    settings = PotentialSettings(model=ModelSettings(terms=(term,)), weights=Weights(pressure=False))
    with pytest.raises(InputError, match="pressure is false, but the training of the regressor network"):
        fit_model(labelled(0.0, 4), settings)


def test_a_type_with_its_own_virial_weight_fixes_the_general_one():
    weights = Weights(types={"odd": TypeWeights(virial=2.0)})
    assert not weights.virial_is_open
    assert KindWeights.of(weights).virial == OPEN_VIRIAL
    (configuration,) = labelled(0.0, 1)
    assert row_weights(configuration, weights).virial == pytest.approx(OPEN_VIRIAL / 2.0)
    assert row_weights(configuration.replace(config_type="odd"), weights).virial == pytest.approx(1.0)
