"""Structures to begin with: chain molecules, random alloys, rattled and strained copies."""

from atomsmith.builders.alloys import random_fcc_alloy
from atomsmith.builders.disorder import rattled, strained
from atomsmith.builders.peg import intact_bonds, peg_bonds, peg_chain

__all__ = ["intact_bonds", "peg_bonds", "peg_chain", "random_fcc_alloy", "rattled", "strained"]
