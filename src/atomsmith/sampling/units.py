"""Units of the sampler: eV, angstrom, amu, fs, K and GPa (CODATA values)."""

from scipy import constants

BOLTZMANN = constants.k / constants.e
"""k_B in eV/K."""

ACCELERATION = constants.e / constants.atomic_mass * (constants.femto / constants.angstrom) ** 2
"""Acceleration, in angstrom/fs^2, that a force of 1 eV/angstrom gives to a mass of 1 amu."""

GPA = constants.giga * constants.angstrom**3 / constants.e
"""1 GPa in eV/angstrom^3."""
