"""A cheap reference that keeps count of itself and fails on demand."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from ase.calculators.calculator import all_changes
from ase.calculators.emt import EMT


class LoggedEMT(EMT):
    """EMT that writes a line for each finished calculation.

    Parameters
    ----------
    log
        File that takes the `fingerprint` of every structure that was calculated.
    seconds
        Time that a calculation takes at least.
    hold
        While this file exists, no calculation ends.
    broken
        While this file exists, every calculation of more than one atom fails.
    fail_every
        About one structure in so many fails, always the same ones; 0 is none.
    """

    def __init__(
        self, log: str = "", seconds: float = 0.0, hold: str = "", broken: str = "", fail_every: int = 0
    ) -> None:
        super().__init__()
        self.log, self.seconds, self.hold = log, seconds, hold
        self.broken, self.fail_every = broken, fail_every

    def calculate(
        self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = all_changes
    ) -> None:
        super().calculate(atoms, properties, system_changes)
        time.sleep(self.seconds)
        while self.hold and Path(self.hold).exists():
            time.sleep(0.01)
        key = fingerprint(atoms.numbers, atoms.positions, atoms.cell.array)
        if len(atoms) > 1 and self.broken and Path(self.broken).exists():
            raise RuntimeError("the licence has expired")
        if len(atoms) > 1 and self.fail_every and int(key, 16) % self.fail_every == 0:
            raise RuntimeError("the oracle is silent")
        if self.log:
            descriptor = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            os.write(descriptor, f"{key}\n".encode())
            os.close(descriptor)


def fingerprint(numbers: Any, positions: Any, cell: Any) -> str:
    """Digest of a structure, to the last bit."""
    parts = [np.asarray(numbers, dtype=np.int64), np.asarray(positions, float), np.asarray(cell, float)]
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()[:16]


def finished(log: Path) -> list[str]:
    """Fingerprints of the calculations that were finished, in order."""
    return log.read_text().split() if log.exists() else []


class NoFreeAtoms(EMT):
    """EMT that does not converge for a single atom."""

    def calculate(
        self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = all_changes
    ) -> None:
        if len(atoms) == 1:
            raise RuntimeError("no convergence")
        super().calculate(atoms, properties, system_changes)
