"""The first and the last section: what matters, and how it was made."""

from __future__ import annotations

from atomsmith.report.findings import headline_numbers, verdicts
from atomsmith.report.html import Child, Html, element, join, table
from atomsmith.report.records import HeadlineNumber, ReportData, Verdict
from atomsmith.report.sections.base import FigureShelf, Section, fold

_TONES = {"good": "Good", "warning": "Caution", "bad": "Problem", "note": "Note"}


def summary_section(data: ReportData, shelf: FigureShelf) -> Section | None:
    """The few numbers that matter and what they mean."""
    cards = [_card(number) for number in headline_numbers(data)]
    sentences = [_sentence(verdict) for verdict in verdicts(data)]
    if not cards and not sentences:
        return None
    body = join(
        [
            element("div", *cards, class_="cards") if cards else None,
            element("ul", *sentences, class_="verdicts") if sentences else None,
        ]
    )
    return Section("summary", "Summary", body)


def _card(number: HeadlineNumber) -> Html:
    unit = element("span", f" {number.unit}", class_="unit") if number.unit else None
    return element(
        "div",
        element("div", number.label, class_="label"),
        element("div", number.value, unit, class_="value"),
        element("div", number.note, class_="note"),
        class_="card",
    )


def _sentence(verdict: Verdict) -> Html:
    tone = element("span", _TONES[verdict.tone], class_="tone")
    return element("li", tone, " ", verdict.text, class_=verdict.tone)


def settings_section(data: ReportData, shelf: FigureShelf) -> Section | None:
    """Settings as YAML, and versions."""
    parts = []
    if data.settings.strip():
        parts.append(fold("Settings (YAML)", element("pre", element("code", data.settings.rstrip()))))
    if data.versions:
        rows: list[list[Child]] = [[name, element("code", text)] for name, text in data.versions.items()]
        parts.append(table([["Part", "Version"]], [rows], "narrow"))
    return Section("settings", "Settings and versions", join(parts)) if parts else None
