"""Reads ``.yaml``: the B-basis of PACE, as `pacemaker` keeps a potential before it makes a ``.yace`` of it.

A function of the B-basis is invariant: products of A_lm coupled to L = 0
(`atomsmith.exchange.pace.coupling`), times one coefficient for each density. Blocks of one element say its
embedding and its bond with itself, blocks of two a bond, and every block the functions of its first element
with neighbours of its others.
"""

# ruff: noqa: E741 (l is the field's name of the angular degree)

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from atomsmith.errors import InputError
from atomsmith.exchange.pace.coupling import coupled_products, intermediate_count
from atomsmith.exchange.pace.model import (
    CORES,
    EMBEDDINGS,
    MAX_L,
    MAX_RANK,
    Bond,
    CoreName,
    Embedding,
    Function,
    PaceModel,
    check,
)
from atomsmith.exchange.pace.yaml_files import (
    integer,
    integers,
    list_of,
    load,
    mapping,
    number,
    numbers,
    one_of,
    table_of,
)
from atomsmith.systems import FloatArray

TOP = ("global", "species")
IGNORED = ("metadata", "auxdata")
EMBEDDING = ("ndensityi", "npoti", "parameters")
RADIAL = (
    "nradmaxi",
    "lmaxi",
    "rcutij",
    "dcutij",
    "nradbaseij",
    "radbase",
    "radparameters",
    "radcoefficients",
)
OPTIONAL = (
    *("rho_core_cut", "drho_core_cut", "core-repulsion", "r_in", "delta_in", "inner_cutoff_type"),
    "NameOfCutoffFunctionij",  # is always the cosine, whatever it says
)
FUNCTION = ("type", "nr", "nl", "c")
KEYS = {
    "basis": "radbase",
    "parameter": "radparameters",
    "cutoff": "rcutij",
    "width": "dcutij",
    "core_prefactor": "core-repulsion",
    "core_exponent": "core-repulsion",
    "inner_cutoff": "r_in",
    "inner_width": "delta_in",
    "coefficients": "radcoefficients",
}
"""What the file calls the fields of a bond."""


def read_b_basis(path: str | Path) -> PaceModel:
    """Read a ``.yaml`` file of a B-basis.

    Raises
    ------
    InputError
        If it is not one, or says something that is not known.
    """
    data = load(path)
    if not isinstance(data, Mapping) or not all(key in data for key in TOP):
        raise InputError(
            f"{path} is not a potential of PACE, whose B-basis has 'global' and 'species'; expected a file "
            "like output_potential.yaml of pacemaker."
        )
    top = mapping(data, f"{path}", TOP, IGNORED)
    spacing = mapping(top["global"], f"{path}: global", ("DeltaSplineBins",))["DeltaSplineBins"]
    blocks = [
        _Block.of(entry, f"{path}: species, block {k}")
        for k, entry in enumerate(list_of(top["species"], f"{path}: species"))
    ]
    symbols = tuple(sorted({symbol for block in blocks for symbol in block.symbols}))
    embeddings = _embeddings(blocks, symbols, path)
    bonds, core = _bonds(blocks, symbols, path)
    functions: list[list[Function]] = [[] for _ in symbols]
    for block in blocks:
        centre = symbols.index(block.symbols[0])
        functions[centre] += block.functions(symbols, len(embeddings[centre].prefactor))
    model = PaceModel(
        symbols=symbols,
        e0=np.zeros(len(symbols)),
        bin_width=number(spacing, f"{path}: DeltaSplineBins"),
        core=core,
        embeddings=embeddings,
        bonds=bonds,
        functions=tuple(map(tuple, functions)),
    )
    check(model, path)
    return model


@dataclass(frozen=True, eq=False)
class _Block:
    """A block of the file: its elements, the first the centre, what it says, and where it stands."""

    symbols: tuple[str, ...]
    entry: Mapping[Any, Any]
    where: str

    @classmethod
    def of(cls, value: Any, where: str) -> _Block:
        entry = mapping(value, where, ("speciesblock",), (*EMBEDDING, *RADIAL, *OPTIONAL, "nbody"))
        if not isinstance(entry["speciesblock"], str):
            raise InputError(f"{where}: speciesblock is {entry['speciesblock']!r}; expected elements.")
        symbols = tuple(dict.fromkeys(entry["speciesblock"].split()))
        if not symbols:
            raise InputError(f"{where}: speciesblock names no element.")
        return cls(symbols, entry, f"{where} ({' '.join(symbols)})")

    def require(self, keys: Iterable[str]) -> None:
        for key in keys:
            if key not in self.entry:
                raise InputError(f"{self.where} lacks {key!r}.")

    def number(self, key: str, default: float) -> float:
        return number(self.entry[key], f"{self.where}: {key}") if key in self.entry else default

    def functions(self, symbols: tuple[str, ...], n_densities: int) -> list[Function]:
        """All functions of the block but those that are skipped."""
        found = []
        for k, value in enumerate(list_of(self.entry.get("nbody") or [], f"{self.where}: nbody")):
            where = f"{self.where}, function {k}"
            entry = mapping(value, where, FUNCTION, ("lint", "skip"))
            if str(entry.get("skip", "false")).lower() in ("true", "1", "yes"):
                continue
            centre, *others = str(entry["type"]).split()
            if centre != self.symbols[0] or not set(others) <= set(self.symbols):
                raise InputError(
                    f"{where} is of the type {entry['type']!r}; expected {self.symbols[0]} first and then "
                    f"elements of its block."
                )
            found.append(_function(entry, where, [symbols.index(symbol) for symbol in others], n_densities))
        return found


def _function(entry: Mapping[Any, Any], where: str, species: list[int], n_densities: int) -> Function:
    rank = len(species)
    if not 1 <= rank <= MAX_RANK:
        raise InputError(f"{where} has {rank} neighbours; expected 1 to {MAX_RANK}.")
    l = integers(entry["nl"], f"{where}: nl", rank)
    if l.min() < 0 or l.max() > MAX_L or l.sum() % 2 or (rank == 1 and l.any()):
        raise InputError(
            f"{where} has nl = {l.tolist()}; expected 0 to {MAX_L}, an even sum, and [0] for one neighbour."
        )
    count = intermediate_count(rank)
    if count and "lint" not in entry:
        raise InputError(f"{where} lacks 'lint'; expected the {count} intermediate L of its coupling.")
    intermediate = integers(entry["lint"], f"{where}: lint", count).tolist() if count else []
    m, weight = coupled_products(tuple(l.tolist()), tuple(intermediate))
    if not len(m):
        raise InputError(f"{where}: nl = {l.tolist()} and lint = {intermediate} do not couple to L = 0.")
    given = entry["c"] if isinstance(entry["c"], list) else [entry["c"]]
    return Function(
        species=np.array(species, dtype=np.int32),
        n=integers(entry["nr"], f"{where}: nr", rank),
        l=l,
        m=m,
        coefficients=weight[:, None] * numbers(given, f"{where}: c", n_densities),
    )


def _embeddings(blocks: list[_Block], symbols: tuple[str, ...], path: str | Path) -> tuple[Embedding, ...]:
    found: dict[str, Embedding] = {}
    for block in blocks:
        if len(block.symbols) == 1:
            if block.symbols[0] in found:
                raise InputError(f"{block.where} stands there a second time.")
            found[block.symbols[0]] = _embedding(block)
    for symbol in symbols:
        if symbol not in found:
            raise InputError(f"{path} has no block of {symbol} alone; expected one with its embedding.")
    return tuple(found[symbol] for symbol in symbols)


def _embedding(block: _Block) -> Embedding:
    block.require(EMBEDDING)
    count = integer(block.entry["ndensityi"], f"{block.where}: ndensityi")
    parameters = numbers(block.entry["parameters"], f"{block.where}: parameters", 2 * count)
    return Embedding(
        name=one_of(block.entry["npoti"], f"{block.where}: npoti", EMBEDDINGS),
        prefactor=parameters[::2].copy(),
        exponent=parameters[1::2].copy(),
        core_cutoff=block.number("rho_core_cut", 100000.0),
        core_width=block.number("drho_core_cut", 250.0),
    )


def _bonds(
    blocks: list[_Block], symbols: tuple[str, ...], path: str | Path
) -> tuple[tuple[tuple[Bond, ...], ...], CoreName]:
    """Bonds of all ordered pairs."""
    given = {(block.symbols[0], block.symbols[-1]): block for block in blocks if len(block.symbols) in (1, 2)}
    cores: dict[CoreName, str] = {}
    rows = []
    for first in symbols:
        row = []
        for second in symbols:
            if (first, second) not in given or (second, first) not in given:
                raise InputError(f"{path} has no block of each of '{first} {second}' and '{second} {first}'.")
            bond, core = _bond(given[first, second], given[second, first])
            _require_same(bond, _bond(given[second, first], given[first, second])[0], given[first, second])
            cores.setdefault(core, given[first, second].where)
            row.append(bond)
        rows.append(tuple(row))
    if len(cores) > 1:
        kinds = " and ".join(f"{core!r} ({where})" for core, where in cores.items())
        raise InputError(f"{path}: inner_cutoff_type is {kinds}; expected one kind of core for all bonds.")
    return tuple(rows), next(iter(cores))


def _bond(block: _Block, reversed_block: _Block) -> tuple[Bond, CoreName]:
    """The bond of a block, which may leave its radial functions and its core to that of the reversed pair."""
    radial = block if "lmaxi" in block.entry else reversed_block
    leaves_core = "core-repulsion" not in block.entry and "core-repulsion" in reversed_block.entry
    core = reversed_block if leaves_core else block
    radial.require(RADIAL)
    shape = (
        integer(radial.entry["nradmaxi"], f"{radial.where}: nradmaxi"),
        integer(radial.entry["lmaxi"], f"{radial.where}: lmaxi") + 1,
        integer(radial.entry["nradbaseij"], f"{radial.where}: nradbaseij"),
    )
    repulsion = numbers(core.entry.get("core-repulsion", ["0", "0"]), f"{core.where}: core-repulsion", 2)
    bond = Bond(
        basis=str(radial.entry["radbase"]),
        parameter=float(numbers(radial.entry["radparameters"], f"{radial.where}: radparameters")[0]),
        cutoff=radial.number("rcutij", 0.0),
        width=radial.number("dcutij", 0.0),
        core_prefactor=float(repulsion[0]),
        core_exponent=float(repulsion[1]),
        inner_cutoff=core.number("r_in", 0.0),
        inner_width=core.number("delta_in", 0.0),
        coefficients=_radial_table(radial, shape),
    )
    kind = core.entry.get("inner_cutoff_type", "density")
    return bond, one_of(kind, f"{core.where}: inner_cutoff_type", CORES)


def _require_same(bond: Bond, reversed_bond: Bond, block: _Block) -> None:
    for name, key in KEYS.items():
        if not np.array_equal(getattr(bond, name), getattr(reversed_bond, name)):
            raise InputError(
                f"{block.where}: {key} differs from that of the reversed pair; expected the same."
            )


def _radial_table(block: _Block, shape: tuple[int, int, int]) -> FloatArray:
    """The radial coefficients; old files have them in one row, k outermost and l innermost."""
    where = f"{block.where}: radcoefficients"
    value = block.entry["radcoefficients"]
    if isinstance(value, list) and value and not isinstance(value[0], list):
        flat = numbers(value, where, int(np.prod(shape)))
        return np.ascontiguousarray(np.moveaxis(flat.reshape(shape[2], shape[0], shape[1]), 0, 2))
    return table_of(value, where, shape)
