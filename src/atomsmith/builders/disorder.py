"""Copies of a configuration with atoms displaced and cells strained at random."""

from __future__ import annotations

import numpy as np

from atomsmith.data.configuration import Configuration
from atomsmith.errors import InputError


def rattled(
    configuration: Configuration, standard_deviation: float, rng: np.random.Generator
) -> Configuration:
    """Displace every atom by a Gaussian of this standard deviation in each direction; labels are dropped.

    Parameters
    ----------
    configuration
        Left as it is.
    standard_deviation
        Of each Cartesian component, in angstrom.
    rng
        Random numbers.

    Raises
    ------
    InputError
        If the standard deviation is negative.
    """
    if standard_deviation < 0.0:
        raise InputError(f"rattled: standard_deviation is {standard_deviation}; it must not be negative.")
    displacement = rng.normal(scale=standard_deviation, size=configuration.positions.shape)
    return configuration.without_labels().replace(positions=configuration.positions + displacement)


def strained(configuration: Configuration, largest_strain: float, rng: np.random.Generator) -> Configuration:
    """Strain cell and atoms by a symmetric strain with components drawn uniformly; labels are dropped.

    Lattice vectors and positions, rows, are multiplied by 1 + e with e symmetric and every |e_ij| at most
    ``largest_strain``.

    Parameters
    ----------
    configuration
        Left as it is; must have a cell.
    largest_strain
        Between 0 and 0.3, so that the cell cannot collapse.
    rng
        Random numbers.

    Raises
    ------
    InputError
        If there is no cell to strain, or the strain is out of range.
    """
    if not configuration.pbc.any():
        raise InputError("strained: the configuration is not periodic, so there is no cell to strain.")
    if not 0.0 <= largest_strain <= 0.3:
        raise InputError(f"strained: largest_strain is {largest_strain}; expected 0 to 0.3.")
    upper = np.triu(rng.uniform(-largest_strain, largest_strain, size=(3, 3)))
    deformation = np.eye(3) + upper + np.triu(upper, 1).T
    return configuration.without_labels().replace(
        cell=configuration.cell @ deformation, positions=configuration.positions @ deformation
    )
