"""How potentials look in figures: colours that everyone can tell apart, also where a dozen meet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from atomsmith.report.figures.style import PALETTE, marker

COLORS = (*PALETTE, "#882255", "#332288", "#999933", "#AA4499", "#44AA99", "#A65628")
"""More than the palette of other figures; the second half is Paul Tol's."""
DASHES = ((0.0, ()), (0.0, (5.0, 1.5)), (0.0, (1.5, 1.0)), (0.0, (5.0, 1.0, 1.0, 1.0)))
SHAPES = ("o", "s", "^", "D", "v", "P", "X")

Dashes = tuple[float, tuple[float, ...]]


@dataclass(frozen=True)
class Look:
    """Colour, marker and dashes of one potential."""

    color: str
    marker: str
    dashes: Dashes = DASHES[0]


def looks_of(families: Mapping[str, str]) -> dict[str, Look]:
    """Give every potential a look, by its name and family.

    Each has a colour of its own as long as there are enough that colour-blind readers can tell apart. Beyond
    that potentials of one family share a colour, and differ in markers and dashes; a family is what
    stands before the first comma.
    """
    if len(families) <= len(PALETTE):
        return {name: Look(PALETTE[k], marker(k)) for k, name in enumerate(families)}
    members: dict[str, list[str]] = {}
    for name, family in families.items():
        members.setdefault(family.partition(",")[0].strip(), []).append(name)
    looks = {
        name: Look(COLORS[k % len(COLORS)], SHAPES[place % len(SHAPES)], DASHES[place % len(DASHES)])
        for k, names in enumerate(members.values())
        for place, name in enumerate(names)
    }
    return {name: looks[name] for name in families}
