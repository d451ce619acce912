"""Smooth overlap of atomic positions: the power spectrum of the density of Gaussian atoms about an atom.

The density of each species is expanded in radial functions and spherical harmonics, c_nlm; the features are
p_nn'l = (2 l + 1)^(-1/2) sum_m c_nlm c_n'lm, n' <= n (times sqrt(2) if n' < n), where n runs over species and
radial functions, divided by their norm: Bartok, Kondor, Csanyi, Phys. Rev. B 87, 184115 (2013), sec. IV.
Compressed: n runs over random mixtures of species and radial functions, Darby, Kovacs, Batatia, Caro, Hart,
Ortner, Csanyi, Phys. Rev. Lett. 131, 028001 (2023).
"""

# ruff: noqa: E741 (l is the field's name of the angular degree)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import Field

from atomsmith.descriptors.base import DescriptorPart, FeatureInfo
from atomsmith.descriptors.soap_radial import (
    RadialBasis,
    central_values,
    equispaced_gaussians,
    gaussian_type_orbitals,
    reduced,
    soap_table,
)
from atomsmith.elements import SYMBOLS
from atomsmith.errors import InputError
from atomsmith.settings import Settings
from atomsmith.systems import FloatArray, IntArray


class Mixtures(Settings):
    """Random mixtures of species and radial functions, which keep the power spectrum short."""

    count: int = Field(ge=1, le=256, description="Number of mixtures.")
    products: Literal["all", "own"] = Field(
        default="own",
        description="all: every pair of mixtures, as of species and radial functions; own: each mixture only "
        "with itself (tensor-reduced), count x (l_max + 1) features.",
    )
    seed: int = Field(default=0, ge=0, description="Seed of the mixtures.")


class SoapSettings(Settings):
    """Power spectrum of the neighbours' smoothed density (SOAP)."""

    kind: Literal["soap"] = Field(description="Name of the descriptor.")
    cutoff: float = Field(default=5.0, gt=0.0, le=30.0, description="Cutoff in angstrom.")
    transition_width: float = Field(
        default=0.5,
        gt=0.0,
        description="The cosine switch falls from 1 to 0 over so many angstrom before the cutoff.",
    )
    n_max: int = Field(default=8, ge=1, le=32, description="Radial functions.")
    l_max: int = Field(default=6, ge=0, le=12, description="Largest angular degree.")
    sigma_atom: float = Field(
        default=0.5,
        gt=0.05,
        le=3.0,
        description="Width of the Gaussian that stands for an atom, in angstrom.",
    )
    basis: Literal["equispaced", "gto"] = Field(
        default="equispaced",
        description="equispaced: Gaussians at equal distances, as in QUIP; gto: orthonormal Gaussian-type "
        "orbitals.",
    )
    central_weight: float = Field(
        default=1.0, ge=0.0, description="Weight of the atom itself in its density."
    )
    normalised: bool = Field(default=True, description="Divide the features of an atom by their norm.")
    covariance_sigma0: float = Field(
        default=0.0,
        ge=0.0,
        description="A constant feature beside the normalised ones: a kernel of the power zeta then "
        "holds lower powers.",
    )
    radial_tolerance: float = Field(
        default=1.0e-7,
        ge=0.0,
        lt=1.0,
        description="Combinations of radial functions that stay below this share of the largest are left "
        "out; with the default this changes kernels by less than rounding does.",
    )
    mixtures: Mixtures | None = Field(
        default=None, description="Compressed form; by default all products of species and radial functions."
    )


@dataclass(frozen=True, eq=False)
class Rows:
    """What the power spectrum multiplies: rows of a matrix over species and radial functions, and pairs.

    Attributes
    ----------
    mixing
        Shape (rows, species * n_max); None: rows are species and radial functions themselves.
    products
        Pairs of rows, shape (p, 2).
    """

    mixing: FloatArray | None
    products: IntArray

    @classmethod
    def all_pairs(cls, count: int, mixing: FloatArray | None = None) -> Rows:
        """(0, 0), (1, 0), (1, 1), (2, 0), ..."""
        first, second = np.tril_indices(count)
        return cls(mixing, np.stack([first, second], axis=1).astype(np.int32))


def build_soap(settings: SoapSettings, elements: Sequence[int]) -> DescriptorPart:
    """Build the plan part of the power spectrum.

    Parameters
    ----------
    settings
        Cutoff, radial basis and size.
    elements
        Atomic numbers of the model.

    Raises
    ------
    InputError
        If the transition is wider than the cutoff, or the radial functions depend on one another.
    """
    n = len(elements)
    if settings.transition_width > settings.cutoff:
        raise InputError(
            f"soap: transition_width is {settings.transition_width:g} angstrom, wider than the cutoff of "
            f"{settings.cutoff:g}; give a smaller one."
        )
    basis = (
        equispaced_gaussians(settings.n_max, settings.cutoff, settings.sigma_atom)
        if settings.basis == "equispaced"
        else gaussian_type_orbitals(settings.n_max, settings.cutoff, settings.sigma_atom)
    )
    basis, _ = reduced(
        basis,
        settings.l_max,
        settings.sigma_atom,
        settings.cutoff,
        settings.transition_width,
        settings.radial_tolerance,
    )
    own = settings.central_weight * central_values(basis, settings.sigma_atom)
    part = soap_part(
        soap_table(
            basis, settings.l_max, settings.sigma_atom, settings.cutoff, settings.transition_width, n * n
        ),
        settings.l_max,
        np.eye(n)[:, :, None] * own,
        _rows(settings, n, basis.transform.shape[1]),
        normalised=settings.normalised,
        sigma0=settings.covariance_sigma0,
    )
    return DescriptorPart(part, soap_features(part, elements))


def soap_part(
    radial: dict[str, Any],
    l_max: int,
    own: FloatArray,
    rows: Rows,
    *,
    normalised: bool,
    sigma0: float,
) -> dict[str, Any]:
    """Part of a plan (docs/architecture.md).

    Parameters
    ----------
    radial
        Table of n_max functions for each l.
    l_max
        Largest angular degree.
    own
        What an atom adds to its own density, shape (centre, species, n_max).
    rows
        What is multiplied.
    normalised, sigma0
        See `SoapSettings`.
    """
    first, second = rows.products.T
    weight = np.where(first == second, 1.0, np.sqrt(2.0))[:, None] / np.sqrt(2.0 * np.arange(l_max + 1) + 1.0)
    part = {
        "kind": "soap",
        "n_features": len(own) * (weight.size + (sigma0 > 0.0)),
        "l_max": l_max,
        "radial": radial,
        "self": np.ascontiguousarray(own, dtype=np.float64),
        "products": rows.products,
        "weight": weight,
        "sigma": sigma0,
        "normalised": normalised,
    }
    return part if rows.mixing is None else part | {"mixing": rows.mixing}


def soap_features(part: dict[str, Any], elements: Sequence[int]) -> FeatureInfo:
    """Facts about the features of a part: products of two densities; the degree is n + n' + l."""
    l_max, n_max = part["l_max"], part["radial"]["n"] // (part["l_max"] + 1)
    plain = "mixing" not in part
    names: list[str] = []
    degree: list[float] = []
    near: list[tuple[int, ...]] = []
    for a, b in part["products"]:
        species = [int(elements[row // n_max]) for row in (a, b)] if plain else []
        for l in range(l_max + 1):
            label = (
                f"{SYMBOLS[species[0]]}{a % n_max} {SYMBOLS[species[1]]}{b % n_max}" if plain else f"{a} {b}"
            )
            names.append(f"{label} l{l}")
            degree.append(float(a % n_max + b % n_max + l) if plain else float(l))
            near.append(tuple(species))
    if part["sigma"] > 0.0:
        names.append("sigma0")
        degree.append(0.0)
        near.append(())
    n, known = len(elements), tuple(int(z) for z in elements)
    return FeatureInfo(
        order=np.full(n * len(names), 2, dtype=np.int32),
        degree=np.tile(degree, n),
        smoothness=np.ones(n * len(names)),
        elements=tuple((z, *group) for z in known for group in near),
        labels=tuple(f"{SYMBOLS[z]}: {name}" for z in known for name in names),
    )


def _rows(settings: SoapSettings, n_elements: int, n_radial: int) -> Rows:
    size = n_elements * n_radial
    if settings.mixtures is None:
        return Rows.all_pairs(size)
    count = settings.mixtures.count
    mixing = np.random.default_rng(settings.mixtures.seed).normal(size=(count, size)) / np.sqrt(size)
    if settings.mixtures.products == "all":
        return Rows.all_pairs(count, mixing)
    return Rows(mixing, np.repeat(np.arange(count, dtype=np.int32)[:, None], 2, axis=1))


__all__ = [
    "Mixtures",
    "RadialBasis",
    "Rows",
    "SoapSettings",
    "build_soap",
    "soap_features",
    "soap_part",
]
