"""Made-up files of QUIP: squared-exponential kernels with random points and weights."""

from pathlib import Path

import numpy as np
from ase import Atoms

LOW, HIGH = {1: (2.0,), 3: (4.0, 0.0, 2.0)}, {1: (4.0,), 3: (7.0, 1.0, 5.0)}
"""Range of sparse points by dimension."""


def alloy(symbols):
    """Four atoms of a distorted fcc cell."""
    positions = [[0.1, 0.0, -0.1], [0.0, 2.1, 1.9], [2.0, -0.1, 2.0], [1.8, 2.0, 0.2]]
    cell = [[3.9, 0.1, 0.0], [-0.2, 4.1, 0.1], [0.0, 0.2, 4.0]]
    return Atoms(symbols, positions=positions, cell=cell, pbc=True)


def write_gap(folder: Path, terms, *, potential="IP GAP label=made", behind="", seed=1) -> Path:
    """Write gap.xml and its sparse points; terms are (descriptor with settings, lengths, points)."""
    rng = np.random.default_rng(seed)
    coordinates = []
    for k, (descriptor, lengths, count) in enumerate(terms):
        n = len(lengths)
        points = rng.uniform(LOW[n], HIGH[n], size=(count, n))
        np.savetxt(folder / f"gap.points.{k}", points.reshape(-1), fmt="%.17e")
        weights = "\n".join(
            f'<sparseX i="{i + 1}" alpha="{a:.16e}" sparseCutoff="{c:.16e}"/>'
            for i, (a, c) in enumerate(zip(rng.normal(size=count), rng.uniform(0.1, 1.0, count), strict=True))
        )
        coordinates.append(
            f'<gpCoordinates label="made{k + 1}" dimensions="{n}" signal_variance="0.7" signal_mean="0.0" '
            f'sparsified="T" n_permutations="1" covariance_type="1" n_sparseX="{count}" '
            f'sparseX_filename="gap.points.{k}">\n<theta> {" ".join(map(repr, lengths))} </theta>\n'
            f"<descriptor>{descriptor}</descriptor>\n"
            f'<permutation i="1">{" ".join(str(d + 1) for d in range(n))}</permutation>\n{weights}\n'
            "</gpCoordinates>"
        )
    path = folder / "gap.xml"
    path.write_text(
        f'<made><Potential label="made" init_args="{potential}"/>\n'
        '<GAP_params label="made" gap_version="1769700636"><GAP_data do_core="F">'
        '<e0 Z="29" value="-0.1"/><e0 Z="79" value="-0.2"/></GAP_data>\n'
        f'<gpSparse label="made" n_coordinate="{len(terms)}" fitted="T">\n'
        + "\n".join(coordinates)
        + f"\n</gpSparse></GAP_params>\n{behind}</made>\n"
    )
    return path
