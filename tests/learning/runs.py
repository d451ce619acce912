"""Small runs of the learning loop: copper with a little aluminium, EMT as the reference, seconds in all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.build import bulk

from atomsmith.data.dataset import Dataset
from atomsmith.learning.observer import Silent
from atomsmith.learning.settings import LearnSettings
from atomsmith.learning.starts import merged

EVERY_STEP = 1e-9
"""A tolerance that every walker exceeds as soon as the trigger may stop it."""
NEVER = 1e9
"""A tolerance that none ever exceeds."""


def starting_structures(number: int = 3) -> list[Atoms]:
    """Four-atom fcc cells, rattled; every other one with an aluminium atom."""
    rng = np.random.default_rng(7)
    structures = []
    for k in range(number):
        atoms = bulk("Cu", "fcc", a=3.62 + 0.05 * k, cubic=True)
        atoms.positions += rng.normal(scale=0.05, size=atoms.positions.shape)
        if k % 2:
            atoms.symbols[0] = "Al"
        atoms.info["config_type"] = "alloy" if k % 2 else "copper"
        structures.append(atoms)
    return structures


def write_starts(folder: Path, number: int = 3) -> Path:
    path = folder / "starts.xyz"
    Dataset.from_atoms(starting_structures(number), labelled=False).write(path)
    return path


def plain_settings(starts: Path, **changes: Any) -> dict[str, Any]:
    """Settings as a YAML file would have them; changes go into nested ones."""
    general = {
        "start": {"files": str(starts)},
        "reference": {"kind": "ase", "calculator": "learning.calculators:LoggedEMT"},
        "executor": {"kind": "serial"},
        "potential": {
            "model": {
                "terms": [
                    {"descriptor": {"kind": "pair", "cutoff": 5.0, "degree": 5}},
                    {
                        "descriptor": {
                            "kind": "ace",
                            "cutoff": 4.5,
                            "degree": 3.0,
                            "correlation_order": 2,
                        }
                    },
                ]
            },
            "weights": {"energy": 15.0, "virial": 1.0},
            "repulsive_core": False,
        },
        "sampling": {
            "timestep_fs": 2.0,
            "temperature_k": {"start": 300.0, "end": 1200.0},
            "max_steps": 40,
            "trigger": {"tolerance": 0.01},
            "bias": {"burn_in_steps": 10, "ramp_steps": 10, "window_steps": 20},
        },
        "walkers": {"count": 3},
        "selection": {"per_round": 3, "novelty": 0.0},
        "stop": {"labels": 9, "rounds": 12, "quiet_rounds": 2},
        "threads": 1,
    }
    return merged(general, changes)


def learn_settings(starts: Path, **changes: Any) -> LearnSettings:
    return LearnSettings.model_validate(plain_settings(starts, **changes))


def triggering(tolerance: float, **others: Any) -> Mapping[str, Any]:
    """A trigger that looks at the uncertainty alone."""
    return {"trigger": {"tolerance": tolerance, "unseen_distances": False, **others}}


class Listener(Silent):
    """Keeps the lines of a run."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        self.lines.append(text)
