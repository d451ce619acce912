"""What a second thread gains on 10,000 atoms, and what it cannot share. Needs two idle cores.

    python -m benchmarks.speed.threads [--threads 2] [--json threads.json]

Times on the wall of a prediction (energy, forces, virial) with the list kept. The serial share is estimated
from processor times, which other load disturbs less: a job of which a share s is serial runs
1 / (s + (1 - s) / n) times faster on n threads (Amdahl). s holds what the calling thread does alone, the
Python around the engine included, and what chunks of unequal size leave over.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import time
from collections.abc import Callable

import numpy as np

from benchmarks.speed.crystals import crystal, evaluator_of
from benchmarks.timing import interleaved, machine, parser, write


def thread_and_process(action: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Processor seconds of the calling thread, and of all threads together; medians."""
    alone, together = [], []
    for _ in range(repeats):
        thread, process = time.thread_time(), time.process_time()
        action()
        alone.append(time.thread_time() - thread)
        together.append(time.process_time() - process)
    return float(np.median(alone)), float(np.median(together))


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--atoms", type=int, default=10_000, help="atoms of the silicon crystal")
    arguments.add_argument("--threads", type=int, default=2, help="threads to compare with one")
    options = arguments.parse_args()
    systems = crystal("Si", options.atoms)
    n, repeats = options.threads, 4 * options.repeats

    def prediction(n_threads: int) -> Callable[[], object]:
        evaluator, weights = evaluator_of("Si", n_threads)
        return lambda: evaluator.predict_sets(systems, weights)

    actions = {"one": prediction(1), "more": prediction(n)}
    seconds = interleaved(actions, repeats, time.perf_counter)
    best, middle = (float(pick(seconds["one"]) / pick(seconds["more"])) for pick in (np.min, np.median))
    # With n threads the caller does the serial part S and its share of the rest, S + P / n of all, S + P.
    thread, process = thread_and_process(actions["more"], repeats)
    serial = max(0.0, (n * thread - process) / ((n - 1) * process))
    limit = 1.0 / (serial + (1.0 - serial) / n)
    print(f"{systems.n_atoms} atoms, {n} threads against one: {best:.2f} times faster (best of {repeats}),")
    print(f"{middle:.2f} (medians), by processor times {limit:.2f} (serial share {100 * serial:.1f} %)")
    write(
        options.json,
        {
            "machine": machine(),
            "times_faster": {"best": best, "median": middle, "by_processor_time": limit},
            "serial_share": serial,
        },
    )


if __name__ == "__main__":
    main()
