"""Pairs of a configuration, each once, on any geometry that a file may hold."""

import numpy as np
import pytest

from atomsmith.data.neighbours import pair_distances, pair_vectors, shortest_distance
from engine.plans import SHAPES, random_system


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_every_pair_is_there_once(shape):
    """Twice the pairs with both signs of their vectors are the full list."""
    systems = random_system(SHAPES[shape], [14], 2)
    x, cell, pbc = systems.positions, systems.cells[0], systems.pbc[0]
    i, j, vectors = pair_vectors(x, cell, pbc, 4.0)
    found = sorted(
        [(a, b, *np.round(v, 6) + 0.0) for a, b, v in zip(i, j, vectors, strict=True)]
        + [(b, a, *np.round(-v, 6) + 0.0) for a, b, v in zip(i, j, vectors, strict=True)]
    )
    spread = np.ptp(x @ np.linalg.pinv(cell), axis=0) if cell.any() else np.zeros(3)
    heights = np.linalg.norm(np.linalg.pinv(cell), axis=0) if cell.any() else np.zeros(3)
    reach = np.where(pbc, np.ceil(4.0 * heights + spread), 0).astype(int)
    expected = []
    for shift in np.ndindex(*(2 * reach + 1)):
        offset = (np.array(shift) - reach) @ cell
        for a in range(len(x)):
            for b in range(len(x)):
                vector = x[b] + offset - x[a]
                if 1e-9 < np.linalg.norm(vector) < 4.0:
                    expected.append((a, b, *np.round(vector, 6) + 0.0))
    np.testing.assert_allclose(found, sorted(expected), atol=2e-6)
    distances = pair_distances(x, cell, pbc, 4.0)[2]
    np.testing.assert_allclose(distances, np.linalg.norm(vectors, axis=1))


def test_exploded_and_flat_structures_end_no_process():
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(80, 3)) * [5.0, 5.0, 4e6]
    x[1] = x[0] + [0.0, 0.9, 0.0]
    open_ = np.zeros(3, dtype=bool)
    assert shortest_distance(x, np.zeros((3, 3)), open_) == pytest.approx(0.9)
    assert len(pair_distances(x, np.zeros((3, 3)), open_, 6.0)[0]) >= 1
    cell = np.diag([2500.0, 2500.0, 4.0])
    x = rng.uniform(size=(80, 3)) @ cell
    x[1] = x[0] + [0.0, 0.9, 4.0]
    assert shortest_distance(x, cell, ~open_) == pytest.approx(0.9)
