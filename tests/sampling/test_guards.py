import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atomsmith.sampling import guards
from atomsmith.sampling.guards import DistanceCheck, Limits, hottest_ratio, temperature_limit
from atomsmith.sampling.layout import Layout
from atomsmith.sampling.trigger import Knowledge
from atomsmith.systems import Systems

from .models import systems_of


def shortest(positions, cell, pbc):
    """Shortest distance over many images, of atoms and of an atom to itself."""
    ranges = [range(-4, 5) if periodic else (0,) for periodic in pbc]
    best = np.inf
    for shift in itertools.product(*ranges):
        d = np.linalg.norm(positions[None] - positions[:, None] + np.array(shift) @ cell, axis=-1)
        if not any(shift):
            d = d + np.diag(np.full(len(d), np.inf))
        best = min(best, d.min())
    return best


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    pbc=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    limit=st.floats(0.2, 3.0),
    small=st.booleans(),
)
def test_distance_check_agrees_with_images_summed_by_hand(seed, pbc, limit, small):
    rng = np.random.default_rng(seed)
    cell = np.eye(3) * 3.5 + 0.6 * rng.standard_normal((3, 3))
    positions = 8.0 * (rng.random((4, 3)) - 0.5)
    systems = Systems(
        numbers=np.full(8, 6, np.int32),
        positions=np.concatenate([positions, 30.0 * np.arange(12.0).reshape(4, 3)]),
        cells=np.array([cell, np.zeros((3, 3))]),
        pbc=np.array([pbc, (False, False, False)]),
        first=np.array([0, 4, 8]),
    )
    original, guards.PAIRWISE_ATOMS = guards.PAIRWISE_ATOMS, 100 if small else 2
    try:
        check = DistanceCheck.of(Layout.of(systems), Limits.same(Layout.of(systems), np.full(2, limit)))
        close = check.too_close(systems)
    finally:
        guards.PAIRWISE_ATOMS = original
    exact = shortest(positions, cell, pbc)
    if abs(exact - limit) > 1e-9:
        assert list(close) == [exact < limit, False]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), small=st.booleans(), scale=st.floats(0.3, 1.5))
def test_limits_by_elements_agree_with_images_summed_by_hand(seed, small, scale):
    """Three elements, one of which no limit names; the second system is not checked."""
    rng = np.random.default_rng(seed)
    cell = np.eye(3) * 4.0 + 0.4 * rng.standard_normal((3, 3))
    positions, numbers = 8.0 * rng.random((5, 3)), np.array([6, 1, 8, 6, 1], np.int32)
    systems = Systems(
        numbers=np.tile(numbers, 2),
        positions=np.tile(positions, (2, 1)),
        cells=np.array([cell, cell]),
        pbc=np.ones((2, 3), bool),
        first=np.array([0, 5, 10]),
    )
    closest = {(1, 1): 1.1 * scale, (1, 6): 1.6 * scale, (6, 6): 2.0 * scale}
    limits = Limits.by_elements(systems.numbers, np.array([True, False]), *Knowledge(closest=closest).table())
    original, guards.PAIRWISE_ATOMS = guards.PAIRWISE_ATOMS, 100 if small else 2
    try:
        found = DistanceCheck.of(Layout.of(systems), limits).too_close(systems)
    finally:
        guards.PAIRWISE_ATOMS = original
    expected = False
    for i, a in enumerate(numbers):
        for j, b in enumerate(numbers[: i + 1]):
            for shift in itertools.product(range(-4, 5), repeat=3):
                r = np.linalg.norm(positions[j] + np.array(shift) @ cell - positions[i])
                limit = closest.get((min(a, b), max(a, b)), 0.0)
                expected |= r < limit and (i != j or any(shift))
    assert list(found) == [expected, False]


def test_no_limit_checks_nothing():
    systems = Systems(
        np.full(2, 6, np.int32),
        np.zeros((2, 3)),
        np.zeros((1, 3, 3)),
        np.zeros((1, 3), bool),
        np.array([0, 2]),
    )
    assert not DistanceCheck.of(Layout.of(systems), Limits.same(Layout.of(systems), np.zeros(1))).too_close(
        systems
    )[0]


def test_small_systems_may_scatter():
    ratio = hottest_ratio(np.full(2, 5.0), np.array([3.0, 3000.0]))
    limit = temperature_limit(np.full(2, 300.0), ratio)
    assert limit[0] == pytest.approx(300.0 * (1 + 10 * np.sqrt(2 / 3)))
    assert limit[1] == 1500.0
    switched_off = hottest_ratio(np.array([np.nan]), np.array([3.0]))
    assert np.isnan(temperature_limit(np.array([300.0]), switched_off))[0]
    assert np.isinf(temperature_limit(np.zeros(1), np.array([5.0]))[0])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), step=st.floats(0.01, 0.3))
def test_a_check_that_remembers_agrees_with_a_fresh_one(seed, step):
    """Along a random walk, with strains of the cell, a sudden one, and a jump over its face on the way."""
    rng = np.random.default_rng(seed)
    systems = Systems(
        numbers=np.full(8, 6, np.int32),
        positions=6.0 * rng.random((8, 3)),
        cells=np.array([6.0 * np.eye(3) + 0.3 * rng.standard_normal((3, 3)), np.zeros((3, 3))]),
        pbc=np.array([[True] * 3, [False] * 3]),
        first=np.array([0, 4, 8]),
    )
    layout, limit = Layout.of(systems), np.array([0.8, 1.1])
    remembering = DistanceCheck.of(layout, Limits.same(layout, limit))
    for k in range(40):
        positions = systems.positions + step * rng.standard_normal((8, 3))
        if k == 20:
            positions[0] += systems.cells[0, 1]
        strain = np.eye(3) * (0.97 if k == 30 else 1.0)
        if k % 3 == 0:
            strain += 0.01 * rng.standard_normal((3, 3))
            positions[:4] = positions[:4] @ strain
        cells = systems.cells @ strain
        systems = systems.replace(positions=positions, cells=cells)
        found = remembering.too_close(systems)
        np.testing.assert_array_equal(
            found, DistanceCheck.of(layout, Limits.same(layout, limit)).too_close(systems)
        )


def test_a_breathing_cell_needs_no_new_look_until_atoms_may_have_met():
    systems = systems_of((np.full(2, 6), np.array([[0.0, 0.0, 0.0], [2.0, 2.0, 2.0]]), 5.0 * np.eye(3)))
    layout = Layout.of(systems)
    check = DistanceCheck.of(layout, Limits.same(layout, np.array([1.0])))
    check.too_close(systems)
    seen = check._seen
    for scale, looked in ((1.02, False), (0.95, False), (0.5, True)):
        scaled = systems.replace(positions=scale * systems.positions, cells=scale * systems.cells)
        assert not check.too_close(scaled)[0]
        assert (check._seen is not seen) == looked


def test_large_systems_that_fell_apart_are_checked_too():
    """Their bounding box has more bins than memory; numbers that are none are left to another guard."""
    positions = np.zeros((guards.PAIRWISE_ATOMS + 1, 3))
    positions[:, 0] = 1e4 * np.arange(len(positions))
    systems = Systems(
        numbers=np.full(len(positions), 6, np.int32),
        positions=positions,
        cells=np.zeros((1, 3, 3)),
        pbc=np.zeros((1, 3), bool),
        first=np.array([0, len(positions)]),
    )
    check = DistanceCheck.of(Layout.of(systems), Limits.same(Layout.of(systems), np.array([0.5])))
    assert not check.too_close(systems)[0]
    met = positions.copy()
    met[5] = met[4] + [0.3, 0.0, 0.0]
    assert check.too_close(systems.replace(positions=met))[0]
    assert not check.too_close(systems.replace(positions=np.full_like(positions, np.nan)))[0]
