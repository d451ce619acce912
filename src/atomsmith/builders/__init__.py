"""Structures to begin with: crystals, supercells, vacancies, disorder, strains, molecules, alloys."""

from atomsmith.builders.alloys import random_fcc_alloy
from atomsmith.builders.crystals import PROTOTYPES, crystal, ground_state
from atomsmith.builders.deformations import deformed, strained_in_modes
from atomsmith.builders.disorder import rattled, strained
from atomsmith.builders.pairs import close_approach, dimers
from atomsmith.builders.peg import intact_bonds, peg_bonds, peg_chain
from atomsmith.builders.random_cells import random_cell, random_crystals
from atomsmith.builders.slabs import miller_indices, slab
from atomsmith.builders.supercells import supercell, vacancy

__all__ = [
    "PROTOTYPES",
    "close_approach",
    "crystal",
    "deformed",
    "dimers",
    "ground_state",
    "intact_bonds",
    "miller_indices",
    "peg_bonds",
    "peg_chain",
    "random_cell",
    "random_crystals",
    "random_fcc_alloy",
    "rattled",
    "slab",
    "strained",
    "strained_in_modes",
    "supercell",
    "vacancy",
]
