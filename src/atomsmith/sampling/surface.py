"""The energy surface walkers move on, and which calls of a force field give it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np

from atomsmith.errors import InputError
from atomsmith.prediction import (
    ForceField,
    MemberPrediction,
    Prediction,
    UncertainForceField,
    Uncertainty,
)
from atomsmith.sampling.bias import SigmaDerivatives, committee_derivatives, committee_sigma
from atomsmith.sampling.layout import Layout
from atomsmith.systems import FloatArray, Systems


class Surface(NamedTuple):
    """E and sigma (S,), forces (N, 3) and virial (S, 3, 3) of E - tau sigma; eV and angstrom."""

    energy: FloatArray
    sigma: FloatArray
    forces: FloatArray
    virial: FloatArray


@dataclass(frozen=True, eq=False)
class Details:
    """Everything at one set of positions: the mean model, sigma, its derivatives, the members' forces.

    ``derivatives`` is None when no bias was asked for, ``members`` when nobody asked for the members.
    """

    mean: Prediction
    sigma: FloatArray
    derivatives: SigmaDerivatives | None
    members: MemberPrediction | None

    def surface(self, tau: FloatArray, layout: Layout) -> Surface:
        """Return the biased surface for bias strengths ``tau`` of shape (S,)."""
        forces, virial = self.mean.forces, self.mean.virial
        if self.derivatives is not None:
            forces = forces + layout.spread(tau)[:, None] * self.derivatives.gradient
            virial = virial - tau[:, None, None] * self.derivatives.virial
        return Surface(energy=self.mean.energy, sigma=self.sigma, forces=forces, virial=virial)


def uncertain(force_field: ForceField | UncertainForceField) -> UncertainForceField:
    """Return the force field as one that knows its uncertainty.

    Raises
    ------
    InputError
        If it does not.
    """
    if not (hasattr(force_field, "predict_committee") and hasattr(force_field, "predict_biased")):
        raise InputError(
            f"{type(force_field).__name__} has no uncertainty; use a fitted potential with its posterior, "
            "or switch the bias and the trigger off."
        )
    return cast(UncertainForceField, force_field)


def evaluate(force_field: ForceField, systems: Systems, bias: Uncertainty | None, tau: FloatArray) -> Surface:
    """Return the surface at the least cost: one plain or one biased prediction."""
    if bias is None:
        plain = force_field.predict(systems)
        return Surface(plain.energy, np.full(len(plain.energy), np.nan), plain.forces, plain.virial)
    biased = uncertain(force_field).predict_biased(systems, tau, bias)
    return Surface(biased.energy, biased.sigma, biased.forces, biased.virial)


def evaluate_details(
    force_field: UncertainForceField,
    systems: Systems,
    layout: Layout,
    bias: Uncertainty | None,
    members: bool,
) -> Details:
    """Return forces, sigma and its derivatives apart from each other, for the trigger and the controller.

    With members (the trigger) a committee's sigma comes from the same call. Otherwise the gradient of sigma
    is the difference between the biased surface at tau = 1 and the plain one.
    """
    committee = force_field.predict_committee(systems) if members else None
    if committee is not None and bias != "posterior":
        derivatives = committee_derivatives(committee, layout) if bias is not None else None
        sigma = committee_sigma(committee) if derivatives is None else derivatives.sigma
        return Details(committee.mean, sigma, derivatives, committee.members)
    mean = force_field.predict(systems) if committee is None else committee.mean
    unknown = np.full(systems.n_systems, np.nan)
    if bias is None:
        return Details(mean, unknown, None, None)
    probe = force_field.predict_biased(systems, np.ones(systems.n_systems), bias)
    derivatives = SigmaDerivatives(
        sigma=probe.sigma, gradient=probe.forces - mean.forces, virial=mean.virial - probe.virial
    )
    return Details(mean, probe.sigma, derivatives, None if committee is None else committee.members)


def sampled_energy(energy: FloatArray, sigma: FloatArray, tau: FloatArray) -> FloatArray:
    """E - tau sigma in eV, shape (S,); sigma may be NaN where tau is zero."""
    return energy - np.where(tau > 0.0, tau * sigma, 0.0)
