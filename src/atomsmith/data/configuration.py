"""One atomic configuration with explicit, optional labels."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from atomsmith.data.neighbours import shortest_distance
from atomsmith.elements import SYMBOLS, symbol_of
from atomsmith.errors import InputError
from atomsmith.systems import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from ase import Atoms

_LABELS = ("energy", "forces", "stress")
_WEIGHTS = ("weight", "energy_weight", "forces_weight", "stress_weight")
_DENSEST = 20.0
"""Atoms in a cubic angstrom; matter has a tenth of one, and copper whose cell is in nanometres 85."""


@dataclass(frozen=True, eq=False)
class Configuration:
    """Atoms in a cell, with those labels that are known. Immutable: the arrays are read-only copies.

    Attributes
    ----------
    numbers
        Atomic numbers, shape (N,).
    positions
        Cartesian positions in angstrom, shape (N, 3); atoms may lie outside the cell.
    cell
        Lattice vectors as rows in angstrom, shape (3, 3); zero rows where there is none.
    pbc
        Periodicity along each lattice vector, shape (3,).
    energy
        Total energy in eV, or None.
    forces
        Forces in eV/angstrom, shape (N, 3), or None.
    stress
        Stress in ASE's Voigt order (xx yy zz yz xz xy), tension positive, eV/angstrom^3, shape (6,), or
        None; only for configurations with a cell volume.
    config_type
        Name of the group of configurations it belongs to.
    weight
        Factor on all of its rows in a fit.
    energy_weight, forces_weight, stress_weight
        Further factors on the rows of one label.
    info
        Whatever else is known, as plain JSON values.

    Raises
    ------
    InputError
        If a shape is wrong or a value is not finite; the message names the atom.
    """

    numbers: IntArray
    positions: FloatArray
    cell: FloatArray = field(default_factory=lambda: np.zeros((3, 3)))
    pbc: BoolArray = field(default_factory=lambda: np.zeros(3, np.bool_))
    energy: float | None = None
    forces: FloatArray | None = None
    stress: FloatArray | None = None
    config_type: str = "default"
    weight: float = 1.0
    energy_weight: float = 1.0
    forces_weight: float = 1.0
    stress_weight: float = 1.0
    info: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        numbers = _numbers(self.numbers)
        n = len(numbers)
        frozen: dict[str, object] = {
            "numbers": numbers,
            "positions": _array("position", self.positions, (n, 3), numbers),
            "cell": _array("cell", self.cell, (3, 3)),
            "pbc": _periodicity(self.pbc),
            "config_type": _name(self.config_type),
            "info": _plain(dict(self.info), "info"),
        }
        if self.energy is not None:
            frozen["energy"] = _number("energy", self.energy)
        if self.forces is not None:
            frozen["forces"] = _array("force", self.forces, (n, 3), numbers)
        if self.stress is not None:
            frozen["stress"] = _array("stress", self.stress, (6,))
        for name in _WEIGHTS:
            frozen[name] = _number(name, getattr(self, name), minimum=0.0)
        for name, value in frozen.items():
            object.__setattr__(self, name, value)
        self._check_cell()

    def _check_cell(self) -> None:
        lengths = np.linalg.norm(self.cell, axis=1)
        for axis in np.flatnonzero(self.pbc & (lengths == 0.0)):
            raise InputError(
                f"the configuration is periodic along lattice vector {axis + 1}, which is zero: "
                "give the vector or set pbc to false there"
            )
        if self.pbc.all() and self.volume <= 1e-6 * float(np.prod(lengths)):
            raise InputError("the lattice vectors of a periodic configuration are linearly dependent")
        if self.pbc.all() and self.n_atoms > _DENSEST * self.volume:
            raise InputError(
                f"the cell has {self.volume:.3g} cubic angstrom for {self.n_atoms} atom"
                f"{'' if self.n_atoms == 1 else 's'}: check the unit of its lattice vectors"
            )
        if self.stress is not None and self.volume == 0.0:
            raise InputError("a stress was given for a configuration whose cell has no volume: leave it out")

    @property
    def n_atoms(self) -> int:
        """Number of atoms N."""
        return len(self.numbers)

    def __len__(self) -> int:
        return len(self.numbers)

    def __repr__(self) -> str:
        labels = ", ".join(self.labels) or "no labels"
        return f"Configuration({self.formula}, {self.config_type!r}, {labels})"

    @property
    def volume(self) -> float:
        """Volume of the cell in cubic angstrom; 0 without a cell."""
        return abs(float(np.linalg.det(self.cell)))

    @property
    def symbols(self) -> list[str]:
        """Chemical symbols of the atoms."""
        return [SYMBOLS[number] for number in self.numbers]

    @property
    def elements(self) -> tuple[int, ...]:
        """Atomic numbers that occur, ascending."""
        return tuple(int(number) for number in np.unique(self.numbers))

    @property
    def formula(self) -> str:
        """Formula with the elements in order of their atomic numbers, such as ``H6C2O``."""
        numbers, counts = np.unique(self.numbers, return_counts=True)
        return "".join(f"{SYMBOLS[z]}{c if c > 1 else ''}" for z, c in zip(numbers, counts, strict=True))

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the labels it has, among ``energy``, ``forces``, ``stress``."""
        return tuple(name for name in _LABELS if getattr(self, name) is not None)

    @property
    def is_isolated_atom(self) -> bool:
        """Whether it is one atom, not periodic or with its images at least 7 angstrom away."""
        return self.n_atoms == 1 and (not self.pbc.any() or self.shortest_distance() >= 7.0)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields replaced, validated again."""
        return dataclasses.replace(self, **changes)

    def without_labels(self) -> Self:
        """Return a copy without energy, forces and stress."""
        return self.replace(energy=None, forces=None, stress=None)

    def shortest_distance(self) -> float:
        """Shortest distance between two atoms or their images in angstrom; infinity if there is none."""
        return shortest_distance(self.positions, self.cell, self.pbc)

    def fingerprint(self, *, labels: bool = True) -> str:
        """SHA-256 of the content, the same on every machine.

        It covers atoms, cell and periodicity and, if ``labels``, the labels, the type and the weights;
        ``info`` is left out. Equal bits give equal fingerprints; 0.0 and -0.0 count as equal.
        """
        digest = hashlib.sha256(b"atomsmith configuration 1")
        digest.update(self.numbers.astype("<i4").tobytes())
        _update(digest, self.positions, self.cell, self.pbc.astype(np.float64))
        if labels:
            for name in _LABELS:
                value = getattr(self, name)
                digest.update(b"-" if value is None else b"+")
                _update(digest, () if value is None else value)
            digest.update(self.config_type.encode())
            _update(digest, [getattr(self, name) for name in _WEIGHTS])
        return digest.hexdigest()

    @classmethod
    def from_atoms(cls, atoms: Atoms, **fields: Any) -> Self:
        """Take the atoms, cell and periodicity of an ASE ``Atoms``; give labels and the rest by keyword.

        Labels are never guessed here: a calculator attached to ``atoms`` is not asked. See
        `atomsmith.data.reading.configurations_from_atoms` for reading labels.
        """
        return cls(
            numbers=np.asarray(atoms.numbers, dtype=np.int32),
            positions=np.asarray(atoms.positions, dtype=np.float64),
            cell=np.asarray(atoms.cell.array, dtype=np.float64),
            pbc=np.asarray(atoms.pbc, dtype=np.bool_),
            **fields,
        )

    def to_atoms(self) -> Atoms:
        """ASE ``Atoms`` with the labels in a ``SinglePointCalculator``, type and weights in ``info``."""
        from ase import Atoms
        from ase.calculators.singlepoint import SinglePointCalculator

        atoms = Atoms(numbers=self.numbers, positions=self.positions, cell=self.cell, pbc=self.pbc)
        atoms.info.update(self.info)
        atoms.info["config_type"] = self.config_type
        atoms.info.update({name: getattr(self, name) for name in _WEIGHTS if getattr(self, name) != 1.0})
        labels: dict[str, Any] = {name: np.copy(getattr(self, name)) for name in self.labels}
        if self.energy is not None:
            labels |= {"energy": self.energy, "free_energy": self.energy}
        if labels:
            atoms.calc = SinglePointCalculator(atoms, **labels)
        return atoms


def _update(digest: Any, *arrays: ArrayLike) -> None:
    for array in arrays:
        digest.update((np.asarray(array, dtype="<f8") + 0.0).tobytes())


def _numbers(values: ArrayLike) -> IntArray:
    try:
        given = np.asarray(values)
        numbers = np.array(given, dtype=np.int32)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"atomic numbers must be integers, found {values!r}") from None
    if numbers.ndim != 1 or len(numbers) == 0:
        raise InputError(f"atomic numbers must be a list of at least one, found shape {numbers.shape}")
    for atom in np.flatnonzero((numbers < 1) | (numbers >= len(SYMBOLS)) | (numbers != given)):
        raise InputError(f"atom {atom} has atomic number {given[atom]}; expected 1 to {len(SYMBOLS) - 1}")
    numbers.setflags(write=False)
    return numbers


def _array(
    name: str, values: ArrayLike, shape: tuple[int, ...], numbers: IntArray | None = None
) -> FloatArray:
    try:
        array = np.array(values, dtype=np.float64, order="C")
    except (TypeError, ValueError):
        raise InputError(f"{name} must be numbers of shape {shape}") from None
    if array.shape != shape:
        raise InputError(f"{name} has shape {array.shape}, expected {shape}")
    if not np.isfinite(array).all():
        if numbers is None:
            raise InputError(f"{name} has a value that is not finite: {array.tolist()}")
        atom = int(np.flatnonzero(~np.isfinite(array).all(axis=1))[0])
        symbol = symbol_of(int(numbers[atom]))
        raise InputError(f"atom {atom} ({symbol}): the {name} {array[atom].tolist()} is not finite")
    array.setflags(write=False)
    return array


def _periodicity(values: ArrayLike) -> BoolArray:
    pbc = np.array(np.broadcast_to(np.asarray(values, dtype=np.bool_), (3,)))
    pbc.setflags(write=False)
    return pbc


def _number(name: str, value: float, minimum: float = -math.inf) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be a number, found {value!r}") from None
    if not math.isfinite(number) or number < minimum:
        bound = "" if minimum == -math.inf else f" and at least {minimum:g}"
        raise InputError(f"{name} is {number}; it must be finite{bound}")
    return number


def _name(value: str) -> str:
    if not isinstance(value, str) or not value:
        raise InputError(f"config_type must be a name, found {value!r}")
    return value


def _plain(value: Any, where: str) -> Any:
    """Convert NumPy values to plain JSON ones; refuse what JSON cannot hold."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item, f"{where}[{k}]") for k, item in enumerate(value)]
    if isinstance(value, Mapping):
        return {str(key): _plain(item, f"{where}[{key!r}]") for key, item in value.items()}
    raise InputError(f"{where} is a {type(value).__name__}, which is not a plain JSON value: leave it out")
