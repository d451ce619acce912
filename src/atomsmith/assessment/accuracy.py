"""Errors of a potential on labelled data, with their distributions by type of configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from atomsmith.assessment.candidates import Candidate
from atomsmith.data.configuration import Configuration
from atomsmith.elements import SYMBOLS
from atomsmith.errors import InputError
from atomsmith.fitting.metrics import errors
from atomsmith.prediction import ForceField, Prediction
from atomsmith.properties.base import Report
from atomsmith.systems import FloatArray, Systems

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
BATCH = 16
"""Configurations that are evaluated at once; between two batches progress is shown."""


def accuracy(
    candidate: Candidate, sets: Mapping[str, Sequence[Configuration]], report: Report
) -> dict[str, Any]:
    """Errors on each set by type of configuration.

    Returns
    -------
    dict
        ``sets``: what `atomsmith.fitting.metrics.ErrorReport.to_dict` gives, with ``distribution`` by type
        (see `distribution`); ``zero_ev``: what was added to the energies, by element.

    Raises
    ------
    InputError
        If there is nothing to compare with, or the potential lacks an element.
    """
    chosen = {name: found for name, found in sets.items() if len(found)}
    if not chosen:
        raise InputError("the system has no data, so that there are no errors; give train or test")
    total, done = sum(map(len, chosen.values())), 0
    zero = energy_zero(candidate, report)
    result: dict[str, Any] = {"sets": {}, "zero_ev": {SYMBOLS[z]: value for z, value in zero.items()}}
    numbers = sorted({z for found in chosen.values() for c in found for z in c.elements})
    with candidate.opened(numbers) as force_field:
        for name, found in chosen.items():
            prediction = predicted(force_field, found, report, done, total)
            shifted = _with_zero(prediction, found, zero)
            result["sets"][name] = {
                **errors(found, shifted).to_dict(),
                "distribution": _by_type(found, shifted),
            }
            done += len(found)
    return result


def energy_zero(candidate: Candidate, report: Report) -> dict[int, float]:
    """Constant for each element in eV that brings the energies to those of the training data; none as given.

    Raises
    ------
    InputError
        If constants are asked for and no training energies are known.
    """
    if candidate.entry.energy_zero == "as_given":
        return {}
    labelled = [c for c in candidate.system.train if c.energy is not None]
    if not labelled:
        raise InputError("energy_zero is fitted, but the system has no training energies")
    elements = sorted({z for c in labelled for z in c.elements})
    with candidate.opened(elements) as force_field:
        found = predicted(force_field, labelled, report, 0, len(labelled)).energy
    counts = np.array([[np.count_nonzero(c.numbers == z) for z in elements] for c in labelled], dtype=float)
    sizes = counts.sum(axis=1)
    missing = np.array([c.energy for c in labelled]) - found
    solved = np.linalg.lstsq(counts / sizes[:, None], missing / sizes, rcond=None)[0]
    return dict(zip(elements, solved.tolist(), strict=True))


def predicted(
    force_field: ForceField, configurations: Sequence[Configuration], report: Report, done: int, total: int
) -> Prediction:
    """Predict batch by batch."""
    parts: list[Prediction] = []
    for start in range(0, len(configurations), BATCH):
        report(done + start, total, "errors on the data")
        parts.append(force_field.predict(Systems.from_configurations(configurations[start : start + BATCH])))
    return Prediction(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("energy", "energies", "forces", "virial")
        )
    )


def _with_zero(
    prediction: Prediction, configurations: Sequence[Configuration], zero: Mapping[int, float]
) -> Prediction:
    if not zero:
        return prediction
    shift = np.array([sum(zero.get(int(z), 0.0) for z in c.numbers) for c in configurations])
    return Prediction(prediction.energy + shift, prediction.energies, prediction.forces, prediction.virial)


def _by_type(configurations: Sequence[Configuration], prediction: Prediction) -> dict[str, Any]:
    first = np.cumsum([0, *(len(c) for c in configurations)])
    types = dict.fromkeys(c.config_type for c in configurations)
    energy: dict[str, list[float]] = {name: [] for name in types}
    forces: dict[str, list[FloatArray]] = {name: [] for name in types}
    for s, c in enumerate(configurations):
        if c.energy is not None:
            energy[c.config_type].append(1000.0 * (prediction.energy[s] - c.energy) / len(c))
        if c.forces is not None:
            forces[c.config_type].append((prediction.forces[first[s] : first[s + 1]] - c.forces).ravel())
    return {name: distribution(np.array(energy[name]), _joined(forces[name])) for name in types}


def _joined(parts: Sequence[FloatArray]) -> FloatArray:
    return np.concatenate(parts) if parts else np.zeros(0)


def distribution(energy_mev: FloatArray, forces: FloatArray) -> dict[str, Any]:
    """Describe errors: every energy, and quantiles of the sizes of force components.

    Parameters
    ----------
    energy_mev
        Errors per atom in meV, one for each configuration.
    forces
        Errors of components in eV/angstrom.
    """
    sizes = np.abs(forces)
    return {
        "energy_mev_per_atom": energy_mev.tolist(),
        "forces_quantiles": np.quantile(sizes, QUANTILES).tolist() if len(sizes) else None,
        "quantiles": list(QUANTILES),
        "forces_mae": float(sizes.mean()) if len(sizes) else None,
        "forces_rmse": float(np.sqrt(np.mean(sizes**2))) if len(sizes) else None,
        "energy_mae": float(np.abs(energy_mev).mean()) if len(energy_mev) else None,
    }
