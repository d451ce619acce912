import math

import numpy as np
import pytest
from pydantic import ValidationError

from atomsmith.prediction import CommitteePrediction, MemberPrediction, Prediction
from atomsmith.sampling import BiasSettings, SamplingSettings, Walkers, run, thermalised
from atomsmith.sampling.bias import (
    TauState,
    committee_derivatives,
    committee_sigma,
    scheduled_tau_rel,
    updated_tau,
)
from atomsmith.sampling.layout import Layout, norms
from atomsmith.sampling.surface import evaluate, evaluate_details, sampled_energy
from atomsmith.sampling.trigger import largest_uncertainty, relative_force_uncertainty

from .models import UncertainLennardJones, lj_crystal, systems_of

MODEL = UncertainLennardJones(cutoff=5.2)


def pair_of_crystals():
    return systems_of(lj_crystal(2, seed=1), lj_crystal(2, seed=2, lattice=5.6))


@pytest.mark.parametrize("members", [True, False])
@pytest.mark.parametrize("tau", [0.0, 0.7])
def test_biased_forces_are_derivatives_of_the_biased_energy(members, tau):
    systems = pair_of_crystals()
    layout = Layout.of(systems)
    taus = np.array([tau, 2.0 * tau])
    details = evaluate_details(MODEL, systems, layout, "committee", members)
    surface = details.surface(taus, layout)

    def energy(displaced):
        sigma = committee_sigma(MODEL.predict_committee(displaced))
        return sampled_energy(MODEL.predict(displaced).energy, sigma, taus)

    h = 1e-5
    for atom, axis in [(0, 0), (17, 2), (40, 1)]:
        step = np.zeros_like(systems.positions)
        step[atom, axis] = h
        up, down = (energy(systems.replace(positions=systems.positions + s * step)) for s in (1, -1))
        assert -(up - down).sum() / (2 * h) == pytest.approx(surface.forces[atom, axis], abs=1e-7)
    np.testing.assert_allclose(details.sigma, committee_sigma(MODEL.predict_committee(systems)))


@pytest.mark.parametrize("axes", [(0, 0), (1, 2)])
def test_biased_virial_is_the_strain_derivative(axes):
    systems = pair_of_crystals()
    layout = Layout.of(systems)
    taus = np.array([0.5, 1.5])
    virial = evaluate_details(MODEL, systems, layout, "committee", True).surface(taus, layout).virial

    def energy(size):
        strain = np.eye(3)
        strain[axes] += size
        strained = systems.replace(positions=systems.positions @ strain, cells=systems.cells @ strain)
        surface = evaluate(MODEL, strained, "committee", taus)
        return sampled_energy(surface.energy, surface.sigma, taus)

    h = 1e-5
    np.testing.assert_allclose(
        -(energy(h) - energy(-h)) / (2 * h), virial[:, axes[0], axes[1]], rtol=1e-5, atol=1e-6
    )


def test_cheap_and_detailed_evaluations_agree():
    systems = pair_of_crystals()
    layout = Layout.of(systems)
    taus = np.array([0.3, 1.1])
    cheap = evaluate(MODEL, systems, "committee", taus)
    for kind, members in [("committee", True), ("committee", False), ("posterior", True)]:
        full = evaluate_details(MODEL, systems, layout, kind, members).surface(taus, layout)
        for name in ("energy", "sigma", "forces", "virial"):
            np.testing.assert_allclose(getattr(full, name), getattr(cheap, name), rtol=1e-9, atol=1e-11)


def test_gradient_of_a_vanishing_sigma_is_zero():
    mean = Prediction(np.zeros(1), np.zeros(2), np.ones((2, 3)), np.zeros((1, 3, 3)))
    members = MemberPrediction(np.zeros((3, 1)), np.full((3, 2, 3), 2.0), np.ones((3, 1, 3, 3)))
    layout = Layout(np.zeros(2, np.int64), np.zeros(1, np.int64), np.array([2]))
    derivatives = committee_derivatives(CommitteePrediction(mean, members), layout)
    assert derivatives.sigma[0] == 0.0
    assert not derivatives.gradient.any()
    assert not derivatives.virial.any()


def test_controller_reaches_tau_rel_and_forgets_its_past():
    layout = Layout(np.repeat([0, 1], 5), np.array([0, 5]), np.array([5, 5]))
    rng = np.random.default_rng(0)
    tau_rel, mixing = np.array([0.1, 0.25]), np.full(2, 0.05)
    unset = np.full(2, np.nan)
    state = TauState(np.zeros(2), unset, unset)
    for scale in (10.0, 1.0):
        for _ in range(400):
            forces = scale * rng.standard_normal((10, 3))
            gradient = 0.02 * rng.standard_normal((10, 3))
            state = updated_tau(state, forces, gradient, layout, tau_rel, mixing)
        np.testing.assert_allclose(state.tau, tau_rel * scale / 0.02, rtol=0.25)
        np.testing.assert_allclose(state.tau * state.mean_gradient / state.mean_force, tau_rel, rtol=1e-12)


def test_controller_ignores_values_that_are_not_finite_and_flat_sigma():
    layout = Layout(np.repeat([0, 1], 2), np.array([0, 2]), np.array([2, 2]))
    state = TauState(np.ones(2), np.array([2.0, 2.0]), np.array([0.5, 0.0]))
    forces = np.ones((4, 3))
    forces[0, 0] = np.nan
    after = updated_tau(state, forces, np.zeros((4, 3)), layout, np.full(2, 0.1), np.full(2, 0.1))
    assert after.mean_force[0] == 2.0
    assert after.tau[1] == 0.0


def test_bias_rises_after_the_burn_in():
    steps = np.array([0, 100, 125, 150, 151, 10000])
    rel = scheduled_tau_rel(np.full(6, 0.2), np.full(6, 100.0), np.full(6, 50.0), steps)
    np.testing.assert_allclose(rel, [0, 0, 0.1, 0.2, 0.2, 0.2])
    at_once = scheduled_tau_rel(np.full(2, 0.2), np.full(2, 100.0), np.zeros(2), np.array([100, 101]))
    np.testing.assert_allclose(at_once, [0.0, 0.2])


def test_relative_force_uncertainty_by_hand():
    forces = np.array([[3.0, 4.0, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    members = np.stack([forces + np.array([0.5, 0, 0]), forces - np.array([0, 0, 0.3])])
    values = relative_force_uncertainty(forces, members, 0.2)
    np.testing.assert_allclose(values, [0.4 / 5.2, 0.4 / 0.2, 0.4 / 1.2])
    layout = Layout(np.array([0, 0, 1]), np.array([0, 2]), np.array([2, 1]))
    np.testing.assert_allclose(largest_uncertainty(values, layout, "max"), [2.0, 1.0 / 3.0])
    weights = np.exp(values[:2])
    np.testing.assert_allclose(
        largest_uncertainty(values, layout, "softmax"), [weights.max() / weights.sum(), 1.0]
    )


@pytest.mark.parametrize("shift", [0.0, 900.0])
def test_softmax_is_the_largest_of_the_normalised_exponentials(shift):
    """max_i exp(f_i) / sum_j exp(f_j), written out; also where the exponentials overflow."""
    rng = np.random.default_rng(5)
    values = rng.exponential(size=9)
    expected = []
    for part in (values[:4], values[4:]):
        exponentials = [math.exp(f) for f in part]
        expected.append(max(e / sum(exponentials) for e in exponentials))
    layout = Layout(np.repeat([0, 1], [4, 5]), np.array([0, 4]), np.array([4, 5]))
    np.testing.assert_allclose(largest_uncertainty(values + shift, layout, "softmax"), expected, rtol=1e-12)


def test_run_holds_the_bias_at_its_share_and_raises_sigma():
    systems = systems_of(*[lj_crystal(2, seed=seed) for seed in range(4)])
    start = thermalised(Walkers.create(systems, np.full(128, 39.95), 2), np.full(4, 40.0))

    def settings(tau_rel):
        bias = BiasSettings(tau_rel=tau_rel, burn_in_steps=20, ramp_steps=0, window_steps=50)
        return SamplingSettings(
            temperature_k=40.0,
            timestep_fs=4.0,
            friction_per_fs=0.01,
            bias=bias,
            trigger=None,
            check_every=5,
            max_steps=300,
            record_every=5,
        )

    biased = run(start, MODEL, settings(0.3))
    plain = run(start, MODEL, settings(0.0))
    share = biased.walkers.tau * biased.walkers.mean_gradient / biased.walkers.mean_force
    np.testing.assert_allclose(share, 0.3, rtol=1e-12)
    details = evaluate_details(MODEL, biased.walkers.systems, Layout.of(systems), "committee", True)
    pull = norms(biased.walkers.tau.repeat(32)[:, None] * details.derivatives.gradient).mean()
    assert 0.15 < pull / norms(details.mean.forces).mean() < 0.5
    early = biased.trace["step"] <= 20
    assert not biased.trace["tau"][early].any()
    assert biased.trace["tau"][~early].all()
    late = biased.trace["step"] > 100
    ends = committee_sigma(MODEL.predict_committee(plain.walkers.systems))
    assert biased.trace["sigma"][late].mean() > 1.1 * ends.mean()


def test_tau_rel_is_bounded():
    with pytest.raises(ValidationError, match="tau_rel"):
        BiasSettings(tau_rel=-0.1)
