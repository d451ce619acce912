"""The melting point: what is made of rates, how both phases are joined, and a short run of all parts."""

import numpy as np
import pytest
from tests.properties.force_fields import CU_MISHIN, lammps, needs_lammps

from atomsmith.builders.crystals import crystal
from atomsmith.builders.supercells import supercell
from atomsmith.properties.melting import (
    MeltingSettings,
    Phases,
    Rate,
    _apart,
    _joined,
    _rate,
    _sign_change,
    _zero,
    melting,
)
from atomsmith.properties.simulation import Simulation
from atomsmith.sampling.trace import TRACE

NONE = np.zeros(0)


def rates(*pairs):
    return [Rate(t, y, 0.1, NONE, NONE) for t, y in pairs]


def test_the_melting_point_is_where_the_rate_changes_its_sign():
    line = rates(*((t, 0.01 * (t - 1234.0)) for t in (1000.0, 1100.0, 1200.0, 1300.0, 1400.0)))
    assert _sign_change(line) == (1200.0, 1300.0)
    point, error = _zero(line, (1200.0, 1300.0))
    assert point == pytest.approx(1234.0)
    assert error == pytest.approx(50.0 / np.sqrt(3.0))


def test_one_rate_with_the_wrong_sign_does_not_mislead():
    noisy = rates((1000, -2), (1100, 0.1), (1200, -1), (1300, -0.5), (1400, 1), (1500, 2))
    assert _sign_change(noisy) == (1300, 1400)


def test_rates_of_one_sign_are_no_melting_point():
    assert _sign_change(rates((1000, -2), (1100, -1))) is None
    assert _sign_change(rates((1000, 1), (1100, 2))) is None


def test_a_line_that_falls_is_not_used():
    point, error = _zero(rates((1000, 1), (1100, -1), (1200, -2)), (1000, 1100))
    assert (point, error) == (1050.0, 50.0)


def test_a_rate_is_the_slope_of_the_energy_without_the_beginning():
    trace = np.zeros(200, TRACE)
    trace["time_fs"] = np.arange(200) * 50.0
    noise = np.random.default_rng(0).normal(size=200)
    trace["energy"] = 100 * (2e-6 * trace["time_fs"] + 1e-3 * noise)
    trace["energy"][:20] -= 50.0  # what is left of the joining
    one = _rate(Simulation(None, trace, NONE, NONE), 0, 1000.0, 100, Phases(1000.0, -0.1, 0.12))
    assert one.rate_mev_per_atom_per_ps == pytest.approx(2.0, abs=4 * one.error_mev_per_atom_per_ps)
    assert 0.01 < one.error_mev_per_atom_per_ps < 0.3


@pytest.mark.parametrize(("temperature", "end"), [(800.0, -4.0), (2000.0, -3.65)])
def test_a_phase_that_is_gone_early_has_a_rate_still(temperature, end):
    """After one picosecond nothing happens any more; what noise does then has either sign."""
    phases = Phases(1400.0, -3.9, -3.75)
    trace = np.zeros(300, TRACE)
    trace["time_fs"] = np.arange(300) * 33.0
    gone = np.minimum(trace["time_fs"] / 1000.0, 1.0)
    trace["energy"] = 360 * (-3.82 + gone * (end + 3.82) - np.sign(end + 3.82) * 1e-6 * trace["time_fs"])
    rate = _rate(Simulation(None, trace, NONE, NONE), 0, temperature, 360, phases).rate_mev_per_atom_per_ps
    assert np.sign(rate) == np.sign(temperature - 1400.0)
    assert 5.0 < abs(rate) < 15.0


def test_the_liquid_share_of_both_phases():
    phases = Phases(1400.0, -3.9, -3.7)
    assert phases.share(-3.9, 1400.0) == pytest.approx(0.0)
    assert phases.share(-3.8, 1400.0) == pytest.approx(0.5)
    assert phases.share(-3.7 + 1.5 * 8.617333262e-5 * 600.0, 2000.0) == pytest.approx(1.0)
    assert Phases(1400.0, -3.9, -3.95).share(-3.0, 1400.0) == 0.5


def test_two_halves_are_stacked_without_a_gap_or_an_overlap():
    half = supercell(crystal("Cu", "fcc"), (2, 2, 3))
    whole = _joined(half, half)
    assert whole.n_atoms == 2 * half.n_atoms
    assert whole.volume == pytest.approx(2 * half.volume)
    assert whole.shortest_distance() == pytest.approx(half.shortest_distance())


def test_contacts_are_pushed_apart():
    rng = np.random.default_rng(5)
    half = supercell(crystal("Cu", "fcc"), (2, 2, 3))
    mess = half.replace(positions=half.positions + 0.5 * rng.normal(size=half.positions.shape))
    assert mess.shortest_distance() < 1.5
    assert _apart(mess, 2.0).shortest_distance() > 1.99


@needs_lammps
def test_all_parts_run_and_go_on(tmp_path):
    copper = crystal("Cu", "fcc")
    settings = MeltingSettings(
        lowest_k=600.0, highest_k=1000.0, melt_at_k=2500.0, temperatures=3, rounds=1, width=5.0, length=7.0,
        melting_ps=0.06, time_ps=0.24, timestep_fs=3.0,
    )  # fmt: skip
    with lammps(CU_MISHIN, copper) as force_field:
        result = melting(force_field, copper, settings, folder=tmp_path)
        again = melting(force_field, copper, settings, folder=tmp_path)
    assert result.n_atoms == 64
    assert [rate.temperature_k for rate in result.rates] == [600.0, 800.0, 1000.0]
    assert {path.name for path in tmp_path.iterdir()} == {
        "solid.npz", "melting.npz", "cooling.npz", "round0.npz",
    }  # fmt: skip
    if result.melting_point_k is None:
        assert "melted" in result.problems[-1]
    for first, second in zip(result.rates, again.rates, strict=True):
        np.testing.assert_array_equal(first.energies_ev_per_atom, second.energies_ev_per_atom)
