"""The uncertainty bias: E - tau sigma, and the controller that keeps tau at a share of the forces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from atomsmith.prediction import CommitteePrediction, Uncertainty
from atomsmith.sampling.layout import Layout, norms
from atomsmith.settings import Settings
from atomsmith.systems import FloatArray


class BiasSettings(Settings):
    """The uncertainty bias of hyperactive learning."""

    tau_rel: float = Field(
        default=0.1,
        ge=0.0,
        le=1.0,
        description="Strength of the bias as a share of the forces, 0.05 to 0.3 as a rule; 0 is no bias.",
    )
    uncertainty: Uncertainty = Field(
        default="committee",
        description="Whose sigma: the committee's, or the posterior's exact one.",
    )
    window_steps: int = Field(
        default=100, ge=1, description="Memory, in steps, of the running averages of |F| and |grad sigma|."
    )
    burn_in_steps: int = Field(
        default=20, ge=0, description="Steps without bias at the start, in which the averages form."
    )
    ramp_steps: int = Field(
        default=20,
        ge=0,
        description="Steps after the burn-in in which the bias grows from zero to `tau_rel`.",
    )


@dataclass(frozen=True, eq=False)
class SigmaDerivatives:
    """sigma of the total energy and its derivatives.

    Attributes
    ----------
    sigma
        eV, shape (S,).
    gradient
        d sigma / d position in eV/angstrom, shape (N, 3).
    virial
        -d sigma / d strain in eV, shape (S, 3, 3).
    """

    sigma: FloatArray
    gradient: FloatArray
    virial: FloatArray


def committee_sigma(committee: CommitteePrediction) -> FloatArray:
    """Sigma = sqrt(1/K sum_k (E_k - E)^2) with E of the mean model, in eV, shape (S,)."""
    deviation = committee.members.energy - committee.mean.energy
    sigma: FloatArray = np.sqrt((deviation * deviation).sum(axis=0) / len(deviation))
    return sigma


def committee_derivatives(committee: CommitteePrediction, layout: Layout) -> SigmaDerivatives:
    """Sigma and its exact derivatives from the members' energies, forces and virials.

    grad sigma = -sum_k (E_k - E)(F_k - F) / (K sigma), where E and F are the mean model's, the same E that
    sigma is taken about (van der Oord et al., npj Comput. Mater. 9:168 (2023)). Where sigma vanishes it has
    a kink and the gradient is set to zero.
    """
    mean, members = committee.mean, committee.members
    deviation = members.energy - mean.energy
    sigma = committee_sigma(committee)
    safe = np.where(sigma > 0.0, sigma, np.inf)
    weight = deviation / (len(deviation) * safe)
    gradient = -(weight[:, layout.owner, None] * (members.forces - mean.forces)).sum(axis=0)
    virial = (weight[:, :, None, None] * (members.virial - mean.virial)).sum(axis=0)
    return SigmaDerivatives(sigma=sigma, gradient=gradient, virial=virial)


@dataclass(frozen=True, eq=False)
class TauState:
    """Bias strength and the running averages behind it, each of shape (S,); see `Walkers`."""

    tau: FloatArray
    mean_force: FloatArray
    mean_gradient: FloatArray


def updated_tau(
    state: TauState,
    forces: FloatArray,
    gradient: FloatArray,
    layout: Layout,
    tau_rel: FloatArray,
    mixing: FloatArray,
) -> TauState:
    """Take a step of the controller: tau = tau_rel <|F|> / <|grad sigma|> for every walker.

    The averages are over the atoms of a walker and, exponentially, over its recent past; the bias then is
    on average ``tau_rel`` times as strong as the forces (van der Oord et al., npj Comput. Mater. 9:168).

    Parameters
    ----------
    state
        Where the controller stands; NaN averages are replaced by the first values.
    forces, gradient
        Unbiased forces and grad sigma in eV/angstrom, shape (N, 3).
    layout
        Of the batch.
    tau_rel, mixing
        Relative strength and weight of the new values in the averages, shape (S,).
    """
    mean_force = _mixed(state.mean_force, layout.mean(norms(forces)), mixing)
    mean_gradient = _mixed(state.mean_gradient, layout.mean(norms(gradient)), mixing)
    with np.errstate(divide="ignore", invalid="ignore"):
        tau = np.where(mean_gradient > 0.0, tau_rel * mean_force / mean_gradient, 0.0)
    return TauState(tau=tau, mean_force=mean_force, mean_gradient=mean_gradient)


def scheduled_tau_rel(
    tau_rel: FloatArray, burn_in: FloatArray, ramp: FloatArray, step: NDArray[np.int64]
) -> FloatArray:
    """tau_rel at a step: zero during the burn-in, then a linear rise over ``ramp`` steps; shapes (S,)."""
    rise = np.clip((step - burn_in) / np.maximum(ramp, 1.0), 0.0, 1.0)
    value: FloatArray = tau_rel * rise
    return value


def _mixed(average: FloatArray, value: FloatArray, mixing: FloatArray) -> FloatArray:
    # A walker about to be stopped for a value that is not finite must not spoil its averages.
    mixed = np.where(np.isnan(average), value, average + mixing * (value - average))
    return np.where(np.isfinite(value), mixed, average)
