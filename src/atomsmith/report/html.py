"""HTML as nested function calls; whatever is not already HTML is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

_VOID = frozenset({"br", "hr", "img", "input", "link", "meta"})


class Html(str):
    """Text that is HTML already and is not escaped again."""

    __slots__ = ()


Child = str | int | float | None


def element(tag: str, *children: Child, **attributes: Child | bool) -> Html:
    """One element: ``element("a", "more", href="#x", class_="link")``.

    Children that are not `Html` are escaped; None is left out. In attribute names a trailing underscore is
    dropped and others become hyphens; True writes the bare name, None and False leave it out.
    """
    parts = [f"<{tag}"]
    for name, value in attributes.items():
        if value is None or value is False:
            continue
        name = name.rstrip("_").replace("_", "-")
        parts.append(f" {name}" if value is True else f' {name}="{html.escape(str(value))}"')
    if tag in _VOID:
        return Html("".join([*parts, ">"]))
    return Html("".join([*parts, ">", join(children), f"</{tag}>"]))


def join(children: Iterable[Child]) -> Html:
    """Children one after the other, escaped where they are not HTML."""
    return Html("".join(c if isinstance(c, Html) else html.escape(str(c)) for c in children if c is not None))


def raw(tag: str, content: str, **attributes: Child | bool) -> Html:
    """Return a ``script`` or ``style`` element, whose content HTML does not escape.

    Raises
    ------
    ValueError
        When the content would close the element early.
    """
    if f"</{tag}" in content.lower():
        raise ValueError(f"the content of <{tag}> contains its own closing tag")
    opening = element(tag, **attributes).removesuffix(f"</{tag}>")
    return Html(f"{opening}{content}</{tag}>")


def table(
    head: Sequence[Sequence[Child]], groups: Sequence[Sequence[Sequence[Child]]], class_: str = ""
) -> Html:
    """Table with rows of header cells and one ``tbody`` per group; cells may be ready ``th``/``td``."""
    top = element("thead", *(_row(cells, "th") for cells in head))
    bodies = (element("tbody", *(_row(cells, "td") for cells in rows)) for rows in groups)
    return element("div", element("table", top, *bodies, class_=class_ or None), class_="scroll")


def _row(cells: Sequence[Child], tag: str) -> Html:
    def cell(content: Child) -> Html:
        if isinstance(content, Html) and content.startswith(("<td", "<th")):
            return content
        return element(tag, content)

    return element("tr", *map(cell, cells))


def number(value: float | None, digits: int = 3) -> str:
    """Three significant digits without an exponent where people expect none; a dash for None and NaN."""
    if value is None or value != value:
        return "–"
    if value == 0.0:
        return "0"
    if abs(value) >= 1e5 or abs(value) < 1e-4:
        return f"{value:.{digits - 1}e}"
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    text = f"{value:#.{digits}g}"
    return text.rstrip(".")
