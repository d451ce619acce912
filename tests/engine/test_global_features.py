"""Volume and degree of order as inputs of regressors: values, and how forces and stresses follow from
them."""

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atomsmith.descriptors import (
    GlobalFeaturesSettings,
    InversePowersSettings,
    SymmetryFunctionsSettings,
    build_inverse_powers,
    with_global_features,
)
from atomsmith.descriptors.base import DescriptorPart, FeatureInfo, features_of_centres
from atomsmith.errors import InputError
from atomsmith.evaluator import PlanEvaluator, sum_atoms
from atomsmith.extrapolation import ExtrapolationSettings, learn_extrapolation
from atomsmith.model import ModelSettings, TermSettings, build_model
from atomsmith.regressors import QuadraticSettings
from engine.plans import (
    SHAPES,
    Shape,
    ace_part,
    bispectrum_part,
    joined,
    moments_part,
    network,
    random_coefficients,
    random_system,
)

ELEMENTS = (8, 1)
CRYSTAL = Shape(5, (3.4, 4.5, 3.0), (True, True, True), skew=0.3, closest=1.2)
SETTINGS = GlobalFeaturesSettings(cutoff=5.0, width=0.25, spacing=0.1)
VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


def plain_info(n):
    zeros = np.zeros(n)
    return FeatureInfo(zeros.astype(np.int32), zeros, zeros + 1.0, ((8,),) * n, ("",) * n)


def with_globals(part, chosen=SETTINGS, elements=ELEMENTS):
    return with_global_features(DescriptorPart(part, plain_info(part["n_features"])), chosen, elements).part


def parts():
    """Descriptors with global features, bare and as inputs of networks."""
    bare = {
        "ace": with_globals(ace_part(ELEMENTS, (2, 3))),
        "bispectrum": with_globals(bispectrum_part(ELEMENTS, cutoff=3.2, twojmax=2)),
        "moments that share": with_globals(moments_part(2, seed=4)),
        "moments": with_globals(
            moments_part(2, seed=4, shared=False), SETTINGS.model_copy(update={"volume": False})
        ),
    }
    return bare | {f"{name} with network": network(part, 2) for name, part in bare.items()}


PARTS = parts()


def plan_of(part):
    return {"elements": list(ELEMENTS), "parts": [{"kind": "e0", "n_features": 2}, part]}


def order_of(systems, chosen=SETTINGS):
    """Degree of order, straight from its definition."""
    (cell,), numbers, n = systems.cells, systems.numbers, systems.n_atoms
    steps = np.stack(np.meshgrid(*[np.arange(-6, 7)] * 3), axis=-1).reshape(-1, 3) @ cell
    volume = abs(np.linalg.det(cell))
    grid = (np.arange(round(chosen.cutoff / chosen.spacing)) + 0.5) * chosen.spacing
    total = 0.0
    for a in ELEMENTS:
        for b in ELEMENTS:
            first, second = np.flatnonzero(numbers == a), np.flatnonzero(numbers == b)
            if not len(first) or not len(second):
                continue
            r = np.concatenate(
                [
                    np.linalg.norm(systems.positions[j] - systems.positions[i] + steps, axis=1)
                    for i in first
                    for j in second
                ]
            )
            r = r[(r > 1e-9) & (r < chosen.cutoff + 3.0)]
            bell = np.exp(-0.5 * ((grid[:, None] - r) / chosen.width) ** 2)
            bell /= np.sqrt(2.0 * np.pi) * chosen.width
            pairs = len(first) * len(second)
            fingerprint = (bell / (4.0 * np.pi * r**2)).sum(axis=1) * volume / pairs - 1.0
            total += pairs / n**2 * np.square(fingerprint).sum() * chosen.spacing
    return np.sqrt(total / np.cbrt(volume / n))


def test_values_by_their_definition():
    part = PARTS["ace"]
    columns = features_of_centres(part, 2)
    evaluator = PlanEvaluator(plan_of(part))
    systems = joined(
        *(random_system(CRYSTAL, ELEMENTS, seed) for seed in (1, 2)),
        random_system(SHAPES["alone"], ELEMENTS, 0),
    )
    features = evaluator.features(systems)[:, 2:]
    for s, (a, b) in enumerate(zip(systems.first[:-2], systems.first[1:-1], strict=True)):
        one = random_system(CRYSTAL, ELEMENTS, s + 1)
        for i in range(a, b):
            volume, order = features[i, columns[ELEMENTS.index(systems.numbers[i])][-2:]]
            assert volume == pytest.approx(one.volumes[0] / one.n_atoms, rel=1e-13)
            assert order == pytest.approx(order_of(one), rel=1e-11)
    assert not features[-1, columns[0][-2:]].any()  # an isolated atom has neither


def test_a_supercell_has_the_same_features():
    evaluator = PlanEvaluator(plan_of(PARTS["ace"]))
    one = random_system(CRYSTAL, ELEMENTS, 3)
    twice = one.replace(
        numbers=np.tile(one.numbers, 2),
        positions=np.concatenate([one.positions, one.positions + one.cells[0, 1]]),
        cells=one.cells * np.array([1.0, 2.0, 1.0])[:, None],
        first=2 * one.first,
    )
    np.testing.assert_allclose(
        evaluator.feature_sums(twice)[0], 2.0 * evaluator.feature_sums(one)[0], rtol=1e-9, atol=1e-9
    )


def slope(energy, step=3e-4):
    stencil = ((-3, -1 / 60), (-2, 3 / 20), (-1, -3 / 4), (1, 3 / 4), (2, -3 / 20), (3, 1 / 60))
    return sum(weight * energy(k * step) for k, weight in stencil) / step


@pytest.mark.parametrize("name", PARTS)
def test_forces_and_stress_are_derivatives(name):
    plan = plan_of(PARTS[name])
    coefficients = random_coefficients(plan, 5)
    systems = random_system(CRYSTAL, ELEMENTS, 6)
    evaluator = PlanEvaluator(plan)
    weights = evaluator.weights(coefficients[None])
    _, forces, virial = evaluator.predict_sets(systems, weights)

    def energy(moved):
        return PlanEvaluator(plan).predict_sets(moved, weights)[0].sum()

    scale = max(np.abs(forces).max(), np.abs(virial).max())
    unit = np.zeros_like(systems.positions)
    unit[1, 2] = 1.0
    found = -slope(lambda s: energy(systems.replace(positions=systems.positions + s * unit)))
    assert forces[0, 1, 2] == pytest.approx(found, abs=3e-8 * scale)
    for a, b in VOIGT[2:5]:

        def strained(s, a=a, b=b):
            strain = np.eye(3)
            strain[a, b] += s
            return energy(systems.replace(positions=systems.positions @ strain, cells=systems.cells @ strain))

        assert virial[0, 0, a, b] == pytest.approx(-slope(strained), abs=3e-8 * scale)


@pytest.mark.parametrize("name", PARTS)
def test_all_entry_points_agree(name):
    plan = plan_of(PARTS[name])
    systems = joined(*(random_system(s, ELEMENTS, 8) for s in (CRYSTAL, SHAPES["molecule"], SHAPES["tiny"])))
    sets = random_coefficients(plan, 3, 3)
    evaluator = PlanEvaluator(plan, skin=0.3)
    features, (sums, fixed) = evaluator.features(systems), evaluator.feature_sums(systems)
    energies, forces, virial = evaluator.predict_sets(systems, evaluator.weights(sets))
    energy_rows, force_rows, virial_rows = evaluator.design_rows(systems)
    np.testing.assert_allclose(features @ sets.T, energies.T, atol=1e-11 * np.abs(energies).max())
    np.testing.assert_allclose(energy_rows, sums, atol=1e-10 * np.abs(sums).max())
    np.testing.assert_array_equal(fixed, 0.0)
    scale = np.abs(virial).max()
    for k in range(3):
        np.testing.assert_allclose((force_rows @ sets[k]).reshape(-1, 3), forces[k], atol=1e-10 * scale)
        voigt = np.stack([virial[k, :, a, b] for a, b in VOIGT], axis=1)
        np.testing.assert_allclose((virial_rows @ sets[k]).reshape(-1, 6), voigt, atol=1e-10 * scale)
    own = evaluator.batch(systems).backward(sets, systems.positions, systems.cells)
    np.testing.assert_allclose(sum_atoms(own[0], systems), (sums * sets).sum(axis=1), rtol=1e-9)
    for s, (a, b) in enumerate(zip(systems.first[:-1], systems.first[1:], strict=True)):
        np.testing.assert_allclose(own[1][a:b], forces[s, a:b], atol=1e-10 * scale)
    shared = PlanEvaluator(plan, n_threads=3)
    again = shared.predict_sets(systems, shared.weights(sets))
    for one, other in zip(again, (energies, forces, virial), strict=True):
        np.testing.assert_array_equal(one, other)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31 - 1))
def test_rotations_permutations_and_other_cells_change_nothing(seed):
    """Of pair sums over the crystal and of a network that sees volume and order."""
    pair = build_inverse_powers(InversePowersSettings(powers=(1, 2, 3, 6, 12)), ELEMENTS).part
    plan = {"elements": list(ELEMENTS), "parts": [pair, PARTS["moments with network"]]}
    evaluator = PlanEvaluator(plan)
    weights = evaluator.weights(random_coefficients(plan, 4)[None])

    def predicted(systems):
        energies, forces, virial = evaluator.predict_sets(systems, weights)
        return energies[0], forces[0], virial[0, 0]

    systems, rng = random_system(CRYSTAL, ELEMENTS, seed), np.random.default_rng(seed)
    energies, forces, virial = predicted(systems)
    assert np.abs(forces.sum(axis=0)).max() < 1e-11 * np.abs(virial).max()
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    order = rng.permutation(systems.n_atoms)
    basis = np.array([[1, 0, 2], [0, -1, 0], [1, 0, 1]])
    changed = {
        "rotated": (
            systems.replace(positions=systems.positions @ rotation, cells=systems.cells @ rotation),
            (energies, forces @ rotation, rotation.T @ virial @ rotation),
        ),
        "permuted": (
            systems.replace(numbers=systems.numbers[order], positions=systems.positions[order]),
            (energies[order], forces[order], virial),
        ),
        "other cell": (
            systems.replace(
                positions=systems.positions + rng.integers(-2, 3, (systems.n_atoms, 3)) @ systems.cells[0],
                cells=(basis @ systems.cells[0])[None],
            ),
            (energies, forces, virial),
        ),
    }
    for other, expected in changed.values():
        for one, two in zip(predicted(other), expected, strict=True):
            np.testing.assert_allclose(one, two, rtol=0.0, atol=1e-11 * np.abs(virial).max())


@pytest.mark.parametrize("name", [name for name in PARTS if name.endswith("network")])
def test_rows_for_trainers_hold_global_features(name):
    """Summed over the centres they are the rows of the bare descriptor, global features included."""
    part = PARTS[name]
    bare = PARTS[name.removesuffix(" with network")]
    systems = joined(*(random_system(CRYSTAL, ELEMENTS, seed) for seed in (9, 10)))
    rows = PlanEvaluator(plan_of(part)).descriptor_rows(systems, 1)
    linear = PlanEvaluator(plan_of(bare))
    columns = [own + 2 for own in features_of_centres(bare, 2)]
    species = np.array([ELEMENTS.index(z) for z in systems.numbers])
    features, (_, forces, virial) = linear.features(systems), linear.design_rows(systems)
    summed, strained = np.zeros_like(forces), np.zeros_like(virial)
    for i, z in enumerate(species):
        own = columns[z]
        np.testing.assert_allclose(rows.features[i, : len(own)], features[i, own], atol=1e-12)
        for row in range(rows.first[i], rows.first[i + 1]):
            j = rows.atom[row]
            summed[3 * j : 3 * j + 3, own] -= rows.gradients[row, :, : len(own)]
        s = systems.owner[i]
        strained[6 * s : 6 * s + 6, own] -= rows.strain[i, :, : len(own)]
    np.testing.assert_allclose(summed, forces, atol=1e-10 * np.abs(forces).max())
    np.testing.assert_allclose(strained, virial, atol=1e-10 * np.abs(virial).max())


def test_settings_of_a_model():
    descriptor = SymmetryFunctionsSettings(
        kind="symmetry_functions", cutoff=4.0, radial_size=2, angular_size=1
    )
    term = TermSettings(descriptor=descriptor, global_features=SETTINGS)
    model = build_model(ModelSettings(terms=(term,), repulsion=None), ELEMENTS)
    labels = model.features.labels
    columns = features_of_centres(model.plan["parts"][1], 2)
    assert [labels[2 + k] for k in columns[1][-2:]] == ["H: volume per atom", "H: order"]
    assert PlanEvaluator(model.plan).model.n_features == len(labels)
    quadratic = TermSettings(
        descriptor=descriptor, regressor=QuadraticSettings(kind="quadratic"), global_features=SETTINGS
    )
    with pytest.raises(InputError, match="takes no global_features"):
        build_model(ModelSettings(terms=(quadratic,)), ELEMENTS)
    with pytest.raises(ValueError, match="neither volume nor order"):
        GlobalFeaturesSettings(volume=False, order=False)


def test_grades_are_of_what_a_network_takes():
    """Kruglov's rule: a configuration is new if any feature leaves the range seen, the volume for one."""
    plan = plan_of(PARTS["ace with network"])
    seen = [random_system(CRYSTAL, ELEMENTS, seed) for seed in range(6)]

    class Seen:
        def __init__(self, systems):
            self.numbers, self.positions = systems.numbers, systems.positions
            self.cell, self.pbc = systems.cells[0], systems.pbc[0]

    found = learn_extrapolation(ExtrapolationSettings(kind="ranges"), plan, [Seen(one) for one in seen])
    bare = PARTS["ace"]
    assert max(int(own.max()) for own in found.columns.values()) < 2 + bare["n_features"]
    volume = features_of_centres(bare, 2)[0][-2] + 2
    assert volume in found.columns[8]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"volume": False, "order": False}, "name neither volume nor order"),
        ({"spacing": 0.0}, "0 < spacing <= width <= cutoff"),
        ({"width": 0.01}, "0 < spacing <= width <= cutoff"),
    ],
)
def test_bad_plans_are_refused(change, message):
    part = copy.deepcopy(PARTS["ace"])
    part["global_features"] |= change
    with pytest.raises(ValueError, match=message):
        PlanEvaluator(plan_of(part))
