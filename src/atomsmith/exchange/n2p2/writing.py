"""Writing a potential of symmetry functions and networks for n2p2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from atomsmith.data.files import replacing
from atomsmith.descriptors.symmetry_functions import SymmetryFunction, functions_of_plan
from atomsmith.elements import SYMBOLS
from atomsmith.errors import InputError
from atomsmith.exchange.formats import require_no_global_features
from atomsmith.exchange.n2p2.reading import (
    ACTIVATIONS,
    BOHR_PER_ANGSTROM,
    HARTREE_PER_EV,
    require_positive_units,
)
from atomsmith.exchange.n2p2.settings import CUTOFF_FUNCTIONS, core_name, sort_key
from atomsmith.potential import Potential
from atomsmith.systems import FloatArray

_LETTERS = {name: letter for letter, name in ACTIVATIONS.items()}


@dataclass(frozen=True, eq=False)
class _Element:
    """One element as it is written: functions, and inputs of its network, in n2p2's order and units."""

    number: int
    functions: tuple[tuple[int, SymmetryFunction], ...]
    shift: FloatArray
    scale: FloatArray
    layers: tuple[tuple[str, FloatArray, FloatArray], ...]
    """Letter of the activation, weights (out, in), bias (out)."""

    @property
    def nodes(self) -> list[int]:
        return [len(bias) for _, _, bias in self.layers[:-1]]

    @property
    def activations(self) -> list[str]:
        return [letter for letter, _, _ in self.layers]


def write_n2p2(
    potential: Potential,
    path: str | Path,
    *,
    cflength: float = BOHR_PER_ANGSTROM,
    cfenergy: float = HARTREE_PER_EV,
) -> None:
    """Write input.nn and, beside it, scaling.data and weights.ZZZ.data.

    Parameters
    ----------
    potential
        Reference energies and one set of symmetry functions with one network per element.
    path
        The settings file, usually input.nn.
    cflength, cfenergy
        Units of the files per angstrom and per eV; pair_style hdnnp must be told the same.

    Raises
    ------
    InputError
        If the potential has anything else, which the format cannot hold, or a unit is not positive.
    """
    path = Path(path)
    require_positive_units(path, cflength, cfenergy)
    part, coefficient = _network_part(potential, path)
    n = len(potential.elements)
    order = np.argsort(potential.elements)
    position = np.argsort(order)  # of the potential's species among the sorted ones
    elements = [_element(potential, part, int(z), position, cflength, path) for z in order]
    _refuse_what_n2p2_misreads(elements, path)
    factor = coefficient * cfenergy
    if all(element.activations[-1] == "l" for element in elements):
        elements = [_scaled_output(element, factor) for element in elements]
        normalisation: list[str] = []
    else:
        normalisation = [f"conv_energy {1.0 / factor!r}", "conv_length 1.0", "mean_energy 0.0"]
    energies = [potential.coefficients[z] * cfenergy for z in order[:n]]
    with replacing(path) as file:
        file.write("\n".join(_settings(part, elements, energies, normalisation)) + "\n")
    with replacing(path.parent / "scaling.data") as file:
        file.write("# element, function, minimum, maximum, mean, sigma\n" + "".join(_scaling(elements)))
    for element in elements:
        with replacing(path.parent / f"weights.{element.number:03d}.data") as file:
            file.write("".join(f"{value!r}\n" for value in _weights(element)))


def _network_part(potential: Potential, path: Path) -> tuple[Mapping[str, Any], float]:
    """The part of symmetry functions with its network, and the coefficient of the network's energy."""
    kinds = [part["kind"] for part in potential.plan["parts"]]
    part = potential.plan["parts"][-1]
    if kinds != ["e0", "symmetry_functions"]:
        raise InputError(
            f"{path}: files of n2p2 hold only reference energies and symmetry functions with networks, but "
            f"this potential has the parts {', '.join(kinds)}; fit with one such term and model.repulsion: "
            "null."
        )
    require_no_global_features(potential, path)
    regressor = part.get("regressor", {"kind": "linear"})
    if regressor["kind"] != "network":
        raise InputError(
            f"{path}: files of n2p2 hold networks, but this potential has the regressor {regressor['kind']}."
        )
    coefficients = potential.coefficients[len(potential.elements) :]
    if regressor["networks"] != 1:
        raise InputError(
            f"{path}: files of n2p2 hold one network per element, but this potential is the mean of "
            f"{regressor['networks']}; fit with members: 1."
        )
    if not coefficients[0]:
        raise InputError(
            f"{path}: the network of this potential has the coefficient 0; there is nothing to write."
        )
    elements = np.asarray(potential.elements, dtype=np.float64)
    weighted = any(np.any(np.asarray(centre["first"]) < 0) for centre in part["centres"])
    if weighted and not np.array_equal(np.asarray(part["weight"]), elements):
        raise InputError(f"{path}: weighted functions of n2p2 weigh neighbours by their atomic number only.")
    return part, float(coefficients[0])


def _element(
    potential: Potential,
    part: Mapping[str, Any],
    species: int,
    position: Sequence[int] | np.ndarray[Any, Any],
    cflength: float,
    path: Path,
) -> _Element:
    functions = []
    for f in functions_of_plan(part["centres"][species]):
        kind = _type_of(f, path)
        first, second = sorted(-1 if z < 0 else int(position[z]) for z in (f.first, f.second))
        if f.order == 1:
            first, second = max(first, second), -1
        moved = replace(
            f,
            first=first,
            second=second,
            cutoff=f.cutoff * cflength,
            eta=f.eta / cflength**2,
            shift=f.shift * cflength,
            low=f.low * cflength,
        )
        functions.append((kind, moved))
    order = sorted(range(len(functions)), key=lambda k: sort_key(functions[k]))
    network = part["regressor"]["centres"][species]
    scale = np.asarray(network["scale"])
    # Of an input that is the same for all data, no sigma could be written; its weights are zero instead.
    counts = scale != 0.0
    layers = []
    for depth, layer in enumerate(network["layers"]):
        if layer["activation"] not in _LETTERS:
            raise InputError(
                f"{path}: n2p2 has no activation {layer['activation']}; it has {', '.join(_LETTERS)}."
            )
        weights = np.asarray(layer["weights"])[0]
        if depth == 0:
            weights = (weights * counts)[:, order]
        layers.append((_LETTERS[layer["activation"]], weights, np.asarray(layer["bias"])[0]))
    return _Element(
        number=int(potential.elements[species]),
        functions=tuple(functions[k] for k in order),
        shift=np.asarray(network["shift"])[order],
        scale=np.where(counts, scale, 1.0)[order],
        layers=tuple(layers),
    )


def _type_of(function: SymmetryFunction, path: Path) -> int:
    if function.core and function.core % 8 == 5 and function.core > 8:
        raise InputError(f"{path}: n2p2 has no asymmetric exponential core; use a polynomial one.")
    if function.core:
        kind = 20 if function.order == 1 else 21 if function.narrow else 22
        return kind + (3 if function.first < 0 else 0)
    if function.order == 1:
        return 12 if function.first < 0 else 2
    if function.first >= 0:
        return 3 if function.narrow else 9
    if not function.narrow:
        raise InputError(f"{path}: n2p2 has no weighted wide angular functions; use narrow ones.")
    return 13


def _refuse_what_n2p2_misreads(elements: Sequence[_Element], path: Path) -> None:
    """It reads nodes of single elements but those of the last hidden layer, activations but the output's."""
    first = elements[0]
    for other in elements[1:]:
        depth = len(first.nodes)
        if (
            len(other.nodes) != depth
            or other.nodes[-1:] != first.nodes[-1:]
            or other.activations[-1] != first.activations[-1]
        ):
            raise InputError(
                f"{path}: networks of {SYMBOLS[first.number]} and {SYMBOLS[other.number]} differ in depth, "
                "in their last hidden layer or in the activation of the output, which n2p2 cannot read."
            )


def _scaled_output(element: _Element, factor: float) -> _Element:
    letter, weights, bias = element.layers[-1]
    return replace(element, layers=(*element.layers[:-1], (letter, factor * weights, factor * bias)))


def _settings(
    part: Mapping[str, Any],
    elements: Sequence[_Element],
    energies: Sequence[float],
    normalisation: Sequence[str],
) -> list[str]:
    symbols = [SYMBOLS[element.number] for element in elements]
    first = elements[0]
    lines = [
        "# written by atomsmith",
        f"number_of_elements {len(elements)}",
        f"elements {' '.join(symbols)}",
        *(f"atom_energy {symbol} {float(e)!r}" for symbol, e in zip(symbols, energies, strict=True)),
        f"cutoff_type {CUTOFF_FUNCTIONS.index(part['cutoff_function'])} {float(part['cutoff_inner'])!r}",
        "scale_symmetry_functions_sigma",
        "scale_min_short 0.0",
        "scale_max_short 1.0",
        f"global_hidden_layers_short {len(first.nodes)}",
        *([f"global_nodes_short {' '.join(map(str, first.nodes))}"] if first.nodes else []),
        f"global_activation_short {' '.join(first.activations)}",
        *normalisation,
    ]
    for symbol, element in zip(symbols, elements, strict=True):
        if element.nodes != first.nodes:
            lines.append(f"element_nodes_short {symbol} {' '.join(map(str, element.nodes))}")
        if element.activations != first.activations:
            lines.append(f"element_activation_short {symbol} {' '.join(element.activations)}")
    for symbol, element in zip(symbols, elements, strict=True):
        lines += [_function(symbol, kind, f, symbols) for kind, f in element.functions]
    return lines


def _function(symbol: str, kind: int, f: SymmetryFunction, symbols: Sequence[str]) -> str:
    neighbours = [symbols[z] for z in (f.first, f.second)[: f.order] if z >= 0]
    if f.core:
        angles = np.rad2deg([f.angle_low, f.angle_high])[: 2 * (f.order - 1)]
        ends = [repr(float(value)) for value in (f.low, f.cutoff, *angles)]
        return " ".join(["symfunction_short", symbol, str(kind), *neighbours, *ends, core_name(f)])
    values = {
        2: (f.eta, f.shift, f.cutoff),
        12: (f.eta, f.shift, f.cutoff),
        13: (f.eta, f.shift, f.sign, f.zeta, f.cutoff),
    }.get(kind, (f.eta, f.sign, f.zeta, f.cutoff, f.shift))
    return " ".join(["symfunction_short", symbol, str(kind), *neighbours, *(repr(float(v)) for v in values)])


def _scaling(elements: Sequence[_Element]) -> list[str]:
    """Mean and sigma give back shift and scale to the last bits; the range is not used."""
    return [
        f"{z} {k} {float(shift)!r} {float(shift + 1.0 / scale)!r} {float(shift)!r} {float(1.0 / scale)!r}\n"
        for z, element in enumerate(elements, 1)
        for k, (shift, scale) in enumerate(zip(element.shift, element.scale, strict=True), 1)
    ]


def _weights(element: _Element) -> list[float]:
    return [float(value) for _, weights, bias in element.layers for value in (*weights.T.ravel(), *bias)]
