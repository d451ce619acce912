"""Grades of atoms and configurations by a fitted potential: made by a fit, stored, used to choose."""

import numpy as np
import pytest

from atomsmith import Dataset, fit
from atomsmith.descriptors import AceSettings, InversePowersSettings
from atomsmith.errors import InputError
from atomsmith.evaluator import PlanEvaluator
from atomsmith.extrapolation import ExtrapolationSettings, learn_extrapolation
from atomsmith.extrapolation.active_set import TOLERANCE
from atomsmith.extrapolation.report import grade_report
from atomsmith.fitting.settings import PotentialSettings
from atomsmith.model import ModelSettings, TermSettings, build_model
from atomsmith.potential import Potential
from atomsmith.systems import Systems
from fitting.test_fit import ELEMENTS, labelled, structures, truth

TERMS = (TermSettings(descriptor=AceSettings(cutoff=3.6, correlation_order=2, degree=[2.0, 3.0])),)
MODEL = ModelSettings(terms=TERMS, repulsion=None)
KINDS = [(kind, of) for kind in ("maxvol", "ranges") for of in ("atoms", "configurations")]


def stretched(configuration, factor):
    return configuration.replace(
        positions=configuration.positions * factor, cell=configuration.cell * factor
    ).without_labels()


@pytest.fixture(scope="module")
def data():
    return structures(24, 0)


@pytest.mark.parametrize(("kind", "of"), KINDS)
def test_data_interpolate_and_others_do_not(data, kind, of):
    plan = build_model(MODEL, ELEMENTS).plan
    found = learn_extrapolation(ExtrapolationSettings(kind=kind, of=of), plan, data)
    evaluator = PlanEvaluator(plan)

    def grades(configurations):
        systems = Systems.from_configurations(configurations)
        features = evaluator.features(systems)
        atoms, largest = found.grades(features, systems), found.of_systems(features, systems)
        for s, (a, b) in enumerate(zip(systems.first[:-1], systems.first[1:], strict=True)):
            assert largest[s] == atoms[a:b].max()
        return largest

    assert grades(data).max() <= 1.0 + TOLERANCE + 1e-6
    squeezed = grades([stretched(c, 0.8) for c in data[:4]])
    assert squeezed.min() > 1.3
    assert (grades([stretched(c, 0.7) for c in data[:4]]) > squeezed).all()


@pytest.mark.parametrize(("kind", "of"), KINDS)
def test_a_choice_teaches_about_the_others(data, kind, of):
    plan = build_model(MODEL, ELEMENTS).plan
    found = learn_extrapolation(ExtrapolationSettings(kind=kind, of=of), plan, data[:8])
    offered = [stretched(data[9], 0.8)] * 3 + [stretched(data[10], 0.7), data[0], data[1]]
    systems = Systems.from_configurations(offered)
    features = PlanEvaluator(plan).features(systems)
    chosen = found.choose(features, systems, 6)
    grades = found.of_systems(features, systems)
    assert chosen[0] == np.argmax(grades)
    assert 4 not in chosen
    assert 5 not in chosen
    assert len({0, 1, 2} & set(chosen)) <= 1  # three times the same
    assert found.choose(features, systems, 1) == chosen[:1]
    known = found.extended(features, systems)
    assert known.of_systems(features, systems).max() <= 1.0 + TOLERANCE + 1e-6
    np.testing.assert_array_equal(found.of_systems(features, systems), grades)


def test_what_no_feature_of_the_data_shows_is_infinitely_far(data):
    plan = build_model(MODEL, ELEMENTS).plan
    pure = [c.replace(numbers=np.full_like(c.numbers, ELEMENTS[0])) for c in data]
    for kind in ("maxvol", "ranges"):
        found = learn_extrapolation(ExtrapolationSettings(kind=kind), plan, pure)
        systems = Systems.from_configurations(data[:1])
        grades = found.grades(PlanEvaluator(plan).features(systems), systems)
        assert np.isinf(grades).all()  # the other element, or a neighbour of it


def test_sums_over_a_crystal_have_grades(data):
    terms = (TermSettings(descriptor=InversePowersSettings(powers=(6, 12))),)
    plan = build_model(ModelSettings(terms=terms, repulsion=None), ELEMENTS).plan
    found = learn_extrapolation(ExtrapolationSettings(kind="maxvol", of="configurations"), plan, data)
    systems = Systems.from_configurations([stretched(data[0], 0.8)])
    assert found.of_systems(PlanEvaluator(plan).features(systems), systems)[0] > 1.5


def test_a_fit_remembers_its_data(data, tmp_path):
    train = labelled(data, truth(data))
    settings = PotentialSettings(
        model=MODEL, committee=0, calibrate=False, extrapolation=ExtrapolationSettings(kind="maxvol")
    )
    fit(train, settings).save(tmp_path / "potential.json")
    potential = Potential.load(tmp_path / "potential.json")
    report = grade_report(potential, [*train, stretched(data[0], 0.7)])
    assert report.configurations[:-1].max() <= 1.0 + TOLERANCE + 1e-6
    assert report.configurations[-1] > 1.3
    assert "1 of 25 configurations extrapolate" in report.text
    plain = report.to_dict()
    assert plain["configurations"][-1] == max(plain["atoms"][-1])
    grader, systems = potential.grader(skin=0.3), Systems.from_configurations(Dataset(train))
    np.testing.assert_allclose(grader.systems(systems), report.configurations[:-1], rtol=1e-12)


def test_a_potential_without_memory_has_no_grades(data):
    model = build_model(MODEL, ELEMENTS)
    potential = Potential(model.elements, model.plan, model.features, np.zeros(len(model.features)))
    with pytest.raises(InputError, match="remembers nothing of its data; fit it with extrapolation"):
        potential.grader()
    with pytest.raises(InputError, match="no configuration whose features"):
        learn_extrapolation(ExtrapolationSettings(kind="maxvol"), model.plan, [])
