"""One rank and two: time on the wall, and memory.

    python -m benchmarks.lammps.ranks [--json ranks.json]

Needs a machine with two idle cores: ranks wait for each other by spinning. Times are LAMMPS's own loop
times, the runs in turn; memory is the largest resident set of a rank, less that of a run with 64 atoms.
`--memory 50` measures it with a million atoms.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import tempfile
from pathlib import Path
from typing import Any

from atomsmith.lammps import Plugin, build_plugin, find_installation
from benchmarks.lammps.inputs import run_input, silicon_script
from benchmarks.speed.silicon import fitted_ace
from benchmarks.timing import machine, parser, write


def loop_seconds(plugin: Plugin, potential: Path, size: int, steps: int, ranks: int, folder: Path) -> float:
    """Wall seconds of a run's steps, neighbour lists and checks included."""
    script = silicon_script(plugin, potential, (size, size, size), "thermo 10", "run 3", f"run {steps}")
    output = run_input(plugin, script, folder, ranks).output
    lines = [line for line in output.splitlines() if line.startswith("Loop time of")]
    return float(lines[-1].split()[3])


def scaling(plugin: Plugin, potential: Path, size: int, repeats: int, folder: Path) -> dict[str, Any]:
    """Ratio of wall times on one and two ranks."""
    steps = 100
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(repeats):
        for ranks, values in seconds.items():
            values.append(loop_seconds(plugin, potential, size, steps, ranks, folder))
    atoms = 8 * size**3
    return {
        "atoms": atoms,
        "us_per_atom_step": {ranks: 1e6 * min(v) / (steps * atoms) for ranks, v in seconds.items()},
        "two_ranks_times_faster": min(seconds[1]) / min(seconds[2]),
    }


def peak_mb(plugin: Plugin, potential: Path, size: tuple[int, int, int], ranks: int, folder: Path) -> float:
    """Largest peak of the resident memory of a rank, in MB."""
    script = silicon_script(plugin, potential, size, "thermo 1", "run 2")
    output = run_input(plugin, script, folder, ranks, watched=True).output
    return max(float(line.split()[1]) for line in output.splitlines() if line.startswith("resident ")) / 1024


def memory(plugin: Plugin, potential: Path, cells: list[int], folder: Path) -> list[dict[str, float]]:
    """Bytes by atom of a rank at sizes of a box, on one rank and two."""
    rows = []
    for size in cells:
        for ranks in (1, 2):
            empty = peak_mb(plugin, potential, (2, 2, 2), ranks, folder)
            peak = peak_mb(plugin, potential, (size, size, size), ranks, folder)
            atoms = 8 * size**3
            rows.append(
                {
                    "atoms": atoms,
                    "ranks": ranks,
                    "peak_mb_of_a_rank": peak,
                    "bytes_per_atom": (peak - empty) * 2**20 * ranks / atoms,
                }
            )
    return rows


def show(numbers: dict[str, Any]) -> None:
    """Print the tables."""
    fast = numbers["scaling"]
    for ranks, value in fast["us_per_atom_step"].items():
        print(f"{fast['atoms']} atoms, {ranks} rank(s): {value:.2f} us/atom/step on the wall")
    print(f"two ranks: {fast['two_ranks_times_faster']:.2f} times one\n")
    print(f"{'atoms':>10}{'ranks':>7}{'peak of a rank, MB':>20}{'bytes/atom':>12}")
    for row in numbers["memory"]:
        print(
            f"{row['atoms']:10}{row['ranks']:7}{row['peak_mb_of_a_rank']:20.0f}{row['bytes_per_atom']:12.0f}"
        )
    print(" ".join(f"{key}: {value};" for key, value in numbers["machine"].items()))


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--size", type=int, default=11, help="unit cells along each axis; 8 size^3 atoms")
    arguments.add_argument("--degree", type=float, default=12.0, help="total degree of the ACE")
    arguments.add_argument(
        "--memory", type=int, nargs="*", default=[11, 23], help="sizes at which memory is measured"
    )
    options = arguments.parse_args()
    potential, _ = fitted_ace(options.degree)
    plugin = build_plugin(find_installation())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        potential.save(folder / "potential.json")
        numbers = {
            "machine": machine(),
            "scaling": scaling(plugin, folder / "potential.json", options.size, options.repeats, folder),
            "memory": memory(plugin, folder / "potential.json", options.memory, folder),
        }
    show(numbers)
    write(options.json, numbers)


if __name__ == "__main__":
    main()
