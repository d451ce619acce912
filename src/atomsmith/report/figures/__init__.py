"""Figures of the report: plain records in, a matplotlib figure out; one module for each idea."""

from atomsmith.report.figures.calibration import calibration_figure
from atomsmith.report.figures.coefficients import coefficients_figure
from atomsmith.report.figures.gallery import gallery_figure
from atomsmith.report.figures.learning import learning_figure
from atomsmith.report.figures.pairs import pair_figure
from atomsmith.report.figures.parity import parity_figure
from atomsmith.report.figures.style import Rendered, render
from atomsmith.report.figures.timings import timings_figure
from atomsmith.report.figures.trajectories import overview_figure, round_figure

__all__ = [
    "Rendered",
    "calibration_figure",
    "coefficients_figure",
    "gallery_figure",
    "learning_figure",
    "overview_figure",
    "pair_figure",
    "parity_figure",
    "render",
    "round_figure",
    "timings_figure",
]
