"""The oracle itself against finite differences and closed forms, so that it may judge others."""

import numpy as np
import pytest

from atomsmith.descriptors import AceSettings, PairSettings, build_ace, build_pair
from oracle.ace_numpy import Oracle, neighbours
from oracle.environments import crystal, isolated

ELEMENTS = (8, 1)
ZBL = {
    "kind": "zbl",
    "n_features": 0,
    "charges": np.array([8.0, 1.0]),
    "inner": np.full(4, 0.6),
    "outer": np.full(4, 2.4),
}
E0 = {"kind": "e0", "n_features": 2}


def plan():
    ace = build_ace(
        AceSettings(cutoff=3.4, correlation_order=4, degree=[3, 4, 4, 3], first_order=True), ELEMENTS
    )
    pair = build_pair(PairSettings(degree=4, cutoff=3.8), ELEMENTS)
    return {"elements": list(ELEMENTS), "parts": [E0, pair.part, ace.part, ZBL]}


def coefficients(the_plan, seed=0):
    n = sum(part["n_features"] for part in the_plan["parts"])
    return np.random.default_rng(seed).normal(size=n)


@pytest.mark.parametrize("pbc", [(True, True, True), (True, False, True), (False, False, False)])
def test_forces_and_virial_are_derivatives_of_the_energy(pbc):
    the_plan, systems = plan(), crystal(1, ELEMENTS, pbc=pbc)
    c, h = coefficients(the_plan), 1e-5
    oracle = Oracle(the_plan, systems)
    forces, virial = oracle.forces(c), oracle.virial(c)

    def energy(**changes):
        return Oracle(the_plan, systems.replace(**changes)).energy(c)[0]

    for atom, axis in [(0, 0), (1, 1), (3, 2)]:
        step = np.zeros_like(systems.positions)
        step[atom, axis] = h
        slope = (energy(positions=systems.positions + step) - energy(positions=systems.positions - step)) / (
            2 * h
        )
        assert forces[atom, axis] == pytest.approx(-slope, rel=1e-5, abs=1e-5)
    for a, b in [(0, 0), (0, 1), (2, 0)]:
        values = []
        for sign in (1.0, -1.0):
            strain = np.eye(3)
            strain[a, b] += sign * h
            values.append(energy(positions=systems.positions @ strain.T, cells=systems.cells @ strain.T))
        assert virial[0, a, b] == pytest.approx(-(values[0] - values[1]) / (2 * h), rel=1e-5, abs=1e-5)
    np.testing.assert_allclose(forces.sum(axis=0), 0.0, atol=1e-9 * np.abs(forces).max())
    np.testing.assert_allclose(virial[0], virial[0].T, atol=1e-9 * np.abs(virial).max())


def test_supercell_and_images_change_nothing():
    the_plan, systems = plan(), crystal(2, ELEMENTS)
    c = coefficients(the_plan)
    cell = systems.cells[0]
    double = systems.replace(
        numbers=np.tile(systems.numbers, 2),
        positions=np.concatenate([systems.positions, systems.positions + cell[0]]),
        cells=(np.diag([2.0, 1.0, 1.0]) @ cell)[None],
        first=np.array([0, 2 * systems.n_atoms]),
    )
    shifted = systems.replace(positions=systems.positions + np.arange(12).reshape(4, 3) @ cell)
    energies = Oracle(the_plan, systems).energies(c)
    np.testing.assert_allclose(Oracle(the_plan, double).energies(c), np.tile(energies, 2), rtol=1e-10)
    np.testing.assert_allclose(Oracle(the_plan, shifted).energies(c), energies, rtol=1e-9)


def test_repulsion_is_the_universal_one_below_the_switch():
    systems = isolated([8, 1], [np.array([[0.0, 0, 0], [0.5, 0, 0]])])
    the_plan = {"elements": list(ELEMENTS), "parts": [E0, ZBL]}
    a = 0.8854 * 0.529177 / (8**0.23 + 1.0)
    x = 0.5 / a
    phi = 0.1818 * np.exp(-3.2 * x) + 0.5099 * np.exp(-0.9423 * x) + 0.2802 * np.exp(-0.4028 * x)
    phi += 0.02817 * np.exp(-0.2016 * x)
    assert Oracle(the_plan, systems).energy(np.zeros(2))[0] == pytest.approx(
        8 * 14.39964 / 0.5 * phi, rel=1e-3
    )


def test_neighbours_are_found_in_thin_and_skewed_cells():
    """Counting against images of a generous fixed block."""
    cell = np.array([[1.1, 0, 0], [3.0, 1.2, 0], [0.5, 0.4, 9.0]])
    systems = crystal(0, (8,), n_atoms=1).replace(cells=cell[None], positions=np.array([[5.0, -7.0, 40.0]]))
    i, _, shifts = neighbours(systems, 3.0)
    grid = np.array(np.meshgrid(*[np.arange(-15, 16)] * 3)).reshape(3, -1).T @ cell
    distance = np.linalg.norm(grid, axis=1)
    assert len(i) == np.count_nonzero((distance < 3.0) & (distance > 0.0))
    assert np.linalg.norm(shifts, axis=1).max() < 3.0
