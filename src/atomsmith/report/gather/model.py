"""What a potential looks like inside: coefficients by order and degree, pairs at close approach."""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from ase.data import covalent_radii

from atomsmith.elements import SYMBOLS
from atomsmith.evaluator import PlanEvaluator
from atomsmith.fitting.core import dimers
from atomsmith.potential import Potential
from atomsmith.report.records import Coefficients, FittedRound, PairCurve
from atomsmith.systems import FloatArray

CURVE_POINTS = 300
CLOSEST = 0.3
"""Curves begin at this fraction of the shortest distance in the data (or of the covalent radii's sum)."""
FARTHEST = 6.0
"""Curves end at the cutoff, or at this distance in angstrom if it is less."""


def coefficients(potential: Potential) -> Coefficients | None:
    """Magnitudes of the coefficients, without reference energies; order 0 is the pair term."""
    info, kinds = potential.features, _kinds(potential.plan)
    chosen = kinds != "e0"
    if not chosen.any():
        return None
    return Coefficients(
        order=np.where(kinds == "pair", 0, info.order)[chosen],
        degree=np.round(info.degree[chosen]),
        magnitude=np.abs(potential.coefficients[chosen]),
        note="eV per unit of the basis function",
    )


def in_turn(potential: Potential) -> list[FittedRound]:
    """Rounds in which the terms were fitted in turn, if they were."""
    return [
        FittedRound(
            round=number,
            energy_rmse_mev=one["energy_rmse_mev_per_atom"],
            forces_rmse=one["forces_rmse_ev_per_angstrom"],
            stress_rmse_gpa=one["stress_rmse_gpa"],
            shares=one["energy_share"],
        )
        for number, one in enumerate(potential.metadata.get("in_turn", ()), 1)
    ]


def pair_curves(potential: Potential) -> list[PairCurve]:
    """Energy and force of every pair of elements as isolated atoms, and what the repulsion adds to it."""
    whole = PlanEvaluator(potential.plan)
    repulsion = _repulsion(potential.plan)
    n_elements = len(potential.elements)
    bare = potential.coefficients.copy()
    bare[:n_elements] = 0.0
    curves = []
    for pair in combinations_with_replacement(sorted(potential.elements), 2):
        names = (SYMBOLS[pair[0]], SYMBOLS[pair[1]])
        shortest = _shortest(potential.metadata, names)
        reach = shortest if shortest is not None else float(covalent_radii[list(pair)].sum())
        end = max(min(potential.cutoff, FARTHEST), 1.5 * reach)
        r = np.linspace(CLOSEST * reach, end, CURVE_POINTS)
        energy, force = _dimer(whole, bare, pair, r)
        curves.append(
            PairCurve(
                elements=names,
                r=r,
                energy=energy,
                force=force,
                zbl_energy=None if repulsion is None else _dimer(repulsion, np.zeros(n_elements), pair, r)[0],
                shortest=shortest,
            )
        )
    return curves


def _kinds(plan: dict[str, Any]) -> np.ndarray[Any, np.dtype[np.str_]]:
    """Kind of the part that each feature belongs to, shape (n,)."""
    parts = plan["parts"]
    return np.repeat(np.array([part["kind"] for part in parts]), [int(part["n_features"]) for part in parts])


def _repulsion(plan: dict[str, Any]) -> PlanEvaluator | None:
    """Evaluator of the short-range repulsion alone, or None without one."""
    parts = [part for part in plan["parts"] if part["kind"] == "zbl"]
    if not parts:
        return None
    reference = {"kind": "e0", "n_features": len(plan["elements"])}
    return PlanEvaluator({"elements": plan["elements"], "parts": [reference, *parts]})


def _shortest(metadata: dict[str, Any], names: tuple[str, str]) -> float | None:
    known = metadata.get("data", {}).get("shortest_distances", {})
    found = known.get("-".join(names), known.get("-".join(reversed(names))))
    return None if found is None else float(found)


def _dimer(
    evaluator: PlanEvaluator, coefficients: FloatArray, pair: tuple[int, int], r: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Energies in eV and radial forces -dE/dr in eV/angstrom, shape (distances,) each."""
    systems = dimers(pair, r).systems
    energies, forces, _ = evaluator.predict_sets(systems, evaluator.weights(coefficients[None]))
    return energies[0].reshape(-1, 2).sum(axis=1), forces[0, 1::2, 0]
