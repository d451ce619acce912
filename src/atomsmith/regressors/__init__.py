"""Regressors: from the features of an atom to its energy."""

from atomsmith.regressors.linear import LinearSettings

__all__ = ["LinearSettings"]
