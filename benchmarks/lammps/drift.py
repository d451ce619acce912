"""Drift of the energy in 100 ps of NVE in LAMMPS.

    python -m benchmarks.lammps.drift [--json drift.json]

Silicon, 216 atoms, displaced and with velocities of 300 K, after 2 ps. Drift is the slope of a straight line
through the total energy, times the length of the run.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from atomsmith.lammps import build_plugin, find_installation
from benchmarks.lammps.inputs import run_input, silicon_script
from benchmarks.speed.silicon import fitted_ace
from benchmarks.timing import machine, parser, write

EVERY = 20


def measure(size: int, steps: int, degree: float) -> dict[str, Any]:
    """Drift and fluctuation of the total energy by atom, in eV."""
    potential, _ = fitted_ace(degree)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        potential.save(folder / "potential.json")
        script = silicon_script(
            build_plugin(find_installation()),
            folder / "potential.json",
            (size, size, size),
            "run 2000",
            f"thermo {EVERY}",
            "thermo_style custom step temp etotal",
            "thermo_modify format float %.15g",
            f"run {steps}",
        )
        plugin_output = run_input(build_plugin(find_installation()), script, folder).output
    table = plugin_output.split("Step")[-1].split("Loop time")[0].splitlines()[1:]
    values = np.array([line.split() for line in table if line.strip()], dtype=np.float64)
    atoms = 8 * size**3
    energy = values[:, 2] / atoms
    slope = np.polyfit(values[:, 0] - values[0, 0], energy, 1)[0]
    return {
        "machine": machine(),
        "atoms": atoms,
        "picoseconds": steps * 1e-3,
        "temperature_k": float(values[:, 1].mean()),
        "drift_ev_per_atom": float(slope * steps),
        "fluctuation_ev_per_atom": float(np.std(energy)),
    }


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--size", type=int, default=3, help="unit cells along each axis; 8 size^3 atoms")
    arguments.add_argument("--steps", type=int, default=100_000, help="steps of 1 fs")
    arguments.add_argument("--degree", type=float, default=12.0, help="total degree of the ACE")
    options = arguments.parse_args()
    numbers = measure(options.size, options.steps, options.degree)
    for key, value in numbers.items():
        print(f"{key}: {value}")
    write(options.json, numbers)


if __name__ == "__main__":
    main()
