"""Decide from the data in which order the three shear components of a stress were written.

Two independent witnesses are asked:

- strained cells: the energy of `atomsmith.data.strain_pairs` against the work of each order, and, where shear
  energies are noise, which component of the stress answers to which component of the strain;
- thermal snapshots: a pair potential fitted to the forces of the group (force matching; Ercolessi and Adams,
  Europhys. Lett. 26, 583 (1994)) predicts the shear stresses; the right order is the one that correlates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from atomsmith.data.configuration import Configuration
from atomsmith.data.labels import ShearOrder
from atomsmith.data.neighbours import pair_vectors
from atomsmith.data.strain_pairs import StrainPairs, find_strain_pairs
from atomsmith.systems import FloatArray

_NAMES = ("yz", "xz", "xy")
_CONVENTIONS: tuple[ShearOrder, ...] = ("yz xz xy", "xy yz xz", "xy xz yz")
"""Voigt's, VASP's, and that of an upper triangle read by rows: those that are met in practice."""
_ORDERS = tuple(tuple(written.split().index(name) for name in _NAMES) for written in _CONVENTIONS)
"""Position in the source of yz, xz and xy, for each convention."""
_CUTOFF = 6.0
_CLOSEST = 1.0
_FUNCTIONS = 20
_FEWEST_SNAPSHOTS = 3
_MOST_SNAPSHOTS = 40
_LEAST_CORRELATION = 0.7
_LEAST_LEAD = 0.08


@dataclass(frozen=True)
class ShearDecision:
    """The order found, and what decided it.

    Attributes
    ----------
    order
        Names of the three components as they were written, such as ``xy yz xz``; None when undecided.
    evidence
        ``strain`` or ``forces``; None when undecided.
    score, runner_up
        Agreement (at most 1) of this order and of the next best.
    """

    order: ShearOrder | None
    evidence: Literal["strain", "forces"] | None
    score: float
    runner_up: float


def decide_shear_order(configurations: Sequence[Configuration]) -> ShearDecision:
    """Find the order in which the shear components of ``stress`` were written.

    Parameters
    ----------
    configurations
        Configurations of one origin whose ``stress[3:]`` are the three numbers as they stood in the source.
    """
    usable = [c for c in configurations if c.stress is not None and c.pbc.all()]
    decision = _from_strain(usable)
    return decision if decision.order is not None else _from_forces(usable)


def _decision(scores: FloatArray, evidence: Literal["strain", "forces"], least: float) -> ShearDecision:
    """Take the convention of the highest score, if it is high enough and leads by enough."""
    best, second = np.argsort(-scores)[:2]
    score, runner_up = float(scores[best]), float(scores[second])
    if score < least or score - runner_up < _LEAST_LEAD:
        return ShearDecision(None, None, score, runner_up)
    return ShearDecision(_CONVENTIONS[best], evidence, score, runner_up)


def _from_strain(configurations: Sequence[Configuration]) -> ShearDecision:
    pairs = find_strain_pairs(configurations)
    sheared = np.abs(pairs.strain[:, 3:]).max(axis=1, initial=0.0) > 2e-3 if len(pairs) else np.zeros(0, bool)
    if sheared.sum() < 3:
        return ShearDecision(None, None, 0.0, 0.0)
    pairs = pairs.select(sheared)
    strain, virial = pairs.strain, pairs.virial
    energy = pairs.energy - np.einsum("pk,pk->p", virial[:, :3], strain[:, :3])
    works = np.array(
        [np.einsum("pk,pk->p", virial[:, 3:][:, list(order)], strain[:, 3:]) for order in _ORDERS]
    )
    explained = 1.0 - np.sum((energy - works) ** 2, axis=1) / max(float(energy @ energy), 1e-30)
    decision = _decision(explained, "strain", 0.8)
    return decision if decision.order is not None else _from_response(pairs)


def _from_response(pairs: StrainPairs) -> ShearDecision:
    """Which component of the virial is large when a component of the strain is, whatever the signs."""
    strain, answer = np.abs(pairs.strain[:, 3:]), np.abs(pairs.virial_change[:, 3:])
    norms = np.outer(np.linalg.norm(strain, axis=0), np.linalg.norm(answer, axis=0))
    likeness = strain.T @ answer / np.where(norms > 0.0, norms, np.inf)
    strained = np.flatnonzero(np.linalg.norm(strain, axis=0) > 0.05 * np.linalg.norm(strain))
    scores = np.array([np.mean([likeness[k, order[k]] for k in strained]) for order in _ORDERS])
    return _decision(scores, "strain", _LEAST_CORRELATION)


def _from_forces(configurations: Sequence[Configuration]) -> ShearDecision:
    snapshots = [c for c in configurations if c.forces is not None][:_MOST_SNAPSHOTS]
    if len(snapshots) < _FEWEST_SNAPSHOTS or not any(np.any(c.forces) for c in snapshots):
        return ShearDecision(None, None, 0.0, 0.0)
    predicted = shear_of_forces(snapshots)
    given = np.array([c.stress for c in snapshots])[:, 3:]
    norms = np.outer(np.linalg.norm(predicted, axis=0), np.linalg.norm(given, axis=0))
    correlation = predicted.T @ given / np.where(norms > 0.0, norms, np.inf)
    scores = np.array([np.mean([correlation[k, order[k]] for k in range(3)]) for order in _ORDERS])
    return _decision(scores, "forces", _LEAST_CORRELATION)


def shear_of_forces(configurations: Sequence[Configuration]) -> FloatArray:
    """Shear stresses (yz, xz, xy) of a pair potential fitted to the forces, shape (S, 3), eV/A^3.

    The force of a pair is linear in Gaussians of the distance, one set for all elements: a witness of
    directions, not a model.
    """
    designs = [_pair_design(c) for c in configurations]
    normal = sum(forces.T @ forces for forces, _ in designs)
    right = sum(
        forces.T @ np.asarray(c.forces).reshape(-1)
        for (forces, _), c in zip(designs, configurations, strict=True)
    )
    ridge = 1e-6 * np.trace(normal) / _FUNCTIONS * np.eye(_FUNCTIONS) + 1e-300
    coefficients = np.linalg.solve(normal + ridge, right)
    shear: FloatArray = np.array(
        [-(virial @ coefficients) / c.volume for (_, virial), c in zip(designs, configurations, strict=True)]
    )
    return shear


def _pair_design(configuration: Configuration) -> tuple[FloatArray, FloatArray]:
    """Forces, shape (3N, K), and virial components yz, xz, xy, shape (3, K), of each pair function."""
    i, j, vectors = pair_vectors(configuration.positions, configuration.cell, configuration.pbc, _CUTOFF)
    distance = np.maximum(np.linalg.norm(vectors, axis=1), 1e-9)
    centres = np.linspace(_CLOSEST, _CUTOFF, _FUNCTIONS)
    width = 1.2 * (centres[1] - centres[0])
    radial = (
        np.exp(-(((distance[:, None] - centres) / width) ** 2)) * (1.0 - distance[:, None] / _CUTOFF) ** 2
    )
    unit = vectors / distance[:, None]
    forces = np.zeros((3, configuration.n_atoms, _FUNCTIONS))
    for axis in range(3):
        along = radial * unit[:, axis, None]
        np.add.at(forces[axis], j, along)
        np.subtract.at(forces[axis], i, along)
    shear = np.stack([unit[:, a] * vectors[:, b] for a, b in ((1, 2), (0, 2), (0, 1))])
    return forces.transpose(1, 0, 2).reshape(-1, _FUNCTIONS), shear @ radial
