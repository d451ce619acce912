"""Descriptors: settings -> part of an engine plan, and facts about its features."""

from atomsmith.descriptors.ace import AceSettings, ace_size, build_ace, degree_for
from atomsmith.descriptors.base import DescriptorPart, FeatureInfo
from atomsmith.descriptors.bispectrum import BispectrumSettings, bispectrum_size, build_bispectrum
from atomsmith.descriptors.global_features import GlobalFeaturesSettings, with_global_features
from atomsmith.descriptors.inverse_powers import (
    InversePowersSettings,
    build_inverse_powers,
    inverse_powers_size,
)
from atomsmith.descriptors.moments import MomentsSettings, build_moments, moments_size
from atomsmith.descriptors.pair import PairSettings, build_pair, pair_size
from atomsmith.descriptors.radial import RadialSettings, build_radial, evaluate_radial
from atomsmith.descriptors.soap import SoapSettings, build_soap
from atomsmith.descriptors.symmetry_functions import (
    SymmetryFunctionsSettings,
    build_symmetry_functions,
    symmetry_functions_size,
)

__all__ = [
    "AceSettings",
    "BispectrumSettings",
    "DescriptorPart",
    "FeatureInfo",
    "GlobalFeaturesSettings",
    "InversePowersSettings",
    "MomentsSettings",
    "PairSettings",
    "RadialSettings",
    "SoapSettings",
    "SymmetryFunctionsSettings",
    "ace_size",
    "bispectrum_size",
    "build_ace",
    "build_bispectrum",
    "build_inverse_powers",
    "build_moments",
    "build_pair",
    "build_radial",
    "build_soap",
    "build_symmetry_functions",
    "degree_for",
    "evaluate_radial",
    "inverse_powers_size",
    "moments_size",
    "pair_size",
    "symmetry_functions_size",
    "with_global_features",
]
