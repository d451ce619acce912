"""Every descriptor with every regressor, from settings to forces: a new one joins by one line."""

import dataclasses
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

from atomsmith import Potential, fit
from atomsmith.descriptors import (
    AceSettings,
    BispectrumSettings,
    InversePowersSettings,
    MomentsSettings,
    PairSettings,
    SoapSettings,
    SymmetryFunctionsSettings,
)
from atomsmith.errors import InputError
from atomsmith.fitting.settings import PotentialSettings
from atomsmith.model import ModelSettings, TermSettings
from atomsmith.prediction import stress_from_virial
from atomsmith.regressors import (
    EmbeddingSettings,
    KernelSettings,
    LinearSettings,
    NetworkSettings,
    QuadraticSettings,
)
from atomsmith.systems import Systems
from fitting.test_fit import labelled, structures, truth

DESCRIPTORS = {
    "ace": AceSettings(cutoff=3.4, correlation_order=2, degree=[2.0, 2.0]),
    "bispectrum": BispectrumSettings(cutoff=3.4, twojmax=2),
    "moments": MomentsSettings(kind="moments", cutoff=3.4, level=6, radial_size=4),
    "symmetry functions": SymmetryFunctionsSettings(
        kind="symmetry_functions", cutoff=3.4, radial_size=2, angular_size=1, zetas=(1.0,)
    ),
    "soap": SoapSettings(kind="soap", cutoff=3.4, n_max=2, l_max=1),
}
REGRESSORS = {
    "linear": LinearSettings(),
    "quadratic": QuadraticSettings(kind="quadratic"),
    "embedding": EmbeddingSettings(kind="embedding", steps=3),
    "kernel": KernelSettings(kind="kernel", points=24, zeta=2),
    "network": NetworkSettings(kind="network", hidden=(5,), members=3, epochs=3),
}
PAIRS = [(descriptor, regressor) for descriptor in DESCRIPTORS for regressor in REGRESSORS]
STENCIL = ((-3, -1 / 60), (-2, 3 / 20), (-1, -3 / 4), (1, 3 / 4), (2, -3 / 20), (3, 1 / 60))
every_pair = pytest.mark.parametrize(("descriptor", "regressor"), PAIRS, ids=lambda name: name)


@dataclass(frozen=True, eq=False)
class Case:
    """A fitted pair and a structure that the fit has not seen."""

    potential: Potential
    systems: Systems


@cache
def data():
    found = structures(6, 11)
    return labelled(found, truth(found))


@cache
def case(descriptor, regressor) -> Case:
    if regressor == "network":
        pytest.importorskip("jax", reason="training needs JAX: pip install 'atomsmith[network]'")
    term = TermSettings(descriptor=DESCRIPTORS[descriptor], regressor=REGRESSORS[regressor])
    settings = PotentialSettings(model=ModelSettings(terms=(term,)), committee=3)
    return Case(fit(data(), settings), Systems.from_configurations(structures(1, 12)))


def predict(found: Case, systems=None):
    """Energy less that of isolated atoms, which would cost digits, forces and stress."""
    systems = systems or found.systems
    coefficients = found.potential.coefficients.copy()
    coefficients[: len(found.potential.elements)] = 0.0
    relative = dataclasses.replace(found.potential, coefficients=coefficients)
    prediction = relative.evaluator(skin=0.0).predict(systems)
    stress = stress_from_virial(prediction.virial, systems.volumes)[0]
    return prediction.energy[0], prediction.forces, stress


@every_pair
def test_forces_and_stress_are_derivatives_of_the_energy(descriptor, regressor):
    found = case(descriptor, regressor)
    systems, step = found.systems, 5e-5
    _, forces, stress = predict(found)
    direction = np.random.default_rng(1).normal(size=systems.positions.shape)
    strain = np.random.default_rng(2).normal(size=(3, 3))
    strain = 0.1 * (strain + strain.T)
    along = squeezed = 0.0
    for k, weight in STENCIL:
        moved = systems.replace(positions=systems.positions + k * step * direction)
        along += weight * predict(found, moved)[0] / step
        deformed = np.eye(3) + k * step * strain
        bent = systems.replace(positions=systems.positions @ deformed, cells=systems.cells @ deformed)
        squeezed += weight * predict(found, bent)[0] / step
    assert along == pytest.approx(-np.sum(forces * direction), abs=1e-7 * np.abs(forces).max())
    voigt = np.array([strain[a, b] for a, b in ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))])
    work = systems.volumes[0] * stress @ (voigt * np.array([1, 1, 1, 2, 2, 2]))
    assert squeezed == pytest.approx(work, abs=1e-7 * systems.volumes[0] * np.abs(stress).max())


@every_pair
def test_symmetries(descriptor, regressor):
    """Rotation with reflection, translation, another order of atoms, and a supercell."""
    found = case(descriptor, regressor)
    systems, rng = found.systems, np.random.default_rng(3)
    energy, forces, _ = predict(found)
    close = {"rtol": 0.0, "atol": 1e-11 * max(1.0, np.abs(forces).max(), abs(energy))}
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turned = predict(found, systems.replace(positions=systems.positions @ turn, cells=systems.cells @ turn))
    np.testing.assert_allclose(turned[0], energy, **close)
    np.testing.assert_allclose(turned[1], forces @ turn, **close)
    moved = predict(found, systems.replace(positions=systems.positions + rng.normal(size=3)))
    np.testing.assert_allclose(moved[1], forces, **close)
    order = rng.permutation(systems.n_atoms)
    mixed = predict(
        found, systems.replace(numbers=systems.numbers[order], positions=systems.positions[order])
    )
    np.testing.assert_allclose(mixed[0], energy, **close)
    np.testing.assert_allclose(mixed[1], forces[order], **close)
    doubled = systems.replace(
        numbers=np.tile(systems.numbers, 2),
        positions=np.concatenate([systems.positions, systems.positions + systems.cells[0, 1]]),
        cells=systems.cells * np.array([1.0, 2.0, 1.0])[None, :, None],
        first=2 * systems.first,
    )
    twice = predict(found, doubled)
    np.testing.assert_allclose(twice[0], 2.0 * energy, **close)
    np.testing.assert_allclose(twice[1], np.tile(forces, (2, 1)), **close)
    np.testing.assert_allclose(forces.sum(axis=0), 0.0, **close)


@every_pair
def test_saved_and_loaded(descriptor, regressor, tmp_path):
    found = case(descriptor, regressor)
    found.potential.save(tmp_path / "potential.json")
    again = Case(Potential.load(tmp_path / "potential.json"), found.systems)
    for one, other in zip(predict(found), predict(again), strict=True):
        np.testing.assert_array_equal(one, other)
    assert again.potential.features.labels == found.potential.features.labels
    assert again.potential.cutoff == found.potential.cutoff
    assert again.potential.n_functions > 0


@every_pair
def test_committee_and_bias(descriptor, regressor):
    """Members are potentials of their own; the bias is that of their spread, and so are its forces."""
    found = case(descriptor, regressor)
    evaluator, systems = found.potential.evaluator(skin=0.0), found.systems
    members = evaluator.predict_members(systems)
    assert len(members.energy) == 3
    for k, member in enumerate(found.potential.committee):
        alone = evaluator.predict_sets(systems, evaluator.weights(member[None]))
        np.testing.assert_allclose(members.forces[k], alone[1][0], atol=1e-10 * np.abs(alone[1]).max())
    tau = np.array([0.5])
    biased = evaluator.predict_biased(systems, tau)
    mean = evaluator.predict(systems).energy
    expected = np.sqrt(np.square(members.energy - mean).mean(axis=0))
    np.testing.assert_allclose(biased.sigma, expected, rtol=1e-6)

    def energy(positions):
        there = found.potential.evaluator(skin=0.0)
        value = there.predict_biased(systems.replace(positions=positions), tau)
        return (value.energy - tau * value.sigma)[0]

    step, slope = 1e-3, 0.0
    for k, weight in STENCIL:
        positions = systems.positions.copy()
        positions[2, 1] += k * step
        slope += weight * energy(positions) / step
    assert biased.forces[2, 1] == pytest.approx(-slope, abs=2e-6 * np.abs(biased.forces).max())


PAIR = PairSettings(cutoff=3.5, degree=3)
POWERS = InversePowersSettings(kind="inverse_powers", powers=(6, 12))


@pytest.mark.parametrize(
    ("descriptor", "regressor"),
    [
        *((PAIR, name) for name in ("quadratic", "embedding", "network")),
        *((POWERS, name) for name in REGRESSORS if name != "linear"),
    ],
    ids=lambda value: getattr(value, "kind", value),
)
def test_terms_that_describe_no_atom_are_refused(descriptor, regressor):
    if regressor == "network":
        pytest.importorskip("jax", reason="training needs JAX: pip install 'atomsmith[network]'")
    term = TermSettings(descriptor=descriptor, regressor=REGRESSORS[regressor])
    with pytest.raises(InputError, match=f"regressor {regressor}.*single atom"):
        fit(data(), PotentialSettings(model=ModelSettings(terms=(term,), repulsion=None)))
