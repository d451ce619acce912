"""A crystal with exact energies, forces and stresses: Lennard-Jones, written in the plainest way."""

import itertools

import numpy as np

from atomsmith.data import Configuration
from atomsmith.systems import FloatArray

EPSILON = 0.3
SIGMA = 2.3
CUTOFF = 6.0
CONSTANT_FCC = 3.7


def labelled(
    positions: FloatArray, cell: FloatArray, *, config_type: str = "Elastic", number: int = 29
) -> Configuration:
    """Energy, forces and stress of a shifted Lennard-Jones crystal, summed over all images."""
    shifts = np.array(list(itertools.product(range(-3, 4), repeat=3))) @ cell
    vectors = positions[None, :, None, :] + shifts[None, None, :, :] - positions[:, None, None, :]
    distance = np.linalg.norm(vectors, axis=-1)
    near = (distance > 1e-9) & (distance < CUTOFF)
    r, v = distance[near], vectors[near]
    s6, shift6 = (SIGMA / r) ** 6, (SIGMA / CUTOFF) ** 6
    energy = 0.5 * np.sum(4.0 * EPSILON * (s6**2 - s6 - shift6**2 + shift6))
    slope = 4.0 * EPSILON * (-12.0 * s6**2 + 6.0 * s6) / r
    pull = np.zeros_like(vectors)
    pull[near] = (slope / r)[:, None] * v
    stress = 0.5 * np.einsum("p,pa,pb->ab", slope / r, v, v) / abs(np.linalg.det(cell))
    return Configuration(
        np.full(len(positions), number, np.int32),
        positions,
        cell,
        np.ones(3, bool),
        energy=float(energy),
        forces=pull.sum(axis=(1, 2)),
        stress=stress[(0, 1, 2, 1, 0, 0), (0, 1, 2, 2, 2, 1)],
        config_type=config_type,
    )


def fcc(strain: FloatArray | None = None, rattle: float = 0.0, seed: int = 0, **kwargs: str) -> Configuration:
    """A cubic cell of four atoms, strained, its atoms displaced at random."""
    gradient = np.eye(3) + (np.zeros((3, 3)) if strain is None else strain)
    cell = CONSTANT_FCC * np.eye(3)
    scaled = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    noise = np.random.default_rng(seed).normal(scale=rattle, size=(4, 3)) if rattle else 0.0
    return labelled((scaled @ cell + noise) @ gradient, cell @ gradient, **kwargs)


def strained_set(amounts: tuple[float, ...] = (-0.04, -0.02, 0.02, 0.04)) -> list[Configuration]:
    """The crystal and its six modes of strain."""
    cells = [fcc()]
    for a, b in ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)):
        for amount in amounts:
            strain = np.zeros((3, 3))
            strain[a, b] = amount
            cells.append(fcc(strain))
    return cells
