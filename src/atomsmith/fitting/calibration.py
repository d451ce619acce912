"""How honest predicted standard deviations are: reliability table and scores."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri
from scipy.stats import rankdata

from atomsmith.errors import InputError
from atomsmith.systems import FloatArray

# Share of the root mean square below which a deviation is nothing but rounding of a zero.
_VANISHING = 1.0e-6


@dataclass(frozen=True)
class ReliabilityBin:
    """Values of similar predicted std: their number, rms predicted std and rms true error."""

    n: int
    predicted: float
    observed: float


@dataclass(frozen=True)
class Calibration:
    """Scores of predicted standard deviations sigma against true errors e, all in the unit of the errors.

    Attributes
    ----------
    n
        Number of values.
    n_excluded
        Values left out because sigma vanishes (below 1e-6 of its root mean square): forces that are zero
        by symmetry, whose errors are rounding in the labels.
    scale_factor
        Factor on sigma that makes the errors most probable, sqrt(mean((e / sigma)^2)); 1 is perfect, above 1
        the uncertainty is too small.
    ence
        Expected normalised calibration error, mean over bins of |rms sigma - rms e| / rms sigma (Levi et al.,
        Sensors 22, 5540 (2022)); 0 is perfect.
    miscalibration_area
        Area between the observed and expected shares of errors inside central normal intervals (Tran et al.,
        Mach. Learn.: Sci. Technol. 1, 025006 (2020)); 0 is perfect, 0.5 the worst.
    spearman
        Rank correlation of sigma with |e|; NaN where either is constant.
    within_1_sigma, within_2_sigma
        Shares of |e| <= sigma and <= 2 sigma; 0.683 and 0.954 for normal errors.
    rms_predicted, rms_error
        Root mean squares of sigma and e.
    reliability
        Bins of equal size by ascending sigma.
    """

    n: int
    n_excluded: int
    scale_factor: float
    ence: float
    miscalibration_area: float
    spearman: float
    within_1_sigma: float
    within_2_sigma: float
    rms_predicted: float
    rms_error: float
    reliability: tuple[ReliabilityBin, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain, JSON-safe values (NaN becomes None)."""
        data = asdict(self)
        data["reliability"] = list(data["reliability"])
        return {k: None if isinstance(v, float) and np.isnan(v) else v for k, v in data.items()}


def calibrate(predicted_std: ArrayLike, errors: ArrayLike, n_bins: int = 10) -> Calibration:
    """Judge predicted standard deviations by true errors.

    Parameters
    ----------
    predicted_std
        Standard deviations, any shape (force components may stay (N, 3)).
    errors
        Prediction minus reference, same shape.
    n_bins
        Most bins of the reliability table; fewer where there are fewer values.

    Raises
    ------
    InputError
        Where shapes differ, values are negative or not finite, or every sigma is zero.
    """
    sigma, error, excluded = _checked(predicted_std, errors)
    if n_bins < 1:
        raise InputError(f"A reliability table needs at least one bin, found {n_bins}.")
    bins = _reliability(sigma, error, n_bins)
    ratio = np.abs(error) / sigma
    return Calibration(
        n=len(sigma),
        n_excluded=excluded,
        scale_factor=_rms(ratio),
        ence=float(np.mean([abs(b.predicted - b.observed) / b.predicted for b in bins])),
        miscalibration_area=_miscalibration_area(ratio),
        spearman=_spearman(sigma, np.abs(error)),
        within_1_sigma=float((ratio <= 1.0).mean()),
        within_2_sigma=float((ratio <= 2.0).mean()),
        rms_predicted=_rms(sigma),
        rms_error=_rms(error),
        reliability=bins,
    )


def _checked(predicted_std: ArrayLike, errors: ArrayLike) -> tuple[FloatArray, FloatArray, int]:
    """Flat sigma and errors where sigma does not vanish, and how many do."""
    sigma = np.asarray(predicted_std, dtype=np.float64).ravel()
    error = np.asarray(errors, dtype=np.float64).ravel()
    if np.shape(predicted_std) != np.shape(errors):
        raise InputError(
            f"Predicted deviations have the shape {np.shape(predicted_std)} and errors {np.shape(errors)}; "
            "one for each is expected."
        )
    if not (np.isfinite(sigma).all() and np.isfinite(error).all()) or (sigma < 0.0).any():
        raise InputError("Predicted deviations must be finite and not negative, and errors finite.")
    known = sigma > _VANISHING * _rms(sigma) if len(sigma) else np.zeros(0, dtype=np.bool_)
    if not known.any():
        raise InputError("No value has a predicted deviation above zero; calibration has nothing to judge.")
    return sigma[known], error[known], int((~known).sum())


def _rms(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _reliability(sigma: FloatArray, error: FloatArray, n_bins: int) -> tuple[ReliabilityBin, ...]:
    """Bins of equal size by ascending sigma."""
    order = np.argsort(sigma, kind="stable")
    parts = np.array_split(order, min(n_bins, len(order)))
    return tuple(ReliabilityBin(len(part), _rms(sigma[part]), _rms(error[part])) for part in parts)


def _miscalibration_area(ratio: FloatArray) -> float:
    """Integral over p of |share of errors inside the central p interval - p|, by the midpoint rule."""
    p = (np.arange(1000) + 0.5) / 1000.0
    inside = np.searchsorted(np.sort(ratio), ndtri(0.5 + 0.5 * p), side="right") / len(ratio)
    return float(np.abs(inside - p).mean())


def _spearman(a: FloatArray, b: FloatArray) -> float:
    """Rank correlation, ties averaged; NaN where one side is constant."""
    ranks_a, ranks_b = rankdata(a) - 0.5 * (len(a) + 1), rankdata(b) - 0.5 * (len(b) + 1)
    norm = float(np.sqrt((ranks_a @ ranks_a) * (ranks_b @ ranks_b)))
    return float(ranks_a @ ranks_b) / norm if norm > 0.0 else float("nan")
