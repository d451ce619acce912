"""Where a property takes its potential and its crystal from, on the command line and in YAML alike."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from pydantic import Field

from atomsmith.builders.crystals import crystal, ground_state
from atomsmith.data.configuration import Configuration
from atomsmith.errors import InputError
from atomsmith.prediction import ForceField
from atomsmith.reference.settings import ExecutorSettings, ReferenceSettings
from atomsmith.settings import Settings


class CrystalSettings(Settings):
    """The crystal: a file, or an element with the name of a structure."""

    structure: Path | None = Field(default=None, description="File with the structure (CIF, POSCAR, XYZ...).")
    element: str | None = Field(default=None, description="Chemical symbol, instead of a file.")
    crystal: str | None = Field(
        default=None,
        description="Structure of the element: fcc, bcc, hcp, dhcp, diamond, hexagonal_diamond, beta_sn, "
        "simple_hexagonal, sc, a15, omega or bc8; by default that of its ground state.",
    )
    lattice_constant: float | None = Field(
        default=None, gt=0.0, description="Where the search for the lattice constant begins, in angstrom."
    )

    def build(self) -> Configuration:
        """Make the crystal.

        Raises
        ------
        InputError
            If there is not one of a file and an element, the file cannot be read, or a name is unknown.
        """
        if (self.structure is None) == (self.element is None):
            both = "both are given" if self.element else "found neither"
            raise InputError(f"crystal: give either `structure`, a file, or `element`, a symbol; {both}.")
        if self.structure is not None and (self.crystal or self.lattice_constant):
            raise InputError(
                "crystal: crystal and lattice_constant belong to an element, not to a structure file."
            )
        if self.structure is not None:
            return read_crystal(self.structure)
        assert self.element is not None
        if self.crystal is None and self.lattice_constant is None:
            return ground_state(self.element)
        name = self.crystal or ground_state(self.element).config_type
        return crystal(self.element, name, lattice_constant=self.lattice_constant)


class ReferenceFile(Settings):
    """A potential that is not ours: a file with ``reference:``, as in learn.yaml."""

    reference: ReferenceSettings = Field(description="What computes energies, forces and stress.")
    executor: ExecutorSettings = Field(default=ExecutorSettings(), description="Where that runs.")


def read_crystal(path: Path) -> Configuration:
    """Read one periodic structure from a file of any format that ASE knows.

    Raises
    ------
    InputError
        If there is no such file, ASE cannot read it, it holds several structures, or its one is not periodic.
    """
    import ase.io

    if path.is_dir():
        raise InputError(f"{path}: is a folder, expected the file of a crystal structure.")
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a crystal structure.")
    try:
        structures = ase.io.read(path, index=":")
    except Exception as error:
        raise InputError(f"{path}: no structure can be read ({type(error).__name__}: {error}).") from error
    if len(structures) != 1:
        raise InputError(f"{path}: holds {len(structures)} structures; give a file of the one that is meant.")
    found = Configuration.from_atoms(structures[0], config_type=path.stem)
    if not found.pbc.all():
        raise InputError(f"{path}: the structure is not periodic in three directions; give a crystal.")
    return found


@contextmanager
def opened(potential: Path, crystal: Configuration, threads: int = 1) -> Iterator[ForceField]:
    """Open a potential.json, or a YAML file with a ``reference``, as a force field for a crystal's elements.

    Raises
    ------
    InputError
        If the file is of neither kind, or the potential lacks an element.
    """
    if potential.suffix in (".yaml", ".yml"):
        from atomsmith.settings_file import load_settings

        found = load_settings(potential, ReferenceFile)
        with opened_reference(found.reference, crystal, found.executor) as force_field:
            yield force_field
        return
    from atomsmith.potential import Potential

    fitted = Potential.load(potential)
    if ignorance := fitted.ignorance(crystal.elements):
        raise InputError(
            f"{potential}: {ignorance}, which the crystal holds; take another crystal or another potential."
        )
    yield fitted.evaluator(skin=0.5, n_threads=threads)


@contextmanager
def opened_reference(
    reference: ReferenceSettings, crystal: Configuration, executor: ExecutorSettings | None = None
) -> Iterator[ForceField]:
    """Open an ASE calculator, LAMMPS or another reference as a force field; slower than the engine."""
    from atomsmith.reference.force_field import ReferenceForceField

    executor = executor or ExecutorSettings()
    numbers = np.array(crystal.elements, dtype=np.int32)
    with (
        tempfile.TemporaryDirectory(prefix="atomsmith-") as scratch,
        ReferenceForceField(reference, numbers, Path(scratch), executor) as force_field,
    ):
        yield force_field
