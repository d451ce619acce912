"""Figures of properties: plain arrays in, a matplotlib figure in the look of the report out."""

from atomsmith.properties.figures.crystals import (
    eos_figure,
    jump_figure,
    polymorph_figure,
    stress_strain_figure,
    surface_figure,
)
from atomsmith.properties.figures.motion import (
    dynamics_figure,
    expansion_figure,
    melting_figure,
    stability_figure,
)
from atomsmith.properties.figures.phonons import phonon_figure

__all__ = [
    "dynamics_figure",
    "eos_figure",
    "expansion_figure",
    "jump_figure",
    "melting_figure",
    "phonon_figure",
    "polymorph_figure",
    "stability_figure",
    "stress_strain_figure",
    "surface_figure",
]
