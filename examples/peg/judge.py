"""Judge a potential of PEG on chains of several lengths, from the reference's dynamics and from its own.

    python examples/peg/judge.py demo              (a folder of `atomsmith demo` or of run_full.py)
    python examples/peg/judge.py demo --refit null (its data fitted again: all count alike)

Prints, by length, the mean and the scatter of the energy error and the error of the forces at 500 K: on
chains of GFN2-xTB dynamics, which are kept in judged.xyz beside the run, and on chains of its own dynamics.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from atomsmith import Dataset, Potential, fit
from atomsmith.builders import intact_bonds, peg_chain
from atomsmith.data import Store
from atomsmith.data.configuration import Configuration
from atomsmith.fitting import metrics
from atomsmith.fitting.settings import ReferenceEnergies
from atomsmith.learning.settings import LearnSettings
from atomsmith.reference import label
from atomsmith.reference.force_field import ReferenceForceField
from atomsmith.sampling import SamplingSettings
from atomsmith.sampling.snapshots import sample
from atomsmith.settings_file import load_settings

LENGTHS = (2, 3, 4, 6, 8)
CHAINS = 6
DYNAMICS = SamplingSettings.model_validate(
    {
        "timestep_fs": 1.0,
        "temperature_k": 500.0,
        "friction_per_fs": 0.02,
        "max_steps": 120,
        "record_every": 30,
        "bias": None,
        "trigger": None,
    }
)
BURN_IN = 59


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--refit", type=json.loads, default=False, metavar="ROBUST", help="degrees of freedom, or null"
    )
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    settings = load_settings(folder / "learn.yaml", LearnSettings)
    potential = Potential.load(folder / "run" / "potential.json")
    if arguments.refit is not False:
        potential = refitted(folder, settings, arguments.refit)
    kept = folder / "judged.xyz"
    if not kept.exists():
        Dataset(c for n in LENGTHS for c in reference_dynamics(settings, n)).write(kept)
    theirs = Dataset.read(kept)
    print(f"test.xyz              {errors(potential, list(Dataset.read(folder / 'test.xyz')))}", flush=True)
    for n in LENGTHS:
        chosen = [c for c in theirs if c.config_type == f"n = {n}"]
        print(f"n = {n}  its dynamics: {errors(potential, chosen)}", flush=True)
        print(f"       own dynamics: {errors(potential, own_dynamics(potential, settings, n))}", flush=True)


def refitted(folder: Path, settings: LearnSettings, robust: float | None) -> Potential:
    """The model fitted again to the data of the run."""
    with Store.open(folder / "run", read_only=True) as store:
        energies = ReferenceEnergies(values=store.get("isolated_atoms"))
    chosen = settings.potential.model_copy(update={"robust": robust, "reference_energies": energies})
    return fit(Dataset.read(folder / "run" / "dataset.xyz"), chosen)


def chains(n: int) -> list[Configuration]:
    """Random chains of n monomers."""
    rng = np.random.default_rng(77 + n)
    return [peg_chain(n, rng, config_type=f"n = {n}") for _ in range(CHAINS)]


def reference_dynamics(settings: LearnSettings, n: int) -> list[Configuration]:
    """Snapshots of dynamics with the reference."""
    starts = chains(n)
    with (
        TemporaryDirectory() as scratch,
        ReferenceForceField(settings.reference, starts[0].numbers, Path(scratch)) as force_field,
    ):
        found, _ = sample(starts, force_field, DYNAMICS, seed=n, burn_in_steps=BURN_IN)
    return found


def own_dynamics(potential: Potential, settings: LearnSettings, n: int) -> list[Configuration]:
    """Snapshots of the potential's own dynamics, as far as chains are whole, labelled by the reference."""
    found, _ = sample(chains(n), potential.evaluator(), DYNAMICS, seed=n, burn_in_steps=BURN_IN)
    whole = [c for c in found if intact_bonds(c.positions, n)]
    with TemporaryDirectory() as scratch:
        labelled = [label(c, settings.reference, Path(scratch)).configuration for c in whole]
    return [c for c in labelled if c is not None]


def errors(potential: Potential, labelled: Sequence[Configuration]) -> str:
    """Mean and scatter of the energy error, and the root mean square error of the forces."""
    found = metrics.errors(labelled, potential.predict(labelled)).total
    assert found.energy is not None
    assert found.forces is not None
    return (
        f"{len(labelled)} configurations, energy {found.energy.mean:5.2f} +- {found.energy.scatter:4.2f} "
        f"meV/atom, forces {found.forces.rmse:.3f} eV/angstrom"
    )


if __name__ == "__main__":
    main()
