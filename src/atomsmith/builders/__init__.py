"""Structures to begin with: crystals, supercells, vacancies, disorder, strains, molecules, alloys."""

from atomsmith.builders.alloys import random_fcc_alloy
from atomsmith.builders.crystals import PROTOTYPES, crystal, ground_state
from atomsmith.builders.deformations import deformed, strained_in_modes
from atomsmith.builders.disorder import rattled, strained
from atomsmith.builders.peg import intact_bonds, peg_bonds, peg_chain
from atomsmith.builders.supercells import supercell, vacancy

__all__ = [
    "PROTOTYPES",
    "crystal",
    "deformed",
    "ground_state",
    "intact_bonds",
    "peg_bonds",
    "peg_chain",
    "random_fcc_alloy",
    "rattled",
    "strained",
    "strained_in_modes",
    "supercell",
    "vacancy",
]
