"""Keeps fitted pairs repulsive below the distances that the data reach.

Where no data are, a fit extrapolates. Below the inner distance the repulsion is alone, but between it and the
shortest distance in the data a polynomial can dig a hole. Each pair of elements is looked at as a dimer; where its
energy does not rise all the way inwards, artificial dimers are added to the fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from atomsmith.evaluator import PlanEvaluator, sum_atoms
from atomsmith.fitting.factor import TriangularFactor
from atomsmith.systems import FloatArray, Systems

POINTS = 60
ANCHORS = 12
FIRST_SIGMA = 1.0
"""Uncertainty in eV of the artificial dimer energies in the first round; each further round has a tenth."""
ROUNDS = 6


@dataclass(frozen=True, eq=False)
class Dimers:
    """Dimers of one pair of elements at several distances."""

    elements: tuple[int, int]
    distances: FloatArray
    systems: Systems


def dimers(elements: tuple[int, int], distances: FloatArray) -> Dimers:
    """Isolated pairs of atoms, one system a distance (angstrom)."""
    count = len(distances)
    positions = np.zeros((2 * count, 3))
    positions[1::2, 0] = distances
    systems = Systems(
        numbers=np.tile(np.array(elements, dtype=np.int32), count),
        positions=positions,
        cells=np.zeros((count, 3, 3)),
        pbc=np.zeros((count, 3), dtype=np.bool_),
        first=np.arange(count + 1, dtype=np.int64) * 2,
    )
    return Dimers(elements, distances, systems)


def dimer_energies(
    plan: dict[str, Any], coefficients: FloatArray, pair: Dimers, evaluator: PlanEvaluator | None = None
) -> FloatArray:
    """Energies of dimers relative to their isolated atoms, eV, shape (distances,).

    ``evaluator`` is one of the same plan, to spare making it again.
    """
    evaluator = evaluator or PlanEvaluator(plan)
    without_reference = coefficients.copy()
    without_reference[: len(plan["elements"])] = 0.0
    energies, _, _ = evaluator.predict_sets(pair.systems, evaluator.weights(without_reference[None]))
    return sum_atoms(energies[0], pair.systems)


def holes(plan: dict[str, Any], coefficients: FloatArray, shortest: FloatArray) -> list[tuple[int, int]]:
    """Pairs of species whose dimer energy does not rise all the way from the shortest distance inwards."""
    found = []
    evaluator = PlanEvaluator(plan)
    for i, j, inner, outer in _ranges(plan, shortest):
        pair = dimers((plan["elements"][i], plan["elements"][j]), np.linspace(0.8 * inner, outer, POINTS))
        if np.any(np.diff(dimer_energies(plan, coefficients, pair, evaluator)) >= 0.0):
            found.append((i, j))
    return found


def anchor_rows(
    plan: dict[str, Any],
    coefficients: FloatArray,
    shortest: FloatArray,
    pairs: list[tuple[int, int]],
    sigma: float,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Rows, targets and weights of artificial dimers for the given pairs.

    The target goes smoothly from the bare repulsion at its inner distance to the fitted energy at the shortest
    distance in the data: V_zbl(r) + (V_fit(r_a) - V_zbl(r_a)) s(r), s the quintic smoothstep.
    """
    evaluator = PlanEvaluator(plan)
    zero = np.zeros((1, len(coefficients)))
    rows, targets = [np.zeros((0, len(coefficients)))], [np.zeros(0)]
    for i, j, inner, outer in _ranges(plan, shortest):
        if (i, j) not in pairs:
            continue
        elements = (plan["elements"][i], plan["elements"][j])
        r = inner + (outer - inner) * (np.arange(ANCHORS) + 0.5) / ANCHORS
        pair = dimers(elements, r)
        end = float(dimer_energies(plan, coefficients, dimers(elements, np.array([outer])), evaluator)[0])
        s = (r - inner) / (outer - inner)
        bare = _bare_repulsion(plan, i, j, np.append(r, outer))
        # Never below the repulsion's own fall: a dimer that binds at the shortest distance must still repel inwards.
        target = bare[:-1] + (end - bare[-1]) * s**3 * (10.0 + s * (6.0 * s - 15.0))
        design, _ = evaluator.feature_sums(pair.systems)
        design[:, : len(plan["elements"])] = 0.0
        energies, _, _ = evaluator.predict_sets(pair.systems, evaluator.weights(zero))
        rows.append(design)
        targets.append(target - sum_atoms(energies[0], pair.systems))
    return np.concatenate(rows), np.concatenate(targets), np.full(sum(map(len, targets)), 1.0 / sigma)


def with_repulsive_core(
    plan: dict[str, Any],
    factor: TriangularFactor,
    coefficients: FloatArray,
    shortest: FloatArray,
    sigma: float,
) -> tuple[TriangularFactor, list[tuple[int, int]]]:
    """Add artificial dimers to a copy of the factor where the coefficients leave a hole."""
    pairs = holes(plan, coefficients, shortest)
    if not pairs:
        return factor, pairs
    anchored = factor.copy()
    anchored.fold(*anchor_rows(plan, coefficients, shortest, pairs, sigma))
    return anchored, pairs


def _ranges(plan: dict[str, Any], shortest: FloatArray) -> list[tuple[int, int, float, float]]:
    """(i, j, inner, outer): between which distances a pair has no data but the fitted functions act."""
    zbl = [part for part in plan["parts"] if part["kind"] == "zbl"]
    if not zbl:
        return []
    n = len(plan["elements"])
    inner, outer = zbl[0]["inner"].reshape(n, n), zbl[0]["outer"].reshape(n, n)
    ranges = []
    for i in range(n):
        for j in range(i + 1):
            seen = np.fmin(shortest[i, j], shortest[j, i])
            end = float(max(outer[i, j], seen)) if np.isfinite(seen) else float(outer[i, j])
            ranges.append((i, j, float(inner[i, j]), end))
    return ranges


def _bare_repulsion(plan: dict[str, Any], i: int, j: int, r: FloatArray) -> FloatArray:
    """Unswitched Ziegler-Biersack-Littmark energy of a dimer, from the engine with the switch moved away."""
    elements = [plan["elements"][i], plan["elements"][j]] if i != j else [plan["elements"][i]]
    n = len(elements)
    far = float(r.max())
    part = {
        "kind": "zbl",
        "n_features": 0,
        "charges": np.array(elements, dtype=np.float64),
        "inner": np.full(n * n, far + 1.0),
        "outer": np.full(n * n, far + 2.0),
    }
    reference = {"kind": "e0", "n_features": n}
    pair = dimers((plan["elements"][i], plan["elements"][j]), r)
    return dimer_energies({"elements": elements, "parts": [reference, part]}, np.zeros(n), pair)
