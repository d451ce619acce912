import numpy as np
import pytest
from pydantic import ValidationError

from atomsmith.data.configuration import Configuration
from atomsmith.fitting import RowWeights, TypeWeights, Weights, row_weights
from atomsmith.fitting.weights import KINDS, KindWeights, relative_weights


def configuration(**fields) -> Configuration:
    given = {"energy": -1.0, "forces": np.zeros((4, 3)), "stress": np.zeros(6), "config_type": "bulk"}
    return Configuration(
        numbers=np.full(4, 14),
        positions=np.arange(12.0).reshape(4, 3),
        cell=np.eye(3) * 5.0,
        pbc=np.ones(3, bool),
        **{**given, **fields},
    )


def assert_weights(found: RowWeights, energy: float, forces: float, virial: float) -> None:
    assert (found.energy, found.virial) == (energy, virial)
    np.testing.assert_array_equal(found.forces, np.full(4, forces))


def test_rows_scale_with_the_root_of_the_atoms() -> None:
    found = row_weights(configuration(), Weights(energy=10.0, forces=3.0, virial=2.0))
    assert_weights(found, energy=5.0, forces=3.0, virial=1.0)


def test_own_and_type_weights_multiply_and_replace() -> None:
    weights = Weights(energy=10.0, forces=3.0, virial=2.0, types={"bulk": TypeWeights(energy=20.0)})
    special = configuration(weight=2.0, energy_weight=3.0, forces_weight=0.5, stress_weight=0.0)
    assert_weights(row_weights(special, weights), energy=60.0, forces=3.0, virial=0.0)
    assert row_weights(configuration(config_type="slab"), weights).energy == 5.0


@pytest.mark.parametrize(
    "weights",
    [
        Weights(energy=10.0, forces=3.0, virial=2.0, types={"bulk": TypeWeights(energy=20.0)}),
        Weights(energy=0.0, forces=3.0, types={"bulk": TypeWeights(energy=20.0, virial=0.0)}),
        Weights(energy=10.0, types={"slab": TypeWeights(energy=0.0)}),
    ],
)
def test_weights_of_kinds_times_relative_ones_are_the_weights_of_rows(weights: Weights) -> None:
    common = KindWeights.of(weights)
    for given in (configuration(weight=2.0), configuration(config_type="slab", energy_weight=0.3)):
        relative, expected = relative_weights(given, weights), row_weights(given, weights)
        for kind in KINDS:
            np.testing.assert_allclose(common[kind] * relative.rows(kind), expected.rows(kind), rtol=1e-15)


def test_rows_of_a_kind_without_weight_are_kept_for_their_errors() -> None:
    found = relative_weights(configuration(), Weights(energy=0.0))
    assert_weights(found, energy=0.5, forces=1.0, virial=0.5)


def test_missing_labels_have_no_weight() -> None:
    bare = configuration(energy=None, forces=None, stress=None)
    assert_weights(row_weights(bare, Weights()), energy=0.0, forces=0.0, virial=0.0)


def test_forces_beyond_the_scale_count_by_their_relative_error() -> None:
    forces = np.array([[0.0, 0.0, 0.0], [3.0, 4.0, 0.0], [0.0, 6.0, 8.0], [0.0, -50.0, 0.0]])
    weights = Weights(energy=10.0, forces=3.0, virial=2.0, force_scale_ev_per_angstrom=10.0)
    found = row_weights(configuration(forces=forces), weights)
    np.testing.assert_allclose(found.forces, [3.0, 3.0, 3.0, 0.6])
    assert (found.energy, found.virial) == pytest.approx((5.0 * 0.2, 1.0 * 0.2))
    without = weights.model_copy(update={"force_scale_ev_per_angstrom": None})
    assert_weights(row_weights(configuration(forces=forces), without), energy=5.0, forces=3.0, virial=1.0)


def test_ordinary_forces_are_left_alone() -> None:
    forces = np.random.default_rng(0).uniform(-5.0, 5.0, size=(4, 3))
    weights = Weights(energy=15.0, virial=1.0)
    assert_weights(row_weights(configuration(forces=forces), weights), energy=7.5, forces=1.0, virial=0.5)
    bare = row_weights(configuration(forces=None), weights)
    assert_weights(bare, energy=7.5, forces=0.0, virial=0.5)


def test_negative_weights_are_refused() -> None:
    with pytest.raises(ValidationError):
        Weights(forces=-1.0)
