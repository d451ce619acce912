"""Energies of free atoms: the reference energies of a potential."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from ase.data import atomic_numbers

from atomsmith.data.configuration import Configuration
from atomsmith.errors import InputError, LabelError
from atomsmith.reference.labeller import check
from atomsmith.reference.runner import LabelRunner


def isolated_atoms(elements: Iterable[str], runner: LabelRunner) -> Iterator[tuple[str, float]]:
    """Compute the energies of free atoms, each in the spin state that its engine's settings choose.

    Engines that need a cell put their own vacuum around the atom and sample the Gamma point only. For
    interatomic potentials (``lammps``) the energies are those of an atom without neighbours, mostly zero.

    Parameters
    ----------
    elements
        Chemical symbols.
    runner
        The reference that labels everything else, and where it runs.

    Yields
    ------
    symbol, energy
        Energies in eV as they are done, in any order.

    Raises
    ------
    InputError
        If the reference cannot run, or a symbol is unknown.
    LabelError
        If a calculation failed; the message names the element and the mend.
    """
    tasks, own = {}, {}
    for symbol in elements:
        if symbol not in atomic_numbers:
            raise InputError(f"{symbol!r} is not a chemical symbol")
        free = runner.reference.for_isolated_atom(symbol)
        free = free.model_copy(update={"forces": False, "stress": False})
        check(free, [symbol])
        key = f"isolated-{symbol}"
        tasks[key] = Configuration(numbers=np.array([atomic_numbers[symbol]]), positions=np.zeros((1, 3)))
        own[key] = free
    for key, result in runner.run(tasks.items(), own):
        symbol = key.removeprefix("isolated-")
        if result.configuration is None or result.configuration.energy is None:
            raise LabelError(
                f"the energy of an isolated {symbol} atom could not be computed ({result.reason}): "
                "give it, or have it fitted"
            )
        yield symbol, result.configuration.energy
