"""What the sampler costs beside the force field, for eight walkers of 32 atoms each.

    python -m benchmarks.sampler_overhead [--json overhead.json]

The potential is a default fit to EMT data of an Al-Cu alloy. The overhead of a run is its processor time
outside the calls of the force field over that inside them, which includes neighbour lists. `bare` is a plain
prediction again and again of the same positions, whose list is kept.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import time
from typing import Any

import numpy as np
from ase.build import bulk
from ase.calculators.emt import EMT

from atomsmith import Dataset, Potential
from atomsmith.evaluator import Evaluator
from atomsmith.fitting.fit import fit
from atomsmith.sampling import SamplingSettings, Walkers, run, thermalised
from atomsmith.systems import Systems
from benchmarks.timing import machine, parser, write

WALKERS, LATTICE = 8, 3.95
MASSES = {13: 26.98, 29: 63.55}


def alloy(seed: int, rattle: float) -> Any:
    """32 atoms of fcc Al with a quarter of Cu at random."""
    rng = np.random.default_rng(seed)
    atoms = bulk("Al", a=LATTICE, cubic=True) * 2
    atoms.numbers[rng.choice(len(atoms), 8, replace=False)] = 29
    atoms.positions += rng.normal(scale=rattle, size=atoms.positions.shape)
    return atoms


def potential() -> Potential:
    """A default fit, with posterior and eight members."""
    frames = []
    for seed in range(24):
        atoms = alloy(seed, 0.04 + 0.01 * seed)
        atoms.calc = EMT()
        atoms.get_forces()
        frames.append(atoms)
    return fit(Dataset.from_atoms(frames))


def walkers() -> Walkers:
    """Eight alloys at 300 K."""
    atoms = [alloy(100 + k, 0.03) for k in range(WALKERS)]
    systems = Systems(
        numbers=np.concatenate([a.numbers for a in atoms]).astype(np.int32),
        positions=np.concatenate([a.positions for a in atoms]),
        cells=np.array([a.cell.array for a in atoms]),
        pbc=np.ones((WALKERS, 3), dtype=bool),
        first=np.arange(WALKERS + 1) * len(atoms[0]),
    )
    masses = np.array([MASSES[int(z)] for z in systems.numbers])
    return thermalised(Walkers.create(systems, masses, 1), np.full(WALKERS, 300.0))


def cases(steps: int) -> dict[str, SamplingSettings]:
    """Runs to compare; nothing may stop a walker early."""
    endless: dict[str, Any] = {"max_steps": steps, "record_every": 10}
    never = {"tolerance": 1e6}
    return {
        "NVT, no bias": SamplingSettings(bias=None, trigger=None, **endless),
        "NVE, no bias": SamplingSettings(ensemble="nve", bias=None, trigger=None, **endless),
        "NPT, no bias": SamplingSettings(bias=None, trigger=None, pressure_gpa=0.0, **endless),
        "NVT, committee bias, checked every 10": SamplingSettings(check_every=10, trigger=never, **endless),
        "NVT, committee bias, checked every step": SamplingSettings(check_every=1, trigger=never, **endless),
        "NVT, posterior bias, checked every 10": SamplingSettings(
            check_every=10, trigger=never, bias={"uncertainty": "posterior"}, **endless
        ),
    }


class Timed:
    """A force field that adds up the processor time of its calls."""

    def __init__(self, force_field: Evaluator) -> None:
        self.force_field, self.seconds = force_field, 0.0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.force_field, name)

        def timed(*arguments: Any) -> Any:
            began = time.process_time()
            result = method(*arguments)
            self.seconds += time.process_time() - began
            return result

        return timed


def bare_seconds(force_field: Evaluator, systems: Systems, calls: int) -> float:
    """Processor seconds of one plain call."""
    force_field.predict(systems)
    began = time.process_time()
    for _ in range(calls):
        force_field.predict(systems)
    return (time.process_time() - began) / calls


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--steps", type=int, default=1000, help="steps of every run")
    options = arguments.parse_args()
    model, start = potential(), walkers()
    evaluator = model.evaluator(skin=0.5)
    bare = bare_seconds(evaluator, start.systems, 200)
    found: dict[str, list[tuple[float, float]]] = {}
    for repeat in range(options.repeats + 1):
        for name, settings in cases(options.steps if repeat else 20).items():
            timed = Timed(evaluator)
            began = time.process_time()
            result = run(start, timed, settings)
            seconds = time.process_time() - began
            steps = int(result.walkers.step.min())
            if steps != settings.max_steps:
                reasons = [reason.value for reason in result.walkers.reasons]
                raise SystemExit(f"{name}: a walker stopped at step {steps} ({reasons})")
            if repeat:
                found.setdefault(name, []).append(((seconds - timed.seconds) / steps, timed.seconds / steps))
    numbers: dict[str, Any] = {
        "machine": machine(),
        "functions": model.n_functions,
        "bare_us_per_step": 1e6 * bare,
        "runs": {},
    }
    print(f"{WALKERS} walkers of {start.systems.counts[0]} atoms, {model.n_functions} functions")
    print(f"bare prediction {1e6 * bare:.0f} us\n")
    print(f"{'':42}{'force field':>12}{'sampler':>10}{'overhead':>10}")
    for name, values in found.items():
        outside, inside = np.median(values, axis=0)
        overhead = float(np.median([a / b for a, b in values]))
        numbers["runs"][name] = {
            "force_field_us": 1e6 * inside,
            "sampler_us": 1e6 * outside,
            "overhead": overhead,
        }
        print(f"{name:42}{1e6 * inside:9.0f} us{1e6 * outside:7.0f} us{100 * overhead:8.1f} %")
    write(options.json, numbers)


if __name__ == "__main__":
    main()
