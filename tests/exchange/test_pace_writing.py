"""Linear ACE written as .yace and read back."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from atomsmith import Potential
from atomsmith.cli.application import app
from atomsmith.descriptors import FeatureInfo
from atomsmith.errors import InputError
from atomsmith.evaluator import Evaluator
from atomsmith.exchange.formats import read_foreign, write_foreign
from atomsmith.exchange.pace.reading import read_model
from atomsmith.model import ModelSettings, build_model
from atomsmith.regressors.embedding import EmbeddingCentre, EmbeddingFunction, embedding_plan
from engine.plans import Shape, random_system

PAIR = {"kind": "pair", "cutoff": 4.5, "degree": 6}
ACE = {"kind": "ace", "cutoff": 4.5, "degree": 7, "correlation_order": 3}
LONG = {"cutoff": 7.4, "degree": 14}
INNER = {"radial": {"inner": {"Si-Si": [1.2, 1.9]}}}
CRYSTAL = Shape(8, (5.0, 5.0, 5.0), (True, True, True), skew=0.1, closest=1.6)


def _potential(elements: list[int], *descriptors: dict[str, Any], repulsion: Any = None) -> Potential:
    terms = [{"descriptor": descriptor} for descriptor in descriptors]
    settings = ModelSettings.model_validate({"terms": terms, "repulsion": repulsion})
    model = build_model(settings, elements)
    rng = np.random.default_rng(0)
    coefficients = rng.normal(size=len(model.features)) / model.features.smoothness
    return Potential(model.elements, model.plan, model.features, coefficients)


def embedded(
    elements: list[int],
    exponents: tuple[float, ...],
    pair: bool,
    function: EmbeddingFunction = "shifted_scaled",
) -> Potential:
    """Reference energies, pair functions if asked for, and an embedding of the densities of an ACE."""
    linear = _potential(elements, *((PAIR,) if pair else ()), ACE | {"degree": 5, "first_order": not pair})
    *others, part = linear.plan["parts"]
    rng = np.random.default_rng(1)
    centres = [
        EmbeddingCentre(
            function,
            np.where(np.array(exponents) == 1.0, 1.0, rng.normal(size=len(exponents))),
            np.array(exponents),
            rng.normal(size=(len(exponents), centre["n_features"])),
        )
        for centre in part["centres"]
    ]
    plan = linear.plan | {"parts": [*others, part | {"n_features": 0, "regressor": embedding_plan(centres)}]}
    n = len(linear.features) - part["n_features"]
    features = FeatureInfo(*(getattr(linear.features, f.name)[:n] for f in dataclasses.fields(FeatureInfo)))
    return Potential(linear.elements, plan, features, linear.coefficients[:n])


@pytest.mark.parametrize(
    ("elements", "exponents", "pair", "n_densities", "function"),
    [
        ([14], (1.0, 0.5), True, 2, "shifted_scaled"),
        ([14, 6], (0.7, 2.0), True, 3, "shifted_scaled"),
        ([14], (0.5,), False, 1, "shifted_scaled"),
        ([14], (0.8, 1.0), True, 2, "finnis_sinclair"),
    ],
    ids=["pairs join the linear density", "pairs need one of their own", "no pairs", "the plain function"],
)
def test_embeddings_are_written(elements, exponents, pair, n_densities, function, tmp_path):
    potential = embedded(elements, exponents, pair, function)
    write_foreign(potential, tmp_path / "p.yace")
    assert len(read_model(tmp_path / "p.yace").embeddings[0].exponent) == n_densities
    systems = random_system(CRYSTAL, elements, 3)
    ours, theirs = (Evaluator(p).predict(systems) for p in (potential, read_foreign(tmp_path / "p.yace")))
    scale = max(1.0, np.abs(ours.forces).max())
    np.testing.assert_allclose(theirs.energies, ours.energies, rtol=0.0, atol=1e-9 * scale)
    np.testing.assert_allclose(theirs.forces, ours.forces, rtol=0.0, atol=1e-7 * scale)


def test_a_member_of_an_ensemble_is_written_and_sums_are_refused(tmp_path):
    """An embedding with a committee is outputs of the plan, of which the first is the potential."""
    potential = embedded([14], (1.0, 0.5), pair=True)
    *others, part = potential.plan["parts"]
    rng = np.random.default_rng(2)
    centres = [
        {
            "function": c["function"],
            "prefactor": c["prefactor"],
            "exponent": c["exponent"],
            "coefficients": np.stack([rng.normal(size=np.shape(c["coefficients"])), c["coefficients"]]),
        }
        for c in part["regressor"]["centres"]
    ]
    regressor = {"kind": "embedding", "core": "none", "members": 2, "centres": centres}
    members = FeatureInfo(np.ones(2, np.int32), np.zeros(2), np.ones(2), ((14,), (14,)), ("a", "b"))
    ensemble = dataclasses.replace(
        potential,
        plan=potential.plan | {"parts": [*others, part | {"n_features": 2, "regressor": regressor}]},
        features=FeatureInfo.concatenate([potential.features, members]),
        coefficients=np.append(potential.coefficients, [0.0, 1.0]),
    )
    systems = random_system(CRYSTAL, [14], 3)
    alone, chosen = (Evaluator(p).predict(systems) for p in (potential, ensemble))
    np.testing.assert_allclose(chosen.forces, alone.forces, atol=1e-11 * np.abs(alone.forces).max())
    for name, one in (("alone", potential), ("chosen", ensemble)):
        write_foreign(one, tmp_path / f"{name}.yace")
    assert (tmp_path / "alone.yace").read_text() == (tmp_path / "chosen.yace").read_text()
    mean = dataclasses.replace(ensemble, coefficients=np.append(potential.coefficients, [0.5, 0.5]))
    with pytest.raises(InputError, match="cannot hold sums of several embeddings"):
        write_foreign(mean, tmp_path / "mean.yace")


def test_what_was_read_is_not_written_again(tmp_path):
    write_foreign(_potential([14], PAIR, ACE), tmp_path / "p.yace")
    with pytest.raises(InputError, match="keep its file"):
        write_foreign(read_foreign(tmp_path / "p.yace"), tmp_path / "q.yace")


@pytest.mark.parametrize(
    ("elements", "descriptors"),
    [
        ([14], (PAIR, ACE)),
        ([14], (ACE | {"correlation_order": 4, "degree": 6},)),
        ([14], (PAIR,)),
        ([14, 6], (PAIR, ACE | {"degree": 5})),
        ([1], ({"kind": "pair", "cutoff": 5.0, "degree": 12},)),
        ([29], ({**LONG, "kind": "pair"}, {**LONG, "kind": "ace", "correlation_order": 2})),
        (
            [14],
            (
                {**PAIR, "radial": {"inner": {"Si-Si": [1.2, 1.9]}}},
                {**ACE, "radial": {"inner": {"Si-Si": [1.2, 1.9]}}},
            ),
        ),
    ],
    ids=[
        "pair and ace",
        "four neighbours",
        "pair alone",
        "two elements",
        "steep functions",
        "a long cutoff",
        "inner cutoff",
    ],
)
def test_forces_are_the_same_when_read_back(elements, descriptors, tmp_path):
    potential = _potential(elements, *descriptors)
    write_foreign(potential, tmp_path / "p.yace")
    again = read_foreign(tmp_path / "p.yace")
    systems = random_system(CRYSTAL, elements, 3)
    ours, theirs = (Evaluator(p).predict(systems) for p in (potential, again))
    scale = np.abs(ours.forces).max()
    assert scale > 0.1
    np.testing.assert_allclose(theirs.energy, ours.energy, rtol=0.0, atol=1e-9 * max(1.0, scale))
    np.testing.assert_allclose(theirs.forces, ours.forces, rtol=0.0, atol=1e-8 * max(1.0, scale))
    np.testing.assert_allclose(theirs.virial, ours.virial, rtol=0.0, atol=1e-7 * max(1.0, scale))


def test_the_file_has_one_of_each_product_and_its_conjugate(tmp_path):
    write_foreign(_potential([14], ACE), tmp_path / "p.yace")
    model = read_model(tmp_path / "p.yace")
    for function in model.functions[0]:
        assert not function.m.sum(axis=1).any()
        rows = {tuple(row) for row in function.m.tolist()}
        distinct = len({tuple(zip(function.n, function.l, strict=True))}) == function.rank
        assert not distinct or not any(tuple(-m for m in row) in rows for row in rows if any(row))


@pytest.mark.parametrize(
    ("descriptors", "repulsion", "message"),
    [
        (({"kind": "bispectrum", "cutoff": 4.5, "twojmax": 2},), None, "cannot hold bispectrum"),
        ((ACE, ACE), None, "two ACE terms"),
    ],
)
def test_what_the_format_cannot_hold_is_refused(descriptors, repulsion, message, tmp_path):
    potential = _potential([14], *descriptors, repulsion=repulsion)
    with pytest.raises(InputError, match=message):
        write_foreign(potential, tmp_path / "p.yace")
    assert not list(tmp_path.iterdir())


def test_features_of_a_crystal_are_refused(tmp_path):
    potential = _potential([14], ACE)
    parts = [
        part | {"global_features": {}} if part["kind"] == "ace" else part for part in potential.plan["parts"]
    ]
    bad = dataclasses.replace(potential, plan=potential.plan | {"parts": parts})
    with pytest.raises(InputError, match="features of a whole crystal"):
        write_foreign(bad, tmp_path / "p.yace")


def test_the_command_exports(tmp_path):
    _potential([14], PAIR).save(tmp_path / "p.json")
    command = ["export", str(tmp_path / "p.json"), "-o", str(tmp_path / "p.yace")]
    assert CliRunner().invoke(app, command).exit_code == 0
    assert read_foreign(tmp_path / "p.yace").elements == (14,)
