"""The page's sections: each takes the report data and gives HTML, or None when it has nothing to show."""

from collections.abc import Callable

from atomsmith.report.records import ReportData
from atomsmith.report.sections.accuracy import calibration_section, errors_section, parity_section
from atomsmith.report.sections.base import FigureShelf, Section
from atomsmith.report.sections.model import coefficients_section, in_turn_section, pairs_section
from atomsmith.report.sections.overview import settings_section, summary_section
from atomsmith.report.sections.run import (
    learning_section,
    selection_section,
    timings_section,
    trajectories_section,
)
from atomsmith.report.sections.structures import structures_section

#: In the order of the page.
SECTIONS: tuple[Callable[[ReportData, FigureShelf], Section | None], ...] = (
    summary_section,
    errors_section,
    parity_section,
    calibration_section,
    pairs_section,
    learning_section,
    trajectories_section,
    selection_section,
    structures_section,
    coefficients_section,
    in_turn_section,
    timings_section,
    settings_section,
)

__all__ = ["SECTIONS", "FigureShelf", "Section"]
