"""Monte Carlo moves between steps of dynamics: strains of the cell at pressure P, and swaps of elements.

Cells. Lattice vectors are rows h; a move multiplies cell and positions from the right by g = exp(e) with a
symmetric log-strain e drawn from a density even in e. Such a walk is reversible with respect to the invariant
(Haar) measure dh / det(h)^3, while at constant pressure the measure is dh V^(N-2) exp(-(U + P V)/kT) for
fully flexible cells (Martyna, Tobias & Klein, J. Chem. Phys. 101, 4177 (1994)) and dV V^N exp(-(U + P V)/kT)
for isotropic ones; either way a move is accepted with probability

    min(1, exp(-(dU + P dV)/kT + (N + 1) ln(V'/V))),

N ln V from scaled positions and one ln V from walking in ln V. U is the sampled energy E - tau sigma.
Momenta keep their values, so the kinetic energy does not enter.

Swaps. Two atoms of different elements exchange positions and each keeps its momentum; the pair is as likely
to be drawn for the way back, so min(1, exp(-dU/kT)) is detailed balance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from atomsmith.sampling.layout import Layout, times_matrix
from atomsmith.sampling.state import MOVES
from atomsmith.sampling.units import BOLTZMANN
from atomsmith.settings import Settings
from atomsmith.systems import BoolArray, FloatArray, Systems

CellMove = Literal["volume", "shape", "anisotropic"]

SWAP = MOVES.index("swap")
"""Column of swaps in the counters of `Walkers`."""

TARGET_ACCEPTANCE = 0.4
"""Share of accepted cell moves that adapting widths aim at."""


class CellMoveSettings(Settings):
    """Monte Carlo moves of the cell; they need a pressure."""

    kinds: tuple[CellMove, ...] = Field(
        default=("volume",),
        min_length=1,
        description="Moves to draw from, equally likely: volume (isotropic), shape (at constant volume), "
        "anisotropic (three independent stretches along x, y, z).",
    )
    every: int = Field(default=10, ge=1, description="Steps between cell moves.")
    strain_step: float = Field(
        default=0.005,
        gt=0.0,
        le=0.2,
        description="Standard deviation of the strain of a move (linear, not volume).",
    )
    adapt: bool = Field(
        default=True,
        description="Let the width of each kind drift towards 40 % acceptance, less and less as moves go on.",
    )


class SwapSettings(Settings):
    """Exchanges of two atoms of different elements."""

    every: int = Field(default=10, ge=1, description="Steps between swaps.")
    attempts: int = Field(default=1, ge=1, description="Swaps tried each time, one evaluation each.")


@dataclass(frozen=True, eq=False)
class Trial:
    """Proposed systems, one for each walker.

    ``kind`` is the column of `MOVES` of each walker's move (-1: none), ``log_uniform`` the logarithm of the
    uniform number that decides, ``log_jacobian`` the (N + 1) ln(V'/V) and ``volume_change`` V' - V in
    cubic angstrom; shapes (S,).
    """

    systems: Systems
    kind: NDArray[np.int64]
    log_uniform: FloatArray
    log_jacobian: FloatArray
    volume_change: FloatArray


def propose_strains(
    systems: Systems,
    layout: Layout,
    generators: Sequence[np.random.Generator],
    kinds: Sequence[CellMove],
    strain_step: FloatArray,
    moving: BoolArray,
) -> Trial:
    """Propose a cell move for every walker that is ``moving`` (S,); ``strain_step`` (S, 3) by kind."""
    s = systems.n_systems
    kind = np.full(s, -1, dtype=np.int64)
    normal, log_uniform = np.zeros((s, 6)), np.full(s, np.inf)
    columns = [MOVES.index(name) for name in kinds]
    for w in np.flatnonzero(moving).tolist():
        kind[w] = columns[generators[w].integers(len(columns))]
        normal[w] = generators[w].standard_normal(6)
        log_uniform[w] = -generators[w].standard_exponential()
    width = np.where(moving, strain_step[np.arange(s), np.maximum(kind, 0)], 0.0)
    strain = log_strains(kind, width, normal)
    growth = exponential(strain, diagonal="shape" not in kinds)
    cells = np.where(moving[:, None, None], _matmul(systems.cells, growth), systems.cells)
    positions = np.where(
        moving[layout.owner, None],
        times_matrix(systems.positions, growth, layout.owner),
        systems.positions,
    )
    trace = strain[:, 0, 0] + strain[:, 1, 1] + strain[:, 2, 2]
    return Trial(
        systems=systems.replace(positions=positions, cells=cells),
        kind=kind,
        log_uniform=log_uniform,
        log_jacobian=(layout.counts + 1) * trace,
        volume_change=systems.volumes * np.expm1(trace),
    )


def log_strains(kind: NDArray[np.int64], width: FloatArray, normal: FloatArray) -> FloatArray:
    """Symmetric log-strains of the moves, shape (S, 3, 3), from six normal numbers a walker."""
    strain = np.zeros((len(kind), 3, 3))
    diagonal = np.where((kind == MOVES.index("volume"))[:, None], normal[:, :1], normal[:, :3])
    shape = kind == MOVES.index("shape")
    mean = (diagonal[:, 0] + diagonal[:, 1] + diagonal[:, 2]) / 3.0
    diagonal = diagonal - np.where(shape, mean, 0.0)[:, None]
    shear = np.where(shape[:, None], normal[:, 3:] * np.sqrt(0.5), 0.0)
    for axis in range(3):
        strain[:, axis, axis] = diagonal[:, axis]
    for column, (a, b) in enumerate(((1, 2), (0, 2), (0, 1))):
        strain[:, a, b] = strain[:, b, a] = shear[:, column]
    return strain * width[:, None, None]


def exponential(strain: FloatArray, diagonal: bool = False) -> FloatArray:
    """Matrix exponentials of symmetric matrices, shape (S, 3, 3), with less work for ``diagonal`` ones."""
    if diagonal:
        growth = np.zeros_like(strain)
        for axis in range(3):
            growth[:, axis, axis] = np.exp(strain[:, axis, axis])
        return growth
    values, vectors = np.linalg.eigh(strain)
    return _matmul(vectors * np.exp(values)[:, None, :], np.swapaxes(vectors, 1, 2))


def propose_swaps(
    systems: Systems, layout: Layout, generators: Sequence[np.random.Generator], moving: BoolArray
) -> Trial:
    """Propose to exchange the positions of two atoms of different elements in every ``moving`` walker.

    The first atom is any, the second any of another element; walkers of one element are left alone.
    """
    s = systems.n_systems
    positions = systems.positions.copy()
    kind, log_uniform = np.full(s, -1, dtype=np.int64), np.full(s, np.inf)
    for w in np.flatnonzero(moving).tolist():
        first, count = int(layout.starts[w]), int(layout.counts[w])
        numbers = systems.numbers[first : first + count]
        if np.all(numbers == numbers[0]):
            continue
        i = int(generators[w].integers(count))
        others = np.flatnonzero(numbers != numbers[i])
        j = int(others[generators[w].integers(len(others))])
        positions[[first + i, first + j]] = positions[[first + j, first + i]]
        kind[w] = SWAP
        log_uniform[w] = -generators[w].standard_exponential()
    none = np.zeros(s)
    return Trial(systems.replace(positions=positions), kind, log_uniform, none, none)


def accepted_moves(
    trial: Trial,
    energy_change: FloatArray,
    temperature_k: FloatArray,
    pressure: FloatArray,
) -> BoolArray:
    """Which proposals are accepted (Metropolis), shape (S,).

    Parameters
    ----------
    trial
        The proposals.
    energy_change
        Change of the sampled energy E - tau sigma in eV, shape (S,); NaN is refused.
    temperature_k, pressure
        K and eV/angstrom^3, shape (S,); pressure may be NaN where the volume does not change.
    """
    kt = BOLTZMANN * temperature_k
    work = np.where(trial.volume_change == 0.0, 0.0, pressure * trial.volume_change)
    accepted: BoolArray = (trial.kind >= 0) & (
        kt * trial.log_uniform < kt * trial.log_jacobian - (energy_change + work)
    )
    return accepted


def adapted_steps(
    strain_step: FloatArray,
    kind: NDArray[np.int64],
    accepted: BoolArray,
    attempted: NDArray[np.int64],
) -> FloatArray:
    """Widths after a cell move (Robbins & Monro, 1951): wider if accepted, narrower if not.

    The gain falls as 1/n^0.6 with the moves ``attempted`` (S, 4) of that kind, so that the adaptation fades
    and with it the small violation of detailed balance that it is.
    """
    rows = np.flatnonzero(kind >= 0)
    columns = kind[rows]
    gain = np.maximum(attempted[rows, columns], 1) ** -0.6
    change = np.where(accepted[rows], 1.0 - TARGET_ACCEPTANCE, -TARGET_ACCEPTANCE)
    widths = strain_step.copy()
    widths[rows, columns] = np.clip(widths[rows, columns] * np.exp(gain * change), 1e-5, 0.2)
    return widths


def _matmul(a: FloatArray, b: FloatArray) -> FloatArray:
    """Products of 3 x 3 matrices with a rounding that does not depend on the batch."""
    product: FloatArray = (a[:, :, :, None] * b[:, None, :, :]).sum(axis=2)
    return product
