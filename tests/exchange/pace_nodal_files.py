"""Potentials as ACEpotentials.jl exports them for LAMMPS, made up: tables in a .yace, pairs beside it."""

from __future__ import annotations

import dataclasses
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np

from atomsmith.exchange.pace.model import PaceModel, nodal_bond
from atomsmith.exchange.pace.nodal import NodalFunctions
from atomsmith.exchange.pace.polynomials import Polynomials
from exchange.pace_files import yace as yace_text
from exchange.pace_polynomial_files import L_MAX, polynomials
from exchange.pace_polynomial_files import random_model as polynomial_model

SPACING = 0.001
FIRST = 0.1
"""Distances of the pair table begin here, as in the files of ACEpotentials.jl."""


def random_model(symbols: tuple[str, ...], bins: int = 64, seed: int = 3) -> PaceModel:
    """A linear potential whose radial functions are coarse tables, with another cutoff on every bond."""
    model = polynomial_model(symbols, pair=False, seed=seed)
    bonds = []
    for i, row in enumerate(model.bonds):
        own = []
        for j, bond in enumerate(row):
            assert isinstance(bond.polynomials, Polynomials)
            cutoff, count = bond.polynomials.cutoff, bins + 3 * (i + j)
            functions = NodalFunctions(cutoff, *bond.polynomials(np.linspace(0.0, cutoff, count + 1)))
            own.append(nodal_bond("ACE.jl", functions, L_MAX))
        bonds.append(tuple(own))
    return dataclasses.replace(model, bonds=tuple(bonds), needs_pair_table=True)


def yace(model: PaceModel) -> str:
    """Text of the ``.yace`` file."""
    text = yace_text(model)
    embeddings = text[text.index("embeddings:") : text.index("bonds:")]
    lines = ["bonds:"]
    for i, row in enumerate(model.bonds):
        for j, bond in enumerate(row):
            assert bond.nodal is not None
            bins, count = len(bond.nodal.values) - 1, bond.nodal.values.shape[1]
            lines += [f"  [{i}, {j}]:", "    radbasename: ACE.jl", f"    rcut: {bond.cutoff!r}"]
            lines += [f"    nradial: {count}", f"    nbins: {bins}"]
            for key, columns in (
                ("splinenodalvals", bond.nodal.values),
                ("splinenodalderivs", bond.nodal.slopes),
            ):
                lines.append(f"    {key}:")
                lines += [f"      {n}: {column.tolist()}" for n, column in enumerate(columns.T)]
    head = text[: text.index("deltaSplineBins")] + f"lmax: {L_MAX}\n"
    return head + embeddings + "\n".join(lines) + "\n" + text[text.index("functions:") :]


def pair_functions(symbols: tuple[str, ...]) -> dict[str, tuple[Polynomials, np.ndarray]]:
    """Polynomials and their coefficients, whose sum is the energy of a pair, by the names of the sections."""
    rng = np.random.default_rng(8)
    return {
        f"{first}_{second}": (polynomials(4, 0.5, 5.0, (2, 0)), rng.normal(size=4))
        for first, second in combinations_with_replacement(symbols, 2)
    }


def table(symbols: tuple[str, ...]) -> str:
    """Text of the pair table."""
    lines = ["# DATE: none UNITS: metal CONTRIBUTOR: a test", "# pair potential", ""]
    for name, (functions, coefficients) in pair_functions(symbols).items():
        r = np.round(np.arange(FIRST, functions.cutoff + SPACING / 2, SPACING), 3)
        energy, slope = (f @ coefficients for f in functions(r))
        lines += [name, f"N {len(r)}", ""]
        rows = np.stack([r, energy, -slope], axis=1).tolist()
        lines += [f"{k} {x!r} {e!r} {f!r}" for k, (x, e, f) in enumerate(rows, start=1)]
        lines.append("")
    return "\n".join(lines) + "\n"


def write(symbols: tuple[str, ...], path: Path) -> Path:
    """Write both files; the pair table as ``STEM_pairpot.table`` beside the ``.yace``."""
    path.write_text(yace(random_model(symbols)))
    path.with_name(f"{path.stem}_pairpot.table").write_text(table(symbols))
    return path
