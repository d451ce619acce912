"""Potentials in LAMMPS: which LAMMPS there is, the plugin built for it, and runs with it."""

from atomsmith.lammps.build import Plugin, build_plugin
from atomsmith.lammps.installation import Installation, find_installation
from atomsmith.lammps.launch import input_lines, run

__all__ = ["Installation", "Plugin", "build_plugin", "find_installation", "input_lines", "run"]
