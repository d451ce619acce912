"""Time and memory of a million atoms against ten thousand, each case in a process of its own.

    python -m benchmarks.speed.memory [--atoms 1000000] [--json memory.json]

Peak memory is that of the whole process (maximum resident set): structure, neighbour list, prediction. The
time is that of a prediction of energy, forces and virial with the list kept; the list's own stands beside it.
Silicon has 28 neighbours within 5 angstrom, copper 140 within 7.4; lists reach 1 angstrom further.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import resource
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np

from benchmarks.speed.crystals import crystal, evaluator_of
from benchmarks.timing import machine, parser, write

SMALL = 10_000


def case(symbol: str, atoms: int, repeats: int) -> dict[str, Any]:
    """Microseconds per atom, and peak memory of this process in GiB."""
    systems = crystal(symbol, atoms)
    evaluator, weights = evaluator_of(symbol)
    began = time.process_time()
    evaluator.batch(systems)
    listed = time.process_time() - began
    seconds = []
    for _ in range(repeats):
        began = time.process_time()
        evaluator.predict_sets(systems, weights)
        seconds.append(time.process_time() - began)
    return {
        "atoms": systems.n_atoms,
        "pairs_per_atom": len(evaluator.neighbours.neighbour) / systems.n_atoms,
        "list_us_per_atom": 1e6 * listed / systems.n_atoms,
        "us_per_atom": 1e6 * float(np.median(seconds)) / systems.n_atoms,
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def in_process(symbol: str, atoms: int, repeats: int) -> dict[str, Any]:
    """`case` in a fresh process, so that its peak memory is its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(case, symbol, atoms, repeats).result()


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--atoms", type=int, default=1_000_000, help="atoms of the large case")
    options = arguments.parse_args()
    numbers: dict[str, Any] = {"machine": machine(), "crystals": {}}
    columns = f"{'list us/atom':>14}{'us/atom':>9}{'peak GiB':>10}{'large / small':>15}"
    print(f"{'':4}{'atoms':>10}{'pairs':>8}{columns}")
    for symbol in ("Si", "Cu"):
        # Small before and after the large, so that a drift of the machine shows as a difference of the two.
        small = [in_process(symbol, SMALL, 3 * options.repeats)]
        large = in_process(symbol, options.atoms, 3)
        small.append(in_process(symbol, SMALL, 3 * options.repeats))
        ratio = large["us_per_atom"] / float(np.mean([row["us_per_atom"] for row in small]))
        numbers["crystals"][symbol] = {"small": small, "large": large, "large_over_small": ratio}
        for row in (small[0], large, small[1]):
            print(
                f"{symbol:4}{row['atoms']:10}{row['pairs_per_atom']:8.1f}{row['list_us_per_atom']:14.2f}"
                f"{row['us_per_atom']:9.2f}{row['peak_gib']:10.2f}"
                + (f"{ratio:15.3f}" if row is large else "")
            )
    write(options.json, numbers)


if __name__ == "__main__":
    main()
