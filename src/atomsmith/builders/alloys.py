"""Random substitutional alloys."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from atomsmith.data.configuration import Configuration
from atomsmith.elements import number_of
from atomsmith.errors import InputError

_FCC = np.array([[0.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]])


def random_fcc_alloy(
    composition: Mapping[str, int],
    lattice_constant: float,
    rng: np.random.Generator,
    *,
    repeats: tuple[int, int, int] = (2, 2, 2),
    config_type: str = "fcc",
) -> Configuration:
    """Distribute atoms of several elements at random over the sites of an fcc crystal.

    Parameters
    ----------
    composition
        Number of atoms of each element by chemical symbol; they must fill the cell, which has
        4 * prod(repeats) sites.
    lattice_constant
        Of the cubic cell of four atoms, in angstrom.
    rng
        Random numbers.
    repeats
        Cubic cells along each axis; the default has 32 atoms.
    config_type
        Type given to the configuration.

    Raises
    ------
    InputError
        If the atoms do not fill the cell, an element is unknown or the lattice constant is not positive.
    """
    n_sites = 4 * int(np.prod(repeats))
    if min(repeats) < 1 or lattice_constant <= 0.0:
        raise InputError(
            f"random_fcc_alloy: repeats {repeats} and lattice_constant {lattice_constant} must be positive."
        )
    if sum(composition.values()) != n_sites or min(composition.values(), default=0) < 0:
        raise InputError(
            f"random_fcc_alloy: {dict(composition)} are {sum(composition.values())} atoms, but "
            f"{repeats[0]} x {repeats[1]} x {repeats[2]} cubic fcc cells have {n_sites} sites; "
            "the counts must add up to that."
        )
    numbers = np.repeat([number_of(symbol) for symbol in composition], list(composition.values()))
    corners = np.stack(np.meshgrid(*(np.arange(n) for n in repeats), indexing="ij"), axis=-1)
    sites = (corners.reshape(-1, 1, 3) + _FCC).reshape(-1, 3)
    return Configuration(
        numbers=rng.permutation(numbers).astype(np.int32),
        positions=lattice_constant * sites,
        cell=lattice_constant * np.diag(np.array(repeats, dtype=np.float64)),
        pbc=np.ones(3, dtype=np.bool_),
        config_type=config_type,
    )
