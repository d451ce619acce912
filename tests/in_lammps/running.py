"""Runs LAMMPS for tests, and reads what it wrote."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import atomic_masses

from atomsmith.lammps.launch import environment
from atomsmith.systems import Systems

BAR = 1.6021765e6
"""LAMMPS's own constant of units metal, bar in one eV/A^3."""


@dataclass(frozen=True)
class Sample:
    """A system whose cell is lower triangular, as LAMMPS wants it, with atoms inside."""

    numbers: np.ndarray
    positions: np.ndarray
    cell: np.ndarray
    pbc: tuple[bool, bool, bool] = (True, True, True)

    @property
    def systems(self) -> Systems:
        return Systems(
            numbers=self.numbers.astype(np.int32),
            positions=self.positions,
            cells=self.cell[None],
            pbc=np.array([self.pbc]),
            first=np.array([0, len(self.numbers)]),
        )

    @property
    def atoms(self) -> Atoms:
        return Atoms(self.numbers, self.positions, cell=self.cell, pbc=self.pbc)

    @property
    def boundary(self) -> str:
        return " ".join("p" if p else "f" for p in self.pbc)

    def write(self, path: Path, elements) -> None:
        """Write a data file with all digits."""
        (lx, _, _), (xy, ly, _), (xz, yz, lz) = self.cell.tolist()
        lines = ["test", "", f"{len(self.numbers)} atoms", f"{len(elements)} atom types", ""]
        lines += [f"0 {length!r} {axis}lo {axis}hi" for axis, length in zip("xyz", (lx, ly, lz), strict=True)]
        lines += [f"{xy!r} {xz!r} {yz!r} xy xz yz"] if (xy, xz, yz) != (0.0, 0.0, 0.0) else []
        lines += ["", "Masses", ""]
        lines += [f"{k} {float(atomic_masses[z])!r}" for k, z in enumerate(elements, start=1)]
        lines += ["", "Atoms # atomic", ""]
        for k, (z, x) in enumerate(zip(self.numbers, self.positions.tolist(), strict=True), start=1):
            lines.append(f"{k} {list(elements).index(z) + 1} {x[0]!r} {x[1]!r} {x[2]!r}")
        path.write_text("\n".join(lines) + "\n")


def run_lammps(plugin, folder, script, *, ranks=1, check=True, arguments=()):
    """Run an input text in a folder; returns LAMMPS's output."""
    (folder / "in.test").write_text(script)
    launcher = [str(plugin.installation.mpiexec), "-n", str(ranks)] if ranks > 1 else []
    command = [*launcher, str(plugin.executable), "-in", "in.test", "-nocite", *arguments]
    variables = environment(plugin) | {
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_rmaps_base_oversubscribe": "1",
    }
    result = subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, timeout=300, check=False
    )
    if check:
        assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    return result


def dump_of(path):
    """Columns of the last frame of a dump, sorted by atom."""
    lines = path.read_text().split("ITEM: ATOMS ")[-1].splitlines()
    names = lines[0].split()
    values = np.array([line.split() for line in lines[1:]], dtype=np.float64)
    values = values[np.argsort(values[:, names.index("id")])]
    return dict(zip(names, values.T, strict=True))


def vectors(dump, *names):
    return np.stack([dump[name] for name in names], axis=1)


def printed(output, tag):
    """Numbers of the lines that an input printed behind a tag."""
    return np.array(
        [
            [float(word) for word in line.split()[1:]]
            for line in output.splitlines()
            if line.startswith(f"{tag} ")
        ]
    )
