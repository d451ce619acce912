"""Where walkers stopped: what is worth a label, and what is kept of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from atomsmith.data.configuration import Configuration
from atomsmith.evaluator import Evaluator
from atomsmith.learning.selection import select_diverse
from atomsmith.learning.settings import LEARNED, Mode, SelectionSettings
from atomsmith.potential import Potential
from atomsmith.sampling.state import StopReason, Walkers
from atomsmith.systems import Systems


def candidates(walkers: Walkers, selection: SelectionSettings, mode: Mode) -> list[int]:
    """Walkers whose ends may be labelled, by the reason for which they stopped."""
    reasons = {StopReason.UNCERTAINTY}
    if selection.guard_stops:
        reasons |= {StopReason.ENERGY, StopReason.TEMPERATURE, StopReason.SHORTEST_DISTANCE}
    if mode == "random":
        # Random selection stops at a random step, and that is its reason to label.
        reasons.add(StopReason.MAX_STEPS)
    return [k for k, reason in enumerate(walkers.reasons) if reason in reasons]


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
    potential: Potential, ends: Sequence[Configuration], number: int, novelty: float, mode: Mode
) -> list[int]:
    """Indices of at most ``number`` ends to label, ascending; see `select_diverse`."""
    if not ends or number < 1:
        return []
    if mode == "random" or potential.posterior is None:
        return list(range(min(number, len(ends))))
    sums, _ = Evaluator(potential).feature_sums(Systems.from_configurations(ends))
    atoms = np.array([len(end.numbers) for end in ends], dtype=np.float64)
    return sorted(select_diverse(potential.posterior, sums, atoms, number, novelty))


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


def walker_record(walkers: Walkers, k: int, start: int, selected: bool) -> dict[str, Any]:
    """What the record of a round says of a walker."""
    return {
        "start": start,
        "reason": _reason(walkers, k),
        "step": int(walkers.step[k]),
        "time_fs": float(walkers.time_fs[k]),
        "uncertainty": _number(walkers.uncertainty[k]),
        "selected": selected,
    }


def _reason(walkers: Walkers, k: int) -> str:
    reason = walkers.reasons[k]
    return reason.value if reason else "running"


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
