"""Elastic constants of a potential against DFT: what the outer loop of Zuo et al. tunes settings to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from atomsmith.builders import ground_state
from atomsmith.exchange.snap import read_snap
from atomsmith.properties.elastic import elastic
from atomsmith.reference.lammps import potentials_folder
from atomsmith.tuning.trial import FAILED_DEVIATION, LEAST_DEVIATION

KNOWN = Path(__file__).parents[1] / "assessment" / "zuo.yaml"
"""Where the values by DFT are, with their sources."""
CONSTANTS = ("C11", "C12", "C44")
SUFFIXES = {"snap": "", "qsnap": ".quadratic"}
"""Of the published potentials' names."""


def known(element: str) -> dict[str, float]:
    """Elastic constants by DFT in GPa, as many as are known."""
    values: dict[str, Any] = yaml.safe_load(KNOWN.read_text())["systems"][element]["values"]
    return {name: float(values[name]) for name in CONSTANTS if name in values}


def deviation(force_field: Any, element: str) -> float:
    """Mean relative deviation from the known constants, and the 1 % below which DFT itself is not known.

    A constant that could not be had counts as off by 100 %, as in `atomsmith tune`.
    """
    found = elastic(force_field, ground_state(element))
    off = [
        FAILED_DEVIATION if (value := found.component(name)) is None else abs(value / right - 1.0)
        for name, right in known(element).items()
    ]
    return sum(off) / len(off) + LEAST_DEVIATION


def published_deviation(family: str, element: str) -> float | None:
    """Deviation of the published potential; None where it does not come with LAMMPS."""
    if family not in SUFFIXES:
        return None
    name = f"{element}_Zuo_JPCA2020{SUFFIXES[family]}.snapcoeff"
    return deviation(read_snap(potentials_folder() / name).evaluator(), element)
