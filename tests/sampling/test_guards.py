import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atomsmith.sampling import guards
from atomsmith.sampling.guards import DistanceCheck, temperature_limit
from atomsmith.sampling.layout import Layout
from atomsmith.systems import Systems


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
        check = DistanceCheck.of(Layout.of(systems), np.full(2, limit))
        close = check.too_close(systems)
    finally:
        guards.PAIRWISE_ATOMS = original
    exact = shortest(positions, cell, pbc)
    if abs(exact - limit) > 1e-9:
        assert list(close) == [exact < limit, False]


def test_no_limit_checks_nothing():
    systems = Systems(
        np.full(2, 6, np.int32),
        np.zeros((2, 3)),
        np.zeros((1, 3, 3)),
        np.zeros((1, 3), bool),
        np.array([0, 2]),
    )
    assert not DistanceCheck.of(Layout.of(systems), np.zeros(1)).too_close(systems)[0]


def test_small_systems_may_scatter():
    limit = temperature_limit(np.full(2, 300.0), np.full(2, 5.0), np.array([3.0, 3000.0]))
    assert limit[0] == pytest.approx(300.0 * (1 + 10 * np.sqrt(2 / 3)))
    assert limit[1] == 1500.0
    assert np.isnan(temperature_limit(np.array([300.0]), np.array([np.nan]), np.array([3.0])))[0]
    assert np.isinf(temperature_limit(np.zeros(1), np.array([5.0]), np.array([3.0])))[0]
