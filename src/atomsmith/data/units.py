"""Unit factors of the data layer (CODATA 2018; the elementary charge is exact)."""

GPA_PER_EV_A3 = 160.2176634
"""Gigapascals in one eV per cubic angstrom."""

KBAR_PER_EV_A3 = 10.0 * GPA_PER_EV_A3
"""Kilobars in one eV per cubic angstrom."""
