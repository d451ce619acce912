"""Symmetry of crystals by spglib, which is optional (``pip install atomsmith[properties]``)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atomsmith.data.configuration import Configuration
from atomsmith.errors import InputError
from atomsmith.systems import FloatArray

MEND = "install it with `pip install spglib` or `pip install 'atomsmith[properties]'`."
TOLERANCE = 1e-4
"""Distance in angstrom within which atoms count as symmetry-equivalent."""


def has_spglib() -> bool:
    """Whether spglib can be imported."""
    try:
        import spglib  # noqa: F401
    except ImportError:
        return False
    return True


def rotations(configuration: Configuration, tolerance: float = TOLERANCE) -> FloatArray | None:
    """Cartesian rotations of the crystal's point group, shape (n, 3, 3); None without spglib.

    Vectors, as rows, are turned by ``vector @ rotation.T``. The rotations are orthogonal to rounding, also
    where the crystal has its symmetry within the tolerance only, as a relaxed one: they are those of the
    nearest cell that has it.
    """
    found = operations(configuration, tolerance)
    if found is None:
        return None
    turns = found[0].astype(np.float64)
    cell = _symmetrised(configuration.cell, turns)
    # x_cart = cell^T x_frac
    turned: FloatArray = np.einsum("ia,nij,bj->nab", cell, turns, np.linalg.inv(cell))
    return turned


def _symmetrised(cell: FloatArray, turns: FloatArray) -> FloatArray:
    """Strain a cell, without turning it, so that its lengths and angles are invariant."""
    metric = np.mean(np.einsum("nki,kl,nlj->nij", turns, cell @ cell.T, turns), axis=0)
    inverse = np.linalg.inv(cell)
    values, vectors = np.linalg.eigh(inverse @ metric @ inverse.T)
    strained: FloatArray = cell @ (vectors * np.sqrt(values)) @ vectors.T
    return strained


def operations(
    configuration: Configuration, tolerance: float = TOLERANCE
) -> tuple[NDArray[np.int32], FloatArray] | None:
    """Rotations (n, 3, 3) and translations (n, 3) in fractional coordinates; None without spglib."""
    if not has_spglib():
        return None
    import spglib

    found = _quietly(spglib.get_symmetry, _cell(configuration), symprec=tolerance)
    if found is None:
        return np.eye(3, dtype=np.int32)[None], np.zeros((1, 3))
    return np.array(found["rotations"], dtype=np.int32), np.array(found["translations"], dtype=np.float64)


def space_group(configuration: Configuration, tolerance: float = TOLERANCE) -> int | None:
    """International number of the space group; None without spglib or where none is found."""
    if not has_spglib():
        return None
    import spglib

    data = _quietly(spglib.get_symmetry_dataset, _cell(configuration), symprec=tolerance)
    return None if data is None else int(data.number)


def primitive(configuration: Configuration, tolerance: float = TOLERANCE) -> Configuration:
    """Smallest cell of a crystal, in the orientation it has.

    Raises
    ------
    InputError
        Without spglib.
    """
    if not has_spglib():
        raise InputError(f"a primitive cell needs spglib: {MEND}")
    import spglib

    found = _quietly(
        spglib.standardize_cell,
        _cell(configuration),
        to_primitive=True,
        no_idealize=True,
        symprec=tolerance,
    )
    if found is None:
        return configuration.without_labels()
    cell, fractional, numbers = found
    return configuration.without_labels().replace(
        numbers=np.array(numbers, dtype=np.int32), positions=np.array(fractional) @ cell, cell=np.array(cell)
    )


def _quietly(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Call spglib, which in some versions returns None where it finds nothing and in others raises."""
    import spglib.error

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            return function(*arguments, **options)
        except spglib.error.SpglibError:
            return None


def _cell(configuration: Configuration) -> tuple[FloatArray, FloatArray, list[int]]:
    fractional = configuration.positions @ np.linalg.inv(configuration.cell)
    return configuration.cell, fractional, configuration.numbers.tolist()
