"""Figures carry the right axes, show the right data, and come out the same each time."""

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from atomsmith.report import (
    Calibration,
    Coefficients,
    LearningPoint,
    PairCurve,
    Parity,
    ReportData,
    Structure,
    Timing,
    Trajectory,
)
from atomsmith.report.figures import (
    calibration_figure,
    coefficients_figure,
    gallery_figure,
    learning_figure,
    overview_figure,
    pair_figure,
    parity_figure,
    render,
    round_figure,
    timings_figure,
)
from atomsmith.report.figures.gallery import representatives
from atomsmith.report.figures.parity import DENSITY_ABOVE
from atomsmith.report.figures.style import plain_number
from atomsmith.report.figures.timings import duration
from atomsmith.report.figures.trajectories import _thin, reasons_of


def labels(figure: Figure) -> set[str]:
    return {text for axes in figure.axes for text in (axes.get_xlabel(), axes.get_ylabel()) if text}


def panel(figure: Figure, ylabel: str) -> Axes:
    return next(axes for axes in figure.axes if axes.get_ylabel() == ylabel)


def test_parity_labels_carry_units(learning_data: ReportData) -> None:
    figure = parity_figure([p for p in learning_data.parity if p.split == "test"])
    assert {
        "reference energy (eV/atom)",
        "predicted force component (eV/Å)",
        "predicted stress component (GPa)",
        "residual\n(meV/atom)",
    } <= labels(figure)


def test_parity_residuals_are_predicted_minus_reference_in_mev() -> None:
    reference = np.linspace(-3.0, -2.0, 20)
    figure = parity_figure([Parity("energy", "test", reference, reference + 0.005)])
    offsets = np.asarray(panel(figure, "residual\n(meV/atom)").collections[0].get_offsets())
    np.testing.assert_allclose(np.sort(offsets[:, 0]), reference)
    np.testing.assert_allclose(offsets[:, 1], 5.0)


def test_many_points_become_a_density() -> None:
    values = np.random.default_rng(0).normal(size=DENSITY_ABOVE + 1)
    figure = parity_figure([Parity("forces", "train", values, values + 0.01)])
    density = panel(figure, "predicted force component (eV/Å)").collections[0]
    counts = density.get_array()
    assert counts is not None
    assert counts.sum() == len(values)


def test_types_keep_their_colour_whatever_is_shown() -> None:
    parity = Parity("energy", "test", np.zeros(3), np.ones(3), np.zeros(3, int), ("liquid",))
    figure = parity_figure([parity], ["solid", "liquid"])
    face = panel(figure, "predicted energy (eV/atom)").collections[0].get_facecolor()
    np.testing.assert_allclose(np.asarray(face)[0, :3] * 255, (0xE6, 0x9F, 0x00), atol=0.5)


def test_overview_has_a_panel_for_every_known_quantity(learning_data: ReportData) -> None:
    figure = overview_figure(learning_data.trajectories)
    assert labels(figure) == {
        "largest $f_i$",
        "temperature\n(K)",
        "pressure\n(GPa)",
        "bias $\\tau$",
        "$\\sigma$ (eV)",
        "steps, rounds in sequence",
    }


def test_overview_without_optional_quantities_draws_the_tolerance() -> None:
    trajectory = Trajectory(3, 1, np.arange(50.0), np.full(50, 0.1), tolerance=0.3, reason="step limit")
    figure = overview_figure([trajectory])
    assert labels(figure) == {"largest $f_i$", "steps, rounds in sequence"}
    levels = [line.get_ydata() for line in figure.axes[0].lines]
    assert any(np.allclose(np.asarray(level, float), 0.3) for level in levels)


def test_round_figure_marks_the_last_known_uncertainty() -> None:
    f = np.array([0.1, 0.2, 0.35, np.nan])
    trajectory = Trajectory(7, 0, np.arange(4.0) * 5, f, tolerance=0.3, reason="uncertainty")
    figure = round_figure([trajectory], ["uncertainty"])
    marks = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert [tuple(line.get_xydata()[0]) for line in marks] == [(15.0, 0.35)]
    assert figure.axes[0].get_title(loc="left") == "Round 7"


def test_thinning_keeps_peaks_and_the_end() -> None:
    step = np.arange(10_001.0)
    values = np.zeros(10_001)
    values[4321], values[17] = 9.0, np.nan
    thin_step, thin_values = _thin(step, values, peaks=True, most=100)
    assert len(thin_step) == 100
    assert thin_values.max() == 9.0
    assert thin_step[-1] == 10_000.0


def test_reasons_are_ordered_by_frequency() -> None:
    made = [Trajectory(0, i, np.zeros(1), np.zeros(1), reason=r) for i, r in enumerate(("b", "a", "b", ""))]
    assert reasons_of(made) == ["b", "a", "unknown"]


def test_calibration_axes(learning_data: ReportData) -> None:
    found = labels(calibration_figure(learning_data.calibration[0]))
    assert "predicted standard deviation (eV/Å)" in found
    assert "|true error| (eV/Å)" in found
    assert "observed fraction within interval" in found


def test_coefficients_have_a_panel_for_each_order(learning_data: ReportData) -> None:
    assert learning_data.coefficients is not None
    figure = coefficients_figure(learning_data.coefficients)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "Pair term",
        "Order 1 (2-body)",
        "Order 2 (3-body)",
        "Order 3 (4-body)",
    ]
    assert figure.axes[0].get_yscale() == "log"


def test_pair_figure_marks_the_shortest_distance(learning_data: ReportData) -> None:
    figure = pair_figure(learning_data.pair_curves)
    assert {"energy (eV)", "force −dE/dr (eV/Å)", "distance (Å)"} <= labels(figure)
    upper = figure.axes[0]
    assert any(np.allclose(np.asarray(line.get_xdata(), float), 2.21) for line in upper.lines)
    assert "never in the data" in figure.axes[2].get_title(loc="left")


def test_learning_figure_leaves_out_what_is_unknown() -> None:
    points = [LearningPoint(i, 10 * (i + 1), forces_rmse=0.4 / (i + 1)) for i in range(5)]
    assert labels(learning_figure(points)) == {"labels in all", "force RMSE (eV/Å)", "round", "count"}


def test_timings_are_sorted_and_scaled() -> None:
    figure = timings_figure([Timing("fit", 60.0), Timing("sampling", 540.0, 3)])
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["sampling", "fit"]
    assert axes.get_xlabel() == "wall time (min)"
    assert [bar.get_width() for bar in axes.patches] == [9.0, 1.0]


def test_gallery_shows_every_type(learning_data: ReportData) -> None:
    structures = [
        Structure(str(i), np.array([1]), np.zeros((1, 3)), config_type=t) for i, t in enumerate("aaaaaaaabc")
    ]
    assert {structures[i].config_type for i in representatives(structures)} == {"a", "b", "c"}
    assert len(gallery_figure(structures).axes) == 8


def test_rendering_is_deterministic_and_not_empty() -> None:
    def make() -> Figure:
        rng = np.random.default_rng(3)
        return calibration_figure(Calibration("energy", "test", rng.uniform(1, 2, 80), rng.normal(size=80)))

    first, second = render(make(), "x"), render(make(), "x")
    assert first == second
    assert first.png.startswith(b"\x89PNG")
    assert b"<svg" in first.svg
    assert len(first.png) > 10_000


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0851, "85 ms"),
        (12.34, "12.3 s"),
        (59.96, "1 min 00 s"),
        (245, "4 min 05 s"),
        (1234, "21 min"),
        (7800, "2 h 10 min"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.001, "0.001"), (2000.0, "2000"), (1e4, "$10^{4}$"), (3e-5, r"$3\times10^{-5}$")],
)
def test_plain_numbers(value: float, text: str) -> None:
    assert plain_number(value) == text


NOTHING = np.zeros(0)


@pytest.mark.parametrize(
    "figure",
    [
        lambda: parity_figure([Parity("stress", "test", np.full(12, 2.0), np.full(12, 2.0))]),
        lambda: parity_figure([Parity("energy", "test", np.full(1, np.nan), np.zeros(1))]),
        lambda: calibration_figure(Calibration("energy", "test", NOTHING, NOTHING)),
        lambda: calibration_figure(Calibration("forces", "test", np.ones(4), np.zeros(4))),
        lambda: coefficients_figure(Coefficients(np.ones(3), np.ones(3), np.zeros(3))),
        lambda: overview_figure([Trajectory(0, 9, np.zeros(1), np.full(1, np.nan), np.full(1, 300.0))]),
        lambda: pair_figure([PairCurve(("H", "H"), np.array([0.1, 1.0, 2.0]), np.array([np.inf, 1.0, 0.0]))]),
        lambda: learning_figure([LearningPoint(0, 5), LearningPoint(1, 6)]),
        lambda: timings_figure([Timing("fit", 0.0)]),
        lambda: gallery_figure([Structure("one atom", np.array([79]), np.zeros((1, 3)), 4.0 * np.eye(3))]),
    ],
)
def test_degenerate_data_still_draw(figure: Callable[[], Figure]) -> None:
    assert len(render(figure(), "degenerate").png) > 1_000
