"""Random alloys, and random displacements and strains."""

import numpy as np
import pytest

from atomsmith.builders import random_fcc_alloy, rattled, strained
from atomsmith.errors import InputError


def test_alloy_is_fcc_of_the_composition() -> None:
    alloy = random_fcc_alloy({"Al": 29, "Si": 3}, 4.05, np.random.default_rng(0))
    assert alloy.formula == "Al29Si3"
    assert alloy.volume == pytest.approx(8 * 4.05**3)
    fractional = alloy.positions @ np.linalg.inv(alloy.cell)
    vectors = fractional[:, None] - fractional[None]
    vectors -= np.rint(vectors)
    distances = np.sort(np.linalg.norm(vectors @ alloy.cell, axis=-1), axis=1)
    assert distances[:, 1:13] == pytest.approx(4.05 / np.sqrt(2.0))
    assert (distances[:, 13] > 4.0).all()


def test_sites_are_shuffled_by_the_seed() -> None:
    cells = [
        random_fcc_alloy({"Al": 2, "Si": 2}, 4.0, np.random.default_rng(seed), repeats=(1, 1, 1)).numbers
        for seed in range(30)
    ]
    assert np.array_equal(
        cells[3],
        random_fcc_alloy({"Al": 2, "Si": 2}, 4.0, np.random.default_rng(3), repeats=(1, 1, 1)).numbers,
    )
    assert len({tuple(numbers) for numbers in cells}) == 6  # all arrangements of two among four


def test_rattle_has_the_width_asked_for() -> None:
    alloy = random_fcc_alloy({"Al": 500}, 4.05, np.random.default_rng(0), repeats=(5, 5, 5))
    labelled = alloy.replace(energy=1.0)
    moved = rattled(labelled, 0.1, np.random.default_rng(1))
    assert (moved.positions - alloy.positions).std() == pytest.approx(0.1, rel=0.05)
    assert moved.labels == ()
    assert np.array_equal(labelled.positions, alloy.positions)


def test_strain_is_symmetric_and_affine() -> None:
    alloy = random_fcc_alloy({"Al": 29, "Si": 3}, 4.05, np.random.default_rng(0))
    bent = strained(alloy, 0.05, np.random.default_rng(1))
    deformation = np.linalg.solve(alloy.cell, bent.cell)
    assert deformation == pytest.approx(deformation.T)
    assert 0.01 < np.abs(deformation - np.eye(3)).max() <= 0.05
    before = alloy.positions @ np.linalg.inv(alloy.cell)
    assert bent.positions @ np.linalg.inv(bent.cell) == pytest.approx(before)


def test_bad_input() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="30 atoms, but 2 x 2 x 2 cubic fcc cells have 32 sites"):
        random_fcc_alloy({"Al": 29, "Si": 1}, 4.05, rng)
    with pytest.raises(InputError, match="must be positive"):
        random_fcc_alloy({"Al": 32}, 0.0, rng)
    with pytest.raises(InputError, match="'Xy'"):
        random_fcc_alloy({"Al": 29, "Xy": 3}, 4.05, rng)
    alloy = random_fcc_alloy({"Al": 32}, 4.05, rng)
    with pytest.raises(InputError, match="standard_deviation is -1"):
        rattled(alloy, -1.0, rng)
    with pytest.raises(InputError, match="expected 0 to"):
        strained(alloy, 0.5, rng)
    with pytest.raises(InputError, match="not periodic"):
        strained(alloy.replace(pbc=np.zeros(3, np.bool_)), 0.1, rng)
