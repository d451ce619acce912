"""Crystals under strain, one Voigt mode after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike

from atomsmith.data.configuration import Configuration
from atomsmith.errors import InputError
from atomsmith.systems import FloatArray

VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
"""Components xx, yy, zz, yz, xz, xy."""
MODES = ("xx", "yy", "zz", "yz", "xz", "xy")

ZUO_STRAINS = tuple(round(0.01 * k, 2) for k in range(-10, 11))
"""-10 % to 10 % by 1 %, as in Zuo et al., J. Phys. Chem. A 124, 731 (2020)."""


def strain_matrix(voigt: ArrayLike) -> FloatArray:
    """Symmetric strain, shape (3, 3), of six Voigt components with engineering shears (2 e_yz, ...)."""
    strain = np.zeros((3, 3))
    for (a, b), value in zip(VOIGT, np.asarray(voigt, dtype=np.float64), strict=True):
        strain[a, b] = strain[b, a] = value if a == b else 0.5 * value
    return strain


def deformed(configuration: Configuration, strain: ArrayLike) -> Configuration:
    """Multiply cell and positions, rows, by 1 + strain (symmetric, shape (3, 3)); labels are dropped.

    Raises
    ------
    InputError
        If the configuration has no full cell, or the strain would turn it inside out.
    """
    if not configuration.pbc.all():
        raise InputError("deformed: the configuration is not periodic in three directions.")
    deformation = np.eye(3) + np.asarray(strain, dtype=np.float64)
    if np.linalg.det(deformation) <= 0.0:
        raise InputError(f"deformed: the strain {np.asarray(strain).tolist()} leaves no volume.")
    return configuration.without_labels().replace(
        cell=configuration.cell @ deformation, positions=configuration.positions @ deformation
    )


def strained_in_modes(
    configuration: Configuration, strains: Sequence[float] = ZUO_STRAINS
) -> Iterator[Configuration]:
    """Yield copies strained by each value in each of the six modes; the unstrained one comes once, first.

    A shear of value s has the off-diagonal component s / 2 on either side of the diagonal. Modes and strains
    are recorded in ``info`` as ``strain_mode`` and ``strain``.
    """
    if 0.0 in strains:
        yield configuration.without_labels().replace(
            config_type="strained", info={**configuration.info, "strain_mode": "none", "strain": 0.0}
        )
    for k, mode in enumerate(MODES):
        for value in strains:
            if value == 0.0:
                continue
            made = deformed(configuration, strain_matrix(value * np.eye(6)[k]))
            info = {**configuration.info, "strain_mode": mode, "strain": float(value)}
            yield made.replace(config_type="strained", info=info)
