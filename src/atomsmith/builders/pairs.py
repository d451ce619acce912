"""Two atoms alone, and pairs pushed together within a structure: what repulsion is fitted and tested on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement

import numpy as np

from atomsmith.data.configuration import Configuration
from atomsmith.elements import number_of
from atomsmith.errors import InputError
from atomsmith.neighbours import find_pairs


def dimers(elements: Sequence[str], distances: Sequence[float]) -> Iterator[Configuration]:
    """Yield two free atoms of every pair of elements at each distance (angstrom), not periodic.

    Raises
    ------
    InputError
        If an element is unknown or a distance is not positive.
    """
    if min(distances, default=1.0) <= 0.0:
        raise InputError(f"dimers: the distance {min(distances)} must be positive.")
    for first, second in combinations_with_replacement(elements, 2):
        numbers = np.array([number_of(first), number_of(second)], dtype=np.int32)
        for distance in distances:
            positions = np.array([[0.0, 0.0, 0.0], [float(distance), 0.0, 0.0]])
            yield Configuration(numbers=numbers, positions=positions, config_type="dimer")


def close_approach(
    configuration: Configuration, distances: Sequence[float], rng: np.random.Generator
) -> Iterator[Configuration]:
    """Yield copies in which one pair of neighbours, drawn at random, is pushed together to each distance.

    Both atoms move by the same way along the line between them; the other atoms stay, labels are dropped.

    Parameters
    ----------
    configuration
        Left as it is.
    distances
        In angstrom.
    rng
        Random numbers; each distance has a pair of its own.

    Raises
    ------
    InputError
        If the configuration has fewer than two atoms, or a distance is not positive.
    """
    if configuration.n_atoms < 2 or min(distances, default=1.0) <= 0.0:
        raise InputError("close_approach: expected at least two atoms and positive distances.")
    reach = 1.2 * configuration.shortest_distance()
    first, neighbour, shift = find_pairs(
        configuration.positions, configuration.cell, configuration.pbc, reach
    )
    owner = np.repeat(np.arange(configuration.n_atoms), np.diff(first))
    others = np.flatnonzero(owner != neighbour)
    if len(others) == 0:
        raise InputError("close_approach: an atom's nearest neighbours are its own images; take a supercell.")
    for distance in distances:
        pair = int(rng.choice(others))
        i, j = int(owner[pair]), int(neighbour[pair])
        vector = configuration.positions[j] + shift[pair] @ configuration.cell - configuration.positions[i]
        length = float(np.linalg.norm(vector))
        move = 0.5 * (length - float(distance)) * vector / length
        positions = configuration.positions.copy()
        positions[i] += move
        positions[j] -= move
        yield configuration.without_labels().replace(positions=positions, config_type="close_approach")
