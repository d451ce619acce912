"""Fits of embeddings: derivatives of rows, retrieval of a known one, what a fit makes of it."""

import numpy as np
import pytest

from atomsmith import Dataset, Potential
from atomsmith.descriptors import AceSettings, BispectrumSettings, MomentsSettings, PairSettings
from atomsmith.descriptors.base import FeatureInfo, features_of_centres
from atomsmith.errors import InputError
from atomsmith.evaluator import PlanEvaluator, species_of, sum_atoms
from atomsmith.fitting.fit import fit_model
from atomsmith.fitting.metrics import errors
from atomsmith.fitting.rows.factor import TriangularFactor
from atomsmith.fitting.settings import PotentialSettings
from atomsmith.fitting.solvers.prior import Prior
from atomsmith.fitting.trainers.embedding import trainer
from atomsmith.fitting.trainers.embedding.rows import Layout, rows_and_jacobian
from atomsmith.model import ModelSettings, TermSettings, build_model
from atomsmith.prediction import stress_from_virial
from atomsmith.regressors import EmbeddingCentre, EmbeddingSettings, embed, embed_curvature, embedding_plan
from atomsmith.systems import Systems
from fitting.test_fit import ELEMENTS, labelled, structures

ACE = AceSettings(cutoff=3.6, correlation_order=2, degree=[2.0, 3.0], first_order=True)
PAIR = TermSettings(descriptor=PairSettings(cutoff=3.6, degree=4))
EXPONENTS = (1.0, 0.5)
BISPECTRUM = BispectrumSettings(cutoff=3.4, twojmax=3)


def settings(regressor=None, **changes):
    embedded = TermSettings(descriptor=ACE, regressor=regressor or EmbeddingSettings(kind="embedding"))
    return PotentialSettings(model=ModelSettings(terms=(embedded,), repulsion=None), **changes)


def described(descriptor=ACE):
    """Plan and features of the descriptor alone."""
    model = build_model(ModelSettings(terms=(TermSettings(descriptor=descriptor),), repulsion=None), ELEMENTS)
    return model.term_part(0)


def layout_of(descriptor=ACE, exponents=EXPONENTS):
    return Layout(tuple(features_of_centres(described(descriptor).part, len(ELEMENTS))), exponents)


def features_of(descriptor, species):
    """Features of the atoms of a species in some structures."""
    systems = Systems.from_configurations(structures(2, 8))
    part = described(descriptor).part
    features = PlanEvaluator({"elements": list(ELEMENTS), "parts": [part]}).features(systems)
    own = features_of_centres(part, len(ELEMENTS))[species]
    return features[species_of(systems.numbers, ELEMENTS) == species][:, own]


def embedded_plan(parameters, layout, descriptor=ACE):
    """Plan of densities alone, and that of their descriptor."""
    centres = [
        EmbeddingCentre(
            function="shifted_scaled",
            prefactor=np.ones(len(layout.exponents)),
            exponent=np.array(layout.exponents),
            coefficients=layout.of_species(parameters, z)[None].copy(),
        )
        for z in range(len(ELEMENTS))
    ]
    bare = described(descriptor).part
    part = bare | {"n_features": 1, "regressor": embedding_plan(centres, members=1)}
    return tuple({"elements": list(ELEMENTS), "parts": [p]} for p in (part, bare))


@pytest.fixture(scope="module")
def layout():
    return layout_of()


@pytest.fixture(scope="module")
def truth(layout):
    """A potential that no linear one of these features is, and what it says of some structures."""
    info = described().info
    parameters = np.random.default_rng(1).normal(size=layout.n_parameters)
    parameters[: layout.n_coefficients] /= layout.repeated(info.smoothness)[: layout.n_coefficients]
    for z in range(len(ELEMENTS)):
        # a density of bonds, several times one
        layout.of_species(parameters, z)[1] *= 0.2
        own = layout.columns[z]
        layout.of_species(parameters, z)[1] -= 4.0 * (info.degree[own] + info.order[own] == 1.0)
    plan, _ = embedded_plan(parameters, layout)
    facts = FeatureInfo(np.ones(1, np.int32), np.zeros(1), np.ones(1), (ELEMENTS,), ("truth",))
    potential = Potential(ELEMENTS, plan, facts, np.ones(1))
    return potential, labelled(structures(24, 3), potential)


def test_curvature_is_the_derivative_of_the_slope():
    density = np.array([-7.0, -0.8, -0.02, 0.03, 0.5, 2.0, 30.0])
    for exponent in (0.3, 0.5, 1.0, 2.0):
        h = 1e-6
        slopes = [embed("shifted_scaled", density + s * h, exponent)[1] for s in (1.0, -1.0)]
        np.testing.assert_allclose(
            embed_curvature(density, exponent), (slopes[0] - slopes[1]) / (2.0 * h), atol=1e-8, rtol=1e-7
        )


@pytest.mark.parametrize(
    "descriptor",
    [ACE, BISPECTRUM, MomentsSettings(kind="moments", cutoff=3.4, level=6)],
    ids=lambda d: d.kind,
)
def test_rows_are_those_of_the_engine_and_the_jacobian_their_derivative(descriptor):
    rng = np.random.default_rng(0)
    layout = layout_of(descriptor, (1.0, 0.5, 1.7))
    parameters, direction = rng.normal(size=(2, layout.n_parameters))
    for z in range(len(ELEMENTS)):  # features come in all sizes
        size = np.abs(features_of(descriptor, z)).max(axis=0)
        for vector in (parameters, direction):
            layout.of_species(vector, z)[:] /= np.where(size == 0.0, 1.0, size)
    systems = Systems.from_configurations(structures(1, 8))
    species = species_of(systems.numbers, ELEMENTS)
    embedded, bare = embedded_plan(parameters, layout, descriptor)
    rows = PlanEvaluator(bare).descriptor_rows(systems, 0)
    values, jacobian = rows_and_jacobian(rows, species, layout, parameters)
    engine = PlanEvaluator(embedded)
    energies, forces, virial = engine.predict_sets(systems, engine.weights(np.ones((1, 1))))
    voigt = -stress_from_virial(virial[0], np.ones(1))[0]
    energy = sum_atoms(energies[0], systems) + layout.offsets(parameters)[species].sum()
    expected = np.concatenate([energy, forces[0].reshape(-1), voigt])
    np.testing.assert_allclose(values, expected, atol=1e-10 * np.abs(expected).max())
    h = 1e-5
    ahead, behind = (
        rows_and_jacobian(rows, species, layout, parameters + s * h * direction)[0] for s in (1.0, -1.0)
    )
    change = (ahead - behind) / (2.0 * h)
    np.testing.assert_allclose(jacobian @ direction, change, atol=1e-7 * np.abs(change).max())


def test_a_known_embedding_is_fitted_better_than_by_linear_functions(truth):
    """Of the same features, without noise; errors of structures that neither fit has seen."""
    potential, train = truth
    result = fit_model(train, settings(EmbeddingSettings(kind="embedding", steps=12, held_out=0.0)))
    linear = PotentialSettings(model=ModelSettings(terms=(TermSettings(descriptor=ACE),), repulsion=None))
    test = labelled(structures(6, 77), potential)
    found = errors(test, result.potential.predict(test)).total
    plain = errors(test, fit_model(train, linear).potential.predict(test)).total
    assert found.forces.rmse < 0.7 * plain.forces.rmse
    assert found.energy.rmse < 0.7 * plain.energy.rmse
    (record,) = result.potential.metadata["training"]
    values = [step["train"] for step in record["history"]]
    assert values[-1] < 0.1 * values[0]
    assert record["kind"] == "embedding"


class ArcTangent:
    """Squares of arctan(x), of which Gauss-Newton steps from 1.3915 land at -1.391, nearly as far from 0."""

    def factor(self, parameters, chosen):
        (x,), count = parameters, len(chosen)
        slope = 1.0 / (1.0 + x * x)
        factor = TriangularFactor(1)
        factor.fold(np.full((count, 1), slope), np.full(count, slope * x - np.arctan(x)), np.ones(count))
        return factor


def test_a_step_that_gains_little_of_what_is_promised_is_refused_and_does_not_end_the_fit():
    fit, rows, start = ArcTangent(), range(6), np.array([1.3915])
    damper = np.full((1, 1), 1e-3)  # next to no damping at first
    steps = trainer.Steps(fit, Prior.create(np.zeros(1)), damper, EmbeddingSettings(kind="embedding"))
    at = trainer._Step(start, fit.factor(start, rows), np.inf, 0.0, trainer.DAMPING)
    moved = steps._step(at, rows)
    assert moved.gain > 100.0 * trainer.GAIN
    for _ in range(8):
        moved = steps._step(moved, rows)
    assert abs(moved.parameters[0]) < 1e-6


def test_a_fit_is_saved_and_gives_the_same_bits_again(truth, tmp_path):
    _, train = truth
    short = settings(EmbeddingSettings(kind="embedding", steps=2), committee=2)
    one, two = (fit_model(train, short).potential for _ in range(2))
    one.save(tmp_path / "embedded.json")
    test = structures(3, 5)
    expected = one.predict(test)
    for other in (two, Potential.load(tmp_path / "embedded.json")):
        np.testing.assert_array_equal(other.predict(test).forces, expected.forces)


def test_members_spread_as_errors_do_on_what_was_held_out(truth, monkeypatch):
    """By the rows of the descriptor instead of the engine's energies."""
    _, train = truth
    calls = []
    original = trainer.calibrated_spread
    monkeypatch.setattr(trainer, "calibrated_spread", lambda *given: calls.append(given) or original(*given))
    regressor = EmbeddingSettings(kind="embedding", steps=2, held_out=0.2)
    potential = fit_model(train, settings(regressor, committee=3)).potential
    ((fit, found, changes, judges),) = calls
    error = deviation = 0.0
    for change in changes:  # reference energies are none of a member
        np.testing.assert_array_equal(fit.layout.offsets(change), 0.0)
    for rows, species, labels, scales in fit.rows(judges):
        values = rows_and_jacobian(rows, species, fit.layout, found)[0]
        error += np.square((labels - values) * scales).sum()
        for change in changes:
            moved = rows_and_jacobian(rows, species, fit.layout, found + change)[0]
            moved[0] -= np.bincount(species, minlength=2) @ fit.layout.offsets(
                change
            )  # found by the last fit
            deviation += np.square((moved - values) * scales).sum() / len(changes)
    (record,) = potential.metadata["training"]
    assert len(judges) == 5
    spread = record["spread"] / trainer.REACH
    assert spread == pytest.approx(np.sqrt(error / deviation), rel=1e-6)
    outputs = potential.committee[:, len(ELEMENTS) :]
    np.testing.assert_allclose(outputs[:, 0], 1.0 - spread, rtol=1e-12)
    np.testing.assert_allclose(outputs[:, 1:], spread * np.eye(3), rtol=1e-12)


def test_labels_may_be_missing(truth):
    _, train = truth
    some = Dataset(
        c.replace(**({"stress": None, "forces": None} if k % 2 else {"energy": None}))
        for k, c in enumerate(train)
    )
    record = fit_model(some, settings(EmbeddingSettings(kind="embedding", steps=2))).potential.metadata
    history = record["training"][0]["history"]
    assert history[1]["train"] < history[0]["train"]


def test_terms_that_describe_no_atom_are_refused(truth):
    _, train = truth
    term = TermSettings(descriptor=PAIR.descriptor, regressor=EmbeddingSettings(kind="embedding"))
    with pytest.raises(InputError, match=r"regressor embedding.*single atom"):
        fit_model(train, PotentialSettings(model=ModelSettings(terms=(term,), repulsion=None)))
