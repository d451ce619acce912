"""Writes ``.yace``: an ACE, linear or with an embedding, and pair functions as a potential of PACE.

The products are the same, of complex instead of real harmonics. What is linear is, or joins, the density that
enters the energy as it is. The radial functions are fitted: those of the format are fixed functions of the
distance, among them all polynomials of 1 - r / rcut that vanish at the cutoff (``ChebPow`` with lambda = 1)
and all polynomials of exp(-lambda r / rcut) under a cosine (``ChebExpCos``). Ours are smooth up to there, and
the fewest of these functions that come close are taken. How close is measured, and a potential whose
functions they miss is refused. An inner cutoff is the same quintic step in both. The repulsion, and pair
functions of other cutoffs, go into a table of LAMMPS beside the file (`pair_energies`).
"""

# ruff: noqa: E741 (l is the field's name of the angular degree)

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from atomsmith.data.files import replacing
from atomsmith.descriptors.radial import evaluate_radial
from atomsmith.elements import SYMBOLS
from atomsmith.errors import InputError
from atomsmith.exchange.formats import require_no_global_features
from atomsmith.exchange.pace.model import MAX_L, Bond, Embedding, EmbeddingName, Function, PaceModel, check
from atomsmith.exchange.pace.radial import bare_basis
from atomsmith.exchange.pace.yace import PAIR_TABLE
from atomsmith.exchange.pair_energies import TabulatedPart, is_pair_energy, pair_table_of, write_beside
from atomsmith.systems import FloatArray

if TYPE_CHECKING:
    from atomsmith.potential import Potential

LARGEST_ERROR = 1.0e-7
"""Largest error of a radial function and of its slope (per angstrom) relative to its largest value."""
ENOUGH = 3.0e-10
"""Error at which no more functions are added."""
SIZES = (12, 16, 24, 32, 48, 64, 80, 96, 128)
"""Numbers of functions that are tried."""
FAMILIES = (("ChebPow", 1.0), ("ChebExpCos", 1.5), ("ChebExpCos", 2.5), ("ChebExpCos", 3.5))
"""Functions that are tried, with their lambda."""
BIN, FINE_BIN = 0.001, 0.00025
"""``deltaSplineBins`` in angstrom: the evaluator of the authors tabulates all functions, of which those that
end at an inner distance are steep."""
_SQRT_4PI = np.sqrt(4.0 * np.pi)
_Factor = tuple[int, int, int, int]
"""Species, n (from 1), l, m of a complex channel."""
_Products = dict[tuple[_Factor, ...], FloatArray]
"""Coefficients of products in every density."""


def write_yace(potential: Potential, path: str | Path) -> str:
    """Write a potential of reference energies, pair functions, ACE and a repulsion.

    What PACE has no functions for and only depends on pairs of atoms is written beside the file, as
    ``STEM_pairpot.table``, for ``pair_style hybrid/overlay pace table``.

    Returns
    -------
    lines
        Of an input of LAMMPS that uses what was written.

    Raises
    ------
    InputError
        If the potential holds something else, or radial functions that the format's miss.
    """
    path = Path(path)
    require_no_global_features(potential, path)
    parts = _Parts.of(potential, path)
    model = pace_model(potential, parts, path)
    lines = write_beside(path, "pace", path.name, parts.tabulated, potential.elements)
    write_model(model, path, lines if parts.tabulated else ())
    return "\n".join(lines)


def write_model(model: PaceModel, path: str | Path, comments: Sequence[str] = ()) -> None:
    """Write what a model says, whatever it came from, behind some comments.

    Raises
    ------
    InputError
        If it says something that cannot be meant, or has the radial functions of ACE.jl.
    """
    check(model, path)
    if any(bond.is_foreign for row in model.bonds for bond in row):
        raise InputError(f"{path}: radial functions of ACE.jl can be read, but not written.")
    with replacing(Path(path)) as file:
        file.write("# written by atomsmith\n")
        file.writelines(f"# {comment}\n" for comment in comments)
        if model.needs_pair_table:
            file.write(f"metadata: {{{PAIR_TABLE}: {json.dumps(pair_table_of(Path(path)).name)}}}\n")
        file.writelines(_lines(model))


def pace_model(potential: Potential, parts: _Parts, path: Path) -> PaceModel:
    """What the file says of a potential."""
    n = len(potential.elements)
    bonds, pair = _bonds(parts, [SYMBOLS[z] for z in potential.elements], path)
    return PaceModel(
        symbols=tuple(SYMBOLS[z] for z in potential.elements),
        e0=potential.coefficients[:n].copy(),
        bin_width=FINE_BIN if any(bond.inner_cutoff > 0.0 for row in bonds for bond in row) else BIN,
        core="distance",
        embeddings=tuple(parts.embedding(z) for z in range(n)),
        bonds=bonds,
        functions=tuple((*_of_one_factor(pair[z]), *_of_many_factors(parts.products(z))) for z in range(n)),
        needs_pair_table=bool(parts.tabulated),
    )


@dataclass(frozen=True, eq=False)
class _Parts:
    """The parts of a plan, with the coefficients of those that are linear.

    Attributes
    ----------
    ace, ace_coefficients, pairs
        What the format can hold.
    tabulated
        What goes into the table beside it.
    """

    ace: dict[str, Any] | None
    ace_coefficients: FloatArray
    pairs: list[tuple[dict[str, Any], FloatArray]]
    tabulated: list[TabulatedPart]

    @classmethod
    def of(cls, potential: Potential, path: Path) -> _Parts:
        ace: dict[str, Any] | None = None
        ace_coefficients = np.zeros(0)
        pairs: list[tuple[dict[str, Any], FloatArray]] = []
        begin = 0
        for part in potential.plan["parts"]:
            own = potential.coefficients[begin : begin + part["n_features"]]
            begin += part["n_features"]
            reason = _cannot_hold(part, ace is not None)
            if reason:
                raise InputError(f"{path}: the format of PACE cannot hold {reason}")
            if part["kind"] == "ace":
                ace, ace_coefficients = _without_members(part, own, path), own
            elif is_pair_energy(part):
                pairs.append((part, own))
        first = [part for part in ([ace] if ace else []) + [part for part, _ in pairs] if _has_agnesi(part)]
        if not first:
            raise InputError(f"{path}: the potential has no functions of atoms that the format can hold.")
        held = [entry for entry in pairs if _has_agnesi(entry[0]) and _end_alike(entry[0], first[0])]
        rest = [TabulatedPart(part, own) for part, own in pairs if all(part is not kept for kept, _ in held)]
        return cls(ace, ace_coefficients, held, rest)

    @property
    def tables(self) -> list[Mapping[str, Any]]:
        """Radial tables, that of the ace part first."""
        return [
            part["radial"] for part in ([self.ace] if self.ace else []) + [part for part, _ in self.pairs]
        ]

    def embedding(self, centre: int) -> Embedding:
        """Densities of a centre: those of its embedding, and one for what is linear if none of them is."""
        name: EmbeddingName = "FinnisSinclairShiftedScaled"
        prefactor, exponent = np.zeros(0), np.zeros(0)
        if (own := self._embedded(centre)) is not None:
            name = "FinnisSinclair" if own["function"] == "finnis_sinclair" else name
            prefactor, exponent = np.asarray(own["prefactor"]), np.asarray(own["exponent"])
        if self.linear_density(centre) == len(prefactor):
            prefactor, exponent = np.append(prefactor, 1.0), np.append(exponent, 1.0)
        return Embedding(name, prefactor, exponent, 100000.0, 250.0)

    def _embedded(self, centre: int) -> Mapping[str, Any] | None:
        if self.ace is None or "regressor" not in self.ace:
            return None
        own: Mapping[str, Any] = self.ace["regressor"]["centres"][centre]
        return own

    def linear_density(self, centre: int) -> int:
        """The density that is energy as it is; one after the last: it is to be added; -1: there is none."""
        own = self._embedded(centre)
        if own is None:
            return 0
        linear = (np.asarray(own["prefactor"]) == 1.0) & (np.asarray(own["exponent"]) == 1.0)
        if linear.any():
            return int(np.argmax(linear))
        return len(linear) if self.pairs else -1

    def coefficients(self, centre: int) -> FloatArray:
        """Coefficients of the features of a centre of the ace part, shape (n_densities, n_features)."""
        assert self.ace is not None
        own = self.ace["centres"][centre]
        embedded = self._embedded(centre)
        if embedded is None:
            first = own["first_feature"]
            return self.ace_coefficients[None, first : first + own["n_features"]]
        found = np.zeros((len(self.embedding(centre).prefactor), own["n_features"]))
        found[: len(embedded["prefactor"])] = embedded["coefficients"]
        return found

    def products(self, centre: int) -> _Products:
        """Coefficients of the real parts of products of complex channels, of two factors and more or one."""
        if self.ace is None:
            return {}
        found: dict[tuple[_Factor, ...], NDArray[np.complex128]] = {}
        for channels, weights in _real_products(self.ace, centre, self.coefficients(centre)).items():
            choices = [_complex_of(self.ace, channel) for channel in channels]
            for chosen in product(*choices):
                if sum(factor[3] for factor, _ in chosen) == 0:  # others cancel: features are invariant
                    key = tuple(sorted(factor for factor, _ in chosen))
                    share: NDArray[np.complex128] = weights * np.prod([share for _, share in chosen])
                    found[key] = found[key] + share if key in found else share
        return _without_conjugates(found)


def _without_members(part: dict[str, Any], coefficients: FloatArray, path: Path) -> dict[str, Any]:
    """The part with the one embedding that its coefficients choose among the members of an ensemble."""
    regressor = part.get("regressor", {})
    if "members" not in regressor:
        return part
    used = np.flatnonzero(coefficients)
    if len(used) != 1 or coefficients[used[0]] != 1.0:
        raise InputError(
            f"{path}: the format of PACE cannot hold sums of several embeddings; export one member."
        )
    centres = [c | {"coefficients": np.asarray(c["coefficients"])[used[0]]} for c in regressor["centres"]]
    return part | {"regressor": regressor | {"centres": centres}}


def _cannot_hold(part: Mapping[str, Any], has_ace: bool) -> str | None:
    kind = part["kind"]
    if is_pair_energy(part):
        return None
    if kind not in ("e0", "pair", "ace"):
        return f"{kind}; it takes pair functions and ACE."
    if "regressor" in part:
        regressor = part["regressor"]
        if regressor["kind"] != "embedding":
            return f"a part with the regressor {regressor['kind']}; it takes linear ones and embeddings."
        if part["radial"].get("kind", "agnesi") == "spline":
            return "the tables of a potential that was read from PACE; keep its file."
    if kind == "ace" and has_ace:
        return "two ACE terms with radial functions of their own; fit one."
    if kind != "e0" and part["radial"].get("kind", "agnesi") != "agnesi":
        return f"radial functions of the kind {part['radial']['kind']}; it takes those of fits."
    if kind == "ace" and part["l_max"] > MAX_L:
        return f"l_max {part['l_max']}; at most {MAX_L} is possible."
    return None


def _has_agnesi(part: Mapping[str, Any]) -> bool:
    """Whether the radial functions are those of fits, which functions of the format follow."""
    return part["kind"] != "zbl" and bool(part["radial"].get("kind", "agnesi") == "agnesi")


def _end_alike(part: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether the radial functions of two parts have the same cutoffs and inner distances."""
    ends = [(np.asarray(p["radial"]["cutoff"]), np.asarray(p["radial"]["inner"])) for p in (part, other)]
    return all(np.array_equal(one, two) for one, two in zip(*ends, strict=True))


def _real_products(
    part: Mapping[str, Any], centre: int, coefficients: FloatArray
) -> dict[tuple[int, ...], FloatArray]:
    """Weights of products of real channels of one centre in every density."""
    own = part["centres"][centre]
    n_channels = len(part["centres"]) * _n_lmk(part)
    values: list[tuple[int, ...]] = [(channel,) for channel in range(n_channels)]
    for u, v in np.asarray(own["nodes"]).reshape(-1, 2):
        values.append((*values[u], *values[v]))
    weights = np.zeros((len(own["terms"]), len(coefficients)))
    start = own["feature_start"]
    for feature in range(own["n_features"]):
        entries = slice(start[feature], start[feature + 1])
        share = np.outer(own["feature_coefficient"][entries], coefficients[:, feature])
        np.add.at(weights, own["feature_term"][entries], share)
    found: dict[tuple[int, ...], FloatArray] = {}
    for (u, v), weight in zip(np.asarray(own["terms"]).reshape(-1, 2), weights, strict=True):
        key = tuple(sorted(values[u] if v < 0 else (*values[u], *values[v])))
        found[key] = found[key] + weight if key in found else weight
    return {key: weight for key, weight in found.items() if weight.any()}


def _n_lmk(part: Mapping[str, Any]) -> int:
    """Real channels of one species."""
    return int(np.sum((2 * np.arange(part["l_max"] + 1) + 1) * np.asarray(part["radial_count"])))


def _complex_of(part: Mapping[str, Any], channel: int) -> list[tuple[_Factor, complex]]:
    """A real channel as a sum of the complex ones of the format.

    These are (-1)^m (A_m + i A_-m) / sqrt(2) for m > 0, and the conjugate without the sign for m < 0.
    """
    species, rest = divmod(channel, _n_lmk(part))
    for l in range(part["l_max"] + 1):
        count = int(part["radial_count"][l])
        if rest < (2 * l + 1) * count:
            break
        rest -= (2 * l + 1) * count
    m, k = rest // count - l, rest % count
    if m == 0:
        return [((species, k + 1, l, 0), 1.0)]
    sign, size = (-1.0) ** m, abs(m)
    plus, minus = (species, k + 1, l, size), (species, k + 1, l, -size)
    root = np.sqrt(0.5)
    if m > 0:
        return [(plus, sign * root), (minus, root)]
    return [(plus, -1j * sign * root), (minus, 1j * root)]


def _without_conjugates(found: Mapping[tuple[_Factor, ...], NDArray[np.complex128]]) -> _Products:
    """One of each product and its conjugate, whose real parts are equal (m add up to 0)."""
    merged: _Products = {}
    for key, value in found.items():
        other = tuple(sorted((species, n, l, -m) for species, n, l, m in key))
        kept = min(key, other)
        merged[kept] = merged[kept] + value.real if kept in merged else value.real
    # Densities differ in size, so each has its own smallest coefficient.
    largest = np.max([np.abs(value) for value in merged.values()], axis=0) if merged else np.zeros(1)
    return {key: value for key, value in merged.items() if (np.abs(value) > 1e-15 * largest).any()}


def _of_one_factor(pair: FloatArray) -> Iterator[Function]:
    """Functions of one neighbour, which take those of the format; shape (n, k_max, n_densities)."""
    for species, row in enumerate(pair):
        for k in np.flatnonzero(row.any(axis=1)):
            yield _function([(species, int(k) + 1, 0)], [[0]], [row[k]])


def _of_many_factors(products: _Products) -> Iterator[Function]:
    groups: dict[tuple[tuple[int, int, int], ...], list[tuple[list[int], FloatArray]]] = defaultdict(list)
    for key, value in products.items():
        if len(key) > 1:
            groups[tuple(factor[:3] for factor in key)].append(([factor[3] for factor in key], value))
    for factors in sorted(groups, key=lambda group: (len(group), group)):
        rows = sorted(groups[factors], key=lambda entry: entry[0])
        yield _function(factors, [m for m, _ in rows], [value for _, value in rows])


def _function(
    factors: Sequence[tuple[int, int, int]], m: Sequence[Sequence[int]], coefficients: Sequence[FloatArray]
) -> Function:
    species, n, l = np.array(factors, dtype=np.int32).T
    return Function(species, n, l, np.array(m, dtype=np.int32), np.array(coefficients))


def _bonds(
    parts: _Parts, symbols: Sequence[str], path: Path
) -> tuple[tuple[tuple[Bond, ...], ...], list[FloatArray]]:
    """Bonds with fitted radial functions, and for every centre the coefficients of its pair functions."""
    n = len(symbols)
    worst = np.inf
    fits: dict[tuple[int, int], _BondFit] = {}
    for size in SIZES:
        tried = {(i, j): _fit_bond(parts.tables, i * n + j, size) for i in range(n) for j in range(n)}
        error = max(fit.error for fit in tried.values())
        if error < worst:
            worst, fits = error, tried
        if worst <= ENOUGH:
            break
    if not worst <= LARGEST_ERROR:
        i, j = max(fits, key=lambda bond: fits[bond].error)
        raise InputError(
            f"{path}: the radial functions of {symbols[i]}-{symbols[j]} differ by {worst:.1e} of their size "
            f"from the closest ones of PACE (at most {LARGEST_ERROR:g}); fit with a lower degree."
        )
    bonds = tuple(tuple(_bond(parts, fits[i, j]) for j in range(n)) for i in range(n))
    return bonds, [np.array([_pair_row(parts, i, j, n, fits[i, j]) for j in range(n)]) for i in range(n)]


@dataclass(frozen=True, eq=False)
class _BondFit:
    """Coefficients of the functions of all tables, one after the other, shape (functions, k_max)."""

    basis: str
    parameter: float
    cutoff: float
    inner: tuple[float, float]
    coefficients: FloatArray
    error: float


def _fit_bond(tables: Sequence[Mapping[str, Any]], pair: int, size: int) -> _BondFit:
    """The closest fit by so many functions of any family."""
    cutoff = float(tables[0]["cutoff"][pair])
    inner = float(tables[0]["inner"][pair][0]), float(tables[0]["inner"][pair][1])
    start = inner[0] if inner[1] > 0.0 else 0.0
    angles = np.pi * (np.arange(8 * size) + 0.5) / (8 * size)
    nodes = start + 0.5 * (cutoff - start) * (1.0 + np.cos(angles))
    wanted, _ = _functions_of(tables, pair, nodes)
    grid = np.linspace(start, cutoff, 1001)
    on_grid, slopes = _functions_of(tables, pair, grid)
    scale = np.abs(on_grid).max(axis=0)
    fits = []
    for name, parameter in FAMILIES:
        bond = _bare_bond(name, parameter, cutoff)
        found, *_ = np.linalg.lstsq(bare_basis(bond, nodes, size)[0], wanted, rcond=None)
        value, slope = bare_basis(bond, grid, size)
        error = max(
            float((np.abs(value @ found - on_grid) / scale).max()),
            float((np.abs(slope @ found - slopes) / scale).max()),
        )
        coefficients = np.asarray(found.T, dtype=np.float64)
        fits.append(_BondFit(name, parameter, cutoff, inner, coefficients, error))
    return min(fits, key=lambda fit: fit.error)


def _bare_bond(basis: str, parameter: float, cutoff: float) -> Bond:
    return Bond(basis, parameter, cutoff, 0.0, 0.0, 1.0, 0.0, 0.0, np.zeros((0, 1, 0)))


def _functions_of(
    tables: Sequence[Mapping[str, Any]], pair: int, r: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Radial functions of all tables without their inner steps, and slopes, shape (len(r), functions)."""
    values, slopes = [], []
    for table in tables:
        bare = dict(table) | {"inner": np.zeros_like(table["inner"])}
        value, slope = evaluate_radial(bare, pair, r)
        values.append(value)
        slopes.append(slope)
    return np.concatenate(values, axis=1), np.concatenate(slopes, axis=1)


def _bond(parts: _Parts, fit: _BondFit) -> Bond:
    size = fit.coefficients.shape[1]
    table = np.zeros((1, 1, size))
    if parts.ace is not None:
        count = np.asarray(parts.ace["radial_count"])
        table = np.zeros((int(count.max()), parts.ace["l_max"] + 1, size))
        for l, first in enumerate(parts.ace["radial_first"]):
            table[: count[l], l] = fit.coefficients[first : first + count[l]] / _SQRT_4PI
    return replace(
        _bare_bond(fit.basis, fit.parameter, fit.cutoff),
        inner_cutoff=fit.inner[1],
        inner_width=fit.inner[1] - fit.inner[0] if fit.inner[1] > 0.0 else 0.0,
        coefficients=table,
    )


def _pair_row(parts: _Parts, centre: int, neighbour: int, n: int, fit: _BondFit) -> FloatArray:
    """Coefficients of pair functions of a bond, products of one factor among them, (k_max, n_densities)."""
    row = np.zeros((fit.coefficients.shape[1], len(parts.embedding(centre).prefactor)))
    begin = 0
    if parts.ace is not None:
        for key, value in parts.products(centre).items():
            if len(key) == 1 and key[0][0] == neighbour:
                first = int(parts.ace["radial_first"][0])
                row += np.outer(fit.coefficients[first + key[0][1] - 1], value) / _SQRT_4PI
        begin = int(parts.ace["radial"]["n"])
    for part, coefficients in parts.pairs:
        count = int(part["radial"]["n"])
        first = int(part["first_feature"][centre * n + neighbour])
        own = coefficients[first : first + count] @ fit.coefficients[begin : begin + count]
        row[:, parts.linear_density(centre)] += own
        begin += count
    return row


def _lines(model: PaceModel) -> Iterator[str]:
    yield f"elements: [{', '.join(model.symbols)}]\n"
    yield f"E0: {_floats(model.e0)}\ndeltaSplineBins: {model.bin_width!r}\nembeddings:\n"
    for z, e in enumerate(model.embeddings):
        parameters = np.column_stack([e.prefactor, e.exponent]).ravel()
        yield (
            f"  {z}: {{ndensity: {len(e.prefactor)}, FS_parameters: {_floats(parameters)}, npoti: {e.name}, "
            f"rho_core_cutoff: {e.core_cutoff!r}, drho_core_cutoff: {e.core_width!r}}}\n"
        )
    yield "bonds:\n"
    for i, row in enumerate(model.bonds):
        for j, bond in enumerate(row):
            n_max, n_l, k_max = bond.coefficients.shape
            table = ", ".join(f"[{', '.join(_floats(k) for k in l)}]" for l in bond.coefficients)
            yield (
                f"  [{i}, {j}]: {{nradmax: {n_max}, lmax: {n_l - 1}, nradbasemax: {k_max}, "
                f"radbasename: {bond.basis}, radparameters: [{bond.parameter!r}], "
                f"radcoefficients: [{table}], prehc: {bond.core_prefactor!r}, "
                f"lambdahc: {bond.core_exponent!r}, rcut: {bond.cutoff!r}, "
                f"dcut: {bond.width!r}, rcut_in: {bond.inner_cutoff!r}, dcut_in: {bond.inner_width!r}, "
                f"inner_cutoff_type: {model.core}}}\n"
            )
    yield "functions:\n"
    for z, functions in enumerate(model.functions):
        yield f"  {z}:\n" if functions else f"  {z}: []\n"
        for f in functions:
            yield (
                f"    - {{mu0: {z}, rank: {f.rank}, ndensity: {f.coefficients.shape[1]}, "
                f"num_ms_combs: {len(f.m)}, mus: {_ints(f.species)}, ns: {_ints(f.n)}, ls: {_ints(f.l)}, "
                f"ms_combs: {_ints(f.m.ravel())}, ctildes: {_floats(f.coefficients.ravel())}}}\n"
            )


def _floats(values: FloatArray) -> str:
    return f"[{', '.join(repr(float(value)) for value in values)}]"


def _ints(values: Any) -> str:
    return f"[{', '.join(str(int(value)) for value in values)}]"
