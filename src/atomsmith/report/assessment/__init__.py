"""The report of an assessment: one page with tables and figures, and its numbers as CSV and JSON."""

from atomsmith.report.assessment.page import Written, write_assessment

__all__ = ["Written", "write_assessment"]
