"""Chemical elements: symbols, atomic numbers, covalent radii, cohesive energies."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import numpy as np

from atomsmith.errors import InputError
from atomsmith.systems import FloatArray

# fmt: off
SYMBOLS: tuple[str, ...] = (
    "X", "H", "He", "Li", "Be", "B", "C", "N", "O", "F", "Ne", "Na", "Mg", "Al", "Si", "P", "S", "Cl",
    "Ar", "K", "Ca", "Sc", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "Ga", "Ge", "As", "Se",
    "Br", "Kr", "Rb", "Sr", "Y", "Zr", "Nb", "Mo", "Tc", "Ru", "Rh", "Pd", "Ag", "Cd", "In", "Sn", "Sb",
    "Te", "I", "Xe", "Cs", "Ba", "La", "Ce", "Pr", "Nd", "Pm", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er",
    "Tm", "Yb", "Lu", "Hf", "Ta", "W", "Re", "Os", "Ir", "Pt", "Au", "Hg", "Tl", "Pb", "Bi", "Po", "At",
    "Rn", "Fr", "Ra", "Ac", "Th", "Pa", "U", "Np", "Pu", "Am", "Cm", "Bk", "Cf", "Es", "Fm", "Md", "No",
    "Lr", "Rf", "Db", "Sg", "Bh", "Hs", "Mt", "Ds", "Rg", "Cn", "Nh", "Fl", "Mc", "Lv", "Ts", "Og",
)
"""Symbol of every atomic number; ``SYMBOLS[0]`` is a placeholder."""

# Cordero et al., Dalton Trans. 2008, 2832, table 2 (C sp3; Mn, Fe, Co low spin), in angstrom, from H to Cm.
COVALENT_RADII = np.array([
    0.31, 0.28, 1.28, 0.96, 0.84, 0.76, 0.71, 0.66, 0.57, 0.58, 1.66, 1.41, 1.21, 1.11, 1.07, 1.05,
    1.02, 1.06, 2.03, 1.76, 1.70, 1.60, 1.53, 1.39, 1.39, 1.32, 1.26, 1.24, 1.32, 1.22, 1.22, 1.20,
    1.19, 1.20, 1.20, 1.16, 2.20, 1.95, 1.90, 1.75, 1.64, 1.54, 1.47, 1.46, 1.42, 1.39, 1.45, 1.44,
    1.42, 1.39, 1.39, 1.38, 1.39, 1.40, 2.44, 2.15, 2.07, 2.04, 2.03, 2.01, 1.99, 1.98, 1.98, 1.96,
    1.94, 1.92, 1.92, 1.89, 1.90, 1.87, 1.87, 1.75, 1.70, 1.62, 1.51, 1.44, 1.41, 1.36, 1.36, 1.32,
    1.45, 1.46, 1.48, 1.40, 1.50, 1.50, 2.60, 2.21, 2.15, 2.06, 2.00, 1.96, 1.90, 1.87, 1.80, 1.69,
])

# Kittel, Introduction to Solid State Physics, table of cohesive energies, in eV; not those whose solids
# consist of molecules or of noble gas atoms.
COHESIVE_ENERGIES: dict[str, float] = {
    "Li": 1.63, "Be": 3.32, "B": 5.81, "C": 7.37, "Na": 1.11, "Mg": 1.51, "Al": 3.39, "Si": 4.63, "P": 3.43,
    "S": 2.85, "K": 0.93, "Ca": 1.84, "Sc": 3.90, "Ti": 4.85, "V": 5.31, "Cr": 4.10, "Mn": 2.92, "Fe": 4.28,
    "Co": 4.39, "Ni": 4.44, "Cu": 3.49, "Zn": 1.35, "Ga": 2.81, "Ge": 3.85, "As": 2.96, "Se": 2.46,
    "Rb": 0.85, "Sr": 1.72, "Y": 4.37, "Zr": 6.25, "Nb": 7.57, "Mo": 6.82, "Tc": 6.85, "Ru": 6.74, "Rh": 5.75,
    "Pd": 3.89, "Ag": 2.95, "Cd": 1.16, "In": 2.52, "Sn": 3.14, "Sb": 2.75, "Te": 2.19, "Cs": 0.80,
    "Ba": 1.90, "La": 4.47, "Ce": 4.32, "Pr": 3.70, "Nd": 3.40, "Sm": 2.14, "Eu": 1.86, "Gd": 4.14,
    "Tb": 4.05, "Dy": 3.04, "Ho": 3.14, "Er": 3.29, "Tm": 2.42, "Yb": 1.60, "Lu": 4.43, "Hf": 6.44,
    "Ta": 8.10, "W": 8.90, "Re": 8.03, "Os": 8.17, "Ir": 6.94, "Pt": 5.84, "Au": 3.81, "Hg": 0.67,
    "Tl": 1.88, "Pb": 2.03, "Bi": 2.18, "Th": 6.20, "U": 5.55, "Pu": 3.60,
}
"""Energy in eV that takes a crystal apart into atoms, per atom, by chemical symbol."""
# fmt: on
_HEAVY_RADIUS = 1.69  # beyond Cm: the last tabulated value

_NUMBERS = {symbol: number for number, symbol in enumerate(SYMBOLS) if number > 0}


def symbol_of(number: int) -> str:
    """Chemical symbol of an atomic number (1 to 118)."""
    if not 1 <= number < len(SYMBOLS):
        raise InputError(f"atomic number {number} is not that of an element (1 to {len(SYMBOLS) - 1})")
    return SYMBOLS[number]


def number_of(symbol: str) -> int:
    """Atomic number of a chemical symbol; case does not matter."""
    number = _NUMBERS.get(symbol.strip().capitalize())
    if number is None:
        near = difflib.get_close_matches(symbol.strip().capitalize(), list(_NUMBERS), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise InputError(f"{symbol!r} is not the symbol of an element{hint}")
    return number


def covalent_radii(elements: Sequence[int]) -> FloatArray:
    """Covalent radii in angstrom of atomic numbers, shape (n,)."""
    return np.array([COVALENT_RADII[z - 1] if z <= len(COVALENT_RADII) else _HEAVY_RADIUS for z in elements])


def parse_pair(key: str, elements: Sequence[int]) -> tuple[int, int]:
    """Species indices of a pair written as ``Si-O``.

    Parameters
    ----------
    key
        Two chemical symbols joined by a hyphen, in either order.
    elements
        Atomic numbers of the model.

    Raises
    ------
    InputError
        If the key is not of this form or names an element that the model does not have.
    """
    symbols = key.split("-")
    if len(symbols) != 2:
        raise InputError(f"Pair '{key}' is not two chemical symbols joined by a hyphen; write it like Si-O.")
    numbers = [number_of(symbol) for symbol in symbols]
    for number in numbers:
        if number not in elements:
            known = ", ".join(SYMBOLS[z] for z in elements)
            raise InputError(f"Pair '{key}' names {SYMBOLS[number]}, but the elements here are {known}.")
    return list(elements).index(numbers[0]), list(elements).index(numbers[1])
