"""Distances between elements in a data set: the closest approach and the first shell of neighbours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from atomsmith.data.configuration import Configuration
from atomsmith.data.neighbours import pair_distances
from atomsmith.elements import covalent_radii, symbol_of
from atomsmith.systems import FloatArray

_BIN = 0.02
_SMOOTHING = 0.08
_LEAST_PEAK = 0.25


@dataclass(frozen=True)
class PairShell:
    """Distances of one pair of elements, in angstrom.

    Attributes
    ----------
    elements
        Atomic numbers, ascending.
    shortest
        Shortest distance in the data.
    first_neighbour
        Position of the first peak of the radial distribution function.
    count
        Number of distances within the cutoff.
    """

    elements: tuple[int, int]
    shortest: float
    first_neighbour: float
    count: int

    @property
    def name(self) -> str:
        """Such as ``Si-O``."""
        return "-".join(symbol_of(z) for z in self.elements)


def pair_shells(
    configurations: Iterable[Configuration], cutoff: float = 6.0
) -> dict[tuple[int, int], PairShell]:
    """Shortest and first-neighbour distance of every pair of elements that come within ``cutoff``.

    The first neighbour is the first maximum of the radial distribution function (smoothed over 0.08
    angstrom) that reaches a quarter of its highest value. Pairs that never meet within the cutoff are absent.

    Parameters
    ----------
    configurations
        With or without labels.
    cutoff
        Largest distance looked at, in angstrom.

    Returns
    -------
    dict
        By atomic numbers, ascending in each pair.
    """
    edges = np.arange(0.0, cutoff + _BIN, _BIN)
    shortest: dict[tuple[int, int], float] = {}
    histograms: dict[tuple[int, int], NDArray[np.int64]] = {}
    for configuration in configurations:
        i, j, distance = pair_distances(
            configuration.positions, configuration.cell, configuration.pbc, cutoff
        )
        for pair, chosen in _by_elements(configuration.numbers[i], configuration.numbers[j]):
            found = distance[chosen]
            shortest[pair] = min(shortest.get(pair, np.inf), float(found.min()))
            histogram = np.histogram(found, edges)[0]
            histograms[pair] = histograms.get(pair, np.zeros_like(histogram)) + histogram
    return {
        pair: PairShell(
            elements=pair,
            shortest=shortest[pair],
            first_neighbour=_first_peak(histograms[pair], edges, shortest[pair]),
            count=int(histograms[pair].sum()),
        )
        for pair in sorted(shortest)
    }


NEIGHBOURS = 48.0
SHORTEST_CUTOFF, MOLECULES = 4.5, 5.0
FARTHEST_CUTOFF = 6.0
"""In units of the largest covalent radius: three bond lengths."""
_LOOKED_AT = 60


def typical_cutoff(configurations: Sequence[Configuration], neighbours: float = NEIGHBOURS) -> float:
    """Cutoff in angstrom that holds about so many neighbours; 48 are three to five shells of a crystal.

    The median over (up to 60) configurations of the radius of the sphere in which there are so many atoms, at
    least 4.5 angstrom. It follows from the volume of an atom, so that it does not come to lie on a shell, or
    is counted where the volume holds vacuum. Configurations that are not periodic, or in which nobody has so
    many neighbours within three bond lengths, have no say; without any other, the cutoff is 5 angstrom, which
    holds what bonds, angles and torsions of a molecule depend on. It is rounded to 0.1 angstrom, so that data
    that are added later seldom change it.

    Parameters
    ----------
    configurations
        With or without labels.
    neighbours
        Neighbours wanted.
    """
    periodic = [c for c in configurations if c.pbc.all()]
    looked_at = periodic[:: 1 + len(periodic) // _LOOKED_AT]
    radii = [radius for c in looked_at if (radius := _sphere(c, neighbours)) is not None]
    if not radii:
        return MOLECULES
    return float(np.round(max(SHORTEST_CUTOFF, float(np.median(radii))), 1))


def _sphere(configuration: Configuration, neighbours: float) -> float | None:
    """Radius in which atoms have so many neighbours; None beyond `FARTHEST_CUTOFF`."""
    n_atoms = len(configuration.numbers)
    largest = float(covalent_radii(np.unique(configuration.numbers).tolist()).max())
    farthest = max(MOLECULES, FARTHEST_CUTOFF * largest)
    distance = pair_distances(configuration.positions, configuration.cell, configuration.pbc, farthest)[2]
    radius = float(np.cbrt(0.75 / np.pi * neighbours * configuration.volume / n_atoms))
    counted = 2.0 * np.count_nonzero(distance < radius) / n_atoms
    if radius <= farthest and neighbours / 1.5 < counted < neighbours * 1.5:
        return radius
    pairs = int(np.ceil(0.5 * neighbours * n_atoms))
    return float(np.partition(distance, pairs - 1)[pairs - 1]) if len(distance) >= pairs else None


def _by_elements(
    first: NDArray[np.int32], second: NDArray[np.int32]
) -> list[tuple[tuple[int, int], NDArray[np.bool_]]]:
    low, high = np.minimum(first, second), np.maximum(first, second)
    code = 1000 * low.astype(np.int64) + high
    return [((int(c) // 1000, int(c) % 1000), code == c) for c in np.unique(code)]


def _first_peak(histogram: NDArray[np.int64], edges: FloatArray, shortest: float) -> float:
    middle = 0.5 * (edges[1:] + edges[:-1])
    density = gaussian_filter1d(histogram / middle**2, _SMOOTHING / _BIN, mode="constant")
    high = density >= _LEAST_PEAK * density.max()
    # The last bins are excluded: smoothing bends the function down at the cutoff.
    rising = density[1:-1] >= density[:-2]
    falling = density[1:-1] > density[2:]
    inside = middle[1:-1] < edges[-1] - 2.0 * _SMOOTHING
    peaks = np.flatnonzero(high[1:-1] & rising & falling & inside)
    return float(middle[1 + peaks[0]]) if len(peaks) else shortest
