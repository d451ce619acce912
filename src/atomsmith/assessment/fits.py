"""Fits of the assessment: each made once, kept beside the items; and fits to parts of the training data."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np

from atomsmith.assessment.candidates import Candidate
from atomsmith.data.dataset import Dataset
from atomsmith.errors import InputError
from atomsmith.fitting.fit import fit_model
from atomsmith.fitting.metrics import errors
from atomsmith.fitting.settings import PotentialSettings
from atomsmith.properties.base import Report
from atomsmith.settings_file.loading import settings_from_values


def fit_candidate(candidate: Candidate, report: Report) -> dict[str, Any]:
    """Fit a candidate to all training data and write it to its place.

    Sizes are written without posterior and committee, which take most of a file. Rows that the fit before
    has made with the same basis are not made again.

    Raises
    ------
    InputError
        If the system has no training data.
    """
    train = candidate.system.train
    if not len(train):
        raise InputError("the system has no training data to fit; give train")
    assert candidate.fit is not None
    cpu = time.process_time()
    result = fit_model(
        train,
        candidate.fit,
        kept=candidate.system.kept,
        progress=lambda done: report(done, len(train), "fit"),
    )
    seconds = time.process_time() - cpu
    potential = result.potential
    if candidate.size:
        n = len(potential.coefficients)
        potential = replace(potential, posterior=None, committee=np.zeros((0, n)))
    potential.save(candidate.store)
    candidate.forget()
    return {
        "cpu_seconds": seconds,
        "n_functions": potential.n_functions,
        "cutoff_angstrom": potential.cutoff,
        "settings": potential.metadata["settings"],
    }


def part_of(dataset: Dataset, fraction: float, seed: int) -> Dataset:
    """Take a part of every type of configuration, in which the parts of smaller fractions are contained.

    A type is never left out altogether, and isolated atoms are always in.
    """
    rng = np.random.default_rng(seed)
    chosen: list[int] = [k for k, c in enumerate(dataset) if c.is_isolated_atom]
    for name in dataset.config_types:
        members = [k for k, c in enumerate(dataset) if c.config_type == name and not c.is_isolated_atom]
        order = rng.permutation(len(members))
        count = max(1, round(fraction * len(members))) if members else 0
        chosen += [members[k] for k in order[:count]]
    return dataset[sorted(chosen)]


def fit_settings(candidate: Candidate) -> PotentialSettings:
    """Return the settings that a candidate is fitted with, here or before.

    A file tells also what its data have settled, such as the weight of virials; parts of them do not settle
    it again.

    Raises
    ------
    InputError
        If it is a file that does not hold them, or was fitted to other data; or if it is a reference.
    """
    if candidate.fit is not None:
        return candidate.fit
    made = candidate.made_with
    if made is None:
        raise InputError(
            "it does not say with which settings it was fitted, so that it has no learning curve; give fit, "
            "fit_file, or the potential.json of a fit"
        )
    if candidate.potential().metadata["data"]["fingerprint"] != candidate.system.fingerprints["train"]:
        raise InputError(
            "it was fitted to other data than train, of which its learning curve would be made; give fit or "
            "fit_file"
        )
    found = settings_from_values(PotentialSettings, made, str(candidate.entry.file))
    return found.model_copy(update={"threads": candidate.threads})


def learning_point(candidate: Candidate, fraction: float, seed: int, report: Report) -> dict[str, Any]:
    """Fit to a part of the training data; errors on all test data.

    With all of them it is the candidate itself, which is fitted before.

    Raises
    ------
    InputError
        If training or test data are missing, or the settings of the fit are not known.
    """
    system = candidate.system
    if not len(system.train) or not len(system.test):
        raise InputError("a learning curve needs training and test data; give train and test")
    settings = fit_settings(candidate).model_copy(update={"committee": 0})
    train = part_of(system.train, fraction, seed)
    if fraction == 1.0:
        potential = candidate.potential()
    else:
        potential = fit_model(
            train,
            settings,
            elements=system.train.elements,
            progress=lambda done: report(done, len(train), "fit"),
        ).potential
    return {
        "configurations": len(train),
        "n_functions": potential.n_functions,
        "train": errors(train, potential.predict(train)).to_dict()["total"],
        "test": errors(system.test, potential.predict(system.test)).to_dict()["total"],
    }
