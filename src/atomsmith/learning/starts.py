"""Starts of the walkers of a round."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase.data import atomic_masses
from pydantic import ValidationError

from atomsmith.data.configuration import Configuration
from atomsmith.errors import InputError
from atomsmith.learning.settings import LearnSettings, mode_sampling
from atomsmith.sampling.integrators import thermalised
from atomsmith.sampling.settings import SamplingSettings
from atomsmith.sampling.state import Walkers
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


def sampling_of(settings: LearnSettings, start: Configuration) -> SamplingSettings:
    """Sampling settings of a walker: the general ones, those of its start's type, and the mode.

    Raises
    ------
    InputError
        If an override is not a valid sampling setting.
    """
    override = settings.walkers.overrides.get(start.config_type)
    sampling = settings.sampling
    if override:
        unknown = sorted(set(override) - set(SamplingSettings.model_fields))
        if unknown:
            raise InputError(
                f"walkers.overrides.{start.config_type}: {unknown[0]!r} is no sampling setting; choose from "
                f"{', '.join(SamplingSettings.model_fields)}."
            )
        try:
            sampling = SamplingSettings.model_validate(sampling.model_dump() | override)
        except ValidationError as error:
            first = error.errors()[0]
            raise InputError(
                f"walkers.overrides.{start.config_type}.{'.'.join(map(str, first['loc']))}: {first['msg']}."
            ) from None
    return mode_sampling(sampling, settings.mode)
