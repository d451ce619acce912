"""Phonons by finite displacements with phonopy: bands, density of states, thermal quantities."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field
from scipy import constants

from atomsmith.builders.supercells import repeats_for
from atomsmith.builders.symmetry import MEND, has_spglib, primitive
from atomsmith.data.configuration import Configuration
from atomsmith.errors import InputError
from atomsmith.prediction import ForceField
from atomsmith.properties.base import PropertyResult, Report, Row, name_of, silent
from atomsmith.properties.evaluation import evaluate
from atomsmith.properties.lattice import LatticeSettings, settle
from atomsmith.properties.relaxation import RelaxSettings
from atomsmith.sampling.units import BOLTZMANN
from atomsmith.settings import Settings
from atomsmith.systems import FloatArray
from atomsmith.wording import counted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

IMAGINARY_THZ = 0.05
"""Imaginary frequencies up to this are noise next to the acoustic modes of long waves."""
LEAST_FORCE = 1e-10
"""In eV/angstrom: less is rounding."""
POINTS_PER_SEGMENT = 51
STILL_THZ = 1e-3
"""Modes slower than this are translations of the whole crystal."""


class PhononSettings(Settings):
    """Settings of `atomsmith phonons`."""

    supercell_angstrom: float = Field(
        default=12.0,
        gt=0.0,
        description="Least distance between a displaced atom and its images, in angstrom; twice the cutoff "
        "is exact.",
    )
    displacement: float = Field(default=0.01, gt=0.0, le=0.2, description="Of the atoms, in angstrom.")
    mesh: float = Field(
        default=60.0, gt=0.0, description="Fineness of the q mesh: its points times the lengths, in angstrom."
    )
    max_temperature_k: float = Field(
        default=1000.0, gt=0.0, description="Thermal quantities are given up to this, in steps of 10 K."
    )
    lattice: LatticeSettings = Field(
        default=LatticeSettings(relax=RelaxSettings(force_ev_per_angstrom=1e-5)),
        description="How the crystal is relaxed before.",
    )


@dataclass(frozen=True, eq=False)
class Bands:
    """Frequencies along a path through the Brillouin zone; imaginary ones are negative.

    Attributes
    ----------
    labels, ticks
        Special points, and where they lie along the path in 1/angstrom.
    segments
        Distances of each unbroken segment, shape (points,) each.
    frequencies_thz
        Of each segment, shape (points, bands) each.
    """

    labels: list[str]
    ticks: list[float]
    segments: list[FloatArray]
    frequencies_thz: list[FloatArray]


@dataclass(frozen=True, eq=False)
class Mesh:
    """Frequencies (q, bands) and weights (q,) of points in the Brillouin zone."""

    frequencies_thz: FloatArray
    weights: FloatArray


@dataclass(frozen=True, eq=False)
class Thermal:
    """Harmonic quantities for each temperature, shape (n,); energies without that of the crystal at rest."""

    temperatures_k: FloatArray
    free_energy_ev_per_atom: FloatArray
    entropy_kb_per_atom: FloatArray
    heat_capacity_kb_per_atom: FloatArray

    def at(self, temperature_k: float, values: FloatArray) -> float | None:
        """Interpolate one of the quantities; None beyond the last temperature."""
        if temperature_k > self.temperatures_k[-1]:
            return None
        return float(np.interp(temperature_k, self.temperatures_k, values))


@dataclass(frozen=True, eq=False, kw_only=True)
class PhononResult(PropertyResult):
    """Phonons of the relaxed crystal; thermal quantities are None where a mode is imaginary.

    Attributes
    ----------
    lowest_thz, highest_thz
        Over the mesh and the bands; imaginary frequencies are negative.
    dos_frequencies_thz, dos_per_thz
        Density of states, normalised to the number of modes of an atom, 3.
    zero_point_energy_mev_per_atom
        Half a quantum in every mode.
    n_supercell, n_displacements
        Atoms of the supercell, and how many were computed.
    """

    title: ClassVar[str] = "Phonons"

    lowest_thz: float | None
    highest_thz: float | None
    bands: Bands | None
    dos_frequencies_thz: FloatArray | None
    dos_per_thz: FloatArray | None
    zero_point_energy_mev_per_atom: float | None
    thermal: Thermal | None
    n_supercell: int
    n_displacements: int

    def rows(self) -> list[Row]:
        """Numbers for the table."""
        thermal = self.thermal
        heat = entropy = None
        if thermal is not None:
            heat = thermal.at(300.0, thermal.heat_capacity_kb_per_atom)
            entropy = thermal.at(300.0, thermal.entropy_kb_per_atom)
        return [
            Row("lowest frequency", self.lowest_thz, "THz"),
            Row("highest frequency", self.highest_thz, "THz"),
            Row("zero-point energy", self.zero_point_energy_mev_per_atom, "meV/atom", 2),
            Row("heat capacity at 300 K", heat, "k_B/atom"),
            Row("entropy at 300 K", entropy, "k_B/atom"),
            Row("atoms of the supercell", float(self.n_supercell), "", 0),
        ]

    def figure(self) -> Figure | None:
        """Draw bands, density of states and heat capacity."""
        if self.bands is None or self.dos_frequencies_thz is None or self.dos_per_thz is None:
            return None
        from atomsmith.properties.figures import phonon_figure

        bands, thermal = self.bands, self.thermal
        return phonon_figure(
            (bands.labels, bands.ticks),
            list(zip(bands.segments, bands.frequencies_thz, strict=True)),
            (self.dos_frequencies_thz, self.dos_per_thz),
            None if thermal is None else (thermal.temperatures_k, thermal.heat_capacity_kb_per_atom),
        )


def phonons(
    force_field: ForceField,
    crystal: Configuration,
    settings: PhononSettings | None = None,
    *,
    report: Report = silent,
    folder: Path | None = None,
) -> PhononResult:
    """Compute phonons; see `atomsmith.properties.base.Compute`.

    Raises
    ------
    InputError
        Without phonopy and spglib, or where displaced atoms feel no force.
    """
    settings = settings or PhononSettings()
    require_phonopy()
    relaxed, problems = settle(force_field, crystal, settings.lattice, report=report)
    if relaxed.problem is not None:
        return _without(crystal, settings, problems)
    cell = primitive(relaxed.configuration)
    report(0, None, "displacing atoms")
    phonon, n_displacements = harmonic(force_field, cell, settings)
    mesh = mesh_of(phonon, settings.mesh)
    bands = _bands(phonon, cell)
    lowest = min(float(mesh.frequencies_thz.min()), min(float(f.min()) for f in bands.frequencies_thz))
    highest = max(float(mesh.frequencies_thz.max()), max(float(f.max()) for f in bands.frequencies_thz))
    imaginary = lowest < -IMAGINARY_THZ
    if imaginary:
        problems.append(
            f"the crystal is dynamically unstable: modes are imaginary, up to {-lowest:.2f}i THz; thermal "
            "quantities are not given"
        )
    frequencies, dos = _dos(phonon, cell.n_atoms)
    thermal = None if imaginary else thermal_of(mesh, cell.n_atoms, settings.max_temperature_k)
    return PhononResult(
        crystal=name_of(crystal),
        settings=settings,
        problems=tuple(problems),
        lowest_thz=lowest,
        highest_thz=highest,
        bands=bands,
        dos_frequencies_thz=frequencies,
        dos_per_thz=dos,
        zero_point_energy_mev_per_atom=(
            None if thermal is None else 1000.0 * float(thermal.free_energy_ev_per_atom[0])
        ),
        thermal=thermal,
        n_supercell=len(phonon.supercell),
        n_displacements=n_displacements,
    )


def require_phonopy() -> None:
    """Raise `InputError` unless phonopy and spglib can be imported."""
    try:
        import phonopy  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"phonons need phonopy ({error}): pip install phonopy or 'atomsmith[properties]'."
        ) from error
    if not has_spglib():
        raise InputError(f"phonons need spglib: {MEND}")


def harmonic(force_field: ForceField, cell: Configuration, settings: PhononSettings) -> tuple[Any, int]:
    """Make phonopy's object with symmetrised force constants, all displaced supercells in one batch.

    Returns
    -------
    phonon, n_displacements
        A ``phonopy.Phonopy`` whose primitive cell is ``cell``.

    Raises
    ------
    InputError
        If no atom feels that another, or it itself, is displaced.
    """
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms

    unit = PhonopyAtoms(numbers=cell.numbers, cell=cell.cell, positions=cell.positions)
    repeats = repeats_for(cell.cell, settings.supercell_angstrom)
    phonon = Phonopy(unit, supercell_matrix=np.diag(repeats), primitive_matrix=np.eye(3), log_level=0)
    phonon.generate_displacements(distance=settings.displacement)
    displaced = phonon.supercells_with_displacements
    cells = [phonon.supercell, *displaced]
    configurations = [
        Configuration(
            numbers=np.array(one.numbers, np.int32), positions=one.positions, cell=one.cell, pbc=cell.pbc
        )
        for one in cells
    ]
    at_rest, *moved = [found.forces for found in evaluate(force_field, configurations)]
    answers = [forces - at_rest for forces in moved]
    if max(float(np.abs(forces).max()) for forces in answers) < LEAST_FORCE:
        raise InputError(
            f"displaced atoms of a supercell of {counted(len(phonon.supercell), 'atom')} feel no force; "
            "raise supercell_angstrom, or take a potential by which these atoms interact."
        )
    phonon.forces = answers
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        phonon.produce_force_constants()
        phonon.symmetrize_force_constants()
    return phonon, len(displaced)


def mesh_of(phonon: Any, fineness: float) -> Mesh:
    """Frequencies on a mesh, which phonopy keeps for the density of states."""
    phonon.run_mesh(fineness)
    return Mesh(np.array(phonon.mesh.frequencies), np.array(phonon.mesh.weights, dtype=np.float64))


def thermal_of(mesh: Mesh, n_atoms: int, highest_k: float) -> Thermal:
    """Harmonic quantities of the modes of a mesh, an atom's share.

    Translations at Gamma, whose frequency is zero, are left out: with them sums would diverge.
    """
    frequencies = mesh.frequencies_thz
    counted = frequencies > STILL_THZ
    share = np.where(counted, mesh.weights[:, None] / mesh.weights.sum(), 0.0)[counted] / n_atoms
    quantum = constants.h * 1e12 / constants.e * frequencies[counted]
    temperatures = np.arange(0.0, highest_k + 1e-9, 10.0)
    free, entropy, heat = (np.zeros(len(temperatures)) for _ in range(3))
    free[0] = 0.5 * share @ quantum
    for k, temperature in enumerate(temperatures[1:], start=1):
        kt = BOLTZMANN * temperature
        x = quantum / kt
        occupation = 1.0 / np.expm1(x)
        missing = np.log(-np.expm1(-x))
        free[k] = share @ (0.5 * quantum + kt * missing)
        entropy[k] = share @ (x * occupation - missing)
        heat[k] = share @ (x * x * occupation * (occupation + 1.0))
    return Thermal(temperatures, free, entropy, heat)


def _dos(phonon: Any, n_atoms: int) -> tuple[FloatArray, FloatArray]:
    """Density of states by tetrahedra."""
    phonon.run_total_dos()
    found = phonon.total_dos
    return np.array(found.frequency_points), np.array(found.dos) / n_atoms


def _bands(phonon: Any, cell: Configuration) -> Bands:
    """Frequencies along the path of Setyawan and Curtarolo, Comput. Mater. Sci. 49, 299 (2010)."""
    path = cell.to_atoms().cell.bandpath()
    labels: list[str] = []
    ticks: list[float] = []
    segments, frequencies = [], []
    reciprocal = np.linalg.inv(cell.cell).T
    at = 0.0
    for part in _parts(path.path):
        for k, (first, last) in enumerate(pairwise(part)):
            start, end = path.special_points[first], path.special_points[last]
            points = start + np.linspace(0.0, 1.0, POINTS_PER_SEGMENT)[:, None] * (end - start)
            length = float(np.linalg.norm((end - start) @ reciprocal))
            _tick(labels, ticks, first, at, broken=k == 0)
            phonon.run_qpoints(points)
            segments.append(at + np.linspace(0.0, length, POINTS_PER_SEGMENT))
            frequencies.append(np.array(phonon.qpoints.frequencies))
            at += length
        _tick(labels, ticks, part[-1], at, broken=False)
    return Bands(labels, ticks, segments, frequencies)


def _parts(path: str) -> list[list[str]]:
    """Split a path such as GXU,KGL or GX1M into its unbroken parts of names."""
    parts = []
    for text in path.split(","):
        names: list[str] = []
        for letter in text:
            if letter.isdigit():
                names[-1] += letter
            else:
                names.append(letter)
        parts.append(names)
    return parts


def _tick(labels: list[str], ticks: list[float], name: str, at: float, *, broken: bool) -> None:
    """Note a special point; where the path breaks, both names share the tick."""
    shown = "Γ" if name == "G" else name
    if ticks and abs(ticks[-1] - at) < 1e-12:
        labels[-1] = f"{labels[-1]}|{shown}" if broken and labels[-1] != shown else labels[-1]
    else:
        labels.append(shown)
        ticks.append(at)


def _without(crystal: Configuration, settings: PhononSettings, problems: list[str]) -> PhononResult:
    return PhononResult(
        crystal=name_of(crystal),
        settings=settings,
        problems=tuple(problems),
        lowest_thz=None,
        highest_thz=None,
        bands=None,
        dos_frequencies_thz=None,
        dos_per_thz=None,
        zero_point_energy_mev_per_atom=None,
        thermal=None,
        n_supercell=0,
        n_displacements=0,
    )
