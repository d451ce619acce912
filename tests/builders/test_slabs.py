"""Slabs: planes, thickness, terminations; dimers, close pairs and random cells."""

import importlib.util

import numpy as np
import pytest

from atomsmith.builders.crystals import crystal
from atomsmith.builders.pairs import close_approach, dimers
from atomsmith.builders.random_cells import random_cell, random_crystals
from atomsmith.builders.slabs import miller_indices, slab, surface_cell, terminations
from atomsmith.builders.symmetry import has_spglib, primitive, space_group
from atomsmith.data.neighbours import pair_distances
from atomsmith.elements import COVALENT_RADII
from atomsmith.errors import InputError

needs_spglib = pytest.mark.skipif(not has_spglib(), reason="spglib is not installed")
PLANES = [(1, 0, 0), (1, 1, 0), (1, 1, 1), (2, 1, 0), (3, -2, 1), (0, 0, 1), (-1, 3, 3)]


@pytest.mark.parametrize("prototype", ["fcc", "diamond", "hcp", "beta_sn"])
@pytest.mark.parametrize("miller", PLANES)
def test_a_surface_cell_is_the_same_crystal_with_the_plane_on_top(prototype, miller):
    base = crystal("Si", prototype)
    cell = surface_cell(base, miller)
    assert cell.volume == pytest.approx(base.volume)
    found = pair_distances(cell.positions, cell.cell, cell.pbc, 4.5)[2]
    expected = pair_distances(base.positions, base.cell, base.pbc, 4.5)[2]
    np.testing.assert_allclose(np.sort(found), np.sort(expected), atol=1e-9)
    # The distance of (hkl) planes is 1 / |h b1 + k b2 + l b3|.
    spacing = 1.0 / np.linalg.norm(np.linalg.inv(base.cell) @ np.array(miller))
    assert cell.cell[2, 2] == pytest.approx(spacing)
    np.testing.assert_allclose(cell.cell[:2, 2], 0.0, atol=1e-12)


@pytest.mark.parametrize("miller", PLANES)
def test_a_slab_is_thick_enough_complete_and_in_vacuum(miller):
    base = crystal("Si", "diamond")
    made = slab(base, miller, thickness=12.0, vacuum=9.0)
    z = made.positions[:, 2]
    spacing = surface_cell(base, miller).cell[2, 2]
    assert np.ptp(z) > 12.0 - spacing
    assert made.cell[2, 2] - np.ptp(z) == pytest.approx(9.0)
    assert made.n_atoms % base.n_atoms == 0
    assert made.shortest_distance() == pytest.approx(base.shortest_distance())
    np.testing.assert_allclose(made.cell[2, :2], 0.0)


def test_the_widest_gap_is_cut_where_none_is_named():
    # (111) of diamond has gaps of one and of a third of a bond: cutting the wide one breaks one bond.
    base = crystal("Si", "diamond")
    bond = base.shortest_distance()

    def broken(made):
        return 4 * made.n_atoms / 2 - len(pair_distances(made.positions, made.cell, made.pbc, 1.1 * bond)[0])

    cuts = terminations(surface_cell(base, (1, 1, 1)))
    assert len(cuts) == 2
    each = [broken(slab(base, (1, 1, 1), cut=cut)) for cut in cuts]
    assert broken(slab(base, (1, 1, 1))) == min(each)
    assert max(each) == 3 * min(each)


@needs_spglib
@pytest.mark.parametrize(("prototype", "count"), [("fcc", 13), ("bcc", 13), ("diamond", 13)])
def test_cubic_crystals_have_13_kinds_of_planes_up_to_3(prototype, count):
    found = miller_indices(crystal("Cu", prototype), 3)
    assert len(found) == count
    assert found[:3] == [(1, 0, 0), (1, 1, 0), (1, 1, 1)]
    assert len({tuple(sorted(map(abs, m))) for m in found}) == count


def test_no_plane_is_refused():
    with pytest.raises(InputError, match="make no plane"):
        slab(crystal("Cu", "fcc"), (0, 0, 0))


def test_dimers_of_all_pairs():
    made = list(dimers(["Cu", "Ni"], [1.5, 2.5]))
    assert [c.formula for c in made] == ["Cu2"] * 2 + ["NiCu"] * 2 + ["Ni2"] * 2
    assert [c.shortest_distance() for c in made[:2]] == [1.5, 2.5]


def test_a_pair_is_pushed_together_and_the_rest_stays():
    base = crystal("Si", "diamond")
    for made, distance in zip(
        close_approach(base, [1.0, 1.8], np.random.default_rng(3)), (1.0, 1.8), strict=True
    ):
        assert made.shortest_distance() == pytest.approx(distance)
        assert np.any(made.positions != base.positions, axis=1).sum() == 2


def test_random_cells_keep_their_distances_and_volume():
    for seed in range(5):
        made = random_cell({"Si": 3, "O": 6}, np.random.default_rng(seed), volume_per_atom=14.0)
        assert made.volume / 9 == pytest.approx(14.0)
        i, j, distance = pair_distances(made.positions, made.cell, made.pbc, 4.0)
        radii = COVALENT_RADII[made.numbers - 1]
        assert (distance >= 0.75 * (radii[i] + radii[j]) - 1e-9).all()
    again = random_cell({"Si": 3, "O": 6}, np.random.default_rng(4), volume_per_atom=14.0)
    assert again.fingerprint() == made.fingerprint()


def test_a_cell_that_is_too_small_is_refused():
    with pytest.raises(InputError, match="no place"):
        random_cell({"Si": 4}, np.random.default_rng(0), volume_per_atom=2.0)


@pytest.mark.skipif(importlib.util.find_spec("pyxtal") is None, reason="PyXtal is not installed")
@needs_spglib
def test_random_crystals_have_their_space_group():
    made = random_crystals({"Si": 8}, 2, seed=1, space_groups=[166, 225])
    for one in made:
        assert one.n_atoms == 8 or primitive(one).n_atoms <= 8
        assert space_group(one, 1e-2) is not None
        assert one.info["space_group"] in (166, 225)


@pytest.mark.skipif(importlib.util.find_spec("pyxtal") is not None, reason="PyXtal is installed")
def test_a_missing_pyxtal_is_named():
    with pytest.raises(InputError, match="pip install pyxtal"):
        random_crystals({"Si": 8}, 1, seed=0)
