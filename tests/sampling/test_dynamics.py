import numpy as np
import pytest

from atomsmith.sampling import GuardSettings, SamplingSettings, Walkers, run, thermalised
from atomsmith.sampling.integrators import Propagator
from atomsmith.sampling.layout import Layout
from atomsmith.sampling.units import ACCELERATION, BOLTZMANN

from .models import Einstein, LennardJones, blocked_error, lj_crystal, systems_of

FREE = GuardSettings(temperature_factor=None, energy_change_ev_per_atom=None, shortest_distance_angstrom=None)


def plain(**changes):
    return SamplingSettings(**{"bias": None, "trigger": None, "guards": FREE, "record_every": 1} | changes)


def total_energy(walkers):
    squares = (walkers.masses[:, None] * walkers.velocities**2).sum(1)
    return walkers.energy + 0.5 / ACCELERATION * Layout.of(walkers.systems).sum(squares)


def argon(temperature=40.0, copies=1):
    systems = systems_of(*[lj_crystal(2, seed=seed) for seed in range(copies)])
    walkers = Walkers.create(systems, np.full(systems.n_atoms, 39.95), seed=3)
    return thermalised(walkers, np.full(copies, temperature))


def energy_wander(timestep):
    energies = []
    run(
        argon(),
        LennardJones(cutoff=5.2),
        plain(ensemble="nve", timestep_fs=timestep, max_steps=int(800 / timestep)),
        on_record=lambda rows, walkers: energies.append(total_energy(walkers)[0]),
    )
    return np.std(energies)


def test_nve_conserves_energy_to_second_order():
    coarse, fine = energy_wander(8.0), energy_wander(4.0)
    assert coarse < 1e-4 * 32 * BOLTZMANN * 40.0 * 50
    assert 3.3 < coarse / fine < 4.8


def test_nve_runs_backwards():
    settings = plain(ensemble="nve", timestep_fs=5.0, max_steps=200)
    start = argon()
    there = run(start, LennardJones(cutoff=5.2), settings).walkers
    back = run(
        there.replace(velocities=-there.velocities).restarted(), LennardJones(cutoff=5.2), settings
    ).walkers
    assert np.abs(there.systems.positions - start.systems.positions).max() > 0.1
    np.testing.assert_allclose(back.systems.positions, start.systems.positions, atol=1e-10)


def test_nve_is_baoab_without_friction():
    common = {"timestep_fs": 5.0, "max_steps": 50}
    nve = run(argon(), LennardJones(cutoff=5.2), plain(ensemble="nve", **common)).walkers
    nvt = run(argon(), LennardJones(cutoff=5.2), plain(friction_per_fs=0.0, **common)).walkers
    np.testing.assert_allclose(nvt.systems.positions, nve.systems.positions, atol=1e-11)


def einstein_walkers(copies=6, atoms=24):
    rng = np.random.default_rng(0)
    parts = [(np.full(atoms, 18), 0.05 * rng.standard_normal((atoms, 3)), None) for _ in range(copies)]
    return Walkers.create(systems_of(*parts), np.full(copies * atoms, 40.0), seed=5)


def harmonic_averages(timestep, steps, friction, temperature, stiffness=1.0):
    """Mean kinetic and potential energy over their exact values, with errors, of an Einstein crystal."""
    walkers = einstein_walkers()
    settings = plain(
        temperature_k=temperature,
        timestep_fs=timestep,
        friction_per_fs=friction,
        max_steps=steps,
        fix_centre_of_mass=False,
    )
    trace = run(thermalised(walkers, np.full(6, temperature)), Einstein(stiffness), settings).trace
    late = trace[trace["step"] > steps // 10]
    kinetic = late["temperature_k"].reshape(-1, 6).mean(1) / temperature
    potential = late["energy"].reshape(-1, 6).mean(1) / (1.5 * 24 * BOLTZMANN * temperature)
    return (kinetic.mean(), blocked_error(kinetic)), (potential.mean(), blocked_error(potential))


def test_nvt_shares_energy_equally_among_harmonic_modes():
    (kinetic, kinetic_error), (potential, potential_error) = harmonic_averages(2.0, 5000, 0.02, 300.0)
    assert kinetic_error < 0.01
    assert potential_error < 0.015
    assert abs(kinetic - 1.0) < 4.0 * kinetic_error
    assert abs(potential - 1.0) < 4.0 * potential_error


def test_baoab_samples_harmonic_positions_exactly_at_any_timestep():
    # Leimkuhler & Matthews (2013): no error in <x^2>; momenta are too cold by (omega dt)^2 / 4.
    timestep = 60.0
    omega = np.sqrt(ACCELERATION / 40.0)
    (kinetic, kinetic_error), (potential, potential_error) = harmonic_averages(timestep, 3000, 0.02, 100.0)
    assert (omega * timestep) ** 2 / 4.0 > 0.2
    assert abs(potential - 1.0) < 4.0 * potential_error < 0.03
    assert abs(kinetic - (1.0 - (omega * timestep) ** 2 / 4.0)) < 4.0 * kinetic_error < 0.02


def test_each_walker_has_its_own_temperature_friction_and_timestep():
    walkers = einstein_walkers()
    targets = [50.0, 100.0, 200.0, 400.0, 800.0, 1600.0]
    settings = [
        plain(
            temperature_k=target,
            friction_per_fs=0.02 + 0.005 * w,
            timestep_fs=3.0 + w,
            max_steps=4000,
            fix_centre_of_mass=False,
        )
        for w, target in enumerate(targets)
    ]
    result = run(walkers, Einstein(1.0), settings)
    np.testing.assert_allclose(result.walkers.time_fs, [4000 * (3.0 + w) for w in range(6)])
    for w, target in enumerate(targets):
        rows = result.trace[(result.trace["walker"] == w) & (result.trace["step"] > 400)]
        mean, error = rows["temperature_k"].mean() / target, blocked_error(rows["temperature_k"]) / target
        assert abs(mean - 1.0) < 4.0 * error + 1e-3 < 0.1


def test_centre_of_mass_stays_and_its_freedom_is_not_counted():
    systems = systems_of(*[lj_crystal(1, lattice=9.0, seed=seed) for seed in range(8)])
    start = thermalised(Walkers.create(systems, np.tile([10.0, 20.0, 40.0, 80.0], 8), 1), np.full(8, 60.0))
    settings = plain(temperature_k=60.0, friction_per_fs=0.05, max_steps=4000, timestep_fs=4.0)

    class Springs(Einstein):
        """Springs to the system's own centre: translation-invariant."""

        def predict(self, systems):
            layout = Layout.of(systems)
            centre = layout.sum(systems.positions) / layout.counts[:, None]
            relative = systems.positions - centre[layout.owner]
            return super().predict(systems.replace(positions=relative))

    result = run(start, Springs(1.0), settings)

    def centres(walkers):
        weighted = walkers.masses[:, None] * walkers.systems.positions
        return Layout.of(systems).sum(weighted) / 150.0

    np.testing.assert_allclose(centres(result.walkers), centres(start), atol=1e-10)
    temperatures = result.trace["temperature_k"][result.trace["step"] > 200].reshape(-1, 8).mean(1)
    error = blocked_error(temperatures)
    assert abs(temperatures.mean() - 60.0) < 4.0 * error + 0.05 < 2.5


def test_initial_velocities_are_maxwellian_and_centred():
    systems = systems_of((np.full(4000, 18), np.zeros((4000, 3)), None), (np.full(3, 1), np.eye(3), None))
    walkers = thermalised(Walkers.create(systems, np.full(4003, 39.95), 9), np.array([300.0, 500.0]))
    layout = Layout.of(systems)
    propagator = Propagator.of(layout, walkers.masses, np.ones(2), None, True)
    temperature = propagator.temperature(propagator.kinetic_energy(walkers.velocities))
    assert temperature[0] == pytest.approx(300.0, abs=4 * 300.0 * np.sqrt(2 / 12000))
    np.testing.assert_allclose(layout.sum(walkers.velocities), 0.0, atol=1e-12)
