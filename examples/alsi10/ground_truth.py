"""Sample solid and liquid AlSi10 with the ground truth itself: LAMMPS with the MEAM potential.

python examples/alsi10/ground_truth.py                    (writes test.xyz beside this file in a minute)
python examples/alsi10/ground_truth.py 10 20 more.xyz     (other alloys, of seeds 10 to 19, into another file)

Four random alloys of their own seeds, each at 300 and 700 K from the fcc crystal (which loses its order at
700 K), and at 1000 and 1500 K after melting at 2000 K; constant pressure 0. Snapshots are 1 ps apart.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from pydantic import TypeAdapter

from atomsmith import Dataset
from atomsmith.builders import random_fcc_alloy
from atomsmith.data.configuration import Configuration
from atomsmith.reference import ReferenceSettings, label
from atomsmith.reference.lammps import potentials_folder, start_lammps

REFERENCE = TypeAdapter(ReferenceSettings).validate_python(
    {
        "kind": "lammps",
        "elements": ["Al", "Si"],
        "pair_style": "meam",
        "pair_coeff": ["* * library.meam AlS SiS MgS CuS FeS AlSiMgCuFe.meam AlS SiS"],
    }
)
STAGES = (("solid", 300.0), ("solid", 700.0), ("liquid", 1000.0), ("liquid", 1500.0))
SNAPSHOTS = 5


def main(first: int = 0, end: int = 4, name: str = "test.xyz") -> None:
    """Run the dynamics of the alloys of some seeds, label the snapshots, write them."""
    snapshots = [c for seed in range(first, end) for phase, t in STAGES for c in sample(seed, phase, t)]
    with TemporaryDirectory() as folder:
        labelled = [label(c, REFERENCE, Path(folder)).configuration for c in snapshots]
    path = Path(__file__).parent / name
    Dataset(c for c in labelled if c is not None).write(path)
    print(f"wrote {len(labelled)} structures to {path}")


def sample(seed: int, phase: str, temperature_k: float) -> list[Configuration]:
    """Snapshots of one alloy at one temperature."""
    start = random_fcc_alloy({"Al": 29, "Si": 3}, 4.05, np.random.default_rng((77, seed)))
    lmp = start_lammps()
    folder = potentials_folder()
    side = float(start.cell[0, 0])
    lmp.commands_list(
        [
            "units metal",
            "atom_modify map array",
            f"region box block 0 {side} 0 {side} 0 {side}",
            "create_box 2 box",
        ]
    )
    types = np.where(start.numbers == 13, 1, 2).astype(np.int32)
    lmp.create_atoms(len(types), None, types.tolist(), start.positions.ravel().tolist())
    lmp.commands_list(
        [
            "mass 1 26.9815",
            "mass 2 28.0855",
            "pair_style meam",
            f"pair_coeff * * {folder}/library.meam AlS SiS MgS CuS FeS {folder}/AlSiMgCuFe.meam AlS SiS",
            "timestep 0.001",  # the screening of MEAM is sharp: 2 fs lost atoms
            "neigh_modify every 1 delay 0 check yes",
            f"velocity all create {2 * temperature_k} {1000 + seed}",
        ]
    )
    if phase == "liquid":
        run(lmp, 2000.0, 5000)
    run(lmp, temperature_k, 5000)
    found = []
    for _ in range(SNAPSHOTS):
        run(lmp, temperature_k, 1000)
        found.append(snapshot(lmp, start, f"{phase}, {temperature_k:.0f} K"))
    lmp.close()
    return found


def run(lmp, temperature_k: float, steps: int) -> None:  # type: ignore[no-untyped-def]
    """Constant temperature and pressure."""
    lmp.commands_list(
        [f"fix md all npt temp {temperature_k} {temperature_k} 0.1 iso 0 0 1.0", f"run {steps}", "unfix md"]
    )


def snapshot(lmp, start: Configuration, phase: str) -> Configuration:  # type: ignore[no-untyped-def]
    """Positions and cell of the moment."""
    low, high, *_ = lmp.extract_box()
    positions = np.array(lmp.gather_atoms("x", 1, 3)).reshape(-1, 3) - np.array(low)
    cell = np.diag(np.array(high) - np.array(low))
    return start.replace(positions=positions, cell=cell, config_type=phase)


if __name__ == "__main__":
    if len(sys.argv) == 4:
        main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
    else:
        main()
