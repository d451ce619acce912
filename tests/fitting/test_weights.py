import numpy as np
import pytest
from pydantic import ValidationError

from atomsmith.data.configuration import Configuration
from atomsmith.fitting import RowWeights, TypeWeights, Weights, row_weights


def configuration(**fields) -> Configuration:
    given = {"energy": -1.0, "forces": np.zeros((4, 3)), "stress": np.zeros(6), "config_type": "bulk"}
    return Configuration(
        numbers=np.full(4, 14),
        positions=np.arange(12.0).reshape(4, 3),
        cell=np.eye(3) * 5.0,
        pbc=np.ones(3, bool),
        **{**given, **fields},
    )


def test_rows_scale_with_the_root_of_the_atoms() -> None:
    found = row_weights(configuration(), Weights(energy=10.0, forces=3.0, virial=2.0))
    assert found == RowWeights(energy=5.0, forces=3.0, virial=1.0)


def test_own_and_type_weights_multiply_and_replace() -> None:
    weights = Weights(energy=10.0, forces=3.0, virial=2.0, types={"bulk": TypeWeights(energy=20.0)})
    special = configuration(weight=2.0, energy_weight=3.0, forces_weight=0.5, stress_weight=0.0)
    assert row_weights(special, weights) == RowWeights(energy=60.0, forces=3.0, virial=0.0)
    assert row_weights(configuration(config_type="slab"), weights).energy == 5.0


def test_missing_labels_have_no_weight() -> None:
    bare = configuration(energy=None, forces=None, stress=None)
    assert row_weights(bare, Weights()) == RowWeights(0.0, 0.0, 0.0)


def test_negative_weights_are_refused() -> None:
    with pytest.raises(ValidationError):
        Weights(forces=-1.0)
