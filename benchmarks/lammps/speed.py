"""The plugin against the bare engine and `pair_style snap`, on one core, in one run.

    python -m benchmarks.lammps.speed [--json speed.json] [--potential FILE]

Molecular dynamics of the same silicon: LAMMPS computes energy, forces and virial every step and checks each
time whether it needs new neighbour lists. The bare engine predicts energy, forces and virial of the same
atoms with a list that is kept. In the table, CPU time by atom and step. The potential is a linear ACE that is
fitted here, or one of silicon from a file of any format; one without members has neither bias nor f_i.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from atomsmith import Potential
from atomsmith.lammps import build_plugin, find_installation, input_lines
from benchmarks.speed.crystals import systems_of
from benchmarks.speed.silicon import (
    InLammps,
    Snap,
    crystal,
    fitted_ace,
    thermal_velocities,
)
from benchmarks.timing import interleaved, machine, parser, summary, write

STEPS = {"lammps": 5, "bias": 2, "relative": 2, "posterior": 2, "uncertainty": 1, "snap": 1}


def in_lammps(potential: Potential, atoms: Any, velocities: Any, folder: Path) -> dict[str, InLammps]:
    """LAMMPS with the potential: plain, and if it has members with biases and the uncertainty every step."""
    path = folder / "potential.json"
    potential.save(path)
    load, _, coefficients = input_lines(build_plugin(find_installation()), path, ["Si"])
    plain = [load, "pair_style atomsmith", coefficients]
    runs = {"lammps": InLammps(atoms, plain, velocities)}
    if len(potential.committee) == 0:
        return runs
    biases = {
        "bias": "bias 0.1",
        "relative": "bias relative 0.1",
        "posterior": "bias 0.1 sigma posterior",
    }
    runs["uncertainty"] = InLammps(atoms, plain, velocities)
    for name, keywords in biases.items():
        runs[name] = InLammps(atoms, [load, f"pair_style atomsmith {keywords}", coefficients], velocities)
    runs["uncertainty"].lmp.commands_string(
        "compute u all atomsmith/uncertainty\nthermo_style custom step pe press c_u\nrun 0 post no"
    )
    return runs


def measure(potential: Potential, size: int, repeats: int) -> dict[str, Any]:
    """Microseconds by atom and step."""
    atoms = crystal(size, 1)
    velocities = thermal_velocities(len(atoms), 2)
    systems = systems_of(atoms)
    evaluator = potential.evaluator(skin=1.0)
    with tempfile.TemporaryDirectory() as folder:
        runs = in_lammps(potential, atoms, velocities, Path(folder))
        runs["snap"] = Snap(atoms, velocities)
        energy = evaluator.predict(systems).energy[0]
        assert abs(runs["lammps"].labels()[0] - energy) < 1e-8 * abs(energy)
        actions: dict[str, Any] = {
            "engine": lambda: [evaluator.predict(systems) for _ in range(STEPS["lammps"])]
        }
        for name, run in runs.items():
            actions[name] = lambda run=run, name=name: run.run(STEPS[name])
        seconds = interleaved(actions, repeats)
    steps = {"engine": STEPS["lammps"], **STEPS}
    return {
        "atoms": len(atoms),
        "us_per_atom_step": {
            name: summary(values, 1e6 / (steps[name] * len(atoms))) for name, values in seconds.items()
        },
        "lammps_over_engine": ratio(seconds["lammps"], seconds["engine"]),
        "over_plain": {
            name: ratio(seconds[name], seconds["lammps"]) * STEPS["lammps"] / STEPS[name]
            for name in STEPS
            if name != "lammps" and name in seconds
        },
    }


def ratio(several: list[float], others: list[float]) -> float:
    """Median of the ratios of neighbours in time, so that the machine's mood of a moment is in both."""
    return float(np.median(np.array(several) / np.array(others)))


def show(numbers: dict[str, Any]) -> None:
    """Print the table."""
    rows = numbers["us_per_atom_step"]
    names = {
        "engine": "the engine alone, one prediction",
        "lammps": "in LAMMPS, one step",
        "bias": "in LAMMPS, one step with the bias",
        "posterior": "in LAMMPS, one step with that of the posterior",
        "relative": "in LAMMPS, one step with a relative bias",
        "uncertainty": "in LAMMPS, one step with f_i of 8 members",
        "snap": "pair_style snap, one step",
    }
    print(f"{'us per atom, ' + str(numbers['atoms']) + ' atoms':50}{'min':>9}{'median':>9}")
    for name, text in names.items():
        if name not in rows:
            continue
        print(f"{text:50}{rows[name]['min']:9.2f}{rows[name]['median']:9.2f}")
    print(f"\n{'LAMMPS / engine':50}{numbers['lammps_over_engine']:9.2f}")
    print(f"{'SNAP / atomsmith, both in LAMMPS':50}{numbers['over_plain']['snap']:9.2f}")
    print(numbers["potential"])
    print(" ".join(f"{key}: {value};" for key, value in numbers["machine"].items()))


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--size", type=int, default=11, help="unit cells along each axis; 8 size^3 atoms")
    arguments.add_argument("--degree", type=float, default=12.0, help="total degree of the ACE")
    arguments.add_argument("--potential", metavar="FILE", help="of silicon, instead of the ACE")
    options = arguments.parse_args()
    if options.potential:
        potential, text = Potential.load(options.potential), options.potential
    else:
        potential, rmse = fitted_ace(options.degree)
        text = f"{potential.n_functions} functions; force RMSE against SNAP {rmse:.3f} eV/angstrom"
    numbers = {
        "machine": machine(),
        "potential": text,
        **measure(potential, options.size, options.repeats),
    }
    show(numbers)
    write(options.json, numbers)


if __name__ == "__main__":
    main()
