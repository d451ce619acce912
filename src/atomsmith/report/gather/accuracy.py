"""Errors, parity and calibration of a potential on labelled configurations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atomsmith.data.configuration import Configuration
from atomsmith.data.units import GPA_PER_EV_A3
from atomsmith.evaluator import Evaluator
from atomsmith.fitting.calibration import calibrate
from atomsmith.fitting.metrics import Errors, errors
from atomsmith.potential import Potential
from atomsmith.prediction import Prediction, stress_from_virial
from atomsmith.report.records import Calibration, CalibrationSet, ErrorRow, Parity, Quantity, Split
from atomsmith.systems import FloatArray, Systems

FEWEST = 8
"""Fewer uncertainties than this cannot be judged by their errors."""


@dataclass(frozen=True, eq=False)
class Assessed:
    """Labelled configurations of one split and what a potential says of them.

    Attributes
    ----------
    split
        ``train`` or ``test``.
    configurations
        S configurations with N atoms in all.
    prediction
        Energies, forces, virials.
    energy_std
        Exact posterior standard deviation of the total energies in eV, shape (S,); None without posterior.
    forces_std
        RMS deviation of the committee's forces from the mean model's in eV/angstrom, shape (N, 3);
        None without committee.
    """

    split: Split
    configurations: tuple[Configuration, ...]
    prediction: Prediction
    energy_std: FloatArray | None
    forces_std: FloatArray | None

    @property
    def counts(self) -> NDArray[np.int64]:
        """Atoms of each configuration, shape (S,)."""
        return np.array([c.n_atoms for c in self.configurations], dtype=np.int64)

    @property
    def first(self) -> NDArray[np.int64]:
        """Offsets of the atoms of each configuration, shape (S + 1,)."""
        return np.concatenate([[0], np.cumsum(self.counts)]).astype(np.int64)

    def forces_of(self, index: int) -> FloatArray:
        """Predicted forces of one configuration, shape (atoms, 3)."""
        forces: FloatArray = self.prediction.forces[self.first[index] : self.first[index + 1]]
        return forces


def assess(
    potential: Potential, configurations: Sequence[Configuration], split: Split, n_threads: int = 1
) -> Assessed | None:
    """Predict labelled configurations with their uncertainty; None if there is none."""
    labelled = tuple(c for c in configurations if c.labels)
    if not labelled:
        return None
    evaluator = Evaluator(potential, skin=0.0, n_threads=n_threads)
    systems = Systems.from_configurations(labelled)
    forces_std = None
    if evaluator.n_members:
        both = evaluator.predict_committee(systems)
        prediction = both.mean
        forces_std = np.sqrt(np.square(both.members.forces - prediction.forces).mean(axis=0))
    else:
        prediction = evaluator.predict(systems)
    energy_std = None
    if potential.posterior is not None:
        energy_std = potential.posterior.std(evaluator.feature_sums(systems)[0])
    return Assessed(split, labelled, prediction, energy_std, forces_std)


def error_rows(assessed: Assessed) -> list[ErrorRow]:
    """Errors in all, and by configuration type where there are several."""
    report = errors(assessed.configurations, assessed.prediction)
    rows = [error_row("all", assessed.split, report.total)]
    if len(report.by_type) > 1:
        rows += [error_row(name, assessed.split, value) for name, value in report.by_type.items()]
    return rows


def error_row(config_type: str, split: Split, value: Errors) -> ErrorRow:
    """One row of the error table."""
    energy, forces, stress = value.energy, value.forces, value.stress
    return ErrorRow(
        config_type=config_type,
        split=split,
        n_configurations=value.n_configurations,
        n_atoms=value.n_atoms,
        energy_mae_mev=None if energy is None else energy.mae,
        energy_rmse_mev=None if energy is None else energy.rmse,
        forces_mae=None if forces is None else forces.mae,
        forces_rmse=None if forces is None else forces.rmse,
        stress_mae_gpa=None if stress is None else stress.mae,
        stress_rmse_gpa=None if stress is None else stress.rmse,
    )


def parities(assessed: Assessed) -> list[Parity]:
    """Reference against prediction of energy, forces and stress, as far as there are labels."""
    types = tuple(dict.fromkeys(c.config_type for c in assessed.configurations))
    first, counts = assessed.first, assessed.counts
    volumes = np.array([c.volume for c in assessed.configurations])
    stresses = stress_from_virial(assessed.prediction.virial, volumes)
    values: dict[Quantity, list[tuple[int, FloatArray, FloatArray]]] = {
        "energy": [],
        "forces": [],
        "stress": [],
    }
    for s, c in enumerate(assessed.configurations):
        code = types.index(c.config_type)
        if c.energy is not None:
            predicted = assessed.prediction.energy[s : s + 1] / counts[s]
            values["energy"].append((code, np.array([c.energy / counts[s]]), predicted))
        if c.forces is not None:
            predicted = assessed.prediction.forces[first[s] : first[s + 1]].ravel()
            values["forces"].append((code, c.forces.ravel(), predicted))
        if c.stress is not None:
            values["stress"].append((code, GPA_PER_EV_A3 * c.stress, GPA_PER_EV_A3 * stresses[s]))
    return [
        Parity(
            quantity=quantity,
            split=assessed.split,
            reference=np.concatenate([reference for _, reference, _ in parts]),
            predicted=np.concatenate([predicted for _, _, predicted in parts]),
            config_type=np.concatenate([np.full(len(reference), code) for code, reference, _ in parts]),
            config_types=types,
        )
        for quantity, parts in values.items()
        if parts
    ]


def calibrations(assessed: Assessed) -> list[Calibration]:
    """Predicted standard deviations of energies per atom and forces against the true errors."""
    found = []
    if assessed.energy_std is not None:
        known = [s for s, c in enumerate(assessed.configurations) if c.energy is not None]
        counts = assessed.counts[known]
        reference = np.array([assessed.configurations[s].energy for s in known], dtype=np.float64)
        error = (assessed.prediction.energy[known] - reference) / counts
        found.append(calibration("energy", assessed.split, assessed.energy_std[known] / counts, error))
    if assessed.forces_std is not None:
        first = assessed.first
        std, error_parts = [np.zeros(0)], [np.zeros(0)]
        for s, c in enumerate(assessed.configurations):
            if c.forces is not None:
                std.append(assessed.forces_std[first[s] : first[s + 1]].ravel())
                error_parts.append((assessed.forces_of(s) - c.forces).ravel())
        found.append(calibration("forces", assessed.split, np.concatenate(std), np.concatenate(error_parts)))
    return [one for one in found if one is not None]


def calibration(
    quantity: Quantity, split: CalibrationSet, predicted_std: FloatArray, true_error: FloatArray
) -> Calibration | None:
    """Figure and scores; None where fewer than `FEWEST` values have an uncertainty above zero."""
    if np.count_nonzero(predicted_std > 0.0) < FEWEST:
        return None
    judged = calibrate(predicted_std, true_error)
    scores: dict[str, float | None] = {
        "factor on σ that calibrates": judged.scale_factor,
        "expected normalised calibration error": judged.ence,
        "rank correlation of σ and |error|": _finite(judged.spearman),
        "errors within 1 σ (0.683 if calibrated)": judged.within_1_sigma,
        "errors within 2 σ (0.954 if calibrated)": judged.within_2_sigma,
    }
    return Calibration(quantity, split, predicted_std, true_error, scores)


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
