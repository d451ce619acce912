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


def _points(rng, kernel, count):
    """Sparse points for lengths of a squared-exponential kernel, or of so many components of a spectrum.

    The last component of soap is a constant; a negative number stands for a spectrum without one.
    """
    if isinstance(kernel, int) and kernel < 0:
        points = np.abs(rng.normal(size=(count, -kernel)))
        return points / np.linalg.norm(points, axis=1, keepdims=True)
    if isinstance(kernel, int):
        points = np.pad(np.abs(rng.normal(size=(count, kernel - 1))), ((0, 0), (0, 1)))
        return points / np.linalg.norm(points, axis=1, keepdims=True)
    return rng.uniform(LOW[len(kernel)], HIGH[len(kernel)], size=(count, len(kernel)))


def _coordinates(folder, rng, k, descriptor, kernel, count, permutations=None, *, mean=0.0):
    """One descriptor with its sparse points beside the file."""
    points = _points(rng, kernel, count)
    np.savetxt(folder / f"gap.points.{k}", points.reshape(-1), fmt="%.17e")
    weights = "\n".join(
        f'<sparseX i="{i + 1}" alpha="{a:.16e}" sparseCutoff="{c:.16e}"/>'
        for i, (a, c) in enumerate(zip(rng.normal(size=count), rng.uniform(0.1, 1.0, count), strict=True))
    )
    covariance, theta = 'covariance_type="2" zeta="2.0"', ""
    if not isinstance(kernel, int):
        covariance, theta = 'covariance_type="1"', f"<theta> {' '.join(map(repr, kernel))} </theta>\n"
    orders = permutations or [range(points.shape[1])]
    listed = "".join(
        f'<permutation i="{p + 1}">{" ".join(str(d + 1) for d in order)}</permutation>\n'
        for p, order in enumerate(orders)
    )
    return (
        f'<gpCoordinates label="made{k + 1}" dimensions="{points.shape[1]}" signal_variance="0.7" '
        f'signal_mean="{mean}" sparsified="T" n_permutations="{len(orders)}" {covariance} '
        f'n_sparseX="{count}" sparseX_filename="gap.points.{k}">\n'
        f"{theta}<descriptor>{descriptor}</descriptor>\n{listed}{weights}\n</gpCoordinates>"
    )


def write_gap(
    folder: Path, terms, *, potential="IP GAP label=made", behind="", version=1769700636, mean=0.0
) -> Path:
    """Write gap.xml and its sparse points.

    Terms are (descriptor with settings, lengths, points), for soap components in place of lengths, and then
    maybe permutations of the components.
    """
    rng = np.random.default_rng(1)
    coordinates = [_coordinates(folder, rng, k, *term, mean=mean) for k, term in enumerate(terms)]
    path = folder / "gap.xml"
    path.write_text(
        f'<made><Potential label="made" init_args="{potential}"/>\n'
        f'<GAP_params label="made" gap_version="{version}"><GAP_data do_core="F">'
        '<e0 Z="29" value="-0.1"/><e0 Z="79" value="-0.2"/></GAP_data>\n'
        f'<gpSparse label="made" n_coordinate="{len(terms)}" fitted="T">\n'
        + "\n".join(coordinates)
        + f"\n</gpSparse></GAP_params>\n{behind}</made>\n"
    )
    return path
