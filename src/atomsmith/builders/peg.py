"""Poly(ethylene glycol), H-(OCH2CH2)n-OH, from internal coordinates with random dihedral angles."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import shortest_path

from atomsmith.data.configuration import Configuration
from atomsmith.elements import number_of
from atomsmith.errors import InputError
from atomsmith.systems import BoolArray, FloatArray

# Bond lengths (angstrom) and angles (degrees, by the atom in the middle), rounded from dimethyl ether and
# ethanol; dynamics relaxes them within femtoseconds.
_LENGTH = {"CC": 1.52, "CO": 1.41, "HO": 0.96, "CH": 1.10}
_ANGLE = {"C": 109.0, "O": 112.0, "H-O": 107.0}
_METHYLENE_ANGLE = 108.0
_GAUCHE = 68.0
_DIHEDRAL_SPREAD = 10.0
"""Standard deviation in degrees about gauche and trans."""
_CLASH = {2: 1.9, 3: 2.3, 4: 2.8}
"""Least distance in angstrom of atoms four or more bonds apart; a hydrogen counts 1, another atom 2."""
_REDRAWS = 10
_ATTEMPTS = 1000


def peg_chain(
    n: int,
    rng: np.random.Generator,
    *,
    gauche_cc: float = 0.7,
    gauche_co: float = 0.25,
    config_type: str = "peg",
) -> Configuration:
    """Build one molecule with dihedral angles drawn near gauche+, gauche- and trans, without clashes.

    The atoms are the chain H, O, C, C, O, ..., O, H in order, then two hydrogens for every carbon in turn:
    7n + 3 atoms. Dihedral angles scatter by 10 degrees about their rotamer.

    Parameters
    ----------
    n
        Number of monomers.
    rng
        Random numbers.
    gauche_cc, gauche_co
        Probability of gauche (either sign) about C-C and about C-O bonds. In the melt O-C-C-O is mostly
        gauche and C-O-C-C mostly trans.
    config_type
        Type given to the configuration.

    Raises
    ------
    InputError
        If ``n`` or a probability is out of range, or no chain without clashes was found.
    """
    if n < 1:
        raise InputError(f"peg_chain: n is {n}; a chain has at least one monomer.")
    for name, value in (("gauche_cc", gauche_cc), ("gauche_co", gauche_co)):
        if not 0.0 <= value <= 1.0:
            raise InputError(f"peg_chain: {name} is {value}; a probability lies between 0 and 1.")
    topology = _topology(n)
    for _ in range(_ATTEMPTS):
        positions = _grow(topology, gauche_cc, gauche_co, rng)
        if positions is not None:
            return Configuration(numbers=topology.numbers, positions=positions, config_type=config_type)
    raise InputError(
        f"peg_chain: {_ATTEMPTS} random chains of {n} monomers all ran into themselves; "
        "build shorter chains, or lower gauche_co."
    )


def peg_bonds(n: int) -> NDArray[np.int64]:
    """Bonded pairs of atoms of `peg_chain`, shape (7n + 2, 2)."""
    return _topology(n).bonds.copy()


def intact_bonds(
    positions: FloatArray, n: int, *, longest: float = 1.5, shortest_other: float = 1.25
) -> bool:
    """Whether a molecule has kept its bonds, and made no other.

    Parameters
    ----------
    positions
        In angstrom, in the order of `peg_chain`, shape (7n + 3, 3).
    n
        Number of monomers.
    longest
        A bond is broken beyond this multiple of its length in `peg_chain`.
    shortest_other
        A bond is made where two atoms that share none come closer than this multiple of the bond length of
        such a pair (of H-H: 0.74 angstrom).

    Raises
    ------
    InputError
        If the number of atoms is not that of the chain.
    """
    topology = _topology(n)
    if positions.shape != (len(topology.symbols), 3):
        raise InputError(
            f"intact_bonds: positions have shape {positions.shape}, a chain of {n} monomers has "
            f"{len(topology.symbols)} atoms."
        )
    distances = _distances(positions)
    kept = distances[topology.bonded] <= longest * topology.lengths[topology.bonded]
    other = topology.separation > 1
    apart = distances[other] >= shortest_other * topology.lengths[other]
    return bool(kept.all() and apart.all())


@dataclass(frozen=True, eq=False)
class _Topology:
    """Facts about a chain of N atoms.

    ``n_backbone`` atoms come first. ``separation`` counts the bonds between two atoms, ``lengths`` are those
    of a bond between them and ``least`` the distances below which they clash, shapes (N, N).
    """

    n_backbone: int
    symbols: tuple[str, ...]
    numbers: NDArray[np.int32]
    bonds: NDArray[np.int64]
    separation: FloatArray
    bonded: BoolArray
    lengths: FloatArray
    least: FloatArray

    def hydrogens(self, carbon: int) -> list[int]:
        """Indices of the hydrogens on a carbon of the backbone, H O (C C O)n H."""
        rank = 2 * ((carbon - 2) // 3) + (carbon - 2) % 3
        return [self.n_backbone + 2 * rank, self.n_backbone + 2 * rank + 1]

    def clash(self, positions: FloatArray, atoms: list[int]) -> bool:
        """Whether these atoms clash with any; positions that are still NaN clash with none."""
        distances = np.linalg.norm(positions[atoms, None] - positions, axis=-1)
        return bool((distances < self.least[atoms]).any())


@lru_cache(maxsize=32)
def _topology(n: int) -> _Topology:
    backbone = ("H", "O", *("C", "C", "O") * n, "H")
    carbons = [k for k, symbol in enumerate(backbone) if symbol == "C"]
    symbols = (*backbone, *("H",) * (2 * len(carbons)))
    size = len(symbols)
    chain = [(k, k + 1) for k in range(len(backbone) - 1)]
    sides = [(carbons[h // 2], len(backbone) + h) for h in range(2 * len(carbons))]
    bonds = np.array(chain + sides, dtype=np.int64)
    graph = coo_array((np.ones(len(bonds)), (bonds[:, 0], bonds[:, 1])), shape=(size, size))
    separation = np.asarray(shortest_path(graph, directed=False, unweighted=True), dtype=np.float64)
    heavy = np.array([1 + (symbol != "H") for symbol in symbols])
    clash = np.vectorize(_CLASH.__getitem__)(heavy[:, None] + heavy[None, :])
    return _Topology(
        n_backbone=len(backbone),
        symbols=symbols,
        numbers=np.array([number_of(symbol) for symbol in symbols], dtype=np.int32),
        bonds=bonds,
        separation=separation,
        bonded=separation == 1.0,
        lengths=np.array([[_length(a, b) for b in symbols] for a in symbols]),
        least=np.where(separation >= 4.0, clash, 0.0),
    )


def _length(first: str, second: str) -> float:
    """Length of a single bond; of pairs that are not bonded in PEG that of H2 or of a peroxide."""
    return _LENGTH.get("".join(sorted((first, second))), 0.74 if first == "H" else 1.45)


def _grow(
    topology: _Topology, gauche_cc: float, gauche_co: float, rng: np.random.Generator
) -> FloatArray | None:
    """Grow a chain atom by atom; a dihedral that clashes is drawn again, None is a dead end."""
    symbols = topology.symbols
    positions = np.full((len(symbols), 3), np.nan)
    positions[0] = 0.0
    positions[1] = _LENGTH["HO"], 0.0, 0.0
    positions[2] = _placed(np.array([0.0, 1.0, 0.0]), positions[0], positions[1], symbols[:3], 180.0)
    for k in range(3, topology.n_backbone):
        gauche = gauche_cc if symbols[k - 2] + symbols[k - 1] == "CC" else gauche_co
        hydrogens = topology.hydrogens(k - 1) if symbols[k - 1] == "C" else []
        for _ in range(_REDRAWS):
            a, b, c = positions[k - 3 : k]
            positions[k] = _placed(a, b, c, symbols[k - 2 : k + 1], _dihedral(gauche, rng))
            if hydrogens:
                positions[hydrogens] = _methylene_hydrogens(*positions[k - 2 : k + 1])
            if not topology.clash(positions, [k, *hydrogens]):
                break
        else:
            return None
    return positions


def _dihedral(gauche: float, rng: np.random.Generator) -> float:
    """Draw a dihedral angle in degrees, gauche with this probability."""
    rotamer = _GAUCHE * rng.choice([-1.0, 1.0]) if rng.random() < gauche else 180.0
    return float(rotamer + rng.normal(scale=_DIHEDRAL_SPREAD))


def _placed(
    a: FloatArray, b: FloatArray, c: FloatArray, symbols: tuple[str, ...], dihedral: float
) -> FloatArray:
    """Place d by |cd|, angle b-c-d and dihedral a-b-c-d; ``symbols`` are those of b, c and d."""
    hydroxyl = symbols[1] == "O" and "H" in (symbols[0], symbols[2])
    angle = np.deg2rad(_ANGLE["H-O" if hydroxyl else symbols[1]])
    phi = np.deg2rad(dihedral)
    along = _unit(c - b)
    normal = _unit(np.cross(b - a, along))
    side = np.cross(normal, along)
    turned = np.sin(angle) * (np.cos(phi) * side + np.sin(phi) * normal) - np.cos(angle) * along
    placed: FloatArray = c + _length(symbols[1], symbols[2]) * turned
    return placed


def _methylene_hydrogens(before: FloatArray, carbon: FloatArray, after: FloatArray) -> FloatArray:
    """Two hydrogens on a carbon, across the plane of its neighbours in the chain, shape (2, 3)."""
    half = np.deg2rad(0.5 * _METHYLENE_ANGLE)
    first, second = _unit(before - carbon), _unit(after - carbon)
    outward = -np.cos(half) * _unit(first + second)
    across = np.sin(half) * _unit(np.cross(first, second))
    return carbon + _LENGTH["CH"] * np.stack([outward + across, outward - across])


def _unit(vector: FloatArray) -> FloatArray:
    unit: FloatArray = vector / np.linalg.norm(vector)
    return unit


def _distances(positions: FloatArray) -> FloatArray:
    distances: FloatArray = np.linalg.norm(positions[:, None] - positions[None, :], axis=-1)
    return distances
