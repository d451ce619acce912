"""Fits of data that a potential of the same basis made, repulsive cores, reference energies, refusals."""

import dataclasses

import numpy as np
import pytest

from atomsmith import Dataset
from atomsmith.data.configuration import Configuration
from atomsmith.descriptors import AceSettings, BispectrumSettings, PairSettings
from atomsmith.errors import InputError
from atomsmith.evaluator import PlanEvaluator
from atomsmith.fitting import ARD, Elimination, Evidence, KindWeights, Ridge, cross_validate, solve
from atomsmith.fitting.core import dimer_energies, dimers, holes
from atomsmith.fitting.fit import fit, fit_model, solve_model
from atomsmith.fitting.problem import Problem, distances_of, reference_energies
from atomsmith.fitting.rows.design import RowMaker
from atomsmith.fitting.rows.factor_set import FactorSet
from atomsmith.fitting.settings import PotentialSettings, ReferenceEnergies
from atomsmith.fitting.solvers.prior import standardised
from atomsmith.fitting.weights import TypeWeights, Weights
from atomsmith.model import ModelSettings, RepulsionSettings, TermSettings, build_model
from atomsmith.potential import Potential
from atomsmith.prediction import stress_from_virial
from atomsmith.systems import Systems
from engine.plans import Shape, random_system

ELEMENTS = (8, 14)
TERMS = (
    TermSettings(descriptor=PairSettings(cutoff=4.0, degree=6)),
    TermSettings(descriptor=AceSettings(cutoff=3.6, correlation_order=3, degree=[2.0, 3.0, 2.0])),
)
MODEL = ModelSettings(terms=TERMS)
CRYSTAL = Shape(8, (4.6, 4.6, 4.6), (True, True, True), skew=0.1, closest=1.5)


def structures(count, seed):
    """Random periodic configurations of both elements without labels."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        systems = random_system(CRYSTAL, ELEMENTS, rng.integers(2**31))
        found.append(Configuration(systems.numbers, systems.positions, systems.cells[0], systems.pbc[0]))
    return found


def truth(configurations, seed=0, pair_scale=None):
    """A potential of the basis that a fit to these configurations builds."""
    model = build_model(MODEL, ELEMENTS, distances_of(Dataset(configurations), ELEMENTS))
    coefficients = np.random.default_rng(seed).normal(size=len(model.features)) / model.features.smoothness
    coefficients[: len(ELEMENTS)] = [-430.0, -160.0]
    if pair_scale is not None:
        coefficients[model.term == 0] = pair_scale
    return Potential(model.elements, model.plan, model.features, coefficients)


def labelled(configurations, potential):
    """Energy, forces and stress as the potential predicts them."""
    prediction = potential.predict(configurations)
    systems = Systems.from_configurations(configurations)
    stress = stress_from_virial(prediction.virial, systems.volumes)
    return Dataset(
        dataclasses.replace(
            c,
            energy=prediction.energy[s],
            forces=prediction.forces[systems.first[s] : systems.first[s + 1]],
            stress=stress[s],
        )
        for s, c in enumerate(configurations)
    )


@pytest.fixture(scope="module")
def known():
    train = structures(16, 1)
    potential = truth(train)
    return potential, labelled(train, potential)


@pytest.mark.parametrize("solver", [Ridge(strength=1e-14), Evidence(), ARD()], ids=lambda s: s.kind)
def test_a_known_potential_is_retrieved(known, solver):
    """From noise-free data: forces of new structures to 1e-6 of the largest, energies alike."""
    potential, train = known
    result = fit_model(train, PotentialSettings(model=MODEL, solver=solver), elements=ELEMENTS)
    test = structures(4, 99)
    expected, found = potential.predict(test), result.potential.predict(test)
    np.testing.assert_allclose(
        found.forces, expected.forces, atol=1e-6 * np.abs(expected.forces).max(), rtol=0.0
    )
    np.testing.assert_allclose(found.energy, expected.energy, atol=1e-5, rtol=0.0)
    np.testing.assert_allclose(
        found.virial, expected.virial, atol=1e-6 * np.abs(expected.virial).max(), rtol=0.0
    )
    assert result.solution.n_rows == sum(7 + 3 * len(c) for c in train)


def test_open_degrees_are_sized_for_the_solver(known):
    """By default twice as many functions as the data warrant, of which half stay; with evidence, no more."""
    _, train = known
    rows = sum(7 + 3 * len(c) for c in train)
    warranted = 2 * max(100, round(5.0 * np.sqrt(rows)))
    sparse, plain = (
        Problem.of(train, PotentialSettings()),
        Problem.of(train, PotentialSettings(solver=Evidence())),
    )
    assert sparse.settings.solver == Elimination(functions=warranted)
    assert plain.settings.solver == Evidence()
    sizes = [int(np.count_nonzero(p.model.term == 1)) for p in (sparse, plain)]
    assert 0.5 * warranted < sizes[1] <= warranted < sizes[0] <= 2 * warranted
    given = Problem.of(train, PotentialSettings(model=MODEL))
    assert given.settings.solver == Elimination()


def test_a_sparse_fit_is_a_potential_of_the_functions_left(known, tmp_path):
    """It predicts what all functions do with zeros for those left out, from a smaller plan."""
    _, train = known
    settings = PotentialSettings(model=MODEL, solver=Elimination(functions=40), committee=3)
    result = fit_model(train, settings, elements=ELEMENTS)
    potential = result.potential
    assert potential.n_functions == 40
    assert len(potential.features) < len(result.model.features)
    assert set(potential.features.labels) <= set(result.model.features.labels)
    whole = Potential(ELEMENTS, result.core.plan, result.model.features, result.solution.coefficients)
    whole.coefficients[: len(ELEMENTS)] += result.reference
    potential.save(tmp_path / "sparse.json")
    test = structures(4, 99)
    expected = whole.predict(test)
    for found in (potential.predict(test), Potential.load(tmp_path / "sparse.json").predict(test)):
        np.testing.assert_allclose(found.energy, expected.energy, rtol=1e-12)
        np.testing.assert_allclose(found.forces, expected.forces, atol=1e-11, rtol=0.0)
    systems = Systems.from_configurations(test)
    members = potential.evaluator().predict_members(systems)
    assert members.energy.shape[0] == 3
    std = potential.posterior.std(PlanEvaluator(potential.plan).design_rows(systems)[0])
    full = result.solution.posterior.scaled(potential.metadata["calibration"]["scale"])
    np.testing.assert_allclose(
        std, full.std(PlanEvaluator(result.core.plan).design_rows(systems)[0]), rtol=1e-9
    )


@pytest.mark.parametrize("labels", [("forces",), ("energy",), ("stress", "energy")])
def test_each_kind_of_label_alone_is_reproduced(known, labels):
    _, train = known
    missing = {name: None for name in ("energy", "forces", "stress") if name not in labels}
    some = Dataset(dataclasses.replace(c, **missing) for c in train)
    settings = PotentialSettings(model=MODEL, solver=Ridge(strength=1e-12))
    found = fit(some, settings).predict(list(train))
    systems = Systems.from_configurations(list(train))
    values = {
        "energy": (found.energy, [c.energy for c in train]),
        "forces": (found.forces, np.concatenate([c.forces for c in train])),
        "stress": (stress_from_virial(found.virial, systems.volumes), [c.stress for c in train]),
    }
    for name in labels:
        predicted, expected = values[name]
        spread = np.std(expected)
        np.testing.assert_allclose(predicted, expected, atol=1e-3 * spread, rtol=0.0)


def test_the_same_data_give_the_same_bits_and_the_seed_changes_only_the_draws(known):
    _, train = known
    settings = PotentialSettings(model=MODEL)
    one, again = fit(train, settings), fit(train, settings)
    other = fit(train, settings.model_copy(update={"seed": 1}))
    threaded = fit(train, settings.model_copy(update={"threads": 2}))
    for same in (again, threaded):
        np.testing.assert_array_equal(one.coefficients, same.coefficients)
        np.testing.assert_array_equal(one.committee, same.committee)
    assert np.abs(one.committee - other.committee).max() > 0.0
    # The groups of the calibration are drawn too, so only the mean is the same, up to the order of the rows.
    np.testing.assert_allclose(one.coefficients, other.coefficients, atol=1e-6)


def test_weights_decide_which_of_two_contradicting_labels_wins(known):
    """Two types of configurations with energies 1 eV apart."""
    potential, train = known
    shifted = [
        dataclasses.replace(c, energy=c.energy + 8.0 * (k % 2), config_type="odd" if k % 2 else "even")
        for k, c in enumerate(train)
    ]
    for light, expected in (("odd", 0.0), ("even", 1.0)):
        weights = Weights(types={light: TypeWeights(energy=1e-5)})
        settings = PotentialSettings(model=MODEL, weights=weights, solver=Ridge(strength=1e-12))
        found = fit(Dataset(shifted), settings).predict(list(train)).energy
        truth_ = potential.predict(list(train)).energy
        np.testing.assert_allclose((found - truth_) / 8, expected, atol=0.02)


def test_one_label_that_no_basis_follows_does_not_spoil_the_others(known):
    """The largest force of one atom becomes thirty times that of any other label."""
    potential, train = known
    largest = max(np.linalg.norm(c.forces, axis=1).max() for c in train)
    forces = train[3].forces.copy()
    forces[0] = [30.0 * largest, 0.0, 0.0]
    spoilt = Dataset(dataclasses.replace(c, forces=forces) if k == 3 else c for k, c in enumerate(train))
    test = structures(6, 98)
    expected = potential.predict(test).forces
    rms = {}
    for scale in (None, 2.0 * largest):
        weights = Weights(force_scale_ev_per_angstrom=scale)
        found = fit(spoilt, PotentialSettings(model=MODEL, weights=weights)).predict(test).forces
        rms[scale] = np.sqrt(np.mean((found - expected) ** 2))
    assert rms[2.0 * largest] < 0.2 * rms[None]


def test_isolated_atoms_hold_the_reference_energies(known):
    _, train = known
    values = {"O": -430.0, "Si": -160.0}
    settings = PotentialSettings(model=MODEL, reference_energies=ReferenceEnergies(values=values))
    potential = fit(train, settings)
    np.testing.assert_array_equal(potential.coefficients[:2], [values["O"], values["Si"]])
    np.testing.assert_array_equal(potential.committee[:, :2], potential.coefficients[:2][None].repeat(8, 0))
    atoms = [Configuration(np.array([z]), np.zeros((1, 3)), energy=e) for z, e in ((8, -431.0), (14, -161.0))]
    reference, held = reference_energies(Dataset([*train, *atoms]), ELEMENTS, ReferenceEnergies())
    np.testing.assert_array_equal(reference, [-431.0, -161.0])
    assert held
    _, held = reference_energies(train, ELEMENTS, ReferenceEnergies(source="fitted", values=values))
    assert not held


def test_the_factor_belongs_to_the_data_and_metadata_tell_the_story(known):
    _, train = known
    seen = []
    result = fit_model(train, PotentialSettings(model=MODEL), progress=seen.append)
    assert seen[-1] == len(train)
    assert seen == sorted(seen)
    assert result.factor.n_rows == result.solution.n_rows
    data = result.potential.metadata["data"]
    assert data["n_configurations"] == len(train)
    assert data["fingerprint"] == train.fingerprint()
    assert data["shortest_distances"].keys() == {"O-O", "Si-O", "Si-Si"}


def test_weights_can_be_compared_on_the_factors_of_a_fit(known, monkeypatch):
    _, train = known
    result = fit_model(train, PotentialSettings(model=MODEL))
    monkeypatch.setattr(RowMaker, "rows", None)
    again = solve(result.factors.combine(KindWeights.of(Weights())), result.prior)
    np.testing.assert_allclose(
        again.coefficients, result.solution.coefficients, atol=1e-9 * np.abs(again.coefficients).max()
    )
    errors = [
        cross_validate(result.factors, KindWeights(energy, 1.0, 1.0), result.prior)[1]
        for energy in (1.0, 1e3)
    ]
    assert errors[0].energy != errors[1].energy
    assert all(one.forces is not None and one.forces > 0.0 for one in errors)


def attractive(seed):
    """Data of a potential whose pairs attract each other ever more at small distance."""
    train = structures(12, seed)
    potential = truth(train, pair_scale=-3.0)
    assert holes(potential.plan, potential.coefficients), "the data were meant to make a hole"
    return labelled(train, potential)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_pair_of_a_fit_has_a_hole(seed):
    """Also where the data pull atoms together; and the fit where data are does not change."""
    train = attractive(seed)
    settings = PotentialSettings(model=MODEL, solver=Ridge(strength=1e-13))
    plain = fit(train, settings.model_copy(update={"repulsive_core": False}))
    assert holes(plain.plan, plain.coefficients)
    result = fit_model(train, settings)
    potential = result.potential
    assert not holes(potential.plan, potential.coefficients)
    assert result.core.holes == []
    assert any(strength > 1.0 for strength in result.core.strengths.values())
    shortest = potential.metadata["data"]["shortest_distances"]
    for i, a in enumerate(ELEMENTS):
        for b in ELEMENTS[i:]:
            name = {(8, 8): "O-O", (8, 14): "Si-O", (14, 14): "Si-Si"}[a, b]
            inside = np.linspace(0.3, RepulsionSettings().full_fraction * shortest[name], 200)
            energies = dimer_energies(potential.plan, potential.coefficients, dimers((a, b), inside))
            assert (np.diff(energies) < 0.0).all(), f"{name} does not repel all the way"
    strong, weak = potential.predict(list(train)), plain.predict(list(train))
    np.testing.assert_allclose(strong.forces, weak.forces, atol=1e-9 * np.abs(weak.forces).max())


def test_elements_may_be_ordered_and_more_than_the_data_hold(known):
    """A pair that the data do not hold repels too."""
    _, train = known
    result = fit_model(train, PotentialSettings(model=MODEL), elements=(14, 8, 1))
    potential = result.potential
    assert potential.elements == (14, 8, 1)
    assert not holes(potential.plan, potential.coefficients)
    curve = dimer_energies(potential.plan, potential.coefficients, dimers((1, 14), np.linspace(0.2, 0.6, 50)))
    assert (np.diff(curve) < 0.0).all()
    forces = np.concatenate([c.forces for c in train])
    np.testing.assert_allclose(
        potential.predict(list(train)).forces, forces, atol=1e-4 * np.abs(forces).max()
    )


def test_bad_input_is_refused_in_one_sentence(known):
    _, train = known
    bare = Dataset(dataclasses.replace(c, energy=None, forces=None, stress=None) for c in train)
    with pytest.raises(InputError, match="no configuration to fit"):
        fit(Dataset([]))
    with pytest.raises(InputError, match="No configuration has a label with a weight above zero"):
        fit(bare, PotentialSettings(model=MODEL))
    nothing = Weights(energy=0.0, forces=0.0, virial=0.0)
    with pytest.raises(InputError, match="weight above zero"):
        fit(train, PotentialSettings(model=MODEL, weights=nothing))
    isolated = ReferenceEnergies(source="isolated")
    with pytest.raises(InputError, match="isolated-atom energy is known of O, Si"):
        fit(train, PotentialSettings(model=MODEL, reference_energies=isolated))
    with pytest.raises(InputError, match=r"model\.terms is empty"):
        fit(train, PotentialSettings(model=ModelSettings(terms=())))
    with pytest.raises(InputError, match="Si, which the potential does not know"):
        fit_model(train, PotentialSettings(model=MODEL), elements=(8,))


@pytest.mark.parametrize("box", [0.0, 15.0])
def test_isolated_atoms_of_an_element_that_nothing_else_holds_are_left_out(box):
    spare = Configuration(
        np.array([7]), np.zeros((1, 3)), cell=box * np.eye(3), pbc=np.full(3, box > 0.0), energy=-5.0
    )
    molecule = Configuration(
        np.array([8, 1, 1]),
        np.array([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]]),
        energy=-3.0,
        forces=np.zeros((3, 3)),
    )
    settings = PotentialSettings(model=ModelSettings(terms=TERMS), committee=0)
    bent = molecule.replace(positions=1.02 * molecule.positions, energy=-2.9)
    potential = fit_model([molecule, bent, spare], settings).potential
    assert sorted(potential.elements) == [1, 8]


def test_units_of_features_without_a_natural_scale_do_not_matter(known):
    _, data = known
    terms = (TermSettings(descriptor=BispectrumSettings(cutoff=3.5, twojmax=2)),)
    settings = PotentialSettings(model=ModelSettings(terms=terms, repulsion=None), repulsive_core=False)
    problem = Problem.of(data, settings)
    maker = RowMaker(problem.model.plan, Weights(virial=0.1), problem.reference)
    rows = maker.rows(data)
    rng = np.random.default_rng(0)
    units = np.where(problem.model.term < 0, 1.0, 10.0 ** rng.uniform(-3.0, 3.0, maker.n_features))
    energies = []
    for scale in (np.ones_like(units), units):
        factors = FactorSet(maker.n_features, 2)
        for group, some in enumerate((data[:8], data[8:])):
            made = {
                kind: dataclasses.replace(found, rows=found.rows * scale)
                for kind, found in maker.rows(some).items()
            }
            factors.groups[group].closed.fold(made, 8, 1)
        solution = solve_model(problem, factors).solution
        energies.append(rows["energy"].rows @ (scale * solution.coefficients))
    np.testing.assert_allclose(energies[1], energies[0], rtol=0.0, atol=1e-7)


def test_scales_are_relative_and_features_that_are_zero_keep_one():
    scale = standardised(np.array([3.0, 4.0, 0.0, 1e-20]))
    np.testing.assert_allclose(scale[:3], [3.0 / np.sqrt(25.0 / 3), 4.0 / np.sqrt(25.0 / 3), 1.0], rtol=1e-12)
    assert 0.0 < scale[3] < 1e-7
    np.testing.assert_array_equal(standardised(np.zeros(2)), np.ones(2))
