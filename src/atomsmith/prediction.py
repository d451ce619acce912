"""What a force field returns for a batch of systems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal, Protocol

import numpy as np

from atomsmith.data.neighbours import pair_distances
from atomsmith.errors import InputError
from atomsmith.systems import FloatArray, Systems

_TOO_CLOSE = 0.1
"""Distance in angstrom at which to look for the atoms that have no finite energy."""

Uncertainty = Literal["committee", "posterior"]
"""Which sigma: of the committee around the mean model, or the exact posterior standard deviation."""


def stress_from_virial(virial: FloatArray, volumes: FloatArray) -> FloatArray:
    """ASE's Voigt stress (xx yy zz yz xz xy, tension positive, eV/A^3) from virials, shape (..., 6).

    ``virial`` is -dE/dstrain in eV, shape (..., 3, 3); systems without a volume get NaN.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        full = -virial / np.where(volumes > 0.0, volumes, np.nan)[..., None, None]
    full = 0.5 * (full + np.swapaxes(full, -1, -2))
    voigt: FloatArray = np.stack(
        [full[..., a, b] for a, b in ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))], axis=-1
    )
    return voigt


@dataclass(frozen=True, eq=False)
class Prediction:
    """Energy, forces and virial of S systems with N atoms.

    Attributes
    ----------
    energy
        Total energies in eV, shape (S,).
    energies
        Per-atom energies in eV, shape (N,).
    forces
        Forces in eV/angstrom, shape (N, 3).
    virial
        -dE/dstrain in eV, shape (S, 3, 3); see `stress_from_virial`.
    """

    energy: FloatArray
    energies: FloatArray
    forces: FloatArray
    virial: FloatArray

    @classmethod
    def joined(cls, parts: Sequence[Prediction]) -> Prediction:
        """Return one prediction of the systems of several, in their order."""
        return cls(*(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(cls)))


def require_finite(prediction: Prediction, systems: Systems) -> None:
    """Refuse numbers that are none, as of two atoms at the same place.

    Raises
    ------
    InputError
        If an energy or a force is NaN or infinite.
    """
    if np.isfinite(prediction.energy).all() and np.isfinite(prediction.forces).all():
        return
    bad = ~(np.isfinite(prediction.energies) & np.isfinite(prediction.forces).all(axis=1))
    system = int(systems.owner[int(np.argmax(bad))])
    own = slice(systems.first[system], systems.first[system + 1])
    i, j, distance = pair_distances(
        systems.positions[own], systems.cells[system], systems.pbc[system], _TOO_CLOSE
    )
    structure = f"Structure {system}" if systems.n_systems > 1 else "The structure"
    found = "atoms that are far too close"
    if len(distance):
        closest = int(np.argmin(distance))
        found = f"the atoms {i[closest]} and {j[closest]} at a distance of {distance[closest]:.3g} angstrom"
    raise InputError(f"{structure} has no finite energy and forces: it has {found}; correct it.")


@dataclass(frozen=True, eq=False)
class MemberPrediction:
    """Committee predictions: a leading axis of K members before the shapes of `Prediction`.

    ``energy`` (K, S), ``forces`` (K, N, 3), ``virial`` (K, S, 3, 3).
    """

    energy: FloatArray
    forces: FloatArray
    virial: FloatArray


@dataclass(frozen=True, eq=False)
class CommitteePrediction:
    """The mean model and its committee, evaluated together on one neighbour list and basis sweep.

    ``mean`` is what `ForceField.predict` returns (the potential's own coefficients, not the average of the
    members); deviations of members are taken from it: sigma^2 = 1/K sum_k (E_k - E_mean)^2.
    """

    mean: Prediction
    members: MemberPrediction


@dataclass(frozen=True, eq=False)
class BiasedPrediction:
    """Unbiased energy and uncertainty, with forces and virial of the biased surface E - tau * sigma.

    ``energy`` (S,), ``sigma`` (S,) in eV; ``forces`` (N, 3), ``virial`` (S, 3, 3) of E - tau sigma.
    """

    energy: FloatArray
    sigma: FloatArray
    forces: FloatArray
    virial: FloatArray


class ForceField(Protocol):
    """Anything that predicts: our evaluator, or an analytic model in a test."""

    def predict(self, systems: Systems) -> Prediction:
        """Energy, forces and virial of every system, in arrays that are the caller's to keep."""
        ...


class UncertainForceField(ForceField, Protocol):
    """A force field that knows its uncertainty (committee or exact posterior)."""

    def predict_members(self, systems: Systems) -> MemberPrediction:
        """Energy, forces and virial of every committee member."""
        ...

    def predict_committee(self, systems: Systems) -> CommitteePrediction:
        """Return the mean model and every committee member from one sweep over the basis."""
        ...

    def predict_biased(
        self, systems: Systems, tau: FloatArray, uncertainty: Uncertainty = "committee"
    ) -> BiasedPrediction:
        """Unbiased energy and sigma; forces and virial of E - tau * sigma, with tau of shape (S,).

        sigma is the committee's, about the mean model (`CommitteePrediction`), or the exact posterior's;
        where sigma is zero its gradient counts as zero.
        """
        ...
