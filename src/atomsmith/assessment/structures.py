"""Structures in items: configurations as plain JSON values, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from atomsmith.data.configuration import Configuration


def to_values(configuration: Configuration) -> dict[str, Any]:
    """Write a periodic configuration, labels left out."""
    return {
        "numbers": configuration.numbers.tolist(),
        "positions": configuration.positions.tolist(),
        "cell": configuration.cell.tolist(),
        "config_type": configuration.config_type,
        "info": dict(configuration.info),
    }


def from_values(values: Mapping[str, Any]) -> Configuration:
    """Read what `to_values` wrote."""
    return Configuration(
        numbers=np.array(values["numbers"], dtype=np.int32),
        positions=np.array(values["positions"]),
        cell=np.array(values["cell"]),
        pbc=np.ones(3, dtype=np.bool_),
        config_type=values["config_type"],
        info=dict(values["info"]),
    )
