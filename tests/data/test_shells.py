import itertools
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk, molecule

from atomsmith.data import Configuration, Dataset
from atomsmith.data.shells import pair_shells, typical_cutoff


def rocksalt(constant: float, rattle: float, seed: int) -> Configuration:
    """A cell of eight ions with thermal noise."""
    grid = np.array(list(itertools.product((0, 1), repeat=3)))
    numbers = np.where(grid.sum(axis=1) % 2, 17, 11)
    noise = np.random.default_rng(seed).normal(scale=rattle, size=(8, 3))
    return Configuration(numbers, 0.5 * constant * grid + noise, constant * np.eye(3), True)


def test_shells_of_rocksalt() -> None:
    configurations = [rocksalt(5.6, 0.1, seed) for seed in range(40)]
    shells = pair_shells(configurations, 6.0)
    assert sorted(shells) == [(11, 11), (11, 17), (17, 17)]
    assert shells[11, 17].first_neighbour == pytest.approx(2.8, abs=0.1)
    assert shells[11, 11].first_neighbour == pytest.approx(5.6 / np.sqrt(2.0), abs=0.12)
    assert shells[11, 17].name == "Na-Cl"
    shortest = min(c.shortest_distance() for c in configurations)
    assert min(shell.shortest for shell in shells.values()) == pytest.approx(shortest)


def test_a_few_close_encounters_do_not_make_a_peak() -> None:
    configurations = [rocksalt(5.6, 0.05, seed) for seed in range(40)]
    close = configurations[0].positions.copy()
    close[1] = close[0] + [0.0, 0.0, 1.3]
    configurations.append(configurations[0].replace(positions=close))
    shell = pair_shells(configurations)[11, 17]
    assert shell.shortest == pytest.approx(1.3)
    assert shell.first_neighbour == pytest.approx(2.8, abs=0.1)


def test_pairs_that_never_meet_are_absent() -> None:
    far = Configuration(np.array([1, 2]), np.array([[0, 0, 0], [0, 0, 9.0]]))
    assert pair_shells([far], 6.0) == {}
    assert pair_shells([far], 10.0)[1, 2].shortest == pytest.approx(9.0)


def test_real_sets(shared_data: Path) -> None:
    silicon = pair_shells(Dataset.read(shared_data / "mlearn" / "Si_train.xyz.gz"))
    assert silicon[14, 14].first_neighbour == pytest.approx(2.37, abs=0.05)
    drug = pair_shells(Dataset.read(shared_data / "molecules" / "3BPA_train_300K.xyz.gz"))
    assert drug[1, 6].first_neighbour == pytest.approx(1.09, abs=0.03)
    assert drug[6, 6].first_neighbour == pytest.approx(1.40, abs=0.03)


def crystal(symbol: str, vacuum: float = 0.0) -> Configuration:
    atoms = bulk(symbol, cubic=True).repeat((2, 2, 3))
    if vacuum:
        atoms.center(vacuum=vacuum, axis=2)
    return Configuration(atoms.numbers, atoms.positions, atoms.cell.array, True)


@pytest.mark.parametrize(("symbol", "expected"), [("Cu", 5.15), ("Mo", 5.65), ("Si", 6.1), ("Li", 6.2)])
def test_cutoff_holds_the_shells_of_a_crystal(symbol: str, expected: float) -> None:
    cutoff = typical_cutoff([crystal(symbol)])
    assert cutoff == pytest.approx(expected, abs=0.15)
    assert typical_cutoff([crystal(symbol, vacuum=10.0)]) == pytest.approx(cutoff, rel=0.25)


def test_cutoff_of_molecules_whatever_their_box() -> None:
    ethane = molecule("C2H6")
    free = Configuration(ethane.numbers, ethane.positions)
    boxed = Configuration(ethane.numbers, ethane.positions, 12.0 * np.eye(3), True)
    assert typical_cutoff([]) == typical_cutoff([free]) == typical_cutoff([boxed, boxed]) == 5.0
