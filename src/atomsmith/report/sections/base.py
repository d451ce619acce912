"""What every section is made of: an anchor, a title, HTML; and the shelf where figures are collected."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from matplotlib.figure import Figure

from atomsmith.report.figures import render
from atomsmith.report.html import Html, element

_WIDE = 7.0  # inches: a wider figure is scrolled on a narrow screen rather than made illegible
_PIXELS_PER_INCH = 104  # a figure of full width fills the column of text


@dataclass(frozen=True)
class Section:
    """One part of the page; ``anchor`` is its id."""

    anchor: str
    title: str
    body: Html


@dataclass
class FigureShelf:
    """Renders figures as they are placed and keeps the PNGs to be written beside the page."""

    pngs: dict[str, bytes] = field(default_factory=dict)

    def place(self, name: str, figure: Figure, caption: str, class_: str = "") -> Html:
        """Return a ``figure`` element, drawn inline as SVG; the caption is its alternative text too."""
        rendered = render(figure, name)
        self.pngs[name] = rendered.png
        source = "data:image/svg+xml;base64," + base64.b64encode(rendered.svg).decode()
        width = f"max-width: {_PIXELS_PER_INCH * figure.get_figwidth():.0f}px"
        wide = "canvas wide" if figure.get_figwidth() > _WIDE else "canvas"
        image = element("img", src=source, alt=caption)
        return element(
            "figure",
            element("div", image, class_=wide, style=width),
            element("figcaption", caption),
            class_=class_ or None,
        )


def fold(title: str, content: Html, class_: str = "") -> Html:
    """Content that is shown on a click."""
    return element("details", element("summary", title), content, class_=class_ or None)


def right(text: str, tag: str = "td") -> Html:
    """Table cell of a number, aligned right."""
    return element(tag, text, class_="n")
