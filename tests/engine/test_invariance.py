"""Symmetries of the energy: rotation, reflection, translation, permutation, supercells, images, bases."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from atomsmith.evaluator import PlanEvaluator
from atomsmith.systems import Systems
from engine.plans import SHAPES, full_plan, random_coefficients, random_system

PLAN = full_plan()
COEFFICIENTS = random_coefficients(PLAN, 1)
EVALUATOR = PlanEvaluator(PLAN)
WEIGHTS = EVALUATOR.weights(COEFFICIENTS[None])
PERIODIC = ("skewed", "tiny", "thin", "far outside")
TOLERANCE = 1e-12
"""Relative to the largest energy or force that single features contribute."""

seeds = st.integers(0, 2**31 - 1)
few = settings(max_examples=15, deadline=None, database=None, derandomize=True)


def predict(systems: Systems):
    energies, forces, virial = EVALUATOR.predict_sets(systems, WEIGHTS)
    return energies[0], forces[0], virial[0]


def assert_same(found, expected, systems):
    """Equal up to rounding of the sums over features, whose terms cancel in part."""
    energy_rows, force_rows, virial_rows = EVALUATOR.design_rows(systems)
    for one, other, rows in zip(found, expected, (energy_rows, force_rows, virial_rows), strict=True):
        scale = (np.abs(rows) @ np.abs(COEFFICIENTS)).max(initial=1.0)
        scale = max(scale, np.abs(other).max(initial=0.0))
        np.testing.assert_allclose(one, other, rtol=0.0, atol=TOLERANCE * scale)


def orthogonal(rng):
    """A random rotation, reflection or rotation with reflection."""
    matrix, triangle = np.linalg.qr(rng.normal(size=(3, 3)))
    return matrix * np.sign(np.diag(triangle))


@few
@given(st.sampled_from(sorted(SHAPES)), seeds)
def test_rotation_and_reflection(shape, seed):
    systems, turn = (
        random_system(SHAPES[shape], PLAN["elements"], seed),
        orthogonal(np.random.default_rng(seed)),
    )
    energies, forces, virial = predict(systems)
    turned = systems.replace(positions=systems.positions @ turn, cells=systems.cells @ turn)
    assert_same(predict(turned), (energies, forces @ turn, turn.T @ virial @ turn), systems)


@few
@given(st.sampled_from(sorted(SHAPES)), seeds)
def test_translation_and_no_net_force(shape, seed):
    systems = random_system(SHAPES[shape], PLAN["elements"], seed)
    expected = predict(systems)
    shift = np.random.default_rng(seed).uniform(-20.0, 20.0, 3)
    found = predict(systems.replace(positions=systems.positions + shift))
    assert_same(found, expected, systems)
    assert_same((found[0], found[1].sum(axis=0), found[2]), (found[0], np.zeros(3), found[2].mT), systems)


@few
@given(st.sampled_from(sorted(SHAPES)), seeds)
def test_permutation(shape, seed):
    systems = random_system(SHAPES[shape], PLAN["elements"], seed)
    energies, forces, virial = predict(systems)
    order = np.random.default_rng(seed).permutation(systems.n_atoms)
    shuffled = systems.replace(numbers=systems.numbers[order], positions=systems.positions[order])
    assert_same(predict(shuffled), (energies[order], forces[order], virial), systems)


@few
@given(st.sampled_from(PERIODIC), seeds, st.integers(0, 2), st.integers(2, 3))
def test_supercell(shape, seed, axis, copies):
    systems = random_system(SHAPES[shape], PLAN["elements"], seed)
    energies, forces, virial = predict(systems)
    stretch = np.ones(3)
    stretch[axis] = copies
    larger = Systems(
        numbers=np.tile(systems.numbers, copies),
        positions=np.concatenate([systems.positions + k * systems.cells[0, axis] for k in range(copies)]),
        cells=stretch[:, None] * systems.cells,
        pbc=systems.pbc,
        first=copies * systems.first,
    )
    expected = np.tile(energies, copies), np.tile(forces, (copies, 1)), copies * virial
    assert_same(predict(larger), expected, larger)


@few
@given(st.sampled_from(PERIODIC), seeds)
def test_images_and_other_bases_of_the_lattice(shape, seed):
    systems, rng = random_system(SHAPES[shape], PLAN["elements"], seed), np.random.default_rng(seed)
    expected, cell = predict(systems), systems.cells[0]
    jumps = rng.integers(-3, 4, (systems.n_atoms, 3))
    assert_same(predict(systems.replace(positions=systems.positions + jumps @ cell)), expected, systems)
    basis = np.eye(3)
    basis[tuple(rng.permutation(3)[:2])] = rng.integers(-2, 3)
    sheared = basis[rng.permutation(3)] @ cell
    assert_same(predict(systems.replace(cells=sheared[None])), expected, systems)


@pytest.mark.parametrize("distance", [3.9, 4.2, 1e3, 1e6])
def test_what_is_beyond_the_cutoff_does_not_matter(distance):
    """Energies per atom are those of the fragments, also of fragments very far apart."""
    fragment = random_system(SHAPES["molecule"], PLAN["elements"], 3)
    fragment = fragment.replace(positions=fragment.positions - fragment.positions.max(axis=0))
    partner = random_system(SHAPES["molecule"], PLAN["elements"], 4)
    partner = partner.replace(positions=partner.positions - partner.positions.min(axis=0))
    offset = np.array([0.0, 0.0, max(distance, EVALUATOR.model.cutoff)])
    both = Systems(
        numbers=np.concatenate([fragment.numbers, partner.numbers]),
        positions=np.concatenate([fragment.positions, partner.positions + offset]),
        cells=np.zeros((1, 3, 3)),
        pbc=np.zeros((1, 3), dtype=bool),
        first=np.array([0, fragment.n_atoms + partner.n_atoms]),
    )
    expected = np.concatenate([predict(fragment)[0], predict(partner)[0]])
    tolerance = 1e-12 if distance < 1e2 else 1e-15 * distance * 1e2
    np.testing.assert_allclose(predict(both)[0], expected, rtol=0.0, atol=tolerance * 1e3)
