"""Kruglov's test of the pair part: random cells A_x B_y of a Lennard-Jones crystal, recovered from their
energies.

    python -m benchmarks.kruglov.lennard_jones [--cells 10000] [--json FILE]

The energies are those of infinite crystals, by sums written here for themselves (NumPy and SciPy: incomplete
gamma functions for neighbours, Gauss-Legendre quadrature for waves), not by the engine. They lie between -30
and -2 epsilon a cell. The pair part alone is fitted to the energies, k = 1..15 for each pair of elements; the
solver is told that these labels have no noise. A fifth of the cells is kept for testing.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.special import gamma, gammaincc

from atomsmith import Dataset, fit
from atomsmith.builders.random_cells import random_cell
from atomsmith.data.configuration import Configuration
from atomsmith.descriptors import InversePowersSettings
from atomsmith.fitting import Evidence
from atomsmith.fitting.settings import PotentialSettings, ReferenceEnergies
from atomsmith.fitting.weights import Weights
from atomsmith.model import ModelSettings, TermSettings
from atomsmith.systems import FloatArray

SYMBOLS = ("Ar", "Kr")
EPSILON = np.array([[1.0, 1.4], [1.4, 0.6]])
"""In units of epsilon = 1 eV."""
SIGMA = np.array([[3.40, 3.45], [3.45, 3.65]])
"""Angstrom."""
LOWEST, HIGHEST = -30.0, -2.0
"""Epsilon a cell."""
REACH = 6.2
NODES, WEIGHTS = np.polynomial.legendre.leggauss(96)


def crystal_sums(configuration: Configuration, power: int) -> FloatArray:
    """Sums of r^-power over all pairs of an infinite crystal, by species of both atoms, shape (2, 2).

    An atom of the first and one of the second species, per cell; equal species count every pair twice.
    """
    cell, positions = configuration.cell, configuration.positions
    species = (configuration.numbers == 36).astype(int)
    volume = abs(np.linalg.det(cell))
    a = 1.9 * np.cbrt(len(species) / volume) / len(species) ** (1.0 / 6.0)
    heights = 1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    apart = positions[None] - positions[:, None]
    apart -= np.round(apart @ np.linalg.inv(cell)) @ cell
    near = _grid(np.ceil(REACH / a / heights + 1.0)) @ cell
    r = np.linalg.norm(apart[:, :, None] + near, axis=-1)
    r[r < 1e-9] = np.inf
    inside = r < REACH / a
    neighbours = np.zeros_like(r)
    neighbours[inside] = gammaincc(0.5 * power, (a * r[inside]) ** 2) * r[inside] ** -power
    pairs = neighbours.sum(axis=-1)

    reciprocal = 2.0 * np.pi * np.linalg.inv(cell).T
    lengths = np.linalg.norm(cell, axis=1)
    q = _grid(np.ceil(2.0 * a * REACH * lengths / (2.0 * np.pi))) @ reciprocal
    q = q[np.linalg.norm(q, axis=1) < 2.0 * a * REACH]
    # pi^1.5 / Gamma(k/2) * int_0^(a^2) t^(k/2 - 5/2) exp(-q^2 / 4 t) dt with t = u^2
    u = 0.5 * a * (NODES + 1.0)
    with np.errstate(under="ignore"):
        smooth = np.exp(-0.25 * np.square(q).sum(axis=1)[:, None] / u**2) @ (a * WEIGHTS * u ** (power - 4))
    waves = np.pi**1.5 / gamma(0.5 * power) / volume * smooth
    phases = np.exp(1j * positions @ q.T)
    pairs = pairs + (phases * waves @ phases.conj().T).real
    pairs -= np.diag(np.full(len(species), a**power / gamma(0.5 * power + 1.0)))
    which = np.eye(2)[species]
    found: FloatArray = which.T @ pairs @ which
    return found


def energy_of(configuration: Configuration) -> float:
    """Lennard-Jones energy of a cell in units of epsilon."""
    sixth, twelfth = crystal_sums(configuration, 6), crystal_sums(configuration, 12)
    terms = 4.0 * EPSILON * (SIGMA**12 * twelfth - SIGMA**6 * sixth)
    return 0.5 * float(terms.sum())


def cells(count: int, seed: int) -> Dataset:
    """Random cells of 2 to 8 atoms and any composition, with energies of -30 to -2 epsilon."""
    rng = np.random.default_rng(seed)
    made: list[Configuration] = []
    while len(made) < count:
        x, y = rng.integers(1, 5, size=2)
        one = random_cell(
            {"Ar": int(x), "Kr": int(y)},
            rng,
            volume_per_atom=float(rng.uniform(50.0, 110.0)),
            shortest=1.28,
        )
        energy = energy_of(one)
        if LOWEST <= energy <= HIGHEST:
            made.append(one.replace(energy=energy))
    return Dataset(made)


def pair_part(powers: Sequence[int] = tuple(range(1, 16))) -> PotentialSettings:
    """The pair part alone, fitted to energies; isolated atoms have none."""
    return PotentialSettings(
        model=ModelSettings(
            terms=(TermSettings(descriptor=InversePowersSettings(powers=tuple(powers))),), repulsion=None
        ),
        weights=Weights(energy=1.0),
        reference_energies=ReferenceEnergies(values=dict.fromkeys(SYMBOLS, 0.0)),
        solver=Evidence(noise_floor=1e-12),
        committee=0,
        calibrate=False,
    )


def rmse(potential: object, data: Dataset) -> float:
    """Error in epsilon a cell."""
    predicted = potential.predict(data).energy  # type: ignore[attr-defined]
    return float(np.sqrt(np.mean(np.square(predicted - [c.energy for c in data]))))


def main() -> None:
    """Make the cells, fit, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    start = time.process_time()
    data = list(cells(options.cells, seed=0))
    made = time.process_time()
    fifth = len(data) // 5
    train, test = Dataset(data[fifth:]), Dataset(data[:fifth])
    potential = fit(train, pair_part())
    fitted = time.process_time()
    energies = np.array([c.energy for c in data])
    found = {
        "cells": len(data),
        "atoms": int(sum(len(c.numbers) for c in data)),
        "lowest_energy": float(energies.min()),
        "highest_energy": float(energies.max()),
        "coefficients": len(potential.coefficients) - 2,
        "rmse_train": rmse(potential, train),
        "rmse_test": rmse(potential, test),
        "seconds_data": made - start,
        "seconds_fit": fitted - made,
    }
    for name, value in found.items():
        print(f"{name:16s} {value:.4g}" if isinstance(value, float) else f"{name:16s} {value}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


def _grid(most: FloatArray) -> FloatArray:
    """Integer vectors from -most to most."""
    axes = [np.arange(-int(n), int(n) + 1) for n in most]
    grid: FloatArray = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3).astype(float)
    return grid


if __name__ == "__main__":
    main()
