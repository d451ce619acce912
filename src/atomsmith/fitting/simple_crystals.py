"""What simple crystals should cost, where the data do not reach: a prior that keeps fits out of holes.

Far from its data a fit is a polynomial, and phases that the data lack may come out below the ground state.
What physics says of them before any data is little, but enough: that energies follow from densities. With
repulsion and squared hopping integrals that both fall off as exp(-2 a r), the energy of an atom in the
second-moment approximation is

    E = E_c ((sqrt(rho / rho_0) - 1)^2 - 1),    rho = sum_j exp(-2 a (r_j - r_1)),

so that all structures have about the same energy -E_c, each at a distance of its own, and rise from there in
one way (Abell, Phys. Rev. B 31, 6184 (1985); Rose, Smith, Guinea and Ferrante, Phys. Rev. B 29, 2963 (1984)).
The ground state being the lowest, others are expected a little higher, give or take as much. A hundred such
energies, uncertain by some tenths of an eV, are weighed like data that are far less certain than all others:
they decide where nothing else does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from atomsmith.builders.crystals import PROTOTYPES, crystal
from atomsmith.data.neighbours import pair_distances
from atomsmith.elements import COHESIVE_ENERGIES, SYMBOLS
from atomsmith.evaluator import PlanEvaluator
from atomsmith.fitting.rows.factor import TriangularFactor
from atomsmith.fitting.solvers.prior import Beliefs, Prior
from atomsmith.systems import FloatArray, Systems

if TYPE_CHECKING:
    from atomsmith.data.configuration import Configuration
    from atomsmith.fitting.problem import Problem

DECAY = 7.0
"""2 a r_1: bulk moduli, volumes and cohesive energies give 6.4 to 8.2 in Ge, Si, Ni, Cu and Mo, 4.4 in Li."""
REACH = 2.3
"""Where densities end, in units of r_1."""
ABOVE = 0.08
"""Energy expected over the formula above, and its standard deviation, in units of the cohesive energy E_c."""
RELATIVE = 0.3
"""Standard deviation as a part of the energy over the ground state, beside the above."""
CLOSEST, FARTHEST, DISTANCES = 0.85, 1.5, 12
"""Nearest neighbours: from this multiple of the shortest distance in the data to this one of r_1, in so many
steps."""
DOUBT = 2.0
"""Noise of a row of the data that a standard deviation stands for. Rows of one configuration share what the
basis lacks, so that evidence takes data for several times more certain than they are; see
`atomsmith.fitting.held_out`."""
SHARE = 0.01
"""Most of the rows of the data that all crystals together count for, each off by its standard deviation, so
that they do not spoil fits to few data."""
BULK = 2.0
"""Largest volume of an atom in a crystal, in units of r_1^3: 0.7 in fcc, 1.5 in diamond."""
ROWS_PER_FUNCTION = 5
"""Least rows for each function of the fit that estimates the noise."""


@dataclass(frozen=True, eq=False)
class GroundState:
    """The lowest configuration of one element that the data hold.

    Attributes
    ----------
    element
        Atomic number.
    energy
        Per atom, eV.
    density
        Mean of rho over its atoms.
    first_neighbour, shortest
        r_1 and the shortest distance of two such atoms in the data, angstrom.
    """

    element: int
    energy: float
    density: float
    first_neighbour: float
    shortest: float

    @property
    def symbol(self) -> str:
        """Chemical symbol."""
        return SYMBOLS[self.element]

    def densities(self, configuration: Configuration) -> FloatArray:
        """Return rho of every atom, shape (N,)."""
        return _densities(configuration, self.first_neighbour)

    def crystals(self, count: int = DISTANCES) -> Iterator[tuple[float, Configuration]]:
        """Distance of nearest neighbours and cell of all structures of `PROTOTYPES` at so many distances."""
        distances = np.geomspace(CLOSEST * self.shortest, FARTHEST * self.first_neighbour, count)
        for name in PROTOTYPES:
            unit = crystal(self.symbol, name, volume_per_atom=1.0)
            nearest = pair_distances(unit.positions, unit.cell, unit.pbc, 2.0)[2].min()
            for distance in distances:
                yield (
                    float(distance),
                    crystal(self.symbol, name, volume_per_atom=float(distance / nearest) ** 3),
                )


def ground_states(problem: Problem) -> list[GroundState]:
    """Those of the elements of which the data hold bulk configurations with an energy."""
    found = []
    for i, element in enumerate(problem.model.elements):
        first, shortest = problem.distances.first_neighbour[i, i], problem.distances.shortest[i, i]
        bulk = [c for c in problem.rows_of if _is_bulk(c, element, first)]
        if bulk:
            lowest = min(bulk, key=_energy_per_atom)
            density = float(_densities(lowest, first).mean())
            found.append(
                GroundState(element, _energy_per_atom(lowest), density, float(first), float(shortest))
            )
    return found


@dataclass(frozen=True, eq=False)
class ExpectedEnergies:
    """Energies that C crystals are expected to have, as functions of the coefficients.

    Attributes
    ----------
    rows
        Features per atom, shape (C, n).
    energies
        Per atom, less what no coefficient scales, relative to what is known beforehand; eV, shape (C,).
    std
        How sure, eV, shape (C,).
    """

    rows: FloatArray
    energies: FloatArray
    std: FloatArray

    def transformed(self, blocks: Sequence[tuple[int, FloatArray]]) -> ExpectedEnergies:
        """Return the same of other columns, see `TriangularFactor.transformed`."""
        rows = self.rows.copy()
        for first, triangle in blocks:
            columns = slice(first, first + len(triangle))
            rows[:, columns] = rows[:, columns] @ triangle
        return replace(self, rows=rows)

    def join(self, prior: Prior, factor: TriangularFactor, noise_floor: float) -> Prior:
        """Return the prior with these beliefs, weighed against the noise of the data of a factor."""
        doubt = min(DOUBT, float(np.sqrt(SHARE * factor.n_rows / len(self.std))))
        weight = doubt * max(noise_of(factor, prior), noise_floor) / self.std
        return replace(prior, beliefs=Beliefs(self.rows * weight[:, None], self.energies * weight))


def expected_energies(problem: Problem, states: Sequence[GroundState]) -> ExpectedEnergies | None:
    """Energies of simple crystals of elements whose ground states are known; None where none can be told."""
    crystals: list[Configuration] = []
    energies: list[float] = []
    over: list[FloatArray] = []
    for state in states:
        cohesive = COHESIVE_ENERGIES.get(state.symbol)
        if cohesive is None:
            continue
        for _, cell in state.crystals():
            ratio = np.sqrt(state.densities(cell) / state.density)
            excess = cohesive * float(np.square(ratio - 1.0).mean())
            crystals.append(cell)
            energies.append(state.energy + excess + ABOVE * cohesive)
            over.append(np.array([ABOVE * cohesive, RELATIVE * excess]))
    if not crystals:
        return None
    evaluator = PlanEvaluator(problem.model.plan, n_threads=problem.settings.threads)
    rows, fixed = energy_rows(evaluator, crystals)
    targets = np.array(energies) - fixed - rows @ problem.known
    return ExpectedEnergies(rows, targets, np.linalg.norm(over, axis=1))


def energy_rows(evaluator: PlanEvaluator, crystals: Sequence[Configuration]) -> tuple[FloatArray, FloatArray]:
    """Features per atom (C, n), and energies per atom that no coefficient scales (C,)."""
    systems = Systems.from_configurations(crystals)
    sums, fixed = evaluator.feature_sums(systems)
    return sums / systems.counts[:, None], fixed / systems.counts


def noise_of(factor: TriangularFactor, prior: Prior) -> float:
    """Noise of a row by what least squares leaves, of as many of the smoothest functions as rows allow."""
    wanted = np.flatnonzero(np.isfinite(prior.penalty))
    count = min(len(wanted), max(factor.n_rows // ROWS_PER_FUNCTION, 1))
    if count < len(wanted):
        order = np.argsort(prior.penalty[wanted], kind="stable")
        factor = factor.restrict(np.sort(wanted[order[:count]]))
    return float(np.sqrt(factor.residual_sum_of_squares / max(factor.n_rows - count, 1)))


def _energy_per_atom(configuration: Configuration) -> float:
    assert configuration.energy is not None
    return configuration.energy / len(configuration.numbers)


def _is_bulk(configuration: Configuration, element: int, first_neighbour: float) -> bool:
    if configuration.energy is None or not configuration.pbc.all():
        return False
    pure = bool((configuration.numbers == element).all())
    return pure and configuration.volume <= BULK * first_neighbour**3 * len(configuration.numbers)


def _densities(configuration: Configuration, first_neighbour: float) -> FloatArray:
    reach = REACH * first_neighbour
    i, j, distance = pair_distances(configuration.positions, configuration.cell, configuration.pbc, reach)
    fade = np.clip((reach - distance) / (0.4 * reach), 0.0, 1.0)
    share = (
        np.exp(-DECAY * (distance / first_neighbour - 1.0)) * fade**3 * (6.0 * fade**2 - 15.0 * fade + 10.0)
    )
    n = len(configuration.numbers)
    density: FloatArray = np.bincount(i, share, n).astype(np.float64)
    return density + np.bincount(j, share, n)
