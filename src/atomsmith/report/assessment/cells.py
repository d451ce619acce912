"""Cells of tables: numbers that lead to the item they are from, and marks where something is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from atomsmith.assessment.store import Item
from atomsmith.report.assessment.reading import Value, deviation
from atomsmith.report.html import Child, Html, element, join, number
from atomsmith.report.sections.base import FigureShelf

GOOD, POOR = 0.02, 0.10
"""Relative deviations up to which a number is called close, and above which it is called far off."""

Row = dict[str, Any]


@dataclass
class Sheet:
    """What sections fill while they are made.

    Attributes
    ----------
    shelf
        Figures.
    anchors
        Anchor of each item that a number is linked to.
    tables
        Rows of numbers by the name of their file, for CSV and JSON.
    """

    shelf: FigureShelf = field(default_factory=FigureShelf)
    anchors: dict[tuple[str, str, str, str], str] = field(default_factory=dict)
    tables: dict[str, list[Row]] = field(default_factory=dict)

    def note(self, table: str, **row: Any) -> None:
        """Keep a row of numbers."""
        self.tables.setdefault(table, []).append(row)

    def anchor(self, item: Item) -> str:
        """Anchor of an item in the list of sources."""
        return self.anchors.setdefault(item.place, f"item-{len(self.anchors) + 1}")

    def link(self, item: Item | None, content: Child, title: str = "") -> Html:
        """Content that leads to an item."""
        if item is None:
            return element("span", content, title=title or None)
        about = " ".join(part for part in (item.system, item.part, item.detail, item.potential) if part)
        hint = f"{title} – {about}" if title else about
        return element("a", content, href=f"#{self.anchor(item)}", class_="from", title=hint)

    def cell(
        self, value: Value, digits: int | None = None, right: float | None = None, class_: str = "n"
    ) -> Html:
        """Table cell of a number, with its deviation from what is right where that is known.

        Without ``digits`` three significant ones are shown; a number in doubt gets an exclamation mark.
        """
        if value.number is None:
            why = value.failure or "; ".join(value.doubts)
            mark = self.link(value.item, "–" if not why else "failed", why)
            return element("td", mark, class_=f"{class_} gone" if why else class_)
        text = number(value.number) if digits is None else _fixed(value.number, digits)
        doubt = element("sup", "!", class_="doubt", title="; ".join(value.doubts)) if value.doubts else None
        off = deviation(value.number, right)
        small = None if off is None else element("small", f" {100.0 * off:+.1f}%".replace("-", "−"))
        tone = "" if off is None else " close" if abs(off) <= GOOD else " far" if abs(off) > POOR else ""
        shown = self.link(value.item, text, "; ".join(value.doubts))
        return element("td", join([shown, doubt, small]), class_=class_ + tone)


def _fixed(value: float, digits: int) -> str:
    """So many digits after the point; zero has no sign."""
    text = f"{value:,.{digits}f}"
    return (text.lstrip("-") if not text.strip("-0.,") else text).replace("-", "−")
