"""What a file reader returns before labels are recognised: atoms, and everything else under its own name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atomsmith.systems import BoolArray, FloatArray, IntArray


@dataclass
class Frame:
    """One frame of a file.

    Attributes
    ----------
    numbers, positions, cell, pbc
        As in `Configuration`.
    info
        Values per configuration by the file's own names (or ASE's, for formats that ASE reads).
    arrays
        Values per atom by name, first axis N.
    where
        File and position in it, for messages.
    """

    numbers: IntArray
    positions: FloatArray
    cell: FloatArray
    pbc: BoolArray
    info: dict[str, Any]
    arrays: dict[str, NDArray[np.generic]]
    where: str
