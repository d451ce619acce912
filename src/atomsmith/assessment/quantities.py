"""Numbers of properties that have known values to deviate from, by the names of the field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Numbers = Mapping[str, Any]
"""What `atomsmith.properties.base.PropertyResult.to_dict` gives."""


@dataclass(frozen=True)
class Quantity:
    """A number of a property.

    Attributes
    ----------
    property
        Name of the property that gives it.
    find
        Takes that property's numbers; None where it could not be had.
    unit, digits
        As it is shown.
    symbol
        With subscripts in parts: (letter, subscript).
    """

    property: str
    find: Callable[[Numbers], float | None]
    unit: str
    digits: int
    symbol: tuple[str, str] = ("", "")


def _edge(axis: int) -> Callable[[Numbers], float | None]:
    def find(numbers: Numbers) -> float | None:
        lengths = numbers["lengths_angstrom"]
        return None if lengths is None else float(lengths[axis])

    return find


def _stiffness(name: str) -> Callable[[Numbers], float | None]:
    row, column = int(name[1]) - 1, int(name[2]) - 1

    def find(numbers: Numbers) -> float | None:
        matrix = numbers["c_gpa"]
        return None if matrix is None else float(matrix[row][column])

    return find


def _modulus(key: str) -> Callable[[Numbers], float | None]:
    def find(numbers: Numbers) -> float | None:
        moduli = numbers["moduli"]
        return None if moduli is None else moduli[key]

    return find


def _value(key: str) -> Callable[[Numbers], float | None]:
    def find(numbers: Numbers) -> float | None:
        value: float | None = numbers[key]
        return value

    return find


QUANTITIES: Mapping[str, Quantity] = {
    "a": Quantity("lattice", _edge(0), "Å", 3, ("a", "")),
    "c": Quantity("lattice", _edge(2), "Å", 3, ("c", "")),
    "E_coh": Quantity("lattice", _value("cohesive_energy_ev_per_atom"), "eV/atom", 2, ("E", "coh")),
    **{
        name: Quantity("elastic", _stiffness(name), "GPa", 0, ("C", name[1:]))
        for name in ("C11", "C12", "C13", "C33", "C44", "C66")
    },
    "B": Quantity("elastic", _modulus("bulk_voigt_gpa"), "GPa", 0, ("B", "")),
    "G": Quantity("elastic", _modulus("shear_hill_gpa"), "GPa", 0, ("G", "")),
    "E_v": Quantity("vacancy", _value("formation_energy_ev"), "eV", 2, ("E", "v")),
    "E_m": Quantity("vacancy", _value("migration_energy_ev"), "eV", 2, ("E", "m")),
    "E_a": Quantity("vacancy", _value("activation_energy_ev"), "eV", 2, ("E", "a")),
}
"""By the name that they have in `values` of a system."""
