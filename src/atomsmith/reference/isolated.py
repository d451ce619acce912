"""Energies of free atoms: the reference energies of a potential."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers

from atomsmith.data.configuration import Configuration
from atomsmith.errors import InputError, LabelError
from atomsmith.reference.labeller import check, label
from atomsmith.reference.settings import ReferenceSettings


def isolated_atoms(elements: Iterable[str], settings: ReferenceSettings, folder: Path) -> dict[str, float]:
    """Compute the energies of free atoms, each in the spin state that its engine's settings choose.

    Engines that need a cell put their own vacuum around the atom and sample the Gamma point only. For
    interatomic potentials (``lammps``) the energies are those of an atom without neighbours, mostly zero.

    Parameters
    ----------
    elements
        Chemical symbols.
    settings
        The reference that labels everything else.
    folder
        Scratch folder; each atom gets one below it.

    Returns
    -------
    dict
        Energy in eV by chemical symbol.

    Raises
    ------
    InputError
        If the reference cannot run, or a symbol is unknown.
    LabelError
        If a calculation failed; the message names the element and the mend.
    """
    energies = {}
    for symbol in dict.fromkeys(elements):
        if symbol not in atomic_numbers:
            raise InputError(f"{symbol!r} is not a chemical symbol")
        free = settings.for_isolated_atom(symbol).model_copy(update={"forces": False, "stress": False})
        check(free, [symbol])
        atom = Configuration(numbers=np.array([atomic_numbers[symbol]]), positions=np.zeros((1, 3)))
        result = label(atom, free, folder / f"isolated-{symbol}")
        if result.configuration is None or result.configuration.energy is None:
            raise LabelError(
                f"the energy of an isolated {symbol} atom could not be computed ({result.reason}): "
                "give it, or have it fitted"
            )
        energies[symbol] = result.configuration.energy
    return energies
