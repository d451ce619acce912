"""What simple crystals are expected to cost, as a prior of fits, and the check of finished potentials."""

from dataclasses import replace

import numpy as np
import pytest
from ase.build import bulk, fcc111, molecule
from ase.calculators.emt import EMT

from atomsmith import Dataset
from atomsmith.builders.crystals import PROTOTYPES
from atomsmith.descriptors import AceSettings, PairSettings
from atomsmith.elements import COHESIVE_ENERGIES
from atomsmith.evaluator import PlanEvaluator
from atomsmith.fitting import Elimination, Evidence, Prior, errors, solve
from atomsmith.fitting.crystal_check import ADVICE, DISTANCES, NAMED, TOLERANCE, check_crystals
from atomsmith.fitting.fit import fit_model
from atomsmith.fitting.problem import Problem
from atomsmith.fitting.settings import PotentialSettings
from atomsmith.fitting.simple_crystals import (
    ABOVE,
    DOUBT,
    RELATIVE,
    SHARE,
    ExpectedEnergies,
    energy_rows,
    expected_energies,
    ground_states,
    noise_of,
)
from atomsmith.fitting.solvers.posterior import Posterior
from atomsmith.fitting.solvers.prior import Beliefs
from atomsmith.fitting.trainers.kernel import whitening, with_kernels
from atomsmith.learning.settings import LearnedPotentialSettings
from atomsmith.model import ModelSettings, TermSettings

from .conftest import make_problem
from .rattled import TERMS, rattled_copper, rattled_silicon

COPPER = COHESIVE_ENERGIES["Cu"]


def settings(**changes) -> PotentialSettings:
    chosen = {"model": ModelSettings(terms=TERMS), "solver": Elimination(functions=20)} | changes
    return PotentialSettings(**chosen)


def labelled(atoms, **fields):
    """A configuration with the energy of effective medium theory."""
    atoms.calc = EMT()
    atoms.get_forces()
    return Dataset.from_atoms([atoms])[0].replace(**fields)


@pytest.fixture(scope="module")
def copper() -> Dataset:
    return rattled_copper(30)


@pytest.fixture(scope="module")
def problem(copper) -> Problem:
    return Problem.of(copper, settings())


def test_the_ground_state_is_the_lowest_of_the_bulk(copper) -> None:
    slab = fcc111("Cu", (2, 2, 2), vacuum=6.0)
    slab.pbc = True
    low = min(copper, key=lambda c: c.energy / len(c.numbers))
    # Neither vacuum nor a molecule nor another element is bulk copper, however low it is said to lie.
    others = [
        labelled(slab, energy=-1e3),
        labelled(molecule("H2"), energy=-1e3),
        labelled(bulk("CuAu", "cesiumchloride", a=3.0), energy=-1e3),
    ]
    found = ground_states(Problem.of(Dataset([*copper, *others]), settings()))
    assert [state.symbol for state in found] == ["Cu"]
    assert found[0].energy == pytest.approx(low.energy / len(low.numbers))


def test_all_structures_have_the_same_least_energy_at_distances_of_their_own(problem) -> None:
    """The law of Abell: 12 neighbours sit farther away than 4, and bind as strongly."""
    (state,) = ground_states(problem)
    best = {}
    for distance, cell in state.crystals(count=100):
        ratio = np.sqrt(state.densities(cell) / state.density)
        excess = COPPER * float(np.square(ratio - 1.0).mean())
        if excess < best.get(cell.config_type, (np.inf, 0.0))[0]:
            best[cell.config_type] = excess, distance
    assert set(best) == set(PROTOTYPES)
    assert max(excess for excess, _ in best.values()) < 0.01 * COPPER
    assert best["diamond"][1] < best["sc"][1] < best["bcc"][1] < best["fcc"][1]
    assert best["fcc"][1] == pytest.approx(2.55, abs=0.05)


def test_expected_energies_are_those_of_the_law(problem) -> None:
    """With the repulsion that the plan has, and with energies known beforehand."""
    (state,) = ground_states(problem)
    given = replace(problem, reference=np.array([-1.25]), held=True)
    expected = expected_energies(given, [state])
    assert expected is not None
    cells = [cell for _, cell in state.crystals()]
    law = np.array([np.square(np.sqrt(state.densities(c) / state.density) - 1.0).mean() for c in cells])
    _, repulsion = energy_rows(PlanEvaluator(given.model.plan), cells)
    np.testing.assert_allclose(
        expected.energies + repulsion - 1.25, state.energy + COPPER * (law + ABOVE), rtol=1e-12
    )
    np.testing.assert_allclose(expected.std, COPPER * np.hypot(ABOVE, RELATIVE * law), rtol=1e-12)


def test_nothing_is_expected_of_elements_without_bulk_or_known_cohesion(problem) -> None:
    assert expected_energies(problem, []) is None
    water = Dataset([labelled(molecule("H2O")), labelled(molecule("OH"))])
    assert ground_states(Problem.of(water, settings())) == []


def test_beliefs_are_rows_of_their_own() -> None:
    """The posterior is that of data with as many more rows, in every solver."""
    small = make_problem(120, 15)
    more = make_problem(9, 15, seed=3)
    believing = Prior.create(np.linspace(1.0, 3.0, 15), free=[0], mean=np.linspace(-1.0, 1.0, 15))
    plain = Prior.create(believing.penalty, mean=believing.mean)
    believing = Prior(believing.penalty, believing.mean, beliefs=Beliefs(more.A, more.y))
    factor = small.factor
    factor.fold(more.A, more.y)
    for solver in (Evidence(), Elimination(functions=9)):
        found, same = solve(small.factor, believing, solver), solve(factor, plain, solver)
        np.testing.assert_allclose(found.coefficients, same.coefficients, rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(
            found.posterior.covariance(), same.posterior.covariance(), rtol=1e-8, atol=1e-12
        )
        assert found.log_evidence == pytest.approx(same.log_evidence)


def test_noise_is_that_of_the_data() -> None:
    problem = make_problem(4000, 15, noise=0.1)
    assert noise_of(problem.factor, Prior.flat(15)) == pytest.approx(0.1, rel=0.05)
    few = make_problem(30, 15, noise=0.1)
    assert noise_of(few.factor, Prior.flat(15)) > 0.02


def test_beliefs_weigh_no_more_than_their_share() -> None:
    many, few = make_problem(40_000, 15), make_problem(200, 15)
    expected = ExpectedEnergies(np.ones((50, 15)), np.ones(50), np.full(50, 0.5))
    for problem, doubt in ((many, DOUBT), (few, np.sqrt(SHARE * 200 / 50))):
        prior = expected.join(Prior.flat(15), problem.factor, 0.0)
        noise = noise_of(problem.factor, Prior.flat(15))
        np.testing.assert_allclose(prior.beliefs.rows, doubt * noise / 0.5, rtol=1e-12)


def test_beliefs_have_the_columns_that_are_solved_for(copper) -> None:
    """Those of a kernel are combinations of its outputs."""
    terms = [{"descriptor": TERMS[1].descriptor, "regressor": {"kind": "kernel", "points": 12}}]
    given = settings(model=ModelSettings(terms=terms), solver=Evidence(), beyond_data="crystals")
    problem = with_kernels(Problem.of(copper, given))
    raw, white = expected_energies(problem, ground_states(problem)), whitening(problem)
    assert white
    rows = raw.transformed(white).rows
    c = np.random.default_rng(0).normal(size=rows.shape[1])
    of_outputs = Posterior(c, np.arange(len(c)), np.eye(len(c)), 1.0).transformed(white).mean
    np.testing.assert_allclose(rows @ c, raw.rows @ of_outputs, rtol=1e-12, atol=1e-12 * np.abs(rows).max())
    beliefs = fit_model(copper, given).prior.beliefs
    weight = beliefs.rows[:, 0] / raw.rows[:, 0]  # by the reference energy
    np.testing.assert_allclose(beliefs.rows, weight[:, None] * rows, rtol=1e-9, atol=1e-12)


def test_holes_are_told_and_cured_at_no_cost() -> None:
    terms = (
        TermSettings(descriptor=PairSettings(cutoff=5.0, degree=8)),
        TermSettings(descriptor=AceSettings(cutoff=5.0, correlation_order=3, degree=9)),
    )
    chosen = settings(model=ModelSettings(terms=terms), solver=Elimination(functions=100))
    data, test = rattled_silicon(40), rattled_silicon(20, seed=9)
    plain = fit_model(data, chosen.model_copy(update={"beyond_data": "none"}))
    told = check_crystals(plain.potential, plain.ground_states)
    assert told.holes
    assert told.holes[0].nearest_angstrom == max(hole.nearest_angstrom for hole in told.holes)
    assert all(TOLERANCE < hole.depth_ev_per_atom <= hole.deepest_ev_per_atom for hole in told.holes)
    assert told.holes[0].std_ev_per_atom > 0.0
    assert all(hole.text in told.text for hole in told.holes[:NAMED])
    assert told.text.endswith(ADVICE)
    believing = fit_model(data, chosen)
    assert not check_crystals(believing.potential, believing.ground_states).holes
    before, after = (errors(test, one.potential.predict(test)).total for one in (plain, believing))
    assert after.forces.rmse < 1.02 * before.forces.rmse
    assert after.energy.rmse < 1.05 * before.energy.rmse


def test_only_fits_that_choose_functions_believe_by_default() -> None:
    assert settings().expects_crystals
    assert not settings(beyond_data="none").expects_crystals
    assert not settings(solver=Evidence()).expects_crystals
    assert settings(solver=Evidence(), beyond_data="crystals").expects_crystals
    assert not LearnedPotentialSettings().expects_crystals


def test_the_check_grades_holes_and_says_when_there_are_none(copper) -> None:
    result = fit_model(copper, settings(extrapolation={"kind": "ranges"}))
    (state,) = result.ground_states
    check = check_crystals(result.potential, [state])
    assert not check.holes
    assert f"none of {DISTANCES * len(PROTOTYPES)} simple crystals of Cu" in check.text
    low = check_crystals(result.potential, [replace(state, energy=state.energy + 1.0)])
    assert {hole.structure for hole in low.holes} >= {"fcc", "hcp"}
    assert all(hole.grade is not None and "extrapolation grade" in hole.text for hole in low.holes)
    assert low.to_dict()["crystals"] == check.crystals
    assert check_crystals(result.potential, ()).text == ""
