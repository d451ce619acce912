"""PEG chains: stoichiometry, geometry, dihedral statistics, seeds, and the watch on bonds."""

import numpy as np
import pytest

from atomsmith.builders import intact_bonds, peg_bonds, peg_chain
from atomsmith.errors import InputError


def dihedral(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> float:
    """Dihedral angle in degrees, IUPAC sign, by the formula with atan2."""
    b1, b2, b3 = b - a, c - b, d - c
    n1, n2 = np.cross(b1, b2), np.cross(b2, b3)
    return float(np.degrees(np.arctan2(np.linalg.norm(b2) * (b1 @ n2), n1 @ n2)))


@pytest.mark.parametrize("n", [1, 2, 3, 6, 15])
def test_composition(n: int) -> None:
    chain = peg_chain(n, np.random.default_rng(n))
    assert np.bincount(chain.numbers, minlength=9)[[1, 6, 8]].tolist() == [4 * n + 2, 2 * n, n + 1]
    bonds = peg_bonds(n)
    assert len(bonds) == 7 * n + 2  # a tree
    valence = np.bincount(bonds.reshape(-1), minlength=len(chain))
    assert all(valence[k] == {1: 1, 6: 4, 8: 2}[z] for k, z in enumerate(chain.numbers))


def test_geometry_is_that_of_tetrahedral_carbon() -> None:
    n = 4
    chain = peg_chain(n, np.random.default_rng(3))
    x, bonds = chain.positions, peg_bonds(n)
    lengths = np.linalg.norm(x[bonds[:, 0]] - x[bonds[:, 1]], axis=1)
    for (i, j), length in zip(bonds, lengths, strict=True):
        pair = tuple(sorted((chain.numbers[i], chain.numbers[j])))
        assert length == pytest.approx({(1, 8): 0.96, (6, 8): 1.41, (6, 6): 1.52, (1, 6): 1.10}[pair])
    for centre in np.flatnonzero(chain.numbers == 6):
        around = [j if i == centre else i for i, j in bonds if centre in (i, j)]
        arms = x[around] - x[centre]
        arms /= np.linalg.norm(arms, axis=1)[:, None]
        angles = np.degrees(np.arccos((arms @ arms.T)[np.triu_indices(4, 1)]))
        assert angles.min() > 104.0
        assert angles.max() < 115.0


def test_no_clashes_and_no_other_bonds() -> None:
    rng = np.random.default_rng(5)
    for _ in range(10):
        chain = peg_chain(6, rng)
        x = chain.positions
        distances = np.linalg.norm(x[:, None] - x[None], axis=-1)
        distances[tuple(peg_bonds(6).T)] = np.inf
        assert distances[np.triu_indices(len(x), 1)].min() > 1.55  # geminal hydrogens are 1.78 apart
        assert intact_bonds(x, 6)


@pytest.mark.parametrize("gauche", [0.0, 1.0])
def test_dihedrals_follow_the_probabilities(gauche: float) -> None:
    chain = peg_chain(3, np.random.default_rng(0), gauche_cc=gauche, gauche_co=0.0)
    backbone = chain.positions[: 3 * 3 + 3]
    angles = {
        tuple(chain.numbers[k + 1 : k + 3]): abs(dihedral(*backbone[k : k + 4]))
        for k in range(len(backbone) - 3)
    }
    assert angles[6, 6] == pytest.approx(68.0 if gauche else 180.0, abs=40.0)
    assert angles[8, 6] == pytest.approx(180.0, abs=40.0)


def test_seed_decides() -> None:
    first, again, other = (peg_chain(4, np.random.default_rng(seed)).positions for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)


def test_broken_and_new_bonds_are_seen() -> None:
    n = 2
    x = peg_chain(n, np.random.default_rng(1)).positions
    last = 3 * n + 2  # hydrogen of the far hydroxyl group
    away = x.copy()
    away[last] += 3.0 * (x[last] - x[last - 1])
    assert not intact_bonds(away, n)
    near = x.copy()
    near[last + 1] = x[last + 2] + [0.75, 0.0, 0.0]  # geminal hydrogens as in H2
    assert not intact_bonds(near, n)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [({"n": 0}, "at least one monomer"), ({"n": 2, "gauche_cc": 1.5}, "gauche_cc is 1.5")],
)
def test_bad_input(arguments: dict[str, float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        peg_chain(rng=np.random.default_rng(0), **arguments)  # type: ignore[arg-type]


def test_wrong_number_of_atoms() -> None:
    with pytest.raises(InputError, match="17 atoms"):
        intact_bonds(np.zeros((3, 3)), 2)
