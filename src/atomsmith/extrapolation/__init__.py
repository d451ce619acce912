"""How far a configuration lies outside of the data of a fit: extrapolation grades."""

from atomsmith.extrapolation.active_set import ActiveSet
from atomsmith.extrapolation.grading import Extrapolation, Grader, learn_extrapolation
from atomsmith.extrapolation.ranges import FeatureRanges
from atomsmith.extrapolation.settings import ExtrapolationSettings

__all__ = [
    "ActiveSet",
    "Extrapolation",
    "ExtrapolationSettings",
    "FeatureRanges",
    "Grader",
    "learn_extrapolation",
]
