"""Energies count as much as lowers errors on configurations left out."""

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

from atomsmith import Dataset
from atomsmith.descriptors import AceSettings, PairSettings
from atomsmith.fitting import Elimination, Evidence, KindWeights, TypeWeights, Weights
from atomsmith.fitting.energy_weight import FEWEST, MULTIPLES, EnergyChoice, _squares_left_out
from atomsmith.fitting.fit import fit_model, solve_model
from atomsmith.fitting.problem import Problem
from atomsmith.fitting.rows.factor import leave_one_out
from atomsmith.fitting.settings import PotentialSettings
from atomsmith.fitting.solvers.registry import solve
from atomsmith.fitting.solvers.standard_form import StandardForm
from atomsmith.fitting.weights import OPEN_ENERGY
from atomsmith.learning.settings import LearnedPotentialSettings
from atomsmith.model import ModelSettings, TermSettings

from .rattled import rattled_copper

TERMS = (
    TermSettings(descriptor=PairSettings(cutoff=4.5, degree=5)),
    TermSettings(descriptor=AceSettings(cutoff=4.5, correlation_order=2, degree=4)),
)


@pytest.fixture(scope="module")
def clean() -> Dataset:
    return Dataset(c.replace(stress=None) for c in rattled_copper(FEWEST + 10))


def noisy(data: Dataset, energy: float = 0.0, forces: float = 0.0) -> Dataset:
    """Labels with noise of some eV/atom and eV/angstrom."""
    generator = np.random.default_rng(1)
    return Dataset(
        c.replace(
            energy=c.energy + len(c.numbers) * generator.normal(0.0, energy),
            forces=c.forces + generator.normal(0.0, forces, c.forces.shape),
        )
        for c in data
    )


def settings(weights: Weights | None = None, **changes) -> PotentialSettings:
    chosen = {"solver": Elimination(functions=20)} | changes
    return PotentialSettings(model=ModelSettings(terms=TERMS), weights=weights or Weights(), **chosen)


def weight_of(result) -> float:
    return result.potential.metadata["settings"]["weights"]["energy"]


def test_noisy_forces_raise_the_weight_and_noisy_energies_lower_it(clean):
    heavy = fit_model(noisy(clean, forces=0.5), settings())
    light = fit_model(noisy(clean, energy=0.02), settings())
    assert weight_of(heavy) > OPEN_ENERGY > weight_of(light)
    for result in (heavy, light):
        choice = result.potential.metadata["energy_weight"]
        likely = [w for w, share in zip(choice["tried"], choice["shares"], strict=True) if share > 0.0]
        assert min(likely) <= weight_of(result) <= max(likely)
        assert sum(choice["shares"]) == pytest.approx(1.0)


def test_the_fit_has_the_weight_that_was_chosen(clean):
    data = noisy(clean, forces=0.5)
    chosen = fit_model(data, settings())
    given = fit_model(data, settings(Weights(energy=weight_of(chosen))))
    np.testing.assert_array_equal(chosen.potential.coefficients, given.potential.coefficients)


def test_a_robust_fit_is_judged_with_the_weight_that_was_chosen(clean):
    data = noisy(clean, forces=0.5)
    problem = Problem.of(data, settings())
    factors = fit_model(data, settings()).factors
    plain, robust = solve_model(problem, factors), solve_model(problem, factors, factors)
    assert weight_of(robust) == weight_of(plain) != OPEN_ENERGY
    assert robust.potential.metadata["calibration"] == plain.potential.metadata["calibration"]


@pytest.mark.parametrize(
    ("count", "changes"),
    [
        (FEWEST - 1, {}),
        (None, {"solver": Evidence()}),
        (None, {"calibrate": False}),
        (None, {"weights": Weights(forces=0.0)}),
        (None, {"weights": Weights(types={"odd": TypeWeights(energy=3.0)})}),
        (None, {"weights": Weights(energy=OPEN_ENERGY)}),
    ],
)
def test_the_usual_weight_stays_where_there_is_nothing_to_choose(clean, count, changes):
    result = fit_model(noisy(clean, forces=0.5)[:count], settings(**changes))
    assert weight_of(result) == OPEN_ENERGY
    assert "energy_weight" not in result.potential.metadata


def test_learning_keeps_the_weight(clean):
    result = fit_model(noisy(clean, forces=0.5), LearnedPotentialSettings(model=ModelSettings(terms=TERMS)))
    assert weight_of(result) == OPEN_ENERGY


def test_errors_left_out_are_those_of_fits_to_the_other_groups(clean):
    """Against one decomposition for each weight and group, with the same functions and hyperparameters."""
    result = fit_model(noisy(clean, energy=0.001, forces=0.1), settings())
    factors, prior, virial = result.factors, result.prior, 0.0
    found = solve(result.factor, prior, Elimination(functions=20))
    tried = OPEN_ENERGY * np.array(MULTIPLES)
    energies, forces = (factors.by_group(KindWeights(*pair, virial)) for pair in ((1.0, 0.0), (0.0, 1.0)))
    squares = _squares_left_out(factors, energies, forces, list(energies), tried, weight_of(result), found)
    for row, weight in enumerate(tried):
        groups = list(factors.by_group(KindWeights(weight, 1.0, virial)).values())
        for column, rest in enumerate(leave_one_out(groups)):
            form = StandardForm.build(rest, prior)
            alpha = found.alpha[form.penalised] / prior.penalty[form.penalised] ** 2
            mean = form.posterior(alpha, found.beta).mean
            parts = [part.squares(mean) for part in factors.groups[column].parts if part.n_rows]
            expected = [sum(part[kind] for part in parts) for kind in ("energy", "forces")]
            np.testing.assert_allclose(squares[row, column], expected, rtol=1e-8)


@pytest.mark.parametrize("shift", [0.0, 500.0])
def test_a_group_that_alone_tells_of_an_element_is_no_judge(clean, shift):
    atoms = bulk("Cu", cubic=True)
    atoms.symbols[0] = "Ag"
    atoms.calc = EMT()
    atoms.get_forces()
    alloy = Dataset.from_atoms([atoms])[0].replace(stress=None)
    data = noisy(clean, forces=0.5)
    choice = fit_model([*data, alloy.replace(energy=alloy.energy + shift)], settings()).energy_choice
    assert choice.weight > OPEN_ENERGY
    # Four groups have 256 samples.
    np.testing.assert_allclose(256.0 * np.array(choice.shares) % 1.0, 0.0, atol=1e-9)


def test_where_groups_agree_theirs_is_taken():
    tried = np.array([15.0, 30.0, 60.0])
    choice = EnergyChoice.of(tried, np.array([[0.1] * 5, [0.0] * 5, [-0.03, -0.02, -0.01, -0.02, -0.02]]), 1)
    assert choice.weight == 60.0
    assert choice.shares == (0.0, 0.0, 1.0)
    assert choice.text == "energy 60 instead of 30: 60 is best on configurations left out"


def test_where_groups_disagree_the_mean_of_what_may_be_best_is_taken():
    """Of samples of two groups of opposite opinion and equal strength, both win as often."""
    tried = np.array([30.0, 60.0, 120.0])
    choice = EnergyChoice.of(tried, np.array([[0.0, 0.0], [1.0, 1.0], [-2.0, 1.0]]), 0)
    assert choice.shares == (0.25, 0.0, 0.75)
    assert choice.weight == float(f"{30.0**0.25 * 120.0**0.75:.2g}")
    assert "30 to 120 are best" in choice.text


def test_the_usual_weight_stays_where_the_mean_is_near_it_or_all_are_equal():
    tried = np.array([15.0, 30.0, 60.0])
    near = EnergyChoice.of(tried, np.array([[0.0, 0.0], [1.0, -1.0], [-1.0, 1.0]]), 1)
    assert near.weight == 30.0
    assert "stays" in near.text
    assert EnergyChoice.of(tried, np.zeros((3, 5)), 1).shares == (0.0, 1.0, 0.0)


def test_forces_that_symmetry_forbids_leave_the_choice_to_energies(clean):
    frames = []
    for strain in np.linspace(0.9, 1.1, FEWEST + 5):
        atoms = bulk("Cu", cubic=True)
        atoms.set_cell(atoms.cell.array * strain, scale_atoms=True)
        atoms.calc = EMT()
        atoms.get_forces()
        frames.append(atoms)
    data = Dataset(c.replace(stress=None, forces=np.zeros_like(c.forces)) for c in Dataset.from_atoms(frames))
    result = fit_model(data, settings())
    assert np.isfinite(result.potential.coefficients).all()
    assert np.isfinite(result.energy_choice.gains).all()
