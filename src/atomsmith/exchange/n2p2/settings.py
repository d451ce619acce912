"""Reading input.nn, the settings file of n2p2: what a short-range network potential needs of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from atomsmith.data.files import read_text
from atomsmith.descriptors.symmetry_functions import CutoffFunction, SymmetryFunction
from atomsmith.elements import SYMBOLS, number_of
from atomsmith.errors import InputError

CUTOFF_FUNCTIONS: tuple[CutoffFunction, ...] = get_args(CutoffFunction)
"""By the number after cutoff_type, in the order of which the descriptor names them."""
Scaling = Literal["none", "scale", "center", "scale_center", "sigma"]
_FUNCTION_WORDS = {2: 6, 3: 8, 9: 8, 12: 5, 13: 7, 20: 6, 21: 9, 22: 9, 23: 5, 24: 7, 25: 7}
_NEIGHBOURS = {2: 1, 3: 2, 9: 2, 20: 1, 21: 2, 22: 2}
CORES = {"p1": 1, "p2": 2, "p3": 3, "p4": 4, "e": 5, "p1a": 9, "p2a": 10, "p3a": 11, "p4a": 12}
"""Cores of compact functions by n2p2's names."""
# RuNNer's keywords for energies that n2p2 does not have either; there they would be ignored without a word.
_OTHER_ENERGIES = ("use_electrostatics", "electrostatic_type", "use_vdw")


@dataclass(frozen=True)
class Network:
    """Layout of one element's network: letters of its activations, and hidden layers that the file may mean.

    A per-element list of nodes leaves out the last hidden layer in n2p2 itself, against its documentation;
    the file of weights tells which is meant.
    """

    candidates: tuple[tuple[int, ...], ...]
    activations: tuple[str, ...]


@dataclass(frozen=True)
class N2p2Settings:
    """What input.nn says, in its own units; elements by atomic number, functions in n2p2's order."""

    elements: tuple[int, ...]
    atom_energy: tuple[float, ...]
    cutoff_function: CutoffFunction
    cutoff_inner: float
    functions: tuple[tuple[SymmetryFunction, ...], ...]
    scaling: Scaling
    scaled_range: tuple[float, float]
    networks: tuple[Network, ...]
    normalise_nodes: bool
    mean_energy: float
    conv_energy: float


class _File:
    """Lines of a settings file by keyword, with errors that name file, line and keyword."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: dict[str, list[tuple[int, list[str]]]] = {}
        for number, line in enumerate(read_text(path).splitlines(), 1):
            words = line.split("#")[0].split("!")[0].split()
            if words:
                key = "symfunction_short" if words[0] == "symfunction" else words[0]
                self.lines.setdefault(key, []).append((number, words[1:]))
        for key, found in self.lines.items():
            if len(found) > 1 and key in _ONCE:
                raise self.error(found[1][0], f"'{key}' is given twice; leave one out")

    def error(self, line: int, message: str) -> InputError:
        return InputError(f"{self.path}, line {line}: {message}.")

    def has(self, key: str) -> bool:
        return key in self.lines

    def all(self, key: str) -> list[tuple[int, list[str]]]:
        return self.lines.get(key, [])

    def one(self, key: str) -> tuple[int, list[str]]:
        if key not in self.lines:
            raise InputError(f"{self.path}: '{key}' is missing; give an input.nn of n2p2.")
        return self.lines[key][0]

    def number(self, line: int, key: str, words: Sequence[str], position: int = 0) -> float:
        try:
            return float(words[position])
        except (IndexError, ValueError):
            found = words[position] if position < len(words) else "nothing"
            raise self.error(line, f"'{key}' has '{found}', expected a number") from None

    def whole(self, line: int, key: str, words: Sequence[str], position: int = 0) -> int:
        value = self.number(line, key, words, position)
        if not value.is_integer() or value < 0:
            raise self.error(line, f"'{key}' has '{words[position]}', expected a whole number")
        return int(value)

    def value(self, key: str, default: float) -> float:
        if key not in self.lines:
            return default
        line, words = self.one(key)
        return self.number(line, key, words)


_ONCE = (
    "number_of_elements",
    "elements",
    "cutoff_type",
    "scale_min_short",
    "scale_max_short",
    "global_hidden_layers_short",
    "global_nodes_short",
    "global_activation_short",
    "mean_energy",
    "conv_energy",
    "conv_length",
    "nnp_type",
)


def read_settings(path: Path) -> N2p2Settings:
    """Read input.nn.

    Raises
    ------
    InputError
        If a keyword is missing or malformed, or asks for something that is not known here.
    """
    file = _File(path)
    _refuse_other_kinds(file)
    elements = _elements(file)
    function, inner = _cutoff(file)
    functions: list[list[tuple[int, SymmetryFunction]]] = [[] for _ in elements]
    for line, words in file.all("symfunction_short"):
        centre, kind, found = _function(file, line, words, elements)
        functions[centre].append((kind, found))
    for z, own in zip(elements, functions, strict=True):
        if not own:
            raise InputError(f"{path}: {SYMBOLS[z]} has no symmetry function; give at least one.")
    in_order = tuple(tuple(f for _, f in sorted(own, key=sort_key)) for own in functions)
    normalised = [file.has(key) for key in ("mean_energy", "conv_energy", "conv_length")]
    if any(normalised) and not all(normalised):
        raise InputError(
            f"{path}: mean_energy, conv_energy and conv_length belong together; give all or none."
        )
    return N2p2Settings(
        elements=elements,
        atom_energy=_atom_energies(file, elements),
        cutoff_function=function,
        cutoff_inner=inner,
        functions=in_order,
        scaling=_scaling(file),
        scaled_range=(file.value("scale_min_short", 0.0), file.value("scale_max_short", 1.0)),
        networks=tuple(_network(file, SYMBOLS[z]) for z in elements),
        normalise_nodes=file.has("normalize_nodes"),
        mean_energy=file.value("mean_energy", 0.0),
        conv_energy=file.value("conv_energy", 1.0),
    )


def sort_key(entry: tuple[int, SymmetryFunction]) -> tuple[Any, ...]:
    """Place of a function of n2p2's number among those of its centre: the order of scaling and weights."""
    kind, f = entry
    if f.core:
        return (kind, core_name(f), f.first, f.second, f.cutoff, f.low, f.angle_low, f.angle_high)
    base = (kind, f.cutoff, f.eta, f.shift)
    return (*base, f.first) if f.order == 1 else (*base, f.zeta, f.sign, f.first, f.second)


def core_name(function: SymmetryFunction) -> str:
    """Name of a compact function's core in n2p2."""
    return next(name for name, core in CORES.items() if core == function.core)


def _refuse_other_kinds(file: _File) -> None:
    for key in ("nnp_type", "nnp_generation", "nnp_type_gen", "nnp_gen"):
        for line, words in file.all(key):
            if words[:1] not in (["2G-HDNNP"], ["2"]):
                raise file.error(
                    line,
                    f"'{key}' is '{' '.join(words)}', but only short-range potentials (2G-HDNNP) can be "
                    "read; charges and electrostatics are not known here",
                )
    for key in _OTHER_ENERGIES:
        for line, _ in file.all(key):
            raise file.error(line, f"'{key}' asks for energies besides the short-range ones, unknown here")


def _elements(file: _File) -> tuple[int, ...]:
    line, words = file.one("elements")
    numbers = sorted(_element(file, line, word) for word in words)
    count_line, count = file.one("number_of_elements")
    if len(numbers) != file.whole(count_line, "number_of_elements", count) or len(set(numbers)) < len(
        numbers
    ):
        raise file.error(
            line, f"'elements' names {' '.join(words)}, which are not number_of_elements different ones"
        )
    return tuple(numbers)


def _element(file: _File, line: int, symbol: str) -> int:
    try:
        return number_of(symbol)
    except (InputError, ValueError, KeyError):
        raise file.error(line, f"'{symbol}' is not the symbol of an element") from None


def _index(file: _File, line: int, symbol: str, elements: Sequence[int]) -> int:
    number = _element(file, line, symbol)
    if number not in elements:
        raise file.error(line, f"'{symbol}' is not among the elements of this potential")
    return elements.index(number)


def _atom_energies(file: _File, elements: Sequence[int]) -> tuple[float, ...]:
    energies = [0.0] * len(elements)
    for line, words in file.all("atom_energy"):
        if len(words) < 2:
            raise file.error(line, "'atom_energy' needs an element and an energy")
        energies[_index(file, line, words[0], elements)] = file.number(line, "atom_energy", words, 1)
    return tuple(energies)


def _cutoff(file: _File) -> tuple[CutoffFunction, float]:
    line, words = file.one("cutoff_type")
    kind = file.whole(line, "cutoff_type", words)
    if kind >= len(CUTOFF_FUNCTIONS):
        raise file.error(line, f"'cutoff_type' is {kind}, known are 0 to {len(CUTOFF_FUNCTIONS) - 1}")
    inner = file.number(line, "cutoff_type", words, 1) if len(words) > 1 else 0.0
    if not 0.0 <= inner < 1.0:
        raise file.error(line, f"the inner share of the cutoff is {inner}, expected 0 <= share < 1")
    return CUTOFF_FUNCTIONS[kind], inner


def _function(
    file: _File, line: int, words: Sequence[str], elements: Sequence[int]
) -> tuple[int, int, SymmetryFunction]:
    """Centre, n2p2's number of the type, and the function."""
    if len(words) < 2:
        raise file.error(line, "'symfunction_short' needs an element, a type and its parameters")
    kind = file.whole(line, "symfunction_short", words, 1)
    if kind not in _FUNCTION_WORDS:
        known = ", ".join(map(str, _FUNCTION_WORDS))
        raise file.error(line, f"symmetry functions of type {kind} are not known; {known} are")
    if len(words) < _FUNCTION_WORDS[kind]:
        raise file.error(
            line, f"a function of type {kind} needs {_FUNCTION_WORDS[kind]} values, found {len(words)}"
        )
    n_neighbours = _NEIGHBOURS.get(kind, 0)
    neighbours = sorted(_index(file, line, word, elements) for word in words[2 : 2 + n_neighbours])
    if kind >= 20:
        found = _compact(file, line, kind, neighbours, words[2 + n_neighbours : _FUNCTION_WORDS[kind]])
        return _index(file, line, words[0], elements), kind, found
    values = [file.number(line, "symfunction_short", words, k) for k in range(2 + n_neighbours, len(words))]
    first = neighbours[0] if neighbours else -1
    second = neighbours[-1] if n_neighbours == 2 else -1
    sign, zeta = 0.0, 1.0
    if kind in (2, 12):
        eta, shift, cutoff = values[:3]
    elif kind == 13:
        eta, shift, sign, zeta, cutoff = values[:5]
    else:
        eta, sign, zeta, cutoff = values[:4]
        shift = values[4] if len(values) > 4 else 0.0
    if not (eta >= 0.0 and cutoff > 0.0 and 1.0 <= zeta <= 1000.0):
        raise file.error(
            line,
            f"eta {eta:g}, zeta {zeta:g}, cutoff {cutoff:g}: expected eta >= 0, zeta from 1 to 1000 and "
            "cutoff > 0",
        )
    order = 1 if kind in (2, 12) else 2
    found = SymmetryFunction(order, kind in (3, 13), first, second, cutoff, eta, shift, sign, zeta)
    return _index(file, line, words[0], elements), kind, found


def _compact(
    file: _File, line: int, kind: int, neighbours: Sequence[int], words: Sequence[str]
) -> SymmetryFunction:
    """A function of the types 20 to 25: ends of the distance and, in degrees, of the angle, then the core."""
    order = 1 if kind in (20, 23) else 2
    low, cutoff = (file.number(line, "symfunction_short", words, k) for k in range(2))
    angles = [np.deg2rad(file.number(line, "symfunction_short", words, k)) for k in range(2, 2 * order)]
    if words[-1] not in CORES:
        raise file.error(line, f"the core '{words[-1]}' is not known; {', '.join(CORES)} are")
    if low >= cutoff or cutoff <= 0.0 or (order == 2 and angles[0] >= angles[1]):
        raise file.error(line, "the ends of a compact function must rise, and the upper distance be positive")
    middle = sum(angles) / 2.0
    if order == 2 and (
        (angles[0] < 0.0 and middle != 0.0) or (angles[1] > np.pi and abs(middle - np.pi) > 1e-9)
    ):
        raise file.error(line, "angles beyond 0 or 180 degrees need their middle there")
    return SymmetryFunction(
        order=order,
        narrow=kind in (21, 24),
        first=neighbours[0] if neighbours else -1,
        second=neighbours[-1] if len(neighbours) == 2 else -1,
        cutoff=cutoff,
        eta=0.0,
        shift=0.0,
        core=CORES[words[-1]],
        low=low,
        angle_low=float(angles[0]) if angles else 0.0,
        angle_high=float(angles[1]) if angles else 0.0,
    )


def _scaling(file: _File) -> Scaling:
    scale, center = file.has("scale_symmetry_functions"), file.has("center_symmetry_functions")
    if scale and center:
        return "scale_center"
    if scale or center:
        return "scale" if scale else "center"
    return "sigma" if file.has("scale_symmetry_functions_sigma") else "none"


def _own(file: _File, key: str, symbol: str) -> tuple[int, list[str]] | None:
    """The line of a per-element keyword for one element, without its symbol; the last one counts."""
    lines = [(line, words[1:]) for line, words in file.all(key) if words[:1] == [symbol]]
    return lines[-1] if lines else None


def _network(file: _File, symbol: str) -> Network:
    depth = None
    if file.has("global_hidden_layers_short"):
        line, words = file.one("global_hidden_layers_short")
        depth = file.whole(line, "global_hidden_layers_short", words)
    shared = depth
    if own := _own(file, "element_hidden_layers_short", symbol):
        depth = file.whole(own[0], "element_hidden_layers_short", own[1])
    if depth is None:
        raise InputError(
            f"{file.path}: the number of hidden layers of {symbol} is missing; give "
            "global_hidden_layers_short or element_hidden_layers_short."
        )
    nodes, activations = _shared(file, "nodes"), _shared(file, "activation")
    if depth != shared:  # then what is given for all does not count
        nodes = activations = None
    candidates = [nodes]
    if own := _own(file, "element_nodes_short", symbol):
        candidates = [own[1]]
        if nodes is not None and len(own[1]) == depth > 0:
            candidates.append([*own[1][:-1], nodes[-1]])
    if own := _own(file, "element_activation_short", symbol):
        activations = own[1]
    letters = _letters(file, symbol, activations, depth)
    return Network(tuple(_nodes(file, symbol, found, depth) for found in candidates), letters)


def _shared(file: _File, what: str) -> list[str] | None:
    key = f"global_{what}_short"
    return file.one(key)[1] if file.has(key) else None


def _nodes(file: _File, symbol: str, words: Sequence[str] | None, depth: int) -> tuple[int, ...]:
    if words is None and depth == 0:
        return ()
    if words is None or len(words) != depth or not all(word.isdecimal() and int(word) > 0 for word in words):
        found = "missing" if words is None else f"'{' '.join(words)}'"
        raise InputError(
            f"{file.path}: the nodes of {symbol} are {found}, expected {depth} numbers, one for each hidden "
            "layer (global_nodes_short or element_nodes_short)."
        )
    return tuple(int(word) for word in words)


def _letters(file: _File, symbol: str, words: Sequence[str] | None, depth: int) -> tuple[str, ...]:
    if (
        words is None
        or len(words) != depth + 1
        or not all(word in "ltsprgcSeh" and len(word) == 1 for word in words)
    ):
        found = "missing" if words is None else f"'{' '.join(words)}'"
        raise InputError(
            f"{file.path}: the activations of {symbol} are {found}, expected {depth + 1} of the letters "
            "l t s p r g c S e h, one for each hidden layer and the output (global_activation_short or "
            "element_activation_short)."
        )
    return tuple(words)
