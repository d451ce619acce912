"""What one call costs for small silicon systems, list kept: all of it, and the engine's part.

python -m benchmarks.speed.calls [--json calls.json]
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import time
from collections.abc import Callable

import numpy as np
from ase.build import bulk

from benchmarks.speed.crystals import rattled, systems_of
from benchmarks.speed.silicon import fitted_ace
from benchmarks.timing import machine, parser, write

SHAPES = {8: (1, 1, 1), 32: (4, 1, 1), 256: (4, 4, 2)}
CALLS = 300


def best(action: Callable[[], object]) -> float:
    """Microseconds of a call: the mean of its best tenth, for load only ever adds."""
    seconds = []
    for _ in range(CALLS):
        began = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - began)
    return 1e6 * float(np.mean(np.sort(seconds)[: CALLS // 10]))


def main() -> None:
    options = parser(__doc__).parse_args()
    potential, _ = fitted_ace(12.0)
    rows = []
    for atoms, repeats in SHAPES.items():
        systems = systems_of(rattled(bulk("Si", cubic=True) * repeats, 1))
        evaluator = potential.evaluator(skin=1.0)
        batch, weights = evaluator.batch(systems), evaluator.weights(potential.coefficients[None])
        whole = best(lambda e=evaluator, s=systems: e.predict(s))
        engine = best(lambda b=batch, w=weights, s=systems: b.predict(w, s.positions, s.cells))
        rows.append({"atoms": atoms, "call_us": whole, "engine_us": engine})
        print(f"{atoms:5} atoms: {whole:8.1f} us a call, {engine:8.1f} us in the engine")
    write(options.json, {"machine": machine(), "rows": rows})


if __name__ == "__main__":
    main()
