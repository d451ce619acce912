"""Whether the slabs of the sets of Zuo et al. have the zero of energy of their bulk.

    ATOMSMITH_DATA=<folder of data/> python -m benchmarks.families.slabs [ELEMENT ...]

A slab of N atoms with two surfaces of the area A each has about the energy E = N e + 2 A gamma, with the
energy e of an atom in the crystal. A straight line through E / N of all slabs of a training set over 2 A / N
gives both; e must then be that of the crystal, the lowest energy of the set.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from atomsmith import Dataset
from benchmarks.mlearn.run import ELEMENTS

J_PER_M2 = 16.0218
"""Of an eV per square angstrom."""


@dataclass(frozen=True)
class Slabs:
    """What the energies of slabs say.

    Attributes
    ----------
    offset
        Energy of an atom far from surfaces over that of the crystal, eV.
    surface_energy
        Mean gamma in eV/angstrom^2.
    scatter
        Root mean square deviation from the line, eV/atom.
    """

    offset: float
    surface_energy: float
    scatter: float


def slabs(data: Dataset) -> Slabs:
    """Of the configurations of the type Surface, whose vacuum is along their third vector."""
    bulk = min(c.energy / len(c.numbers) for c in data if c.energy is not None)
    found = [c for c in data if c.config_type == "Surface" and c.energy is not None]
    atoms = np.array([len(c.numbers) for c in found])
    areas = np.array([2.0 * np.linalg.norm(np.cross(c.cell[0], c.cell[1])) for c in found]) / atoms
    energies = np.array([c.energy for c in found]) / atoms - bulk
    columns = np.column_stack([np.ones_like(areas), areas])
    line, *_ = np.linalg.lstsq(columns, energies, rcond=None)
    scatter = float(np.sqrt(np.square(energies - columns @ line).mean()))
    return Slabs(float(line[0]), float(line[1]), scatter)


def main() -> int:
    """Print a line for every element."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("elements", nargs="*", default=list(ELEMENTS))
    arguments = parser.parse_args()
    folder = Path(os.environ["ATOMSMITH_DATA"]) / "data" / "mlearn"
    for element in arguments.elements:
        told = slabs(Dataset.read(folder / f"{element}_train.xyz.gz"))
        print(
            f"{element}: offset {1e3 * told.offset:.0f} meV/atom, surface energy "
            f"{J_PER_M2 * told.surface_energy:.2f} J/m^2, scatter {1e3 * told.scatter:.0f} meV/atom"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
