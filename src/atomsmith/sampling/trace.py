"""The trace of walkers: what is written down every few steps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TRACE = np.dtype(
    [
        ("walker", np.int32),
        ("step", np.int64),
        ("time_fs", np.float64),
        ("energy", np.float64),
        ("temperature_k", np.float64),
        ("target_temperature_k", np.float64),
        ("pressure_gpa", np.float64),
        ("target_pressure_gpa", np.float64),
        ("volume", np.float64),
        ("sigma", np.float64),
        ("tau", np.float64),
        ("uncertainty", np.float64),
        ("grade", np.float64),
        ("reason", np.int8),
    ]
)
"""One row of a trace; a trace is a structured array of these, in the order of time.

``energy`` is the unbiased potential energy and ``sigma`` its uncertainty, in eV; ``uncertainty`` the largest
relative force uncertainty last evaluated, ``grade`` the extrapolation grade; ``pressure_gpa`` is that of the
surface sampled (E - tau sigma), kinetic part included; ``reason`` is the code of `atomsmith.sampling.state`
(-1: still running). Unknown values are NaN.
"""

Trace = NDArray[np.void]


class Recorder:
    """Rows of a trace in an array that grows by doubling."""

    def __init__(self, capacity: int = 1024) -> None:
        self._rows = np.zeros(capacity, dtype=TRACE)
        self._used = 0
        self._handed_out = 0

    def append(self, rows: Trace) -> None:
        """Add rows."""
        needed = self._used + len(rows)
        if needed > len(self._rows):
            grown = np.zeros(max(needed, 2 * len(self._rows)), dtype=TRACE)
            grown[: self._used] = self._rows[: self._used]
            self._rows = grown
        self._rows[self._used : needed] = rows
        self._used = needed

    def all(self) -> Trace:
        """All rows so far."""
        return self._rows[: self._used].copy()

    def new(self) -> Trace:
        """Rows since the last call of this."""
        rows = self._rows[self._handed_out : self._used].copy()
        self._handed_out = self._used
        return rows
