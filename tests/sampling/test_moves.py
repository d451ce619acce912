import itertools

import numpy as np
import pytest
from scipy import integrate, stats

from atomsmith.prediction import Prediction
from atomsmith.sampling import CellMoveSettings, GuardSettings, SamplingSettings, SwapSettings, Walkers, run
from atomsmith.sampling.batch import Batch
from atomsmith.sampling.layout import Layout
from atomsmith.sampling.metropolis import cell_move, swap_move
from atomsmith.sampling.moves import adapted_steps, exponential, propose_strains
from atomsmith.sampling.settings import Parameters
from atomsmith.sampling.surface import Surface
from atomsmith.sampling.units import BOLTZMANN, GPA

from .models import HarmonicVolume, IdealGas, systems_of

GUARDS = GuardSettings(
    temperature_factor=None, energy_change_ev_per_atom=None, shortest_distance_angstrom=None
)
TEMPERATURE, PRESSURE = 500.0, 0.5
KT = BOLTZMANN * TEMPERATURE
ATOMS = 3


def gas(copies, atoms=ATOMS, pressure=PRESSURE):
    volume = (atoms + 1) * KT / (pressure * GPA)
    cell = np.diag([0.8, 1.0, 1.25]) @ (np.eye(3) + 0.2 * np.eye(3, k=-1)) * volume ** (1 / 3)
    rng = np.random.default_rng(0)
    parts = [(np.full(atoms, 2), rng.random((atoms, 3)) @ cell, cell) for _ in range(copies)]
    return Walkers.create(systems_of(*parts), np.full(copies * atoms, 4.0), seed=11)


def sampled_volumes(walkers, force_field, kinds, steps, **changes):
    settings = SamplingSettings(
        temperature_k=TEMPERATURE,
        pressure_gpa=PRESSURE,
        cell_moves=CellMoveSettings(kinds=kinds, every=1, strain_step=0.15, adapt=False, **changes),
        bias=None,
        trigger=None,
        guards=GUARDS,
        max_steps=steps,
        record_every=15,
    )
    result = run(walkers, force_field, settings)
    assert np.all(result.walkers.accepted[:, :3].sum(1) > 0)
    return result.trace["volume"][result.trace["step"] > steps // 10], result.walkers


@pytest.mark.parametrize("kinds", [("volume",), ("anisotropic",), ("volume", "shape", "anisotropic")])
def test_volume_of_an_ideal_gas_is_gamma_distributed(kinds):
    # p(V) ~ V^N exp(-PV/kT); a missing N ln V, or N in place of N + 1 in ln V walks, is far outside.
    volumes, _ = sampled_volumes(gas(24), IdealGas(), kinds, 900)
    reduced = volumes * PRESSURE * GPA / KT
    exact = stats.gamma(ATOMS + 1)
    assert stats.kstest(reduced, exact.cdf).pvalue > 1e-3
    assert stats.kstest(reduced, stats.gamma(ATOMS).cdf).pvalue < 1e-9
    assert stats.kstest(reduced, stats.gamma(ATOMS + 2).cdf).pvalue < 1e-9


def test_volume_of_a_harmonic_cell_against_quadrature():
    reference = 400.0
    model = HarmonicVolume(0.3, reference)
    volumes, _ = sampled_volumes(gas(24), model, ("volume",), 900)

    def weight(v, power):
        energy = 0.5 * model.stiffness * np.log(v / reference) ** 2 + PRESSURE * GPA * v
        return v ** (ATOMS + power) * np.exp(-energy / KT) / reference**ATOMS

    norm, first = (integrate.quad(weight, 1.0, 5000.0, args=(p,), limit=200)[0] for p in (0, 1))
    means = volumes.reshape(-1, 24).mean(0)
    error = means.std(ddof=1) / np.sqrt(24)
    assert abs(volumes.mean() - first / norm) < 4.0 * error < 0.04 * first / norm


def test_acceptance_uses_the_biased_energy():
    # With sigma = V per unit volume, E - tau sigma is a gas at the pressure P - tau.
    copies, tau = 24, 0.4 * PRESSURE * GPA
    settings = SamplingSettings(
        temperature_k=TEMPERATURE,
        pressure_gpa=PRESSURE,
        cell_moves=CellMoveSettings(every=1, strain_step=0.15, adapt=False),
        bias=None,
        trigger=None,
        guards=GUARDS,
    )
    walkers = gas(copies)

    def surface(systems):
        zeros = np.zeros((systems.n_atoms, 3))
        return Surface(np.zeros(copies), systems.volumes, zeros, np.zeros((copies, 3, 3)))

    walkers = walkers.replace(
        energy=np.zeros(copies),
        sigma=walkers.systems.volumes,
        tau=np.full(copies, tau),
        virial=np.zeros((copies, 3, 3)),
        strain_step=np.full((copies, 3), 0.15),
    )
    batch = Batch.of(walkers, np.arange(copies), settings, Parameters.of([settings] * copies))
    volumes = []
    for move in range(900):
        walkers = cell_move(walkers, batch, settings.cell_moves, surface)
        if move > 90 and move % 15 == 0:
            volumes.append(walkers.systems.volumes)
    reduced = np.concatenate(volumes) * (PRESSURE * GPA - tau) / KT
    assert stats.kstest(reduced, stats.gamma(ATOMS + 1).cdf).pvalue > 1e-3
    np.testing.assert_array_equal(walkers.sigma, walkers.systems.volumes)


def test_shape_moves_keep_the_volume_and_fractional_positions():
    walkers = gas(4)
    layout = Layout.of(walkers.systems)
    generators = [np.random.default_rng(seed) for seed in range(4)]
    moving = np.array([True, True, False, True])
    trial = propose_strains(walkers.systems, layout, generators, ["shape"], np.full((4, 3), 0.1), moving)
    np.testing.assert_allclose(trial.systems.volumes, walkers.systems.volumes, rtol=1e-12)
    np.testing.assert_allclose(trial.volume_change, 0.0, atol=1e-9)
    for s in range(4):
        atoms = layout.owner == s
        before = walkers.systems.positions[atoms] @ np.linalg.inv(walkers.systems.cells[s])
        after = trial.systems.positions[atoms] @ np.linalg.inv(trial.systems.cells[s])
        np.testing.assert_allclose(after, before, atol=1e-12)
    assert np.array_equal(trial.systems.cells[2], walkers.systems.cells[2])
    assert not np.allclose(trial.systems.cells[0], walkers.systems.cells[0])


def test_volume_change_and_jacobian_belong_to_the_trial():
    walkers = gas(6)
    layout = Layout.of(walkers.systems)
    generators = [np.random.default_rng(seed) for seed in range(6)]
    kinds = ["volume", "shape", "anisotropic"]
    trial = propose_strains(
        walkers.systems, layout, generators, kinds, np.full((6, 3), 0.1), np.ones(6, dtype=bool)
    )
    ratio = trial.systems.volumes / walkers.systems.volumes
    np.testing.assert_allclose(trial.log_jacobian, (ATOMS + 1) * np.log(ratio), atol=1e-12)
    np.testing.assert_allclose(
        trial.volume_change, trial.systems.volumes - walkers.systems.volumes, rtol=1e-9, atol=1e-9
    )


def test_matrix_exponential_inverts_with_the_sign():
    strain = np.random.default_rng(1).standard_normal((5, 3, 3)) * 0.2
    strain = strain + np.swapaxes(strain, 1, 2)
    product = exponential(strain) @ exponential(-strain)
    np.testing.assert_allclose(product, np.broadcast_to(np.eye(3), (5, 3, 3)), atol=1e-13)
    stretches = strain * np.eye(3)
    np.testing.assert_allclose(exponential(stretches, diagonal=True), exponential(stretches), atol=1e-14)


def test_width_adapts_to_the_wanted_acceptance():
    walkers = gas(8, atoms=60)
    settings = SamplingSettings(
        temperature_k=TEMPERATURE,
        pressure_gpa=PRESSURE,
        cell_moves=CellMoveSettings(every=1, strain_step=0.0005),
        bias=None,
        trigger=None,
        guards=GUARDS,
        max_steps=600,
    )
    half = run(walkers, IdealGas(), settings).walkers
    counters = half.accepted[:, 0].copy()
    end = run(half.restarted(), IdealGas(), settings).walkers
    share = (end.accepted[:, 0] - counters).mean() / 600
    assert 0.33 < share < 0.47
    assert np.all(end.strain_step[:, 0] > 0.01)
    assert np.all(end.strain_step[:, 1:] == 0.0005)


def test_adaptation_is_balanced_at_the_target():
    steps = np.full((2, 3), 0.01)
    attempted = np.full((2, 4), 50)
    kind = np.array([0, -1])
    wider = adapted_steps(steps, kind, np.array([True, True]), attempted)
    narrower = adapted_steps(steps, kind, np.array([False, False]), attempted)
    assert 0.4 * np.log(wider[0, 0] / 0.01) + 0.6 * np.log(narrower[0, 0] / 0.01) == pytest.approx(0.0)
    assert np.array_equal(wider[1], steps[1])


class Lattice:
    """Four sites whose energy depends on which element sits where; atoms stay on their sites."""

    energies = np.array([0.0, 0.03, 0.01, 0.05])
    pair = 0.04

    def occupation(self, systems):
        site = np.rint(systems.positions[:, 0] / 3.0).astype(int).reshape(-1, 4)
        numbers = systems.numbers.reshape(-1, 4)
        return np.take_along_axis(numbers, np.argsort(site, axis=1), axis=1)

    def energy(self, occupied):
        heavy = (np.asarray(occupied) == 14).astype(float)
        return heavy @ self.energies + self.pair * heavy[..., 0] * heavy[..., 1]

    def predict(self, systems):
        energy = self.energy(self.occupation(systems))
        zeros = np.zeros((systems.n_atoms, 3))
        virial = np.zeros((systems.n_systems, 3, 3))
        return Prediction(energy, np.repeat(energy / 4, 4), zeros, virial)


@pytest.mark.parametrize("numbers", [(13, 13, 14, 14), (13, 14, 14, 14), (13, 14, 12, 12)])
def test_swaps_visit_arrangements_by_their_boltzmann_weight(numbers):
    copies, moves, temperature = 40, 300, 400.0
    sites = np.array([[3.0 * k, 0, 0] for k in range(4)])
    systems = systems_of(*[(np.array(numbers), sites, None)] * copies)
    model = Lattice()
    settings = SamplingSettings(
        temperature_k=temperature, bias=None, trigger=None, swap_moves=SwapSettings(every=1)
    )
    energy = model.predict(systems).energy
    walkers = Walkers.create(systems, np.full(4 * copies, 27.0), seed=2)
    walkers = walkers.replace(energy=energy, virial=np.zeros((copies, 3, 3)))
    batch = Batch.of(walkers, np.arange(copies), settings, Parameters.of([settings] * copies))

    def surface(trial):
        p = model.predict(trial)
        return Surface(p.energy, np.full(copies, np.nan), p.forces, p.virial)

    states = sorted(set(itertools.permutations(numbers)))
    counts = dict.fromkeys(states, 0)
    for move in range(moves):
        walkers = swap_move(walkers, batch, surface)
        if move >= 20 and move % 4 == 0:
            for state in model.occupation(walkers.systems):
                counts[tuple(int(z) for z in state)] += 1
    np.testing.assert_array_equal(walkers.energy, model.predict(walkers.systems).energy)
    weights = np.exp(-model.energy(states) / (BOLTZMANN * temperature))
    observed = np.array([counts[state] for state in states])
    expected = weights / weights.sum() * observed.sum()
    # Samples four moves apart are still somewhat correlated: allow twice the chi^2 of independent ones.
    chi2 = ((observed - expected) ** 2 / expected).sum() / 2.0
    assert stats.chi2(len(states) - 1).sf(chi2) > 1e-3
    uniform = np.full(len(states), observed.sum() / len(states))
    assert ((observed - uniform) ** 2 / uniform).sum() > 20 * len(states)


def test_swaps_keep_momenta_and_composition_and_spare_pure_walkers():
    rng = np.random.default_rng(0)
    parts = [
        (np.array([13, 14] * 4), 4.0 * rng.random((8, 3)), None),
        (np.full(8, 13), 4.0 * rng.random((8, 3)), None),
    ]
    walkers = Walkers.create(systems_of(*parts), np.full(16, 27.0), seed=4, velocities=rng.random((16, 3)))
    settings = SamplingSettings(
        temperature_k=300.0,
        bias=None,
        trigger=None,
        guards=GUARDS,
        swap_moves=SwapSettings(every=5, attempts=3),
        max_steps=20,
        ensemble="nve",
        fix_centre_of_mass=False,
    )
    end = run(walkers, IdealGas(), settings).walkers
    np.testing.assert_array_equal(end.velocities, walkers.velocities)
    np.testing.assert_array_equal(end.systems.numbers, walkers.systems.numbers)
    assert end.attempted[0, 3] == end.accepted[0, 3] == 9  # steps 5, 10 and 15
    assert end.attempted[1, 3] == 0
    drifted = walkers.systems.positions + 20.0 * walkers.velocities
    assert not np.allclose(end.systems.positions[:8], drifted[:8])
    np.testing.assert_allclose(end.systems.positions[8:], drifted[8:])
