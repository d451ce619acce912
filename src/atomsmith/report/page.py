"""One self-contained page: sections, style and scripts inlined, nothing loaded from anywhere."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from atomsmith.report.html import Html, element, join, raw
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
    figures = folder / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    for name, png in shelf.pngs.items():
        write_text(figures / f"{name}.png", png)
    for old in figures.glob("*.png"):
        if old.stem not in shelf.pngs:
            old.unlink()
    path = folder / "report.html"
    write_text(path, page)
    return path


def render_page(data: ReportData, shelf: FigureShelf | None = None) -> str:
    """Return the page as text; figures are also left on ``shelf`` as PNG."""
    shelf = FigureShelf() if shelf is None else shelf
    sections = [s for make in SECTIONS if (s := make(data, shelf)) is not None]
    body = element(
        "body",
        _header(data),
        element("div", _contents(sections), element("main", *map(_section, sections)), class_="layout"),
        _footer(data),
        *_scripts(data),
    )
    return f"<!doctype html>\n{element('html', _head(data), body, lang='en')}\n"


def _asset(name: str) -> str:
    return (resources.files("atomsmith.report") / "assets" / name).read_text(encoding="utf-8")


def _head(data: ReportData) -> Html:
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{data.title} – Atomsmith report"),
        raw("style", _asset("report.css")),
    )


def _header(data: ReportData) -> Html:
    return element(
        "header",
        element("p", "Atomsmith report", f" · {data.created}" if data.created else None, class_="kicker"),
        element("h1", data.title),
        element("p", data.summary, class_="lead") if data.summary else None,
    )


def _contents(sections: list[Section]) -> Html:
    links = (element("li", element("a", s.title, href=f"#{s.anchor}")) for s in sections)
    return element("nav", element("ol", *links), class_="contents", aria_label="Contents")


def _section(section: Section) -> Html:
    return element("section", element("h2", section.title), section.body, id=section.anchor)


def _footer(data: ReportData) -> Html:
    made = f"Made by Atomsmith {data.versions.get('atomsmith', '')}".strip()
    viewer = " 3D view: 3Dmol.js (BSD-3-Clause)." if data.structures else None
    return element("footer", element("p", f"{made}.", viewer))


def _scripts(data: ReportData) -> list[Html]:
    """Scripts at the end of the page; 3Dmol.js 2.5.5 is its minified build as released on npm, unchanged."""
    scripts = [raw("script", _asset("page.js"))]
    if data.structures:
        licence = _asset("3Dmol-LICENSE.txt").replace("*/", "* /")
        scripts.append(raw("script", f"/*\n{licence}*/\n{_asset('3Dmol-min.js')}"))
        scripts.append(raw("script", _asset("browser.js")))
    return [join(scripts)]
