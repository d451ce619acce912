"""Crystals of any size and models without a fit, for benchmarks that ask for cost alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms
from ase.build import bulk

from atomsmith.descriptors import AceSettings, PairSettings
from atomsmith.evaluator import PlanEvaluator
from atomsmith.model import ModelSettings, TermSettings, build_model
from atomsmith.systems import FloatArray, Systems

CUTOFFS = {"Si": 5.0, "Cu": 7.4}  # angstrom; 28 and 140 neighbours
DEGREES = {"Si": 12.0, "Cu": 12.0}  # 384 functions of order 3 each
SKIN = 1.0


def crystal(symbol: str, atoms: int, seed: int = 1) -> Systems:
    """About so many atoms of the element's crystal, a cube of cells, each atom moved at random."""
    cell = bulk(symbol, cubic=True)
    repeats = max(1, round((atoms / len(cell)) ** (1 / 3)))
    return systems_of(rattled(cell * (repeats, repeats, repeats), seed))


def rattled(atoms: Atoms, seed: int) -> Atoms:
    """The same atoms, each moved at random by 0.05 angstrom."""
    atoms.positions += np.random.default_rng(seed).normal(scale=0.05, size=atoms.positions.shape)
    return atoms


def systems_of(atoms: Atoms) -> Systems:
    """One system of the engine."""
    return Systems(
        numbers=atoms.numbers.astype(np.int32),
        positions=atoms.positions.copy(),
        cells=np.array([atoms.cell.array]),
        pbc=np.array([atoms.pbc]),
        first=np.array([0, len(atoms)]),
    )


def plan_of(symbol: str, degree: float | None = None, cutoff: float | None = None) -> dict[str, Any]:
    """Plan of pair and ACE terms with repulsion."""
    reach = CUTOFFS[symbol] if cutoff is None else cutoff
    terms = (
        TermSettings(descriptor=PairSettings(cutoff=reach)),
        TermSettings(
            descriptor=AceSettings(
                cutoff=reach,
                correlation_order=3,
                degree=DEGREES[symbol] if degree is None else degree,
            )
        ),
    )
    number = bulk(symbol).numbers[0]
    return build_model(ModelSettings(terms=terms), [int(number)]).plan


def small_coefficients(plan: dict[str, Any], sets: int = 1) -> FloatArray:
    """Random coefficients, shape (sets, n): what they are does not change the cost."""
    n = sum(part["n_features"] for part in plan["parts"])
    return np.random.default_rng(0).normal(scale=1e-3, size=(sets, n))


def evaluator_of(symbol: str, n_threads: int = 1) -> tuple[PlanEvaluator, Any]:
    """The element's model with a neighbour skin, and its weights."""
    plan = plan_of(symbol)
    evaluator = PlanEvaluator(plan, skin=SKIN, n_threads=n_threads)
    return evaluator, evaluator.weights(small_coefficients(plan))
