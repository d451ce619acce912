"""Starts: of a run, and of the walkers of a round."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from ase.data import atomic_masses

from atomsmith.data.configuration import Configuration
from atomsmith.data.dataset import Dataset
from atomsmith.data.store import StoredConfiguration
from atomsmith.elements import SYMBOLS
from atomsmith.errors import InputError
from atomsmith.lammps.settings import require_possible
from atomsmith.learning.settings import LEARNED, LearnSettings, mode_sampling, unbiased
from atomsmith.sampling.integrators import thermalised
from atomsmith.sampling.settings import SamplingSettings, common_settings
from atomsmith.sampling.state import Walkers
from atomsmith.settings_file import settings_from_values
from atomsmith.systems import Systems


def choose_starts(n_starts: int, count: int, round_number: int, seed: int) -> list[int]:
    """Choose the starts of a round: each once before any twice, in an order that changes with the round.

    The order runs on from round to round, so that few walkers still visit all starts.
    """
    chosen: list[int] = []
    first = (round_number - 1) * count
    for k in range(first, first + count):
        cycle, place = divmod(k, n_starts)
        chosen.append(int(np.random.default_rng((seed, 101, cycle)).permutation(n_starts)[place]))
    return chosen


def free_walkers(fraction: float, count: int, round_number: int) -> set[int]:
    """Walkers of a round that move without bias and trigger: the last ones, a fraction in the long run."""
    before, after = (int(fraction * count * number + 1e-9) for number in (round_number - 1, round_number))
    return set(range(count - (after - before), count))


def root_types(entries: Iterable[StoredConfiguration]) -> dict[int, str]:
    """Configuration type of the given start that every entry (in order of ids) was found from, by its id."""
    roots: dict[int, str] = {}
    for entry in entries:  # a start comes before what was found from it
        roots[entry.id] = roots.get(entry.origin.get("start", -1), entry.configuration.config_type)
    return roots


def learned(entry: StoredConfiguration) -> bool:
    """Whether a walker found the configuration."""
    return "start" in entry.origin


def make_walkers(
    starts: Sequence[Configuration], sampling: Sequence[SamplingSettings], round_number: int, seed: int
) -> Walkers:
    """Walkers at their starts, with thermal velocities and random streams of their own."""
    systems = Systems.from_configurations(starts)
    ids = [(round_number, walker) for walker in range(len(starts))]
    walkers = Walkers.create(systems, atomic_masses[systems.numbers], seed, ids)
    temperature = np.array([one.temperature_k.start for one in sampling], dtype=np.float64)
    fixed = all(one.fix_centre_of_mass for one in sampling)
    return thermalised(walkers, temperature, fixed)


def read_starts(settings: LearnSettings) -> tuple[Dataset, dict[str, float]]:
    """Structures that learning begins with, and energies of free atoms in eV among them, by symbol.

    Raises
    ------
    InputError
        If there is no structure, or an override of the sampling settings is not valid or names no type.
    """
    start = settings.start
    files = start.files if isinstance(start.files, tuple) else (start.files,)
    everything = Dataset.read(list(files), start.labels, labelled=start.keep_labels)
    structures = Dataset(c for c in everything if not c.is_isolated_atom)
    if len(structures) == 0:
        raise InputError(
            f"start.files ({', '.join(map(str, files))}) hold no structure of more than one atom; give at "
            "least one."
        )
    _check_overrides(settings, structures)
    known = everything.isolated_atom_energies() if start.keep_labels else {}
    return structures, {SYMBOLS[z]: energy for z, energy in known.items()}


def read_independent_tests(settings: LearnSettings, elements: Collection[int]) -> Dataset:
    """Labelled structures that the potential is judged by and that are never fitted; none without a file.

    Raises
    ------
    InputError
        If a file holds no labels, or an element that the starts have not.
    """
    if settings.test is None:
        return Dataset([])
    files = settings.test.files if isinstance(settings.test.files, tuple) else (settings.test.files,)
    found = Dataset.read(list(files), settings.test.labels)
    unknown = [SYMBOLS[z] for z in found.elements if z not in elements]
    if unknown:
        raise InputError(
            f"test.files ({', '.join(map(str, files))}) hold {', '.join(unknown)}, but the starts do not; "
            "add such a start, or leave these structures out."
        )
    return found


def _check_overrides(settings: LearnSettings, starts: Dataset) -> None:
    """Find mistakes before anything is computed."""
    types = list(starts.config_types)
    if settings.walkers.start_from == "all":
        types.append(LEARNED)
    for name in settings.walkers.overrides:
        if name not in types:
            raise InputError(
                f"walkers.overrides names the configuration type {name!r}, but the starts have "
                f"{', '.join(types)}."
            )
        own = sampling_for(settings, name)
        try:
            common_settings([mode_sampling(settings.sampling, settings.mode), own])
            if settings.sampler != "engine":
                require_possible(own)
        except InputError as error:
            raise InputError(f"walkers.overrides.{name}: {error}") from None


def sampling_for(
    settings: LearnSettings, config_type: str, found: bool = False, free: bool = False
) -> SamplingSettings:
    """Sampling settings of a walker: the general ones, those of its start's type, and the mode.

    Parameters
    ----------
    settings
        Of the run.
    config_type
        Type of the given start, also where a walker starts from what was learned from it.
    found
        Whether it starts from something learned.
    free
        Whether it moves without bias and trigger.

    Raises
    ------
    InputError
        If an override is not a valid sampling setting.
    """
    override = override_for(settings.walkers.overrides, config_type, found)
    together = merged(settings.sampling.model_dump(), override)
    sampling = settings_from_values(SamplingSettings, together, f"walkers.overrides.{config_type}")
    sampling = mode_sampling(sampling, settings.mode)
    return unbiased(sampling) if free else sampling


def override_for(overrides: Mapping[str, Mapping[str, Any]], config_type: str, found: bool) -> dict[str, Any]:
    """Settings that differ for starts of a type, and for what was learned from them."""
    special = overrides.get(config_type, {})
    return merged(special, overrides.get(LEARNED, {}) if found else {})


def merged(general: Mapping[str, Any], special: Mapping[str, Any]) -> dict[str, Any]:
    """Return the general settings with the special ones put in, also within nested ones."""
    result = dict(general)
    for key, value in special.items():
        before = result.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            value = merged(before, value)
        result[key] = value
    return result
