"""Keeps pairs of atoms repulsive below the distances that the data reach.

Where no data are, a fit extrapolates, and a polynomial can dig a hole that simulations fall into. The
repulsion of nuclei acts only below the shortest distance of the data, so its strength can be chosen after
the fit without changing any error: each pair of elements is looked at as a dimer, and the repulsion is
strengthened until the curve has no hole. Where no strength can, because the fitted functions fall where the
repulsion has all but ended, they too are ended there: below the shortest distance of the data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from atomsmith.elements import SYMBOLS
from atomsmith.evaluator import PlanEvaluator, sum_atoms
from atomsmith.systems import FloatArray, Systems

POINTS = 240
STRENGTHS = 1.25 ** np.arange(21)
"""Strengths tried, 1 to about 87."""
FADES = (0.92, 0.96, 0.98, 0.99)
"""Fitted functions that must end at the outer end of the repulsion are gone at these fractions of it: at the
first that leaves no hole."""
TOLERANCE = 1.0
"""How far, in eV, a curve may go on falling just inside the shortest distance of the data. The minimum of a
bond may lie there: in a molecule C and O come no closer than 1.17 angstrom, carbon monoxide has 1.13."""


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


@dataclass(frozen=True, eq=False)
class Core:
    """The repulsive core of a plan.

    Attributes
    ----------
    plan
        The plan with its repulsion as strong as it needs to be.
    strengths
        Strength of pairs for which it is not 1, by names such as ``O-H``.
    holes
        Pairs that keep a hole whatever the strength, or for lack of a repulsion.
    """

    plan: dict[str, Any]
    strengths: dict[str, float]
    holes: list[str]


def with_repulsive_core(plan: dict[str, Any], coefficients: FloatArray) -> Core:
    """Strengthen the repulsion of each pair of elements until its dimer has no hole.

    A curve has no hole if it rises all the way inwards below the distance at which the fitted functions begin
    to fade, and if nowhere below the outer end of the repulsion it lies deeper than beyond by more than
    `TOLERANCE`.
    """
    part = _repulsion(plan)
    if part is None:
        return Core(plan, {}, [])
    n = len(plan["elements"])
    pairs = [(i, j) for i in range(n) for j in range(i + 1)]
    found = _strengths(plan, part, pairs, coefficients)
    stubborn = [pair for pair, chosen in found.items() if chosen is None]
    for fade in FADES:
        if stubborn:
            plan = _ended_at_the_repulsion(plan, part, stubborn, fade)
            found |= _strengths(plan, part, stubborn, coefficients)
            stubborn = [pair for pair in stubborn if found[pair] is None]
    strength = np.ones((n, n))
    strengths: dict[str, float] = {}
    holes: list[str] = []
    for i in range(n):
        for j in range(i + 1):
            chosen = found[i, j]
            name = f"{SYMBOLS[plan['elements'][i]]}-{SYMBOLS[plan['elements'][j]]}"
            if chosen is None:
                holes.append(name)
                chosen = 1.0
            if chosen != 1.0:
                strengths[name] = chosen
            strength[i, j] = strength[j, i] = chosen
    strong = part | {"strength": strength.reshape(-1)}
    return Core(plan | {"parts": [strong if p is part else p for p in plan["parts"]]}, strengths, holes)


def _strengths(
    plan: dict[str, Any],
    part: dict[str, Any],
    pairs: Sequence[tuple[int, int]],
    coefficients: FloatArray,
) -> dict[tuple[int, int], float | None]:
    """Smallest strength of the repulsion without a hole for each pair of species, None if there is none."""
    fitted = PlanEvaluator(plan | {"parts": [p for p in plan["parts"] if p is not part]})
    found: dict[tuple[int, int], float | None] = {}
    for i, j in pairs:
        curve = _Curve.of(plan, part, i, j, coefficients, fitted)
        found[i, j] = next((float(s) for s in STRENGTHS if not curve.has_hole(s)), None)
    return found


def _ended_at_the_repulsion(
    plan: dict[str, Any], repulsion: dict[str, Any], pairs: Sequence[tuple[int, int]], fade: float
) -> dict[str, Any]:
    """Let the fitted functions of some pairs fade out where the repulsion begins, which no data reach."""
    n = len(plan["elements"])
    parts = []
    for part in plan["parts"]:
        if "inner" in part.get("radial", {}) and "outer_power" in part["radial"]:
            inner = np.array(part["radial"]["inner"], dtype=np.float64).reshape(n * n, 2)
            for i, j in pairs:
                for pair in (i * n + j, j * n + i):
                    outer = float(repulsion["outer"][pair])
                    inner[pair] = fade * outer, outer
            part = part | {"radial": part["radial"] | {"inner": inner}}
        parts.append(part)
    return plan | {"parts": parts}


def holes(plan: dict[str, Any], coefficients: FloatArray) -> list[str]:
    """Names of pairs of elements whose dimers have a hole below the distances of the data."""
    part = _repulsion(plan)
    if part is None:
        return []
    n = len(plan["elements"])
    fitted = PlanEvaluator(plan | {"parts": [p for p in plan["parts"] if p is not part]})
    strength = np.asarray(part.get("strength", np.ones(n * n))).reshape(n, n)
    return [
        f"{SYMBOLS[plan['elements'][i]]}-{SYMBOLS[plan['elements'][j]]}"
        for i in range(n)
        for j in range(i + 1)
        if _Curve.of(plan, part, i, j, coefficients, fitted).has_hole(strength[i, j])
    ]


def _repulsion(plan: dict[str, Any]) -> dict[str, Any] | None:
    return next((part for part in plan["parts"] if part["kind"] == "zbl"), None)


@dataclass(frozen=True, eq=False)
class _Curve:
    """A dimer's energy, fitted functions and repulsion of strength 1 apart, on a grid of distances."""

    r: FloatArray
    fitted: FloatArray
    repulsion: FloatArray
    full: float
    outer: float

    @classmethod
    def of(
        cls,
        plan: dict[str, Any],
        part: dict[str, Any],
        i: int,
        j: int,
        coefficients: FloatArray,
        fitted: PlanEvaluator,
    ) -> _Curve:
        pair = i * len(plan["elements"]) + j
        inner, outer = float(part["inner"][pair]), float(part["outer"][pair])
        ends = [p["radial"]["inner"][pair] for p in plan["parts"] if "outer_power" in p.get("radial", {})]
        # Functions that fade out from the outer end of the repulsion on: it takes over once they are gone.
        begins = [float(gone if full >= outer else full) for gone, full in ends]
        cutoffs = [float(p["radial"]["cutoff"][pair]) for p in plan["parts"] if "radial" in p]
        r = np.linspace(0.5 * inner, max([outer, *cutoffs]), POINTS)
        r = np.unique(np.concatenate([r, np.linspace(0.5 * inner, 1.1 * outer, POINTS)]))
        found = dimers((plan["elements"][i], plan["elements"][j]), r)
        bare = {"elements": plan["elements"], "parts": [plan["parts"][0], part | {"strength": None}]}
        del bare["parts"][1]["strength"]
        none = np.zeros(len(plan["elements"]))
        return cls(
            r=r,
            fitted=dimer_energies(plan, coefficients, found, fitted),
            repulsion=dimer_energies(bare, none, found),
            full=max(begins, default=outer),
            outer=outer,
        )

    def has_hole(self, strength: float) -> bool:
        """Whether the curve falls inwards where it must rise, or lies below what the data reach."""
        energy = self.fitted + strength * self.repulsion
        inside = self.r <= self.outer
        falls = np.any(np.diff(energy[self.r <= self.full]) >= 0.0)
        lowest = energy[~inside].min(initial=0.0)
        return bool(falls or np.any(energy[inside] < lowest - TOLERANCE))
