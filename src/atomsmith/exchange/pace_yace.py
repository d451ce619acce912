"""Reads ``.yace``: the YAML of the C-tilde basis of PACE."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

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
from atomsmith.exchange.pace_yaml import (
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

TOP = ("elements", "E0", "deltaSplineBins", "embeddings", "bonds", "functions")
IGNORED = ("metadata", "species")
EMBEDDING = ("ndensity", "FS_parameters", "npoti", "rho_core_cutoff", "drho_core_cutoff")
BOND = (
    "nradmax", "lmax", "nradbasemax", "radbasename", "radparameters", "radcoefficients", "prehc", "lambdahc",
    "rcut", "dcut",
)  # fmt: skip
BOND_OPTIONAL = ("rcut_in", "dcut_in", "inner_cutoff_type")
FUNCTION = ("mu0", "rank", "ndensity", "num_ms_combs", "mus", "ns", "ls", "ms_combs", "ctildes")


def read_yace(path: str | Path) -> PaceModel:
    """Read a ``.yace`` file.

    Raises
    ------
    InputError
        If it is not one, or says something that is not known.
    """
    top = mapping(load(path), f"{path}", TOP, IGNORED)
    symbols = tuple(str(symbol) for symbol in list_of(top["elements"], f"{path}: elements"))
    n = len(symbols)
    e0 = numbers(top["E0"], f"{path}: E0", n)
    embeddings = _per_species(top["embeddings"], f"{path}: embeddings", n, _embedding)
    bonds, core = _bonds(top["bonds"], f"{path}: bonds", n)
    functions = _per_species(top["functions"], f"{path}: functions", n, _functions)
    model = PaceModel(
        symbols=symbols,
        e0=e0,
        bin_width=number(top["deltaSplineBins"], f"{path}: deltaSplineBins"),
        core=core,
        embeddings=embeddings,
        bonds=bonds,
        functions=functions,
    )
    check(model, path)
    return model


def _per_species(value: Any, where: str, n: int, make: Callable[[Any, str, int], Any]) -> tuple[Any, ...]:
    entries = {integer(key, where): entry for key, entry in mapping(value, where).items()}
    if sorted(entries) != list(range(n)):
        raise InputError(f"{where} is for species {sorted(entries)}; expected 0 to {n - 1}, one per element.")
    return tuple(make(entries[z], f"{where}, {z}", z) for z in range(n))


def _embedding(value: Any, where: str, _: int) -> Embedding:
    entry = mapping(value, where, EMBEDDING)
    name = one_of(entry["npoti"], f"{where}: npoti", EMBEDDINGS)
    count = integer(entry["ndensity"], f"{where}: ndensity")
    parameters = numbers(entry["FS_parameters"], f"{where}: FS_parameters")
    if count < 1 or len(parameters) < 2 * count:
        raise InputError(
            f"{where} has {len(parameters)} FS_parameters for {count} densities; expected two for each."
        )
    return Embedding(
        name=name,
        prefactor=parameters[: 2 * count : 2].copy(),
        exponent=parameters[1 : 2 * count : 2].copy(),
        core_cutoff=number(entry["rho_core_cutoff"], f"{where}: rho_core_cutoff"),
        core_width=number(entry["drho_core_cutoff"], f"{where}: drho_core_cutoff"),
    )


def _bonds(value: Any, where: str, n: int) -> tuple[tuple[tuple[Bond, ...], ...], CoreName]:
    entries = {}
    for key, entry in mapping(value, where).items():
        if not isinstance(key, tuple) or len(key) != 2:
            raise InputError(f"{where} has the key {key!r}; expected two species, such as [0, 0].")
        entries[tuple(integer(k, where) for k in key)] = entry
    wanted = {(i, j) for i in range(n) for j in range(n)}
    if set(entries) != wanted:
        odd = sorted(set(entries) ^ wanted)[0]
        problem = "lacks" if odd in wanted else "has the unexpected"
        raise InputError(f"{where} {problem} entry {list(odd)}; expected one for every ordered pair.")
    # The authors' engine keeps one kind of core for all bonds: that of the last one.
    last = mapping(entries[n - 1, n - 1], where)
    core = one_of(last.get("inner_cutoff_type", "density"), f"{where}: inner_cutoff_type", CORES)
    return tuple(
        tuple(_bond(entries[i, j], f"{where}, [{i}, {j}]") for j in range(n)) for i in range(n)
    ), core


def _bond(value: Any, where: str) -> Bond:
    entry = mapping(value, where, BOND, BOND_OPTIONAL)
    shape = (
        integer(entry["nradmax"], f"{where}: nradmax"),
        integer(entry["lmax"], f"{where}: lmax") + 1,
        integer(entry["nradbasemax"], f"{where}: nradbasemax"),
    )
    values = {
        name: number(entry.get(name, "0"), f"{where}: {name}")
        for name in ("prehc", "lambdahc", "rcut", "dcut", "rcut_in", "dcut_in")
    }
    return Bond(
        basis=entry["radbasename"],
        parameter=float(numbers(entry["radparameters"], f"{where}: radparameters")[0]),
        cutoff=values["rcut"],
        width=values["dcut"],
        core_prefactor=values["prehc"],
        core_exponent=values["lambdahc"],
        inner_cutoff=values["rcut_in"],
        inner_width=values["dcut_in"],
        coefficients=table_of(entry["radcoefficients"], f"{where}: radcoefficients", shape),
    )


def _functions(value: Any, where: str, centre: int) -> tuple[Function, ...]:
    return tuple(
        _function(entry, f"{where}, function {k}", centre) for k, entry in enumerate(list_of(value, where))
    )


def _function(value: Any, where: str, centre: int) -> Function:
    entry = mapping(value, where, FUNCTION)
    if integer(entry["mu0"], f"{where}: mu0") != centre:
        raise InputError(f"{where}: mu0 is {entry['mu0']}; expected {centre}, the species it stands under.")
    rank = integer(entry["rank"], f"{where}: rank")
    products = integer(entry["num_ms_combs"], f"{where}: num_ms_combs")
    densities = integer(entry["ndensity"], f"{where}: ndensity")
    if min(rank, products, densities) < 1:
        raise InputError(f"{where}: rank, num_ms_combs and ndensity must be positive.")
    return Function(
        species=integers(entry["mus"], f"{where}: mus", rank),
        n=integers(entry["ns"], f"{where}: ns", rank),
        l=integers(entry["ls"], f"{where}: ls", rank),
        m=integers(entry["ms_combs"], f"{where}: ms_combs", rank * products).reshape(products, rank),
        coefficients=numbers(entry["ctildes"], f"{where}: ctildes", densities * products).reshape(
            products, densities
        ),
    )
