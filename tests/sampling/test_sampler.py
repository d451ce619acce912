import io
import json

import numpy as np
import pytest
from pydantic import ValidationError

from atomsmith.errors import InputError
from atomsmith.sampling import (
    BiasSettings,
    CellMoveSettings,
    GuardSettings,
    Knowledge,
    Ramp,
    SamplingSettings,
    StopReason,
    SwapSettings,
    TriggerSettings,
    Walkers,
    run,
    thermalised,
)
from atomsmith.sampling.units import BOLTZMANN, GPA

from .models import Einstein, IdealGas, LennardJones, UncertainLennardJones, lj_crystal, systems_of

MODEL = UncertainLennardJones(cutoff=5.2)
OFF = GuardSettings(temperature_factor=None, energy_change_ev_per_atom=None, shortest_distance_angstrom=None)

EVERYTHING = SamplingSettings(
    temperature_k=Ramp(start=20.0, end=60.0),
    pressure_gpa=Ramp(start=0.0, end=0.2, steps=30),
    cell_moves=CellMoveSettings(kinds=("volume", "shape", "anisotropic"), every=3),
    swap_moves=SwapSettings(every=4),
    timestep_fs=4.0,
    bias=BiasSettings(tau_rel=0.2, burn_in_steps=5, ramp_steps=10, window_steps=10),
    trigger=TriggerSettings(tolerance=1e9),
    check_every=2,
    max_steps=40,
    random_length=False,
    record_every=5,
)


def alloy(copies, ids=None):
    parts = []
    for seed in copies:
        numbers, positions, cell = lj_crystal(2, seed=seed)
        numbers[::3] = 36
        parts.append((numbers, positions, cell))
    systems = systems_of(*parts)
    masses = np.where(systems.numbers == 18, 39.95, 83.8)
    walkers = Walkers.create(systems, masses, seed=7, ids=copies if ids is None else ids)
    return thermalised(walkers, np.full(len(copies), 40.0))


def assert_same_bits(one, other):
    arrays, header = one.to_arrays()
    others, other_header = other.to_arrays()
    assert header == other_header
    for name, values in arrays.items():
        assert values.dtype == others[name].dtype
        assert values.tobytes() == others[name].tobytes(), name


def test_a_walker_does_not_depend_on_its_company():
    together = run(alloy([0, 1, 2, 3]), MODEL, EVERYTHING)
    alone = run(alloy([2]), MODEL, EVERYTHING)
    assert_same_bits(together.walkers.take([2]), alone.walkers)
    mine = together.trace[together.trace["walker"] == 2].copy()
    mine["walker"] = 0
    assert mine.tobytes() == alone.trace.tobytes()
    assert alone.walkers.attempted[0, :3].sum() == 13
    assert alone.walkers.accepted[0].sum() > 0


def test_walkers_without_bias_and_trigger_move_beside_others_that_have_them():
    """Neither changes the path of the other; the plain one is the second, whose settings rule nothing."""
    eager = EVERYTHING.model_copy(update={"trigger": TriggerSettings(tolerance=1e-6, minimum_steps=10)})
    plain = EVERYTHING.model_copy(update={"bias": None, "trigger": None})
    together = run(alloy([0, 1]), MODEL, [eager, plain]).walkers
    assert together.reasons == [StopReason.UNCERTAINTY, StopReason.MAX_STEPS]
    assert list(together.step) == [10, 40]
    for walker, settings in ((0, eager), (1, plain)):
        alone = run(alloy([walker]), MODEL, settings).walkers
        mine = together.take([walker])
        np.testing.assert_allclose(mine.systems.positions, alone.systems.positions, rtol=0.0, atol=1e-9)
        assert mine.tau[0] == alone.tau[0]
    swapped = run(alloy([1, 0]), MODEL, [plain, eager]).walkers
    assert_same_bits(swapped.take([1, 0]), together)


def closest_of(walkers, pair):
    """Shortest distance between atoms of two elements in one periodic walker."""
    systems = walkers.systems
    d = systems.positions[None] - systems.positions[:, None]
    d = d - np.rint(d @ np.linalg.inv(systems.cells[0])) @ systems.cells[0]
    r = np.linalg.norm(d, axis=-1) + np.diag(np.full(len(d), np.inf))
    return r[np.ix_(systems.numbers == pair[0], systems.numbers == pair[1])].min()


def test_a_walker_stops_where_its_elements_come_closer_than_any_data():
    settings = EVERYTHING.model_copy(update={"trigger": TriggerSettings(tolerance=1e9, minimum_steps=6)})
    settings = settings.model_copy(update={"guards": OFF.model_copy(update={"distance_every": 1})})
    free = run(alloy([0]), MODEL, settings).walkers
    reached = {pair: closest_of(free, pair) for pair in ((18, 18), (18, 36))}
    never = {pair: 0.5 * distance for pair, distance in reached.items()}
    assert run(alloy([0]), MODEL, settings, knowledge=Knowledge(closest=never)).walkers.reasons == [
        StopReason.MAX_STEPS
    ]
    for pair in reached:
        known = Knowledge(closest=never | {pair: 1.0001 * reached[pair]})
        stopped = run(alloy([0]), MODEL, settings, knowledge=known).walkers
        assert stopped.reasons == [StopReason.UNSEEN_DISTANCE]
        assert 6 <= stopped.step[0] <= 40
        assert closest_of(stopped, pair) < known.closest[pair]
        switched_off = settings.model_copy(
            update={"trigger": TriggerSettings(tolerance=1e9, unseen_distances=False)}
        )
        assert run(alloy([0]), MODEL, switched_off, knowledge=known).walkers.reasons == [StopReason.MAX_STEPS]
    assert run(alloy([0]), MODEL, settings, knowledge=Knowledge()).walkers.reasons == [StopReason.MAX_STEPS]


def test_a_guard_outranks_an_unseen_distance():
    settings = EVERYTHING.model_copy(
        update={
            "trigger": TriggerSettings(tolerance=1e9, minimum_steps=0),
            "guards": OFF.model_copy(update={"shortest_distance_angstrom": 50.0, "distance_every": 1}),
        }
    )
    known = Knowledge(closest={(18, 36): 50.0})
    assert run(alloy([0]), MODEL, settings, knowledge=known).walkers.reasons == [StopReason.SHORTEST_DISTANCE]


def test_raw_and_calibrated_spread_differ_by_the_widening():
    found = {}
    for spread in ("raw", "calibrated"):
        trigger = TriggerSettings(tolerance=1e9, spread=spread)
        settings = EVERYTHING.model_copy(update={"trigger": trigger})
        found[spread] = run(alloy([0]), MODEL, settings, knowledge=Knowledge(widening=4.0)).trace
    np.testing.assert_allclose(
        found["calibrated"]["uncertainty"], 4.0 * found["raw"]["uncertainty"], rtol=1e-14
    )
    assert found["raw"]["tau"].tobytes() == found["calibrated"]["tau"].tobytes()


def test_a_named_epsilon_stands_and_auto_follows_the_error_of_the_forces():
    assert TriggerSettings().epsilon_ev_per_angstrom == 0.2
    named = TriggerSettings(epsilon_ev_per_angstrom=0.05)
    auto = TriggerSettings(epsilon_ev_per_angstrom="auto")
    for error, expected in ((0.0, 0.2), (0.1, 0.2), (0.45, 0.45)):
        known = Knowledge(force_error=error)
        assert known.epsilon(auto) == expected
        assert known.epsilon(named) == 0.05
    found = {}
    for name, trigger in (
        ("auto", TriggerSettings(tolerance=1e9, epsilon_ev_per_angstrom="auto")),
        ("named", TriggerSettings(tolerance=1e9, epsilon_ev_per_angstrom=0.7)),
    ):
        settings = EVERYTHING.model_copy(update={"trigger": trigger})
        found[name] = run(alloy([0]), MODEL, settings, knowledge=Knowledge(force_error=0.7)).trace
    assert found["auto"].tobytes() == found["named"].tobytes()
    for wrong in (0.0, -1.0, "automatic"):
        with pytest.raises(ValidationError):
            TriggerSettings(epsilon_ev_per_angstrom=wrong)


def test_resumed_run_is_bit_identical():
    stored = []
    whole = run(
        alloy([0, 1, 2]),
        MODEL,
        EVERYTHING,
        on_checkpoint=lambda walkers, rows: stored.append((walkers.to_arrays(), rows)),
        checkpoint_every=7,
    )
    assert len(stored) == 5
    (arrays, header), _ = stored[2]
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    buffer.seek(0)
    revived = Walkers.from_arrays(dict(np.load(buffer)), json.loads(json.dumps(header)))
    assert list(revived.step) == [21] * 3
    rest = run(revived, MODEL, EVERYTHING)
    assert_same_bits(whole.walkers, rest.walkers)
    before = np.concatenate([rows for _, rows in stored[:3]])
    assert np.concatenate([before, rest.trace]).tobytes() == whole.trace.tobytes()


def test_same_seed_same_run_and_states_are_not_changed_in_place():
    start = alloy([0, 1])
    before = {name: values.copy() for name, values in start.to_arrays()[0].items()}
    first, second = run(start, MODEL, EVERYTHING), run(start, MODEL, EVERYTHING)
    assert_same_bits(first.walkers, second.walkers)
    for name, values in start.to_arrays()[0].items():
        assert values.tobytes() == before[name].tobytes(), name
    other = run(alloy([0, 1], ids=[5, 6]), MODEL, EVERYTHING)
    assert not np.allclose(other.walkers.systems.positions, first.walkers.systems.positions)


def test_frozen_walkers_stay_while_others_go_on():
    start = alloy([0, 1, 2])
    each = [EVERYTHING.model_copy(update={"max_steps": steps}) for steps in (10, 25, 17)]
    seen = []
    result = run(start, MODEL, each, on_record=lambda rows, walkers: seen.append((rows, walkers)))
    assert list(result.walkers.step) == [10, 25, 17]
    assert result.walkers.reasons == [StopReason.MAX_STEPS] * 3
    assert not result.walkers.active.any()
    alone = run(start.take([0]), MODEL, each[0])
    assert_same_bits(result.walkers.take([0]), alone.walkers)
    final = result.trace[result.trace["reason"] >= 0]
    assert sorted(final["walker"]) == [0, 1, 2]
    assert sorted(final["step"]) == [10, 17, 25]
    for rows, walkers in seen:
        np.testing.assert_array_equal(rows["energy"], walkers.energy)
        np.testing.assert_array_equal(rows["step"], walkers.step)


def test_members_are_evaluated_once_a_check_and_never_between():
    model = UncertainLennardJones(cutoff=5.2)
    settings = EVERYTHING.model_copy(
        update={"pressure_gpa": None, "swap_moves": None, "check_every": 10, "max_steps": 40}
    )
    run(alloy([0, 1]), model, settings)
    assert model.calls == {"committee": 5, "biased": 36, "predict": 0}
    model.calls = dict.fromkeys(model.calls, 0)
    exact = settings.model_copy(
        update={"bias": settings.bias.model_copy(update={"uncertainty": "posterior"})}
    )
    run(alloy([0, 1]), model, exact)
    assert model.calls == {"committee": 5, "biased": 41, "predict": 0}
    model.calls = dict.fromkeys(model.calls, 0)
    plain = settings.model_copy(update={"bias": None})
    run(alloy([0, 1]), model, plain)
    assert model.calls == {"committee": 5, "biased": 0, "predict": 36}


def one_alloy(**changes):
    options = {"bias": None, "trigger": None, "timestep_fs": 2.0, "temperature_k": 40.0, "max_steps": 60}
    return run(alloy([0]), changes.pop("model", MODEL), SamplingSettings(**(options | changes)))


def test_uncertain_forces_stop_a_walker():
    result = one_alloy(trigger=TriggerSettings(tolerance=1e-4, minimum_steps=7), check_every=5)
    assert result.walkers.reasons == [StopReason.UNCERTAINTY]
    assert result.walkers.step[0] == 10
    assert result.walkers.uncertainty[0] > 1e-4
    assert result.trace["uncertainty"][-1] == result.walkers.uncertainty[0]


def test_a_start_can_trigger_when_no_minimum_is_asked_for():
    result = one_alloy(trigger=TriggerSettings(tolerance=1e-4, minimum_steps=0))
    assert result.walkers.step[0] == 0
    assert result.walkers.reasons == [StopReason.UNCERTAINTY]


def test_softmax_is_compared_with_the_tolerance_too():
    low = one_alloy(trigger=TriggerSettings(tolerance=1.0 / 33, minimum_steps=0, reduction="softmax"))
    assert low.walkers.step[0] == 0
    high = one_alloy(trigger=TriggerSettings(tolerance=0.9, reduction="softmax"), max_steps=5)
    assert high.walkers.reasons == [StopReason.MAX_STEPS]


def test_heat_stops_a_walker():
    systems = systems_of((np.full(8, 18), np.full((8, 3), 1.0) * np.arange(8)[:, None], None))
    walkers = Walkers.create(systems, np.full(8, 40.0), 1)
    settings = SamplingSettings(
        ensemble="nve",
        temperature_k=50.0,
        fix_centre_of_mass=False,
        bias=None,
        trigger=None,
        guards=GuardSettings(energy_change_ev_per_atom=None),
    )
    result = run(walkers, Einstein(0.1), settings)
    assert result.walkers.reasons == [StopReason.TEMPERATURE]
    assert 0 < result.walkers.step[0] < 100


def test_quenches_do_not_look_like_heat():
    quench = Ramp(start=300.0, end=0.0, steps=10)
    result = one_alloy(temperature_k=quench, friction_per_fs=0.001)
    assert result.walkers.reasons == [StopReason.MAX_STEPS]


class Hole(IdealGas):
    """Energy that falls as atoms move away from where they were."""

    def predict(self, systems):
        flat = super().predict(systems)
        return type(flat)(flat.energy - systems.positions[0, 0] ** 2, flat.energies, flat.forces, flat.virial)


def test_falling_energy_stops_a_walker():
    result = one_alloy(model=Hole(), guards=GuardSettings(energy_change_ev_per_atom=1e-6), max_steps=500)
    assert result.walkers.reasons == [StopReason.ENERGY]


def test_clashing_atoms_stop_a_walker():
    result = one_alloy(guards=GuardSettings(shortest_distance_angstrom=3.45, distance_every=4), max_steps=400)
    assert result.walkers.reasons == [StopReason.SHORTEST_DISTANCE]
    assert result.walkers.step[0] % 4 == 0


class Breaks(LennardJones):
    """Forces that are no numbers once the first of two walkers has moved by 0.05 angstrom."""

    def predict(self, systems):
        good = super().predict(systems)
        start = lj_crystal(2, seed=0)[1]
        forces = good.forces.copy()
        if systems.n_systems == 2 and np.abs(systems.positions[:32] - start).max() > 0.05:
            forces[3] = np.nan
        return type(good)(good.energy, good.energies, forces, good.virial)


def test_numbers_that_are_none_stop_a_walker_where_they_still_were():
    result = run(
        alloy([0, 1]),
        Breaks(cutoff=5.2),
        SamplingSettings(bias=None, trigger=None, temperature_k=40.0, max_steps=300, timestep_fs=4.0),
    )
    assert result.walkers.reasons == [StopReason.NOT_FINITE, StopReason.MAX_STEPS]
    assert result.walkers.step[0] < 300 == result.walkers.step[1]
    for values in (result.walkers.systems.positions, result.walkers.velocities, result.walkers.forces):
        assert np.all(np.isfinite(values))
    moved = np.abs(result.walkers.systems.positions[:32] - lj_crystal(2, seed=0)[1]).max()
    assert moved <= 0.05


def test_a_guard_outranks_the_trigger_and_the_run_length():
    result = one_alloy(
        trigger=TriggerSettings(tolerance=1e-4, minimum_steps=1),
        guards=GuardSettings(shortest_distance_angstrom=4.0, distance_every=1),
        max_steps=1,
    )
    assert result.walkers.reasons == [StopReason.SHORTEST_DISTANCE]
    assert result.walkers.step[0] == 0


def test_random_lengths_are_uniform_reproducible_and_need_no_uncertainty():
    systems = systems_of(*[(np.full(2, 18), np.array([[0, 0, 0], [9, 0, 0]]), None)] * 300)
    walkers = Walkers.create(systems, np.full(600, 40.0), 4)
    settings = SamplingSettings(
        bias=None, trigger=None, guards=OFF, random_length=True, max_steps=20, record_every=20
    )
    lengths = run(walkers, IdealGas(), settings).walkers.step
    np.testing.assert_array_equal(lengths, run(walkers, IdealGas(), settings).walkers.step)
    counts = np.bincount(lengths, minlength=21)
    assert counts[0] == 0
    # Chi^2 with 19 degrees of freedom.
    assert ((counts[1:] - 15.0) ** 2 / 15.0).sum() < 45.0


def test_ramps_are_followed_and_recorded():
    result = run(alloy([0]), MODEL, EVERYTHING)
    np.testing.assert_allclose(result.trace["target_temperature_k"], 20.0 + result.trace["step"])
    np.testing.assert_allclose(
        result.trace["target_pressure_gpa"], 0.2 * np.minimum(result.trace["step"] / 30.0, 1.0)
    )
    np.testing.assert_allclose(result.trace["time_fs"], 4.0 * result.trace["step"])


def test_pressure_of_an_ideal_gas_is_recorded():
    cell = np.eye(3) * 20.0
    systems = systems_of((np.full(50, 2), 20.0 * np.random.default_rng(0).random((50, 3)), cell))
    walkers = thermalised(Walkers.create(systems, np.full(50, 4.0), 1), np.array([300.0]))
    settings = SamplingSettings(bias=None, trigger=None, guards=OFF, max_steps=20)
    trace = run(walkers, IdealGas(), settings).trace
    expected = 49 * BOLTZMANN * trace["temperature_k"] / (8000.0 * GPA)
    np.testing.assert_allclose(trace["pressure_gpa"], expected)
    isolated = systems_of((np.full(2, 2), np.eye(3)[:2], None))
    alone = run(Walkers.create(isolated, np.full(2, 4.0), 1), IdealGas(), settings)
    assert np.all(np.isnan(alone.trace["pressure_gpa"]))


def test_progress_is_told():
    told = []
    run(alloy([0, 1]), MODEL, EVERYTHING, on_progress=told.append)
    assert [p.step for p in told] == list(range(5, 45, 5))
    assert [p.n_active for p in told] == [2] * 7 + [0]
    assert told[0].max_steps == 40
    assert 5.0 < told[0].temperature_k < 200.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ([{}, {"check_every": 3}], "differ in check_every"),
        ([{}, {"ensemble": "nve"}], "differ in ensemble"),
        ([{}, {"bias": BiasSettings(uncertainty="posterior")}], "differ in bias.uncertainty"),
        ([{}, {"trigger": TriggerSettings(reduction="softmax")}], "differ in trigger.reduction"),
        ([{}], "1 settings for 2 walkers"),
    ],
)
def test_contradictory_settings_are_refused(changes, message):
    each = [EVERYTHING.model_copy(update=change) for change in changes]
    with pytest.raises(InputError, match=message):
        run(alloy([0, 1]), MODEL, each)


def test_what_cannot_run_is_refused():
    with pytest.raises(InputError, match="no uncertainty"):
        run(alloy([0]), LennardJones(), EVERYTHING)
    isolated = Walkers.create(systems_of((np.full(2, 2), np.eye(3)[:2], None)), np.full(2, 4.0), 1)
    plain = SamplingSettings(bias=None, trigger=None)
    with pytest.raises(InputError, match="pressure"):
        run(isolated, IdealGas(), plain.model_copy(update={"pressure_gpa": Ramp(start=0, end=0)}))
    atom = Walkers.create(systems_of((np.array([2]), np.zeros((1, 3)), None)), np.array([4.0]), 1)
    with pytest.raises(InputError, match="one atom"):
        run(atom, IdealGas(), plain)
    with pytest.raises(InputError, match="different steps"):
        run(alloy([0, 1]).replace(step=np.array([0, 3])), MODEL, EVERYTHING)


def test_negative_temperature_is_refused():
    with pytest.raises(ValueError, match="no negative value"):
        SamplingSettings(temperature_k=-10.0)
