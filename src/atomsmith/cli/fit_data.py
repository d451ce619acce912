"""What `atomsmith fit` fits and tests with, and what it leaves out or refuses of it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from atomsmith.errors import InputError

if TYPE_CHECKING:
    from atomsmith.data.dataset import Dataset
    from atomsmith.fitting.settings import DataSettings, FitSettings


@dataclass(frozen=True)
class FitData:
    """Configurations of a fit.

    Attributes
    ----------
    train, test
        What is fitted, and what the potential is judged by.
    remarks
        What was left out of them, in sentences.
    """

    train: Dataset
    test: Dataset
    remarks: list[str]


def files_of(data: DataSettings) -> list[Path]:
    """All files that are read."""
    given = [one for one in (data.train, data.test) if one is not None]
    return [file for one in given for file in ([one] if isinstance(one, Path) else one)]


def read_data(settings: FitSettings, place: Path) -> FitData:
    """Read the data of a fit, and say what is left out of them.

    Parameters
    ----------
    settings
        Of the fit.
    place
        Where they stand, for messages.

    Raises
    ------
    InputError
        If nothing is left to fit or to test with, weights name types that the data do not have, or the test
        holds elements that the potential will not know.
    """
    train, test = _training_and_test(settings.data)
    kept, remarks = _unseen(train, test, place)
    _require_known_types(settings.weights.types, train)
    taught, spare = _taught(train)
    _require_known_elements(taught, kept)
    return FitData(taught, kept, remarks + spare)


def _training_and_test(data: DataSettings) -> tuple[Dataset, Dataset]:
    """Read the files of a fit: training set (filtered) and test set (its files and what is split off)."""
    from atomsmith import Dataset

    train = Dataset.read(data.train, data.labels)
    test = Dataset.read(data.test, data.labels) if data.test is not None else Dataset()
    if data.split is not None:
        train, held_out = train.split(data.split)
        test = test + held_out
    if data.filter is not None:
        filtered = train.filter(data.filter)
        if filtered.dropped:
            first = filtered.dropped[0]
            _say(
                f"left out {len(filtered.dropped)} of {len(train)} training configurations, "
                f"the first: {first.reason}"
            )
        train = filtered.kept
        if not train:
            raise InputError(
                "data.filter leaves out every training configuration; raise its limits, or check the units "
                "of the labels."
            )
    return train, test


def _unseen(train: Dataset, test: Dataset, place: Path) -> tuple[Dataset, list[str]]:
    """Test configurations that are not in the training set as well, and a remark if some were left out."""
    kept = test.without_structures_of(train)
    if len(kept) == len(test):
        return test, []
    if not kept:
        raise InputError(
            f"{place}: all {len(test)} configurations of 'data.test' are in 'data.train' as well, so that "
            "their errors test nothing; give others, or leave it out."
        )
    remark = (
        f"{len(test) - len(kept)} of {len(test)} test configurations are in the training set as well and "
        "were left out of the test"
    )
    _say(remark)
    return kept, [f"{remark}."]


def _taught(train: Dataset) -> tuple[Dataset, list[str]]:
    """Training configurations of the elements that the potential will know, and a remark on others."""
    from atomsmith.elements import SYMBOLS

    kept = train.without_lone_elements()
    if len(kept) == len(train):
        return train, []
    names = ", ".join(SYMBOLS[z] for z in train.elements if z not in kept.elements)
    remark = f"isolated atoms of {names} were left out, as no other training configuration holds these"
    _say(remark)
    return kept, [f"{remark[0].upper()}{remark[1:]}."]


def _require_known_elements(train: Dataset, test: Dataset) -> None:
    """Refuse test configurations that the potential will not be able to predict."""
    from atomsmith.elements import SYMBOLS

    missing = [SYMBOLS[z] for z in test.elements if z not in train.elements]
    if missing:
        raise InputError(
            f"data.test: the test configurations hold {', '.join(missing)}, which no training configuration "
            "does; leave them out, or add such configurations to data.train."
        )


def _require_known_types(weighted: Iterable[str], train: Dataset) -> None:
    """Refuse weights of a configuration type that the data do not have: a slip would change nothing."""
    for name in weighted:
        if name not in train.config_types:
            near = difflib.get_close_matches(name, train.config_types, n=1)
            hint = f"perhaps {near[0]!r} is meant" if near else f"they have {', '.join(train.config_types)}"
            raise InputError(f"weights.types: no training configuration is of the type {name!r}; {hint}.")


def _say(remark: str) -> None:
    from atomsmith.cli.output import console

    console().print(remark, markup=False)
