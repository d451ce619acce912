"""Making Monte Carlo moves: evaluate all walkers' trials in one force call, keep those accepted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from atomsmith.sampling.batch import Batch
from atomsmith.sampling.layout import Layout
from atomsmith.sampling.moves import (
    CellMoveSettings,
    Trial,
    accepted_moves,
    adapted_steps,
    propose_strains,
    propose_swaps,
)
from atomsmith.sampling.state import Walkers
from atomsmith.sampling.surface import Surface, sampled_energy
from atomsmith.sampling.units import GPA
from atomsmith.systems import BoolArray, Systems

Evaluate = Callable[[Systems], Surface]
"""Forces of trial systems on the surface the walkers are on (their tau as it is)."""


def cell_move(walkers: Walkers, batch: Batch, settings: CellMoveSettings, evaluate: Evaluate) -> Walkers:
    """One move of the cell of every walker that has a pressure."""
    trial = propose_strains(
        walkers.systems, batch.layout, batch.generators, settings.kinds, walkers.strain_step, batch.breathing
    )
    moved, accepted = _decided(walkers, batch, trial, evaluate)
    if settings.adapt:
        widths = adapted_steps(moved.strain_step, trial.kind, accepted, moved.attempted)
        moved = moved.replace(strain_step=widths)
    return moved


def swap_move(walkers: Walkers, batch: Batch, evaluate: Evaluate) -> Walkers:
    """One exchange of elements in every walker that has two of them."""
    everyone = np.ones(walkers.n_walkers, dtype=np.bool_)
    trial = propose_swaps(walkers.systems, batch.layout, batch.generators, everyone)
    if not np.any(trial.kind >= 0):
        return walkers
    return _decided(walkers, batch, trial, evaluate)[0]


def _decided(walkers: Walkers, batch: Batch, trial: Trial, evaluate: Evaluate) -> tuple[Walkers, BoolArray]:
    surface = evaluate(trial.systems)
    change = sampled_energy(surface.energy, surface.sigma, walkers.tau) - sampled_energy(
        walkers.energy, walkers.sigma, walkers.tau
    )
    accepted = accepted_moves(
        trial,
        change,
        batch.parameters.temperature(walkers.step),
        batch.parameters.pressure_gpa(walkers.step) * GPA,
    )
    tried = np.flatnonzero(trial.kind >= 0)
    attempted, counts = walkers.attempted.copy(), walkers.accepted.copy()
    attempted[tried, trial.kind[tried]] += 1
    counts[tried, trial.kind[tried]] += accepted[tried]
    moved = _chosen(walkers, trial.systems, surface, accepted, batch.layout)
    return moved.replace(attempted=attempted, accepted=counts), accepted


def _chosen(
    walkers: Walkers, systems: Systems, surface: Surface, accepted: BoolArray, layout: Layout
) -> Walkers:
    """Trial systems and their forces where accepted, what was before elsewhere."""
    atoms, cells = accepted[layout.owner, None], accepted[:, None, None]
    return walkers.replace(
        systems=walkers.systems.replace(
            positions=np.where(atoms, systems.positions, walkers.systems.positions),
            cells=np.where(cells, systems.cells, walkers.systems.cells),
        ),
        forces=np.where(atoms, surface.forces, walkers.forces),
        energy=np.where(accepted, surface.energy, walkers.energy),
        sigma=np.where(accepted, surface.sigma, walkers.sigma),
        virial=np.where(cells, surface.virial, walkers.virial),
    )
