"""Where numbers are from: problems, items, the potentials and the settings that made them."""

from __future__ import annotations

import json
from typing import Any

import yaml

from atomsmith.assessment.store import Item
from atomsmith.report.assessment.cells import Sheet
from atomsmith.report.assessment.reading import Reading, subject
from atomsmith.report.html import Child, Html, element, join, table
from atomsmith.report.sections.base import Section, fold


def problems_section(reading: Reading, sheet: Sheet) -> Section | None:
    """Everything that went wrong or is doubtful, in the words of what noticed it."""
    rows: dict[str, list[list[Child]]] = {}
    for item, potential, text in reading.statements():
        sheet.note("problems", system=item.system, potential=potential, part=item.part,
                   detail=item.detail, failed=item.failure is not None, problem=text)  # fmt: skip
    for problem in reading.problems():
        links = join(
            part
            for place, item in enumerate(problem.items)
            for part in (", " if place else None, sheet.link(item, subject(item)))
        )
        row: list[Child] = [element("td", problem.potential, class_="n left"), links, problem.text]
        rows.setdefault(problem.system, []).append(row)
    if not rows:
        return None
    note = "What made a number doubtful, or kept it from being had, in the words of what noticed it."
    folds = [
        fold(f"{system}: {len(found)}", table([["Potential", "What", "Problem"]], [found]))
        for system, found in rows.items()
    ]
    return Section("problems", "Problems", join([element("p", note, class_="hint"), *folds]))


def sources_section(reading: Reading, sheet: Sheet) -> Section:
    """Items with links to the potential and the settings of each, and to its file."""
    blocks = _Blocks()
    rows: dict[str, list[Html]] = {}
    for item in reading.assessment.found.values():
        rows.setdefault(item.system, []).append(_row(item, sheet, blocks))
    parts: list[Html] = [
        element(
            "p",
            "Every number is linked to its line here, which leads to the potential and the settings that "
            "made it. Files are relative to the folder of this page. On paper these lists are left out.",
            class_="hint",
        )
    ]
    parts += [
        fold(f"{system}: {len(found)} results", _table(found), "no-print") for system, found in rows.items()
    ]
    for title, kind in (("Potentials", "potential"), ("Settings of the parts", "settings")):
        parts.append(fold(title, join(blocks.written(kind)), "no-print"))
    return Section("sources", "Where every number is from", join(parts))


def _table(rows: list[Html]) -> Html:
    titles = ("What", "Potential", "Settings", "Time", "Finished", "File")
    head = element("thead", element("tr", *(element("th", title) for title in titles)))
    return element("div", element("table", head, element("tbody", *rows), class_="sources"), class_="scroll")


def _row(item: Item, sheet: Sheet, blocks: _Blocks) -> Html:
    inputs = dict(item.inputs)
    potential = inputs.pop("potential", None)
    name = f"{item.system}: {item.potential}"
    link = "" if potential is None else blocks.link("potential", name, potential, item.potential)
    what = " ".join(part for part in (item.part, item.detail) if part)
    title = what if item.part in ("properties", "motion", "unseen") else item.part
    settings = blocks.link("settings", f"{item.system}: {title}", inputs, "settings") if inputs else ""
    cells: list[Child] = [
        element("th", what), link, settings,
        element("td", f"{item.seconds:.1f} s", class_="n"),
        item.finished[:16].replace("T", " "),
        element("a", element("code", "json"), href=item.file, title=item.file),
    ]  # fmt: skip
    shown = (c if isinstance(c, Html) and c.startswith(("<td", "<th")) else element("td", c) for c in cells)
    return element("tr", *shown, id=sheet.anchor(item))


class _Blocks:
    """Settings as YAML, each different one shown once."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, tuple[str, str]]] = {}

    def link(self, kind: str, title: str, values: Any, text: str) -> Html:
        """Link to the block of these values."""
        blocks = self._found.setdefault(kind, {})
        content = json.dumps(values, sort_keys=True)
        anchor, _ = blocks.setdefault(content, (f"{kind}-{len(blocks) + 1}", title))
        return element("a", text, href=f"#{anchor}")

    def written(self, kind: str) -> list[Html]:
        """All blocks of a kind."""
        return [
            element(
                "div",
                element("h4", title),
                element("pre", element("code", _yaml(json.loads(content)))),
                id=anchor,
                class_="source",
            )
            for content, (anchor, title) in self._found.get(kind, {}).items()
        ]


def _yaml(values: Any) -> str:
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100).rstrip()
