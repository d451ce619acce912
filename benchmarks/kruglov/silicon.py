"""Random and relaxed cells of silicon after Stillinger and Weber (1985), whose energy is strongly
many-body."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from atomsmith import Dataset
from atomsmith.builders.random_cells import random_cell
from atomsmith.data.configuration import Configuration
from atomsmith.errors import LabelError
from atomsmith.prediction import Prediction
from atomsmith.properties.relaxation import RelaxSettings, relax
from atomsmith.reference.lammps import LammpsEngine, LammpsSettings
from atomsmith.systems import Systems

HIGHEST = 0.0
"""Energy in eV/atom up to which cells are taken; the diamond structure has -4.34."""
LARGEST_FORCE = 30.0
"""eV/angstrom."""
STEPS = (0, 0, 2, 5, 10, 25, 100)
"""Steps of relaxation after which a cell is taken, drawn at random."""


class StillingerWeber:
    """The reference as a force field, by LAMMPS and its file Si.sw."""

    def __init__(self) -> None:
        self.engine = LammpsEngine(
            LammpsSettings(elements=["Si"], pair_style="sw", pair_coeff=["* * Si.sw Si"])
        )

    def labelled(self, configuration: Configuration) -> Configuration:
        """Return the configuration with energy, forces and stress."""
        labels = self.engine.compute(configuration, Path())
        return configuration.replace(energy=labels.energy, forces=labels.forces, stress=labels.stress)

    def predict(self, systems: Systems) -> Prediction:
        """See `atomsmith.prediction.ForceField`."""
        energy, forces, virial = np.zeros(systems.n_systems), [], np.zeros((systems.n_systems, 3, 3))
        for s, (a, b) in enumerate(zip(systems.first[:-1], systems.first[1:], strict=True)):
            one = self.labelled(
                Configuration(systems.numbers[a:b], systems.positions[a:b], systems.cells[s], systems.pbc[s])
            )
            xx, yy, zz, yz, xz, xy = one.stress
            virial[s] = -one.volume * np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
            energy[s] = one.energy
            forces.append(one.forces)
        counts = systems.counts
        return Prediction(energy, np.repeat(energy / counts, counts), np.concatenate(forces), virial)


def cells(count: int, seed: int) -> Dataset:
    """Random cells of 2 to 8 atoms, as they are thrown or on their way to the next minimum, labelled."""
    truth, rng = StillingerWeber(), np.random.default_rng(seed)
    made: list[Configuration] = []
    while len(made) < count:
        one = random_cell(
            {"Si": int(rng.integers(2, 9))}, rng, volume_per_atom=float(rng.uniform(15.0, 40.0)), shortest=0.8
        )
        steps = int(rng.choice(STEPS))
        try:
            if steps:
                settings = RelaxSettings(max_steps=steps)
                one = relax(truth, [one], settings, cell="full")[0].configuration.without_labels()
            one = truth.labelled(one)
        except LabelError:
            continue
        force = np.linalg.norm(one.forces, axis=1).max()
        if one.energy / len(one.numbers) <= HIGHEST and force <= LARGEST_FORCE:
            made.append(one.replace(config_type="relaxed" if steps else "random"))
    return Dataset(made)
