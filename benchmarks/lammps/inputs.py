"""LAMMPS runs of silicon as processes of their own, over ranks."""

from __future__ import annotations

import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from atomsmith.lammps import Plugin, input_lines
from atomsmith.lammps.launch import environment

WATCH = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], close_fds=False)
print("resident", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, flush=True)
sys.exit(code)
"""
"""Starts a rank and prints the largest resident memory that it had, in kB."""


@dataclass(frozen=True)
class Finished:
    """What a run printed, and the processor seconds of its processes."""

    output: str
    cpu_seconds: float


def run_input(
    plugin: Plugin, script: str, folder: Path, ranks: int = 1, *, watched: bool = False
) -> Finished:
    """Run a script; errors of LAMMPS end the benchmark."""
    (folder / "in.benchmark").write_text(script)
    command = [str(plugin.executable), "-in", "in.benchmark", "-log", "none", "-nocite"]
    if watched:
        command = [sys.executable, "-c", WATCH, *command]
    if ranks > 1:
        command = [str(plugin.installation.mpiexec), "-n", str(ranks), *command]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = subprocess.run(
        command, cwd=folder, env=environment(plugin), capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        raise SystemExit(result.stdout[-2000:] + result.stderr[-2000:])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Finished(result.stdout, cpu)


def silicon_script(plugin: Plugin, potential: Path, size: tuple[int, int, int], *lines: str) -> str:
    """Perturbed diamond of 8 * product of ``size`` atoms at 300 K, then ``lines``."""
    x, y, z = size
    return "\n".join(
        [
            "units metal",
            "lattice diamond 5.43",
            f"region box block 0 {x} 0 {y} 0 {z}",
            "create_box 1 box",
            "create_atoms 1 box",
            "mass 1 28.0855",
            *input_lines(plugin, potential, ["Si"], load=False),
            "displace_atoms all random 0.05 0.05 0.05 1",
            "velocity all create 300 2 mom yes rot yes dist gaussian",
            "neighbor 1.0 bin",
            "neigh_modify every 1 delay 0 check yes",
            "timestep 0.001",
            "fix 1 all nve",
            *lines,
            "",
        ]
    )
