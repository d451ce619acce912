"""One self-contained page: sections, style and scripts inlined, nothing loaded from anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from atomsmith.report.html import Html, element, raw
from atomsmith.report.records import ReportData
from atomsmith.report.sections import SECTIONS, FigureShelf, Section
from atomsmith.report.storage import write_text

#: The browser itself refuses any request the page might make.
_POLICY = "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def write_report(data: ReportData, folder: str | Path) -> Path:
    """Write ``report.html`` and ``figures/*.png`` into ``folder`` (made if missing).

    Parameters
    ----------
    data
        What to show; sections without data are left out.
    folder
        Where to write. Figures of an earlier report that this one does not have are removed.

    Returns
    -------
    Path of ``report.html``, which needs no other file and no network.
    """
    folder = Path(folder)
    shelf = FigureShelf()
    page = render_page(data, shelf)
    write_figures(shelf, folder / "figures")
    path = folder / "report.html"
    write_text(path, page)
    return path


def write_figures(shelf: FigureShelf, folder: Path) -> None:
    """Write the PNGs of a shelf; those of an earlier report that it does not have are removed."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, png in shelf.pngs.items():
        write_text(folder / f"{name}.png", png)
    for old in folder.glob("*.png"):
        if old.stem not in shelf.pngs:
            old.unlink()


def render_page(data: ReportData, shelf: FigureShelf | None = None) -> str:
    """Return the page as text; figures are also left on ``shelf`` as PNG."""
    shelf = FigureShelf() if shelf is None else shelf
    sections = [s for make in SECTIONS if (s := make(data, shelf)) is not None]
    viewer = " 3D view: 3Dmol.js (BSD-3-Clause)." if data.structures else None
    heading = Heading(data.title, data.created, data.summary)
    return assembled(heading, sections, data.versions.get("atomsmith", ""), viewer, _viewer(data))


@dataclass(frozen=True)
class Heading:
    """What stands above the sections."""

    title: str
    created: str = ""
    summary: str = ""


def assembled(
    heading: Heading,
    sections: Sequence[Section],
    version: str,
    remark: str | None = None,
    scripts: Sequence[Html] = (),
) -> str:
    """Return a page of sections with its contents, style and scripts inlined.

    Parameters
    ----------
    heading
        Title, date and a sentence below it.
    sections
        In their order.
    version
        Of the library, for the foot of the page.
    remark
        Further words there.
    scripts
        Beside the one that every page has.
    """
    body = element(
        "body",
        _header(heading),
        element("div", _contents(sections), element("main", *map(_section, sections)), class_="layout"),
        element("footer", element("p", f"{f'Made by Atomsmith {version}'.strip()}.", remark)),
        raw("script", _asset("page.js")),
        *scripts,
    )
    return f"<!doctype html>\n{element('html', _head(heading.title), body, lang='en')}\n"


def _asset(name: str) -> str:
    return (resources.files("atomsmith.report") / "assets" / name).read_text(encoding="utf-8")


def _head(title: str) -> Html:
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{title} – Atomsmith report"),
        raw("style", _asset("report.css")),
    )


def _header(heading: Heading) -> Html:
    return element(
        "header",
        element(
            "p", "Atomsmith report", f" · {heading.created}" if heading.created else None, class_="kicker"
        ),
        element("h1", heading.title),
        element("p", heading.summary, class_="lead") if heading.summary else None,
    )


def _contents(sections: Sequence[Section]) -> Html:
    links = (element("li", element("a", s.title, href=f"#{s.anchor}")) for s in sections)
    return element("nav", element("ol", *links), class_="contents", aria_label="Contents")


def _section(section: Section) -> Html:
    return element("section", element("h2", section.title), section.body, id=section.anchor)


def _viewer(data: ReportData) -> list[Html]:
    """Scripts of the 3D view; 3Dmol.js 2.5.5 is its minified build as released on npm, unchanged."""
    if not data.structures:
        return []
    licence = _asset("3Dmol-LICENSE.txt").replace("*/", "* /")
    return [
        raw("script", f"/*\n{licence}*/\n{_asset('3Dmol-min.js')}"),
        raw("script", _asset("browser.js")),
    ]
