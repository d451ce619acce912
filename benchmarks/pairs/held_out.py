"""Training sets of the pairs without every fifth configuration, and errors of fits on those."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from atomsmith import Dataset
from atomsmith.fitting.fit import fit_model
from atomsmith.fitting.metrics import errors
from atomsmith.fitting.settings import PotentialSettings
from benchmarks.pairs.run import share_of


def held_out(element: str, share: float = 1.0) -> tuple[Dataset, Dataset]:
    """Configurations to fit and to judge by, of a share of an element's training set.

    The one with the largest force is fitted.
    """
    folder = Path(os.environ["ATOMSMITH_DATA"]) / "data" / "mlearn"
    folder = folder if folder.is_dir() else Path(os.environ["ATOMSMITH_DATA"])
    data = list(share_of(Dataset.read(folder / f"{element}_train.xyz.gz"), share))
    judges = np.arange(len(data)) % 5 == 2
    judges[int(np.argmax([np.abs(np.asarray(c.forces)).max() for c in data]))] = False
    train, rest = (
        Dataset(c for c, out in zip(data, judges, strict=True) if out == wanted) for wanted in (0, 1)
    )
    return train, rest


def judged(settings: PotentialSettings, train: Dataset, judges: Dataset) -> tuple[list[float], float | None]:
    """Mean absolute errors (meV/atom, eV/angstrom, GPa) of a fit, and its weight of virials."""
    potential = fit_model(train, settings).potential
    found = errors(judges, potential.predict(judges)).total
    kinds = (found.energy, found.forces, found.stress)
    weight = potential.metadata["settings"]["weights"]["virial"]
    return [np.nan if kind is None else kind.mae for kind in kinds], weight
