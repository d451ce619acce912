"""Crystals of one element: the structures that elements take, and ground states by chemical symbol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from atomsmith.data.configuration import Configuration
from atomsmith.elements import number_of
from atomsmith.errors import InputError
from atomsmith.systems import FloatArray

Sites = tuple[tuple[float, float, float], ...]

_FCC: Sites = ((0.0, 0.0, 0.0), (0.0, 0.5, 0.5), (0.5, 0.0, 0.5), (0.5, 0.5, 0.0))
_BCC: Sites = ((0.0, 0.0, 0.0), (0.5, 0.5, 0.5))
_IDEAL = float(np.sqrt(8.0 / 3.0))
"""c/a of touching spheres in hexagonal layers."""
_BC8_X = 0.1003
"""Free coordinate of site 16c in Ia-3; Crain et al., Phys. Rev. B 49, 5329 (1994), for silicon."""


@dataclass(frozen=True)
class Prototype:
    """A structure with its conventional cell.

    Attributes
    ----------
    space_group
        International number.
    lattice
        ``cubic``, ``tetragonal`` or ``hexagonal``; the last with 120 degrees between a and b.
    sites
        Fractional coordinates.
    c_over_a
        Of the conventional cell; a start where the structure leaves it free.
    """

    space_group: int
    lattice: str
    sites: Sites
    c_over_a: float = 1.0

    def cell(self, c_over_a: float) -> FloatArray:
        """Lattice vectors as rows for a = 1."""
        cell = np.diag([1.0, 1.0, c_over_a])
        if self.lattice == "hexagonal":
            cell[1] = -0.5, np.sqrt(0.75), 0.0
        return cell


def _bc8() -> Sites:
    x, h = _BC8_X, 0.5
    signs = ((x, x, x), (h - x, -x, h + x), (-x, h + x, h - x), (h + x, h - x, -x))
    inverted = [tuple(-value for value in site) for site in signs]
    centred = [tuple(value + h for value in site) for site in (*signs, *inverted)]
    sites = np.array([*signs, *inverted, *centred]) % 1.0
    return tuple((float(a), float(b), float(c)) for a, b, c in sites)


PROTOTYPES: Mapping[str, Prototype] = {
    "fcc": Prototype(225, "cubic", _FCC),
    "bcc": Prototype(229, "cubic", _BCC),
    "hcp": Prototype(194, "hexagonal", ((1 / 3, 2 / 3, 0.25), (2 / 3, 1 / 3, 0.75)), _IDEAL),
    "dhcp": Prototype(
        194,
        "hexagonal",
        ((0.0, 0.0, 0.0), (0.0, 0.0, 0.5), (1 / 3, 2 / 3, 0.25), (2 / 3, 1 / 3, 0.75)),
        2.0 * _IDEAL,
    ),
    "diamond": Prototype(227, "cubic", _FCC + tuple((a + 0.25, b + 0.25, c + 0.25) for a, b, c in _FCC)),
    "hexagonal_diamond": Prototype(
        194,
        "hexagonal",
        ((1 / 3, 2 / 3, 1 / 16), (2 / 3, 1 / 3, 9 / 16), (2 / 3, 1 / 3, 15 / 16), (1 / 3, 2 / 3, 7 / 16)),
        _IDEAL,
    ),
    "beta_sn": Prototype(
        141,
        "tetragonal",
        ((0.0, 0.0, 0.0), (0.5, 0.5, 0.5), (0.0, 0.5, 0.25), (0.5, 0.0, 0.75)),
        0.55,
    ),
    "simple_hexagonal": Prototype(191, "hexagonal", ((0.0, 0.0, 0.0),), 0.94),
    "sc": Prototype(221, "cubic", ((0.0, 0.0, 0.0),)),
    "a15": Prototype(
        223,
        "cubic",
        (
            *_BCC,
            *((0.25, 0.0, 0.5), (0.75, 0.0, 0.5), (0.5, 0.25, 0.0)),
            *((0.5, 0.75, 0.0), (0.0, 0.5, 0.25), (0.0, 0.5, 0.75)),
        ),
    ),
    "omega": Prototype(191, "hexagonal", ((0.0, 0.0, 0.0), (1 / 3, 2 / 3, 0.5), (2 / 3, 1 / 3, 0.5)), 0.6124),
    "bc8": Prototype(206, "cubic", _bc8()),
}
"""Structures by the name they have in settings."""


def crystal(
    element: str,
    prototype: str,
    *,
    lattice_constant: float | None = None,
    volume_per_atom: float | None = None,
    c_over_a: float | None = None,
) -> Configuration:
    """Build the conventional cell of a crystal.

    Parameters
    ----------
    element
        Chemical symbol.
    prototype
        A name of `PROTOTYPES`.
    lattice_constant, volume_per_atom
        Of the conventional cell in angstrom, or in cubic angstrom; one of the two, or neither for the volume
        per atom that the element has in its ground state.
    c_over_a
        Instead of the prototype's own.

    Raises
    ------
    InputError
        If a name is unknown, or both sizes are given or one is not positive.
    """
    if prototype not in PROTOTYPES:
        raise InputError(f"crystal: {prototype!r} is not a known structure; take {', '.join(PROTOTYPES)}.")
    if lattice_constant is not None and volume_per_atom is not None:
        raise InputError("crystal: give lattice_constant or volume_per_atom, not both.")
    given = lattice_constant if lattice_constant is not None else volume_per_atom
    if given is not None and given <= 0.0:
        raise InputError(f"crystal: the size of the {prototype} cell is {given}; it must be positive.")
    kind = PROTOTYPES[prototype]
    number = number_of(element)
    unit = kind.cell(kind.c_over_a if c_over_a is None else c_over_a)
    if lattice_constant is None:
        volume = volume_per_atom if volume_per_atom is not None else ground_state_volume(element)
        lattice_constant = float(np.cbrt(volume * len(kind.sites) / np.linalg.det(unit)))
    cell = lattice_constant * unit
    return Configuration(
        numbers=np.full(len(kind.sites), number, dtype=np.int32),
        positions=np.array(kind.sites) @ cell,
        cell=cell,
        pbc=np.ones(3, dtype=np.bool_),
        config_type=prototype,
    )


def ground_state(element: str) -> Configuration:
    """Build the conventional cell of an element's crystal at ambient conditions, with its measured size.

    Raises
    ------
    InputError
        If the element is unknown, or its crystal is none of `PROTOTYPES`.
    """
    state = _reference_state(element)
    name = str(state.get("symmetry"))
    if name not in PROTOTYPES:
        raise InputError(
            f"ground_state: the crystal of {element} ({name}) is none of {', '.join(PROTOTYPES)}; "
            "give the structure as a file, or name a structure."
        )
    ratio = state.get("c/a")
    return crystal(
        element,
        name,
        lattice_constant=float(state["a"]),
        c_over_a=float(ratio) if ratio is not None else None,
    )


def ground_state_volume(element: str) -> float:
    """Volume per atom in cubic angstrom of an element's crystal, for the size of its other structures.

    Elements whose crystal is none of `PROTOTYPES` get that of touching spheres with covalent radii, in fcc.
    """
    if str(_reference_state(element).get("symmetry")) in PROTOTYPES:
        state = ground_state(element)
        return state.volume / state.n_atoms
    from ase.data import covalent_radii

    return float((2.0 * covalent_radii[number_of(element)]) ** 3 / np.sqrt(2.0))


def _reference_state(element: str) -> dict[str, Any]:
    """Return ASE's record of the element's crystal (Kittel; Ashcroft and Mermin)."""
    from ase.data import reference_states

    state: dict[str, Any] | None = reference_states[number_of(element)]
    return state if state is not None else {}
