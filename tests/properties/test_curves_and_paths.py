"""The Birch-Murnaghan curve, the Delta gauge, and nudged elastic bands."""

import numpy as np
import pytest
from scipy.integrate import quad
from tests.properties.force_fields import CU_MISHIN, Corrugation, PairSprings, lammps, needs_lammps

from atomsmith.builders.crystals import crystal
from atomsmith.data.configuration import Configuration
from atomsmith.errors import InputError
from atomsmith.properties.equation_of_state import (
    BirchMurnaghan,
    EosSettings,
    ReferenceCurve,
    delta_gauge,
    equation_of_state,
    reference_curve,
)
from atomsmith.properties.neb import NebSettings, climbing_band
from atomsmith.properties.vacancy import VacancySettings, vacancy

CURVE = BirchMurnaghan(-3.5, 12.0, 0.87, 5.1)


def test_a_curve_is_found_again():
    volumes = np.linspace(11.0, 12.6, 9)
    found = BirchMurnaghan.fit(volumes, CURVE(volumes))
    assert found.energy == pytest.approx(CURVE.energy, abs=1e-10)
    assert found.volume == pytest.approx(CURVE.volume, rel=1e-9)
    assert found.bulk_modulus == pytest.approx(CURVE.bulk_modulus, rel=1e-7)
    assert found.derivative == pytest.approx(CURVE.derivative, rel=1e-6)


def test_the_curve_has_the_parameters_it_is_named_by():
    h = 1e-3
    v = CURVE.volume
    pressure = lambda x: -float(CURVE(np.array([x + h]))[0] - CURVE(np.array([x - h]))[0]) / (2 * h)  # noqa: E731
    bulk = lambda x: -x * (pressure(x + h) - pressure(x - h)) / (2 * h)  # noqa: E731
    assert pressure(v) == pytest.approx(0.0, abs=1e-8)
    assert bulk(v) == pytest.approx(CURVE.bulk_modulus, rel=1e-5)
    by_volume = (bulk(v + 0.05) - bulk(v - 0.05)) / (pressure(v + 0.05) - pressure(v - 0.05))
    assert by_volume == pytest.approx(CURVE.derivative, rel=1e-3)


def test_falling_energies_have_no_curve():
    volumes = np.linspace(11.0, 12.6, 9)
    assert BirchMurnaghan.fit(volumes, -volumes) is None or not (
        11.0 < BirchMurnaghan.fit(volumes, -volumes).volume < 12.6
    )


def test_delta_is_the_root_mean_square_difference():
    other = BirchMurnaghan(-2.0, 12.3, 0.95, 4.5)

    def squared(volume):
        v = np.array([volume])
        return float((CURVE(v)[0] - CURVE.energy - other(v)[0] + other.energy) ** 2)

    middle = 12.15
    integral = quad(squared, 0.94 * middle, 1.06 * middle, epsabs=1e-14)[0]
    assert delta_gauge(CURVE, other) == pytest.approx(np.sqrt(integral / (0.12 * middle)), rel=1e-6)
    assert delta_gauge(CURVE, other) == delta_gauge(other, CURVE)
    assert delta_gauge(CURVE, CURVE) == 0.0


def test_springs_have_their_bulk_modulus_and_a_distance_to_a_reference():
    springs = PairSprings(2.5, 3.0)
    a = 2.5 * np.sqrt(2.0)
    reference = ReferenceCurve(
        volume_angstrom3_per_atom=a**3 / 4, bulk_modulus_gpa=230.0, bulk_modulus_derivative=3.0
    )
    result = equation_of_state(
        springs, crystal("Cu", "fcc", lattice_constant=a), EosSettings(reference=reference)
    )
    assert result.problems == ()
    assert result.volume_angstrom3_per_atom == pytest.approx(a**3 / 4, rel=1e-4)
    assert result.bulk_modulus_gpa == pytest.approx(4.0 / 3.0 * 3.0 / a * 160.2176634, rel=5e-3)
    assert result.misfit_mev_per_atom < 0.01
    expected = 1000.0 * delta_gauge(result.curve, reference_curve(reference))
    assert result.delta_mev_per_atom == pytest.approx(expected)
    assert result.delta_mev_per_atom > 1.0


def one_atom(x):
    return Configuration(
        numbers=np.array([29], np.int32),
        positions=np.array([[x, 0.0, 0.0]]),
        cell=20 * np.eye(3),
        pbc=[True] * 3,
    )


@pytest.mark.parametrize("images", [5, 6, 9])
def test_a_bent_path_has_the_barrier_of_its_potential(images):
    settings = NebSettings(images=images, force_ev_per_angstrom=1e-4)
    band = climbing_band(Corrugation(height=0.7), one_atom(0.0), one_atom(2.0), settings)
    assert band.problem is None
    assert band.barrier_ev == pytest.approx(0.7, abs=1e-6)
    assert band.energies_ev[-1] == pytest.approx(0.0, abs=1e-12)
    assert band.positions_angstrom[-1] > 2.0  # it is bent


def test_a_path_through_the_boundary_is_the_short_one():
    band = climbing_band(Corrugation(period=2.0), one_atom(19.0), one_atom(1.0))
    assert band.positions_angstrom[-1] < 3.0


def test_ends_must_have_the_same_cell():
    with pytest.raises(InputError, match="same cell"):
        climbing_band(Corrugation(), one_atom(0.0), one_atom(2.0).replace(cell=30 * np.eye(3)))


@needs_lammps
def test_an_unfinished_band_gives_no_barrier():
    copper = crystal("Cu", "fcc")
    settings = VacancySettings(supercell_angstrom=7.0, band=NebSettings(max_steps=2))
    with lammps(CU_MISHIN, copper) as force_field:
        result = vacancy(force_field, copper, settings)
    assert result.formation_energy_ev is not None
    assert result.migration_energy_ev is None
    assert result.activation_energy_ev is None
    assert "not converged in 2 steps" in result.problems[-1]


@needs_lammps
def test_hcp_has_two_kinds_of_jumps():
    copper = crystal("Cu", "hcp", c_over_a=1.60)
    settings = VacancySettings(supercell_angstrom=7.0)
    with lammps(CU_MISHIN, copper) as force_field:
        result = vacancy(force_field, copper, settings)
    assert result.problems == ()
    assert len(result.jumps) == 2
    assert result.migration_energy_ev == min(jump.barrier_ev for jump in result.jumps)


def test_a_compound_is_refused():
    salt = crystal("Cu", "fcc")
    mixed = salt.replace(numbers=np.array([29, 28, 29, 28], np.int32))
    with pytest.raises(InputError, match="chemical potentials"):
        vacancy(PairSprings(), mixed)
