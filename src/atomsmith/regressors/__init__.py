"""Regressors: from the features of an atom to its energy."""

from atomsmith.regressors.embedding import (
    EmbeddingCentre,
    EmbeddingSettings,
    embed,
    embed_curvature,
    embedding_plan,
)
from atomsmith.regressors.kernel import KernelSettings, kernel_features, kernel_plan
from atomsmith.regressors.linear import LinearSettings
from atomsmith.regressors.network import NetworkSettings
from atomsmith.regressors.quadratic import QuadraticSettings, with_products

__all__ = [
    "EmbeddingCentre",
    "EmbeddingSettings",
    "KernelSettings",
    "LinearSettings",
    "NetworkSettings",
    "QuadraticSettings",
    "embed",
    "embed_curvature",
    "embedding_plan",
    "kernel_features",
    "kernel_plan",
    "with_products",
]
