"""Records gathered from a potential and from configurations."""

import numpy as np

from atomsmith.data.configuration import Configuration
from atomsmith.report.gather.accuracy import FEWEST, calibration
from atomsmith.report.gather.fits import to_yaml
from atomsmith.report.gather.software import versions
from atomsmith.report.gather.structures import structure, wrapped


def test_atoms_that_left_the_cell_are_brought_back_to_an_image_of_themselves() -> None:
    rng = np.random.default_rng(0)
    cell = np.diag([4.0, 5.0, 6.0]) + rng.normal(scale=0.5, size=(3, 3))
    inside = rng.uniform(0.05, 0.85, (7, 3))
    shifts = rng.integers(-3, 4, (7, 3))
    away = Configuration(np.full(7, 13), (inside + shifts) @ cell, cell, np.ones(3, bool))
    np.testing.assert_allclose(wrapped(away), inside @ cell, atol=1e-10)


def test_an_atom_that_vibrates_about_a_face_stays() -> None:
    positions = np.array([[-0.05, 0.02, -0.3], [2.0, 2.0, 2.0]])
    cell = 4.0 * np.eye(3)
    periodic = Configuration(np.array([13, 13]), positions, cell, np.ones(3, bool))
    np.testing.assert_allclose(wrapped(periodic), positions, atol=1e-12)
    raised = positions + np.array([0.0, 0.0, 9.0])
    surface = Configuration(np.array([13, 13]), raised, cell, np.array([True, True, False]))
    np.testing.assert_array_equal(wrapped(surface), surface.positions)


def test_a_structure_has_its_labels_per_atom_and_largest() -> None:
    forces = np.array([[3.0, 4.0, 0.0], [0.0, 0.0, 1.0]])
    shown = structure(Configuration(np.array([1, 1]), np.eye(3)[:2], energy=-3.0, forces=forces), "x")
    assert shown.energy_per_atom == -1.5
    assert shown.largest_force == 5.0
    assert shown.cell is None


def test_a_few_values_are_not_judged() -> None:
    few = np.ones(FEWEST - 1)
    assert calibration("energy", "test", few, few) is None
    assert calibration("forces", "test", np.zeros(100), np.ones(100)) is None
    judged = calibration("energy", "test", np.ones(FEWEST), 2.0 * np.ones(FEWEST))
    assert judged is not None
    assert judged.scores["factor on σ that calibrates"] == 2.0


def test_settings_keep_their_order_and_versions_name_the_engine() -> None:
    assert to_yaml({"b": 1, "a": {"unit": "Å"}}) == "b: 1\na:\n  unit: Å\n"
    assert to_yaml({}) == ""
    found = versions(["no-such-package"])
    assert "no-such-package" not in found
    assert "doubles" in found["engine"]
