"""Figures and the self-contained HTML report, made from plain data."""

from atomsmith.report.page import render_page, write_report
from atomsmith.report.records import (
    Calibration,
    Coefficients,
    ErrorRow,
    HeadlineNumber,
    LearningPoint,
    PairCurve,
    Parity,
    ReportData,
    SelectedConfiguration,
    Structure,
    Timing,
    Trajectory,
    Verdict,
)
from atomsmith.report.storage import load_report_data, save_report_data

__all__ = [
    "Calibration",
    "Coefficients",
    "ErrorRow",
    "HeadlineNumber",
    "LearningPoint",
    "PairCurve",
    "Parity",
    "ReportData",
    "SelectedConfiguration",
    "Structure",
    "Timing",
    "Trajectory",
    "Verdict",
    "load_report_data",
    "render_page",
    "save_report_data",
    "write_report",
]
