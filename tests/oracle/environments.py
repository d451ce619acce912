"""Random systems for tests of descriptors and engine."""

import numpy as np

from atomsmith.systems import Systems


def environments(seed, elements, n_systems, n_neighbours=9, reach=3.6):
    """Atoms 0 with ``n_neighbours`` around them at random, as isolated systems."""
    rng = np.random.default_rng(seed)
    positions = []
    for _ in range(n_systems):
        x = rng.normal(size=(n_neighbours, 3))
        x *= rng.uniform(0.9, reach, size=(n_neighbours, 1)) / np.linalg.norm(x, axis=1, keepdims=True)
        positions.append(np.vstack([np.zeros(3), x]))
    numbers = rng.choice(elements, size=n_systems * (n_neighbours + 1))
    return isolated(numbers, positions)


def isolated(numbers, positions):
    """Systems without cells from a list of positions."""
    n = len(positions)
    return Systems(
        numbers=np.asarray(numbers, dtype=np.int32),
        positions=np.concatenate(positions),
        cells=np.zeros((n, 3, 3)),
        pbc=np.zeros((n, 3), dtype=bool),
        first=np.cumsum([0, *map(len, positions)]),
    )


def crystal(seed, elements, n_atoms=4, size=4.2, pbc=(True, True, True)):
    """A skewed periodic cell with atoms at random but not on top of each other."""
    rng = np.random.default_rng(seed)
    cell = size * (np.eye(3) + rng.uniform(-0.2, 0.2, size=(3, 3)))
    while True:
        fractional = rng.uniform(size=(n_atoms, 3))
        delta = fractional[:, None] - fractional[None]
        delta -= np.round(delta)
        distance = np.linalg.norm(delta @ cell, axis=-1) + 9.0 * np.eye(n_atoms)
        if distance.min() > 1.2:
            break
    return Systems(
        numbers=rng.choice(elements, size=n_atoms).astype(np.int32),
        positions=fractional @ cell,
        cells=cell[None],
        pbc=np.array([pbc]),
        first=np.array([0, n_atoms]),
    )
