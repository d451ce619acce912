"""Neighbour lists against brute force on adversarial geometry; when a list is kept and when made again."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import atomsmith.neighbours as neighbours_module
from atomsmith._engine import PairOrder
from atomsmith.errors import InputError
from atomsmith.neighbours import MAX_SHIFT, SMALL_CLUSTER, NeighbourList, find_pairs
from atomsmith.systems import Systems
from engine.plans import SHAPES, Shape, joined, one_of_each, random_system

CUTOFF = 3.5
EVERYWHERE = (True, True, True)
NOWHERE = (False, False, False)


def pairs_of(systems: Systems, cutoff=CUTOFF):
    """Pairs of one system as a set of (i, j, shift), and their vectors."""
    first, neighbour, shift = find_pairs(systems.positions, systems.cells[0], systems.pbc[0], cutoff)
    i = np.repeat(np.arange(systems.n_atoms), np.diff(first))
    vectors = systems.positions[neighbour] + shift @ systems.cells[0] - systems.positions[i]
    found = [(a, b, *map(int, s)) for a, b, s in zip(i.tolist(), neighbour.tolist(), shift, strict=True)]
    assert len(set(found)) == len(found), "a pair was listed twice"
    return set(found), vectors


def brute_force(systems: Systems, cutoff=CUTOFF):
    """All pairs, from every image that can matter."""
    x, cell, pbc = systems.positions, systems.cells[0], systems.pbc[0]
    reach = np.zeros(3, int)
    if pbc.any():
        inverse = np.linalg.pinv(cell[pbc])
        fractional = x @ inverse
        reach[pbc] = np.ceil(cutoff * np.linalg.norm(inverse, axis=0) + np.ptp(fractional, axis=0))
    axes = [np.arange(-n, n + 1) for n in reach]
    shifts = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    found = set()
    for i in range(len(x)):
        for j in range(len(x)):
            distance = np.linalg.norm(x[j] - x[i] + shifts @ (cell * pbc[:, None]), axis=1)
            for s in shifts[(distance < cutoff) & ((i != j) | shifts.any(axis=1))]:
                found.add((i, j, *map(int, s)))
    return found


@settings(max_examples=40, deadline=None, database=None, derandomize=True)
@given(st.sampled_from(sorted(SHAPES)), st.integers(0, 2**31 - 1), st.floats(1.5, 5.0))
def test_pairs_are_those_of_brute_force(shape, seed, cutoff):
    systems = random_system(SHAPES[shape], [14], seed)
    found, vectors = pairs_of(systems, cutoff)
    assert found == brute_force(systems, cutoff)
    assert (np.linalg.norm(vectors, axis=1) <= cutoff * (1 + 1e-12)).all()


# Boxes in which a grid of bins has very many, or none along an axis.
EXTREME = {
    "flat": Shape(30, (2500.0, 2500.0, 3.0), EVERYWHERE, skew=0.02, closest=0.0),
    "long": Shape(30, (2.5, 2.5, 4.0e5), EVERYWHERE, skew=0.02, closest=0.0),
    "ribbon": Shape(30, (4.0, 300.0, 9000.0), EVERYWHERE, skew=0.02, closest=0.0),
    "flat and open": Shape(30, (2500.0, 2500.0, 3.0), (True, True, False), skew=0.02, closest=0.0),
    "huge": Shape(30, (1e6, 1e6, 1e6), EVERYWHERE, skew=0.1, closest=0.0),
    "cluster": Shape(SMALL_CLUSTER + 1, (9.0, 9.0, 9.0), NOWHERE, closest=0.0),
    "exploded": Shape(SMALL_CLUSTER + 1, (4.0, 4.0, 1e9), NOWHERE, skew=0.0, closest=0.0),
    "exploded sideways": Shape(SMALL_CLUSTER + 1, (1e9, 1e5, 4.0), NOWHERE, skew=0.3, closest=0.0),
    "slab that lost an atom": Shape(30, (4.0, 4.0, 1e7), (True, True, False), skew=0.0, closest=0.0),
}


@pytest.mark.parametrize("name", EXTREME)
def test_extreme_boxes(name):
    """Clusters of atoms scattered over boxes that no molecular simulation should have, but some will."""
    rng = np.random.default_rng(8)
    systems = random_system(EXTREME[name], [14], 1)
    middle = rng.integers(systems.n_atoms, size=systems.n_atoms // 2)
    positions = systems.positions.copy()
    positions[: len(middle)] = positions[middle] + rng.normal(size=(len(middle), 3))
    systems = systems.replace(positions=positions)
    found, _ = pairs_of(systems)
    assert len(found) > 10
    assert found == brute_force(systems)


@pytest.mark.parametrize("name", sorted(SHAPES))
@pytest.mark.parametrize("cutoff", [2.0, 3.5])
def test_slabs_find_what_one_search_finds(monkeypatch, name, cutoff):
    """Also where the cell is thinner than the cutoff, and with atoms outside of it."""
    systems = random_system(SHAPES[name], [14], 10)
    shape = (2, 1, 3)
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1).reshape(-1, 3)
    positions = (systems.positions + (grid @ systems.cells[0])[:, None]).reshape(-1, 3)
    cell = np.array(shape)[:, None] * systems.cells[0]
    if not systems.pbc.any():
        positions = np.random.default_rng(11).uniform(0.0, 8.0, size=(70, 3))
    expected = find_pairs(positions, cell, systems.pbc[0], cutoff)
    monkeypatch.setattr(neighbours_module, "SLAB_PAIRS", max(1.0, len(expected[1]) / 7.0))
    found = find_pairs(positions, cell, systems.pbc[0], cutoff)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("jump", [100, MAX_SHIFT // 2])
def test_atoms_far_outside_the_cell(jump):
    systems = random_system(SHAPES["skewed"], [14], 2)
    inside, vectors = pairs_of(systems)
    jumps = np.random.default_rng(3).integers(-jump, jump + 1, (systems.n_atoms, 3))
    moved = systems.replace(positions=systems.positions + jumps @ systems.cells[0])
    found, moved_vectors = pairs_of(moved)
    back = {(i, j, *(np.array(s) + jumps[j] - jumps[i]).tolist()) for i, j, *s in found}
    assert back == inside
    lengths = [np.sort(np.linalg.norm(v, axis=1)) for v in (vectors, moved_vectors)]
    np.testing.assert_allclose(lengths[0], lengths[1], atol=1e-9)


def test_cells_of_non_periodic_directions_do_not_matter():
    systems = random_system(SHAPES["slab"], [14], 4)
    expected, _ = pairs_of(systems)
    for vector in (np.zeros(3), systems.cells[0, 0], np.array([0.0, 0.0, 1.0])):
        cells = systems.cells.copy()
        cells[0, 2] = vector
        assert pairs_of(systems.replace(cells=cells))[0] == expected
    molecule = random_system(SHAPES["molecule"], [14], 4)
    expected, _ = pairs_of(molecule)
    assert pairs_of(molecule.replace(cells=np.ones((1, 3, 3))))[0] == expected


def test_left_handed_cells_and_atoms_on_top_of_each_other():
    systems = random_system(SHAPES["skewed"], [14], 5)
    swapped = systems.replace(cells=systems.cells[:, [1, 0, 2]])
    assert {(i, j, b, a, c) for i, j, a, b, c in pairs_of(swapped)[0]} == pairs_of(systems)[0]
    twice = joined(systems, systems)
    twice = twice.replace(cells=systems.cells, pbc=systems.pbc, first=np.array([0, twice.n_atoms]))
    assert pairs_of(twice)[0] == brute_force(twice)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"positions": np.full((6, 3), np.nan)}, "NaN"),
        ({"cells": np.full((1, 3, 3), np.inf)}, "NaN or infinity"),
        ({"cells": np.diag([4.0, 4.0, 0.0])[None]}, "lattice vector 3"),
        ({"cells": np.ones((1, 3, 3))}, "in one plane"),
        ({"cells": np.ones((1, 3, 3)), "pbc": np.array([[True, False, True]])}, "in one line"),
    ],
)
def test_impossible_structures_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        pairs_of(random_system(SHAPES["skewed"], [14], 6).replace(**changes))


def test_atoms_too_many_cells_away_are_refused():
    systems = random_system(SHAPES["skewed"], [14], 7)
    positions = systems.positions.copy()
    positions[0] += 2.0 * MAX_SHIFT * systems.cells[0, 1]
    with pytest.raises(InputError, match="wrap the positions"):
        pairs_of(systems.replace(positions=positions))


def test_a_list_is_made_again_when_it_must_be_and_not_before():
    systems = random_system(SHAPES["skewed"], [14], 9)
    neighbours = NeighbourList(CUTOFF, 0.5)
    assert neighbours.update(systems)
    assert not neighbours.update(systems)
    unit = np.zeros_like(systems.positions)
    unit[2] = [0.0, 0.6, 0.8]
    assert not neighbours.update(systems.replace(positions=systems.positions + 0.249 * unit))
    assert neighbours.update(systems.replace(positions=systems.positions + 0.251 * unit))
    assert not neighbours.update(systems.replace(positions=systems.positions + 0.1 * unit))
    # A strain alone may use up the whole skin, since nothing is left when it is undone.
    neighbours = NeighbourList(CUTOFF, 0.5)
    neighbours.update(systems)
    for factor, again in ((0.88, False), (1.1, False), (0.87, True)):
        scaled = systems.replace(positions=factor * systems.positions, cells=factor * systems.cells)
        assert neighbours.update(scaled) is again
    assert neighbours.builds == 2


@pytest.mark.parametrize("skin", [-0.1, np.nan, np.inf])
def test_a_skin_that_would_lose_neighbours_is_refused(skin):
    with pytest.raises(InputError, match="it must be 0 or more"):
        NeighbourList(CUTOFF, skin)


def test_a_list_is_never_kept_for_other_systems():
    systems = one_of_each([14, 8], 3)
    neighbours = NeighbourList(CUTOFF, 2.0)
    changed = systems.numbers.copy()
    changed[0] = 22 - changed[0]
    pbc = systems.pbc.copy()
    pbc[0] = [False, True, True]
    others = [
        systems.replace(numbers=changed),
        systems.replace(pbc=pbc),
        random_system(SHAPES["skewed"], [14, 8], 1),
        systems.replace(cells=systems.cells * 1.001),  # not all periodic, so the strain is not undone
    ]
    for other in others:
        neighbours.update(systems)
        assert neighbours.update(other)


@pytest.mark.parametrize("name", ["positions", "cells", "numbers", "pbc"])
def test_a_kept_list_holds_its_own_copy(name):
    """Callers may move atoms, or change them, in place."""
    systems = random_system(SHAPES["skewed"], [14], 10)
    neighbours = NeighbourList(CUTOFF, 0.4)
    neighbours.update(systems)
    values = getattr(systems, name)
    values[0] = ~values[0] if name == "pbc" else 2 * values[0] + 1
    assert neighbours.update(systems)
    assert not neighbours.update(systems)


MALFORMED = {
    "an atom that is not there": {"pairs": np.array([[0, 2]], np.uint64)},
    "shifts of other pairs": {"shifts": np.zeros((2, 3), np.int32)},
    "cells of other atoms": {"cell": np.zeros((3, 3), np.int64)},
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_pairs_are_refused(name):
    arrays = {
        "pairs": np.array([[0, 1]], np.uint64),
        "shifts": np.zeros((1, 3), np.int32),
        "atom": np.arange(2),
        "cell": np.zeros((2, 3), np.int64),
        "own": np.ones(2, dtype=bool),
    }
    assert PairOrder(**arrays).counts().tolist() == [1, 1]
    with pytest.raises(ValueError, match="engine"):
        PairOrder(**arrays | MALFORMED[name])


def test_rows_are_not_written_beyond_their_arrays():
    order = PairOrder(
        np.array([[0, 1]], np.uint64), np.zeros((1, 3), np.int32), np.arange(2), np.zeros((2, 3), np.int64),
        np.ones(2, dtype=bool),
    )  # fmt: skip
    for start in ([0, 2], [-1, 0], [0]):
        with pytest.raises(ValueError, match="do not fit"):
            order.write(np.array(start), np.zeros(2, np.int32), np.zeros((2, 3), np.int16))


@pytest.mark.parametrize("pbc", [EVERYWHERE, (True, True, False), NOWHERE])
def test_atoms_without_room_are_refused_before_their_pairs_fill_the_memory(pbc):
    n = 1 if any(pbc) else 100_000
    with pytest.raises(InputError, match=r"so densely, .* check the units"):
        find_pairs(np.zeros((n, 3)), 0.01 * np.eye(3), np.array(pbc), 6.0)
