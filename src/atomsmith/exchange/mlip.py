"""Moment tensor potentials of MLIP, fitted or not: .mtp files (version 1.1.0) and the .almtp files of MLIP-3.

Novikov, Gubaev, Podryabinkin, Shapeev, Mach. Learn.: Sci. Technol. 2, 025002 (2021); Podryabinkin,
Garifullin, Shapeev, Novikov, J. Chem. Phys. 159, 084112 (2023); Shapeev, Multiscale Model. Simul. 14, 1153
(2016). A file does not say which elements its species are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np

from atomsmith.data.files import read_text, replacing
from atomsmith.descriptors import FeatureInfo
from atomsmith.elements import SYMBOLS, number_of
from atomsmith.errors import InputError
from atomsmith.exchange.formats import require_no_global_features
from atomsmith.exchange.mlip_radial import RADIAL_BASES, repulsion
from atomsmith.exchange.pair_tables import PairTable, with_pair_tables
from atomsmith.potential import Potential
from atomsmith.systems import FloatArray

_VERSION = "1.1.0"
_ACTIVE_SET = b"#MVS_"
"""What MLIP-3 selects configurations by follows here in binary; nothing of it enters energies."""
_KEYS = {"min_val": "min_dist", "max_val": "max_dist", "basis_size": "radial_basis_size"}
_LINE = re.compile(r"^\s*(\w+)\s*=\s*(.*?)\s*$")
_ROW = re.compile(r"\{([^{}]*)\}")
_PAIR = re.compile(r"^\s*(\d+)-(\d+)\s*$")


def read_mtp(path: str | Path, elements: Sequence[str] | None = None) -> Potential:
    """Read a moment tensor potential.

    Parameters
    ----------
    path
        The .mtp or .almtp file. The active set of an .almtp file is not read.
    elements
        Chemical symbols of its species 0, 1, ...

    Returns
    -------
    potential
        Of an untrained file with coefficients of zero; where the file has no radial coefficients either,
        radial function mu is the Chebyshev polynomial mu.

    Raises
    ------
    InputError
        If the file is missing or malformed, is of another version, or the elements are not given.
    """
    path = Path(path)
    values, radial = _parse(path)
    n_species = _int(path, values, "species_count")
    if elements is None or len(elements) != n_species:
        given = "none were given" if elements is None else f"{len(elements)} were given"
        raise InputError(
            f"{path}: a file of MLIP does not name the elements of its {n_species} species, and {given}; "
            "name them: `atomsmith import FILE --elements Si`."
        )
    numbers = tuple(number_of(symbol) for symbol in elements)
    part = _part(path, values, radial, n_species)
    scalars = len(part["scalars"])
    fitted = "moment_coeffs" in values
    species = _array(path, values, "species_coeffs") if fitted else np.zeros(n_species)
    moments = _array(path, values, "moment_coeffs") if fitted else np.zeros(scalars)
    _expect(path, "species_coeffs", species.size, n_species)
    _expect(path, "moment_coeffs", moments.size, scalars)
    plan = {
        "elements": list(numbers),
        "parts": [{"kind": "e0", "n_features": n_species}, part],
    }
    potential = Potential(
        elements=numbers,
        plan=plan,
        features=_features(numbers, part),
        coefficients=np.concatenate([species, moments]),
        metadata={"imported": {"format": "mlip", "files": [path.name], "fitted": fitted}},
    )
    tables = _repulsion(values, float(part["radial"]["inner"][0]), numbers)
    return with_pair_tables(potential, tables, "repulsion") if tables else potential


def _parse(path: Path) -> tuple[dict[str, str], dict[tuple[int, int], list[FloatArray]]]:
    """Values by key as text, and radial coefficients [function][polynomial] by pair of species."""
    lines = read_text(path, until=_ACTIVE_SET).splitlines()
    if not lines or lines[0].strip() != "MTP":
        raise InputError(f"{path}: the first line is not 'MTP'; give a potential of MLIP.")
    values: dict[str, str] = {}
    radial: dict[tuple[int, int], list[FloatArray]] = {}
    pair: tuple[int, int] | None = None
    types: dict[str, int] = {}
    for line in lines[1:]:
        if match := _LINE.match(line):
            _add(values, *match.groups())
        elif match := _PAIR.match(line):
            # MLIP-3 writes types of its data, which need not be 0, 1, ...; their order is that of species.
            of_type = [types.setdefault(label, len(types)) for label in match.groups()]
            pair = of_type[0], of_type[1]
            radial[pair] = []
        elif line.strip().startswith("{") and pair is not None:
            radial[pair].append(_numbers(path, "radial_coeffs", line))
        elif line.strip() not in ("", "radial_coeffs"):
            raise InputError(
                f"{path}: the line '{line.strip()[:60]}' is not understood; the file is damaged."
            )
    if values.get("version") != _VERSION:
        raise InputError(
            f"{path}: version {values.get('version', 'missing')} is not known, only {_VERSION} is."
        )
    return values, radial


def _add(values: dict[str, str], key: str, value: str) -> None:
    """Take a value: newer files call some otherwise, and a radial basis may have a scaling of its own."""
    key = _KEYS.get(key, key)
    values["radial_scaling" if key == "scaling" and key in values else key] = value


def _numbers(path: Path, key: str, text: str) -> FloatArray:
    """Numbers in braces, or lists of as many numbers each in braces in braces, as an array."""
    text = text.strip()
    rows = _ROW.findall(text[1:-1]) if text.startswith("{{") else _ROW.findall(text)
    try:
        values = np.array([[float(word) for word in row.split(",")] for row in rows if row.strip()])
        if not np.isfinite(values).all() or _ROW.sub("", text).strip("{}, \t"):
            raise ValueError(key)
    except ValueError:
        raise InputError(
            f"{path}: '{key}' is not a list of numbers in braces; the file is damaged."
        ) from None
    return values if text.startswith("{{") else values.reshape(-1)


def _require(path: Path, values: dict[str, str], key: str) -> str:
    if key not in values:
        raise InputError(f"{path}: '{key}' is missing; the file is damaged or of another kind.")
    return values[key]


def _int(path: Path, values: dict[str, str], key: str) -> int:
    text = _require(path, values, key)
    if not text.isdecimal():
        raise InputError(f"{path}: '{key}' is '{text}', expected a whole number.")
    return int(text)


def _float(path: Path, values: dict[str, str], key: str) -> float:
    text = _require(path, values, key)
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{path}: '{key}' is '{text}', expected a number.") from None


def _array(path: Path, values: dict[str, str], key: str) -> FloatArray:
    return _numbers(path, key, _require(path, values, key))


def _expect(path: Path, key: str, found: int, expected: int) -> None:
    if found != expected:
        raise InputError(f"{path}: '{key}' has {found} values, expected {expected}; the file is damaged.")


def _repulsion(
    values: dict[str, str], inner: float, elements: Sequence[int]
) -> dict[tuple[int, int], PairTable]:
    """What neighbours below ``min_dist`` add, where the radial basis has such a thing."""
    if not RADIAL_BASES[values["radial_basis_type"]].repels or inner == 0.0:
        return {}
    return {pair: repulsion(inner) for pair in combinations_with_replacement(sorted(set(elements)), 2)}


def _part(
    path: Path,
    values: dict[str, str],
    coefficients: dict[tuple[int, int], list[FloatArray]],
    n_species: int,
) -> dict[str, Any]:
    """Plan part of the moments (docs/architecture.md)."""
    if "magnetic_basis_type" in values:
        raise InputError(f"{path}: 'magnetic_basis_type': potentials with magnetic moments are not known.")
    name = values.get("radial_basis_type", "missing")
    if name not in RADIAL_BASES:
        raise InputError(f"{path}: radial_basis_type is {name}; known are {', '.join(RADIAL_BASES)}.")
    basis = RADIAL_BASES[name]
    n, size = _int(path, values, "radial_funcs_count"), _int(path, values, "radial_basis_size")
    scaling = np.prod([_float(path, values, key) for key in ("scaling", "radial_scaling") if key in values])
    inner, cutoff = _float(path, values, "min_dist"), _float(path, values, "max_dist")
    if not 0.0 <= inner < cutoff:
        raise InputError(f"{path}: min_dist is {inner:g}; expected 0 or more and less than max_dist.")
    functions = basis.functions(inner, cutoff, size)
    table = np.zeros((n_species, n_species, n, size))
    if not coefficients:  # MLIP draws them when it trains
        table[:, :, range(n), np.minimum(range(n), size - 1)] = 1.0
        coefficients = {pair: list(table[pair]) for pair in np.ndindex(n_species, n_species)}
    for i in range(n_species):
        for j in range(n_species):
            found = coefficients.get((i, j), coefficients.get((j, i)))
            if found is None or [len(row) for row in found] != [size] * n:
                raise InputError(
                    f"{path}: radial_coeffs of the species {i}-{j} are missing or not {n} lists of "
                    f"{size} numbers."
                )
            table[i, j] = scaling * np.array(found) @ functions
    basic = _array(path, values, "alpha_index_basic").astype(np.int32).reshape(-1, 4)
    times = _array(path, values, "alpha_index_times").astype(np.int64).reshape(-1, 4)
    scalars = _array(path, values, "alpha_moment_mapping").astype(np.int32)
    _expect(path, "alpha_index_basic", len(basic), _int(path, values, "alpha_index_basic_count"))
    _expect(path, "alpha_index_times", len(times), _int(path, values, "alpha_index_times_count"))
    _expect(path, "alpha_moment_mapping", len(scalars), _int(path, values, "alpha_scalar_moments"))
    times = times[np.argsort(times[:, 3], kind="stable")]
    if np.any(times[:, :2] >= times[:, 3:]):
        raise InputError(f"{path}: alpha_index_times uses a moment before it is made; the file is damaged.")
    pairs = n_species * n_species
    return {
        "kind": "moments",
        "n_features": len(scalars),
        "radial": {
            "kind": "chebyshev",
            "n": n,
            "size": size,
            "inner": np.full(pairs, inner),
            "cutoff": np.full(pairs, cutoff),
            "coefficients": table.reshape(pairs, n, size),
            **basis.envelope,
        },
        "basic": basic,
        "products": np.ascontiguousarray(times[:, [0, 1, 3]], dtype=np.int32),
        "weight": times[:, 2].astype(np.float64),
        "scalars": scalars,
        "first_feature": np.zeros(n_species, dtype=np.int32),
    }


def _features(elements: Sequence[int], part: dict[str, Any]) -> FeatureInfo:
    """Facts about the features: how many moments each multiplies, and their level 2 + 4 mu + nu summed."""
    basic, n_basic = part["basic"], len(part["basic"])
    n_values = max(n_basic, int(part["products"][:, 2].max(initial=-1)) + 1)
    order, level = np.zeros(n_values, dtype=np.int32), np.zeros(n_values)
    order[:n_basic], level[:n_basic] = 1, 2.0 + 4.0 * basic[:, 0] + basic[:, 1:].sum(axis=1)
    for a, b, target in part["products"]:
        order[target] = order[a] + order[b]
        level[target] = level[a] + level[b]
    n, scalars = len(elements), part["scalars"]
    known = tuple(int(z) for z in elements)
    return FeatureInfo(
        order=np.concatenate([np.zeros(n, np.int32), order[scalars]]),
        degree=np.concatenate([np.zeros(n), level[scalars]]),
        smoothness=np.ones(n + len(scalars)),
        elements=(*((z,) for z in known), *(known for _ in scalars)),
        labels=(
            *(f"E0 {SYMBOLS[z]}" for z in known),
            *(f"moment {k}" for k in range(len(scalars))),
        ),
    )


def _require_mtp(potential: Potential, path: Path) -> None:
    """Refuse what an .mtp file cannot say."""
    kinds = [part["kind"] for part in potential.plan["parts"]]
    part = potential.plan["parts"][-1]
    if kinds != ["e0", "moments"] or np.any(part["first_feature"]):
        raise InputError(
            f"{path}: an .mtp file holds only reference energies and moment tensors with coefficients that "
            f"all species share, but this potential has the parts {', '.join(kinds)}; fit with one term of "
            "moments and model.repulsion: null."
        )
    require_no_global_features(potential, path)
    if "regressor" in part:
        raise InputError(
            f"{path}: an .mtp file holds linear potentials, but this one has the regressor "
            f"{part['regressor']['kind']}."
        )
    if "outer_power" in part["radial"]:
        raise InputError(f"{path}: potentials with other radial functions than RBChebyshev are not written.")
    if any(len(np.unique(part["radial"][end])) > 1 for end in ("inner", "cutoff")):
        raise InputError(
            f"{path}: an .mtp file holds one min_dist and one max_dist for all pairs of species; fit with "
            "descriptor.min_distance."
        )
    if np.any(part["weight"] != np.round(part["weight"])):
        raise InputError(f"{path}: an .mtp file holds whole multipliers of products only.")


def write_mtp(potential: Potential, path: str | Path) -> None:
    """Write a potential made of reference energies and one set of moment tensors as an .mtp file.

    Raises
    ------
    InputError
        If the potential has anything else, which the format cannot hold.
    """
    path = Path(path)
    _require_mtp(potential, path)
    n, part = len(potential.elements), potential.plan["parts"][-1]
    radial = part["radial"]
    products = np.asarray(part["products"])
    weight = np.asarray(part["weight"])
    n_values = max(len(part["basic"]), int(products[:, 2].max(initial=-1)) + 1)
    times = np.column_stack([products[:, :2], weight.astype(np.int64), products[:, 2]])
    lines = [
        "MTP",
        f"version = {_VERSION}",
        "potential_name = atomsmith",
        f"species_count = {n}",
        "potential_tag = ",
        "radial_basis_type = RBChebyshev",
        f"\tmin_dist = {float(radial['inner'][0])!r}",
        f"\tmax_dist = {float(radial['cutoff'][0])!r}",
        f"\tradial_basis_size = {radial['size']}",
        f"\tradial_funcs_count = {radial['n']}",
        "\tradial_coeffs",
    ]
    table = np.asarray(radial["coefficients"]).reshape(n, n, radial["n"], radial["size"])
    for i, j in np.ndindex(n, n):
        lines += [f"\t\t{i}-{j}", *(f"\t\t\t{_braces(row)}" for row in table[i, j])]
    lines += [
        f"alpha_moments_count = {n_values}",
        f"alpha_index_basic_count = {len(part['basic'])}",
        f"alpha_index_basic = {_braces(part['basic'])}",
        f"alpha_index_times_count = {len(times)}",
        f"alpha_index_times = {_braces(times)}",
        f"alpha_scalar_moments = {len(part['scalars'])}",
        f"alpha_moment_mapping = {_braces(part['scalars'])}",
        f"species_coeffs = {_braces(potential.coefficients[:n])}",
        f"moment_coeffs = {_braces(potential.coefficients[n:])}",
    ]
    with replacing(path) as file:
        file.write("\n".join(lines) + "\n")


def _braces(values: Any) -> str:
    return json.dumps(np.asarray(values).tolist()).replace("[", "{").replace("]", "}")
