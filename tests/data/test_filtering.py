import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from atomsmith.data import Configuration, Dataset
from atomsmith.data.filtering import FilterSettings, near_duplicate_groups

from .test_dataset import atom


def dimer(distance: float, energy: float = 0.0, force: float = 0.0) -> Configuration:
    positions = np.array([[0, 0, 0], [0, 0, distance]])
    return Configuration(
        np.array([1, 1]), positions, energy=energy, forces=np.array([[0, 0, -force], [0, 0, force]])
    )


@pytest.mark.parametrize(
    ("settings", "dropped", "reason"),
    [
        ({"max_force_ev_per_angstrom": 5.0}, [2], r"force of 9 eV/A on atom 0, above 5"),
        ({"min_distance_angstrom": 0.6}, [2], r"two atoms 0\.5 A apart, below 0\.6"),
        (
            {"energy_window_ev_per_atom": 1.0},
            [2, 3],
            "eV/atom above the lowest of its composition, beyond 1",
        ),
        ({"duplicates": "exact"}, [4], "the same as configuration 1"),
    ],
)
def test_filters(settings: dict[str, object], dropped: list[int], reason: str) -> None:
    lone = atom(1, 50.0)
    dataset = Dataset([lone, dimer(0.75), dimer(0.5, 4.0, 9.0), dimer(1.5, 2.5, 3.0), dimer(0.75)])
    report = dataset.filter(FilterSettings.model_validate(settings))
    assert [d.index for d in report.dropped] == dropped
    assert len(report.kept) == len(dataset) - len(dropped)
    assert report.kept[0] is lone
    assert all(re.search(reason, d.reason) for d in report.dropped)


def test_nothing_is_left_out_by_default(make) -> None:
    dataset = Dataset([make(0), make(0), make(1)])
    report = dataset.filter(FilterSettings())
    assert list(report.kept) == list(dataset)
    assert report.dropped == ()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_near_duplicates_are_symmetry_equivalent(seed: int) -> None:
    """Rotated, mirrored, translated, renumbered, wrapped: the same. Moved by 0.01 angstrom: another."""
    rng = np.random.default_rng(seed)
    n = 6
    cell = 5.0 * np.eye(3) + rng.normal(scale=0.4, size=(3, 3))
    forces = rng.normal(size=(n, 3))
    original = Configuration(rng.choice([3, 9], n), rng.uniform(size=(n, 3)) @ cell, cell, True, -3.0, forces)
    turn = Rotation.random(rng=rng).as_matrix() * rng.choice([-1, 1])
    order = rng.permutation(n)
    moved = original.positions + rng.normal(size=3) + rng.integers(-1, 2, size=(n, 3)) @ cell
    same = original.replace(
        numbers=original.numbers[order],
        positions=(moved @ turn)[order],
        cell=cell @ turn,
        forces=(forces @ turn)[order],
    )
    shifted = original.positions.copy()
    shifted[0, 0] += 0.02
    groups = near_duplicate_groups([original, original.replace(positions=shifted), same])
    assert groups == [[0, 2], [1]]


def test_twins_of_the_published_sets(shared_data: Path) -> None:
    """Test structures with a symmetry-equivalent training structure, as the sets' README counts them."""
    for element, expected in (("Li", 3), ("Si", 3), ("Ge", 3), ("Cu", 11), ("Ni", 9), ("Mo", 0)):
        parts = [Dataset.read(shared_data / "mlearn" / f"{element}_{p}.xyz.gz") for p in ("train", "test")]
        groups = near_duplicate_groups(parts[0] + parts[1])
        n_train = len(parts[0])
        assert sum(k >= n_train for group in groups if group[0] < n_train for k in group) == expected
