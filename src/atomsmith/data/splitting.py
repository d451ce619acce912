"""Split a data set into parts: as given by the file, at random within each type, or k-fold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import Field

from atomsmith.data.dataset import Dataset
from atomsmith.data.filtering import near_duplicate_groups
from atomsmith.errors import InputError
from atomsmith.settings import Settings


class SplitSettings(Settings):
    """How a test set is set apart."""

    method: Literal["random", "given"] = Field(
        default="random",
        description="random: a share of every configuration type; given: by a name in the file.",
    )
    test_fraction: float = Field(
        default=0.1, ge=0.0, lt=1.0, description="Share of each configuration type that goes to the test set."
    )
    seed: int = Field(default=0, ge=0, description="Seed of the random choice.")
    key: str = Field(default="split", description="Name of the value that tells the set (method given).")
    test_value: str = Field(default="test", description="Its value for test configurations (method given).")
    keep_twins_together: bool = Field(
        default=True,
        description="Never put one of two equal or symmetry-equivalent structures in the training and the "
        "other in the test set.",
    )


def split(dataset: Dataset, settings: SplitSettings | None = None) -> tuple[Dataset, Dataset]:
    """Split into training and test sets, each in the order of the data set."""
    settings = settings or SplitSettings()
    if settings.method == "given":
        sets = split_given(dataset, settings.key)
        if settings.test_value not in sets:
            raise InputError(
                f"no configuration has {settings.key}={settings.test_value!r}; values there: "
                f"{', '.join(map(repr, sets))}"
            )
        train = [c for c in dataset if str(c.info[settings.key]) != settings.test_value]
        return Dataset(train), sets[settings.test_value]
    return split_random(
        dataset,
        settings.test_fraction,
        settings.seed,
        keep_twins_together=settings.keep_twins_together,
    )


def split_given(dataset: Dataset, key: str = "split") -> dict[str, Dataset]:
    """Sets by the value of ``info[key]``, in order of first appearance.

    Raises
    ------
    InputError
        If a configuration lacks the value.
    """
    members: dict[str, list[int]] = {}
    for k, configuration in enumerate(dataset):
        if key not in configuration.info:
            raise InputError(
                f"configuration {k} ({configuration.config_type}) has no {key!r} to split by; names there: "
                f"{', '.join(configuration.info) or 'none'}"
            )
        members.setdefault(str(configuration.info[key]), []).append(k)
    return {value: dataset[indices] for value, indices in members.items()}


def split_random(
    dataset: Dataset, test_fraction: float, seed: int, *, keep_twins_together: bool = True
) -> tuple[Dataset, Dataset]:
    """Put ``test_fraction`` of every configuration type, chosen at random, in the test set.

    Isolated atoms always stay in the training set. A type's share is rounded, so that a type with a single
    configuration is trained on when the fraction is below one half.
    """
    if not 0.0 <= test_fraction < 1.0:
        raise InputError(f"test_fraction is {test_fraction}; it must be at least 0 and below 1")
    generator = np.random.default_rng(seed)
    test: set[int] = set()
    for indices in _indices_by_type(dataset).values():
        wanted = round(test_fraction * len(indices))
        for unit in _shuffled_units(dataset, indices, generator, keep_twins_together):
            if len(unit) <= wanted:
                test.update(unit)
                wanted -= len(unit)
    everything = range(len(dataset))
    return dataset[[k for k in everything if k not in test]], dataset[sorted(test)]


def k_fold(
    dataset: Dataset, folds: int, seed: int, *, keep_twins_together: bool = True
) -> list[tuple[Dataset, Dataset]]:
    """Training and test sets of k-fold cross-validation, with every type spread over the folds.

    Isolated atoms are in every training set and in no test set.
    """
    movable = sum(len(indices) for indices in _indices_by_type(dataset).values())
    if not 2 <= folds <= movable:
        raise InputError(f"{folds} folds asked for of {movable} configurations; expected 2 to {movable}")
    generator = np.random.default_rng(seed)
    tests: list[list[int]] = [[] for _ in range(folds)]
    for indices in _indices_by_type(dataset).values():
        for unit in _shuffled_units(dataset, indices, generator, keep_twins_together):
            min(tests, key=len).extend(unit)
    everything = range(len(dataset))
    return [
        (dataset[[k for k in everything if k not in test]], dataset[sorted(test)]) for test in map(set, tests)
    ]


def _indices_by_type(dataset: Dataset) -> dict[str, list[int]]:
    indices: dict[str, list[int]] = {}
    for k, configuration in enumerate(dataset):
        if not configuration.is_isolated_atom:
            indices.setdefault(configuration.config_type, []).append(k)
    return indices


def _shuffled_units(
    dataset: Dataset, indices: Sequence[int], generator: np.random.Generator, keep_together: bool
) -> list[list[int]]:
    """Indices in random order, in units that must not be torn apart."""
    if keep_together:
        groups = near_duplicate_groups([dataset[k] for k in indices])
        units = [[indices[k] for k in group] for group in groups]
    else:
        units = [[k] for k in indices]
    return [units[k] for k in generator.permutation(len(units))]
