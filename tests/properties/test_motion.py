"""Dynamics: averages that are known, checkpoints that continue bit for bit, runs that leave physics."""

import numpy as np
import pytest
from scipy.integrate import quad
from tests.properties.force_fields import CU_MISHIN, PairSprings, lammps, needs_lammps
from tests.sampling.models import HarmonicVolume

from atomsmith.builders.crystals import crystal
from atomsmith.builders.supercells import supercell
from atomsmith.errors import InputError
from atomsmith.properties.dynamics import (
    DynamicsSettings,
    dynamics,
    mean_square_displacement,
    radial_distribution,
)
from atomsmith.properties.expansion import ExpansionSettings, expansion
from atomsmith.properties.lattice import LatticeSettings
from atomsmith.properties.simulation import blocked_error, plain_dynamics, simulate
from atomsmith.properties.snapshots import snapshots
from atomsmith.properties.stability import StabilitySettings, stability
from atomsmith.sampling.units import BOLTZMANN

LENGTH = 2.5
SPRINGS = PairSprings(LENGTH)
FCC = crystal("Cu", "fcc", lattice_constant=LENGTH * np.sqrt(2.0))
PERIODIC = np.ones(3, bool)


def test_a_random_walk_spreads_linearly():
    steps = np.random.default_rng(0).normal(scale=0.1, size=(400, 300, 3))
    spread = mean_square_displacement(np.cumsum(steps, axis=0))
    assert spread[0] == 0.0
    np.testing.assert_allclose(spread[1:40], 3 * 0.01 * np.arange(1, 40), rtol=0.03)


def test_straight_flight_spreads_with_the_square_of_time():
    velocity = np.random.default_rng(1).normal(size=(50, 3))
    frames = np.arange(20)[:, None, None] * velocity
    expected = (velocity**2).sum(1).mean() * np.arange(20) ** 2
    np.testing.assert_allclose(mean_square_displacement(frames), expected)


def test_a_gas_has_no_structure_and_a_crystal_its_shells():
    rng = np.random.default_rng(2)
    cell = 12.0 * np.eye(3)
    gas = rng.random((20, 200, 3)) * 12.0
    r, g = radial_distribution(gas, np.array([cell] * 20), PERIODIC, 5.0, 25)
    np.testing.assert_allclose(g[5:], 1.0, atol=0.06)
    large = supercell(FCC, (3, 3, 3))
    r, g = radial_distribution(large.positions[None], large.cell[None], PERIODIC, 4.0, 80)
    density = large.n_atoms / large.volume
    within = r < 3.0
    counted = np.sum(4 * np.pi * r[within] ** 2 * density * g[within] * (r[1] - r[0]))
    assert counted == pytest.approx(12.0, rel=1e-3)  # nearest neighbours
    assert r[int(np.argmax(g))] == pytest.approx(LENGTH, abs=0.03)


class Failing:
    """Springs that stop the program after so many evaluations."""

    def __init__(self, calls):
        self.calls = calls

    def predict(self, systems):
        self.calls -= 1
        if self.calls < 0:
            raise KeyboardInterrupt
        return SPRINGS.predict(systems)


def test_a_stopped_simulation_goes_on_bit_for_bit(tmp_path, monkeypatch):
    monkeypatch.setattr("atomsmith.properties.simulation.CHECKPOINT_STEPS", 20)
    one = plain_dynamics(temperature_k=300.0, timestep_fs=2.0, steps=60, record_every=5, pressure_gpa=0.0)
    starts, settings = [supercell(FCC, (2, 1, 1))] * 2, [one, one]
    whole = simulate(SPRINGS, starts, settings, 7, keep_frames=True)
    file = tmp_path / "deep" / "md.npz"
    with pytest.raises(KeyboardInterrupt):
        simulate(Failing(55), starts, settings, 7, keep_frames=True, checkpoint=file)
    assert file.is_file()
    rest = Failing(10_000)
    again = simulate(rest, starts, settings, 7, keep_frames=True, checkpoint=file)
    assert 10_000 - rest.calls < 50  # it did not begin anew
    np.testing.assert_array_equal(again.frames, whole.frames)
    np.testing.assert_array_equal(again.trace["energy"], whole.trace["energy"])
    np.testing.assert_array_equal(again.walkers.systems.cells, whole.walkers.systems.cells)
    other = simulate(SPRINGS, starts, settings, 8, keep_frames=True, checkpoint=file)
    assert not np.array_equal(other.frames, whole.frames)  # another seed is another simulation


@pytest.mark.parametrize("production_ps", [1e-4, 0.02])
def test_a_production_too_short_for_diffusion_says_so(production_ps):
    settings = DynamicsSettings(
        temperature_k=300.0, supercell_angstrom=5.0, walkers=2, equilibration_ps=0.05,
        production_ps=production_ps, timestep_fs=2.0, cutoff=4.0,
    )  # fmt: skip
    springs = PairSprings(2.5, 3.0)
    result = dynamics(springs, crystal("Cu", "fcc", lattice_constant=2.5 * np.sqrt(2.0)), settings)
    assert result.problems == ("the production is too short for diffusion; raise production_ps",)
    assert result.diffusion_cm2_per_s is None
    assert result.mean_temperature_k > 0.0
    assert np.isfinite(result.radial_distribution).all()


@needs_lammps
def test_a_crystal_vibrates_at_its_temperature_and_does_not_diffuse():
    settings = DynamicsSettings(
        temperature_k=300.0, supercell_angstrom=5.0, walkers=2, equilibration_ps=0.15, production_ps=0.3,
        timestep_fs=3.0, cutoff=5.0, bins=100,
    )  # fmt: skip
    copper = crystal("Cu", "fcc")
    with lammps(CU_MISHIN, copper) as force_field:
        result = dynamics(force_field, copper, settings)
    assert result.problems == ()
    assert result.mean_temperature_k == pytest.approx(300.0, rel=0.4)
    peak = result.distances_angstrom[int(np.argmax(result.radial_distribution))]
    assert peak == pytest.approx(2.56, abs=0.1)
    assert result.displacement_angstrom2.max() < 0.5
    assert result.volume_angstrom3_per_atom == pytest.approx(11.8, abs=0.4)
    assert result.figure() is not None


@needs_lammps
def test_energy_is_kept_with_a_short_step_and_lost_with_a_long_one():
    copper = crystal("Cu", "fcc")
    short = StabilitySettings(
        temperature_k=300.0, seeds=2, time_ps=0.2, timestep_fs=2.0, supercell_angstrom=5.0
    )
    long = short.model_copy(update={"timestep_fs": 20.0, "temperature_k": 1500.0, "time_ps": 1.6})
    with lammps(CU_MISHIN, copper) as force_field:
        good, bad = stability(force_field, copper, short), stability(force_field, copper, long)
    assert good.problems == ()
    assert good.failures == [None, None]
    assert good.lifetimes_ps == pytest.approx([0.2, 0.2])
    assert good.fluctuation_mev_per_atom < 0.5
    assert bad.fluctuation_mev_per_atom is None or (
        bad.fluctuation_mev_per_atom > 20 * good.fluctuation_mev_per_atom
    )


def test_a_run_that_fails_is_told_with_its_time():
    # Springs end at 1.2 of their length: hot atoms leave for good, and the energy guard sees it.
    settings = StabilitySettings(
        temperature_k=60_000.0, seeds=2, time_ps=0.1, timestep_fs=2.0, supercell_angstrom=5.0
    )
    result = stability(SPRINGS, FCC, settings)
    assert None not in result.failures
    assert max(result.lifetimes_ps) < 0.1
    assert "2 of 2 runs failed" in result.problems[0]
    assert result.drift_mev_per_atom_per_ns is None


def test_a_volume_with_springs_expands_as_statistical_mechanics_says():
    # No forces and U = a/2 ln(V/V0)^2: the density of V is V^N exp(-U/kT). Steps are so short that atoms,
    # which fly freely, do not meet.
    stiffness, v0 = 400.0, 16 * 12.0
    start = crystal("Cu", "bcc", volume_per_atom=12.0)
    settings = ExpansionSettings(
        temperatures_k=[300.0, 900.0],
        supercell_angstrom=2.0 * start.cell[0, 0] - 0.1,
        equilibration_ps=0.01,
        production_ps=0.06,
        timestep_fs=0.01,
        lattice=LatticeSettings(scan=0.0),
    )
    result = expansion(HarmonicVolume(stiffness, v0), start, settings)
    assert result.n_atoms == 16

    def mean_volume(temperature, n):
        kt = BOLTZMANN * temperature

        def weight(log_ratio):
            return np.exp((n + 1) * log_ratio - 0.5 * stiffness * log_ratio**2 / kt)

        top = quad(lambda x: weight(x) * np.exp(x), -1, 1)[0]
        return v0 * top / quad(weight, -1, 1)[0] / n

    for temperature, volume, error in zip(
        result.temperatures_k,
        result.volumes_angstrom3_per_atom,
        result.volume_errors_angstrom3_per_atom,
        strict=True,
    ):
        assert 0.0 < error < 0.02 * volume
        assert abs(volume - mean_volume(temperature, 16)) < 5.0 * error


@needs_lammps
def test_snapshots_come_from_their_temperatures():
    start = supercell(crystal("Cu", "fcc"), (2, 1, 1))
    with lammps(CU_MISHIN, start) as force_field:
        made = snapshots(
            force_field, start, [100.0, 900.0], count=4, every_ps=0.02, equilibration_ps=0.05, timestep_fs=2.5
        )
    assert [one.info["temperature_k"] for one in made] == [100.0] * 4 + [900.0] * 4
    assert [one.info["time_fs"] for one in made[:4]] == pytest.approx([60.0, 80.0, 100.0, 120.0])
    moved = [one.positions - start.positions for one in made]
    moved = [m - np.rint(m @ np.linalg.inv(start.cell)) @ start.cell for m in moved]
    cold, hot = (np.mean([np.sum(m**2) for m in part]) for part in (moved[:4], moved[4:]))
    assert 0.0 < cold < hot
    with pytest.raises(InputError, match="no less time"):
        snapshots(SPRINGS, start, [300.0], every_ps=1e-5)


def test_errors_of_blocks_see_correlation():
    rng = np.random.default_rng(3)
    white = rng.normal(size=2000)
    slow = np.repeat(rng.normal(size=20), 100)
    assert blocked_error(white) == pytest.approx(1 / np.sqrt(2000), rel=0.7)
    assert blocked_error(slow) > 4 * blocked_error(white)
    assert np.isnan(blocked_error(np.zeros(3)))
