"""What a potential is made of: settings of its terms, and from them the engine's plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from atomsmith.descriptors import (
    AceSettings,
    BispectrumSettings,
    FeatureInfo,
    GlobalFeaturesSettings,
    InversePowersSettings,
    MomentsSettings,
    PairSettings,
    SoapSettings,
    SymmetryFunctionsSettings,
    build_ace,
    build_bispectrum,
    build_inverse_powers,
    build_moments,
    build_pair,
    build_soap,
    build_symmetry_functions,
    degree_for,
    with_global_features,
)
from atomsmith.descriptors.base import DescriptorPart, features_of_centres
from atomsmith.elements import SYMBOLS, covalent_radii
from atomsmith.errors import InputError
from atomsmith.regressors import (
    EmbeddingSettings,
    KernelSettings,
    LinearSettings,
    NetworkSettings,
    QuadraticSettings,
    with_products,
)
from atomsmith.settings import Settings
from atomsmith.systems import FloatArray

Descriptor = Annotated[
    AceSettings
    | PairSettings
    | BispectrumSettings
    | MomentsSettings
    | SoapSettings
    | SymmetryFunctionsSettings
    | InversePowersSettings,
    Field(discriminator="kind"),
]
Regressor = Annotated[
    LinearSettings | QuadraticSettings | KernelSettings | NetworkSettings | EmbeddingSettings,
    Field(discriminator="kind"),
]


NATURALLY_SCALED = (AceSettings, PairSettings, InversePowersSettings)
"""Descriptors whose functions are of order one, and rougher ones fall off."""


class TermSettings(Settings):
    """A descriptor with a regressor."""

    descriptor: Descriptor = Field(description="What describes the surroundings of an atom.")
    regressor: Regressor = Field(default=LinearSettings(), description="From features to the energy.")

    global_features: GlobalFeaturesSettings | None = Field(
        default=None,
        description="Features of the whole crystal beside those of an atom's surroundings; with descriptors "
        "of single atoms, and regressor network or linear.",
    )

    @property
    def is_linear_ace_or_pair(self) -> bool:
        """Whether the energy is linear in the features of an ace or a pair descriptor."""
        known = isinstance(self.descriptor, AceSettings | PairSettings)
        return known and isinstance(self.regressor, LinearSettings) and self.global_features is None

    @property
    def standardised(self) -> bool:
        """Whether features have no natural scale, so that the data set that of their prior."""
        if isinstance(self.regressor, KernelSettings):
            return False
        return not isinstance(self.descriptor, NATURALLY_SCALED) or isinstance(
            self.regressor, QuadraticSettings
        )


class RepulsionSettings(Settings):
    """Repulsion of nuclei at distances that no data reach; it takes over where the fitted functions end."""

    kind: Literal["zbl"] = Field(
        default="zbl", description="Universal repulsion of Ziegler, Biersack and Littmark (1985)."
    )
    inner_fraction: float = Field(
        default=0.65,
        gt=0.0,
        lt=1.0,
        description="Below this fraction of the contact distance the repulsion is alone. Contact is the "
        "shortest distance of the pair in the data, or the sum of the covalent radii if that is less.",
    )
    full_fraction: float = Field(
        default=0.85,
        gt=0.0,
        le=1.0,
        description="Above this fraction of the contact distance the fitted functions are full.",
    )
    outer_fraction: float = Field(
        default=0.95,
        gt=0.0,
        le=1.0,
        description="At this fraction of the shortest distance in the data the repulsion has faded out. The "
        "gap to 1 leaves room for the slightly shorter distances that a simulation meets, and at which the "
        "fit still holds.",
    )


class ModelSettings(Settings):
    """A potential: a sum of terms over per-element reference energies and a short-range repulsion."""

    terms: tuple[TermSettings, ...] = Field(
        default=(TermSettings(descriptor=PairSettings()), TermSettings(descriptor=AceSettings())),
        description="Terms that add up.",
    )
    repulsion: RepulsionSettings | None = Field(
        default=RepulsionSettings(), description="Short-range repulsion; null leaves it out."
    )


@dataclass(frozen=True, eq=False)
class Distances:
    """Distances in the data for each pair of elements, shape (n, n), NaN where a pair never meets.

    ``shortest`` is the smallest one seen, ``first_neighbour`` a typical nearest-neighbour distance.
    """

    shortest: FloatArray
    first_neighbour: FloatArray

    @classmethod
    def unknown(cls, n_elements: int) -> Distances:
        """Nothing known; covalent radii decide."""
        nothing = np.full((n_elements, n_elements), np.nan)
        return cls(nothing, nothing.copy())


@dataclass(frozen=True, eq=False)
class Model:
    """A plan for the engine with facts about its features (reference energies come first)."""

    elements: tuple[int, ...]
    plan: dict[str, Any]
    features: FeatureInfo
    term: np.ndarray[Any, np.dtype[np.int64]]
    """Term of each feature, -1 for reference energies, shape (n_features,)."""

    @staticmethod
    def part_of(term: int) -> int:
        """Number of a term's part in the plan, where reference energies come first."""
        return 1 + term

    def term_part(self, term: int) -> DescriptorPart:
        """Part of a term with facts about its features."""
        return DescriptorPart(
            self.plan["parts"][self.part_of(term)], self.features.take(np.flatnonzero(self.term == term))
        )

    def with_part(self, term: int, part: DescriptorPart) -> Model:
        """Return the model with another part for a term."""
        parts = list(self.plan["parts"])
        parts[self.part_of(term)] = part.part
        before, after = np.flatnonzero(self.term < term), np.flatnonzero(self.term > term)
        return Model(
            elements=self.elements,
            plan=self.plan | {"parts": parts},
            features=FeatureInfo.concatenate(
                [self.features.take(before), part.info, self.features.take(after)]
            ),
            term=np.concatenate([self.term[before], np.full(len(part.info), term), self.term[after]]),
        )

    def without_terms(self, terms: Sequence[int]) -> Model:
        """Return the model without some terms."""
        left_out = {self.part_of(term) for term in terms}
        parts = [part for number, part in enumerate(self.plan["parts"]) if number not in left_out]
        kept = np.flatnonzero(~np.isin(self.term, terms))
        return Model(
            elements=self.elements,
            plan=self.plan | {"parts": parts},
            features=self.features.take(kept),
            term=self.term[kept],
        )


FUNCTIONS_PER_ROOT_ROW = 5.0
FEWEST, MOST, MOST_IN_ALL = 100.0, 1000.0, 2500.0
"""Bounds of the functions of a basis that the data size, for each element and in all."""
SURPLUS, MOST_CANDIDATES = 2.0, 4000.0
"""Size of the basis that a sparse fit chooses its functions from, in units of theirs, and its bound."""


def warranted_functions(n_elements: int, n_rows: int) -> int:
    """Number of functions that data of so many labels warrant.

    At most 5 sqrt(rows) for each element, between 100 and 1000 for each and 2500 in all: several hundred for
    the hundred or so configurations that most fits have.
    """
    wanted = n_elements * float(np.clip(FUNCTIONS_PER_ROOT_ROW * np.sqrt(n_rows), FEWEST, MOST))
    return int(min(wanted, max(MOST_IN_ALL, n_elements * FEWEST)))


def candidate_functions(n_functions: int) -> int:
    """Size of the basis that so many functions are chosen from."""
    return int(max(min(SURPLUS * n_functions, MOST_CANDIDATES), n_functions))


def is_open(settings: ModelSettings) -> bool:
    """Whether a linear ace term leaves its degree to the data."""
    return any(
        isinstance(t.descriptor, AceSettings)
        and t.descriptor.degree is None
        and isinstance(t.regressor, LinearSettings)
        for t in settings.terms
    )


def sized_by_data(
    settings: ModelSettings, n_elements: int, n_functions: int, candidates: int, cutoff: float
) -> ModelSettings:
    """Settle cutoff and degree of ace terms that leave them to the data.

    Parameters
    ----------
    settings
        The model.
    n_elements
        Number of elements.
    n_functions, candidates
        Most functions of all terms with an open degree together, and most where a sparse solver chooses among
        them: in terms that are linear in them.
    cutoff
        For terms without one, in angstrom.
    """
    aces = [term.descriptor for term in settings.terms if isinstance(term.descriptor, AceSettings)]
    n_open = sum(ace.degree is None for ace in aces)

    def settled(term: TermSettings) -> TermSettings:
        descriptor = term.descriptor
        if not isinstance(descriptor, AceSettings):
            return term
        if descriptor.cutoff is None:
            descriptor = descriptor.model_copy(update={"cutoff": cutoff})
        if descriptor.degree is None:
            most = candidates if isinstance(term.regressor, LinearSettings) else n_functions
            degree = max(2.0, degree_for(descriptor, n_elements, most // n_open))
            descriptor = descriptor.with_degree(degree)
        return term.model_copy(update={"descriptor": descriptor})

    return settings.model_copy(update={"terms": tuple(settled(term) for term in settings.terms)})


def build_model(
    settings: ModelSettings, elements: Sequence[int], distances: Distances | None = None
) -> Model:
    """Make the plan of a potential; terms whose regressor is trained have their descriptor alone.

    Parameters
    ----------
    settings
        Terms and repulsion.
    elements
        Atomic numbers, in any order; the plan keeps it.
    distances
        From the training data; they set the scale of the radial functions and where the repulsion takes over.

    Raises
    ------
    InputError
        If there is no term or no element.
    """
    if not elements:
        raise InputError("A potential needs at least one element; the data hold no atoms.")
    if not settings.terms:
        raise InputError("model.terms is empty; give at least one term, such as a descriptor of kind ace.")
    n = len(elements)
    distances = distances or Distances.unknown(n)
    first_neighbour = _first_neighbour(elements, distances)
    inner = _inner_distances(settings.repulsion, elements, distances)
    cutoffs = [c for t in settings.terms if (c := getattr(t.descriptor, "cutoff", None)) is not None]
    parts = [DescriptorPart({"kind": "e0", "n_features": n}, _reference_features(elements))]
    for term in settings.terms:
        descriptor = _with_inner(term.descriptor, elements, inner)
        match descriptor:
            case AceSettings():
                part = build_ace(descriptor, elements, first_neighbour)
            case MomentsSettings():
                part = build_moments(descriptor, elements, first_neighbour)
            case SoapSettings():
                part = build_soap(descriptor, elements)
            case BispectrumSettings():
                part = build_bispectrum(descriptor, elements)
            case InversePowersSettings():
                part = build_inverse_powers(descriptor, elements, first_neighbour)
            case SymmetryFunctionsSettings():
                part = build_symmetry_functions(descriptor, elements, first_neighbour)
            case PairSettings():
                part = build_pair(descriptor, elements, first_neighbour, max(cutoffs, default=5.0))
        if isinstance(descriptor, InversePowersSettings) and not isinstance(term.regressor, LinearSettings):
            raise InputError(
                f"model.terms: descriptor inverse_powers has the regressor {term.regressor.kind}, but sums "
                "over a whole crystal describe no single atom; use regressor linear."
            )
        if term.global_features is not None:
            part = _with_globals(part, term, elements)
        parts.append(with_products(part, n) if isinstance(term.regressor, QuadraticSettings) else part)
    plan_parts = [part.part for part in parts]
    if settings.repulsion is not None:
        plan_parts.append(
            {
                "kind": "zbl",
                "n_features": 0,
                "charges": np.array(elements, dtype=np.float64),
                "inner": np.ascontiguousarray(inner[..., 0].reshape(-1)),
                "outer": np.ascontiguousarray(inner[..., 2].reshape(-1)),
            }
        )
    return Model(
        elements=tuple(elements),
        plan={"elements": [int(z) for z in elements], "parts": plan_parts},
        features=FeatureInfo.concatenate([part.info for part in parts]),
        term=np.repeat(np.arange(-1, len(settings.terms)), [len(part.info) for part in parts]),
    )


def _with_globals(part: DescriptorPart, term: TermSettings, elements: Sequence[int]) -> DescriptorPart:
    describes_atoms = any(len(own) for own in features_of_centres(part.part, len(elements)))
    if not describes_atoms or not isinstance(term.regressor, LinearSettings | NetworkSettings):
        raise InputError(
            f"model.terms: a term of {term.descriptor.kind} with regressor {term.regressor.kind} takes no "
            "global_features; use a descriptor of single atoms with regressor network or linear."
        )
    assert term.global_features is not None
    return with_global_features(part, term.global_features, elements)


def _first_neighbour(elements: Sequence[int], distances: Distances) -> FloatArray:
    radii = covalent_radii(elements)
    known = np.fmin(distances.first_neighbour, distances.first_neighbour.T)
    first: FloatArray = np.where(np.isfinite(known), known, radii[:, None] + radii[None, :])
    return first


FARTHEST = 3.0
"""Farthest outer end of the repulsion, in units of the sum of the covalent radii."""


def _inner_distances(
    repulsion: RepulsionSettings | None, elements: Sequence[int], distances: Distances
) -> FloatArray:
    """Where the repulsion is alone, the fitted functions are full and the repulsion ends, shape (n, n, 3).

    Atoms that the data show only far apart may still meet: fitted functions stay in force down to a bond
    length, where their uncertainty asks for data; but the repulsion, which is weak there, reaches out to the
    shortest distance known, so that it can be strengthened against a hole.
    """
    radii = covalent_radii(elements)
    bond = radii[:, None] + radii[None, :]
    if repulsion is None:
        return np.zeros((*bond.shape, 3))
    shortest = np.fmin(distances.shortest, distances.shortest.T)
    contact = np.fmin(shortest, bond)
    outer = repulsion.outer_fraction * np.where(
        np.isfinite(shortest), np.fmin(shortest, FARTHEST * bond), bond
    )
    return np.stack([repulsion.inner_fraction * contact, repulsion.full_fraction * contact, outer], axis=-1)


def _with_inner(descriptor: Descriptor, elements: Sequence[int], inner: FloatArray) -> Descriptor:
    """Let the fitted functions end where the repulsion begins, for pairs that the settings do not name."""
    if isinstance(
        descriptor,
        BispectrumSettings
        | MomentsSettings
        | SoapSettings
        | SymmetryFunctionsSettings
        | InversePowersSettings,
    ):
        return descriptor  # reaches inwards to the nucleus, as published; the repulsion adds to it
    named = dict(descriptor.radial.inner)
    for i, first in enumerate(elements):
        for j, second in enumerate(elements[: i + 1]):
            names = {f"{SYMBOLS[first]}-{SYMBOLS[second]}", f"{SYMBOLS[second]}-{SYMBOLS[first]}"}
            if not names & set(named):
                named[f"{SYMBOLS[first]}-{SYMBOLS[second]}"] = (float(inner[i, j, 0]), float(inner[i, j, 1]))
    radial = descriptor.radial.model_copy(update={"inner": named})
    return descriptor.model_copy(update={"radial": radial})


def _reference_features(elements: Sequence[int]) -> FeatureInfo:
    n = len(elements)
    return FeatureInfo(
        order=np.zeros(n, dtype=np.int32),
        degree=np.zeros(n),
        smoothness=np.ones(n),
        elements=tuple((int(z),) for z in elements),
        labels=tuple(f"E0 {SYMBOLS[z]}" for z in elements),
    )
