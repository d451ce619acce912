"""Where walkers stopped: what is worth a label, and what is kept of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from atomsmith.data.configuration import Configuration
from atomsmith.data.store import StoredConfiguration
from atomsmith.evaluator import Evaluator
from atomsmith.learning.selection import repeats, select_diverse
from atomsmith.learning.settings import LEARNED, Mode, SelectionSettings
from atomsmith.potential import Potential
from atomsmith.sampling.state import StopReason, Walkers
from atomsmith.sampling.trigger import Knowledge
from atomsmith.systems import FloatArray, Systems

GUARDS = frozenset({StopReason.ENERGY, StopReason.TEMPERATURE, StopReason.SHORTEST_DISTANCE})
"""Reasons of walkers that left physics but whose configuration may be labelled."""


def candidates(
    walkers: Walkers, selection: SelectionSettings, mode: Mode, free: Collection[int] = ()
) -> list[int]:
    """Walkers whose ends may be labelled, by the reason for which they stopped.

    ``free`` walkers stopped at a random step, which is a reason to label.
    """
    reasons = {StopReason.UNCERTAINTY, StopReason.UNSEEN_DISTANCE, StopReason.EXTRAPOLATION}
    if selection.guard_stops:
        reasons |= GUARDS
    if mode == "random":
        free = range(walkers.n_walkers)
    return [
        k
        for k, reason in enumerate(walkers.reasons)
        if reason in reasons or (k in free and reason is StopReason.MAX_STEPS)
    ]


def knowledge_of(potential: Potential, n_threads: int = 1) -> Knowledge:
    """What the fit knows that predictions do not tell: its errors on held-out data, and where data end."""
    remembers = potential.extrapolation is not None
    elements, closest = potential.plan["elements"], {}
    for part in potential.plan["parts"]:
        if part["kind"] == "zbl":
            outer = np.reshape(part["outer"], (len(elements), len(elements)))
            for i, a in enumerate(elements):
                for j, b in enumerate(elements):
                    closest[min(a, b), max(a, b)] = float(outer[i, j])
    calibration = potential.metadata.get("calibration", {})
    weight = potential.metadata["settings"]["weights"]["forces"]
    # Of all weighted rows, which are forces for the most part, in the unit of a force.
    unseen = calibration.get("held_out_weighted_rmse") or 0.0
    return Knowledge(
        widening=float(calibration.get("scale", 1.0)),
        force_error=float(unseen) / weight if weight > 0.0 else 0.0,
        closest=closest,
        grade=potential.grader(skin=0.5, n_threads=n_threads).systems if remembers else None,
    )


def end_of(walkers: Walkers, k: int) -> Configuration:
    """Where a walker stopped, as a configuration."""
    systems = walkers.systems
    atoms = slice(systems.first[k], systems.first[k + 1])
    return Configuration(
        numbers=systems.numbers[atoms],
        positions=systems.positions[atoms],
        cell=systems.cells[k],
        pbc=systems.pbc[k],
        config_type=LEARNED,
    )


def choose(
    potential: Potential, ends: Sequence[Configuration], number: int, selection: SelectionSettings, mode: Mode
) -> list[int]:
    """Indices of at most ``number`` ends to label, ascending.

    See `select_diverse`, and `Extrapolation.choose` for the rule of that name.
    """
    if not ends or number < 1:
        return []
    if mode == "random":
        return list(range(min(number, len(ends))))
    if selection.rule == "extrapolation":
        grader, systems = potential.grader(), Systems.from_configurations(ends)
        return sorted(grader.extrapolation.choose(grader.features(systems), systems, number))
    if potential.posterior is None:
        return list(range(min(number, len(ends))))
    sums, _ = Evaluator(potential).feature_sums(Systems.from_configurations(ends))
    atoms = np.array([len(end.numbers) for end in ends], dtype=np.float64)
    return sorted(select_diverse(potential.posterior, sums, atoms, number, selection.novelty))


def new_to(
    potential: Potential, ends: Sequence[Configuration], earlier: Sequence[Configuration], novelty: float
) -> list[bool]:
    """Whether each end differs from all earlier configurations; see `repeats`."""
    if potential.posterior is None or not ends or not earlier:
        return [True] * len(ends)
    evaluator = Evaluator(potential, skin=0.0)

    def features(configurations: Sequence[Configuration]) -> FloatArray:
        systems = Systems.from_configurations(configurations)
        return evaluator.feature_sums(systems)[0] / systems.counts[:, None]

    same = repeats(potential.posterior, features(ends), features(earlier), novelty)
    return [not one for one in same]


def origin_of(
    walkers: Walkers, k: int, round_number: int, start: int, potential: Potential, end: Configuration
) -> dict[str, Any]:
    """Where a new configuration came from, and what was predicted of it before it was labelled."""
    origin: dict[str, Any] = {
        "kind": "walker",
        "round": round_number,
        "walker": k,
        "start": start,
        "step": int(walkers.step[k]),
        "reason": _reason(walkers, k),
        "uncertainty": _number(walkers.uncertainty[k]),
        "grade": _number(walkers.grade[k]),
    }
    if len(potential.committee):
        both = Evaluator(potential).predict_committee(Systems.from_configurations([end]))
        sigma = np.sqrt(np.square(both.members.energy - both.mean.energy).mean(axis=0))
        spread = np.sqrt(np.square(both.members.forces - both.mean.forces).mean(axis=0))
        origin["predicted"] = {
            "energy": float(both.mean.energy[0]),
            "energy_std": float(sigma[0]),
            "forces": both.mean.forces.tolist(),
            "forces_std": spread.tolist(),
        }
    return origin


def stopped_by_guard(entry: StoredConfiguration) -> bool:
    """Whether a walker had left physics when it came to this configuration."""
    return entry.origin.get("reason") in {reason.value for reason in GUARDS}


def walker_record(walkers: Walkers, k: int, start: int, selected: bool, free: bool) -> dict[str, Any]:
    """What the record of a round says of a walker."""
    return {
        "start": start,
        "free": free,
        "reason": _reason(walkers, k),
        "step": int(walkers.step[k]),
        "time_fs": float(walkers.time_fs[k]),
        "uncertainty": _number(walkers.uncertainty[k]),
        "grade": _number(walkers.grade[k]),
        "selected": selected,
    }


def _reason(walkers: Walkers, k: int) -> str:
    reason = walkers.reasons[k]
    return reason.value if reason else "running"


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
