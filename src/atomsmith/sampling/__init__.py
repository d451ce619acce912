"""Sampling: walkers advanced together by molecular dynamics, Monte Carlo moves and the uncertainty bias."""

from atomsmith.sampling.bias import BiasSettings
from atomsmith.sampling.guards import GuardSettings
from atomsmith.sampling.integrators import thermalised
from atomsmith.sampling.moves import CellMoveSettings, SwapSettings
from atomsmith.sampling.ramps import Ramp
from atomsmith.sampling.sampler import Progress, SamplingResult, run
from atomsmith.sampling.settings import SamplingSettings
from atomsmith.sampling.state import StopReason, Walkers
from atomsmith.sampling.trace import TRACE
from atomsmith.sampling.trigger import Knowledge, TriggerSettings

__all__ = [
    "TRACE",
    "BiasSettings",
    "CellMoveSettings",
    "GuardSettings",
    "Knowledge",
    "Progress",
    "Ramp",
    "SamplingResult",
    "SamplingSettings",
    "StopReason",
    "SwapSettings",
    "TriggerSettings",
    "Walkers",
    "run",
    "thermalised",
]
