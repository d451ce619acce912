"""Potentials in LAMMPS: what the plugin costs beside the bare engine, over ranks, and how energies drift."""
