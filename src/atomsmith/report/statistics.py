"""The few statistics that figures and findings share."""

from __future__ import annotations

from collections.abc import Iterable
from math import erf, sqrt

import numpy as np

from atomsmith.report.records import Calibration, CalibrationSet
from atomsmith.systems import FloatArray

#: What the sets of a calibration are called in sentences.
SET_NAMES: dict[CalibrationSet, str] = {
    "train": "training set",
    "test": "test set",
    "new": "new configurations before they were labelled",
}


def valid_pairs(calibration: Calibration) -> tuple[FloatArray, FloatArray]:
    """Predicted standard deviations and absolute errors where both are finite and the first positive."""
    std, error = calibration.predicted_std, np.abs(calibration.true_error)
    valid = np.isfinite(std) & np.isfinite(error) & (std > 0.0)
    return std[valid], error[valid]


def coverage(calibration: Calibration, n_levels: int = 51) -> tuple[FloatArray, FloatArray]:
    """Nominal and observed fraction of errors within the central Gaussian interval, shape (n_levels,).

    A calibrated model observes what it promises (Kuleshov, Fenner, Ermon, ICML 2018, Eq. 7).
    """
    std, error = valid_pairs(calibration)
    # P(|z| < |error|/std) for a unit Gaussian: an error lies in every interval wider than this level.
    levels = np.array([erf(z / sqrt(2.0)) for z in (error / std).tolist()])
    nominal = np.linspace(0.0, 1.0, n_levels)
    if len(levels) == 0:
        return nominal, np.full(n_levels, np.nan)
    observed = np.searchsorted(np.sort(levels), nominal, side="right") / len(levels)
    return nominal, observed


def miscalibration_area(calibration: Calibration) -> float:
    """Area between the coverage curve and the diagonal: 0 is calibrated, 0.5 the worst."""
    nominal, observed = coverage(calibration)
    return float(np.mean(np.abs(observed - nominal)))


def spread_ratio(calibration: Calibration) -> float:
    """RMS true error over RMS predicted standard deviation: above 1 the model is overconfident."""
    std, error = valid_pairs(calibration)
    return float(np.sqrt(np.mean(error**2) / np.mean(std**2))) if len(std) else float("nan")


def within_deviation(calibration: Calibration) -> float:
    """Fraction of errors within one predicted standard deviation; 0.683 for a calibrated Gaussian."""
    std, error = valid_pairs(calibration)
    return float(np.mean(error <= std)) if len(std) else float("nan")


def binned_errors(calibration: Calibration, n_bins: int = 12) -> tuple[FloatArray, FloatArray]:
    """RMS predicted deviation and RMS error in bins of equal count of the predicted deviation."""
    std, error = valid_pairs(calibration)
    order = np.argsort(std, kind="stable")
    groups = [g for g in np.array_split(order, min(n_bins, max(1, len(order) // 10))) if len(g)]
    x = np.array([np.sqrt(np.mean(std[g] ** 2)) for g in groups])
    y = np.array([np.sqrt(np.mean(error[g] ** 2)) for g in groups])
    return x, y


def evenly(count: int, most: int) -> list[int]:
    """At most ``most`` indices out of ``range(count)``, evenly spread, first and last among them."""
    if count <= most:
        return list(range(count))
    return sorted(set(np.linspace(0, count - 1, most).round().astype(int).tolist()))


def first_of_each(names: Iterable[str]) -> list[int]:
    """Index of the first occurrence of every name, in order."""
    seen: dict[str, int] = {}
    for index, name in enumerate(names):
        seen.setdefault(name, index)
    return list(seen.values())
