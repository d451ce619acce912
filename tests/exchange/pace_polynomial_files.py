"""PACE files with the radial functions of ACE.jl, made up for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from atomsmith.exchange.pace.model import Embedding, PaceModel, polynomial_bond
from atomsmith.exchange.pace.polynomials import SPACING, PairPotential, Polynomials
from exchange.pace_files import PLAIN, random_function
from exchange.pace_files import ace as ace_text
from exchange.pace_files import yace as yace_text

L_MAX = 2


def polynomials(count: int, inner: float, cutoff: float, end_powers: tuple[int, int]) -> Polynomials:
    """Chebyshev polynomials of the second kind on the whole range of x."""
    power, reference = 2, 2.3
    left, right = (((1 + reference) / (1 + r)) ** power for r in (cutoff, inner))
    slope, shift = 4 / (right - left), -2 * (right + left) / (right - left)
    recursion = np.tile([slope, shift, -1.0], (count, 1))
    recursion[0] = [0.7, 0.0, 0.0]
    recursion[1, 2] = 0.0
    return Polynomials(power, reference, cutoff, (left, right), end_powers, recursion)


def random_model(symbols: tuple[str, ...] = ("Si",), pair: bool = True, seed: int = 0) -> PaceModel:
    """A linear potential of such functions, with a pair potential that has a repulsive core below 1.9."""
    rng = np.random.default_rng(seed)
    n, count = len(symbols), 5
    far = polynomials(4, 0.4, 5.0, (2, 0))
    bonds = []
    for i in range(n):
        row = []
        for j in range(n):
            own = polynomials(count, 1.2, 4.5 + 0.1 * (i + j), (2, 2))
            potential = PairPotential(far, rng.normal(size=4), (1.9, 0.3, 2.5, 0.8)) if pair else None
            row.append(
                polynomial_bond("ACE.jl.Basic", own, potential, 5.0 if pair else 4.5 + 0.2 * (n - 1), L_MAX)
            )
        bonds.append(tuple(row))
    return PaceModel(
        symbols=symbols,
        e0=rng.normal(size=n),
        bin_width=SPACING,
        core="density",
        embeddings=(Embedding(PLAIN, np.ones(1), np.ones(1), 1e5, 1.0),) * n,
        bonds=tuple(bonds),
        functions=tuple(
            tuple(
                random_function(rng, n, count, L_MAX, rank, 1) for rank in (1, 2, 2, 3, 4) for _ in range(3)
            )
            for _ in range(n)
        ),
    )


def _entry(p: Polynomials) -> str:
    a, b, c = p.recursion.T.tolist()
    return (
        f"rcut: {p.cutoff!r}, r0: {p.reference!r}, p: {p.power}, xl: {p.ends[0]!r}, xr: {p.ends[1]!r}, "
        f"pl: {p.end_powers[0]}, pr: {p.end_powers[1]}, maxn: {len(a)}, "
        f"recursion_coefficients: {{A: {a}, B: {b}, C: {c}}}"
    )


def _lines_of(p: Polynomials, tests: list[float]) -> list[str]:
    lines = [
        f"transform parameters: p={p.power} r0={p.reference!r}",
        f"cutoff parameters: rcut={p.cutoff!r} xl={p.ends[0]!r} xr={p.ends[1]!r} "
        f"pl={p.end_powers[0]} pr={p.end_powers[1]}",
        f"recursion coefficients: maxn = {len(p.recursion)}",
        *(" ".join(map(repr, row)) for row in p.recursion.tolist()),
        f"tests: ntests = {len(tests)}",
    ]
    for r in tests:
        values, slopes = p(np.array([r]))
        lines.append(f" r={r!r}")
        lines += [f" {v!r} {s!r}" for v, s in zip(values[0].tolist(), slopes[0].tolist(), strict=True)]
    return lines


def yace(model: PaceModel) -> str:
    """Text of a ``.yace`` file."""
    text = yace_text(model)
    head = text[: text.index("deltaSplineBins")] + f"lmax: {L_MAX}\n"
    embeddings = text[text.index("embeddings:") : text.index("bonds:")]
    lines = ["bonds:"]
    for i, row in enumerate(model.bonds):
        for j, bond in enumerate(row):
            assert bond.polynomials is not None
            lines.append(f"  [{i}, {j}]: {{radbasename: ACE.jl.Basic, {_entry(bond.polynomials)}}}")
    first = model.bonds[0][0].pair
    if first is not None:
        lines += [f"polypairpot: {{{_entry(first.polynomials)}, coefficients: {{"]
        cores = []
        for i, row in enumerate(model.bonds):
            for j, bond in enumerate(row):
                assert bond.pair is not None
                ri, e0, a, b = bond.pair.core
                lines.append(f"  [{i}, {j}]: {bond.pair.coefficients.tolist()},")
                cores.append(f"  [{i}, {j}]: {{ri: {ri}, e0: {e0}, A: {a}, B: {b}}},")
        lines += ["}}", "reppot: {coefficients: {", *cores, "}}"]
    return head + embeddings + "\n".join(lines) + "\n" + text[text.index("functions:") :]


def ace(model: PaceModel) -> str:
    """Text of an ``.ace`` file, with values of the polynomials that a reader may test."""
    text = ace_text(model)
    bond = model.bonds[0][0]
    assert bond.polynomials is not None
    lines = ["radbasename=ACE.jl.Basic", f"haspair: {'f' if bond.pair is None else 't'}"]
    lines += _lines_of(bond.polynomials, [1.7, 3.1])
    if bond.pair is not None:
        ri, e0, a, b = bond.pair.core
        lines += ["begin repulsive potential", "begin polypairpot", *_lines_of(bond.pair.polynomials, [2.2])]
        lines += ["coefficients", *map(repr, bond.pair.coefficients.tolist()), "end polypairpot"]
        lines += ["spline parameters", "   e_0 + B  exp(-A*(r/ri-1)) * (ri/r)"]
        lines += [f"ri={ri}", f"e0={e0}", f"A={a}", f"B={b}", "end repulsive potential"]
    begin, end = text.index("radbasename="), text.index("rankmax=")
    return text[:begin] + "\n".join(lines) + "\n\n" + text[end:]


def write(model: PaceModel, path: Path) -> Path:
    """Write a file in the format of its suffix."""
    path.write_text(ace(model) if path.suffix == ".ace" else yace(model))
    return path
