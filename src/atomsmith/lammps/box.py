"""Walkers in LAMMPS's box: lower-triangular lattice vectors, and the data file that a walker starts from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from atomsmith.data.configuration import Configuration
from atomsmith.errors import InputError
from atomsmith.reference.lammps import in_frame_of_lammps
from atomsmith.sampling.state import Walkers
from atomsmith.systems import FloatArray, IntArray

FS_PER_PS = 1000.0


@dataclass(frozen=True, eq=False)
class Box:
    """A walker as LAMMPS sees it.

    Attributes
    ----------
    vectors
        Lower-triangular lattice vectors (rows) with a positive diagonal, angstrom.
    rotation
        ``vectors @ rotation`` are the lattice vectors of the walker, and vectors of atoms turn with them.
    positions
        Of the atoms in LAMMPS's frame, inside the box along periodic directions, shape (N, 3).
    periodic
        Along each lattice vector.
    """

    vectors: FloatArray
    rotation: FloatArray
    positions: FloatArray
    periodic: tuple[bool, bool, bool]

    @classmethod
    def of(cls, walkers: Walkers, k: int) -> Box:
        """Box of walker ``k``."""
        systems = walkers.systems
        atoms = slice(systems.first[k], systems.first[k + 1])
        configuration = Configuration(
            numbers=systems.numbers[atoms],
            positions=systems.positions[atoms],
            cell=systems.cells[k],
            pbc=systems.pbc[k],
        )
        vectors, rotation, positions = in_frame_of_lammps(configuration)
        a, b, c = (bool(p) for p in systems.pbc[k])
        return cls(vectors, rotation, positions, (a, b, c))

    @property
    def boundary(self) -> str:
        """Arguments of LAMMPS's command ``boundary``."""
        return " ".join("p" if periodic else "s" for periodic in self.periodic)


def masses_of_types(walkers: Walkers, k: int, elements: Sequence[int], default: FloatArray) -> list[float]:
    """Mass in amu of the atom types, one for each of ``elements``; ``default`` where a walker has none.

    Raises
    ------
    InputError
        If atoms of one element have different masses.
    """
    systems = walkers.systems
    atoms = slice(systems.first[k], systems.first[k + 1])
    numbers, masses = systems.numbers[atoms], walkers.masses[atoms]
    found = []
    for z, usual in zip(elements, default.tolist(), strict=True):
        own = np.unique(masses[numbers == z])
        if len(own) > 1:
            raise InputError(
                f"walker {k} has atoms of the atomic number {z} with different masses, which the atom types "
                "of LAMMPS cannot have; give them one mass or take sampler: engine."
            )
        found.append(float(own[0]) if len(own) else usual)
    return found


def data_file(
    box: Box, types: IntArray, velocities: FloatArray, masses: Sequence[float], tilted: bool
) -> str:
    """Text of a LAMMPS data file with all digits.

    Parameters
    ----------
    box
        Where the atoms are.
    types
        Atom types 1, 2, ..., shape (N,).
    velocities
        angstrom/fs in LAMMPS's frame, shape (N, 3).
    masses
        amu, of the types.
    tilted
        Whether the box may tilt, though it does not yet.
    """
    (lx, _, _), (xy, ly, _), (xz, yz, lz) = box.vectors.tolist()
    lines = ["a walker of Atomsmith", "", f"{len(types)} atoms", f"{len(masses)} atom types", ""]
    lines += [f"0 {length!r} {axis}lo {axis}hi" for axis, length in zip("xyz", (lx, ly, lz), strict=True)]
    if tilted or (xy, xz, yz) != (0.0, 0.0, 0.0):
        lines.append(f"{xy!r} {xz!r} {yz!r} xy xz yz")
    lines += ["", "Masses", "", *(f"{k} {mass!r}" for k, mass in enumerate(masses, start=1))]
    numbered = list(enumerate(types.tolist(), start=1))
    places, speeds = box.positions.tolist(), (FS_PER_PS * velocities).tolist()
    lines += ["", "Atoms # atomic", ""]
    lines += [f"{k} {kind} {x!r} {y!r} {z!r}" for (k, kind), (x, y, z) in zip(numbered, places, strict=True)]
    lines += ["", "Velocities", ""]
    lines += [f"{k} {x!r} {y!r} {z!r}" for (k, _), (x, y, z) in zip(numbered, speeds, strict=True)]
    return "\n".join(lines) + "\n"
