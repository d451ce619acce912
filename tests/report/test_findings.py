"""Statistics against known distributions, and sentences that follow from the numbers."""

from dataclasses import replace

import numpy as np
import pytest

from atomsmith.report import (
    Calibration,
    ErrorRow,
    PairCurve,
    ReportData,
    SelectedConfiguration,
    Trajectory,
    Verdict,
)
from atomsmith.report.findings import DEPTH, attractive_hole, headline_numbers, overall, type_order, verdicts
from atomsmith.report.statistics import binned_errors, coverage, evenly, miscalibration_area, spread_ratio


def gaussian(scale: float, n: int = 40_000) -> Calibration:
    rng = np.random.default_rng(0)
    std = np.exp(rng.normal(size=n))
    return Calibration("forces", "test", std, scale * std * rng.normal(size=n))


def test_calibrated_gaussian_has_no_miscalibration() -> None:
    calibration = gaussian(1.0)
    assert miscalibration_area(calibration) < 0.01
    assert spread_ratio(calibration) == pytest.approx(1.0, abs=0.03)
    x, y = binned_errors(calibration)
    np.testing.assert_allclose(y / x, 1.0, atol=0.1)


def test_coverage_of_an_overconfident_model() -> None:
    nominal, observed = coverage(gaussian(2.0))
    # P(|2 z| < 0.6745) = 0.2641 where the model promises one half.
    assert observed[np.argmin(np.abs(nominal - 0.5))] == pytest.approx(0.264, abs=0.01)
    assert spread_ratio(gaussian(2.0)) == pytest.approx(2.0, rel=0.03)


def test_unknown_and_zero_deviations_are_left_out() -> None:
    calibration = Calibration("energy", "test", np.array([1.0, 0.0, np.nan]), np.array([1.0, 5.0, 5.0]))
    assert spread_ratio(calibration) == 1.0


def test_evenly_spread_indices() -> None:
    assert evenly(3, 5) == [0, 1, 2]
    assert evenly(101, 5) == [0, 25, 50, 75, 100]


@pytest.mark.parametrize(
    ("scale", "tone", "word"),
    [(1.1, "good", "word"), (2.0, "warning", "overconfident"), (0.4, "note", "cautious")],
)
def test_calibration_sentence(scale: float, tone: str, word: str) -> None:
    (verdict,) = verdicts(ReportData("x", calibration=(gaussian(scale),)))
    assert verdict.tone == tone
    assert word in verdict.text


def test_heavy_tails_make_the_calibration_mixed() -> None:
    """Nine errors of ten are tiny, one is large: by their RMS overconfident, by their number cautious."""
    error = np.where(np.arange(400) % 10 == 0, 8.0, 0.1)
    (verdict,) = verdicts(ReportData("x", calibration=(Calibration("forces", "test", np.ones(400), error),)))
    assert verdict.tone == "warning"
    assert "90 % (forces) of them lie within one predicted standard deviation" in verdict.text
    assert "mixed, most errors are smaller than predicted and a few much larger" in verdict.text
    few = Calibration("energy", "test", np.ones(4), np.array([0.9, 0.9, 0.9, 0.9]))
    assert "mixed" not in verdicts(ReportData("x", calibration=(few,)))[0].text


def test_headline_says_what_its_errors_are() -> None:
    train, test = (ErrorRow("all", split, 9, forces_rmse=0.1) for split in ("train", "test"))
    assert headline_numbers(ReportData("x", errors=(train, test)))[0].note.startswith("held-out test set, 9")
    assert headline_numbers(ReportData("x", errors=(train,)))[0].note.startswith(
        "fitted training set, no test"
    )


def test_overfitting_and_missing_test_set_are_said() -> None:
    train = ErrorRow("all", "train", 9, forces_rmse=0.1)
    over = verdicts(ReportData("x", errors=(train, ErrorRow("all", "test", 3, forces_rmse=0.35))))
    assert [v.tone for v in over] == ["warning"]
    assert "3.50 times" in over[0].text
    assert "no test set" in verdicts(ReportData("x", errors=(train,)))[0].text


def test_the_hardest_type_is_named() -> None:
    rows = [
        ErrorRow(name, "test", 5, forces_rmse=f)
        for name, f in (("all", 0.1), ("solid", 0.04), ("liquid", 0.2))
    ]
    texts = [v.text for v in verdicts(ReportData("x", errors=tuple(rows)))]
    assert texts == ["The hardest type is 'liquid': force RMSE 0.200 eV/Å, 2.0 times the average."]


def test_attractive_hole_is_found_and_reported_first() -> None:
    r = np.linspace(0.5, 5.0, 400)
    repulsive = PairCurve(("Al", "Al"), r, np.exp(-2.0 * r), shortest=2.4)
    hole = PairCurve(
        ("Al", "Si"), r, np.exp(-2.0 * r) - 5.0 * np.exp(-(((r - 1.2) / 0.2) ** 2)), shortest=2.4
    )
    assert attractive_hole(repulsive) is None
    assert attractive_hole(hole) == pytest.approx(1.65, abs=0.2)
    # Attraction near the equilibrium distance is bonding, not a hole.
    bonding = PairCurve(("H", "H"), r, (r - 0.74) ** 2 * np.exp(-r))
    assert attractive_hole(bonding) is None
    # So is a minimum just inside the shortest distance, unless it lies deeper than all that the data reach.
    well = 4.0 * ((1.0 - np.exp(-2.0 * (r - 1.13))) ** 2 - 1.0)
    assert attractive_hole(PairCurve(("C", "O"), r, well, shortest=1.17)) is None
    assert attractive_hole(PairCurve(("C", "O"), r, well, shortest=1.6)) == pytest.approx(1.25, abs=0.02)
    # It may go on falling by a little more than that down to where the repulsion of the fit begins.
    assert well[r < 1.5].min() < well[r >= 1.5].min() - DEPTH
    assert attractive_hole(PairCurve(("C", "O"), r, well, shortest=1.5)) is None
    # Atoms that only meet across a molecule may attract at a bond's length.
    far = PairCurve(("O", "O"), r, np.exp(-4.0 * (r - 1.2)) - 2.0 * np.exp(-2.0 * (r - 1.2)), shortest=2.2)
    assert attractive_hole(far) is None
    found = verdicts(ReportData("x", verdicts=(Verdict("good", "fine"),), pair_curves=(repulsive, hole)))
    assert [v.tone for v in found] == ["bad", "good"]
    assert found[0].text.startswith("Al–Si has an attractive hole at")


def test_loop_sentences_count_walkers_and_failures() -> None:
    walkers = [
        Trajectory(1, 0, np.zeros(1), np.zeros(1), tolerance=0.3, reason="step limit"),
        Trajectory(0, 0, np.zeros(1), np.zeros(1), tolerance=0.3, reason="uncertainty"),
    ]
    failed = SelectedConfiguration(0, 0, "uncertainty", "failed")
    data = ReportData(
        "x", trajectories=tuple(walkers), selection=(failed, replace(failed, status="labelled"))
    )
    assert [(v.tone, v.text.split(":")[0]) for v in verdicts(data)] == [
        ("warning", "1 of 2 reference calculations failed"),
        ("good", "In the last round 0 of 1 walkers stopped for uncertainty"),
    ]


def test_headline_prefers_the_test_set(learning_data: ReportData) -> None:
    row = overall(learning_data, "test")
    assert row is not None
    assert row.split == "test"
    labels = [n.label for n in headline_numbers(learning_data)]
    assert labels == ["Energy RMSE", "Force RMSE", "Stress RMSE", "Labels", "Coefficients", "Wall time"]


def test_types_have_one_order(learning_data: ReportData) -> None:
    assert type_order(learning_data) == ["initial", "solid", "liquid", "strained"]


@pytest.mark.parametrize(
    ("reason", "tolerance", "tone"),
    [
        ("step limit", 0.3, "good"),
        ("uncertainty", 0.3, "note"),
        ("extrapolation", 0.3, "note"),
        ("temperature", 0.3, "warning"),
        ("random length", None, None),
        ("still running", 0.3, None),
    ],
)
def test_only_walkers_that_ran_to_their_limit_are_good_news(
    reason: str, tolerance: float | None, tone: str | None
) -> None:
    walker = Trajectory(0, 0, np.zeros(1), np.zeros(1), tolerance=tolerance, reason=reason)
    found = verdicts(ReportData("x", trajectories=(walker,)))
    assert [v.tone for v in found] == ([] if tone is None else [tone])


def test_new_configurations_are_judged_and_training_ones_are_not() -> None:
    wrong = [Calibration("forces", split, np.ones(50), 3.0 * np.ones(50)) for split in ("new", "train")]
    (verdict,) = verdicts(ReportData("x", calibration=tuple(wrong)))
    assert verdict.tone == "warning"
    assert "new configurations before they were labelled are 3.00 (forces) times" in verdict.text


def test_the_worst_quantity_decides_on_a_set() -> None:
    right = Calibration("energy", "test", np.ones(50), np.ones(50))
    wrong = Calibration("forces", "test", np.ones(50), 3.0 * np.ones(50))
    (verdict,) = verdicts(ReportData("x", calibration=(right, wrong)))
    assert verdict.tone == "warning"
    assert "1.00 (energy) and 3.00 (forces) times" in verdict.text
