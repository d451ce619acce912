"""Atom-centred symmetry functions, the descriptor of high-dimensional neural network potentials.

Behler, Parrinello, Phys. Rev. Lett. 98, 146401 (2007); Behler, J. Chem. Phys. 134, 074106 (2011). With f the
cutoff function and sums over neighbours j (and k > j) of given elements,

- radial (eq. 6): ``sum_j exp(-eta (r_ij - shift)^2) f(r_ij)``,
- wide angular (eq. 9): ``2^(1 - zeta) sum_jk (1 + sign cos theta_jik)^zeta
  exp(-eta ((r_ij - shift)^2 + (r_ik - shift)^2)) f(r_ij) f(r_ik)``,
- narrow angular (eq. 8): the same with ``exp(-eta (r_jk - shift)^2) f(r_jk)`` besides.

Weighted functions (Gastegger et al., J. Chem. Phys. 148, 241709, 2018) take all elements together, every
neighbour with its atomic number as weight. Generated sets: Gaussians at even distances, or the ladders of
widths and shifts of Imbalzano et al., J. Chem. Phys. 148, 241730 (2018); neither begins at distances that
atoms never have, where a function would be all but zero and its rare values far out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from itertools import accumulate, combinations_with_replacement
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from atomsmith.descriptors.base import DescriptorPart, FeatureInfo
from atomsmith.elements import SYMBOLS, covalent_radii
from atomsmith.errors import InputError
from atomsmith.settings import Settings
from atomsmith.systems import FloatArray

CutoffFunction = Literal[
    "hard",
    "cosine",
    "tanh_free",
    "tanh",
    "exponential",
    "polynomial_1",
    "polynomial_2",
    "polynomial_3",
    "polynomial_4",
]
"""In the order of n2p2's numbers (`cutoff_type`), which its files are read and written by."""


class RadialFunction(Settings):
    """A radial symmetry function."""

    eta: float = Field(ge=0.0, description="Width exp(-eta (r - shift)^2), in 1/angstrom^2.")
    shift: float = Field(default=0.0, description="Middle of the Gaussian in angstrom.")
    cutoff: float | None = Field(
        default=None, gt=0.0, le=30.0, description="In angstrom; by default that of the descriptor."
    )


class AngularFunction(RadialFunction):
    """An angular symmetry function."""

    sign: float = Field(description="Usually 1 or -1: large for small or for large angles (lambda).")
    zeta: float = Field(ge=1.0, le=1000.0, description="Power of 1 + sign cos(angle).")
    narrow: bool = Field(
        default=True, description="Let the two neighbours count only if they are near each other, too."
    )


class SymmetryFunctionsSettings(Settings):
    """Radial and angular symmetry functions, listed or generated, for all elements."""

    kind: Literal["symmetry_functions"] = Field(description="Name of the descriptor.")
    cutoff: float = Field(default=6.0, gt=0.0, le=30.0, description="Cutoff in angstrom.")
    cutoff_function: CutoffFunction = Field(
        default="cosine",
        description="How functions fade: cosine (1 + cos(pi x))/2; tanh tanh^3(1 - r/cutoff), tanh_free "
        "without its factor that makes it 1 at r = 0; exponential exp(1 - 1/(1 - x^2)); polynomial_n with n "
        "derivatives that vanish at both ends; hard does not fade.",
    )
    cutoff_inner: float = Field(
        default=0.0,
        ge=0.0,
        lt=1.0,
        description="Functions are full up to this share of the cutoff (not with tanh and hard).",
    )
    radial: tuple[RadialFunction, ...] | None = Field(
        default=None, description="Radial functions of every pair of elements; null generates them."
    )
    angular: tuple[AngularFunction, ...] | None = Field(
        default=None, description="Angular functions of every three elements; null generates them."
    )
    ladder: Literal["even", "imbalzano"] = Field(
        default="even",
        description="Generated radial functions. even: Gaussians at even distances between the nearest "
        "neighbours and the cutoff; imbalzano: Gaussians around the atom whose widths form a geometric "
        "series, and shifted ones that are denser near it.",
    )
    radial_size: int = Field(
        default=8,
        ge=1,
        le=64,
        description="Size n of the ladder: n functions at even distances, or n + 1 around the atom and n "
        "shifted ones.",
    )
    angular_size: int = Field(
        default=3, ge=1, le=64, description="Widths of generated angular functions, the broadest ones."
    )
    zetas: tuple[Annotated[float, Field(ge=1.0, le=1000.0)], ...] = Field(
        default=(1.0, 4.0, 16.0), min_length=1, description="Powers of generated angular functions."
    )
    narrow: bool = Field(default=True, description="Of generated angular functions.")
    weighted: bool = Field(
        default=False,
        description="One set of functions for all neighbours, weighted by their atomic number, in place of "
        "one for each element (each two elements).",
    )


@dataclass(frozen=True)
class SymmetryFunction:
    """One function of one centre as the engine's plan describes it.

    ``first`` and ``second`` are indices of the neighbours' elements, -1 for all with their weights;
    ``order`` is the number of neighbours in a term, and a radial function has no second one. With a ``core``
    (docs/architecture.md) it is a compact function between the distances ``low`` and ``cutoff`` and, in
    radians, the angles ``angle_low`` and ``angle_high`` (Bircher, Singraber, Dellago, Mach. Learn.: Sci.
    Technol. 2, 035026, 2021); eta is then 0.
    """

    order: int
    narrow: bool
    first: int
    second: int
    cutoff: float
    eta: float
    shift: float
    sign: float = 0.0
    zeta: float = 1.0
    core: int = 0
    low: float = 0.0
    angle_low: float = 0.0
    angle_high: float = 0.0

    def label(self, elements: Sequence[int]) -> str:
        """What a person reads."""
        names = ["all" if z < 0 else SYMBOLS[elements[z]] for z in (self.first, self.second)[: self.order]]
        if self.core:
            angles = f" angles {self.angle_low:.3g} to {self.angle_high:.3g}" if self.order == 2 else ""
            wide = " wide" if self.order == 2 and not self.narrow else ""
            return (
                f"{'-'.join(names)} core {self.core} from {self.low:.4g} to {self.cutoff:.4g}{angles}{wide}"
            )
        text = f"{'-'.join(names)} eta {self.eta:.4g}"
        if self.shift:
            text += f" shift {self.shift:.4g}"
        if self.order == 2:
            text += f" {self.sign:+g} zeta {self.zeta:g}{'' if self.narrow else ' wide'}"
        return text


NEAREST = 0.8
"""Where generated Gaussians begin, in units of the nearest-neighbour distance."""


def even_ladder(size: int, nearest: float, cutoff: float) -> list[RadialFunction]:
    """Gaussians at even distances, each as wide as the distance to the next."""
    begin = min(NEAREST * nearest, 0.5 * cutoff)
    step = (cutoff - begin) / size
    return [RadialFunction(eta=0.5 / step**2, shift=begin + k * step) for k in range(size)]


def centred_ladder(size: int, cutoff: float) -> list[RadialFunction]:
    """Gaussians at the atom whose widths form a geometric series (Imbalzano 2018, eq. 6)."""
    return [RadialFunction(eta=(max(size, 2) ** (m / size) / cutoff) ** 2) for m in range(size + 1)]


def shifted_ladder(size: int, nearest: float, cutoff: float) -> list[RadialFunction]:
    """Gaussians around the atom, denser and sharper near it (Imbalzano 2018, eqs. 7 and 8)."""
    ratio = cutoff / min(NEAREST * nearest, 0.5 * cutoff)
    shift = [cutoff / ratio ** (m / size) for m in range(size + 1)]
    return [
        RadialFunction(eta=1.0 / (shift[m - 1] - shift[m]) ** 2, shift=shift[m]) for m in range(size, 0, -1)
    ]


def _radial(settings: SymmetryFunctionsSettings, nearest: float) -> Sequence[RadialFunction]:
    if settings.radial is not None:
        return settings.radial
    size, cutoff = settings.radial_size, settings.cutoff
    if settings.ladder == "even":
        return even_ladder(size, nearest, cutoff)
    return [*centred_ladder(size, cutoff), *shifted_ladder(size, nearest, cutoff)]


def _angular(settings: SymmetryFunctionsSettings) -> Sequence[AngularFunction]:
    if settings.angular is not None:
        return settings.angular
    ladder = centred_ladder(max(settings.angular_size - 1, 1), settings.cutoff)[: settings.angular_size]
    return [
        AngularFunction(eta=width.eta, sign=sign, zeta=zeta, narrow=settings.narrow)
        for width in ladder
        for zeta in settings.zetas
        for sign in (1.0, -1.0)
    ]


def functions_of_a_centre(
    settings: SymmetryFunctionsSettings, nearest: Sequence[float]
) -> Iterator[SymmetryFunction]:
    """Functions in the order of the features.

    Parameters
    ----------
    settings
        Which functions.
    nearest
        Distances in angstrom of the centre from its nearest neighbours of every element.
    """
    species = [-1] if settings.weighted else list(range(len(nearest)))
    for z in species:
        for radial in _radial(settings, min(nearest) if z < 0 else nearest[z]):
            yield SymmetryFunction(
                1, False, z, -1, radial.cutoff or settings.cutoff, radial.eta, radial.shift
            )
    for a, b in combinations_with_replacement(species, 2):
        for angular in _angular(settings):
            yield SymmetryFunction(
                2,
                angular.narrow,
                a,
                b,
                angular.cutoff or settings.cutoff,
                angular.eta,
                angular.shift,
                angular.sign,
                angular.zeta,
            )


def symmetry_functions_size(settings: SymmetryFunctionsSettings, n_elements: int) -> int:
    """Number of features for a number of elements."""
    return n_elements * len(list(functions_of_a_centre(settings, [2.0] * n_elements)))


def build_symmetry_functions(
    settings: SymmetryFunctionsSettings, elements: Sequence[int], first_neighbour: FloatArray | None = None
) -> DescriptorPart:
    """Build the plan part of symmetry functions.

    Parameters
    ----------
    settings
        Which functions, and how they fade.
    elements
        Atomic numbers of the model.
    first_neighbour
        Nearest-neighbour distances in angstrom, shape (n, n); by default sums of covalent radii.

    Raises
    ------
    InputError
        If there is no function, or one is listed twice.
    """
    if first_neighbour is None:
        radii = covalent_radii(elements)
        first_neighbour = radii[:, None] + radii[None, :]
    centres = [list(functions_of_a_centre(settings, row.tolist())) for row in first_neighbour]
    for functions in centres:
        if not functions:
            raise InputError(
                "symmetry_functions: both radial and angular are empty; give at least one function."
            )
        if len(set(functions)) < len(functions):
            twice = next(f for f in functions if functions.count(f) > 1)
            raise InputError(
                f"symmetry_functions: the function {twice.label(elements)} is listed twice; leave one out."
            )
    return symmetry_functions_part(centres, elements, settings.cutoff_function, settings.cutoff_inner)


def symmetry_functions_part(
    centres: Sequence[Sequence[SymmetryFunction]],
    elements: Sequence[int],
    cutoff_function: CutoffFunction,
    cutoff_inner: float,
) -> DescriptorPart:
    """Plan part (docs/architecture.md) of the functions of every centre."""
    part = {
        "kind": "symmetry_functions",
        "n_features": sum(len(functions) for functions in centres),
        "cutoff_function": cutoff_function,
        "cutoff_inner": float(cutoff_inner),
        "weight": np.array(elements, dtype=np.float64),
        "centres": [
            {"first_feature": int(first), "n_features": len(functions)} | _arrays(functions)
            for first, functions in zip(_first_features(centres), centres, strict=True)
        ],
    }
    everything = [(z, f) for z, functions in zip(elements, centres, strict=True) for f in functions]
    info = FeatureInfo(
        order=np.array([f.order for _, f in everything], dtype=np.int32),
        degree=np.array([f.zeta if f.order == 2 else 0.0 for _, f in everything]),
        smoothness=np.ones(len(everything)),
        elements=tuple((z, *_neighbours(f, elements)) for z, f in everything),
        labels=tuple(f"{SYMBOLS[z]}: {f.label(elements)}" for z, f in everything),
    )
    return DescriptorPart(part, info)


def _first_features(centres: Sequence[Sequence[SymmetryFunction]]) -> list[int]:
    return [0, *accumulate(len(functions) for functions in centres)][:-1]


def _neighbours(function: SymmetryFunction, elements: Sequence[int]) -> list[int]:
    if function.first < 0:
        return [int(z) for z in elements]
    return [int(elements[z]) for z in (function.first, function.second)[: function.order]]


_COLUMNS: dict[str, Any] = {
    "order": np.int32,
    "narrow": np.int32,
    "first": np.int32,
    "second": np.int32,
    "cutoff": np.float64,
    "eta": np.float64,
    "shift": np.float64,
    "lambda": np.float64,
    "zeta": np.float64,
}
_COMPACT: dict[str, Any] = {
    "core": np.int32,
    "low": np.float64,
    "angle_low": np.float64,
    "angle_high": np.float64,
}


def _arrays(functions: Sequence[SymmetryFunction]) -> dict[str, Any]:
    columns = _COLUMNS | (_COMPACT if any(f.core for f in functions) else {})
    rows = [astuple(f) for f in functions]
    return {
        name: np.array([row[k] for row in rows], dtype=kind) for k, (name, kind) in enumerate(columns.items())
    }


def functions_of_plan(centre: dict[str, Any]) -> list[SymmetryFunction]:
    """Read the functions of one centre back from a plan."""
    columns = [np.asarray(centre[name]).tolist() for name in (*_COLUMNS, *_COMPACT) if name in centre]
    return [
        SymmetryFunction(order, bool(narrow), *rest) for order, narrow, *rest in zip(*columns, strict=True)
    ]
