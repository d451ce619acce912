"""Moment tensors: all contractions of moments of the neighbours' positions up to a level.

Shapeev, Multiscale Model. Simul. 14, 1153 (2016); for several elements Gubaev, Podryabinkin, Hart, Shapeev,
Comput. Mater. Sci. 156, 148 (2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from pydantic import Field

from atomsmith.descriptors.base import DescriptorPart, FeatureInfo
from atomsmith.descriptors.contractions import contractions, products_of_level
from atomsmith.elements import SYMBOLS
from atomsmith.settings import Settings
from atomsmith.systems import FloatArray


class RadialTraining(Settings):
    """How radial functions are found together with the linear coefficients, by Gauss-Newton steps."""

    trainable: bool = Field(
        default=False,
        description="Fit the radial functions; otherwise they are Chebyshev polynomials, which takes less "
        "time and is less accurate.",
    )
    iterations: int = Field(default=30, ge=1, le=1000, description="Most Gauss-Newton steps.")
    patience: int = Field(
        default=8,
        ge=1,
        description="Steps without a better error on configurations held out after which training ends.",
    )
    held_out: float = Field(
        default=0.1,
        ge=0.0,
        le=0.5,
        description="Share of the configurations that steps do not see and that decide when to end; the "
        "linear coefficients are then fitted to all. 0: training ends when the steps gain nothing.",
    )
    rows_per_parameter: float = Field(
        default=300.0,
        ge=2.0,
        description="Steps see as many configurations, drawn by the seed, as give each parameter so many "
        "rows: radial functions are few numbers, which need not all of a large set.",
    )
    seed: int = Field(default=0, ge=0, description="Which configurations are held out or left out of steps.")


class MomentsSettings(Settings):
    """Invariant contractions of moment tensors, the basis of moment tensor potentials."""

    kind: Literal["moments"] = Field(description="Name of the descriptor.")
    cutoff: float = Field(default=5.0, gt=0.0, le=30.0, description="Cutoff in angstrom.")
    level: int = Field(
        default=16,
        ge=2,
        le=28,
        description="Largest level, sum over moments of 2 + 4 mu + rank: 16 gives 92 contractions, 20 "
        "gives 288, 24 gives 864.",
    )
    radial_size: int = Field(
        default=8, ge=2, le=64, description="Chebyshev polynomials that radial functions are made of."
    )
    min_distance: float | None = Field(
        default=None,
        gt=0.0,
        description="Where the polynomials' range begins, in angstrom; by default 0.75 of the nearest-"
        "neighbour distance in the data.",
    )
    shared: bool = Field(
        default=True, description="Let the elements of the centre share coefficients, as in MLIP."
    )
    radial: RadialTraining = Field(default=RadialTraining(), description="Training of the radial functions.")
    seed: int = Field(
        default=0, ge=0, description="Of the radial functions that tell the elements of neighbours apart."
    )

    @property
    def training(self) -> str | None:
        """Name of the training that fits need, if any."""
        return "radial" if self.radial.trainable else None


def moments_size(settings: MomentsSettings, n_elements: int) -> int:
    """Number of features for a number of elements."""
    return len(contractions(settings.level)) * (1 if settings.shared else n_elements)


def build_moments(
    settings: MomentsSettings, elements: Sequence[int], first_neighbour: FloatArray
) -> DescriptorPart:
    """Build the plan part of moment tensors.

    Parameters
    ----------
    settings
        Level, cutoff and radial functions.
    elements
        Atomic numbers of the model.
    first_neighbour
        Nearest-neighbour distances in angstrom, shape (n, n).
    """
    n = len(elements)
    products = products_of_level(settings.level)
    rows = np.array(products.rows, dtype=np.int64).reshape(-1, 4)
    scalars = np.array(products.scalars, dtype=np.int32)
    basic = np.array(products.basic, dtype=np.int32)
    sets = 1 if settings.shared else n
    part = {
        "kind": "moments",
        "n_features": sets * len(scalars),
        "radial": _radial(settings, n, int(basic[:, 0].max()) + 1, first_neighbour),
        "basic": basic,
        "products": np.ascontiguousarray(rows[:, [0, 1, 3]], dtype=np.int32),
        "weight": rows[:, 2].astype(np.float64),
        "scalars": scalars,
        "first_feature": np.arange(n, dtype=np.int32) * (0 if settings.shared else len(scalars)),
    }
    return DescriptorPart(part, _features(settings, elements))


def _radial(
    settings: MomentsSettings, n_elements: int, n_radial: int, first_neighbour: FloatArray
) -> dict[str, Any]:
    """Radial function mu is the Chebyshev polynomial mu, a little mixed where elements must be told apart."""
    pairs = n_elements**2
    inner = np.minimum(
        0.75 * first_neighbour.reshape(-1) if settings.min_distance is None else settings.min_distance,
        0.9 * settings.cutoff,
    )
    size = max(settings.radial_size, n_radial)
    table = np.tile(np.eye(n_radial, size), (pairs, 1, 1))
    if n_elements > 1:
        mixing = np.random.default_rng(settings.seed).normal(size=(pairs, n_radial, size))
        table += mixing / (1.0 + np.arange(size))
    # Of order one at the nearest neighbours, whatever the cutoff.
    scale = 1.0 / (settings.cutoff - first_neighbour.reshape(-1)).clip(0.5) ** 2
    return {
        "kind": "chebyshev",
        "n": n_radial,
        "size": size,
        "inner": np.broadcast_to(inner, (pairs,)).copy(),
        "cutoff": np.full(pairs, settings.cutoff),
        "coefficients": table * scale[:, None, None],
    }


def _features(settings: MomentsSettings, elements: Sequence[int]) -> FeatureInfo:
    """Facts about the features: the order counts moments, the degree is the level."""
    found = contractions(settings.level)
    order = np.array([sum(len(graph.mu) for graph in parts) for parts in found], dtype=np.int32)
    level = np.array([sum(graph.level for graph in parts) for parts in found], dtype=np.float64)
    names = [
        " ".join(f"{''.join(map(str, graph.mu))}:{''.join(map(str, graph.edges))}" for graph in parts)
        for parts in found
    ]
    known = tuple(int(z) for z in elements)
    sets: list[tuple[str, tuple[int, ...]]] = (
        [("", known)] if settings.shared else [(f"{SYMBOLS[z]}: ", (z, *known)) for z in known]
    )
    return FeatureInfo(
        order=np.tile(order, len(sets)),
        degree=np.tile(level, len(sets)),
        smoothness=np.tile(np.maximum(level / 4.0, 1.0) ** 2, len(sets)),
        elements=tuple(group for _, group in sets for _ in names),
        labels=tuple(f"{centre}{name}" for centre, _ in sets for name in names),
    )
