"""The page in a real browser, without network: scripts run, the 3D view draws, nothing is complained of."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

_BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--enable-logging=stderr",
    "--virtual-time-budget=2000",
    "--dump-dom",
)
_CLICKS = """
<script>
  const browser = document.getElementById("browser");
  browser.querySelector("[title=next]").click();
  const selects = [...browser.querySelectorAll("select")];
  for (const select of selects) {
    select.value = String(select.options.length - 1);
    select.dispatchEvent(new Event("change"));
  }
  const svg = browser.querySelector("svg"), box = svg.getBoundingClientRect();
  const point = svg.querySelectorAll("circle:not(.current)")[7];
  svg.dispatchEvent(new MouseEvent("click", {
    clientX: box.left + Number(point.getAttribute("cx")), clientY: box.top + Number(point.getAttribute("cy")),
  }));
  browser.dataset.counter = browser.querySelector("input[type=range]").value;
  browser.dataset.circles = svg.querySelectorAll("circle:not(.current)").length;
  const copy = document.createElement("canvas").getContext("2d"), drawn = browser.querySelector("canvas");
  copy.canvas.width = drawn.width;
  copy.canvas.height = drawn.height;
  copy.drawImage(drawn, 0, 0);
  const pixels = new Uint32Array(copy.getImageData(0, 0, drawn.width, drawn.height).data.buffer);
  browser.dataset.colours = new Set(pixels).size;
  document.addEventListener("securitypolicyviolation", (event) => {
    browser.dataset.refused = event.effectiveDirective;
  });
  fetch("https://example.org/").catch(() => {});
</script>
</body>"""


def dump(page: Path, profile: Path, *flags: str) -> tuple[str, list[str]]:
    """Return the document after its scripts ran, and the messages on the console."""
    if _BROWSER is None:
        pytest.skip("no chromium on the PATH to open the page in")
    command = [_BROWSER, *_FLAGS, *flags, f"--user-data-dir={profile}"]
    done = subprocess.run([*command, page.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def test_structures_are_drawn_and_controls_work(learning_page: Path, tmp_path: Path) -> None:
    clicked = tmp_path / "clicked.html"
    clicked.write_text(
        learning_page.read_text(encoding="utf-8").replace("</body>", _CLICKS), encoding="utf-8"
    )
    document, messages = dump(clicked, tmp_path / "profile")
    attributes = re.search(r'<div id="browser"[^>]*>', document)
    assert attributes is not None
    assert 'data-ready="3d"' in attributes[0]
    assert 'data-circles="20"' in attributes[0]
    assert 'data-counter="7"' in attributes[0]
    assert 'data-refused="connect-src"' in attributes[0]
    assert re.search(r'id="browser-view"[^>]*>.*?<canvas', document)
    colours = re.search(r'data-colours="(\d+)"', attributes[0])
    assert colours is not None
    assert int(colours[1]) > 100, "shaded atoms have many colours, an empty view has one"
    # The only complaint is that of the policy about the request which the test itself makes.
    assert all("example.org" in message for message in messages), messages


def test_without_webgl_the_still_picture_is_shown(fit_page: Path, tmp_path: Path) -> None:
    document, messages = dump(fit_page, tmp_path / "profile", "--disable-3d-apis")
    assert 'data-ready="map"' in document
    assert "This browser has no WebGL" in document
    assert re.search(r'<figure class="still" style="display: block', document)
    assert messages == []
