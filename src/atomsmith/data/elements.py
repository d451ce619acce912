"""Chemical symbols and atomic numbers."""

from __future__ import annotations

import difflib

from atomsmith.errors import InputError

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
# fmt: on
"""Symbol of every atomic number; ``SYMBOLS[0]`` is a placeholder."""

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
