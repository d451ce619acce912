"""Random structures: atoms thrown into random cells, and crystals of random symmetry by PyXtal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from atomsmith.data.configuration import Configuration
from atomsmith.elements import COVALENT_RADII, number_of
from atomsmith.errors import InputError
from atomsmith.systems import FloatArray

_ATTEMPTS = 200
_THROWS = 200
_SMALLEST_ANGLE = 50.0


def random_cell(
    composition: Mapping[str, int],
    rng: np.random.Generator,
    *,
    volume_per_atom: float,
    shortest: float = 0.75,
    config_type: str = "random",
) -> Configuration:
    """Throw atoms into a random triclinic cell, none closer than a part of the sum of covalent radii.

    Cell lengths and angles are drawn uniformly (angles of 50 to 130 degrees, lengths within a factor 2),
    then the cell is scaled to its volume.

    Parameters
    ----------
    composition
        Number of atoms of each element by chemical symbol.
    rng
        Random numbers.
    volume_per_atom
        Cubic angstrom.
    shortest
        Least distance of two atoms, images included, as a part of the sum of their covalent radii.
    config_type
        Type given to the configuration.

    Raises
    ------
    InputError
        If there are no atoms, an element is unknown, or no place was found for the atoms.
    """
    numbers = np.repeat([number_of(symbol) for symbol in composition], list(composition.values()))
    if len(numbers) == 0 or volume_per_atom <= 0.0:
        raise InputError("random_cell: expected at least one atom and a positive volume per atom.")
    radii = COVALENT_RADII[np.minimum(numbers, len(COVALENT_RADII)) - 1]
    for _ in range(_ATTEMPTS):
        cell = _cell(rng, volume_per_atom * len(numbers))
        positions = _thrown(cell, shortest * radii, rng)
        if positions is not None:
            return Configuration(
                numbers=numbers.astype(np.int32),
                positions=positions,
                cell=cell,
                pbc=np.ones(3, dtype=np.bool_),
                config_type=config_type,
            )
    raise InputError(
        f"random_cell: {dict(composition)} found no place in {volume_per_atom} A^3 per atom with least "
        f"distances of {shortest} of the covalent ones; raise volume_per_atom or lower shortest."
    )


def _cell(rng: np.random.Generator, volume: float) -> FloatArray:
    """Random lattice vectors with that volume, the first along x."""
    while True:
        a, b, c = rng.uniform(1.0, 2.0, size=3)
        alpha, beta, gamma = np.cos(np.deg2rad(rng.uniform(_SMALLEST_ANGLE, 180.0 - _SMALLEST_ANGLE, size=3)))
        y = (alpha - beta * gamma) / np.sqrt(1.0 - gamma**2)
        z_squared = 1.0 - beta**2 - y**2
        if z_squared > 0.1:  # flatter cells have atoms next to their own images
            break
    cell = np.array(
        [[a, 0.0, 0.0], [b * gamma, b * np.sqrt(1.0 - gamma**2), 0.0],
         [c * beta, c * y, c * np.sqrt(z_squared)]]
    )  # fmt: skip
    scaled: FloatArray = cell * np.cbrt(volume / np.linalg.det(cell))
    return scaled


def _thrown(cell: FloatArray, radii: FloatArray, rng: np.random.Generator) -> FloatArray | None:
    """Positions of atoms that keep their distance, shape (N, 3); None where one finds no place."""
    images = np.array([[i, j, k] for i in range(-2, 3) for j in range(-2, 3) for k in range(-2, 3)]) @ cell
    own = np.linalg.norm(images, axis=1)
    if np.min(own[own > 0.0]) < 2.0 * radii.max():
        return None
    placed = np.zeros((0, 3))
    for k, radius in enumerate(radii):
        for _ in range(_THROWS):
            trial = rng.random(3) @ cell
            vectors = placed[:, None] + images - trial
            apart = np.linalg.norm(vectors, axis=2).min(axis=1, initial=np.inf)
            if (apart >= radius + radii[:k]).all():
                placed = np.concatenate([placed, trial[None]])
                break
        else:
            return None
    return placed


def random_crystals(
    composition: Mapping[str, int],
    count: int,
    seed: int,
    *,
    space_groups: Sequence[int] = tuple(range(2, 231)),
    volume_factor: float = 1.0,
    config_type: str = "random_crystal",
) -> list[Configuration]:
    """Draw crystals with random space groups by PyXtal (``pip install pyxtal``).

    Parameters
    ----------
    composition
        Number of atoms of each element in the primitive cell by chemical symbol.
    count
        Crystals to make.
    seed
        Of the random numbers.
    space_groups
        International numbers to draw from; groups without sites for the composition are drawn anew.
    volume_factor
        Times PyXtal's estimate of the volume.
    config_type
        Type given to the configurations; the space group is recorded in ``info`` as ``space_group``.

    Raises
    ------
    InputError
        Without PyXtal, or if no crystal could be made.
    """
    try:
        from pyxtal import pyxtal
    except ImportError as error:
        raise InputError(f"random_crystals needs PyXtal ({error}): pip install pyxtal") from error
    rng = np.random.default_rng(seed)
    made: list[Configuration] = []
    for _ in range(_ATTEMPTS * count):
        if len(made) == count:
            break
        group = int(rng.choice(list(space_groups)))
        crystal = pyxtal()
        try:
            crystal.from_random(
                3, group, list(composition), list(composition.values()), factor=volume_factor,
                random_state=int(rng.integers(2**31)),
            )  # fmt: skip
        except Exception:  # PyXtal's own errors are of many kinds: this group cannot hold the composition
            continue
        if crystal.valid:
            atoms = crystal.to_ase()
            made.append(Configuration.from_atoms(atoms, config_type=config_type, info={"space_group": group}))
    if len(made) < count:
        raise InputError(
            f"random_crystals: only {len(made)} of {count} crystals of {dict(composition)} could be made; "
            "allow other space groups or a larger volume_factor."
        )
    return made
