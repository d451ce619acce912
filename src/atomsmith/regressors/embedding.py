"""The embedding regressor: E_i = sum_p prefactor_p F(rho_ip; m_p), densities rho_ip linear in the features.

After Finnis and Sinclair, Philos. Mag. A 50, 45 (1984), for which F is a square root, and the atomic cluster
expansion of several densities (Drautz, Phys. Rev. B 99, 014104 (2019), sec. V; Bochkarev et al., Phys. Rev.
Mater. 6, 013804 (2022), whose two forms of F are used).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from atomsmith.settings import Settings
from atomsmith.systems import FloatArray, IntArray


class EmbeddingSettings(Settings):
    """Functions of densities that are linear in the features, E = sum_p F(rho_p); fitted by least squares."""

    kind: Literal["embedding"] = Field(description="Name of the regressor.")
    exponents: tuple[Annotated[float, Field(gt=0.0, le=4.0)], ...] = Field(
        default=(1.0, 0.5, 0.5, 0.5, 2.0, 2.0, 2.0),
        min_length=1,
        max_length=32,
        description="Exponent m of F for each density: F(rho) is rho near zero and |rho|^m for large ones. "
        "By default a linear density, three under a square root and three squared.",
    )
    steps: int = Field(default=40, ge=1, description="Most steps of the fit; each passes over the data once.")
    held_out: float = Field(
        default=0.1,
        ge=0.0,
        lt=0.9,
        description="Share of the configurations that the fit does not see; it ends when they gain no more, "
        "and their best moment is kept. 0: all are fitted.",
    )
    patience: int = Field(
        default=10, ge=1, description="Steps without a gain on the held-out configurations until the end."
    )


EmbeddingFunction = Literal["finnis_sinclair", "shifted_scaled"]
EmbeddingCore = Literal["none", "density", "nearest"]
_STEEPNESS = 1e6


def embed(function: EmbeddingFunction, density: FloatArray, exponent: float) -> tuple[FloatArray, FloatArray]:
    """F(rho; m) and dF/drho, odd in rho.

    ``finnis_sinclair`` is |rho|^m, replaced by a straight line below about 1e-6 by means of
    g = exp(-(1e6 |rho|)^3): (1 - g) |rho|^m + 1e-6^(m - 1) g |rho|. ``shifted_scaled`` is
    (|rho| + x_0 exp(-|rho|))^m - y_0 exp(-|rho|), where x^m has slope 1 and value y_0 at x_0.
    """
    a, sign = np.abs(density), np.sign(density)
    if function == "shifted_scaled":
        if abs(exponent - 1.0) < 1e-10:
            return density.copy(), np.ones_like(density)
        n, decay = 1.0 / exponent, np.exp(-a)
        x, y = n ** (n / (1.0 - n)) * decay, n ** (1.0 / (1.0 - n)) * decay
        value = (x + a) ** exponent - y
        return sign * value, y + exponent * (1.0 - x) * (x + a) ** (exponent - 1.0)
    limit = _STEEPNESS ** (1.0 - exponent)
    cube = (_STEEPNESS * a) ** 3
    g = np.where(cube > 30.0, 0.0, np.exp(-np.minimum(cube, 30.0)))
    safe = np.where(a > 1e-10, a, 1.0)
    power, dg = safe**exponent, -3.0 * _STEEPNESS**3 * a**2 * g
    value = np.where(a > 1e-10, (1.0 - g) * power + limit * g * a, limit * a)
    slope = exponent * power / safe * (1.0 - g) - power * dg + limit * (dg * a + g)
    return sign * value, np.where(a > 1e-10, slope, limit)


def embed_curvature(density: FloatArray, exponent: float) -> FloatArray:
    """Second derivative of `embed` for the function ``shifted_scaled``."""
    if abs(exponent - 1.0) < 1e-10:
        return np.zeros_like(density)
    a, m, n = np.abs(density), exponent, 1.0 / exponent
    decay = np.exp(-a)
    x, y = n ** (n / (1.0 - n)) * decay, n ** (1.0 / (1.0 - n)) * decay
    bent = m * x * (x + a) ** (m - 1.0) + m * (m - 1.0) * (1.0 - x) ** 2 * (x + a) ** (m - 2.0) - y
    curvature: FloatArray = np.sign(density) * bent
    return curvature


@dataclass(frozen=True, eq=False)
class EmbeddingCentre:
    """The embedding of one species.

    Attributes
    ----------
    function
        Which F.
    prefactor, exponent
        Of every density, shape (n_densities,); eV and none.
    coefficients
        Of the features of the centre in every density, shape (n_densities, n_features), or
        (members, n_densities, n_features) for an ensemble.
    linear_density, linear_channel
        Channels of the basis that are added to densities as they are, shape (k,); density n_densities is the
        energy of the core in eV.
    core_cutoff, core_width
        In eV, for the core ``density``.
    """

    function: EmbeddingFunction
    prefactor: FloatArray
    exponent: FloatArray
    coefficients: FloatArray
    linear_density: IntArray = field(default_factory=lambda: np.zeros(0, np.int32))
    linear_channel: IntArray = field(default_factory=lambda: np.zeros(0, np.int32))
    core_cutoff: float = 0.0
    core_width: float = 0.0

    def plan(self) -> dict[str, Any]:
        """What an engine plan says of the centre."""
        return {
            "function": self.function,
            "prefactor": self.prefactor,
            "exponent": self.exponent,
            "coefficients": self.coefficients,
            "linear_density": self.linear_density,
            "linear_channel": self.linear_channel,
            "linear_coefficient": np.ones(len(self.linear_density)),
            "core_cutoff": self.core_cutoff,
            "core_width": self.core_width,
        }


def embedding_plan(
    centres: Sequence[EmbeddingCentre],
    core: EmbeddingCore = "none",
    reach: tuple[FloatArray, FloatArray] | None = None,
    *,
    members: int | None = None,
) -> dict[str, Any]:
    """The ``regressor`` of a part of an engine plan (docs/architecture.md).

    Parameters
    ----------
    centres
        One for each species.
    core
        How a short-range repulsion shares with the embedding.
    reach
        For the core ``nearest``: distances in angstrom below which the core is alone and above which the
        embedding is, for every ordered pair of species, shapes (n^2,).
    members
        How many embeddings are outputs of the part, which may then be of any descriptor and has no core.
        None: the one of an ``ace`` part without outputs.
    """
    if members is not None:
        own = ("function", "prefactor", "exponent", "coefficients")
        plans = [{key: centre.plan()[key] for key in own} for centre in centres]
        return {"kind": "embedding", "core": "none", "members": members, "centres": plans}
    plan: dict[str, Any] = {"kind": "embedding", "core": core, "centres": [c.plan() for c in centres]}
    if reach is not None:
        plan |= {"inner": reach[0], "outer": reach[1]}
    return plan
