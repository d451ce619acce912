"""The parts of the demonstration: its input, an independent test set, errors, and dynamics of the result.

Everything is written to a folder and taken from there when it is there already, so that a demonstration that
was stopped goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

from atomsmith.builders import intact_bonds, peg_chain, rattled
from atomsmith.data.configuration import Configuration
from atomsmith.data.dataset import Dataset
from atomsmith.data.files import replacing
from atomsmith.errors import InputError
from atomsmith.fitting.fit import fit
from atomsmith.fitting.metrics import Errors, errors
from atomsmith.fitting.settings import PotentialSettings, ReferenceEnergies
from atomsmith.potential import Potential
from atomsmith.reference import ExecutorSettings, ReferenceSettings
from atomsmith.reference.force_field import ReferenceForceField
from atomsmith.sampling import Progress, SamplingSettings
from atomsmith.sampling.snapshots import sample

SETTINGS_FILE = "learn.yaml"
STARTS_FILE = "starts.xyz"
TEST_FILE = "test.xyz"
RUN_FOLDER = "run"

TRAINING_LENGTHS = (2, 3, 4)
TEST_LENGTH = 6
TEST_TEMPERATURE_K = 500.0
_STARTS = 12
_RATTLE = 0.05
_TEST_CHAINS = 8
_TEST_STEPS, _TEST_BURN_IN, _TEST_EVERY = 120, 60, 30
_TEST_SEED, _DYNAMICS_SEED = 1000, 2000
_DYNAMICS_CHAINS = 4
_DYNAMICS_TIMESTEP_FS = 0.5

OnProgress = Callable[[Progress], None]


def prepare(folder: Path, seed: int = 0) -> Path:
    """Write the settings file and the twelve structures that learning starts from; returns the former.

    Both have the ``seed``; that of the settings stands at their end if it is not the usual one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / SETTINGS_FILE
    wanted = files("atomsmith.demo").joinpath(SETTINGS_FILE).read_text(encoding="utf-8")
    wanted += f"\nseed: {seed}\n" if seed else ""
    if settings.exists() and settings.read_text(encoding="utf-8") != wanted:
        raise InputError(
            f"{settings} is not that of this demonstration and its seed; give another folder with -o, or go "
            f"on with `atomsmith learn {settings} -o {folder / RUN_FOLDER}`."
        )
    with replacing(settings) as stream:
        stream.write(wanted)
    if not (folder / STARTS_FILE).exists():
        Dataset(starts(seed)).write(folder / STARTS_FILE)
    return settings


def starts(seed: int) -> list[Configuration]:
    """Twelve chains of two to four monomers with random dihedral angles, rattled."""
    rng = np.random.default_rng(seed)
    lengths = [TRAINING_LENGTHS[k % len(TRAINING_LENGTHS)] for k in range(_STARTS)]
    return [rattled(peg_chain(n, rng), _RATTLE, rng) for n in lengths]


def independent_test_set(
    folder: Path, reference: ReferenceSettings, workers: int, on_progress: OnProgress | None = None
) -> Dataset:
    """Chains of six monomers from molecular dynamics with the reference itself, at 500 K.

    Neither these chains, nor their length, nor the way they are sampled are those of the training set.
    """
    path = folder / TEST_FILE
    if not path.exists():
        rng = np.random.default_rng(_TEST_SEED)
        chains = [
            peg_chain(TEST_LENGTH, rng, config_type=f"peg{TEST_LENGTH}, {TEST_TEMPERATURE_K:.0f} K")
            for _ in range(_TEST_CHAINS)
        ]
        settings = SamplingSettings.model_validate(
            {
                "timestep_fs": 1.0,
                "temperature_k": TEST_TEMPERATURE_K,
                "friction_per_fs": 0.02,
                "max_steps": _TEST_STEPS,
                "record_every": _TEST_EVERY,
                "bias": None,
                "trigger": None,
            }
        )
        executor = ExecutorSettings(kind="processes", workers=workers)
        with ReferenceForceField(reference, chains[0].numbers, folder, executor) as force_field:
            found, _ = sample(
                chains,
                force_field,
                settings,
                seed=_TEST_SEED,
                burn_in_steps=_TEST_BURN_IN - 1,
                on_progress=on_progress,
            )
        Dataset(found).write(path)
    return Dataset.read(path)


def n_test_steps() -> int:
    """Steps of molecular dynamics behind the test set."""
    return _TEST_STEPS


def errors_on(test: Dataset, potential: Potential) -> Errors:
    """Errors of a potential on the test set."""
    return errors(test, potential.predict(test)).total


def fitted_to_starts(
    learned: Sequence[Configuration], settings: PotentialSettings, isolated: dict[str, float]
) -> Potential:
    """Fit the same model to nothing but the labelled starts, the first of the data learned."""
    first = sorted(learned, key=lambda c: int(c.info["id"]))[:_STARTS]
    energies = ReferenceEnergies(source=settings.reference_energies.source, values=isolated)
    return fit(Dataset(first), settings.model_copy(update={"reference_energies": energies}))


@dataclass(frozen=True)
class Dynamics:
    """Molecular dynamics of chains that the potential has not been trained on.

    Attributes
    ----------
    chains
        Molecules, each by itself.
    time_ps
        Length for each molecule.
    temperature_k
        Of the thermostat.
    intact
        Molecules that kept all bonds and formed no other, at every record, to the end.
    """

    chains: int
    time_ps: float
    temperature_k: float
    intact: int


def dynamics(
    potential: Potential, time_ps: float, n_threads: int, on_progress: OnProgress | None = None
) -> Dynamics:
    """Run chains of six monomers at 500 K and watch their bonds."""
    rng = np.random.default_rng(_DYNAMICS_SEED)
    chains = [peg_chain(TEST_LENGTH, rng) for _ in range(_DYNAMICS_CHAINS)]
    steps = round(1000.0 * time_ps / _DYNAMICS_TIMESTEP_FS)
    settings = SamplingSettings.model_validate(
        {
            "timestep_fs": _DYNAMICS_TIMESTEP_FS,
            "temperature_k": TEST_TEMPERATURE_K,
            "max_steps": steps,
            "record_every": 20,
            "bias": None,
            "trigger": None,
        }
    )
    evaluator = potential.evaluator(n_threads=n_threads)
    found, result = sample(chains, evaluator, settings, seed=_DYNAMICS_SEED, on_progress=on_progress)
    whole = {k for k, step in enumerate(result.walkers.step) if step == steps}
    broken = {c.info["start"] for c in found if not intact_bonds(c.positions, TEST_LENGTH)}
    return Dynamics(len(chains), time_ps, TEST_TEMPERATURE_K, len(whole - broken))
