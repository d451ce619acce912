"""Reads ``.yace``: the YAML of the C-tilde basis of PACE."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from atomsmith.errors import InputError
from atomsmith.exchange.pace.model import (
    CORES,
    EMBEDDINGS,
    Bond,
    CoreName,
    Embedding,
    Function,
    PaceModel,
    check,
    nodal_bond,
    polynomial_bond,
)
from atomsmith.exchange.pace.nodal import VALUES, nodal_functions_of
from atomsmith.exchange.pace.polynomials import PREFIX, SPACING, PairPotential, polynomials_of
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

TOP = ("elements", "E0", "embeddings", "bonds", "functions")
IGNORED = ("metadata", "species")
PAIR_TABLE = "pair_table"
"""Key among the metadata of files that `writing` wrote beside a table of pair energies, which it names."""
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
    data = load(path)
    if _has_polynomials(data):
        optional = (*IGNORED, "polypairpot", "reppot", "deltaSplineBins")
        top = mapping(data, f"{path}", (*TOP, "lmax"), optional)
    else:
        top = mapping(data, f"{path}", (*TOP, "deltaSplineBins"), IGNORED)
    symbols = tuple(str(symbol) for symbol in list_of(top["elements"], f"{path}: elements"))
    n = len(symbols)
    e0 = numbers(top["E0"], f"{path}: E0", n)
    embeddings = _per_species(top["embeddings"], f"{path}: embeddings", n, _embedding)
    core: CoreName = "density"
    if "lmax" in top:
        bonds, bin_width = _foreign_bonds(top, path, n), SPACING
    else:
        bonds, core = _bonds(top["bonds"], f"{path}: bonds", n)
        bin_width = number(top["deltaSplineBins"], f"{path}: deltaSplineBins")
    functions = _per_species(top["functions"], f"{path}: functions", n, _functions)
    model = PaceModel(
        symbols=symbols,
        e0=e0,
        bin_width=bin_width,
        core=core,
        embeddings=embeddings,
        bonds=bonds,
        functions=functions,
        needs_pair_table=bonds[0][0].nodal is not None or PAIR_TABLE in _metadata(top),
    )
    check(model, path)
    return model


def _metadata(top: Mapping[Any, Any]) -> Mapping[Any, Any]:
    found = top.get("metadata")
    return found if isinstance(found, Mapping) else {}


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


def _has_polynomials(data: Any) -> bool:
    """Whether any bond has the radial functions of ACE.jl."""
    bonds = data.get("bonds") if isinstance(data, Mapping) else None
    entries = bonds.values() if isinstance(bonds, Mapping) else ()
    return any(
        isinstance(entry, Mapping) and str(entry.get("radbasename")).startswith(PREFIX) for entry in entries
    )


def _foreign_bonds(top: Mapping[Any, Any], path: str | Path, n: int) -> tuple[tuple[Bond, ...], ...]:
    """Bonds with the polynomials of ACE.jl, or with tables of what ACEpotentials.jl makes of them."""
    where = f"{path}: bonds"
    entries = _of_pairs(top["bonds"], where, n)
    for (i, j), entry in entries.items():
        if not str(mapping(entry, f"{where}, [{i}, {j}]").get("radbasename")).startswith(PREFIX):
            raise InputError(f"{where}, [{i}, {j}] is not of {PREFIX} as others are; expected one kind.")
    l_max = integer(top["lmax"], f"{path}: lmax")
    name = str(entries[0, 0]["radbasename"])
    if any(VALUES in entry for entry in entries.values()):
        if "polypairpot" in top:
            raise InputError(
                f"{path} has tables ({VALUES}) and polypairpot; expected a pair table beside it."
            )
        tables = {
            pair: nodal_functions_of(entry, f"{where}, {list(pair)}") for pair, entry in entries.items()
        }
        return tuple(tuple(nodal_bond(name, tables[i, j], l_max) for j in range(n)) for i in range(n))
    own = {pair: polynomials_of(entry, f"{where}, {list(pair)}") for pair, entry in entries.items()}
    pairs = _pair_potentials(top, path, n)
    # The evaluator looks as far as the farthest function reaches, for every bond.
    reach = [*own.values(), *(pair.polynomials for pair in pairs.values())]
    cutoff = max(polynomials.cutoff for polynomials in reach)
    return tuple(
        tuple(polynomial_bond(name, own[i, j], pairs.get((i, j)), cutoff, l_max) for j in range(n))
        for i in range(n)
    )


def _pair_potentials(
    top: Mapping[Any, Any], path: str | Path, n: int
) -> dict[tuple[int, int], PairPotential]:
    if "polypairpot" not in top:
        return {}
    where = f"{path}: polypairpot"
    entry = mapping(top["polypairpot"], where)
    polynomials = polynomials_of(entry, where)
    if "coefficients" not in entry:
        raise InputError(f"{where} lacks 'coefficients'.")
    coefficients = _of_pairs(entry["coefficients"], f"{where}: coefficients", n)
    cores: dict[tuple[int, int], Any] = {}
    if "reppot" in top and "coefficients" in mapping(top["reppot"], f"{path}: reppot"):
        cores = _of_pairs(top["reppot"]["coefficients"], f"{path}: reppot, coefficients", n)
    found = {}
    for pair, values in coefficients.items():
        core = (0.0, 0.0, 0.0, 0.0)
        if pair in cores:
            of_core = mapping(cores[pair], f"{path}: reppot, {list(pair)}", ("ri", "e0", "A", "B"))
            ri, e0, a, b = (number(of_core[key], f"{path}: reppot, {key}") for key in ("ri", "e0", "A", "B"))
            core = (ri, e0, a, b)
        own = numbers(values, f"{where}: coefficients, {list(pair)}", len(polynomials.recursion))
        found[pair] = PairPotential(polynomials, own, core)
    return found


def _of_pairs(value: Any, where: str, n: int) -> dict[tuple[int, int], Any]:
    """Entries of all ordered pairs of species."""
    entries = {}
    for key, entry in mapping(value, where).items():
        if not isinstance(key, tuple) or len(key) != 2:
            raise InputError(f"{where} has the key {key!r}; expected two species, such as [0, 0].")
        entries[integer(key[0], where), integer(key[1], where)] = entry
    wanted = {(i, j) for i in range(n) for j in range(n)}
    if set(entries) != wanted:
        odd = sorted(set(entries) ^ wanted)[0]
        problem = "lacks" if odd in wanted else "has the unexpected"
        raise InputError(f"{where} {problem} entry {list(odd)}; expected one for every ordered pair.")
    return entries


def _bonds(value: Any, where: str, n: int) -> tuple[tuple[tuple[Bond, ...], ...], CoreName]:
    entries = _of_pairs(value, where, n)
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
