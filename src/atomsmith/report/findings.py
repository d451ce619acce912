"""What the numbers say, in sentences: derived from the sections, good news and bad alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase.data import atomic_numbers, covalent_radii

from atomsmith.report.figures.timings import duration
from atomsmith.report.html import number
from atomsmith.report.records import (
    Calibration,
    CalibrationSet,
    ErrorRow,
    HeadlineNumber,
    PairCurve,
    ReportData,
    Split,
    Verdict,
)
from atomsmith.report.statistics import SET_NAMES, spread_ratio, valid_pairs, within_deviation

#: Reasons of walkers that have not stopped.
UNFINISHED = ("", "still running")
#: Parts of the reasons of walkers that met what the potential does not know.
UNKNOWN = ("uncertain", "unseen", "extrapolation")
#: Test errors beyond this many times the training errors are called overfitting.
OVERFIT = 2.0
#: RMS error over RMS predicted deviation within these bounds counts as calibrated.
CALIBRATED = (0.67, 1.5)
#: Share of Gaussian errors within one standard deviation, and how far an observed share may be from it.
ONE_DEVIATION, COVERAGE = 0.6827, 0.1
#: A type whose force error exceeds the average by this factor is named.
HARD_TYPE = 1.5
#: Below this fraction of the shortest distance seen (or of the covalent radii's sum) a pair must repel.
CORE = 0.75
#: How much deeper, in eV, a pair may lie below the distances of the data than anywhere beyond.
DEPTH = 1.0
#: A fit still holds down to this fraction of the shortest distance in its data: there its repulsion begins,
#: and from there on the fit itself looks for holes.
REACH = 0.95
#: Energy errors of fewer test configurations (one value each) cannot tell overfitting from chance.
FEW = 10


def headline_numbers(data: ReportData) -> list[HeadlineNumber]:
    """Return the caller's numbers, then those that the sections give: errors, labels, basis size, time."""
    numbers = list(data.headline)
    row = overall(data, "test") or overall(data, "train")
    if row is not None:
        which = "held-out test set" if row.split == "test" else "fitted training set, no test"
        note = f"{which}, {row.n_configurations:,} configurations"
        for label, value, unit in (
            ("Energy RMSE", row.energy_rmse_mev, "meV/atom"),
            ("Force RMSE", row.forces_rmse, "eV/Å"),
            ("Stress RMSE", row.stress_rmse_gpa, "GPa"),
        ):
            if value is not None:
                numbers.append(HeadlineNumber(label, number(value), unit, note))
    if data.learning_curve:
        last = max(data.learning_curve, key=lambda point: point.round)
        rounds = len({point.round for point in data.learning_curve})
        numbers.append(HeadlineNumber("Labels", f"{last.n_labels:,}", "", f"after {rounds:,} fits"))
    if data.coefficients is not None:
        numbers.append(HeadlineNumber("Coefficients", f"{len(data.coefficients.order):,}"))
    if data.timings:
        total = sum(timing.seconds for timing in data.timings)
        numbers.append(HeadlineNumber("Wall time", duration(total), "", "all parts together"))
    return numbers


def verdicts(data: ReportData) -> list[Verdict]:
    """Return the caller's sentences and those derived here, problems first."""
    found = [
        *data.verdicts,
        *_error_verdicts(data),
        *(_calibration_verdict(data.calibration, split) for split in ("test", "new")),
        *_core_verdicts(data.pair_curves),
        *_loop_verdicts(data),
    ]
    tones = ("bad", "warning", "good", "note")
    return sorted((verdict for verdict in found if verdict is not None), key=lambda v: tones.index(v.tone))


def overall(data: ReportData, split: Split) -> ErrorRow | None:
    """Return the row of all configurations of a split: named ``all``, or the only one there is."""
    rows = [row for row in data.errors if row.split == split]
    named = [row for row in rows if row.config_type == "all"]
    if named:
        return named[0]
    return rows[0] if len(rows) == 1 else None


def type_order(data: ReportData) -> list[str]:
    """Return the configuration types in one order for the whole page, so that each keeps its colour."""
    names = [row.config_type for row in data.errors if row.config_type != "all"]
    names += [name for parity in data.parity for name in parity.config_types if name != "all"]
    names += [structure.config_type for structure in data.structures]
    return list(dict.fromkeys(names))


def _error_verdicts(data: ReportData) -> list[Verdict]:
    train, test = overall(data, "train"), overall(data, "test")
    if test is None:
        if train is None:
            return []
        return [Verdict("warning", "There is no test set: the errors are those of the data fitted to.")]
    found = []
    for what, trained, tested in (
        ("force", train and train.forces_rmse, test.forces_rmse),
        ("energy", train and train.energy_rmse_mev, test.energy_rmse_mev),
    ):
        if trained and tested and (what == "force" or test.n_configurations >= FEW):
            ratio = tested / trained
            text = f"The {what} error on the test set is {ratio:.2f} times that on the training set"
            if ratio <= OVERFIT:
                found.append(Verdict("good", f"{text}: no sign of overfitting."))
            else:
                found.append(Verdict("warning", f"{text}: the fit follows its training data."))
    rows = [r for r in data.errors if r.split == "test" and r is not test and r.forces_rmse is not None]
    worst = max(rows, key=lambda row: row.forces_rmse or 0.0, default=None)
    if worst is not None and test.forces_rmse and (worst.forces_rmse or 0.0) > HARD_TYPE * test.forces_rmse:
        found.append(
            Verdict(
                "note",
                f"The hardest type is '{worst.config_type}': force RMSE {number(worst.forces_rmse)} eV/Å, "
                f"{(worst.forces_rmse or 0.0) / test.forces_rmse:.1f} times the average.",
            )
        )
    return found


def _calibration_verdict(calibrations: Sequence[Calibration], split: CalibrationSet) -> Verdict | None:
    """One sentence on all quantities of a set; the worst of them decides."""
    known = [c for c in calibrations if c.split == split and np.isfinite(spread_ratio(c))]
    ratios = {c.quantity: spread_ratio(c) for c in known}
    if not ratios:
        return None
    low, high = CALIBRATED
    each = " and ".join(f"{ratio:.2f} ({quantity})" for quantity, ratio in ratios.items())
    text = f"Errors on the {SET_NAMES[split]} are {each} times the predicted uncertainty (RMS)"
    disagreeing = [c for c in known if _by_spread(c) != _by_coverage(c)]
    if disagreeing:
        within = " and ".join(f"{100 * within_deviation(c):.0f} % ({c.quantity})" for c in disagreeing)
        return Verdict(
            "warning" if max(ratios.values()) > high else "note",
            f"{text}, while {within} of them lie within one predicted standard deviation, where 68 % should: "
            f"mixed, {_shape(disagreeing[0])}.",
        )
    if max(ratios.values()) > high:
        return Verdict("warning", f"{text}: the potential is overconfident.")
    if min(ratios.values()) < low:
        return Verdict("note", f"{text}: the potential is more cautious than it need be.")
    return Verdict("good", f"{text}: the uncertainty can be taken at its word.")


def _by_spread(calibration: Calibration) -> int:
    """1 overconfident, 0 calibrated, -1 cautious, by the RMS of errors and predicted deviations."""
    low, high = CALIBRATED
    ratio = spread_ratio(calibration)
    return int(ratio > high) - int(ratio < low)


def _by_coverage(calibration: Calibration) -> int:
    """The same by the share of errors within one predicted deviation, as far as their number tells."""
    std, _ = valid_pairs(calibration)
    within = within_deviation(calibration)
    chance = 2.0 * np.sqrt(ONE_DEVIATION * (1.0 - ONE_DEVIATION) / len(std))
    margin = max(COVERAGE, float(chance))
    return int(within < ONE_DEVIATION - margin) - int(within > ONE_DEVIATION + margin)


def _shape(calibration: Calibration) -> str:
    if _by_coverage(calibration) < _by_spread(calibration):
        return "most errors are smaller than predicted and a few much larger"
    return "many errors are larger than predicted, but none by much"


def attractive_hole(curve: PairCurve) -> float | None:
    """Distance in angstrom of a hole below the distances of the data, or None.

    A hole attracts below `CORE` times the shortest distance in the data or the sum of covalent radii, if that
    is less (atoms that only meet across a molecule may still bond), or lies deeper by more than `DEPTH` than
    anything at the distances where the fit holds (`REACH`). The minimum of a free dimer just inside the
    shortest distance is none: carbon monoxide is shorter than any C-O bond of a larger molecule.
    """
    assert curve.force is not None  # supplied by the record itself
    bond = sum(covalent_radii[atomic_numbers[symbol]] for symbol in curve.elements)
    reach = curve.shortest or bond
    known = REACH * reach
    deepest = float(curve.energy[curve.r >= known].min(initial=0.0))
    attracts = (curve.r < CORE * min(reach, bond)) & (curve.force < 0.0)
    deep = (curve.r < known) & (curve.energy < deepest - DEPTH)
    hole = curve.r[attracts | deep]
    return float(hole[-1]) if len(hole) else None


def _core_verdicts(curves: tuple[PairCurve, ...]) -> list[Verdict]:
    if not curves:
        return []
    holes = [(curve, hole) for curve in curves if (hole := attractive_hole(curve)) is not None]
    if not holes:
        text = "Every pair of elements repels below the distances of the data: no attractive hole."
        return [Verdict("good", text)]
    return [
        Verdict(
            "bad",
            f"{'–'.join(curve.elements)} has an attractive hole at {hole:.2f} Å, below the distances of the "
            "data: atoms may fall into each other in a long simulation.",
        )
        for curve, hole in holes
    ]


def _loop_verdicts(data: ReportData) -> list[Verdict]:
    found = []
    judged = [t for t in data.trajectories if t.tolerance is not None and t.reason not in UNFINISHED]
    if judged:
        last = max(t.round for t in judged)
        walkers = [t for t in judged if t.round == last]
        stopped = sum(any(why in t.reason for why in UNKNOWN) for t in walkers)
        text = f"In the last round {stopped} of {len(walkers)} walkers stopped for uncertainty"
        if stopped == 0 and all("limit" in t.reason for t in walkers):
            found.append(Verdict("good", f"{text}: the sampled region is learned to the tolerance."))
        elif stopped == 0:
            found.append(Verdict("warning", f"{text}, but guards stopped some: look at their reasons."))
        else:
            found.append(Verdict("note", f"{text}: more rounds would still find new configurations."))
    failed = sum(s.status == "failed" for s in data.selection)
    if failed:
        tried = sum(s.status in ("labelled", "failed") for s in data.selection)
        text = f"{failed:,} of {tried:,} reference calculations failed: their reasons are listed."
        found.append(Verdict("warning", text))
    return found
