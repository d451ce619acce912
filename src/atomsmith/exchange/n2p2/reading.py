"""Neural network potentials of n2p2: input.nn, scaling.data and weights.ZZZ.data.

Singraber, Behler, Dellago, J. Chem. Theory Comput. 15, 1827 (2019). Such files name no units; n2p2 is told
them by whoever runs it (``cflength`` and ``cfenergy`` of LAMMPS' pair_style hdnnp), usually bohr and hartree.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from atomsmith.data.files import read_words
from atomsmith.descriptors import FeatureInfo
from atomsmith.descriptors.symmetry_functions import SymmetryFunction, symmetry_functions_part
from atomsmith.elements import SYMBOLS
from atomsmith.errors import InputError
from atomsmith.exchange.n2p2.settings import N2p2Settings, Network, read_settings
from atomsmith.potential import Potential
from atomsmith.systems import FloatArray

BOHR_PER_ANGSTROM = 1.8897261328
HARTREE_PER_EV = 0.0367493254
"""The usual cflength and cfenergy of pair_style hdnnp."""
ACTIVATIONS = {
    "l": "identity",
    "t": "tanh",
    "s": "logistic",
    "p": "softplus",
    "r": "relu",
    "g": "gaussian",
    "c": "cosine",
    "S": "reverse_logistic",
    "e": "exponential",
    "h": "harmonic",
}
_WEIGHTS = re.compile(r"weights\.(\d+)\.data$")


def read_n2p2(
    path: str | Path,
    *other_files: str | Path,
    cflength: float = BOHR_PER_ANGSTROM,
    cfenergy: float = HARTREE_PER_EV,
) -> Potential:
    """Read a neural network potential of n2p2 (second generation: short-ranged).

    Parameters
    ----------
    path
        The settings file, input.nn.
    other_files
        Files of weights (weights.042.data for molybdenum) and the file of scaling, in any order; by default
        those beside input.nn.
    cflength, cfenergy
        The files' units of length per angstrom and of energy per eV.

    Raises
    ------
    InputError
        If a file is missing or malformed, or asks for something that this library does not have.
    """
    path = Path(path)
    require_positive_units(path, cflength, cfenergy)
    scaling, weights = _sort_files(path, [Path(file) for file in other_files])
    settings = read_settings(path)
    n = len(settings.elements)
    statistics = _read_scaling(scaling, settings) if settings.scaling != "none" else None
    centres, networks = [], []
    for z, number in enumerate(settings.elements):
        functions = settings.functions[z]
        centres.append([_in_angstrom(f, cflength) for f in functions])
        file = weights.get(number, path.parent / f"weights.{number:03d}.data")
        shift, scale = _scaling(
            scaling, settings, None if statistics is None else statistics[z], len(functions)
        )
        layers = _layers(file, settings.networks[z], len(functions), settings.normalise_nodes)
        networks.append({"shift": shift, "scale": scale, "layers": layers})
    part = symmetry_functions_part(
        centres, settings.elements, settings.cutoff_function, settings.cutoff_inner
    ).part
    part |= {"n_features": 1, "regressor": {"kind": "network", "networks": 1, "centres": networks}}
    e0 = [(settings.mean_energy + offset) / cfenergy for offset in settings.atom_energy]
    return Potential(
        elements=settings.elements,
        plan={"elements": list(settings.elements), "parts": [{"kind": "e0", "n_features": n}, part]},
        features=_features(settings.elements),
        coefficients=np.array([*e0, 1.0 / (settings.conv_energy * cfenergy)]),
        metadata={
            "imported": {
                "format": "n2p2",
                "files": [path.name, scaling.name, *(f"weights.{z:03d}.data" for z in settings.elements)],
                "cflength": cflength,
                "cfenergy": cfenergy,
            }
        },
    )


def require_positive_units(path: Path, cflength: float, cfenergy: float) -> None:
    """Refuse units of a file that are none."""
    for name, unit in (("cflength", cflength), ("cfenergy", cfenergy)):
        if not 0.0 < unit < math.inf:
            raise InputError(f"{path}: {name} is {unit:g}, but should be a positive number.")


def _sort_files(path: Path, others: Sequence[Path]) -> tuple[Path, dict[int, Path]]:
    """The file of scaling, and files of weights by atomic number."""
    weights: dict[int, Path] = {}
    scaling: list[Path] = []
    for file in others:
        if match := _WEIGHTS.search(file.name):
            weights[int(match.group(1))] = file
        else:
            scaling.append(file)
    if len(scaling) > 1:
        raise InputError(
            f"{scaling[1]}: found a second file of scaling besides {scaling[0].name}; files of weights are "
            "named like weights.042.data (42: the atomic number)."
        )
    return (scaling[0] if scaling else path.parent / "scaling.data"), weights


def _in_angstrom(function: SymmetryFunction, cflength: float) -> SymmetryFunction:
    return replace(
        function,
        cutoff=function.cutoff / cflength,
        eta=function.eta * cflength**2,
        shift=function.shift / cflength,
        low=function.low / cflength,
    )


@dataclass(frozen=True)
class _Statistics:
    """Of the functions of one element, in n2p2's order."""

    smallest: FloatArray
    largest: FloatArray
    mean: FloatArray
    sigma: FloatArray


def _read_scaling(path: Path, settings: N2p2Settings) -> list[_Statistics]:
    rows = [_numbers(path, words) for words in read_words(path)]
    counts = [len(functions) for functions in settings.functions]
    if len(rows) < sum(counts):
        raise InputError(
            f"{path}: found {len(rows)} lines, expected one for each of the {sum(counts)} symmetry functions "
            "of input.nn; the files do not belong together."
        )
    found, first = [], 0
    for z, count in enumerate(counts):
        own = rows[first : first + count]
        first += count
        for k, row in enumerate(own):
            if len(row) < 5 or (row[0], row[1]) != (z + 1, k + 1):
                raise InputError(
                    f"{path}: the line of function {k + 1} of {SYMBOLS[settings.elements[z]]} begins with "
                    f"'{' '.join(f'{value:g}' for value in row[:2])}', expected '{z + 1} {k + 1}' and "
                    "three or four numbers; the file does not belong to input.nn."
                )
        table = np.array([[*row[2:6], *([np.nan] * (6 - len(row)))] for row in own]).reshape(-1, 4)
        found.append(_Statistics(*table.T))
    return found


def _numbers(path: Path, words: Sequence[str]) -> list[float]:
    try:
        return [float(word) for word in words]
    except ValueError:
        raise InputError(f"{path}: the line '{' '.join(words)[:60]}' does not hold numbers only.") from None


def _scaling(
    path: Path, settings: N2p2Settings, statistics: _Statistics | None, count: int
) -> tuple[FloatArray, FloatArray]:
    """Shift and scale of (G - shift) * scale = low + factor * (G - origin)."""
    if statistics is None:
        return np.zeros(count), np.ones(count)
    low, high = settings.scaled_range
    if settings.scaling == "center":
        return statistics.mean, np.ones(count)
    width = statistics.sigma if settings.scaling == "sigma" else statistics.largest - statistics.smallest
    if not (np.isfinite(width).all() and np.all(width != 0.0)) or high == low:
        k = int(np.argmax(~(np.isfinite(width) & (width != 0.0))))
        raise InputError(
            f"{path}: symmetry function {k + 1} has the range or sigma {width[k]}, by which it cannot be "
            "scaled; take the function out of input.nn, or scale by other keywords."
        )
    origin = statistics.smallest if settings.scaling == "scale" else statistics.mean
    scale = (high - low) / width
    return origin - low / scale, scale


def _layers(path: Path, network: Network, n_inputs: int, normalise: bool) -> list[dict[str, Any]]:
    """Layers from a file of weights: of each layer all weights, by the neuron they come from, then biases."""
    values = np.array([_numbers(path, words[:1])[0] for words in read_words(path)])
    if not np.isfinite(values).all():
        raise InputError(f"{path}: holds a weight or bias that is not finite; the file is damaged.")
    for nodes in network.candidates:
        sizes = [n_inputs, *nodes, 1]
        expected = sum((a + 1) * b for a, b in pairwise(sizes))
        if len(values) == expected:
            break
    else:
        raise InputError(
            f"{path}: found {len(values)} weights and biases, expected {expected} for layers of "
            f"{'-'.join(str(size) for size in sizes)} neurons; the file does not belong to input.nn."
        )
    layers, at = [], 0
    for a, b, activation in zip(sizes, sizes[1:], network.activations, strict=False):
        share = a if normalise else 1.0
        weights = values[at : at + a * b].reshape(a, b).T / share
        bias = values[at + a * b : at + (a + 1) * b] / share
        at += (a + 1) * b
        layers.append(
            {
                "activation": ACTIVATIONS[activation],
                "weights": np.ascontiguousarray(weights)[None],
                "bias": bias[None],
            }
        )
    return layers


def _features(elements: Sequence[int]) -> FeatureInfo:
    known = tuple(int(z) for z in elements)
    n = len(known)
    return FeatureInfo(
        order=np.array([0] * n + [2], dtype=np.int32),
        degree=np.zeros(n + 1),
        smoothness=np.ones(n + 1),
        elements=(*((z,) for z in known), known),
        labels=(*(f"E0 {SYMBOLS[z]}" for z in known), "network 0"),
    )
