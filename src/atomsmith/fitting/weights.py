"""Weights of energy, force and virial rows in a fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from atomsmith.settings import Settings
from atomsmith.systems import FloatArray

if TYPE_CHECKING:
    from atomsmith.data.configuration import Configuration


class TypeWeights(Settings):
    """Weights of one configuration type; what is not given is taken from the general ones."""

    energy: float | None = Field(default=None, ge=0.0, description="Weight of the energy rows.")
    forces: float | None = Field(default=None, ge=0.0, description="Weight of the force rows.")
    virial: float | None = Field(default=None, ge=0.0, description="Weight of the virial rows.")


class Weights(Settings):
    """Weights w of the rows of a fit, which minimises the sum of (weight * row residual)^2.

    The rows of a configuration of N atoms are scaled by

    ============  =================  ===========================================
    rows          factor             residual
    ============  =================  ===========================================
    energy (1)    w_E / sqrt(N)      total energy in eV
    forces (3N)   w_F                component in eV/angstrom
    virial (6)    w_V / sqrt(N)      component of volume * stress in eV
    ============  =================  ===========================================

    and by the configuration's own ``weight`` times ``energy_weight``, ``forces_weight`` or ``stress_weight``
    (van der Oord et al., npj Comput. Mater. 9, 168 (2023)). The square root makes energy and virial count
    like the forces, in proportion to the number of atoms.

    Where atoms clash, labels are larger than anything a model is asked for and so are the residuals of any
    basis, which would then decide the fit. So the rows of an atom i with a force above F0
    (``force_scale_ev_per_angstrom``) are also scaled by g_i = min(1, F0 / |F_i|), and the energy and virial
    rows of its configuration by min_i g_i: beyond F0 relative errors count. The weight has the shape of
    Huber's (Ann. Math. Stat. 35, 73 (1964)), but of the label, which is known before there is a fit.
    """

    energy: float | None = Field(
        default=None,
        ge=0.0,
        description="w_E in 1/eV; the energy row is scaled by w_E / sqrt(atoms). By default 30, or, in "
        "fits that choose their functions, what lowers errors on configurations left out, see "
        "docs/accuracy.md.",
    )
    forces: float = Field(default=1.0, ge=0.0, description="w_F in angstrom/eV, the scale of each force row.")
    virial: float | None = Field(
        default=None,
        ge=0.0,
        description="w_V in 1/eV; the six rows of volume * stress are scaled by w_V / sqrt(atoms). By "
        "default virials count as far as energies and forces bear them out, see docs/accuracy.md.",
    )
    pressure: bool = Field(
        default=True,
        description="Whether pressures count. False leaves of stresses what is not hydrostatic: the Pulay "
        "stress of plane waves at a fixed cutoff, which energies contradict, is a pressure. Trainings of "
        "networks and embeddings need true.",
    )
    force_scale_ev_per_angstrom: float | None = Field(
        default=10.0,
        gt=0.0,
        description="Forces beyond this count by their relative error: rows of an atom are scaled by "
        "min(1, scale / |F|), and energy and virial rows of its configuration by the smallest of these; null "
        "switches it off.",
    )
    types: dict[str, TypeWeights] = Field(
        default_factory=dict, description="Other weights for some configuration types, by their name."
    )

    @property
    def energy_is_open(self) -> bool:
        """Whether the weight of energies is left to the data."""
        return self.energy is None and all(special.energy is None for special in self.types.values())

    @property
    def virial_is_open(self) -> bool:
        """Whether the weight of virials is left to the data."""
        return self.virial is None and all(special.virial is None for special in self.types.values())

    def with_energy(self, chosen: float | None = None) -> Weights:
        """Return the weights with that of energies settled: what was chosen, or the usual one if open."""
        return self.model_copy(update={"energy": self.general("energy") if chosen is None else chosen})

    def general(self, kind: str) -> float:
        """Weight of a kind where no configuration type has its own; one of `OPEN` where it is left open."""
        weight: float | None = getattr(self, kind)
        return OPEN[kind] if weight is None else weight


OPEN_ENERGY = 30.0
"""Weight of energies where it is left open, and the one that others have to surpass."""

OPEN_VIRIAL = 0.03
"""Weight of virials before it is known how well energies and forces bear them out: next to nothing, so that
stresses that contradict them cannot spoil the fit that finds out."""

OPEN = {"energy": OPEN_ENERGY, "virial": OPEN_VIRIAL}
"""Weights of kinds that are left open."""


@dataclass(frozen=True)
class RowWeights:
    """Factors of the rows of a configuration of N atoms; 0 where there is no label.

    Attributes
    ----------
    energy, virial
        Of the energy row, and of each virial row.
    forces
        Of the three rows of each atom, shape (N,).
    """

    energy: float
    forces: FloatArray
    virial: float

    def rows(self, kind: str) -> FloatArray:
        """Factors of the rows of one kind: shape (1,), (3N,) or (6,)."""
        if kind == "forces":
            return np.repeat(self.forces, 3)
        return np.full({"energy": 1, "virial": 6}[kind], getattr(self, kind))


KINDS = ("energy", "forces", "virial")
"""Kinds of rows, named as in `Weights`, `KindWeights` and `RowWeights`."""


@dataclass(frozen=True)
class KindWeights:
    """One factor for all rows of a kind: what can be changed without making the rows again."""

    energy: float
    forces: float
    virial: float

    @classmethod
    def of(cls, weights: Weights) -> KindWeights:
        """General weights; the largest of a configuration type where the general one is zero."""

        def common(kind: str) -> float:
            general = weights.general(kind)
            special = [getattr(special, kind) or 0.0 for special in weights.types.values()]
            return general if general > 0.0 else max(special, default=0.0)

        return cls(*(common(kind) for kind in KINDS))

    def __getitem__(self, kind: str) -> float:
        """Weight of a kind by its name."""
        weight: float = getattr(self, kind)
        return weight


def relative_weights(configuration: Configuration, weights: Weights) -> RowWeights:
    """Factors of the rows of one configuration in units of `KindWeights.of`: `row_weights` is their product.

    Where a kind has no weight at all, its rows have those of weight 1, so that errors can still be told.
    """
    common = KindWeights.of(weights)
    ones = {kind: 1.0 for kind in KINDS if common[kind] == 0.0}
    own = row_weights(configuration, weights.model_copy(update=ones) if ones else weights)
    return RowWeights(*(getattr(own, kind) / (common[kind] or 1.0) for kind in KINDS))


def row_weights(configuration: Configuration, weights: Weights) -> RowWeights:
    """Factors of the rows of one configuration, 0 for labels that it does not have.

    Parameters
    ----------
    configuration
        Gives the labels, the number of atoms, the type and its own weights.
    weights
        Settings.
    """
    special = weights.types.get(configuration.config_type, TypeWeights())
    energy = weights.general("energy") if special.energy is None else special.energy
    forces = weights.forces if special.forces is None else special.forces
    virial = weights.general("virial") if special.virial is None else special.virial
    root = float(np.sqrt(len(configuration.numbers)))
    own = configuration.weight
    moderate = moderation(
        configuration.forces, weights.force_scale_ev_per_angstrom, len(configuration.numbers)
    )
    least = float(moderate.min(initial=1.0))
    forces = 0.0 if configuration.forces is None else forces * own * configuration.forces_weight
    return RowWeights(
        energy=0.0
        if configuration.energy is None
        else energy * own * configuration.energy_weight * least / root,
        forces=forces * moderate,
        virial=0.0
        if configuration.stress is None
        else virial * own * configuration.stress_weight * least / root,
    )


def moderation(forces: FloatArray | None, scale: float | None, n_atoms: int) -> FloatArray:
    """Factors min(1, scale / |F_i|) by which large forces count less, shape (N,); ones without a scale.

    Parameters
    ----------
    forces
        Labels in eV/angstrom, shape (N, 3), or None.
    scale
        eV/angstrom; None switches it off.
    n_atoms
        Number of atoms N.
    """
    if forces is None or scale is None:
        return np.ones(n_atoms)
    factors: FloatArray = scale / np.maximum(np.linalg.norm(forces, axis=1), scale)
    return factors
