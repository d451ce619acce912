"""The page of an assessment and the files beside it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from atomsmith.assessment.run import Assessment
from atomsmith.potential import library_version
from atomsmith.properties.base import plain
from atomsmith.report.assessment import physics, sections, sources, unseen, vibrations
from atomsmith.report.assessment.cells import Row, Sheet
from atomsmith.report.assessment.reading import Problem, Reading, subject
from atomsmith.report.page import Heading, assembled, write_figures
from atomsmith.report.sections.base import Section
from atomsmith.report.storage import write_text

Maker = Callable[[Reading, Sheet], Section | None]

NAMED = 4
"""Results that a sentence names before it counts them."""

SECTIONS: tuple[Maker, ...] = (
    sections.summary_section,
    sections.cost_section,
    sections.errors_section,
    physics.properties_section,
    physics.eos_section,
    vibrations.phonons_section,
    physics.polymorphs_section,
    unseen.unseen_section,
    physics.motion_section,
    sections.data_section,
    sections.sizes_section,
    sections.types_section,
    sections.cutoffs_section,
    sources.problems_section,
    sources.sources_section,
)
"""In the order of the page."""


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes
    ----------
    page
        Path of the report.
    numbers
        What ``assessment.json`` holds: rows by table.
    statements
        What went wrong or is doubtful, one sentence each.
    """

    page: Path
    numbers: dict[str, Any]
    statements: list[str]


def write_assessment(assessment: Assessment, folder: Path) -> Written:
    """Write report.html, figures/*.png, tables/*.csv and assessment.json into the folder of an assessment."""
    reading, sheet = Reading(assessment), Sheet()
    made = [section for make in SECTIONS if (section := make(reading, sheet)) is not None]
    created = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")
    settings = assessment.settings
    summary = f"{', '.join(reading.names)} on {', '.join(reading.systems)}."
    text = assembled(Heading(settings.title, created, summary), made, library_version())
    numbers = {
        "title": settings.title,
        "created": created,
        "library": library_version(),
        "settings": settings.model_dump(mode="json"),
        "tables": plain(sheet.tables),
    }
    write_figures(sheet.shelf, folder / "figures")
    tables = folder / "tables"
    tables.mkdir(exist_ok=True)
    for name, rows in sheet.tables.items():
        write_text(tables / f"{name}.csv", _csv(rows))
    for old in tables.glob("*.csv"):
        if old.stem not in sheet.tables:
            old.unlink()
    write_text(folder / "assessment.json", json.dumps(numbers, indent=1, allow_nan=False) + "\n")
    page = folder / "report.html"
    write_text(page, text)
    return Written(page, numbers, [_sentence(problem) for problem in reading.problems()])


def _sentence(problem: Problem) -> str:
    """A problem for the terminal."""
    about = [subject(item) for item in problem.items]
    what = ", ".join(about[:NAMED]) + (f" and {len(about) - NAMED} more" if len(about) > NAMED else "")
    of = f" of {problem.potential}" if problem.potential else ""
    return f"{problem.system}: {what}{of}: {problem.text}"


def _csv(rows: list[Row]) -> str:
    keys = list(dict.fromkeys(key for row in rows for key in row))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, keys, lineterminator="\n")
    writer.writeheader()
    writer.writerows(plain(rows))
    return stream.getvalue()
