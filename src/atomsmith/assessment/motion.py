"""Errors where dynamics go: snapshots of runs at parts of the melting point, labelled by a reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from atomsmith.assessment.accuracy import distribution, predicted
from atomsmith.assessment.candidates import Candidate
from atomsmith.assessment.cost import repeated
from atomsmith.assessment.settings import MotionSettings
from atomsmith.assessment.structures import from_values, to_values
from atomsmith.data.configuration import Configuration
from atomsmith.errors import InputError
from atomsmith.prediction import ForceField
from atomsmith.properties.base import Report
from atomsmith.properties.lattice import settle
from atomsmith.properties.snapshots import snapshots
from atomsmith.systems import FloatArray


def drive(
    candidate: Candidate,
    crystal: Configuration,
    melting_point_k: float,
    settings: MotionSettings,
    report: Report,
) -> dict[str, Any]:
    """Take snapshots of dynamics on a potential, from its own relaxed crystal.

    Returns
    -------
    dict
        ``snapshots`` (see `atomsmith.assessment.structures`), ``wanted``, and ``problems``: sentences on
        runs that left physics.

    Raises
    ------
    InputError
        If the crystal does not relax.
    """
    temperatures = [fraction * melting_point_k for fraction in settings.fractions]
    with candidate.opened(crystal.elements) as force_field:
        relaxed, problems = settle(force_field, crystal)
        if relaxed.problem is not None:
            raise InputError(f"the crystal did not relax: {relaxed.problem}; there are no dynamics from it")
        taken = snapshots(
            force_field,
            repeated(relaxed.configuration, settings.atoms),
            temperatures,
            count=settings.count,
            every_ps=settings.every_ps,
            equilibration_ps=settings.equilibration_ps,
            timestep_fs=settings.timestep_fs,
            seed=settings.seed,
            report=report,
        )
    for fraction, temperature in zip(settings.fractions, temperatures, strict=True):
        found = sum(c.info["temperature_k"] == temperature for c in taken)
        if found < settings.count:
            problems.append(
                f"at {fraction:g} of the melting point ({temperature:.0f} K) the atoms left physics: "
                f"{found} of {settings.count} snapshots"
            )
    return {
        "snapshots": [to_values(c) for c in taken],
        "wanted": settings.count * len(temperatures),
        "problems": problems,
    }


def judge(
    force_field: ForceField, driven: Mapping[str, Any], chosen: slice, report: Report
) -> dict[str, Any]:
    """Energies and forces of some of the snapshots by what is taken for right.

    Returns
    -------
    dict
        ``energies`` in eV and ``forces`` in eV/angstrom, one each snapshot; fewer than chosen where the
        dynamics ended early.

    Raises
    ------
    InputError
        If there is no snapshot at all.
    """
    if not driven["snapshots"]:
        raise InputError("there are no snapshots, because the dynamics left physics at once")
    configurations = [from_values(values) for values in driven["snapshots"][chosen]]
    if not configurations:
        return {"energies": [], "forces": []}
    prediction = predicted(force_field, configurations, report, 0, len(configurations))
    first = np.cumsum([0, *(len(c) for c in configurations)])
    return {
        "energies": prediction.energy.tolist(),
        "forces": [prediction.forces[a:b].tolist() for a, b in pairwise(first)],
    }


def deviations(
    candidate: Candidate, driven: Mapping[str, Any], truth: Mapping[str, Any], report: Report
) -> dict[str, Any]:
    """Errors of a candidate on labelled snapshots, in all and by temperature.

    The mean difference of the energies is taken off: a reference of another kind has another zero, and
    dynamics feel none of it.

    Returns
    -------
    dict
        By temperature in kelvin (as text), and ``all``: see `atomsmith.assessment.accuracy.distribution`,
        with the standard error of ``forces_mae`` as ``forces_mae_error``.
    """
    configurations = [from_values(values) for values in driven["snapshots"]]
    with candidate.opened(sorted({z for c in configurations for z in c.elements})) as force_field:
        prediction = predicted(force_field, configurations, report, 0, len(configurations))
    sizes = np.array([len(c) for c in configurations])
    energy = 1000.0 * (prediction.energy - np.array(truth["energies"])) / sizes
    energy -= energy.mean()
    first = np.cumsum([0, *sizes])
    errors = [
        (prediction.forces[first[s] : first[s + 1]] - np.array(forces)).ravel()
        for s, forces in enumerate(truth["forces"])
    ]
    temperatures = np.array([c.info["temperature_k"] for c in configurations])
    groups: dict[str, Sequence[int]] = {"all": range(len(configurations))}
    groups |= {f"{t:.0f}": np.flatnonzero(temperatures == t).tolist() for t in np.unique(temperatures)}
    means = np.array([np.abs(one).mean() for one in errors])
    return {
        name: {
            **distribution(energy[list(members)], np.concatenate([errors[s] for s in members])),
            "forces_mae_error": standard_error(means[list(members)], temperatures[list(members)]),
        }
        for name, members in groups.items()
    }


def standard_error(values: FloatArray, groups: FloatArray) -> float | None:
    """Give the standard error of a mean of values that were drawn group by group.

    What differs from group to group was chosen, not drawn, and is no error of the mean.

    Parameters
    ----------
    values
        One for each snapshot.
    groups
        What each belongs to, such as its temperature.

    Returns
    -------
    float or None
        None if a group has a single value, whose scatter is unknown.
    """
    variance = 0.0
    for group in np.unique(groups):
        members = values[groups == group]
        if len(members) < 2:
            return None
        variance += len(members) * float(members.var(ddof=1))
    return float(np.sqrt(variance)) / len(values)
