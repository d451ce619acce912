import json

import numpy as np
import pytest

from atomsmith.errors import InputError
from atomsmith.sampling import SamplingSettings, Walkers
from atomsmith.sampling.ramps import ramp_value
from atomsmith.sampling.streams import pack_streams, spawn_streams, unpack_streams

from .models import lj_crystal, systems_of


def walkers():
    systems = systems_of(
        lj_crystal(1, seed=1), (np.array([1, 8]), np.eye(3)[:2], None), lj_crystal(1, seed=2)
    )
    return Walkers.create(systems, np.arange(1.0, 11.0), seed=3, velocities=np.arange(30.0).reshape(10, 3))


def test_streams_survive_packing_even_with_a_spare_draw():
    (generator,) = unpack_streams(spawn_streams(5, [(2, 9)]))
    generator.integers(0, 100, dtype=np.uint32)
    (copy,) = unpack_streams(pack_streams([generator]))
    assert generator.bit_generator.state == copy.bit_generator.state
    assert generator.bit_generator.state["has_uint32"] == 1
    np.testing.assert_array_equal(generator.standard_normal(7), copy.standard_normal(7))


def test_streams_depend_on_seed_and_id_alone():
    np.testing.assert_array_equal(spawn_streams(1, [3, 4])[1], spawn_streams(1, [9, 8, 4])[2])
    assert not np.array_equal(spawn_streams(1, [4]), spawn_streams(2, [4]))
    assert not np.array_equal(spawn_streams(1, [4]), spawn_streams(1, [(4, 0)]))
    with pytest.raises(InputError, match="same id"):
        spawn_streams(1, [3, (3,)])
    with pytest.raises(InputError, match="non-negative"):
        spawn_streams(-1, [3])


def test_take_and_put_are_inverse():
    batch = walkers()
    part = batch.take([2, 0])
    np.testing.assert_array_equal(part.masses, [7, 8, 9, 10, 1, 2, 3, 4])
    np.testing.assert_array_equal(part.systems.first, [0, 4, 8])
    moved = part.replace(
        velocities=-part.velocities, systems=part.systems.replace(positions=part.systems.positions + 1.0)
    )
    whole = batch.put([2, 0], moved)
    np.testing.assert_array_equal(whole.velocities[:4], -batch.velocities[:4])
    np.testing.assert_array_equal(whole.velocities[4:6], batch.velocities[4:6])
    np.testing.assert_array_equal(whole.systems.positions[6:], batch.systems.positions[6:] + 1.0)
    np.testing.assert_array_equal(batch.take([]).systems.first, [0])


def test_arrays_round_trip_and_refuse_what_is_not_theirs():
    arrays, header = walkers().to_arrays()
    again = Walkers.from_arrays(arrays, json.loads(json.dumps(header)))
    for name, values in again.to_arrays()[0].items():
        np.testing.assert_array_equal(values, arrays[name])
    with pytest.raises(InputError, match="format 99"):
        Walkers.from_arrays(arrays, {"format": 99})
    del arrays["tau"]
    with pytest.raises(InputError, match="lack the arrays tau"):
        Walkers.from_arrays(arrays, header)


def test_restarted_walkers_forget_forces_but_not_where_they_are():
    used = walkers().replace(
        step=np.array([3, 4, 5]), active=np.zeros(3, bool), evaluated=np.ones(3, bool), tau=np.ones(3)
    )
    again = used.restarted()
    assert not again.evaluated.any()
    assert not again.step.any()
    assert again.active.all()
    np.testing.assert_array_equal(again.streams, used.streams)
    np.testing.assert_array_equal(again.velocities, used.velocities)


@pytest.mark.parametrize(
    ("masses", "match"), [(np.ones(3), "shape"), (np.array([1.0] * 9 + [0.0]), "atom 9 has mass 0.0")]
)
def test_bad_starts_are_refused(masses, match):
    with pytest.raises(InputError, match=match):
        Walkers.create(walkers().systems, masses, 1)


def test_positions_that_are_not_finite_are_refused():
    systems = walkers().systems
    with pytest.raises(InputError, match="not finite"):
        Walkers.create(systems.replace(positions=systems.positions * np.nan), np.ones(10), 1)


def test_ramp_is_linear_then_constant():
    values = ramp_value(
        np.full(4, 10.0), np.full(4, 30.0), np.full(4, 20.0), np.array([0, 5, 20, 1000], dtype=np.int64)
    )
    np.testing.assert_allclose(values, [10.0, 15.0, 30.0, 30.0])


def test_settings_read_numbers_and_ramps_and_say_so_in_their_schema():
    settings = SamplingSettings.model_validate(
        {"temperature_k": 500, "pressure_gpa": {"start": 0.0, "end": 10.0, "steps": 100}}
    )
    assert (settings.temperature_k.start, settings.temperature_k.end) == (500.0, 500.0)
    assert settings.pressure_gpa.steps == 100
    assert SamplingSettings.model_validate(settings.model_dump()) == settings
    for name, value in SamplingSettings.model_json_schema()["properties"].items():
        assert value.get("description"), name
