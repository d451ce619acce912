"""Potentials of PACE: reads ``.ace``, ``.yace`` and ``.yaml`` and evaluates them exactly.

The file becomes an engine plan: reference energies, and one ``ace`` part with complex products and the
embedding regressor (docs/architecture.md). Products of one factor and the core repulsion are sums over pairs:
they are one more radial function for each density, and one for the core.
"""

# ruff: noqa: E741 (l is the field's name of the angular degree)

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from atomsmith.descriptors import FeatureInfo
from atomsmith.elements import SYMBOLS, number_of
from atomsmith.errors import InputError
from atomsmith.exchange.lammps_tables import read_pair_tables
from atomsmith.exchange.pace.ace import read_ace
from atomsmith.exchange.pace.b_basis import read_b_basis
from atomsmith.exchange.pace.model import Embedding, EmbeddingName, PaceModel
from atomsmith.exchange.pace.products import Key, factorise
from atomsmith.exchange.pace.radial import table
from atomsmith.exchange.pace.yace import read_yace
from atomsmith.exchange.pair_energies import pair_table_of
from atomsmith.exchange.pair_tables import with_pair_tables
from atomsmith.potential import Potential
from atomsmith.regressors.embedding import EmbeddingCentre, EmbeddingCore, EmbeddingFunction, embedding_plan
from atomsmith.systems import FloatArray, IntArray

_FUNCTIONS: dict[EmbeddingName, EmbeddingFunction] = {
    "FinnisSinclair": "finnis_sinclair",
    "FinnisSinclairShiftedScaled": "shifted_scaled",
}
_SQRT_4PI = np.sqrt(4.0 * np.pi)


def read(path: str | Path, pairs: str | Path | None = None) -> Potential:
    """Read a potential of PACE.

    Parameters
    ----------
    path
        ``.yace`` (YAML), ``.ace`` (text) or ``.yaml`` (B-basis of pacemaker); the suffix tells which.
    pairs
        A table of LAMMPS with pair energies that belong to it. By default ``STEM_pairpot.table`` beside
        ``STEM.yace`` where that has tables of radial functions, as ACEpotentials.jl exports them, or was
        written here with pair energies of which PACE has none.

    Raises
    ------
    InputError
        If a file is missing, or says something that is not known or cannot be meant.
    """
    path = Path(path)
    model = read_model(path)
    if pairs is None and model.needs_pair_table:
        pairs = pair_table_of(path)
        if not pairs.exists():
            raise InputError(
                f"{path} is one part of a potential, the other is a table of pair energies for LAMMPS; "
                f"put {pairs.name} beside it, or name the table after it."
            )
    try:
        potential = potential_of(model, path.name)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return potential if pairs is None else _with_pairs(potential, Path(pairs))


def _with_pairs(potential: Potential, path: Path) -> Potential:
    """The sum of a potential and the pair energies of a table."""
    whole = with_pair_tables(potential, read_pair_tables(path, potential.elements), "table")
    return replace(whole, metadata=whole.metadata | {"pair_table": path.name})


def read_model(path: str | Path) -> PaceModel:
    """What the file says, before it becomes a plan."""
    return {".yace": read_yace, ".yaml": read_b_basis}.get(Path(path).suffix.lower(), read_ace)(path)


def potential_of(model: PaceModel, source: str) -> Potential:
    """Make the potential that a PACE model describes."""
    elements = tuple(number_of(symbol) for symbol in model.symbols)
    if len(set(elements)) < len(elements):
        raise InputError(f"an element stands twice in {', '.join(model.symbols)}.")
    n = len(elements)
    return Potential(
        elements=elements,
        plan={
            "elements": list(elements),
            "parts": [{"kind": "e0", "n_features": n}, plan_part(model)],
        },
        features=FeatureInfo(
            order=np.zeros(n, dtype=np.int32),
            degree=np.zeros(n),
            smoothness=np.ones(n),
            elements=tuple((z,) for z in elements),
            labels=tuple(f"E0 {SYMBOLS[z]}" for z in elements),
        ),
        coefficients=model.e0.copy(),
        metadata={
            "source": source,
            "format": "pace",
            "functions": {s: len(f) for s, f in zip(model.symbols, model.functions, strict=True)},
        },
    )


@dataclass(frozen=True, eq=False)
class Channels:
    """Which R_nl the products use, and where their channels stand.

    Attributes
    ----------
    n_of
        For every l the n (from 1) in use; the functions of density p and of the core follow at l = 0.
    n_densities
        Most densities of any species.
    has_core
        Whether there is a core.
    """

    n_of: tuple[tuple[int, ...], ...]
    n_densities: int
    has_core: bool
    n_species: int

    @property
    def count(self) -> IntArray:
        """Radial functions of every l, those that follow included."""
        count = np.array([len(ns) for ns in self.n_of], dtype=np.int32)
        count[0] += self.n_densities + self.has_core
        return count

    @property
    def first(self) -> IntArray:
        """First radial function of every l."""
        return np.concatenate([[0], np.cumsum(self.count)[:-1]]).astype(np.int32)

    @property
    def n_lmk(self) -> int:
        """Real channels of one species."""
        return int(np.sum((2 * np.arange(len(self.count)) + 1) * self.count))

    def complex_channels(self) -> tuple[dict[tuple[int, int, int, int], int], FloatArray]:
        """Index of (species, n, l, m >= 0), and which channels are real."""
        index: dict[tuple[int, int, int, int], int] = {}
        is_real: list[bool] = []
        for z in range(self.n_species):
            for l, (ns, count) in enumerate(zip(self.n_of, self.count, strict=True)):
                for m in range(l + 1):
                    for k in range(count):
                        if k < len(ns):
                            index[z, ns[k], l, m] = len(is_real)
                        is_real.append(m == 0)
        return index, np.array(is_real)

    def linear_channel(self, species: int, k: int) -> int:
        """Real channel of the k-th function that follows."""
        return species * self.n_lmk + len(self.n_of[0]) + k


def channels_of(model: PaceModel) -> Channels:
    """The channels that the products of any centre use."""
    used: dict[int, set[int]] = defaultdict(set)
    for functions in model.functions:
        for function in functions:
            if function.rank > 1:
                for n, l in zip(function.n, function.l, strict=True):
                    used[int(l)].add(int(n))
    l_max = max(used, default=0)
    return Channels(
        n_of=tuple(tuple(sorted(used[l])) for l in range(l_max + 1)),
        n_densities=model.n_densities,
        has_core=_has_core(model),
        n_species=len(model.symbols),
    )


def _has_core(model: PaceModel) -> bool:
    """Whether the core changes any energy: it may be absent, and then switch nothing off."""
    bonds = [bond for row in model.bonds for bond in row]
    if model.core == "zbl" or any(bond.pair is not None for bond in bonds):
        return True
    always_full = all(e.core_cutoff >= max(e.core_width, 1e-300) for e in model.embeddings)
    return not always_full or any(
        bond.core_prefactor != 0.0 and (model.core == "density" or bond.inner_cutoff > 0.0) for bond in bonds
    )


def plan_part(model: PaceModel) -> dict[str, Any]:
    """The ``ace`` part of a plan with its embedding regressor."""
    channels = channels_of(model)
    centres, regressors = [], []
    for centre in range(len(model.symbols)):
        products = products_of(model, channels, centre)
        n_densities = len(model.embeddings[centre].prefactor)
        made = factorise(products, channels.complex_channels()[1], n_densities)
        centres.append({"nodes": made.nodes, "terms": made.terms})
        regressors.append(_regressor(model, channels, centre, made.coefficients))
    core: EmbeddingCore = "density" if channels.has_core else "none"
    reach = None
    if model.core == "zbl":
        outer = np.array([bond.inner_cutoff for row in model.bonds for bond in row])
        width = np.array([bond.inner_width for row in model.bonds for bond in row])
        core, reach = "nearest", (outer - width, outer)
    return {
        "kind": "ace",
        "n_features": 0,
        "l_max": len(channels.n_of) - 1,
        "radial": _radial(model, channels),
        "radial_first": channels.first,
        "radial_count": channels.count,
        "centres": centres,
        "regressor": embedding_plan(regressors, core, reach),
    }


def products_of(model: PaceModel, channels: Channels, centre: int) -> dict[Key, FloatArray]:
    """Coefficients of all products of two factors and more.

    With the real harmonics of the engine, A_lm of the paper is (-1)^m / sqrt(2) (A_m + i A_-m) for m > 0 and
    the conjugate / sqrt(2) for m < 0.
    """
    index, _ = channels.complex_channels()
    products: dict[Key, FloatArray] = {}
    for function in model.functions[centre]:
        if function.rank == 1:
            continue
        for m, coefficients in zip(function.m, function.coefficients, strict=True):
            codes = sorted(
                2 * index[int(z), int(n), int(l), abs(int(k))] + int(k < 0)
                for z, n, l, k in zip(function.species, function.n, function.l, m, strict=True)
            )
            odd = int(np.sum(m[m > 0])) % 2
            scale = (-1.0) ** odd * np.sqrt(0.5) ** np.count_nonzero(m)
            key = tuple(codes)
            products[key] = products.get(key, 0.0) + scale * coefficients
    return products


def _regressor(
    model: PaceModel, channels: Channels, centre: int, coefficients: FloatArray
) -> EmbeddingCentre:
    embedding: Embedding = model.embeddings[centre]
    n_densities = len(embedding.prefactor)
    # The pair functions of the densities, and the core, which stands behind the last density.
    slots = [(p, p) for p in range(n_densities)]
    if channels.has_core:
        slots.append((n_densities, model.n_densities))
    linear = [(p, channels.linear_channel(z, k)) for z in range(len(model.symbols)) for p, k in slots]
    density, channel = np.array(linear, dtype=np.int32).T
    return EmbeddingCentre(
        function=_FUNCTIONS[embedding.name],
        prefactor=embedding.prefactor,
        exponent=embedding.exponent,
        coefficients=coefficients,
        linear_density=np.ascontiguousarray(density),
        linear_channel=np.ascontiguousarray(channel),
        core_cutoff=embedding.core_cutoff,
        core_width=embedding.core_width,
    )


def _radial(model: PaceModel, channels: Channels) -> dict[str, Any]:
    """The table of all radial functions; the paper's Y_lm are sqrt(4 pi) times orthonormal ones."""
    n = len(model.symbols)
    columns = [(k - 1, l) for l, ns in enumerate(channels.n_of) for k in ns]
    with_core, l0 = int(channels.has_core), len(channels.n_of[0])
    bins, nodes = [], []
    for centre in range(n):
        for neighbour in range(n):
            bond = table(model, centre, neighbour)
            # Fits without regularisation have coefficients of 1e7 that cancel; slopes would show rounding.
            pair = _pair_coefficients(model, centre, neighbour).astype(np.longdouble)
            both = []
            for f, g, core in (
                (bond.f, bond.g, bond.core[:, None]),
                (bond.df, bond.dg, bond.dcore[:, None]),
            ):
                products = f[:, [k for k, _ in columns], [l for _, l in columns]] if columns else f[:, :0, 0]
                pairs = (g @ pair.T).astype(np.float64)
                both.append(
                    np.concatenate([products[:, :l0], pairs, core[:, :with_core], products[:, l0:]], axis=1)
                )
            both[1] *= bond.cutoff / bond.bins
            bins.append(bond.bins)
            nodes.append(_SQRT_4PI * np.stack(both, axis=1))
    return {
        "kind": "spline",
        "n": int(channels.count.sum()),
        "cutoff": np.array([bond.cutoff for row in model.bonds for bond in row]),
        "bins": np.array(bins, dtype=np.int32),
        "nodes": np.concatenate(nodes),
    }


def _pair_coefficients(model: PaceModel, centre: int, neighbour: int) -> FloatArray:
    """Coefficients of g_k in every density, from the products of one factor, shape (n_densities, k_max)."""
    coefficients = np.zeros((model.n_densities, model.k_max))
    for function in model.functions[centre]:
        if function.rank == 1 and function.species[0] == neighbour:
            own = function.coefficients[0]
            coefficients[: len(own), function.n[0] - 1] += own
    return coefficients
