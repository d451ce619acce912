"""Configurations from unbiased dynamics."""

import numpy as np
import pytest

from atomsmith.builders import peg_chain, rattled
from atomsmith.errors import InputError
from atomsmith.reference.force_field import ReferenceForceField
from atomsmith.reference.tblite import TBLiteSettings
from atomsmith.sampling import SamplingSettings
from atomsmith.sampling.snapshots import sample

SETTINGS = SamplingSettings.model_validate(
    {
        "timestep_fs": 0.5,
        "temperature_k": 300,
        "max_steps": 8,
        "record_every": 4,
        "bias": None,
        "trigger": None,
    }
)


@pytest.fixture
def force_field(tmp_path):
    with ReferenceForceField(TBLiteSettings(), np.array([1, 6, 8], np.int32), tmp_path) as found:
        yield found


def test_labels_are_those_of_the_force_field(force_field) -> None:
    rng = np.random.default_rng(0)
    starts = [peg_chain(1, rng), rattled(peg_chain(2, rng, config_type="two"), 0.02, rng)]
    found, result = sample(starts, force_field, SETTINGS, seed=1)
    assert [(c.info["start"], c.info["step"], c.config_type) for c in found] == [
        (0, 4, "peg"),
        (0, 8, "peg"),
        (1, 4, "two"),
        (1, 8, "two"),
    ]
    again = force_field.predict(result.walkers.systems)
    for k, one in enumerate(found[1::2]):
        atoms = slice(result.walkers.systems.first[k], result.walkers.systems.first[k + 1])
        assert one.energy == pytest.approx(again.energy[k], abs=1e-6)
        assert one.forces == pytest.approx(again.forces[atoms], abs=1e-5)
    later, _ = sample(starts, force_field, SETTINGS, seed=1, burn_in_steps=4)
    assert [c.info["step"] for c in later] == [8, 8]


def test_bad_input(force_field) -> None:
    chain = peg_chain(1, np.random.default_rng(0))
    with pytest.raises(InputError, match="bias or a trigger"):
        sample([chain], force_field, SamplingSettings(), seed=0)
    with pytest.raises(InputError, match="no start"):
        sample([], force_field, SETTINGS, seed=0)
