"""Walkers in LAMMPS against those of our own sampler, which the same starts, settings and seeds describe."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.data import atomic_masses
from tests.potentials import make_potential

from atomsmith.data.configuration import Configuration
from atomsmith.errors import InputError
from atomsmith.evaluator import Evaluator
from atomsmith.lammps.launch import LammpsError
from atomsmith.lammps.sampler import run as run_in_lammps
from atomsmith.lammps.settings import LammpsSamplerSettings
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
from atomsmith.systems import Systems

ELEMENTS = (13, 14)
NEVER = TriggerSettings(tolerance=1e9)
PLAIN = SamplingSettings(ensemble="nve", max_steps=30, trigger=NEVER, bias=None)
GENTLE = 0.01


@pytest.fixture(autouse=True)
def cache(plugin, tmp_path_factory, monkeypatch):
    """The plugin that all tests here share."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp().parent / "cache"))
    monkeypatch.setenv("CXX", "c++ -Wall -Wextra -Werror")


@pytest.fixture(scope="module")
def potential():
    found = make_potential(6, elements=ELEMENTS, cutoff=4.5, degrees=(2.0, 3.0))
    posterior = found.posterior
    return replace(
        found,
        coefficients=GENTLE * found.coefficients,
        committee=GENTLE * found.committee,
        posterior=replace(posterior, mean=GENTLE * posterior.mean, factor=GENTLE * posterior.factor),
    )


def configuration(pbc=(True, True, True), size=2):
    """An alloy in a skewed, left-handed cell that is along no axis."""
    atoms = bulk("Al", "fcc", a=4.1, cubic=True) * (size, size, size)
    rng = np.random.default_rng(1)
    turned = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turned[2] *= -np.sign(np.linalg.det(turned))
    strain = np.eye(3) + 0.05 * rng.normal(size=(3, 3))
    cell = atoms.cell.array @ strain @ turned
    positions = atoms.positions @ strain @ turned + rng.normal(scale=0.02, size=(len(atoms), 3))
    numbers = rng.choice(ELEMENTS, len(atoms))
    if not any(pbc):
        cell = np.zeros((3, 3))
    return Configuration(numbers=numbers, positions=positions, cell=cell, pbc=pbc)


def walkers_of(*configurations, temperature=500.0, seed=3):
    systems = Systems.from_configurations(configurations)
    walkers = Walkers.create(systems, atomic_masses[systems.numbers], seed)
    return thermalised(walkers, np.full(len(configurations), temperature))


def both(walkers, potential, settings, folder, lammps=None, **options):
    """The same run here and in LAMMPS."""
    there = run_in_lammps(walkers, potential, settings, lammps or LammpsSamplerSettings(), folder, **options)
    options.pop("checkpoint_every", None)
    return run(walkers, Evaluator(potential), settings, **options), there


def same_rows(here, there, names, rtol=2e-5):
    assert sorted(there.trace[["walker", "step"]].tolist()) == sorted(here.trace[["walker", "step"]].tolist())
    for w in np.unique(here.trace["walker"]):
        mine, other = (one.trace[one.trace["walker"] == w] for one in (here, there))
        for name in names:
            np.testing.assert_allclose(other[name], mine[name], rtol=rtol, err_msg=f"walker {w}, {name}")


COMPARED = (
    "time_fs", "energy", "temperature_k", "target_temperature_k", "pressure_gpa", "target_pressure_gpa",
    "volume", "sigma", "tau", "uncertainty", "reason",
)  # fmt: skip


@pytest.mark.parametrize("uncertainty", ["committee", "posterior"])
def test_biased_walkers_go_where_ours_go(potential, tmp_path, uncertainty):
    """Without a thermostat both are velocity Verlet; LAMMPS's constants differ in the seventh digit."""
    bias = BiasSettings(tau_rel=0.3, uncertainty=uncertainty, burn_in_steps=4, ramp_steps=8, window_steps=10)
    settings = PLAIN.model_copy(update={"bias": bias, "check_every": 2})
    walkers = walkers_of(configuration(), configuration(pbc=(False, False, False)))
    lammps = LammpsSamplerSettings(at_once=2)
    here, there = both(walkers, potential, settings, tmp_path, lammps, checkpoint_every=13)
    names = set(COMPARED) - ({"sigma"} if uncertainty == "posterior" else set())
    same_rows(here, there, names)
    assert there.trace["tau"].max() > 0.0
    mine, other = here.walkers, there.walkers
    # Positions may differ by lattice vectors, which forces do not see.
    np.testing.assert_allclose(other.forces, mine.forces, atol=2e-5 * np.abs(mine.forces).max())
    np.testing.assert_allclose(other.velocities, mine.velocities, atol=2e-5 * np.abs(mine.velocities).max())
    np.testing.assert_allclose(other.virial, mine.virial, atol=2e-5 * np.abs(mine.virial).max())
    np.testing.assert_allclose(other.mean_gradient, mine.mean_gradient, rtol=2e-5)
    assert not list(tmp_path.glob("walker_*")) + list(tmp_path.glob("piece-*"))


def test_walkers_in_an_older_lammps_go_where_ours_go(potential, tmp_path, monkeypatch):
    """Debian's of 2021, which loads no plugins; with words of a launcher before the program."""
    program = Path("/usr/bin/lmp")
    if not program.is_file() or not Path("/usr/include/lammps/pair.h").is_file():
        pytest.skip("needs the Debian packages lammps and liblammps-dev")
    monkeypatch.setenv("CXX", "c++")
    bias = BiasSettings(tau_rel=0.3, burn_in_steps=4, ramp_steps=8, window_steps=10)
    settings = PLAIN.model_copy(update={"bias": bias, "max_steps": 20})
    walkers = walkers_of(configuration(), configuration(pbc=(True, True, False)))
    lammps = LammpsSamplerSettings(executable=program, launcher="env LC_ALL=C")
    here, there = both(walkers, potential, settings, tmp_path, lammps, checkpoint_every=12)
    same_rows(here, there, COMPARED)


@pytest.mark.parametrize("reduction", ["max", "softmax"])
def test_the_trigger_stops_walkers_at_the_step_of_ours(potential, tmp_path, reduction):
    """On two ranks; some walkers by the uncertainty, one by distances that no data reach."""
    knowledge = Knowledge(
        widening=2.0, force_error=0.5, closest={(13, 13): 2.5, (13, 14): 2.5, (14, 14): 2.5}
    )
    start = walkers_of(configuration(), configuration(pbc=(True, True, False)), temperature=1500.0)
    free = PLAIN.model_copy(update={"trigger": TriggerSettings(tolerance=1e9, reduction=reduction)})
    plain = run(start, Evaluator(potential), free, knowledge=Knowledge(widening=2.0))
    largest = np.sort(plain.trace["uncertainty"][plain.trace["step"] >= 10])
    trigger = TriggerSettings(
        tolerance=float(largest[-2] * 0.999), reduction=reduction, minimum_steps=8, unseen_distances=False
    )
    settings = PLAIN.model_copy(update={"trigger": trigger, "check_every": 2, "record_every": 6})
    lammps = LammpsSamplerSettings(ranks=2)
    here, there = both(start, potential, settings, tmp_path / "a", lammps, knowledge=Knowledge(widening=2.0))
    assert StopReason.UNCERTAINTY in here.walkers.reasons
    assert there.walkers.reasons == here.walkers.reasons
    same_rows(here, there, COMPARED)
    unseen = TriggerSettings(tolerance=1e9, minimum_steps=5)
    settings = PLAIN.model_copy(update={"trigger": unseen, "guards": GuardSettings(distance_every=3)})
    here, there = both(start, potential, settings, tmp_path / "b", knowledge=knowledge)
    assert StopReason.UNSEEN_DISTANCE in here.walkers.reasons
    assert there.walkers.reasons == here.walkers.reasons
    assert there.walkers.step.tolist() == here.walkers.step.tolist()


@pytest.mark.parametrize(
    ("guards", "reason"),
    [
        (GuardSettings(energy_change_ev_per_atom=0.003, temperature_factor=None), StopReason.ENERGY),
        (GuardSettings(temperature_factor=1.2), StopReason.TEMPERATURE),
        (
            GuardSettings(shortest_distance_angstrom=2.5, distance_every=2, temperature_factor=None),
            StopReason.SHORTEST_DISTANCE,
        ),
    ],
)
def test_guards_stop_walkers_where_they_stop_ours(potential, tmp_path, guards, reason):
    ramp = Ramp(start=20.0, end=25.0, steps=20)
    settings = PLAIN.model_copy(update={"guards": guards, "trigger": None, "temperature_k": ramp})
    start = walkers_of(configuration(), temperature=40.0 if guards.temperature_factor else 1500.0)
    here, there = both(start, potential, settings, tmp_path, checkpoint_every=7)
    assert here.walkers.step[0] > 1
    assert here.walkers.reasons == [reason]
    assert there.walkers.reasons == [reason]
    assert there.walkers.step.tolist() == here.walkers.step.tolist()
    same_rows(here, there, set(COMPARED))


def test_walkers_that_are_too_hot_at_the_start_stop_there(potential, tmp_path):
    start = walkers_of(configuration(), temperature=5e4)
    here, there = both(start, potential, PLAIN, tmp_path)
    assert there.walkers.reasons == here.walkers.reasons == [StopReason.TEMPERATURE]
    assert there.walkers.step.tolist() == here.walkers.step.tolist() == [0]
    same_rows(here, there, COMPARED)


def test_atoms_that_clash_at_the_start_stop_a_walker_there(potential, tmp_path):
    clashing = configuration()
    positions = clashing.positions.copy()
    positions[1] = positions[0] + [0.3, 0.1, 0.0]
    start = walkers_of(configuration(), clashing.replace(positions=positions))
    here, there = both(start, potential, PLAIN, tmp_path)
    assert here.walkers.reasons == [StopReason.MAX_STEPS, StopReason.SHORTEST_DISTANCE]
    assert there.walkers.reasons == here.walkers.reasons
    assert there.walkers.step.tolist() == here.walkers.step.tolist() == [30, 0]


def test_walkers_that_explode_are_ends_and_no_errors(potential, tmp_path):
    off = GuardSettings(
        temperature_factor=None, energy_change_ev_per_atom=None, shortest_distance_angstrom=None
    )
    settings = PLAIN.model_copy(update={"guards": off, "timestep_fs": 90.0, "trigger": None})
    start = walkers_of(configuration(), temperature=1e9)
    result = run_in_lammps(start, potential, settings, LammpsSamplerSettings(), tmp_path)
    assert result.walkers.reasons == [StopReason.NOT_FINITE]
    assert np.isfinite(result.walkers.systems.positions).all()


class StoppedError(Exception):
    """What ends a process between two checkpoints."""


@pytest.mark.parametrize(("ranks", "ends"), [(1, [8, 12, 16, 20]), (2, [8, 10])])
def test_an_interrupted_run_ends_with_the_same_bits(potential, tmp_path, ranks, ends):
    """Thermostat, barostat, ramps and bias; a process that stops at any checkpoint, and one that goes on."""
    values = {
        "temperature_k": {"start": 300.0, "end": 900.0, "steps": 12},
        "pressure_gpa": 1.0,
        "cell_moves": {"kinds": ["volume", "shape"]},
        "bias": {"tau_rel": 0.2, "burn_in_steps": 2, "ramp_steps": 4},
        "trigger": {"tolerance": 1e9},
        "max_steps": ends[-1],
        "record_every": 3,
    }
    settings = SamplingSettings.model_validate(values)
    start, lammps = walkers_of(configuration()), LammpsSamplerSettings(ranks=ranks)
    whole = run_in_lammps(start, potential, settings, lammps, tmp_path / "whole", checkpoint_every=8)
    assert whole.walkers.step.tolist() == ends[-1:]
    assert abs(whole.walkers.systems.volumes[0] / start.systems.volumes[0] - 1.0) > 1e-6
    saved, rows = [start], []

    def stop(walkers, new):
        arrays, header = walkers.to_arrays()
        saved.append(Walkers.from_arrays(arrays, header))
        rows.append(new)
        raise StoppedError

    while saved[-1].active.any():
        with pytest.raises(StoppedError):
            run_in_lammps(
                saved[-1],
                potential,
                settings,
                lammps,
                tmp_path / "parts",
                checkpoint_every=8,
                on_checkpoint=stop,
            )
    assert [int(one.step[0]) for one in saved] == [0, *ends]
    assert np.concatenate(rows).tobytes() == whole.trace.tobytes()
    last = saved[-1]
    np.testing.assert_array_equal(last.systems.positions, whole.walkers.systems.positions)
    np.testing.assert_array_equal(last.systems.cells, whole.walkers.systems.cells)
    np.testing.assert_array_equal(last.velocities, whole.walkers.velocities)
    np.testing.assert_array_equal(last.streams, whole.walkers.streams)


def test_thermostat_and_barostat_reach_what_is_asked(potential, tmp_path):
    """Means over a picosecond after one; the scatter of a mean is a third of the tolerance or less."""
    values = {
        "temperature_k": 600.0,
        "friction_per_fs": 0.02,
        "pressure_gpa": 2.0,
        "max_steps": 2000,
        "timestep_fs": 2.0,
        "bias": None,
        "trigger": None,
        "guards": {"temperature_factor": 20.0},
    }
    settings = SamplingSettings.model_validate(values)
    start = walkers_of(configuration(), temperature=600.0)
    result = run_in_lammps(
        start, potential, settings, LammpsSamplerSettings(), tmp_path, checkpoint_every=1000
    )
    assert result.walkers.reasons == [StopReason.MAX_STEPS]
    late = result.trace[result.trace["step"] > 500]
    assert abs(late["temperature_k"].mean() - 600.0) < 60.0
    assert abs(late["pressure_gpa"].mean() - 2.0) < 0.7
    assert np.isnan(late["sigma"]).all()
    assert np.isnan(late["uncertainty"]).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"swap_moves": SwapSettings()}, "walkers in LAMMPS exchange no elements"),
        (
            {"pressure_gpa": {"start": 0, "end": 0}, "cell_moves": CellMoveSettings(kinds=("shape",))},
            "no barostat that changes the shape of a cell at constant volume",
        ),
        ({"trigger": TriggerSettings(largest_grade=2.0)}, "walkers in LAMMPS know no extrapolation grades"),
    ],
)
def test_what_lammps_cannot_do_is_refused_with_the_reason(potential, tmp_path, changes, message):
    settings = SamplingSettings.model_validate(PLAIN.model_dump() | changes)
    with pytest.raises(InputError, match=message):
        run_in_lammps(walkers_of(configuration()), potential, settings, LammpsSamplerSettings(), tmp_path)


def test_errors_of_lammps_are_passed_on_with_the_place_of_its_files(potential, tmp_path):
    alone = replace(potential, committee=potential.committee[:0])
    with pytest.raises(
        LammpsError, match=r"needs a potential with a committee.*input and log are in"
    ) as error:
        run_in_lammps(walkers_of(configuration()), alone, PLAIN, LammpsSamplerSettings(), tmp_path)
    (work,) = tmp_path.glob("piece-*")
    assert str(work) in str(error.value)
    assert (work / "in.piece").is_file()
    assert (work / "log.lammps").is_file()


def test_a_lost_restart_file_is_named(potential, tmp_path):
    def stop(walkers, rows):
        saved.append(walkers)
        raise StoppedError

    saved, start, lammps = [], walkers_of(configuration()), LammpsSamplerSettings()
    with pytest.raises(StoppedError):
        run_in_lammps(start, potential, PLAIN, lammps, tmp_path, checkpoint_every=5, on_checkpoint=stop)
    (tmp_path / "walker_0.5.restart").unlink()
    with pytest.raises(InputError, match=r"walker_0\.5\.restart: no such file, from which walker 0 goes on"):
        run_in_lammps(saved[0], potential, PLAIN, lammps, tmp_path, checkpoint_every=5)


def test_atoms_of_one_element_with_different_masses_are_refused(potential, tmp_path):
    start = walkers_of(configuration())
    masses = start.masses.copy()
    masses[0] += 1.0
    with pytest.raises(InputError, match="different masses, which the atom types of LAMMPS cannot have"):
        run_in_lammps(start.replace(masses=masses), potential, PLAIN, LammpsSamplerSettings(), tmp_path)
