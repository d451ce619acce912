"""What plane-wave engines share: grids of k-points, cells around molecules, spins of free atoms."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, ground_state_magnetic_moments
from pydantic import Field, PositiveInt

from atomsmith.data.configuration import Configuration
from atomsmith.reference.engine import completed_cell
from atomsmith.settings import Settings
from atomsmith.systems import FloatArray


class KPoints(Settings):
    """Sampling of the Brillouin zone by a Gamma-centred grid."""

    spacing_per_angstrom: float = Field(
        default=0.3,
        gt=0.0,
        description="Largest distance of neighbouring k-points in 1/angstrom, the factor 2 pi included.",
    )
    grid: tuple[PositiveInt, PositiveInt, PositiveInt] | None = Field(
        default=None, description="Number of k-points along each reciprocal vector; in place of the spacing."
    )

    def grid_for(self, configuration: Configuration) -> tuple[int, int, int]:
        """Return the grid for a configuration; one point along directions that are not periodic."""
        if self.grid is not None:
            wanted = list(self.grid)
        else:
            wanted = spacing_grid(configuration.cell, self.spacing_per_angstrom)
        n = [int(k) if periodic else 1 for k, periodic in zip(wanted, configuration.pbc, strict=True)]
        return n[0], n[1], n[2]


GAMMA = KPoints(grid=(1, 1, 1))
"""The Gamma point alone."""


def spacing_grid(cell: FloatArray, spacing: float) -> list[int]:
    """Return the smallest grid whose points are at most ``spacing`` (1/angstrom, with 2 pi) apart.

    Cells without a volume get one point.
    """
    volume = abs(float(np.linalg.det(cell)))
    if volume < 1e-12:
        return [1, 1, 1]
    reciprocal = 2.0 * np.pi * np.linalg.inv(cell).T
    lengths = np.linalg.norm(reciprocal, axis=1)
    # A length that is a whole multiple of the spacing must not be rounded up by the last bit.
    return [max(1, int(np.ceil(length / spacing - 1e-9))) for length in lengths]


class _Settings(Protocol):
    @property
    def vacuum_angstrom(self) -> float: ...
    @property
    def kpoints(self) -> KPoints: ...
    @property
    def spin_polarised(self) -> bool: ...


class _HasSettings(Protocol):
    @property
    def settings(self) -> _Settings: ...


class PlaneWaves:
    """What an engine in a periodic cell, with k-points and collinear spins, makes of a configuration."""

    def prepare(self: _HasSettings, configuration: Configuration) -> Atoms:
        """Make fully periodic ASE atoms with their grid of k-points as ``info["kpoints"]``.

        Where there is no cell, vacuum is put around the atoms; where spins are polarised, every atom starts
        with the moment of the free one.
        """
        if configuration.volume > 0.0:
            cell, positions = configuration.cell, configuration.positions
        else:
            cell, positions = completed_cell(configuration, self.settings.vacuum_angstrom)
        moments = ground_state_magnetic_moments[configuration.numbers]
        return Atoms(
            numbers=configuration.numbers,
            positions=positions,
            cell=cell,
            pbc=True,
            magmoms=moments if self.settings.spin_polarised else None,
            info={"kpoints": self.settings.kpoints.grid_for(configuration)},
        )


def unpaired_electrons(symbol: str) -> int:
    """Return the number of unpaired electrons of a free atom in its ground state."""
    return int(ground_state_magnetic_moments[atomic_numbers[symbol]])
