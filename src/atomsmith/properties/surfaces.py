"""Surface energies of all planes up to a largest Miller index, every termination, relaxed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from atomsmith.builders.disorder import rattled
from atomsmith.builders.slabs import Miller, miller_indices, slab, surface_cell, terminations
from atomsmith.builders.symmetry import has_spglib, primitive
from atomsmith.data.configuration import Configuration
from atomsmith.errors import InputError
from atomsmith.prediction import ForceField
from atomsmith.properties.base import PropertyResult, Report, Row, name_of, require_one_element, silent
from atomsmith.properties.evaluation import evaluate
from atomsmith.properties.lattice import LatticeSettings, settle
from atomsmith.properties.relaxation import Relaxed, RelaxSettings, relax
from atomsmith.settings import Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

J_PER_M2 = 16.02176634
"""1 eV/angstrom^2 in J/m^2."""
SAME = 1e-5
"""Unrelaxed energies in eV/angstrom^2 that differ by less are those of equivalent cuts."""


class SurfaceSettings(Settings):
    """Settings of `atomsmith surfaces`."""

    largest_index: int = Field(
        default=3, ge=1, le=6, description="Largest Miller index; all different planes up to it are computed."
    )
    planes: list[str] = Field(
        default=[],
        description="Planes to compute instead, such as 111 or '1 -1 0', in the lattice vectors of the given "
        "cell.",
    )
    thickness: float = Field(default=15.0, gt=0.0, description="Least thickness of a slab in angstrom.")
    vacuum: float = Field(default=12.0, gt=0.0, description="Between a slab and its image, in angstrom.")
    rattle: float = Field(
        default=0.01,
        ge=0.0,
        description="Standard deviation in angstrom of random displacements before atoms relax, so that they "
        "leave saddle points of high symmetry.",
    )
    seed: int = Field(default=0, ge=0, description="Seed of these displacements.")
    lattice: LatticeSettings = Field(
        default=LatticeSettings(), description="How the crystal is relaxed before."
    )
    relax: RelaxSettings = Field(
        default=RelaxSettings(force_ev_per_angstrom=5e-3), description="Convergence of the slabs' atoms."
    )


@dataclass(frozen=True)
class Surface:
    """One plane with its cheapest cut.

    ``energy_j_per_m2`` is the mean of the slab's two faces, relaxed, None where it did not relax;
    ``unrelaxed_energy_j_per_m2`` that of atoms on their lattice sites, of the same cut; ``cuts`` tells how
    many different cuts there are.
    """

    miller: Miller
    energy_j_per_m2: float | None
    unrelaxed_energy_j_per_m2: float
    cuts: int
    n_atoms: int
    thickness_angstrom: float

    @property
    def name(self) -> str:
        """Such as (1 -1 0)."""
        separator = " " if min(self.miller) < 0 else ""
        return f"({separator.join(map(str, self.miller))})"


@dataclass(frozen=True, eq=False, kw_only=True)
class SurfaceResult(PropertyResult):
    """Surfaces in the order of their energy; lattice vectors of the given cell define the indices.

    They are cuts of the crystal: reconstructions that need a larger cell or other atoms are not looked for.
    """

    title: ClassVar[str] = "Surface energies"

    surfaces: list[Surface]

    def rows(self) -> list[Row]:
        """Numbers for the table."""
        return [Row(surface.name, surface.energy_j_per_m2, "J/m²") for surface in self.surfaces]

    def energy_of(self, miller: Sequence[int]) -> float | None:
        """Energy of a plane in J/m^2; None if it was not computed."""
        for surface in self.surfaces:
            if surface.miller == tuple(miller):
                return surface.energy_j_per_m2
        return None

    def figure(self) -> Figure | None:
        """Draw relaxed and unrelaxed energies."""
        known = [s for s in self.surfaces if s.energy_j_per_m2 is not None]
        if not known:
            return None
        from atomsmith.properties.figures import surface_figure

        return surface_figure(
            [s.name for s in known],
            np.array([s.energy_j_per_m2 for s in known]),
            np.array([s.unrelaxed_energy_j_per_m2 for s in known]),
        )


def surfaces(
    force_field: ForceField,
    crystal: Configuration,
    settings: SurfaceSettings | None = None,
    *,
    report: Report = silent,
    folder: Path | None = None,
) -> SurfaceResult:
    """Compute surface energies; see `atomsmith.properties.base.Compute`.

    Raises
    ------
    InputError
        If the crystal has more than one element, or a plane cannot be read.
    """
    settings = settings or SurfaceSettings()
    require_one_element("surfaces", crystal, "energies of its terminations")
    given = [parsed_plane(text) for text in settings.planes]
    relaxed, problems = settle(force_field, crystal, settings.lattice, report=report)
    if relaxed.problem is not None:
        return SurfaceResult(
            crystal=name_of(crystal), settings=settings, problems=tuple(problems), surfaces=[]
        )
    base = relaxed.configuration
    planes = given or miller_indices(base, settings.largest_index)
    if not given and not has_spglib():
        problems.append("without spglib equivalent planes are not known as such; all are listed")
    slabs = [(plane, made) for plane in planes for made in _slabs(base, plane, settings)]
    bulk = relaxed.energy_per_atom
    unrelaxed = [
        _energy(e.energy, e.configuration, bulk) for e in evaluate(force_field, [made for _, made in slabs])
    ]
    chosen = _different([plane for plane, _ in slabs], unrelaxed)
    rng = np.random.default_rng(settings.seed)
    starts = [rattled(slabs[k][1], settings.rattle, rng) for k in chosen]
    ends = relax(force_field, starts, settings.relax, report=report)
    found = []
    for plane in planes:
        cuts = [(k, end) for k, end in zip(chosen, ends, strict=True) if slabs[k][0] == plane]
        surface, problem = _cheapest(plane, cuts, unrelaxed, bulk, settings)
        found.append(surface)
        problems += [problem] if problem else []
    found.sort(key=lambda s: np.inf if s.energy_j_per_m2 is None else s.energy_j_per_m2)
    return SurfaceResult(
        crystal=name_of(crystal), settings=settings, problems=tuple(problems), surfaces=found
    )


def parsed_plane(text: str) -> Miller:
    """Read indices such as ``111``, ``1-10`` or ``1 -1 0``.

    Raises
    ------
    InputError
        If they are not three integers, not all zero.
    """
    words = text.replace(",", " ").strip("() ").split()
    if len(words) == 1:
        words = words[0].replace("-", " -").split()
        words = [part for word in words for part in ([word[:2], *word[2:]] if word[0] == "-" else word)]
    try:
        h, k, l = (int(word) for word in words)  # noqa: E741 - the names of Miller indices
    except ValueError:
        raise InputError(f"plane {text!r} is not three Miller indices such as 111 or '1 -1 0'.") from None
    if (h, k, l) == (0, 0, 0):
        raise InputError(f"plane {text!r} has only zeros, which is no plane.")
    return h, k, l


def _slabs(base: Configuration, plane: Miller, settings: SurfaceSettings) -> list[Configuration]:
    """One slab for each cut, from the smallest cell."""
    small, indices = _in_primitive(base, plane)
    return [
        slab(small, indices, thickness=settings.thickness, vacuum=settings.vacuum, cut=cut)
        for cut in terminations(surface_cell(small, indices))
    ]


def _in_primitive(base: Configuration, plane: Miller) -> tuple[Configuration, list[int]]:
    """Primitive cell and the plane's indices in it; the given cell without spglib."""
    if not has_spglib():
        return base, list(plane)
    small = primitive(base)
    indices = np.linalg.solve(base.cell.T, small.cell.T).T @ np.array(plane)
    whole = np.rint(indices * 12).astype(int)  # cells are at most 4-fold or 3-fold primitive ones
    return small, (whole // np.gcd.reduce(whole)).tolist()


def _energy(energy: float, made: Configuration, bulk: float) -> float:
    """Surface energy of a slab in eV/angstrom^2, the mean of both faces."""
    area = float(np.linalg.norm(np.cross(made.cell[0], made.cell[1])))
    return (energy - made.n_atoms * bulk) / (2.0 * area)


def _different(planes: list[Miller], energies: list[float]) -> list[int]:
    """Indices of slabs without those whose plane and unrelaxed energy were there before."""
    chosen: list[int] = []
    for k, (plane, energy) in enumerate(zip(planes, energies, strict=True)):
        if not any(planes[j] == plane and abs(energies[j] - energy) < SAME for j in chosen):
            chosen.append(k)
    return chosen


def _cheapest(
    plane: Miller,
    cuts: list[tuple[int, Relaxed]],
    unrelaxed: list[float],
    bulk: float,
    settings: SurfaceSettings,
) -> tuple[Surface, str | None]:
    """Return the cut with the lowest relaxed energy, and what went wrong with any."""
    energies = [
        _energy(end.energy, end.configuration, bulk) if end.problem is None else np.inf for _, end in cuts
    ]
    best = int(np.argmin(energies))
    k, end = cuts[best]
    thickness = float(np.ptp(end.configuration.positions[:, 2]))
    surface = Surface(
        miller=plane,
        energy_j_per_m2=J_PER_M2 * energies[best] if np.isfinite(energies[best]) else None,
        unrelaxed_energy_j_per_m2=J_PER_M2 * unrelaxed[k],
        cuts=len(cuts),
        n_atoms=end.configuration.n_atoms,
        thickness_angstrom=thickness,
    )
    failed = sorted({end.problem for _, end in cuts if end.problem is not None})
    if failed:
        return surface, f"a slab of {surface.name} did not relax: {'; '.join(failed)}"
    if energies[best] <= 0.0:
        return surface, f"the energy of {surface.name} is negative: the crystal gains by falling apart there"
    if energies[best] < 0.5 * unrelaxed[k]:
        return surface, f"{surface.name} relaxes by more than half of its energy: it reconstructs"
    return surface, None
