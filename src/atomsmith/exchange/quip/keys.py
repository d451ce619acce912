"""Settings of a descriptor in a gap.xml: which are known, and their values.

Names and defaults are those of QUIP (libAtoms), which ignores what it does not know; here it is refused.
"""

from __future__ import annotations

import math

from atomsmith.errors import InputError
from atomsmith.exchange.quip.gap_file import Coordinates

_FITTING = {
    "add_species", "config_type_n_sparse", "covariance_type", "delta", "f0", "mark_sparse_atoms", "n_sparse",
    "n_Z", "n_species", "print_sparse_index", "sparse_file", "sparse_method", "theta", "theta_fac",
    "theta_file", "theta_uniform", "unique_descriptor_tolerance", "unique_hash_tolerance", "xml_version",
    "zeta", "zeta_file", "use_sparse_points", "f0_file", "delta_file", "n_sparseX", "config_type_n_sparseX",
}  # fmt: skip
"""Keys of descriptors that say how they were fitted, or what the file says elsewhere."""
_ONLY_DEFAULTS = {
    "average": "F", "only_intra": "F",
    "only_inter": "F", "n_exponents": "1", "exponents": "1", "tail_exponent": "0", "tail_range": "1.0",
    "resid_name": "",
}  # fmt: skip
"""Keys whose other values are not supported."""
LARGEST_ZETA = 32
"""Bound of the engine."""
INSTEAD = "fit again without it, or fit a sparse kernel here (docs/gap.md)"


def check_keys(one: Coordinates, known: set[str]) -> None:
    """Refuse a descriptor with settings that are neither known nor without effect."""
    for key, value in one.values.items():
        default = _ONLY_DEFAULTS.get(key)
        if default is not None:
            if value.strip() != default and not _same_number(value, default):
                raise InputError(f"{one.kind} with {key}={value} is not supported; {INSTEAD}.")
        elif key not in known | _FITTING:
            raise InputError(f"{one.kind}: the key '{key}' is not known; it may change what is computed.")


def _same_number(a: str, b: str) -> bool:
    try:
        return float(a) == float(b)
    except ValueError:
        return False


def number_at(one: Coordinates, key: str, default: float | None) -> float:
    """Return a number; one that has no default must be there."""
    text = one.values.get(key)
    if text is None:
        if default is None:
            raise InputError(f"{one.kind}: '{key}' is missing; the file is damaged.")
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{one.kind}: {key}={text} is not a number.")
    return value


def zeta_of(one: Coordinates) -> float:
    """Return the power of a dot-product kernel."""
    if not 1.0 <= one.zeta <= LARGEST_ZETA:
        raise InputError(
            f"{one.kind} with zeta={one.zeta:g} is not supported; it must be between 1 and {LARGEST_ZETA}; "
            f"{INSTEAD}."
        )
    return one.zeta


def atomic_numbers_at(one: Coordinates, key: str) -> tuple[int, ...]:
    """Return atomic numbers; empty where the key is missing or 0, which stands for any."""
    found = one.atomic_numbers(key)
    return () if 0 in found else found


def flag_at(one: Coordinates, key: str, default: bool) -> bool:
    """Return a logical value as Fortran writes it."""
    value = one.values.get(key)
    return default if value is None else value.strip(".").upper().startswith("T")
