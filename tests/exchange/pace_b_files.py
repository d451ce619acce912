"""B-basis files of PACE made up for tests."""

# ruff: noqa: E741 (l is the field's name of the angular degree)

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np

COUPLINGS: dict[int, list[tuple[list[int], list[int]]]] = {
    1: [([0], [])],
    2: [([0, 0], []), ([1, 1], []), ([2, 2], [])],
    3: [([1, 1, 2], [2]), ([2, 1, 1], [1])],
    4: [([1, 1, 1, 1], [0, 0]), ([1, 2, 2, 1], [1, 1]), ([2, 2, 1, 1], [2, 2])],
    5: [([1, 1, 1, 1, 2], [1, 1, 2]), ([0, 1, 1, 2, 2], [1, 1, 2])],
    6: [([1, 1, 1, 1, 1, 1], [2, 0, 2, 2]), ([0, 1, 1, 0, 1, 1], [1, 1, 0, 0])],
}
"""l of the factors and the L between, for every rank."""
BASES = ("ChebPow", "SBessel", "ChebExpCos", "ChebLinear")
N_MAX, L_MAX, K_MAX = 2, 2, 4


def b_basis(symbols: tuple[str, ...] = ("Cu",), core: str = "density", seed: int = 0) -> str:
    """Text of a file: functions of up to six neighbours, other settings on every bond, two densities."""
    rng = np.random.default_rng(seed)
    blocks = []
    for first in symbols:
        blocks.append(_block((first,), symbols, core, rng))
    for pair in permutations(symbols, 2):
        blocks.append(_block(pair, symbols, core, rng))
    if len(symbols) == 3:
        blocks += [_block(triple, symbols, core, rng) for triple in ((*symbols,), (*symbols[::-1],))]
    return f"global:\n  DeltaSplineBins: 0.01\nmetadata: {{user: nobody}}\nspecies:\n{''.join(blocks)}"


def _block(names: tuple[str, ...], symbols: tuple[str, ...], core: str, rng: np.random.Generator) -> str:
    lines = [f"  - speciesblock: {' '.join(names)}"]
    if len(names) == 1:
        lines.append(
            "    ndensityi: 2\n    npoti: FinnisSinclairShiftedScaled\n    parameters: [1, 1, 1, 0.5]\n"
            "    rho_core_cut: 3.0\n    drho_core_cut: 2.5"
        )
    if len(names) <= 2:
        lines.append(_bond(names, symbols, core))
    lines.append("    nbody:")
    lines += _functions(names, rng)
    return "\n".join(lines) + "\n"


def _bond(names: tuple[str, ...], symbols: tuple[str, ...], core: str) -> str:
    """The same for both orders of the elements, as the format asks for."""
    pair = tuple(sorted(symbols.index(name) for name in (names[0], names[-1])))
    number = pair[0] + 2 * pair[1]
    radial = np.random.default_rng(number).normal(scale=0.6, size=(N_MAX, L_MAX + 1, K_MAX))
    zbl = core == "zbl"
    return (
        f"    nradmaxi: {N_MAX}\n    lmaxi: {L_MAX}\n    nradbaseij: {K_MAX}\n"
        f"    rcutij: {4.0 + 0.1 * number!r}\n    dcutij: {1.5 if zbl else 0.2}\n"
        f"    NameOfCutoffFunctionij: cos\n    radbase: {BASES[number % 4]}\n    radparameters: [2.5]\n"
        f"    radcoefficients: {radial.tolist()}\n    core-repulsion: [{1.0 if zbl else 25.0}, 0.9]\n"
        f"    r_in: {0.0 if core == 'density' else 2.4}\n    delta_in: {0.0 if core == 'density' else 0.6}\n"
        f"    inner_cutoff_type: {core}"
    )


def _functions(names: tuple[str, ...], rng: np.random.Generator) -> list[str]:
    lines = []
    for rank, couplings in COUPLINGS.items():
        if rank < len(names) - 1:
            continue
        for l, between in couplings:
            # Every other element of the block is among the neighbours.
            others = [*names[1:], *rng.choice(names, rank)][:rank]
            n = rng.integers(1, (K_MAX if rank == 1 else N_MAX) + 1, rank).tolist()
            lint = f"lint: {between}, " if between else ""
            c = (0.3 * rng.normal(size=2)).tolist()
            lines.append(f"      - {{type: {' '.join([names[0], *others])}, nr: {n}, nl: {l}, {lint}c: {c}}}")
    return lines


def write_b_basis(path: Path, *args: object, **kwargs: object) -> Path:
    """Write such a file."""
    path.write_text(b_basis(*args, **kwargs))  # type: ignore[arg-type]
    return path
