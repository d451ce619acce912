"""Linear ACE against `pair_style snap` of LAMMPS on the same silicon, on one core, in one run.

    python -m benchmarks.speed.snap [--json snap.json]

Both run molecular dynamics of the same 4,096 atoms: energy, forces and virial every step, neighbour lists
with a skin of 1 angstrom that is checked every step, in float64. Setup is not timed. The other rows are
ratios to a plain prediction of the same atoms.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np

from atomsmith import Potential
from atomsmith.evaluator import Evaluator
from atomsmith.systems import Systems
from benchmarks.speed.crystals import systems_of
from benchmarks.speed.silicon import Dynamics, Snap, crystal, fitted_ace, thermal_velocities
from benchmarks.timing import interleaved, machine, memory_mb, parser, summary, write

SNAP_STEPS, ACE_STEPS = 2, 20
SPARSE_STEPS = 5  # steps of which SNAP gives energy and virial only at the last


def dynamics(potential: Potential, repeats: int, size: int) -> tuple[dict[str, Any], Systems]:
    """Microseconds per atom and step of both engines, and the atoms as they are afterwards."""
    atoms = crystal(size, 1)
    velocities = thermal_velocities(len(atoms), 2)
    snap, sparse_snap = Snap(atoms, velocities), Snap(atoms, velocities, thermo=10**6)
    ours = Dynamics(potential, systems_of(atoms), velocities)
    seconds = interleaved(
        {
            "snap": lambda: snap.run(SNAP_STEPS),
            "sparse": lambda: sparse_snap.run(SPARSE_STEPS),
            "ace": lambda: ours.run(ACE_STEPS),
        },
        repeats,
    )
    theirs = summary(seconds["snap"], 1e6 / (SNAP_STEPS * len(atoms)))
    sparse = summary(seconds["sparse"], 1e6 / (SPARSE_STEPS * len(atoms)))
    own = summary(seconds["ace"], 1e6 / (ACE_STEPS * len(atoms)))
    numbers = {
        "atoms": len(atoms),
        "snap_us_per_atom_step": theirs,
        "snap_sparse_us_per_atom_step": sparse,
        "ace_us_per_atom_step": own,
        "times_faster": theirs["median"] / own["median"],
        "times_faster_than_sparse": sparse["median"] / own["median"],
        "lists_made": ours.evaluator.neighbours.builds,
        "steps": ours.steps,
    }
    return numbers, ours.systems


def predictions(potential: Potential, systems: Systems, repeats: int) -> dict[str, Any]:
    """Costs of everything a step of active learning may ask for, as multiples of a plain prediction."""
    evaluator = potential.evaluator(skin=1.0)
    single = potential.evaluator(skin=1.0, precision="float32")
    full, rough = evaluator.predict(systems), single.predict(systems)
    tau = np.full(1, 0.1)
    seconds = interleaved(
        {
            "plain": lambda: evaluator.predict(systems),
            "biased_committee": lambda: evaluator.predict_biased(systems, tau),
            "biased_posterior": lambda: evaluator.predict_biased(systems, tau, "posterior"),
            "members": lambda: evaluator.predict_members(systems),
            "members_and_mean": lambda: evaluator.predict_committee(systems),
            "single": lambda: single.predict(systems),
            "single_members": lambda: single.predict_members(systems),
        },
        repeats,
    )
    plain = float(np.median(seconds["plain"]))
    members, single_members = (float(np.median(seconds[name])) for name in ("members", "single_members"))
    return {
        "single_times_faster": plain / float(np.median(seconds["single"])),
        "single_members_times_faster": members / single_members,
        "single_error_mev_per_atom": 1e3 * float(np.abs(rough.energy - full.energy)[0]) / systems.n_atoms,
        "single_error_ev_per_angstrom": float(np.abs(rough.forces - full.forces).max()),
        "plain_us_per_atom": summary(seconds["plain"], 1e6 / systems.n_atoms),
        "ratio_to_plain": {
            name: float(np.median(seconds[name])) / plain
            for name in ("biased_committee", "biased_posterior", "members", "members_and_mean")
        },
    }


def memory(potential: Potential, size: int) -> dict[str, float]:
    """Resident memory in MB that an evaluator takes for the atoms, in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_memory_here, potential, size).result()


def _memory_here(potential: Potential, size: int) -> dict[str, float]:
    systems = systems_of(crystal(size, 1))
    potential.evaluator(skin=1.0).predict(systems_of(crystal(1, 1)))
    before = memory_mb()
    evaluator = potential.evaluator(skin=1.0)
    evaluator.predict(systems)
    plain = memory_mb() - before
    evaluator.predict_committee(systems)
    return {"plain": plain, "with_members": memory_mb() - before}


def threads(potential: Potential, systems: Systems, repeats: int) -> float:
    """Time on the wall of one thread over that of two."""
    evaluators = {str(n): potential.evaluator(skin=1.0, n_threads=n) for n in (1, 2)}

    def action(evaluator: Evaluator) -> Callable[[], object]:
        return lambda: evaluator.predict(systems)

    actions = {name: action(evaluator) for name, evaluator in evaluators.items()}
    seconds = interleaved(actions, 2 * repeats, time.perf_counter)
    return float(np.min(seconds["1"]) / np.min(seconds["2"]))


def design(potential: Potential, repeats: int) -> dict[str, float]:
    """Microseconds per atom of the rows for a fit."""
    systems = systems_of(crystal(2, 3))
    evaluator = potential.evaluator(skin=0.0)
    seconds = interleaved({"rows": lambda: evaluator.design_rows(systems)}, repeats)
    return summary(seconds["rows"], 1e6 / systems.n_atoms)


def show(numbers: dict[str, Any]) -> None:
    """Print the table."""
    dyn, pred, ratio = numbers["dynamics"], numbers["predictions"], numbers["predictions"]["ratio_to_plain"]
    rows = [
        ("pair_style snap, one step", dyn["snap_us_per_atom_step"]),
        ("  the same, energy every fifth step", dyn["snap_sparse_us_per_atom_step"]),
        ("linear ACE, one step", dyn["ace_us_per_atom_step"]),
        ("linear ACE, one prediction (list kept)", pred["plain_us_per_atom"]),
        ("design rows of energy, forces, virial", numbers["design_us_per_atom"]),
    ]
    print(f"{'us per atom':50}{'min':>9}{'median':>9}")
    for name, value in rows:
        print(f"{name:50}{value['min']:9.2f}{value['median']:9.2f}")
    print(f"\n{'ratios of medians':50}")
    for name, value in [
        ("SNAP / ACE, one step", dyn["times_faster"]),
        ("SNAP, energy every fifth step / ACE, every step", dyn["times_faster_than_sparse"]),
        ("biased by the committee / plain", ratio["biased_committee"]),
        ("biased by the exact posterior / plain", ratio["biased_posterior"]),
        ("8 members / plain", ratio["members"]),
        ("8 members and mean / plain", ratio["members_and_mean"]),
        ("float64 / float32, one prediction", pred["single_times_faster"]),
        ("float64 / float32, 8 members", pred["single_members_times_faster"]),
        ("one thread / two threads (wall)", numbers["two_threads_times_faster"]),
    ]:
        print(f"{name:50}{value:9.2f}")
    print(
        f"\nfloat32: energy off by {pred['single_error_mev_per_atom']:.5f} meV/atom, forces by at most "
        f"{pred['single_error_ev_per_angstrom']:.1e} eV/angstrom"
    )
    taken = numbers["memory_mb"]
    print(f"\n{dyn['atoms']} atoms: {taken['plain']:.0f} MB, with members {taken['with_members']:.0f} MB")
    print(
        f"{numbers['functions']} functions; force RMSE against SNAP {numbers['force_rmse']:.3f} eV/angstrom"
    )
    print(f"neighbour lists made: {dyn['lists_made']} in {dyn['steps']} steps")
    print(" ".join(f"{key}: {value};" for key, value in numbers["machine"].items()))


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--size", type=int, default=8, help="unit cells along each axis; 8 size^3 atoms")
    arguments.add_argument("--degree", type=float, default=12.0, help="total degree of the ACE")
    options = arguments.parse_args()
    potential, rmse = fitted_ace(options.degree)
    dyn, systems = dynamics(potential, options.repeats, options.size)
    numbers = {
        "machine": machine(),
        "functions": potential.n_functions,
        "force_rmse": rmse,
        "dynamics": dyn,
        "predictions": predictions(potential, systems, options.repeats),
        "memory_mb": memory(potential, options.size),
        "two_threads_times_faster": threads(potential, systems, options.repeats),
        "design_us_per_atom": design(potential, options.repeats),
    }
    show(numbers)
    write(options.json, numbers)


if __name__ == "__main__":
    main()
