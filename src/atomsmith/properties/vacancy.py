"""The vacancy of an elemental crystal: formation, migration and activation energy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from atomsmith.builders.supercells import repeats_for, supercell
from atomsmith.builders.supercells import vacancy as with_vacancy
from atomsmith.data.configuration import Configuration
from atomsmith.neighbours import find_pairs
from atomsmith.prediction import ForceField
from atomsmith.properties.base import PropertyResult, Report, Row, name_of, require_one_element, silent
from atomsmith.properties.lattice import LatticeSettings, settle
from atomsmith.properties.neb import NebSettings, climbing_band
from atomsmith.properties.neb import Path as Band
from atomsmith.properties.relaxation import Relaxed, RelaxSettings, relax
from atomsmith.settings import Settings
from atomsmith.systems import FloatArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIRST_SHELL = 1.15
"""Neighbours within this multiple of the shortest distance are where the vacancy may jump to."""

LOWER = 0.02
"""A path that falls by so much (eV) below its ends shows that they are no ground states."""
SAME = 1e-2
"""Distances in angstrom that differ by less are the same."""


class VacancySettings(Settings):
    """Settings of `atomsmith vacancy`."""

    supercell_angstrom: float = Field(
        default=10.0, gt=0.0, description="Least distance between a vacancy and its images, in angstrom."
    )
    rattle: float = Field(
        default=0.01,
        ge=0.0,
        description="Standard deviation in angstrom of random displacements before atoms relax, so that they "
        "leave saddle points of high symmetry.",
    )
    seed: int = Field(default=0, ge=0, description="Seed of these displacements.")
    migration: bool = Field(default=True, description="Whether to find the barriers of its jumps.")
    jump_volume: Literal["crystal", "relaxed"] = Field(
        default="crystal",
        description="Volume of the supercell in which the vacancy jumps: that of the crystal, as among few "
        "vacancies, or the one at which the supercell with the vacancy is free of pressure.",
    )
    band: NebSettings = Field(default=NebSettings(), description="The path of a jump.")
    lattice: LatticeSettings = Field(
        default=LatticeSettings(), description="How the crystal is relaxed before."
    )
    relax: RelaxSettings = Field(
        default=RelaxSettings(force_ev_per_angstrom=1e-3),
        description="Convergence of the atoms around the vacancy, at constant volume.",
    )


@dataclass(frozen=True, eq=False)
class Jump:
    """A jump to a neighbouring site.

    ``distance_angstrom`` is that of the sites; ``barrier_ev`` is None where the path did not converge;
    ``path_angstrom``, ``energies_ev`` (over the first image) and ``slopes_ev_per_angstrom`` describe the
    path, shape (images,).
    """

    distance_angstrom: float
    barrier_ev: float | None
    path_angstrom: FloatArray
    energies_ev: FloatArray
    slopes_ev_per_angstrom: FloatArray
    largest_force_ev_per_angstrom: float
    steps: int


@dataclass(frozen=True, eq=False, kw_only=True)
class VacancyResult(PropertyResult):
    """Energies of the vacancy; None where they could not be had.

    Attributes
    ----------
    formation_energy_ev
        E(N - 1 atoms) - (N - 1)/N E(N atoms), atoms relaxed at constant volume.
    unrelaxed_formation_energy_ev
        With the atoms on their lattice sites.
    migration_energy_ev
        The lowest barrier of `jumps`.
    activation_energy_ev
        Formation and migration energy together.
    jumps
        One for each kind of jump to the first shell of neighbours.
    n_atoms
        Of the supercell without vacancy.
    """

    title: ClassVar[str] = "Vacancy"

    formation_energy_ev: float | None
    unrelaxed_formation_energy_ev: float | None
    migration_energy_ev: float | None
    activation_energy_ev: float | None
    jumps: list[Jump]
    n_atoms: int

    def rows(self) -> list[Row]:
        """Numbers for the table."""
        several = len(self.jumps) > 1
        return [
            Row("formation energy", self.formation_energy_ev, "eV"),
            Row("formation energy, atoms not relaxed", self.unrelaxed_formation_energy_ev, "eV"),
            Row("migration energy", self.migration_energy_ev, "eV"),
            *(
                Row(f"  jump by {jump.distance_angstrom:.3f} Å", jump.barrier_ev, "eV")
                for jump in (self.jumps if several else [])
            ),
            Row("activation energy", self.activation_energy_ev, "eV"),
            Row("atoms of the supercell", float(self.n_atoms), "", 0),
        ]

    def figure(self) -> Figure | None:
        """Draw the energy along each path."""
        if not self.jumps:
            return None
        from atomsmith.properties.figures import jump_figure

        return jump_figure(
            [j.path_angstrom for j in self.jumps],
            [j.energies_ev for j in self.jumps],
            [j.slopes_ev_per_angstrom for j in self.jumps],
            [f"jump by {j.distance_angstrom:.2f} Å" for j in self.jumps],
        )


def vacancy(
    force_field: ForceField,
    crystal: Configuration,
    settings: VacancySettings | None = None,
    *,
    report: Report = silent,
    folder: Path | None = None,
) -> VacancyResult:
    """Compute energies of a vacancy; see `atomsmith.properties.base.Compute`.

    Raises
    ------
    InputError
        If the crystal has more than one element, whose vacancies depend on chemical potentials.
    """
    settings = settings or VacancySettings()
    require_one_element("vacancy", crystal, "formation energies")
    relaxed, problems = settle(force_field, crystal, settings.lattice, report=report)
    base = relaxed.configuration
    whole = supercell(base, repeats_for(base.cell, settings.supercell_angstrom))
    if relaxed.problem is not None:
        return _result(crystal, settings, problems, whole.n_atoms, None, None, [])
    targets = _jump_targets(whole)
    states = [with_vacancy(whole, 0)] + [_after_jump(whole, target) for target, _ in targets]
    if not settings.migration:
        states = states[:1]
    # The same displacements for all, so that ends of jumps break their symmetry in one way.
    displacement = np.random.default_rng(settings.seed).normal(size=states[0].positions.shape)
    starts = [state.replace(positions=state.positions + settings.rattle * displacement) for state in states]
    ends = relax(force_field, starts, settings.relax, report=report)
    perfect = relaxed.energy_per_atom * (whole.n_atoms - 1)
    (unrelaxed,) = relax(force_field, states[:1], RelaxSettings(force_ev_per_angstrom=1e9))
    formation = ends[0].energy - perfect if ends[0].problem is None else None
    if formation is None:
        problems.append(f"the atoms around the vacancy did not relax: {ends[0].problem}")
    elif formation <= 0.0:
        problems.append(
            f"the crystal gains {-formation:.2f} eV by a vacancy: it is no stable state of this potential"
        )
    jumps: list[Jump] = []
    if settings.migration and formation is not None:
        if settings.jump_volume == "relaxed":
            ends = _without_pressure(force_field, ends, settings.relax, report)
        for (_, distance), end in zip(targets, ends[1:], strict=True):
            jump, problem = _jump(force_field, ends[0], end, distance, settings.band, report)
            jumps += [jump] if jump is not None else []
            problems += [problem] if problem is not None else []
    return _result(crystal, settings, problems, whole.n_atoms, formation, unrelaxed.energy - perfect, jumps)


def _without_pressure(
    force_field: ForceField, ends: Sequence[Relaxed], settings: RelaxSettings, report: Report
) -> list[Relaxed]:
    """Relax the first state with its volume, and the others at that volume; shapes of cells stay."""
    (first,) = relax(force_field, [ends[0].configuration], settings, cell="isotropic", report=report)
    cell = first.configuration.cell
    scale = (np.linalg.det(cell) / np.linalg.det(ends[0].configuration.cell)) ** (1.0 / 3.0)
    others = [
        end.configuration.replace(cell=cell, positions=scale * end.configuration.positions)
        for end in ends[1:]
    ]
    return [first, *relax(force_field, others, settings, report=report)]


def _jump(
    force_field: ForceField,
    start: Relaxed,
    end: Relaxed,
    distance: float,
    settings: NebSettings,
    report: Report,
) -> tuple[Jump | None, str | None]:
    """Find the path of one jump; None, or a barrier of None, comes with the problem."""
    for name, state in (("start", start), ("end", end)):
        if state.problem is not None:
            return None, f"the {name} of the jump by {distance:.2f} Å did not relax: {state.problem}"
    band: Band = climbing_band(force_field, start.configuration, end.configuration, settings, report=report)
    problem = None
    if band.problem is not None:
        problem = (
            f"the path of the jump by {distance:.2f} Å is {band.problem} (largest force "
            f"{band.largest_force:.2g} eV/Å, highest image {band.barrier_ev:.3f} eV); no barrier is given"
        )
    depth = float(band.energies_ev[0] - band.energies_ev.min())
    if depth > LOWER:
        lower = (
            f"the jump by {distance:.2f} Å passes a state {depth:.2f} eV below the vacancy, which is not in "
            "its ground state"
        )
        problem = lower if problem is None else f"{lower}; {problem}"
    jump = Jump(
        distance_angstrom=distance,
        barrier_ev=band.barrier_ev if band.problem is None else None,
        path_angstrom=band.positions_angstrom,
        energies_ev=band.energies_ev - band.energies_ev[0],
        slopes_ev_per_angstrom=band.slopes,
        largest_force_ev_per_angstrom=band.largest_force,
        steps=band.steps,
    )
    return jump, problem


def _jump_targets(whole: Configuration) -> list[tuple[int, float]]:
    """Neighbours of atom 0 in its first shell, one for each kind of jump, nearest first, with the distance.

    Jumps are of one kind when their middles have the same distances to all atoms around them.
    """
    reach = FIRST_SHELL * whole.shortest_distance()
    first, neighbour, shift = find_pairs(whole.positions, whole.cell, whole.pbc, reach)
    around = slice(first[0], first[1])
    vectors = whole.positions[neighbour[around]] + shift[around] @ whole.cell - whole.positions[0]
    distances = np.linalg.norm(vectors, axis=1)
    targets: list[tuple[int, float]] = []
    kinds: list[FloatArray] = []
    for k in np.argsort(distances.round(3), kind="stable"):
        kind = _surroundings(whole, whole.positions[0] + 0.5 * vectors[k], 1.5 * reach)
        if not any(len(kind) == len(seen) and np.abs(kind - seen).max() < SAME for seen in kinds):
            kinds.append(kind)
            targets.append((int(neighbour[around][k]), float(distances[k])))
    return targets


def _surroundings(whole: Configuration, point: FloatArray, reach: float) -> FloatArray:
    """Distances from a point to all atoms within reach, ascending."""
    positions = np.concatenate([point[None], whole.positions])
    first, neighbour, shift = find_pairs(positions, whole.cell, whole.pbc, reach)
    near = slice(first[0], first[1])
    vectors = positions[neighbour[near]] + shift[near] @ whole.cell - point
    return np.sort(np.linalg.norm(vectors[neighbour[near] > 0], axis=1))


def _after_jump(whole: Configuration, target: int) -> Configuration:
    """Vacancy at another site: the atom there has moved to the place of atom 0; order as in `vacancy`."""
    positions = whole.positions.copy()
    positions[target] = whole.positions[0]
    return with_vacancy(whole.replace(positions=positions), 0)


def _result(
    crystal: Configuration,
    settings: VacancySettings,
    problems: list[str],
    n_atoms: int,
    formation: float | None,
    unrelaxed: float | None,
    jumps: list[Jump],
) -> VacancyResult:
    barriers = [jump.barrier_ev for jump in jumps]
    known = [barrier for barrier in barriers if barrier is not None]
    migration = min(known) if known and len(known) == len(barriers) else None
    return VacancyResult(
        crystal=name_of(crystal),
        settings=settings,
        problems=tuple(problems),
        formation_energy_ev=formation,
        unrelaxed_formation_energy_ev=unrelaxed,
        migration_energy_ev=migration,
        activation_energy_ev=None if formation is None or migration is None else formation + migration,
        jumps=jumps,
        n_atoms=n_atoms,
    )
