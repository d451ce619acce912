"""Reads ``.yace``: the YAML of the C-tilde basis of PACE."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from atomsmith.data.files import read_text
from atomsmith.errors import InputError
from atomsmith.exchange.pace_model import (
    CORES,
    EMBEDDINGS,
    Bond,
    CoreName,
    Embedding,
    Function,
    PaceModel,
    check,
)
from atomsmith.systems import FloatArray, IntArray

TOP = ("elements", "E0", "deltaSplineBins", "embeddings", "bonds", "functions")
IGNORED = ("metadata", "species")
EMBEDDING = ("ndensity", "FS_parameters", "npoti", "rho_core_cutoff", "drho_core_cutoff")
BOND = (
    "nradmax", "lmax", "nradbasemax", "radbasename", "radparameters", "radcoefficients", "prehc", "lambdahc",
    "rcut", "dcut",
)  # fmt: skip
BOND_OPTIONAL = ("rcut_in", "dcut_in", "inner_cutoff_type")
FUNCTION = ("mu0", "rank", "ndensity", "num_ms_combs", "mus", "ns", "ls", "ms_combs", "ctildes")

# Every scalar stays text: YAML 1.1 would make a boolean of nobelium and text of 1e-5.
_Base: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


class _Loader(_Base):  # type: ignore[misc]
    """Text scalars, and lists as keys (``[0, 1]:`` names a bond), which become tuples."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        mapping: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            key = tuple(key) if isinstance(key, list) else key
            if key in mapping:
                line = key_node.start_mark.line + 1
                raise InputError(f"line {line} says {key!r} a second time.")
            mapping[key] = self.construct_object(value_node, deep=True)
        return mapping


def read_yace(path: str | Path) -> PaceModel:
    """Read a ``.yace`` file.

    Raises
    ------
    InputError
        If it is not one, or says something that is not known.
    """
    try:
        data = yaml.load(read_text(path), _Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
        raise InputError(f"{path} is not valid YAML{line}: {getattr(error, 'problem', error)}.") from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    top = _mapping(data, f"{path}", TOP, IGNORED)
    symbols = tuple(str(symbol) for symbol in _list(top["elements"], f"{path}: elements"))
    n = len(symbols)
    e0 = _floats(top["E0"], f"{path}: E0", n)
    embeddings = _per_species(top["embeddings"], f"{path}: embeddings", n, _embedding)
    bonds, core = _bonds(top["bonds"], f"{path}: bonds", n)
    functions = _per_species(top["functions"], f"{path}: functions", n, _functions)
    model = PaceModel(
        symbols=symbols,
        e0=e0,
        bin_width=_float(top["deltaSplineBins"], f"{path}: deltaSplineBins"),
        core=core,
        embeddings=embeddings,
        bonds=bonds,
        functions=functions,
    )
    check(model, path)
    return model


def _per_species(value: Any, where: str, n: int, make: Callable[[Any, str, int], Any]) -> tuple[Any, ...]:
    entries = {_int(key, where): entry for key, entry in _mapping(value, where).items()}
    if sorted(entries) != list(range(n)):
        raise InputError(f"{where} is for species {sorted(entries)}; expected 0 to {n - 1}, one per element.")
    return tuple(make(entries[z], f"{where}, {z}", z) for z in range(n))


def _embedding(value: Any, where: str, _: int) -> Embedding:
    entry = _mapping(value, where, EMBEDDING)
    name = entry["npoti"]
    if name not in EMBEDDINGS:
        raise InputError(f"{where}: npoti is {name!r}; known are {', '.join(EMBEDDINGS)}.")
    count = _int(entry["ndensity"], f"{where}: ndensity")
    parameters = _floats(entry["FS_parameters"], f"{where}: FS_parameters")
    if count < 1 or len(parameters) < 2 * count:
        raise InputError(
            f"{where} has {len(parameters)} FS_parameters for {count} densities; expected two for each."
        )
    return Embedding(
        name=name,
        prefactor=parameters[: 2 * count : 2].copy(),
        exponent=parameters[1 : 2 * count : 2].copy(),
        core_cutoff=_float(entry["rho_core_cutoff"], f"{where}: rho_core_cutoff"),
        core_width=_float(entry["drho_core_cutoff"], f"{where}: drho_core_cutoff"),
    )


def _bonds(value: Any, where: str, n: int) -> tuple[tuple[tuple[Bond, ...], ...], CoreName]:
    entries = {}
    for key, entry in _mapping(value, where).items():
        if not isinstance(key, tuple) or len(key) != 2:
            raise InputError(f"{where} has the key {key!r}; expected two species, such as [0, 0].")
        entries[tuple(_int(k, where) for k in key)] = entry
    wanted = {(i, j) for i in range(n) for j in range(n)}
    if set(entries) != wanted:
        odd = sorted(set(entries) ^ wanted)[0]
        problem = "lacks" if odd in wanted else "has the unexpected"
        raise InputError(f"{where} {problem} entry {list(odd)}; expected one for every ordered pair.")
    # The authors' engine keeps one kind of core for all bonds: that of the last one.
    last = _mapping(entries[n - 1, n - 1], where)
    core = last.get("inner_cutoff_type", "density")
    if core not in CORES:
        raise InputError(f"{where}: inner_cutoff_type is {core!r}; known are {', '.join(CORES)}.")
    return tuple(
        tuple(_bond(entries[i, j], f"{where}, [{i}, {j}]") for j in range(n)) for i in range(n)
    ), core


def _bond(value: Any, where: str) -> Bond:
    entry = _mapping(value, where, BOND, BOND_OPTIONAL)
    shape = (
        _int(entry["nradmax"], f"{where}: nradmax"),
        _int(entry["lmax"], f"{where}: lmax") + 1,
        _int(entry["nradbasemax"], f"{where}: nradbasemax"),
    )
    number = {
        name: _float(entry.get(name, "0"), f"{where}: {name}")
        for name in ("prehc", "lambdahc", "rcut", "dcut", "rcut_in", "dcut_in")
    }
    return Bond(
        basis=entry["radbasename"],
        parameter=float(_floats(entry["radparameters"], f"{where}: radparameters")[0]),
        cutoff=number["rcut"],
        width=number["dcut"],
        core_prefactor=number["prehc"],
        core_exponent=number["lambdahc"],
        inner_cutoff=number["rcut_in"],
        inner_width=number["dcut_in"],
        coefficients=_table(entry["radcoefficients"], f"{where}: radcoefficients", shape),
    )


def _table(value: Any, where: str, shape: tuple[int, int, int]) -> FloatArray:
    try:
        table = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{where} is not a table of numbers; expected the shape {shape}.") from None
    if table.size == 0 and 0 in shape:  # products of one factor alone need no R_nl
        return np.zeros(shape)
    if table.ndim != 3 or any(found < wanted for found, wanted in zip(table.shape, shape, strict=True)):
        raise InputError(f"{where} has the shape {table.shape}; expected {shape}.")
    return np.ascontiguousarray(table[: shape[0], : shape[1], : shape[2]])


def _functions(value: Any, where: str, centre: int) -> tuple[Function, ...]:
    return tuple(
        _function(entry, f"{where}, function {k}", centre) for k, entry in enumerate(_list(value, where))
    )


def _function(value: Any, where: str, centre: int) -> Function:
    entry = _mapping(value, where, FUNCTION)
    if _int(entry["mu0"], f"{where}: mu0") != centre:
        raise InputError(f"{where}: mu0 is {entry['mu0']}; expected {centre}, the species it stands under.")
    rank = _int(entry["rank"], f"{where}: rank")
    products = _int(entry["num_ms_combs"], f"{where}: num_ms_combs")
    densities = _int(entry["ndensity"], f"{where}: ndensity")
    if min(rank, products, densities) < 1:
        raise InputError(f"{where}: rank, num_ms_combs and ndensity must be positive.")
    return Function(
        species=_ints(entry["mus"], f"{where}: mus", rank),
        n=_ints(entry["ns"], f"{where}: ns", rank),
        l=_ints(entry["ls"], f"{where}: ls", rank),
        m=_ints(entry["ms_combs"], f"{where}: ms_combs", rank * products).reshape(products, rank),
        coefficients=_floats(entry["ctildes"], f"{where}: ctildes", densities * products).reshape(
            products, densities
        ),
    )


def _mapping(
    value: Any, where: str, required: Sequence[str] = (), optional: Sequence[str] | None = None
) -> Mapping[Any, Any]:
    """Check that ``value`` is a mapping with these keys; any keys where none are required."""
    if not isinstance(value, Mapping):
        raise InputError(f"{where} is not a mapping with keys; is this a .yace file?")
    for key in required:
        if key not in value:
            raise InputError(f"{where} lacks {key!r}; found {', '.join(map(str, value))}.")
    if required:
        for key in value:
            if key not in required and key not in (optional or ()):
                raise InputError(
                    f"{where} has {key!r}, which is not known; known are "
                    f"{', '.join((*required, *(optional or ())))}."
                )
    return value


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise InputError(f"{where} is {value!r}; expected a list.")
    return value


def _number(value: Any, where: str, convert: type[int] | type[float]) -> Any:
    try:
        return convert(value)
    except (TypeError, ValueError):
        kind = "a whole number" if convert is int else "a number"
        raise InputError(f"{where} is {value!r}; expected {kind}.") from None


def _int(value: Any, where: str) -> int:
    return int(_number(value, where, int))


def _float(value: Any, where: str) -> float:
    number = float(_number(value, where, float))
    if not np.isfinite(number):
        raise InputError(f"{where} is {value!r}; expected a finite number.")
    return number


def _ints(value: Any, where: str, count: int) -> IntArray:
    entries = [_int(entry, where) for entry in _list(value, where)]
    if len(entries) != count:
        raise InputError(f"{where} has {len(entries)} numbers; expected {count}.")
    return np.array(entries, dtype=np.int32)


def _floats(value: Any, where: str, count: int | None = None) -> FloatArray:
    entries = [_float(entry, where) for entry in _list(value, where)]
    if (count is not None and len(entries) != count) or not entries:
        raise InputError(f"{where} has {len(entries)} numbers; expected {count or 'at least one'}.")
    return np.array(entries)
