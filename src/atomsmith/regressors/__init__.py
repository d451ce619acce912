"""Regressors: from the features of an atom to its energy."""

from atomsmith.regressors.linear import LinearSettings
from atomsmith.regressors.quadratic import QuadraticSettings, with_products

__all__ = ["LinearSettings", "QuadraticSettings", "with_products"]
