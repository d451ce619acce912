"""The page: well formed, self-contained, escaped, and only with the sections that have data."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from atomsmith.report import ErrorRow, Parity, ReportData, Structure, Timing, render_page, write_report
from atomsmith.report.browser import MOST_EMBEDDED, embedded, payload
from atomsmith.report.html import Html, element, number, raw

_VOID = {"br", "hr", "img", "input", "link", "meta"}
_LOADING = {"src", "href", "data", "srcset", "poster", "action", "xlink:href"}


class Page(HTMLParser):
    """Checks balance while parsing and collects ids, links and whatever the page would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.tags: list[str] = []
        self.text: list[str] = []
        self.scripts: dict[str, str] = {}
        self.policy = ""
        self._script: str | None = None
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values = dict(attrs)
        assert len(values) == len(attrs), f"repeated attribute in <{tag}>"
        if "id" in values:
            self.ids.append(values["id"] or "")
        for name in _LOADING & values.keys():
            value = values[name] or ""
            (self.links if tag == "a" else self.loaded).append(value)
        if values.get("http-equiv") == "Content-Security-Policy":
            self.policy = values["content"] or ""
        if tag == "script":
            self._script = values.get("id", "")
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self._script = None

    def handle_data(self, data: str) -> None:
        if self._script is not None:
            self.scripts[self._script] = data
        elif self.open and self.open[-1] != "style":
            self.text.append(data)


@pytest.fixture(scope="module")
def page(learning_page: Path) -> Page:
    return Page(learning_page.read_text(encoding="utf-8"))


def test_page_is_well_formed_and_links_resolve(page: Page) -> None:
    assert len(page.ids) == len(set(page.ids))
    assert len(page.links) == 12
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)


def test_nothing_is_loaded_from_outside(page: Page, learning_page: Path) -> None:
    assert page.loaded
    assert all(source.startswith("data:image/svg+xml;base64,") for source in page.loaded)
    assert "link" not in page.tags
    styles = "".join(
        re.findall(r"<style>(.*?)</style>", learning_page.read_text(encoding="utf-8"), re.DOTALL)
    )
    assert "@import" not in styles
    assert "url(" not in styles
    assert page.policy.startswith("default-src 'none'")
    assert "http" not in page.policy


def test_pngs_lie_beside_the_page(learning_page: Path) -> None:
    pngs = sorted(path.stem for path in (learning_page.parent / "figures").iterdir())
    assert pngs == [
        "calibration-forces-test",
        "coefficients",
        "learning",
        "pairs-1",
        "parity-test",
        "parity-train",
        "round-000",
        "round-001",
        "structures",
        "timings",
        "trajectories",
    ]
    for path in (learning_page.parent / "figures").iterdir():
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size > 5_000


def test_only_sections_with_data_appear(fit_page: Path) -> None:
    page = Page(fit_page.read_text(encoding="utf-8"))
    assert page.links == ["#summary", "#errors", "#parity", "#structures", "#settings"]
    assert "Stress" not in "".join(page.text)


def test_an_empty_report_is_still_a_page() -> None:
    page = Page(render_page(ReportData("nothing yet")))
    assert page.links == []
    assert "nothing yet" in page.text
    assert "3Dmol" not in "".join(page.scripts.values())


def test_hostile_names_are_escaped(tmp_path: Path) -> None:
    hostile = "</script><img src=x onerror=alert(1)>&\"'"
    data = ReportData(
        title=hostile,
        summary=hostile,
        errors=(ErrorRow(hostile, "test", 1, 1.0, 1.0, 0.1, 0.1),),
        parity=(Parity("energy", "test", np.zeros(2), np.ones(2), np.zeros(2, int), (hostile,)),),
        timings=(Timing(hostile, 1.0),),
        structures=(Structure(hostile, np.array([1]), np.zeros((1, 3)), config_type=hostile),),
        settings=hostile,
        versions={hostile: hostile},
    )
    page = Page(write_report(data, tmp_path).read_text(encoding="utf-8"))
    assert page.tags.count("img") == 3
    assert page.text.count(hostile) == 6
    content = json.loads(page.scripts["browser-data"])
    assert content["types"] == [hostile]
    assert content["structures"][0]["name"] == hostile


def test_old_figures_are_removed(tmp_path: Path) -> None:
    data = ReportData("x", timings=(Timing("fit", 1.0),))
    write_report(data, tmp_path)
    write_report(replace(data, timings=()), tmp_path)
    assert list((tmp_path / "figures").iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figures", "report.html"]


def test_browser_data_are_the_structures(learning_data: ReportData, page: Page) -> None:
    content = json.loads(page.scripts["browser-data"])
    first, given = content["structures"][0], learning_data.structures[0]
    assert first["symbols"].count("Si") == 3
    np.testing.assert_allclose(np.reshape(first["xyz"], (-1, 3)), given.positions, atol=6e-4)
    columns = {p["name"]: p["values"] for p in content["properties"]}
    assert given.cell is not None
    assert columns["volume (Å³/atom)"][0] == pytest.approx(abs(np.linalg.det(given.cell)) / 32, rel=1e-5)
    assert "number of atoms" not in columns  # the same everywhere: nothing to plot
    assert columns["pressure (GPa)"][2] == pytest.approx(
        learning_data.structures[2].properties["pressure (GPa)"]
    )


def test_too_many_structures_are_thinned_evenly_and_said() -> None:
    atom = Structure("a", np.array([1]), np.zeros((1, 3)))
    many = [replace(atom, name=str(i)) for i in range(3 * MOST_EMBEDDED)]
    shown = embedded(many)
    assert len(shown) == MOST_EMBEDDED
    assert (shown[0].name, shown[-1].name) == ("0", "1499")
    assert "500 of 1,500 structures" in render_page(ReportData("x", structures=tuple(many)))
    large = [Structure(str(i), np.ones(1000, int), np.zeros((1000, 3))) for i in range(300)]
    assert len(embedded(large)) == 150


def test_payload_has_no_tag_and_no_nan() -> None:
    structure = Structure("<b>", np.array([1]), np.zeros((1, 3)), properties={"x (<)": float("nan")})
    text = payload([structure, replace(structure, properties={"x (<)": 1.0})])
    assert "<" not in text
    assert "NaN" not in text


def test_elements_escape_text_and_attributes() -> None:
    assert element("p", "a < b", Html("<br>"), None, 3, title='"', hidden=True, class_=None) == (
        '<p title="&quot;" hidden>a &lt; b<br>3</p>'
    )
    with pytest.raises(ValueError, match="closing tag"):
        raw("script", "x = '</SCRIPT>'")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (0.0, "0"),
        (0.0666, "0.0666"),
        (1.2, "1.20"),
        (1234.5, "1,234"),
        (2e-6, "2.00e-06"),
    ],
)
def test_numbers(value: float | None, text: str) -> None:
    assert number(value) == text
