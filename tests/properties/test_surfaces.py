"""Surfaces and polymorphs against published values and counted bonds."""

import numpy as np
import pytest
from tests.properties.force_fields import (
    CU_MISHIN,
    SI_SW,
    PairSprings,
    lammps,
    needs_lammps,
    needs_spglib,
    snap,
)

from atomsmith.builders.crystals import crystal, ground_state
from atomsmith.errors import InputError
from atomsmith.properties.polymorphs import PolymorphSettings, packing, polymorphs
from atomsmith.properties.surfaces import SurfaceSettings, parsed_plane, surfaces


@needs_lammps
@needs_spglib
def test_copper_has_its_published_surfaces():
    copper = ground_state("Cu")
    with lammps(CU_MISHIN, copper) as force_field:
        result = surfaces(force_field, copper, SurfaceSettings(largest_index=1))
    assert result.problems == ()
    # Mishin et al., Phys. Rev. B 63, 224106 (2001), Table III, in mJ/m^2: 1239, 1345, 1475
    assert result.energy_of((1, 1, 1)) == pytest.approx(1.239, abs=0.002)
    assert result.energy_of((1, 0, 0)) == pytest.approx(1.345, abs=0.002)
    assert result.energy_of((1, 1, 0)) == pytest.approx(1.475, abs=0.002)
    assert [s.miller for s in result.surfaces] == [(1, 1, 1), (1, 0, 0), (1, 1, 0)]


@needs_lammps
def test_silicon_breaks_one_bond_per_atom_of_its_111_surface():
    # Stillinger and Weber's bonds keep their length next to a cut: the energy is that of half a bond, E/4
    # with the cohesive energy E, for each atom, on an area of a^2 sqrt(3) / 4.
    silicon = ground_state("Si")
    with lammps(SI_SW, silicon) as force_field:
        result = surfaces(force_field, silicon, SurfaceSettings(planes=["111"], thickness=8.0))
    a, cohesive = 5.431, 4.3363
    expected = 0.25 * cohesive / (np.sqrt(3.0) / 4.0 * a**2) * 16.02176634
    assert result.surfaces[0].energy_j_per_m2 == pytest.approx(expected, rel=1e-3)


def test_planes_are_read_as_people_write_them():
    assert parsed_plane("111") == (1, 1, 1)
    assert parsed_plane("(1-10)") == (1, -1, 0)
    assert parsed_plane("-1 2, 3") == (-1, 2, 3)
    assert parsed_plane("-1-12") == (-1, -1, 2)
    for text in ("11", "1 1 x", "000"):
        with pytest.raises(InputError, match="plane"):
            parsed_plane(text)


def test_springs_have_no_surface_energy_at_rest():
    # A crystal of springs at rest gains nothing and loses nothing when it is cut.
    base = crystal("Cu", "fcc", lattice_constant=2.5 * np.sqrt(2.0))
    result = surfaces(PairSprings(2.5), base, SurfaceSettings(planes=["100", "111"], rattle=0.0))
    for surface in result.surfaces:
        assert surface.unrelaxed_energy_j_per_m2 == pytest.approx(0.0, abs=1e-6)


@needs_lammps
@needs_spglib
def test_polymorphs_of_copper_are_the_published_ones():
    copper = ground_state("Cu")
    settings = PolymorphSettings(structures=["fcc", "hcp", "bcc", "sc", "hexagonal_diamond"])
    with lammps(CU_MISHIN, copper) as force_field:
        result = polymorphs(force_field, copper, settings)
    # Mishin et al., Table III: energies per atom of fcc -3.54, hcp -3.53, bcc -3.50, sc -3.11 eV
    assert result.energy_of("fcc") == pytest.approx(0.0, abs=1e-3)
    assert result.energy_of("hcp") == pytest.approx(10, abs=5)
    assert result.energy_of("bcc") == pytest.approx(40, abs=7)
    assert result.energy_of("sc") == pytest.approx(430, abs=7)
    transformed = next(p for p in result.polymorphs if p.structure == "hexagonal_diamond")
    assert transformed.kept is False
    assert any("hexagonal_diamond is unstable" in problem for problem in result.problems)


@needs_lammps
def test_a_crystal_that_is_no_ground_state_is_called_so():
    copper = crystal("Cu", "bcc")
    with lammps(CU_MISHIN, copper) as force_field:
        result = polymorphs(force_field, copper, PolymorphSettings(structures=["fcc"]))
    assert result.energy_of("fcc") < -30
    assert "no ground state" in result.problems[-1]


def test_unknown_structures_and_compounds_are_refused():
    with pytest.raises(InputError, match="fluffy"):
        polymorphs(PairSprings(), crystal("Cu", "fcc"), PolymorphSettings(structures=["fluffy"]))
    mixed = crystal("Cu", "fcc").replace(numbers=np.array([29, 28, 29, 28], np.int32))
    with pytest.raises(InputError, match="several elements"):
        surfaces(PairSprings(), mixed)


def test_packing_is_that_of_touching_spheres():
    known = {"fcc": 0.7405, "hcp": 0.7405, "bcc": 0.6802, "diamond": 0.3401, "hexagonal_diamond": 0.3401}
    found = {name: packing(crystal("Cu", name)) for name in known}
    assert found == pytest.approx(known, abs=1e-4)


@needs_lammps
@needs_spglib
def test_a_structure_that_repacks_within_its_space_group_is_marked():
    with lammps(snap("Ni"), crystal("Ni", "fcc")) as force_field:
        result = polymorphs(
            force_field, crystal("Ni", "fcc"), PolymorphSettings(structures=["hexagonal_diamond"])
        )
    (found,) = result.polymorphs
    assert found.kept is False
    assert "space group 194 whose touching spheres fill 0.56" in result.problems[0]
